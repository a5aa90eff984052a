"""The one module that imports the TFLite runtime: ai-edge-litert, or tflite-runtime 2.14 (which Coral needs).

Tensors are named as in the model's signature. Both runtimes' interpreters take the same calls, so they differ only in
where they are imported from.
"""

import ctypes
import os
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.inference.quantization import Quantization, dequantize, quantize

SIGNATURE = "serving_default"
STDOUT, STDERR = 1, 2
DELEGATE_FUNCTION = "tflite_plugin_create_delegate"


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
            raise ModelError(f"the TFLite runtime failed: {first_line(error)}") from error
        return {name: _out_of(self.outputs[name], answer) for name, answer in answers.items()}


def open_interpreter(model: bytes, threads: int = 1, name: str = "model.tflite", delegate: Any = None) -> Interpreter:
    """Make a model ready to run.

    Args:
        model: the content of a TFLite file with at least one signature.
        threads: how many the runtime may use.
        name: the file's, for messages.
        delegate: of `load_delegate`; takes the operations that it can.

    Raises:
        ModelError: no runtime is installed, the file is damaged, or it has no signature.
    """
    runtime_class = _runtime().Interpreter
    delegates = None if delegate is None else [delegate]
    try:
        with quiet_stderr():
            runtime = runtime_class(model_content=model, num_threads=threads, experimental_delegates=delegates)
            runtime.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{name}: not a model that runs here ({first_line(error)}); convert it again") from error
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
    return str(_runtime().__name__).partition(".")[0]


def load_delegate(library: str, options: Mapping[str, str]) -> Any:
    """Load a shared library that makes a delegate, such as libedgetpu.

    Raises:
        ModelError: no runtime is installed, the library is absent or none, or there is no device for it.
    """
    try:
        # Tried first by itself: where this fails, the runtime leaves half an object behind.
        if not hasattr(ctypes.PyDLL(library), DELEGATE_FUNCTION):
            raise ModelError(f"{library}: makes no delegates ({DELEGATE_FUNCTION} is missing)")
        with quiet_stderr():
            return _runtime().load_delegate(library, dict(options))
    except OSError as error:
        raise ModelError(f"{library}: {first_line(error).removeprefix(f'{library}: ')}") from error
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[2].strip() or "it finds no device; is one plugged in, may this user use it?"
        raise ModelError(f"{library}: {reason}") from error


def accelerator_runtime() -> Any:
    """Import what ai-edge-litert has for accelerators beside delegates, `CompiledModel` and its settings.

    Raises:
        ModelError: it is not here.
    """
    try:
        from ai_edge_litert import compiled_model  # pyright: ignore[reportMissingTypeStubs]  # noqa: PLC0415
    except ImportError as error:
        raise ModelError("there is no runtime for GPUs; install ai-edge-litert") from error
    return cast("Any", compiled_model)


def _runtime() -> Any:
    """Import the runtime when it is first needed, so that configuration errors come before it."""
    try:
        from ai_edge_litert import interpreter as runtime  # pyright: ignore[reportMissingTypeStubs]  # noqa: PLC0415
    except ImportError:
        try:
            import tflite_runtime.interpreter as runtime  # pyright: ignore  # noqa: PGH003, PLC0415
        except ImportError as error:
            raise ModelError("no TFLite runtime: install ai-edge-litert (or tflite-runtime 2.14)") from error
    return cast("Any", runtime)


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
    if tensor.dtype.kind == "f":
        return values.astype(np.float32, copy=False)
    return dequantize(values, tensor.quantization)


def first_line(error: Exception) -> str:
    """What an exception of the runtime says first; the rest is where in its source it was."""
    return str(error).strip().partition("\n")[0]


@dataclass(slots=True)
class HeldBack:
    """What was written meanwhile; known when the context is over."""

    text: str = ""


@contextmanager
def quiet_stderr() -> Generator[HeldBack]:
    """Hold back what the runtime writes while it starts (which delegate it made): nothing a user can act on.

    It writes to the descriptor, past Python; what it cannot do comes as an exception.
    """
    with _held_back(sys.stderr, STDERR) as held_back:
        yield held_back


@contextmanager
def quiet() -> Generator[HeldBack]:
    """The same where it writes to standard output too, by the buffer of the C library."""
    flush = ctypes.CDLL(None).fflush
    with _held_back(sys.stderr, STDERR) as held_back, _held_back(sys.stdout, STDOUT):
        flush(None)
        try:
            yield held_back
        finally:
            flush(None)


@contextmanager
def _held_back(stream: TextIO, descriptor: int) -> Generator[HeldBack]:
    stream.flush()
    saved, held_back = os.dup(descriptor), HeldBack()
    with tempfile.TemporaryFile() as file:
        try:
            os.dup2(file.fileno(), descriptor)
            yield held_back
        finally:
            os.dup2(saved, descriptor)
            os.close(saved)
            file.seek(0)
            held_back.text = file.read().decode(errors="replace")
