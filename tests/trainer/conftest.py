"""Small clips and data sets made on the spot."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

WriteClip = Callable[..., Path]


def write_video(path: Path, *, frames: int = 15, rate_hz: float = 10, lively: bool = False, seed: int = 0) -> Path:
    """A square on noise, 64 x 48; it jumps about where `lively`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    background = random.integers(60, 100, (48, 64, 3), dtype=np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate_hz, (64, 48))
    assert writer.isOpened()
    for _ in range(frames):
        picture = background.copy()
        left = int(random.integers(0, 40)) if lively else 20
        picture[10:30, left : left + 20] = 230
        writer.write(picture)
    writer.release()
    return path


@pytest.fixture(scope="session")
def write_clip() -> WriteClip:
    return write_video


@pytest.fixture(scope="session")
def fights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per class, 10 clips in 5 groups, every group with both classes."""
    root = tmp_path_factory.mktemp("data") / "fights"
    rows = ["path,label,group"]
    for number in range(10):
        name = f"{'fight' if number % 2 else 'noFight'}/{number}.avi"
        write_video(root / name, lively=bool(number % 2), seed=number)
        rows.append(f"{name},{name.split('/', maxsplit=1)[0]},scene{number // 2}")
    (root / "groups.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands that are not told where their cache is leave the user's alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("home-cache")))
        yield
