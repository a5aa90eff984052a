"""Answers pictures on the GPU and on the processor: `gpu_child.py MODEL.tflite PICTURES.npy OUT.json`.

A program of its own, so that its memory is the box's and a driver that dies takes nothing else with it.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from edge.inference.gpu import open_gpu
from edge.inference.tflite import open_interpreter
from edge.system.stats import resident_mb


def main(model: Path, pictures: Path, out: Path) -> None:
    content, frames = model.read_bytes(), np.load(pictures)
    begin_s = time.perf_counter()
    gpu = open_gpu(content)
    opened_s = time.perf_counter() - begin_s
    (name,) = gpu.inputs
    found, durations_s = [], []
    for frame in frames:
        entry = frame[np.newaxis].astype(gpu.inputs[name].dtype)
        begin_s = time.perf_counter()
        found.append(gpu.run({name: entry}))
        durations_s.append(round(time.perf_counter() - begin_s, 5))
    memory_mb = resident_mb()
    cpu = open_interpreter(content)
    differences = []
    for frame, answer in zip(frames, found, strict=True):
        expected = cpu.run({name: frame[np.newaxis].astype(cpu.inputs[name].dtype)})
        differences.append(max(relative(answer[key], values) for key, values in expected.items()))
    evidence = {"opened_s": opened_s, "frame_s": durations_s, "memory_mb": memory_mb, "differences": differences}
    out.write_text(json.dumps(evidence))


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, over the largest value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
