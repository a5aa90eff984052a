"""`edgetpu_compiler` as scripts that behave as it does, and as it does when it fails; the real one is not here."""

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from converters.edgetpu import compile_for_edgetpu, read_log, with_signature
from converters.graph import Graph
from converters.integer import make_integer_ready
from converters.quantize import to_int8
from converters.runtime import Runner
from edge.errors import ModelError

LOG = """\
Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 412 ms.

Input model: frame.tflite
Number of Edge TPU subgraphs: 1
Total number of operations: {total}

Operator                       Count      Status

CONV_2D                        {mapped}         Mapped to Edge TPU
{rows}
Compilation child process completed within timeout period.
Compilation succeeded!
"""
MAKES_A_FILE = 'while [ "$1" != "--out_dir" ]; do shift; done; cp "$3" "$2/frame_edgetpu.tflite"\n'


@pytest.fixture(scope="session")
def integers(graph, representative) -> bytes:
    return to_int8(*make_integer_ready(graph, representative, lambda _line: None), plain_dense=True)


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`compiler(script)`: what `edgetpu_compiler` does when it is called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "edgetpu_compiler"
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def does(script: str) -> None:
        program.write_text(f"#!/bin/sh\n{script}")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    return does


def tells(mapped: int, *rows: str) -> str:
    text = LOG.format(total=mapped + len(rows), mapped=mapped, rows="\n".join(rows))
    return f"cat <<'END'\n{text}END\n"


def test_without_the_compiler_a_prediction_says_that_it_is_one(integers, lines, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    compiled = compile_for_edgetpu(integers, lines.append)
    assert compiled.content is None
    assert compiled.loss == ""
    assert compiled.figures == {"predicted_mac_share": 1.0, "predicted_on_cpu": [], "compiled": False}
    assert lines[0].startswith("Edge TPU, a prediction (edgetpu_compiler is not installed): ")
    assert "100.00 % of the multiply-accumulates" in lines[0]
    assert "install edgetpu_compiler" in lines[-1]


def test_what_is_compiled_and_what_stays_on_the_processor(integers, lines, compiler):
    compiler(MAKES_A_FILE + tells(99, "QUANTIZE                       1          Operation is otherwise supported"))
    compiled = compile_for_edgetpu(integers, lines.append)
    assert compiled.content == integers
    assert compiled.loss == ""
    assert compiled.figures["compiled"]
    assert compiled.figures["compiler"] == "Edge TPU Compiler version 16.0.384591198"
    assert compiled.figures["on_cpu"] == ["1 QUANTIZE: Operation is otherwise supported"]
    assert lines == ["Edge TPU: 99 of 100 operations mapped; not tested on a device"]


def test_more_on_the_processor_than_the_budget_is_a_loss(integers, lines, compiler):
    rows = ["MEAN                           6          More than one subgraph is not supported"]
    compiler(MAKES_A_FILE + tells(94, *rows))
    loss = compile_for_edgetpu(integers, lines.append).loss
    assert loss == "6 of 100 operations run on the processor instead of the Edge TPU, over the limit of 5 %"


def test_a_predicted_loss_is_one_too(float32, lines, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    loss = compile_for_edgetpu(float32, lines.append).loss
    assert "operations would run on the processor" in loss


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("kill -SEGV $$", r"crashed \(SIGSEGV\); take edgetpu_compiler off PATH"),
        ("echo Internal compiler error. Aborting! ; exit 1", "exit code 1: Internal compiler error. Aborting!"),
        ("echo Model not quantized", "exit code 0: Model not quantized"),
        ("exit 0", "exit code 0: it said nothing"),
        (MAKES_A_FILE + "echo fine", "its log has no table of operations"),
    ],
)
def test_a_compiler_that_fails_is_told_in_one_line(integers, lines, compiler, script, message):
    compiler(script)
    with pytest.raises(ModelError, match=f"edgetpu_compiler: .*{message}") as caught:
        compile_for_edgetpu(integers, lines.append)
    assert "\n" not in str(caught.value)


def test_a_compiler_that_hangs_is_ended_with_what_it_started(integers, lines, compiler, tmp_path):
    compiler(f"sleep 600 & echo $! > {tmp_path}/child; wait")
    with pytest.raises(ModelError, match=r"no end after 1 s; take edgetpu_compiler off PATH"):
        compile_for_edgetpu(integers, lines.append, timeout_s=1)
    child = Path("/proc") / (tmp_path / "child").read_text().strip()
    deadline_s = time.monotonic() + 60
    while child.exists() and "Z" not in (child / "stat").read_text().rsplit(")", 1)[1][:3]:
        assert time.monotonic() < deadline_s, "the compiler's child lives on"


def test_a_compiled_file_gets_its_signature_back(integers):
    parsed: Any = flatbuffer_utils.read_model_from_bytearray(bytearray(integers))
    parsed.signatureDefs = None
    again = with_signature(bytes(flatbuffer_utils.convert_object_to_bytearray(parsed)), Graph(integers))
    picture = np.full((1, 32, 32, 3), 90, np.uint8)
    for name, values in Runner(integers).run(pixels=picture).items():
        np.testing.assert_array_equal(Runner(again).run(pixels=picture)[name], values)
    parsed.subgraphs[0].tensors[parsed.subgraphs[0].outputs[0]].name = b"other"
    with pytest.raises(ModelError, match="its file lacks"):
        with_signature(bytes(flatbuffer_utils.convert_object_to_bytearray(parsed)), Graph(integers))


def test_the_log_of_an_older_compiler_is_read():
    log = "Operator Count Status\n\nCONV_2D 11 Mapped to Edge TPU\nQUANTIZE 1 More than one subgraph is not supported\n"
    assert read_log(log) == [
        ("CONV_2D", 11, "Mapped to Edge TPU"),
        ("QUANTIZE", 1, "More than one subgraph is not supported"),
    ]
