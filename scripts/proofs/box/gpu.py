"""How far EfficientNetB0's features on the GPU lie from the processor's, in float32, on real frames.

The GPU is SwiftShader, Vulkan in software, unless VK_DRIVER_FILES names another driver. Without real footage the frames
are noise, and the figures say so.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle import BUILTIN, Bundle, InputSpec
from edge.errors import EdgewatchError
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say

DRIVER_VARIABLE = "VK_DRIVER_FILES"
SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json"
FOOTAGE = "gmdcsa24"
N_FRAMES, N_FRAMES_SHORT = 64, 12
SEED = 0
TIMEOUT_S = 1800

TABLE = (
    Figure("difference_max", "features on GPU and processor: difference / largest value", "", Limit("<=", 1e-3), 7),
    Figure("frames", "frames"),
    Figure("real_frames", "of these from real footage"),
    Figure("driver", "Vulkan driver"),
    Figure("memory_mb", "resident memory with the model on the GPU", "MB", None, 0),
    Figure("opened_s", "from file to ready", "s", None, 1),
    Figure("frame_ms", "one frame (on SwiftShader the processor is the GPU)", "ms", None, 0),
)


def measure(setting: Setting) -> Evidence:
    """Half a minute short, three whole."""
    from trainer.features.backbone import RANDOM, Weights, export_pooled, find_weights  # noqa: PLC0415 takes seconds

    bundle = Bundle.load(BUILTIN)
    weights = find_weights(None) if setting.weights.is_dir() else Weights(RANDOM, RANDOM)
    setting.work.mkdir(parents=True, exist_ok=True)
    model = export_pooled(bundle.spec.networks.scene.input, weights, SEED, setting.work)
    frames, are_real = _frames(setting, bundle.spec.networks.scene.input)
    pictures, out = setting.work / "frames.npy", setting.work / "answers.json"
    np.save(pictures, frames)
    driver = os.environ.get(DRIVER_VARIABLE, SWIFTSHADER)
    say(f"{len(frames)} {'real' if are_real else 'noise'} frames on {Path(driver).name}")
    command = [sys.executable, "-m", "proofs.box.gpu_child", str(model), str(pictures), str(out)]
    environment = os.environ | {DRIVER_VARIABLE: driver}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=TIMEOUT_S)
    if ended.returncode:
        raise EdgewatchError(f"{driver}: {ended.stderr.strip().splitlines()[-1]}; try scripts/setup-env swiftshader")
    evidence = json.loads(out.read_text())
    return {
        "bundle_sha256": bundle.digest,
        "weights": weights.digest,
        "driver": Path(driver).stem,
        "real": are_real,
        **evidence,
    }


def figures(evidence: Evidence) -> Figures:
    """The worst frame, the median time."""
    n_frames = len(evidence["differences"])
    return {
        "difference_max": max(evidence["differences"]),
        "frames": n_frames,
        "real_frames": n_frames if evidence["real"] else 0,
        "driver": evidence["driver"],
        "memory_mb": evidence["memory_mb"],
        "opened_s": evidence["opened_s"],
        "frame_ms": 1000 * statistics.median(evidence["frame_s"]),
    }


def _frames(setting: Setting, spec: InputSpec) -> tuple[NDArray[np.uint8], bool]:
    """uint8 (n, height, width, 3) as the frame model sees them, and whether they are of real footage."""
    n_frames = N_FRAMES_SHORT if setting.short else N_FRAMES
    if (setting.data / FOOTAGE).is_dir():
        from trainer.bundles.calibration import pictures  # noqa: PLC0415
        from trainer.clips.datasets import read_dataset  # noqa: PLC0415
        from trainer.features.cache import Cache  # noqa: PLC0415

        return pictures(read_dataset(setting.data / FOOTAGE), spec, n_frames, seed=SEED, cache=Cache(), workers=1), True
    chance = np.random.default_rng(SEED)
    return chance.integers(0, 256, (n_frames, spec.height_px, spec.width_px, 3), np.uint8), False


PROOF = Proof(
    name="gpu",
    summary="EfficientNetB0 on the GPU backend beside the processor, on real frames",
    table=TABLE,
    measure=measure,
    figures=figures,
)
