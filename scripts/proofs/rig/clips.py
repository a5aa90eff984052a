"""A clip in which something happens, over and over for as long as a proof takes."""

import subprocess
from pathlib import Path

from edge.errors import EdgewatchError
from proofs.frame.proof import Setting, say
from trainer.synth import render_scene

FALLS = "gmdcsa24/Subject 1/Fall"
REPEATS = 400
SCENE_S = 20.0
SEED = 5
SMALL_S = 3600
SMALL = ("-vf", "scale=320:-2", "-r", "10", "-c:v", "libx264", "-crf", "28", "-preset", "veryfast", "-an")


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
