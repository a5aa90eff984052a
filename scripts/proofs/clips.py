"""A clip in which something happens, over and over for as long as a proof takes."""

import subprocess
from pathlib import Path

from edge.errors import EdgewatchError
from proofs.proof import Setting, say
from trainer.synth import render_scene

FALLS = "gmdcsa24/Subject 1/Fall"
REPEATS = 400
SCENE_S = 20.0
SEED = 5


def long_clip(setting: Setting, out: Path, repeats: int = REPEATS) -> Path:
    """Write a fall again and again: a real one, or where the footage is not there a rendered scene.

    Raises:
        EdgewatchError: ffmpeg cannot.
    """
    falls = sorted((setting.data / FALLS).glob("*.mp4"))
    if falls:
        clip = falls[0]
    else:
        say("rendering a scene, since there is no footage")
        clip = out.with_name("scene.mp4")
        render_scene(SEED, clip, SCENE_S)
    command = ["ffmpeg", "-v", "error", "-y", "-stream_loop", str(repeats), "-i", clip, "-an", "-c", "copy", out]
    if subprocess.call(command):
        raise EdgewatchError("ffmpeg failed; see above, and scripts/setup-env gstreamer")
    return out
