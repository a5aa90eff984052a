"""The built-in bundle on a 64-bit ARM, in QEMU: that it tells the same, and what its networks cost, by instructions.

The processor is a Raspberry Pi 4's as far as programs can ask. How long instructions take there nobody can tell from
here, so a network whose time on that board is published is counted too: MobileNet v2 in integers, 17 ms on four
threads (XNNPACK's README, measured in February 2022). What follows for this bundle's networks is an estimate.
"""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from converters.convert_pose import POSE_FILE
from edge.bundle import BUILTIN, Bundle
from edge.errors import EdgewatchError
from proofs.frame.proof import ROOT, Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.images.emulator import call
from trainer.synth import render_clip

PYTHON: Final = "3.11"
"""Debian 12's."""
CPU: Final = "cortex-a72"
CORES: Final = 4
FEATURES: Final = "fp asimd evtstrm crc32 cpuid"
FRAME_FILE: Final = "frame.tflite"
KNOWN_FILE: Final = "mobilenet-v2.tflite"
KNOWN_PX: Final = 224
KNOWN_MS: Final = 17.0
"""Of MobileNet v2 in integers, on a Raspberry Pi 4 with a 64-bit system and four threads."""
FEW, MANY = 1, 3
"""Runs whose difference is what a run costs."""
LOOKS_HZ, SCENES_HZ = 10, 5
"""Of the people network and of the scene's, as the bundle wants them."""
SCENE_PICTURES: Final = 3
"""That the frame model sees at each of its looks."""
FALL_SEED: Final = 5
TIMEOUT_S: Final = 1800

TABLE = (
    Figure("same_events", "a rendered fall: told the same as here, at the same looks", "", Limit(">=", 1)),
    Figure("events", "events of it"),
    Figure("answers_differ", "people network, answers on noise here and there: largest difference / largest value"),
    Figure("pose_to_frame", "instructions of one look, people network / frame network, one picture", "", None, 2),
    Figure("pose_million", "instructions of the people network", "million", None, 0),
    Figure("frame_million", "instructions of the frame network, one picture", "million", None, 0),
    Figure(
        "known_million",
        f"the same of MobileNet v2 in integers, {KNOWN_MS:.0f} ms on a Raspberry Pi 4",
        "million",
        None,
        0,
    ),
    Figure(
        "pi4_pose_ms", "one look of the people network on a Raspberry Pi 4, four threads, an estimate", "ms", None, 0
    ),
    Figure(
        "pi4_second",
        f"a second of both networks there ({LOOKS_HZ} looks, {SCENES_HZ} of the scene), an estimate",
        "s",
        None,
        2,
    ),
)


def measure(setting: Setting) -> Evidence:
    """Ten minutes, most of them for the fall; the short form leaves it out."""
    emulator = _Emulator(setting.work)
    models = {"pose": BUILTIN / POSE_FILE, "frame": BUILTIN / FRAME_FILE, "known": _known(setting.work)}
    counted = {name: [emulator.count(path, n_runs) for n_runs in (FEW, MANY)] for name, path in models.items()}
    here, there = setting.work / "here.npz", setting.work / "there.npz"
    child = Path(__file__).with_name("arm64_child.py")
    call(sys.executable, child, models["pose"], "1", here)
    emulator.run(child, models["pose"], "1", there)
    told = None
    if not setting.short:
        clip = setting.work / "fall.mp4"
        render_clip("fall", FALL_SEED, clip)
        watch = ("-m", "edge", "run", "--source", str(clip))
        told = {"here": call(sys.executable, *watch).stdout, "there": emulator.run(*watch).stdout}
    return {
        "bundle_sha256": Bundle.load(BUILTIN).digest,
        "instructions": counted,
        "differences": _differences(here, there),
        "told": told,
    }


class _Emulator:
    """Debian's Python for arm64, and this checkout's wheels for it."""

    def __init__(self, work: Path) -> None:
        for program in ("qemu-aarch64", "mmdebstrap", "cc"):
            if shutil.which(program) is None:
                raise EdgewatchError(f"{program} is not installed; run scripts/setup-env arm64")
        work.mkdir(parents=True, exist_ok=True)
        self._root, self._site, self._plugin = work / "root", work / "site", work / "instructions.so"
        shutil.rmtree(self._root, ignore_errors=True)
        shutil.rmtree(self._site, ignore_errors=True)
        say("a root of arm64, and wheels for it")
        debian = ("--architectures=arm64", "--variant=extract", "--include=python3,libstdc++6")
        call("mmdebstrap", *debian, "bookworm", self._root)
        self._describe_processor()
        call(ROOT / "scripts" / "wheels", work / "wheels", "aarch64", PYTHON)
        for wheel in sorted((work / "wheels").glob("*.whl")):
            with zipfile.ZipFile(wheel) as packed:
                packed.extractall(self._site)
        source = Path(__file__).with_name("instructions.c")
        call("cc", "-shared", "-fPIC", "-O1", "-o", self._plugin, source)

    def run(self, *arguments: object, plugin: bool = False) -> subprocess.CompletedProcess[str]:
        """Run Python."""
        emulator = ["qemu-aarch64", "-cpu", CPU, "-L", self._root, "-E", f"PYTHONPATH={self._site}"]
        emulator += ["-plugin", self._plugin] if plugin else []
        python = self._root / "usr" / "bin" / f"python{PYTHON}"
        return call(*emulator, python, *arguments, timeout_s=TIMEOUT_S)

    def count(self, model: Path, n_runs: int) -> int:
        """Instructions of a process that runs a model so often."""
        say(f"{model.name}: counting {n_runs}")
        child, out = Path(__file__).with_name("arm64_child.py"), self._root.parent / "counted.npz"
        return int(self.run(child, model, n_runs, out, plugin=True).stderr.rpartition("instructions ")[2])

    def _describe_processor(self) -> None:
        """QEMU shows programs this machine's own; the runtime asks what it may use."""
        about = self._root / "proc" / "cpuinfo"
        about.parent.mkdir(exist_ok=True)
        of_core = f"Features\t: {FEATURES}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n"
        cores = (f"processor\t: {core}\n{of_core}CPU part\t: 0xd08\nCPU revision\t: 3\n\n" for core in range(CORES))
        about.write_text("".join(cores))
        listed = self._root / "sys" / "devices" / "system" / "cpu"
        listed.mkdir(parents=True)
        for name in ("possible", "present"):
            (listed / name).write_text(f"0-{CORES - 1}\n")


def _known(work: Path) -> Path:
    """MobileNet v2 in integers, with weights and ranges by chance, as what was published of it."""
    import keras  # noqa: PLC0415 takes seconds
    import tensorflow as tf  # noqa: PLC0415

    path, chance = work / KNOWN_FILE, np.random.default_rng(0)
    model = keras.applications.MobileNetV2((KNOWN_PX, KNOWN_PX, 3), weights=cast("Any", None))
    model.export(str(work / "mobilenet-v2"), verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(work / "mobilenet-v2"))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: (
        [chance.uniform(-1, 1, (1, KNOWN_PX, KNOWN_PX, 3)).astype(np.float32)] for _ in range(8)
    )
    converter.inference_input_type = converter.inference_output_type = tf.int8
    path.write_bytes(converter.convert())
    return path


def _differences(here: Path, there: Path) -> dict[str, float]:
    """Of each answer, over its largest value."""
    with np.load(here) as first, np.load(there) as second:
        return {
            name: float(np.abs(first[name] - second[name]).max() / np.abs(first[name]).max()) for name in first.files
        }


def figures(evidence: Evidence) -> Figures:
    """Differences of counts, and what they make of the published time."""
    per_run: dict[str, float] = {
        name: (many - few) / (MANY - FEW) for name, (few, many) in evidence["instructions"].items()
    }
    ms = KNOWN_MS / per_run["known"]
    pose_ms, frame_ms = per_run["pose"] * ms, per_run["frame"] * ms
    told: dict[str, Any] | None = evidence["told"]
    return {
        "same_events": None if told is None else int(_read(told["here"]) == _read(told["there"])),
        "events": None if told is None else len(_read(told["here"])),
        "answers_differ": max(evidence["differences"].values()),
        "pose_to_frame": per_run["pose"] / per_run["frame"],
        "pose_million": per_run["pose"] / 1e6,
        "frame_million": per_run["frame"] / 1e6,
        "known_million": per_run["known"] / 1e6,
        "pi4_pose_ms": pose_ms,
        "pi4_second": (LOOKS_HZ * pose_ms + SCENES_HZ * SCENE_PICTURES * frame_ms) / 1000,
    }


def _read(told: str) -> list[str]:
    """When each event was told and what it was, without its scores."""
    return [line.partition("  score")[0] for line in told.splitlines()]


PROOF = Proof(
    "arm64",
    "the built-in bundle on a 64-bit ARM processor, emulated, and its networks' instructions",
    TABLE,
    measure,
    figures,
    short_keeps_limits=False,
    of_bundle=True,
)
