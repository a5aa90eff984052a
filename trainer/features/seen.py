"""In which clips the network that finds bodies finds any: what a person head could learn from them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge.frames.letterbox import fit
from edge.inference.tflite import Interpreter, open_interpreter
from edge.people.decoding import decode
from trainer.clips.manifest import Clip
from trainer.clips.pool import map_clips
from trainer.features.poses import shipped_network, spread_pictures

N_LOOKS: Final = 8
"""At each clip; the cost is that of reading it. Nothing is cached."""


def people_seen(clips: Sequence[Clip], workers: int) -> dict[str, Any]:
    """Look at each clip a few times with the built-in bundle's network.

    Args:
        clips: that can be read.
        workers: processes.

    Returns:
        `looks` at each clip at most; how many `clips` there are, and how many of them are `with_people`; both by label
        in `labels`; names of those `without`.

    Raises:
        DatasetError: a clip cannot be read.
    """
    found = list(map_clips(_shows_people, [clip.path for clip in clips], workers, "people", initializer=_open))
    labels: dict[str, dict[str, int]] = {}
    for clip, shows in zip(clips, found, strict=True):
        counts = labels.setdefault(clip.label, {"clips": 0, "with_people": 0})
        counts["clips"] += 1
        counts["with_people"] += shows
    return {
        "looks": N_LOOKS,
        "clips": len(clips),
        "with_people": sum(found),
        "labels": dict(sorted(labels.items())),
        "without": [f"{clip.dataset}/{clip.name}" for clip, shows in zip(clips, found, strict=True) if not shows],
    }


_network: list[Interpreter] = []
"""What a worker process keeps between clips."""


def _open() -> None:
    bundle, people = shipped_network()
    _network[:] = [open_interpreter(bundle.files[people.files["cpu"]], threads=1)]


def _shows_people(path: Path) -> bool:
    """Whether anybody is found at one of the looks."""
    (name,) = _network[0].inputs
    height_px, width_px = _network[0].inputs[name].shape[1:3]
    return any(
        decode(_network[0].run({name: picture[np.newaxis]}), fit(picture, height_px, width_px))
        for picture in spread_pictures(path, N_LOOKS, (height_px, width_px))
    )
