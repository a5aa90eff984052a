"""What conversion makes for GPUs gives there what it gives on the processor."""

import numpy as np
import pytest

from converters.quantize import to_float16, to_float32
from edge.inference.gpu import open_gpu
from edge.inference.tflite import open_interpreter


@pytest.mark.usefixtures("software_gpu")
@pytest.mark.parametrize("make", [to_float32, to_float16])
def test_a_network_of_mobile_blocks_answers_as_on_the_processor(graph, held_out, make):
    content = make(graph)
    gpu, cpu = open_gpu(content), open_interpreter(content)
    for picture in held_out:
        found, expected = gpu.run({"pixels": picture[None]}), cpu.run({"pixels": picture[None]})
        for name, values in expected.items():
            assert np.abs(found[name] - values).max() <= 1e-3 * np.abs(values).max()
