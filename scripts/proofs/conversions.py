"""What each precision of a trained run keeps and costs, and what its conversion takes.

Evidence: `trainer convert` of one run to every precision, each in a process of its own, with the time it took and the
most memory that its process tree held; and what the bundle says of itself. The run is EDGEWATCH_RUN, else
`runs/builtin`. `int8` is converted for the Edge TPU, so that its mapping is predicted too.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from edge.bundle import BUILTIN, Bundle
from edge.errors import ConfigurationError, EdgewatchError
from proofs.memory import watch
from proofs.proof import ROOT, Evidence, Figure, Figures, Limit, Proof, Setting, say
from trainer.files import file_sha256
from trainer.run import SETTINGS_NAME

PRECISIONS = ("float32", "float16", "mixed", "int8")
PRECISIONS_SHORT = ("float32", "float16")
RUN_VARIABLE = "EDGEWATCH_RUN"
OPTIONS = {"int8": ("--target", "edgetpu")}
BYTES_PER_MB = 1e6
BYTES_PER_GB = 1e9
S_PER_MIN = 60.0
LEAST_DB = {"mixed": Limit(">=", 18), "int8": Limit(">=", 12)}
MOST_LATENCY = {"mixed": Limit("<=", 0.6), "int8": Limit("<=", 0.5)}
MOST_MB = {"int8": Limit("<=", 6)}

TABLE = (
    *(Figure(f"features_db_{p}", f"{p}: features against Keras", "dB", LEAST_DB.get(p), 1) for p in PRECISIONS),
    *(Figure(f"label_agreement_{p}", f"{p}: same top label on held-out frames", "%", None, 1) for p in PRECISIONS),
    *(Figure(f"latency_ratio_{p}", f"{p}: latency / float32", "", MOST_LATENCY.get(p), 2) for p in PRECISIONS),
    *(Figure(f"size_mb_{p}", f"{p}: frame model", "MB", MOST_MB.get(p), 2) for p in PRECISIONS),
    Figure("mapped_macs_int8", "int8: multiply-accumulates on the Edge TPU, predicted", "%", Limit(">=", 0.99), 2),
    Figure("minutes_max", "slowest conversion", "min", Limit("<=", 5), 1),
    Figure("memory_gb_max", "most memory in a conversion", "GB", Limit("<=", 3), 2),
)


def measure(setting: Setting) -> Evidence:
    """Some minutes for each of `mixed` and `int8`; the short form leaves both out."""
    run = Path(os.environ.get(RUN_VARIABLE, ROOT / "runs" / "builtin"))
    if not (run / SETTINGS_NAME).is_file():
        raise ConfigurationError(f"{run}: no run; train one there, or set {RUN_VARIABLE} to one")
    made_from = {"run": file_sha256(run / "frame.keras")}
    precisions = PRECISIONS_SHORT if setting.short else PRECISIONS
    conversions = {
        precision: setting.once(precision, made_from, lambda precision=precision: _convert(run, precision, setting))
        for precision in precisions
    }
    return {"bundle_sha256": Bundle.load(BUILTIN).digest, **made_from, "conversions": conversions}


def figures(evidence: Evidence) -> Figures:
    """What each bundle says; the worst of the costs."""
    conversions: dict[str, dict[str, Any]] = evidence["conversions"]
    found: Figures = {}
    for precision, conversion in conversions.items():
        frame = conversion["verification"]["frame"]
        found[f"features_db_{precision}"] = frame["features_snr_db"]
        found[f"label_agreement_{precision}"] = frame["label_agreement"]
        found[f"latency_ratio_{precision}"] = frame["latency_ratio"]
        found[f"size_mb_{precision}"] = frame["size_bytes"] / BYTES_PER_MB
        if "edgetpu" in conversion["verification"]:
            found[f"mapped_macs_{precision}"] = conversion["verification"]["edgetpu"]["predicted_mac_share"]
    found["minutes_max"] = max(one["seconds"] for one in conversions.values()) / S_PER_MIN
    found["memory_gb_max"] = max(one["peak_bytes"] for one in conversions.values()) / BYTES_PER_GB
    return found


def _convert(run: Path, precision: str, setting: Setting) -> Evidence:
    """Convert in a process of its own; its losses are accepted, since they are what is measured."""
    out, note = setting.work / precision, setting.work / f"peak-{precision}.txt"
    setting.work.mkdir(parents=True, exist_ok=True)
    note.unlink(missing_ok=True)
    command = [sys.executable, "-m", "trainer.cli", "convert", str(run), "--out", str(out), "--force", "--accept-loss"]
    command += ["--precision", precision, *OPTIONS.get(precision, ())]
    say(" ".join(command[2:]))
    begin_s = time.monotonic()
    with subprocess.Popen(command, stdout=sys.stderr) as process:
        peak_bytes = watch(process, note)
    if process.returncode:
        raise EdgewatchError(f"trainer convert --precision {precision} exited with {process.returncode}; see above")
    seconds = round(time.monotonic() - begin_s, 1)
    verification = Bundle.load(out).spec.verification
    kept = {key: verification[key] for key in ("frame", "edgetpu") if key in verification}
    return {"seconds": seconds, "peak_bytes": peak_bytes, "verification": kept}


PROOF = Proof(
    name="converters",
    summary="every precision of a trained run: what it keeps, its latency and size, and what converting takes",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
)
