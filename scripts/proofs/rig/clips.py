"""Clips as proofs need them: one in which something happens, over and over; and one in which nothing does."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgewatchError
from proofs.frame.proof import Setting, say
from trainer.synth import render_scene

FALLS = "gmdcsa24/Subject 1/Fall"
REPEATS = 400
SCENE_S = 20.0
SEED = 5
SMALL_S = 3600
SMALL = ("-vf", "scale=320:-2", "-r", "10", "-c:v", "libx264", "-crf", "28", "-preset", "veryfast", "-an")

STILL_FPS, STILL_S = 20, 20
CODINGS = {
    "constant quality": "-preset medium -crf 23 -g 50",
    "a camera": "-preset veryfast -tune zerolatency -b:v 1M -g 30",
    "a poor camera": "-preset superfast -tune zerolatency -b:v 300k -g 100",
}
"""H.264 as it is usual, with key frames."""


def long_clip(setting: Setting, out: Path, repeats: int = REPEATS) -> Path:
    """Write a fall again and again.

    Raises:
        EdgewatchError: ffmpeg cannot.
    """
    return _ffmpeg("-stream_loop", str(repeats), "-i", _fall(setting, out), "-an", "-c", "copy", out)


def small_clip(setting: Setting, out: Path) -> Path:
    """Write an hour of the same, small enough for a card's data partition as it ships.

    Raises:
        EdgewatchError: ffmpeg cannot.
    """
    once = _ffmpeg("-i", _fall(setting, out), *SMALL, out.with_name("once.mp4"))
    return _ffmpeg("-stream_loop", "-1", "-i", once, "-t", str(SMALL_S), "-c", "copy", out)


def still_clip(picture: NDArray[np.floating], noise: float, coding: str, out: Path) -> None:
    """Write a picture, (height, width, 3) of even size, that stands still under a camera's noise.

    Args:
        picture: RGB, 0 to 255.
        noise: standard deviation, in grey levels.
        coding: one of `CODINGS`.
        out: of kind MP4.

    Raises:
        EdgewatchError: ffmpeg cannot.
    """
    height_px, width_px, _ = picture.shape
    raw = f"-f rawvideo -pix_fmt rgb24 -s {width_px}x{height_px} -r {STILL_FPS} -i -"
    command = f"ffmpeg -v error -y {raw} -c:v libx264 -pix_fmt yuv420p {CODINGS[coding]}".split()
    with subprocess.Popen([*command, str(out)], stdin=subprocess.PIPE) as ffmpeg:
        assert ffmpeg.stdin is not None
        for pixels in _noisy(picture, noise):
            ffmpeg.stdin.write(pixels.tobytes())
    if ffmpeg.returncode:
        raise EdgewatchError("ffmpeg failed; see above, and scripts/setup-env gstreamer")


def _noisy(picture: NDArray[np.floating], noise: float) -> Iterator[NDArray[np.uint8]]:
    """Noise is cut out of a larger field of it, each time elsewhere: to draw it anew would take most of the time."""
    chance = np.random.default_rng(0)
    height_px, width_px, _ = picture.shape
    field = noise * chance.standard_normal((2 * height_px, 2 * width_px, 3), np.float32)
    for _ in range(STILL_FPS * STILL_S):
        y, x = chance.integers(height_px), chance.integers(width_px)
        noisy = picture + field[y : y + height_px, x : x + width_px]
        yield np.clip(np.round(noisy), 0, 255).astype(np.uint8)


def _fall(setting: Setting, out: Path) -> Path:
    """A real one, or where the footage is not there a rendered scene."""
    falls = sorted((setting.data / FALLS).glob("*.mp4"))
    if falls:
        return falls[0]
    say("rendering a scene, since there is no footage")
    clip = out.with_name("scene.mp4")
    render_scene(SEED, clip, SCENE_S)
    return clip


def _ffmpeg(*arguments: str | Path) -> Path:
    if subprocess.call(["ffmpeg", "-v", "error", "-y", *arguments]):
        raise EdgewatchError("ffmpeg failed; see above, and scripts/setup-env gstreamer")
    return Path(arguments[-1])
