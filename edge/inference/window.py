"""Heads that look at a whole window at once: at each step the last samples go in together.

Its one input, `steps`, is float32 (1, n_steps, n_features): of each sample its pixels as they are (where the
scene network has no file), or that network's features. Its output is `probabilities` (1, n_labels). Until the window is
full, and after a gap longer than it, the oldest sample stands for those that are missing, as in training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, SceneHeadSpec
from edge.errors import ModelError
from edge.inference.quantization import Quantization
from edge.inference.tflite import Interpreter, Tensor, open_interpreter
from edge.types import NS_PER_S, Inference, Scores, Vector

STEPS_INPUT: Final = "steps"


class PixelModel:
    """Stands where a frame model would: the pixels are the features. One picture alone says nothing, so its labels
    share evenly."""

    def __init__(self, height_px: int, width_px: int, n_labels: int) -> None:
        shapes = {"features": (1, height_px * width_px * 3), "probabilities": (1, n_labels)}
        self.inputs = {"pixels": Tensor(0, (1, height_px, width_px, 3), np.dtype(np.uint8), Quantization())}
        self.outputs = {
            name: Tensor(index, shape, np.dtype(np.float32), Quantization())
            for index, (name, shape) in enumerate(shapes.items())
        }

    def run(self, values: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """Flatten uint8 (1, height, width, 3)."""
        shape = self.outputs["probabilities"].shape
        pixels = values["pixels"].astype(np.float32).reshape(1, -1)
        return {"features": pixels, "probabilities": np.full(shape, 1 / shape[1], np.float32)}


@dataclass(frozen=True, slots=True)
class StepsState:
    """The samples of the window until now, oldest first."""

    times_ns: tuple[int, ...] = ()
    features: tuple[Vector, ...] = ()


class StepsAggregator:
    """Runs the window model over the last samples, at every sample."""

    def __init__(self, window: Interpreter, window_s: float) -> None:
        self._window = window
        self._n_steps = window.inputs[STEPS_INPUT].shape[1]
        self._window_ns = round(window_s * NS_PER_S)

    def initial_state(self) -> StepsState:
        return StepsState()

    def step(self, inference: Inference, state: StepsState) -> tuple[Scores, StepsState]:
        """Take one more sample.

        Raises:
            ModelError: the runtime failed.
        """
        now_ns = inference.capture_ns
        if state.times_ns and now_ns - state.times_ns[-1] > self._window_ns:
            state = self.initial_state()
        times_ns = (*state.times_ns, now_ns)[-self._n_steps :]
        features = (*state.features, inference.features)[-self._n_steps :]
        missing = (features[0],) * (self._n_steps - len(features))
        steps = np.stack([*missing, *features])[np.newaxis]  # (1, n_steps, n_features)
        probabilities = self._window.run({STEPS_INPUT: steps})["probabilities"][0]
        return Scores(probabilities, times_ns[0], now_ns), StepsState(times_ns, features)


def open_window(bundle: Bundle, head: SceneHeadSpec, threads: int) -> Interpreter:
    """Open and check a head of kind `window`.

    Raises:
        ModelError: it cannot run here or does not fit.
    """
    assert head.file is not None
    spec, scene = bundle.spec, bundle.spec.networks.scene
    window = open_interpreter(bundle.files[head.file], threads, head.file)
    if set(window.inputs) != {STEPS_INPUT}:
        raise ModelError(f"{head.file}: inputs: has {sorted(window.inputs)}, needs {STEPS_INPUT!r}; convert it again")
    shape, width = window.inputs[STEPS_INPUT].shape, len(scene.input.streams) * scene.n_features
    if len(shape) != 3 or shape[0] != 1 or shape[2] != width:
        raise ModelError(
            f"{head.file}: {STEPS_INPUT}: shape is {shape}, networks.scene.n_features of bundle.json says "
            f"(1, n_steps, {width}); the files are of different models, convert it again"
        )
    labels = window.outputs.get("probabilities")
    if labels is None or labels.shape != (1, len(spec.labels)):
        raise ModelError(
            f"{head.file}: probabilities: labels of bundle.json says (1, {len(spec.labels)}); convert it again"
        )
    return window
