"""Videos of every awkward kind, made on the spot."""

import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

RATE_HZ = 10


def level(index: int) -> int:
    """The brightness of a frame tells which one it is, also after compression."""
    return 20 + 5 * index


@pytest.fixture
def ffmpeg() -> Callable[..., None]:
    """`ffmpeg(argument, ...)` runs Debian's ffmpeg."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("ffmpeg is not installed (Debian package ffmpeg)")

    def run(*arguments: object) -> None:
        subprocess.run([program, "-v", "error", "-y", *map(str, arguments)], check=True)

    return run


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """`make_video(name, n_frames, codec=, size=(width, height), colour=)`: plain frames, `level(index)` bright."""

    def make(
        name: str, n_frames: int, *, codec: str = "MJPG", size: tuple[int, int] = (64, 48), colour: bool = True
    ) -> Path:
        path = tmp_path / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), RATE_HZ, size, isColor=colour)
        assert writer.isOpened()
        for index in range(n_frames):
            writer.write(np.full((size[1], size[0], 3) if colour else (size[1], size[0]), level(index), np.uint8))
        writer.release()
        return path

    return make


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


@pytest.fixture
def make_raw_video(tmp_path: Path) -> Callable[[str, np.ndarray], Path]:
    """`make_raw_video(name, frames)`: uncompressed AVI of uint8 (n, height, width, 4) BGRA, or with 3 channels BGR.

    OpenCV writes neither odd sizes nor alpha.
    """

    def make(name: str, frames: np.ndarray) -> Path:
        n, height, width, channels = frames.shape
        row = -(-width * channels // 4) * 4
        padded = np.zeros((n, height, row), np.uint8)
        padded[:, :, : width * channels] = frames[:, ::-1].reshape(n, height, width * channels)  # rows from the bottom
        size = height * row
        period_us = round(1e6 / RATE_HZ)
        main = struct.pack("<14I", period_us, 0, 0, 0, n, 0, 1, size, width, height, 0, 0, 0, 0)
        stream = b"vids" + b"DIB " + struct.pack("<10I4H", 0, 0, 0, 1, RATE_HZ, 0, n, size, 0, 0, 0, 0, width, height)
        bitmap = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8 * channels, 0, size, 0, 0, 0, 0)
        header = b"hdrl" + _chunk(b"avih", main)
        header += _chunk(b"LIST", b"strl" + _chunk(b"strh", stream) + _chunk(b"strf", bitmap))
        movie = b"movi" + b"".join(_chunk(b"00db", frame.tobytes()) for frame in padded)
        path = tmp_path / name
        path.write_bytes(_chunk(b"RIFF", b"AVI " + _chunk(b"LIST", header) + _chunk(b"LIST", movie)))
        return path

    return make
