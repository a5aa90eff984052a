"""What two networks take of an Edge TPU's memory."""

import pytest

from converters.edgetpu_memory import memory_line, parameter_bytes, shared_memory
from edge.bundle import BUILTIN


def test_parameters_are_weights_and_biases_once():
    """Keras counts 4,049,571 parameters of EfficientNetB0 without its classifier, batch norms among them."""
    scene, people = ((BUILTIN / name).read_bytes() for name in ("frame.tflite", "pose.tflite"))
    assert parameter_bytes(scene) == pytest.approx(4_049_571, rel=0.01)
    assert parameter_bytes(scene) < parameter_bytes(people) < len(people)


def test_two_networks_that_do_not_fit_are_told_with_what_is_fetched():
    scene, people = ((BUILTIN / name).read_bytes() for name in ("frame.tflite", "pose.tflite"))
    memory = shared_memory(scene, people, (5.0, 10.0))
    together = memory["scene_bytes"] + memory["people_bytes"]
    assert memory["over_bytes"] == together - 8_000_000 > 0
    assert memory["reloaded_bytes_per_s"] == 5 * together
    line = memory_line(memory)
    assert line.startswith("Edge TPU, an estimate: parameters of 4.8 MB (people) and 4.1 MB (scene), and about 8 MB on")
    assert "up to 44 MB/s; compiled together, the people network first, 0.9 MB of the scene network's would " in line


def test_two_that_fit_stay():
    memory = {"scene_bytes": 2e6, "people_bytes": 5e6, "cache_bytes": 8e6, "over_bytes": 0, "reloaded_bytes_per_s": 7e6}
    assert memory_line(memory).endswith("compiled together, the people network first, all would stay on the chip")
