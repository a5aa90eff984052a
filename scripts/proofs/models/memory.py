"""What the box and the trainer hold in memory, and how soon the box has looked at its first frame.

Evidence: `edge run` in processes of its own, several times over a rendered clip and the footage without events (where
it is there); and `trainer train` with both of the papers' recipes, its whole process tree watched while it runs.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from edge.bundle import BUILTIN, Bundle
from edge.errors import EdgewatchError
from proofs.frame import record
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.models import probe
from proofs.models.protocols import refuse_absent
from trainer.clips.datasets import read_datasets
from trainer.fitting.run import SETTINGS_NAME

RECIPES = ("efficientnetb0-mean", "efficientnetb0-gru")
SHORT_SET = "gmdcsa24"
SETS = ("surveillance-fight", "gmdcsa24", "t2v-bed-fall", "hockey-fights")
N_STARTS = 5
SHORT_EPOCHS = 2
POLL_S = 0.2
BYTES_PER_MB = 1_000_000
BYTES_PER_GB = 1_000_000_000
CLIP_SIZE_PX = (480, 640)
CLIP_RATE_HZ, CLIP_S = 15, 8

TABLE = (
    Figure("edge_peak_mb", "`edge run`, one camera, most memory ever resident", "MB", Limit("<=", 150), 1),
    Figure("first_inference_s", "from process start to the first inference (median)", "s", Limit("<=", 1.0), 2),
    Figure("training_modules", "modules of the training stack in `edge run`", "", Limit("<=", 0)),
    Figure("training_peak_gb_efficientnetb0-mean", "`trainer train`, `efficientnetb0-mean`", "GB", Limit("<=", 3), 2),
    Figure("training_peak_gb_efficientnetb0-gru", "`trainer train`, `efficientnetb0-gru`", "GB", Limit("<=", 3), 2),
    Figure("training_clips", "clips in these trainings"),
)


def measure(setting: Setting) -> Evidence:
    """Start `edge run` a few times, then train; the training takes an hour or more on all data."""
    bundle = Bundle.load(BUILTIN)
    names = (SHORT_SET,) if setting.short else SETS
    refuse_absent(names, setting)
    data = [setting.data / name for name in names]
    with tempfile.TemporaryDirectory() as folder:
        runs = [start_edge(clip, Path(folder)) for clip in clips(setting, Path(folder))]
    digests = {folder.name: record.digest_of_files(folder) for folder in data}
    trainings = {name: setting.once(name, digests, lambda name=name: train(name, data, setting)) for name in RECIPES}
    return {"bundle_sha256": bundle.digest, "data_sha256": digests, "runs": runs, "trainings": trainings}


def figures(evidence: Evidence) -> Figures:
    """The worst of the memory figures, the median of the starts."""
    runs, trainings = evidence["runs"], evidence["trainings"]
    found: Figures = {
        "edge_peak_mb": max(run["peak_bytes"] for run in runs) / BYTES_PER_MB,
        "first_inference_s": statistics.median(run["first_inference_s"] for run in runs),
        "training_modules": len({name for run in runs for name in run["training_stack"]}),
        "training_clips": max(training["n_clips"] for training in trainings.values()),
    }
    for name, training in trainings.items():
        found[f"training_peak_gb_{name}"] = training["peak_bytes"] / BYTES_PER_GB
    return found


def clips(setting: Setting, folder: Path) -> list[Path]:
    """What `edge run` is started on; the first start is thrown away, since it alone may wait for the disk."""
    rendered = folder / "moving.avi"
    write_clip(rendered)
    start_edge(rendered, folder)
    footage = sorted(path for path in (setting.data / "normal").glob("*.*") if path.suffix in {".avi", ".mp4"})
    return [rendered] * N_STARTS + footage


def write_clip(path: Path) -> None:
    """A bright square that moves over grey, as Motion JPEG, which is what most cameras send."""
    height_px, width_px = CLIP_SIZE_PX
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), CLIP_RATE_HZ, (width_px, height_px))
    for number in range(CLIP_RATE_HZ * CLIP_S):
        picture = np.full((height_px, width_px, 3), 90, np.uint8)
        picture[100:200, 4 * number : 4 * number + 100] = 220
        writer.write(picture)
    writer.release()


def start_edge(clip: Path, folder: Path) -> dict[str, Any]:
    """Run `edge run` on a clip in a process of its own; its peak memory, first inference and modules."""
    out = folder / "probe.json"
    say(f"edge run --source {clip.name}")
    command = [sys.executable, probe.__file__, str(out), "run", "--source", str(clip)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode or not out.exists():
        raise EdgewatchError(f"edge run --source {clip.name} failed: {ended.stderr.strip()[-500:]}")
    found = json.loads(out.read_text())
    out.unlink()
    if found["exit_code"]:
        raise EdgewatchError(f"edge run --source {clip.name} exited with {found['exit_code']}: {ended.stderr[-500:]}")
    return {"clip": clip.name, **found}


def train(recipe: str, data: Sequence[Path], setting: Setting) -> Evidence:
    """Extract features into an empty cache and train; the most that the whole process tree held at once."""
    run = setting.work / f"train-{recipe}"
    command = [sys.executable, "-m", "trainer.cli", "train", "--cache", str(setting.work / "cache")]
    if (run / SETTINGS_NAME).exists():
        command += ["--resume", str(run)]
    else:
        command += ["--recipe", recipe, "--out", str(run), "--data", *map(str, data)]
        command += ["--epochs", str(SHORT_EPOCHS)] if setting.short else []
    setting.work.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(command, stdout=sys.stderr) as process:
        peak_bytes = watch(process, setting.work / f"peak-{recipe}.txt")
    if process.returncode:
        raise EdgewatchError(f"trainer train --recipe {recipe} exited with {process.returncode}; see above")
    return {"n_clips": len(read_datasets(data)), "peak_bytes": peak_bytes}


def watch(process: subprocess.Popen[bytes], note: Path) -> int:
    """The highest sum of resident memory over a process and all its descendants, in bytes, until it ends.

    The note holds it meanwhile, so that a measurement that is stopped and goes on remembers what came before.
    """
    peak = int(note.read_text()) if note.exists() else 0
    while process.poll() is None:
        now = resident_bytes(process.pid)
        if now > peak:
            peak = now
            note.write_text(str(peak))
        time.sleep(POLL_S)
    return peak


def resident_bytes(pid: int) -> int:
    """Memory of a process tree; pages that processes share count in each of them."""
    total = 0
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in tree:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


PROOF = Proof(
    name="memory",
    summary="resident memory of the box and of training, and the box's first inference",
    table=TABLE,
    measure=measure,
    figures=figures,
    of_bundle=True,
)
