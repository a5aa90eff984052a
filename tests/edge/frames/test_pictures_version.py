"""What comes out of fixed frames is what came out when `PICTURES_VERSION` was raised last: caches rely on it.

`pictures_golden.npz` holds that version and its pictures. After a change that is meant, raise the version in
`edge/frames/preprocess.py` and write new ones: `python tests/edge/frames/test_pictures_version.py`. Under the old
version it refuses.

On x86-64 they are equal to the bit, from SSE3 to AVX-512, with and without IPP, in OpenCV 4.10, 4.12 and 4.14. Other
processors have kernels of their own, so pictures have a tolerance: a grey level may be rounded the other way, gains
multiply that, and registration fits in floats. Times are whole nanoseconds, and equal.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bundle import InputSpec
from edge.frames.preprocess import PICTURES_VERSION, acceleration, motion, resize, trail
from edge.frames.sampling import samples
from edge.sources.times import FrameTimes
from edge.types import NS_PER_S, Frame, RawFrame

NS_PER_MS = 1_000_000
GOLDEN = Path(__file__).with_name("pictures_golden.npz")
COMMAND = "python tests/edge/frames/test_pictures_version.py"
SPEC = InputSpec(height_px=48, width_px=64, motion_interval_s=0.1, motion_gain=1.5)
SCALES_PX = (2, 4, 12, 24)
ODD_SIZES = ((37, 53), (48, 131), (211, 64), (241, 387))
GAPS_MS = {"even": (100, 100, 100), "uneven": (40, 130, 250)}


def scene(height: int, width: int) -> NDArray[np.uint8]:
    """Blocks of every size over each other in whole numbers, so that it is the same everywhere: (height, width, 3)."""
    random = np.random.default_rng(21)
    total = np.zeros((height, width, 3), np.uint8)
    for px in SCALES_PX:
        coarse = random.integers(0, 60, (height // px + 1, width // px + 1, 3), np.uint8)
        total += coarse.repeat(px, axis=0).repeat(px, axis=1)[:height, :width]
    return total


def moving(gaps_ms: tuple[int, ...], *, shaking: bool) -> list[Frame]:
    """Four frames, newest first, in which a bright figure crosses a scene; with `shaking` the camera moves, too."""
    wide = scene(SPEC.height_px + 8, SPEC.width_px + 8)
    shifts = ((4, 3), (2, 5), (6, 4), (4, 6)) if shaking else ((4, 4),) * 4
    frames, ms = [], sum(gaps_ms)
    for k, (down, right) in enumerate(shifts):
        seen = wide.copy()
        seen[20:44, 44 - 9 * k : 54 - 9 * k] = (250, 210, 160)
        frames.append(Frame(seen[down:, right:][: SPEC.height_px, : SPEC.width_px].copy(), 3 - k, ms * NS_PER_MS))
        ms -= gaps_ms[k] if k < len(gaps_ms) else 0
    return frames


def stamps_ms(rate_hz: float, seconds: float) -> list[float]:
    """Of a camera's frames, late by up to a third of a period, with a hole of half a second."""
    late = np.random.default_rng(4).integers(0, 33, round(rate_hz * seconds)) / 100 / rate_hz
    times = np.arange(len(late)) / rate_hz + late
    return [1000 * time_s for time_s in times if not 1.0 < time_s < 1.5]


def sampled(stream: str, rate_hz: float) -> NDArray[np.int64]:
    """Time in nanoseconds of each sample, and the levels of its streams, which tell which frames were compared:
    (n_samples, 1 + n_streams * 3)."""
    size = {"height_px": 32, "width_px": 32, "motion_gain": 1.0}
    spec = InputSpec.model_validate(size | {"stream": stream, "rate_hz": 5.0})
    frames = [
        RawFrame.of(np.full((32, 32, 3), 5 * k % 120, np.uint8), k, round(ms * NS_PER_MS))
        for k, ms in enumerate(stamps_ms(rate_hz, 4.0))
    ]
    return np.array([[one.capture_ns, *one.streams[:, 0, 0].reshape(-1)] for one in samples(frames, spec)], np.int64)


RECORDINGS = (
    [(0.08, 0), (0.12, 0), (0.12, 0), (None, 0), (0.9, 0), (90.0, 0), (1.0, 2), (0.9, 0)],
    [(0.0, 0), (0.0, 0), (None, 3), (None, 0), (9.0, 0)],
)
"""Stamps in seconds, and the frames lost before each: that go on, stand still, are none, jump too far for what follows
them, and go back after damage."""


def recording_ns() -> NDArray[np.int64]:
    """Times of the recordings' frames; -1 for those out of order."""
    found: list[int] = []
    for told in RECORDINGS:
        times = FrameTimes(25.0)
        following = [stamp_s for stamp_s, _ in told[1:]] + [None]
        times_s = [times.of(stamp_s, lost, after_s) for (stamp_s, lost), after_s in zip(told, following, strict=True)]
        found += [-1 if time_s is None else round(time_s * NS_PER_S) for time_s in times_s]
    return np.array(found)


def cases() -> dict[str, Callable[[], NDArray[np.generic]]]:
    made: dict[str, Callable[[], NDArray[np.generic]]] = {}
    for height, width in ODD_SIZES:
        made[f"resize {height}x{width}"] = lambda size=(height, width): resize(scene(*size), SPEC)
    for name, gaps in GAPS_MS.items():
        still, shaken = moving(gaps, shaking=False), moving(gaps, shaking=True)
        made[f"motion {name}"] = lambda frames=still: motion(frames[0], frames[1], SPEC)
        made[f"trail {name}"] = lambda frames=still: trail(frames, SPEC)
        made[f"acceleration {name}"] = lambda frames=still: acceleration(frames, SPEC)[..., 0]
        made[f"acceleration shaken {name}"] = lambda frames=shaken: acceleration(frames, SPEC)[..., 0]
    for stream in ("rgb", "motion", "trail", "motion+trail+acceleration"):
        for rate_hz in (4.0, 12.5, 30.0):
            made[f"times {stream} {rate_hz:g}"] = lambda args=(stream, rate_hz): sampled(*args)
    made["times of a recording"] = recording_ns
    return made


TOLERANCES = {"resize": (1, 0.1), "motion": (1, 0.1), "trail": (4, 0.3), "acceleration": (255, 1.0), "times": (0, 0.0)}
"""By a case's first word: how far any value, and their mean, may be off. Of a warped picture single pixels may: those
at the edge of what was seen."""


def change(name: str, found: NDArray[np.generic], golden: NDArray[np.generic]) -> str | None:
    """How a case differs from what was kept; None: not, within the tolerance."""
    if found.shape != golden.shape:
        return f"{name}: {found.shape} in place of {golden.shape}"
    off = np.abs(found.astype(np.float64) - golden.astype(np.float64))
    most, mean = TOLERANCES[name.split(maxsplit=1)[0]]
    return f"{name}: {off.max():g} off, {off.mean():.2f} on the mean" if off.max() > most or off.mean() > mean else None


def test_the_golden_pictures_are_of_this_version() -> None:
    with np.load(GOLDEN) as kept:
        assert int(kept["version"]) == PICTURES_VERSION, f"write the pictures of this version: {COMMAND}"
        assert set(kept) - {"version"} == set(cases()), f"raise PICTURES_VERSION and write the pictures anew: {COMMAND}"


@pytest.mark.parametrize("name", cases())
def test_the_same_version_makes_the_same_pictures(name: str) -> None:
    with np.load(GOLDEN) as kept:
        changed = change(name, cases()[name](), kept[name])
    assert changed is None, (
        f"{changed}. Pictures or times have changed, so what users' caches hold is no longer what would be worked out. "
        f"If that is meant, raise PICTURES_VERSION in edge/frames/preprocess.py and write the new ones: {COMMAND}"
    )


def write() -> None:
    """Write the golden pictures of a new version."""
    if GOLDEN.exists():
        with np.load(GOLDEN) as kept:
            if int(kept["version"]) == PICTURES_VERSION:
                raise SystemExit(f"{GOLDEN.name} holds version {PICTURES_VERSION}; raise PICTURES_VERSION first")
    arrays = {name: make() for name, make in cases().items()}
    np.savez_compressed(GOLDEN, version=np.array(PICTURES_VERSION), **arrays)  # pyright: ignore[reportArgumentType]


if __name__ == "__main__":
    write()
