"""Pictures that calibrate and verify a conversion: real samples, as each network sees them, spread over clips."""

import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from edge.bundle import InputSpec
from edge.errors import ConfigurationError
from edge.inference.tflite import Interpreter
from trainer.clips.decoding import samples
from trainer.clips.manifest import Clip
from trainer.features.cache import Arrays, Cache, sound_entry
from trainer.features.extraction import fill
from trainer.features.poses import shipped_network, spread_pictures
from trainer.files import write_atomically
from trainer.fitting.recipe import Workshop
from trainer.fitting.run import Run

FILE_NAME, PEOPLE_FILE_NAME = "calibration.npz", "people.npz"
FORMAT, PEOPLE_FORMAT = "pictures-v1", "people-v1"
N_REPRESENTATIVE = 240
N_HELD_OUT = 120
N_PEOPLE_REPRESENTATIVE = 128
N_PEOPLE_HELD_OUT = 96
PICTURES_PER_CLIP = 4

Pictures = NDArray[np.uint8]
"""uint8 (n, height, width, 3)."""


class _Drawing(TypedDict):
    """How pictures are drawn."""

    seed: int
    cache: Cache
    workers: int


def calibration_pictures(run: Run, train: Sequence[Clip], validation: Sequence[Clip], workshop: Workshop) -> None:
    """Keep pictures of training clips (to calibrate) and of validation clips (to verify) with the run."""
    spec, known = run.settings.input, _known(run, workshop)
    sides = ((train, N_REPRESENTATIVE), (validation, N_HELD_OUT))
    _keep(run, FILE_NAME, [pictures(clips, spec, n, **known) for clips, n in sides])


def people_pictures(run: Run, train: Sequence[Clip], validation: Sequence[Clip], workshop: Workshop) -> None:
    """Keep pictures for the people network with the run, as `calibration_pictures` does."""
    known = _known(run, workshop)
    sides = ((train, N_PEOPLE_REPRESENTATIVE), (validation, N_PEOPLE_HELD_OUT))
    _keep(run, PEOPLE_FILE_NAME, [letterboxed(clips, n, **known) for clips, n in sides])


def _known(run: Run, workshop: Workshop) -> _Drawing:
    return {"seed": run.settings.seed, "cache": workshop.cache, "workers": workshop.workers}


def _keep(run: Run, name: str, sides: Sequence[Pictures]) -> None:
    representative, held_out = sides
    write_atomically(
        run.path / name, lambda path: np.savez_compressed(path, representative=representative, held_out=held_out)
    )


def read_calibration(run: Run, name: str = FILE_NAME) -> tuple[Pictures, Pictures] | None:
    """Representative and held-out pictures of a run; None where they are not there.

    Args:
        run: that keeps them.
        name: of the file: `FILE_NAME`, or `PEOPLE_FILE_NAME` for the people network.

    Raises:
        ConfigurationError: the file is damaged.
    """
    path = run.path / name
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            return content["representative"], content["held_out"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(f"{path}: cannot be read ({reason}); train again") from error


def pictures(clips: Sequence[Clip], spec: InputSpec, n_pictures: int, **how: Unpack[_Drawing]) -> Pictures:
    """Draw up to about `n_pictures` from randomly chosen clips, evenly over data sets and over each clip.

    Raises:
        DatasetError: a clip cannot be read.
    """
    of_clip = partial(_pictures_of, spec=spec)
    return _drawn(clips, n_pictures, of_clip, (FORMAT, spec.model_dump_json()), **how)


def letterboxed(clips: Sequence[Clip], n_pictures: int, **how: Unpack[_Drawing]) -> Pictures:
    """Draw as `pictures` does, as the people network sees them.

    Raises:
        DatasetError: a clip cannot be read.
    """
    _, people = shipped_network()
    size_px = people.input.height_px, people.input.width_px
    of_clip = partial(_letterboxed_of, size_px=size_px)
    return _drawn(clips, n_pictures, of_clip, (PEOPLE_FORMAT, f"{size_px[0]}x{size_px[1]}"), **how)


def _drawn(
    clips: Sequence[Clip],
    n_pictures: int,
    of_clip: Callable[..., Arrays],
    kind: tuple[str, str],
    *,
    seed: int,
    cache: Cache,
    workers: int,
) -> Pictures:
    """The pictures that `of_clip` takes of some clips; `kind` tells their cache entries from others."""
    shuffled = [clips[index] for index in np.random.default_rng(seed).permutation(len(clips))]
    chosen = sets_in_turn(shuffled)[: -(-n_pictures // PICTURES_PER_CLIP)]
    per_clip = -(-n_pictures // len(chosen))
    compute = partial(of_clip, n_pictures=per_clip)
    settings = f"{kind[0]} {per_clip} {kind[1]}"
    entries = fill(cache, chosen, settings, compute, workers=workers, description="calibration pictures")
    return np.concatenate([sound_entry(entry)["pictures"].astype(np.uint8) for entry in entries])[:n_pictures]


def sets_in_turn(clips: Sequence[Clip]) -> list[Clip]:
    """The first clip of each data set, then the second of each, and so on.

    A set of a thousand clips would else speak for all cameras: with four of five pictures from `hockey-fights`, `mixed`
    keeps 15.3 dB of `surveillance-fight`, which it has seen nothing of; with as many from each other set, 19.4 dB.
    """
    counts = Counter[str]()
    turns: list[int] = []
    for clip in clips:
        turns.append(counts[clip.dataset])
        counts[clip.dataset] += 1
    return [clips[index] for index in np.argsort(turns, kind="stable")]


def _pictures_of(_: Interpreter | None, path: Path, *, spec: InputSpec, n_pictures: int) -> Arrays:
    found = np.concatenate([sample.streams for sample in samples(path, spec)])  # (n_samples * n_streams, h, w, 3)
    return {"pictures": found[np.unique(np.linspace(0, len(found) - 1, n_pictures).round().astype(int))]}


def _letterboxed_of(_: Interpreter | None, path: Path, *, size_px: tuple[int, int], n_pictures: int) -> Arrays:
    return {"pictures": np.stack(spread_pictures(path, n_pictures, size_px))}
