"""The Edge TPU backend with delegates that work, fail and do harm; there is no hardware here.

The delegate is `libraries/delegate.c`, which lets the processor compute what it takes, so a file that Coral's compiler
has not touched can stand for one that it has.
"""

from pathlib import Path

import numpy as np
import pytest

from edge.bundle import Bundle
from edge.errors import ModelError
from edge.inference.model import open_model
from edge.inference.probe import probe

EDGETPU_FILE = "frame_edgetpu.tflite"
QUANTIZED = (Path(__file__).parent.parent / "models" / "frame_uint8.tflite").read_bytes()
PICTURE = np.full((1, 32, 32, 3), 120, np.uint8)


@pytest.fixture
def bundle(make_bundle):
    return Bundle.load(make_bundle("frame_uint8", files={EDGETPU_FILE: QUANTIZED}, precision="int8"))


@pytest.fixture
def expected(bundle):
    """What the processor answers."""
    return open_model(bundle).network.run(PICTURE)


@pytest.fixture
def open_with(bundle):
    """`open_with(library)`: the network, and the lines that were reported."""

    def open_network(library: Path | str):
        lines: list[str] = []
        options = {"library": str(library), "device": ""}
        return open_model(bundle, backends=("edgetpu",), edgetpu=options, report=lines.append).network, lines

    return open_network


def test_a_delegate_that_works_is_used(open_with, build_library, expected):
    network, lines = open_with(build_library("delegate"))
    assert (network.backend, lines) == ("edgetpu", [])
    found = network.run(PICTURE)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        ("ABSENT", "no device on the bus"),
        ("REFUSES", "compiled for another device"),
        ("CRASH", "its driver killed the process that tried it"),
    ],
)
def test_what_cannot_be_used_is_told_and_the_processor_taken(open_with, build_library, expected, definition, reason):
    network, lines = open_with(build_library("delegate", definition))
    assert network.backend == "cpu"
    assert len(lines) == 1
    assert lines[0].startswith("backend edgetpu: ")
    assert reason in lines[0]
    assert reason in network.fields()["refused"]["edgetpu"]
    np.testing.assert_array_equal(network.run(PICTURE)["probabilities"], expected["probabilities"])


def test_a_delegate_that_hangs_is_given_up(build_library):
    with pytest.raises(ModelError, match="no answer within 3 s"):
        probe("edgetpu", QUANTIZED, QUANTIZED, {"library": str(build_library("delegate", "HANG"))}, timeout_s=3)


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        ("/no/such/libedgetpu.so.1", "/no/such/libedgetpu.so.1: cannot open shared object file"),
        ("libc.so.6", "libc.so.6: makes no delegates"),
        ("/etc/os-release", "/etc/os-release: "),
    ],
)
def test_a_library_that_is_absent_or_none_is_told(open_with, library, reason):
    network, lines = open_with(library)
    assert network.backend == "cpu"
    assert reason in lines[0]
    assert "\n" not in lines[0]


def test_one_that_fails_later_is_replaced_and_no_picture_is_lost(open_with, build_library, expected):
    network, lines = open_with(build_library("delegate", "FAILS_AT=3"))
    names = []
    for _ in range(4):
        np.testing.assert_array_equal(network.run(PICTURE)["probabilities"], expected["probabilities"])
        names.append(network.backend)
    assert names == ["edgetpu", "edgetpu", "cpu", "cpu"]
    assert len(lines) == 1
    assert "the device was unplugged" in lines[0]
    assert lines[0].endswith("; goes on with cpu")


def test_a_bundle_without_the_compiled_file_is_told(make_bundle):
    lines: list[str] = []
    bundle = Bundle.load(make_bundle("frame_uint8", precision="int8"))
    assert open_model(bundle, backends=("edgetpu",), report=lines.append).network.backend == "cpu"
    assert "convert it with --target edgetpu" in lines[0]


def test_a_file_of_another_model_is_not_used(make_bundle, build_library):
    other = (Path(__file__).parent.parent / "models" / "colours.tflite").read_bytes()
    bundle = Bundle.load(make_bundle("frame_uint8", files={EDGETPU_FILE: other}, precision="int8"))
    options = {"library": str(build_library("delegate")), "device": "usb"}
    lines: list[str] = []
    assert open_model(bundle, backends=("edgetpu",), edgetpu=options, report=lines.append).network.backend == "cpu"
    assert "instead of" in lines[0]
