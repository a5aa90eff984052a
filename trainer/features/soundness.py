"""Clips that can be read, out of all: broken ones are named, counted and left out, up to a limit."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.bundle import InputSpec
from edge.errors import DatasetError
from edge.inference.tflite import Interpreter
from trainer.clips.decoding import samples
from trainer.clips.manifest import Clip
from trainer.features.cache import Arrays, Cache, sound_entry
from trainer.features.extraction import fill

SPEC = InputSpec(height_px=32, width_px=32)
SETTINGS = "sound-v1"
DEFAULT_SHARE = 0.05
"""Of the clips that may be broken where no number is given."""


def without_broken(clips: Sequence[Clip], limit: int | None, cache: Cache, workers: int) -> list[Clip]:
    """The clips of which at least one picture can be decoded; the others are named on standard error.

    What was found of a file is kept in the cache, so it is opened once.

    Raises:
        DatasetError: more than `limit` are broken, or, without one, more than `DEFAULT_SHARE` of them.
    """
    there = [clip for clip in clips if clip.path.is_file()]
    entries = fill(cache, there, SETTINGS, problem_of, workers=workers, description="opening")
    reasons = {clip.path: str(sound_entry(entry)["problem"]) for clip, entry in zip(there, entries, strict=True)}
    broken = [clip for clip in clips if reasons.get(clip.path, "is not there")]
    allowed = int(DEFAULT_SHARE * len(clips)) if limit is None else limit
    if len(broken) > allowed:
        reason = reasons.get(broken[0].path, "is not there")
        raise DatasetError(
            f"{broken[0].path}: {reason}; {len(broken)} of {len(clips)} clips are broken, at most {allowed} may be "
            "(trainer data check names them all, --max-broken N leaves up to N out)"
        )
    for clip in broken:
        print(f"trainer: left out {clip.path}: {reasons.get(clip.path, 'is not there')}", file=sys.stderr)
    if broken:
        print(f"trainer: {len(broken)} of {len(clips)} clips are broken and left out", file=sys.stderr)
    left_out = {clip.path for clip in broken}
    return [clip for clip in clips if clip.path not in left_out]


def problem_of(_: Interpreter | None, path: Path) -> Arrays:
    """Why a file gives no picture, without its name; empty where it gives one."""
    try:
        next(samples(path, SPEC))
    except DatasetError as error:
        return {"problem": np.asarray(str(error).removeprefix(f"{path}: "))}
    return {"problem": np.asarray("")}
