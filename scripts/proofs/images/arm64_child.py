"""Run a model some times on noise, in a process of its own: `python arm64_child.py MODEL N OUT`; answers go to OUT."""

import sys
from pathlib import Path

import numpy as np

from edge.inference.tflite import open_interpreter

SEED = 0

if __name__ == "__main__":
    model, n_runs, out = sys.argv[1:]
    interpreter = open_interpreter(Path(model).read_bytes())
    chance = np.random.default_rng(SEED)
    values = {
        name: chance.integers(0, 128, tensor.shape).astype(tensor.dtype) for name, tensor in interpreter.inputs.items()
    }
    answers = interpreter.run(values)
    for _ in range(int(n_runs) - 1):
        interpreter.runtime.invoke()
    np.savez(out, allow_pickle=False, **answers)
