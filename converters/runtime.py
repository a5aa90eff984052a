"""Runs TFLite files on one thread, for the figures of search and verification."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

MS_PER_S = 1000.0
BURST_S = 0.03
"""One measurement lasts about this long, so that a pause of the machine does not decide it."""
N_ROUNDS = 7


class Runner:
    """An interpreter on one thread, inputs and outputs by signature name."""

    def __init__(self, model: bytes) -> None:
        self._interpreter = Interpreter(model_content=model, num_threads=1)
        self._interpreter.allocate_tensors()
        self._signature: Any = None  # made when it is needed: while there is one, plain `invoke` is refused

    def run(self, **inputs: NDArray[np.generic]) -> dict[str, NDArray[np.float32]]:
        """Run once; integer outputs are given back as the real numbers that they stand for."""
        if self._signature is None:
            self._signature = self._interpreter.get_signature_runner()
        details = self._signature.get_output_details()
        outputs = self._signature(**inputs)
        return {name: dequantize(value, *details[name]["quantization"]) for name, value in outputs.items()}

    def frames(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Run pictures (n, height, width, 3) through a frame model; outputs stacked to (n, width of the output)."""
        entry = self._interpreter.get_input_details()[0]
        name = next(iter(self._interpreter.get_signature_list().values()))["inputs"][0]
        answers = [self.run(**{name: picture[None].astype(entry["dtype"])}) for picture in pictures]
        return {key: np.concatenate([answer[key] for answer in answers]) for key in answers[0]}

    def run_part(self, tensors: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """Run a file that was cut out of a graph: inputs and outputs by tensor name, as real numbers."""
        for entry in self._interpreter.get_input_details():
            self._interpreter.set_tensor(entry["index"], quantize(tensors[entry["name"]], entry))
        self._interpreter.invoke()
        return {
            answer["name"]: dequantize(self._interpreter.get_tensor(answer["index"]), *answer["quantization"])
            for answer in self._interpreter.get_output_details()
        }

    def input_names(self) -> set[str]:
        """Names of the input tensors."""
        return {entry["name"] for entry in self._interpreter.get_input_details()}

    def input_quantization(self) -> tuple[str, float, int]:
        """Dtype, scale and zero point of the first input."""
        entry = self._interpreter.get_input_details()[0]
        return np.dtype(entry["dtype"]).name, float(entry["quantization"][0]), int(entry["quantization"][1])

    def fill(self) -> None:
        """Set every input to noise of a plausible size, for timing."""
        chance = np.random.default_rng(0)
        for entry in self._interpreter.get_input_details():
            spread = 1.0 if entry["dtype"] == np.float32 else 40.0
            noise = chance.normal(0, spread, entry["shape"])
            noise = np.abs(noise) if entry["dtype"] == np.uint8 else noise
            self._interpreter.set_tensor(entry["index"], noise.astype(entry["dtype"]))

    def burst(self, n_runs: int) -> float:
        """Mean milliseconds of processor time of `n_runs` runs in a row."""
        start = time.process_time()
        for _ in range(n_runs):
            self._interpreter.invoke()
        return (time.process_time() - start) / n_runs * MS_PER_S


def quantize(values: NDArray[np.float32], entry: Mapping[str, Any]) -> NDArray[np.generic]:
    """What an input takes for real numbers; float ones pass."""
    if not np.issubdtype(entry["dtype"], np.integer):
        return values
    scale, zero_point = entry["quantization"]
    limits = np.iinfo(entry["dtype"])
    return np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max).astype(entry["dtype"])


def dequantize(values: NDArray[np.generic], scale: float, zero_point: int) -> NDArray[np.float32]:
    """Real numbers of quantized values; float ones pass."""
    if np.issubdtype(values.dtype, np.floating):
        return values.astype(np.float32)
    return (values.astype(np.float32) - zero_point) * np.float32(scale)


def latencies(models: Sequence[bytes], n_rounds: int = N_ROUNDS, burst_s: float = BURST_S) -> NDArray[np.float64]:
    """Milliseconds of each model in each round, one thread: (n_rounds, n_models).

    The models take turns, so that what slows the machine down slows all of them; take medians of ratios.
    """
    runners = [Runner(model) for model in models]
    n_runs = []
    for runner in runners:
        runner.fill()
        runner.burst(2)
        n_runs.append(max(1, round(burst_s * MS_PER_S / max(runner.burst(2), 1e-3))))
    return np.array([[runner.burst(n) for runner, n in zip(runners, n_runs, strict=True)] for _ in range(n_rounds)])


def signal_to_noise_db(reference: NDArray[np.float32], values: NDArray[np.float32]) -> float:
    """Power of the reference over the power of the difference, in decibels."""
    noise = float(np.square(reference.astype(np.float64) - values).sum())
    signal = float(np.square(reference.astype(np.float64)).sum())
    return 10.0 * float(np.log10(max(signal, 1e-30) / max(noise, 1e-30)))
