"""A network on a GPU: any with Vulkan, or OpenCL where the runtime's build has it, by ai-edge-litert's
`CompiledModel`.

The whole graph must fit. What the runtime gives back without an error is still looked at: a GPU that could not carry
out its commands leaves zeros. A bad driver can do worse, so `edge.inference.opening` tries it in another process first.
"""

import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.inference.quantization import Quantization
from edge.inference.tflite import SIGNATURE, Tensor, accelerator_runtime, first_line, quiet

NOWHERE: Final = "/nonexistent"
"""Where the runtime looks for plug-ins of other accelerators: it would try every one that it finds, with much ado."""


class GpuModel:
    """A model on the GPU. It keeps no state between runs; threads that share it take turns."""

    def __init__(self, compiled: Any, signature: str) -> None:
        self.inputs = _tensors(compiled.get_input_tensor_details(signature))
        self.outputs = _tensors(compiled.get_output_tensor_details(signature))
        self._compiled = compiled
        self._signature = signature
        self._entries = {name: compiled.create_input_buffer_by_name(signature, name) for name in self.inputs}
        self._answers = {name: compiled.create_output_buffer_by_name(signature, name) for name in self.outputs}
        self._lock = Lock()
        weakref.finalize(self, _close, compiled, [*self._entries.values(), *self._answers.values()])

    def run(self, values: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """Run the model once.

        Args:
            values: one array for each input, of its shape.

        Returns:
            a new array of real values, float32, for each output.

        Raises:
            ModelError: the GPU failed, or answered what no model answers.
        """
        try:
            with self._lock:
                found = self._run(values)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"the GPU failed: {first_line(error)}") from error
        if not all(np.isfinite(values).all() for values in found.values()) or not any(map(np.any, found.values())):
            raise ModelError("the GPU failed: it answered zeros or what is no number")
        return found

    def warm_up(self) -> None:
        """Run once whatever comes of it: the runtime finishes its preparations then."""
        self._run({name: np.ones(tensor.shape, tensor.dtype) for name, tensor in self.inputs.items()})

    def _run(self, values: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        for name, buffer in self._entries.items():
            buffer.write(values[name].astype(self.inputs[name].dtype, copy=False))
        self._compiled.run_by_name(self._signature, self._entries, self._answers)
        return {name: self._read(name) for name in self._answers}

    def _read(self, name: str) -> NDArray[np.float32]:
        shape = self.outputs[name].shape
        return np.asarray(self._answers[name].read(int(np.prod(shape)), np.float32), np.float32).reshape(shape)


def open_gpu(model: bytes) -> GpuModel:
    """Compile a TFLite file for the GPU, computing in float32.

    Raises:
        ModelError: there is no such runtime or no GPU, or it does not take the whole model.
    """
    with quiet() as held_back:
        found = _compiled(model)
    if isinstance(found, Exception):
        raise ModelError(f"no GPU takes the model: {_reason(held_back.text, found)}") from found
    return found


def _compiled(model: bytes) -> GpuModel | Exception:
    """The model, or what the runtime raised."""
    litert = accelerator_runtime()
    folder = str(Path(litert.__file__).parent)
    settings = litert.EnvironmentOptions(folder, compiler_plugin_path=NOWHERE, dispatch_library_path=NOWHERE)
    options = litert.Options(litert.HardwareAccelerator.GPU, gpu_options=litert.GpuOptions(enforce_f32=True))
    try:
        environment = litert.Environment.create(options=settings)
        compiled = litert.CompiledModel.from_buffer(model, environment=environment, options=options)
        if not compiled.is_fully_accelerated():
            raise ModelError("the GPU takes only a part of the model; convert it with --target gpu")
        signatures = list(compiled.get_signature_list())
        found = GpuModel(compiled, SIGNATURE if SIGNATURE in signatures else signatures[0])
        if any(tensor.dtype != np.float32 for tensor in found.outputs.values()):
            raise ModelError("a GPU gives no integers, which the model's outputs are; convert it with --target gpu")
        found.warm_up()
    except (RuntimeError, ValueError) as error:
        return error
    return found


def _close(compiled: Any, buffers: Sequence[Any]) -> None:
    """Let go of the GPU without the runtime's chatter, which comes at the exit too."""
    with quiet():
        for buffer in buffers:
            buffer.destroy()
        environment = compiled.environment
        compiled.close()
        environment.close()


def _tensors(details: Mapping[str, Mapping[str, Any]]) -> dict[str, Tensor]:
    return {
        name: Tensor(int(detail["index"]), tuple(detail["shape"]), np.dtype(detail["dtype"]), Quantization())
        for name, detail in details.items()
    }


def _reason(log: str, error: Exception) -> str:
    """The last error in what the runtime wrote; its exceptions name lines of its source only."""
    for line in reversed(log.splitlines()):
        _, is_error, text = line.partition("ERROR: [")
        if is_error and (said := text.partition("] ")[2].strip()):
            return said
    return first_line(error)
