"""The one module that imports the TFLite runtime: ai-edge-litert, or tflite-runtime 2.14 (which Coral needs).

Tensors are named as in the model's signature. Both runtimes' interpreters take the same calls, so they differ only in
where they are imported from.
"""

import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from edge.backends.quantization import Quantization, dequantize, quantize
from edge.errors import ModelError

SIGNATURE = "serving_default"


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a model."""

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    quantization: Quantization


class Interpreter:
    """A model that is ready to run. It keeps no state between runs; threads that share it take turns."""

    def __init__(self, runtime: Any, inputs: dict[str, Tensor], outputs: dict[str, Tensor]) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.runtime = runtime
        """The runtime's own interpreter, to measure against; not locked."""
        self._lock = Lock()

    def run(self, values: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """Run the model once.

        Args:
            values: one array for each input, of its shape: of its dtype, passed as it is, or real values.

        Returns:
            a new array of real values, float32, for each output.

        Raises:
            ModelError: the runtime refuses or fails.
        """
        try:
            with self._lock:
                for name, tensor in self.inputs.items():
                    self.runtime.set_tensor(tensor.index, _into(tensor, values[name]))
                self.runtime.invoke()
                answers = {name: self.runtime.get_tensor(tensor.index) for name, tensor in self.outputs.items()}
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"the TFLite runtime failed: {_first_line(error)}") from error
        return {name: _out_of(self.outputs[name], answer) for name, answer in answers.items()}


def open_interpreter(model: bytes, threads: int = 1, name: str = "model.tflite") -> Interpreter:
    """Make a model ready to run.

    Args:
        model: the content of a TFLite file with at least one signature.
        threads: how many the runtime may use.
        name: the file's, for messages.

    Raises:
        ModelError: no runtime is installed, the file is damaged, or it has no signature.
    """
    runtime_class = _runtime_class()
    try:
        with _quiet_stderr():
            runtime = runtime_class(model_content=model, num_threads=threads)
            runtime.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{name}: not a model that runs here ({_first_line(error)}); convert it again") from error
    signatures = list(runtime.get_signature_list())
    if not signatures:
        raise ModelError(f"{name}: has no signature; convert it again from a saved model")
    # The runner is dropped at once: the interpreter refuses to run while another object refers to its inside.
    runner = runtime.get_signature_runner(SIGNATURE if SIGNATURE in signatures else signatures[0])
    inputs, outputs = _tensors(runner.get_input_details()), _tensors(runner.get_output_details())
    del runner
    return Interpreter(runtime, inputs, outputs)


def runtime_name() -> str:
    """Name the runtime that is in use, for stats and records.

    Raises:
        ModelError: none is installed.
    """
    return str(_runtime_class().__module__).partition(".")[0]


def _runtime_class() -> Any:
    """Import the runtime when it is first needed, so that configuration errors come before it."""
    try:
        from ai_edge_litert import interpreter as runtime  # pyright: ignore[reportMissingTypeStubs]  # noqa: PLC0415
    except ImportError:
        try:
            import tflite_runtime.interpreter as runtime  # pyright: ignore  # noqa: PGH003, PLC0415
        except ImportError as error:
            raise ModelError("no TFLite runtime: install ai-edge-litert (or tflite-runtime 2.14)") from error
    return cast("Any", runtime).Interpreter


def _tensors(details: Mapping[str, Mapping[str, Any]]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, detail in details.items():
        scale, zero_point = detail["quantization"]
        tensors[name] = Tensor(
            index=int(detail["index"]),
            shape=tuple(int(size) for size in detail["shape"]),
            dtype=np.dtype(detail["dtype"]),
            quantization=Quantization(float(scale), int(zero_point)),
        )
    return tensors


def _into(tensor: Tensor, values: NDArray[np.generic]) -> NDArray[np.generic]:
    if values.dtype == tensor.dtype:
        return values
    if tensor.dtype.kind == "f":
        return values.astype(tensor.dtype)
    return quantize(values, tensor.quantization, tensor.dtype)


def _out_of(tensor: Tensor, values: NDArray[np.generic]) -> NDArray[np.float32]:
    return (
        values.astype(np.float32, copy=False) if tensor.dtype.kind == "f" else dequantize(values, tensor.quantization)
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


@contextmanager
def _quiet_stderr() -> Generator[None]:
    """Hold back what the runtime writes while it starts (which delegate it made): nothing a user can act on.

    It writes to the descriptor, past Python; what it cannot do comes as an exception.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
