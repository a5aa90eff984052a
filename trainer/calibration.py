"""Pictures that calibrate and verify a conversion: real samples, as the frame model sees them, spread over clips."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle import InputSpec
from edge.errors import ConfigurationError
from trainer.decoding import samples
from trainer.files import write_atomically
from trainer.manifest import Clip
from trainer.pool import map_clips
from trainer.run import Run

FILE_NAME = "calibration.npz"
N_REPRESENTATIVE = 240
N_HELD_OUT = 120
PICTURES_PER_CLIP = 4

Pictures = NDArray[np.uint8]
"""uint8 (n, height, width, 3)."""


def calibration_pictures(run: Run, train: Sequence[Clip], validation: Sequence[Clip], workers: int) -> None:
    """Keep pictures of training clips (to calibrate) and of validation clips (to verify) with the run."""
    spec, seed = run.settings.input, run.settings.seed
    representative = pictures(train, spec, N_REPRESENTATIVE, seed, workers)
    held_out = pictures(validation, spec, N_HELD_OUT, seed, workers)
    write_atomically(
        run.path / FILE_NAME,
        lambda path: np.savez_compressed(path, representative=representative, held_out=held_out),
    )


def read_calibration(run: Run) -> tuple[Pictures, Pictures] | None:
    """Representative and held-out pictures of a run; None where they are not there.

    Raises:
        ConfigurationError: the file is damaged.
    """
    path = run.path / FILE_NAME
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            return content["representative"], content["held_out"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(f"{path}: cannot be read ({reason}); train again") from error


def pictures(clips: Sequence[Clip], spec: InputSpec, n_pictures: int, seed: int, workers: int) -> Pictures:
    """Draw up to about `n_pictures` from randomly chosen clips, evenly over each clip."""
    order = np.random.default_rng(seed).permutation(len(clips))
    chosen = [clips[index] for index in order[: -(-n_pictures // PICTURES_PER_CLIP)]]
    per_clip = -(-n_pictures // len(chosen))
    jobs = [(clip.path, spec, per_clip) for clip in chosen]
    return np.concatenate(list(map_clips(_pictures_of, jobs, workers, "calibration pictures")))[:n_pictures]


def _pictures_of(job: tuple[Path, InputSpec, int]) -> Pictures:
    path, spec, wanted = job
    found = np.concatenate([sample.streams for sample in samples(path, spec)])  # (n_samples * n_streams, h, w, 3)
    return found[np.unique(np.linspace(0, len(found) - 1, wanted).round().astype(int))]
