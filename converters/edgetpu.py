"""Makes an integer-only file ready for the Edge TPU: by Coral's compiler where it is installed, else by prediction."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ai_edge_litert.tools import flatbuffer_utils

from converters.edgetpu_rules import Prediction, predict
from converters.graph import Graph
from converters.write import temporary_folder
from edge.errors import ModelError

COMPILER = "edgetpu_compiler"
TIMEOUT_S = 300.0
"""Models of this size take it seconds; some let it run for ever."""
CPU_BUDGET = 0.05
"""Share of the operations that may run on the processor."""
MAPPED = "Mapped to Edge TPU"
_ROW = re.compile(r"^([A-Z][A-Z0-9_]*)\s+(\d+)\s+(\S.*?)\s*$")
"""A line of the compiler's table: operator, count, status."""

Report = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What the compiler made, or what is expected of it."""

    content: bytes | None
    """The file for the Edge TPU; None where there is no compiler."""
    figures: dict[str, Any]
    """For `bundle.json`."""
    loss: str
    """What is over the budget; empty where nothing is."""


def compile_for_edgetpu(model: bytes, report: Report, timeout_s: float = TIMEOUT_S) -> Compiled:
    """Compile an integer-only file, or predict what compiling would give.

    Args:
        model: content of the file.
        report: takes lines for people.
        timeout_s: for the compiler.

    Raises:
        ModelError: the compiler crashes, hangs, or makes nothing that can be used.
    """
    graph = Graph(model)
    prediction = predict(graph)
    figures: dict[str, Any] = {
        "predicted_mac_share": round(prediction.mac_share, 5),
        "predicted_on_cpu": prediction.refusals,
        "compiled": False,
    }
    program = shutil.which(COMPILER)
    if program is None:
        for line in _prediction_lines(prediction):
            report(line)
        return Compiled(None, figures, _over_budget("would run", prediction.n_on_cpu, len(prediction.verdicts)))
    content, log = _compile(program, model, timeout_s)
    rows = read_log(log)
    if not rows:
        raise ModelError(f"{COMPILER}: its log has no table of operations; compile by hand to see why: {_last(log)}")
    on_cpu = [f"{count} {name}: {status}" for name, count, status in rows if status != MAPPED]
    n_on_cpu = sum(count for _, count, status in rows if status != MAPPED)
    n_operations = sum(count for _, count, _ in rows)
    figures |= {"compiled": True, "compiler": log.strip().partition("\n")[0], "on_cpu": on_cpu}
    report(f"Edge TPU: {n_operations - n_on_cpu} of {n_operations} operations mapped; not tested on a device")
    return Compiled(with_signature(content, graph), figures, _over_budget("run", n_on_cpu, n_operations))


def read_log(log: str) -> list[tuple[str, int, str]]:
    """The compiler's table: operator, how many of them, and what became of them."""
    found = (_ROW.match(line.strip()) for line in log.splitlines())
    return [(row[1], int(row[2]), row[3]) for row in found if row]


def with_signature(compiled: bytes, original: Graph) -> bytes:
    """Give a compiled file the signature of the file that it was made from, unless it has kept one.

    Raises:
        ModelError: its inputs or outputs are not those of the original.
    """
    parsed: Any = flatbuffer_utils.read_model_from_bytearray(bytearray(compiled))
    if parsed.signatureDefs:
        return compiled
    graph = parsed.subgraphs[0]
    (signature,) = original.model.signatureDefs
    old = original.model.subgraphs[0].tensors
    places = {graph.tensors[index].name: int(index) for index in [*graph.inputs, *graph.outputs]}
    for entry in [*signature.inputs, *signature.outputs]:
        name = old[entry.tensorIndex].name
        if name not in places:
            raise ModelError(f"{COMPILER}: its file lacks {name.decode()!r}, which {entry.name.decode()!r} was")
    for entry in [*signature.inputs, *signature.outputs]:
        entry.tensorIndex = places[old[entry.tensorIndex].name]
    parsed.signatureDefs = [signature]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


def _compile(program: str, model: bytes, timeout_s: float) -> tuple[bytes, str]:
    """The compiled file and what the compiler said."""
    with temporary_folder() as folder:
        entry, made = folder / "frame.tflite", folder / "frame_edgetpu.tflite"
        entry.write_bytes(model)
        log, code = _run([program, "--show_operations", "--out_dir", str(folder), str(entry)], timeout_s)
        if code < 0:
            raise ModelError(f"{COMPILER}: crashed ({signal.Signals(-code).name}); {WITHOUT}")
        if code or not made.is_file():
            raise ModelError(f"{COMPILER}: failed with exit code {code}: {_last(log)}; {WITHOUT}")
        return made.read_bytes(), log


WITHOUT = f"take {COMPILER} off PATH to convert with a prediction alone"


def _run(command: list[str], timeout_s: float) -> tuple[str, int]:
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        out, _ = child.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise ModelError(f"{COMPILER}: no end after {timeout_s:g} s; {WITHOUT}") from None
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)  # it is a script that starts the real one
            child.communicate()
    return out.decode(errors="replace"), child.returncode


def _last(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _over_budget(verb: str, n_on_cpu: int, n_operations: int) -> str:
    if n_on_cpu <= CPU_BUDGET * n_operations:
        return ""
    return (
        f"{n_on_cpu} of {n_operations} operations {verb} on the processor instead of the Edge TPU, "
        f"over the limit of {100 * CPU_BUDGET:g} %"
    )


def _prediction_lines(prediction: Prediction) -> list[str]:
    n_operations = len(prediction.verdicts)
    share = f"{100 * prediction.mac_share:.2f} % of the multiply-accumulates"
    mapped = f"{n_operations - prediction.n_on_cpu} of {n_operations} operations mapped, {share}"
    return [
        f"Edge TPU, a prediction ({COMPILER} is not installed): {mapped}",
        *(f"Edge TPU, a prediction: on the processor: {refusal}" for refusal in prediction.refusals),
        f"the bundle has no file for the Edge TPU: install {COMPILER} and convert again",
    ]
