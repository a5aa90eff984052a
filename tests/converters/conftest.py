"""A small Keras model of the kind that is converted: mobile blocks with depthwise convolution, swish and squeeze and
excitation, at 32 x 32 pixels, untrained; and a recurrent head."""

import resource
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bundle import AlertSpec, HeadName, InputSpec

LABELS = ("normal", "fall", "violence")
N_FEATURES = 24
N_STATE = 6


@dataclass
class SmallTrained:
    """What training would have made."""

    frame: Any
    head: Any = None
    window: Any = None
    person: Any = None
    combine: dict[str, dict[HeadName, float]] = field(default_factory=dict)
    labels: tuple[str, ...] = LABELS
    input: InputSpec = field(default_factory=lambda: InputSpec(height_px=32, width_px=32, stream="motion"))
    window_s: float = 2.0
    alerts: dict[str, AlertSpec] = field(default_factory=lambda: {"fall": AlertSpec()})
    thresholds: dict[str, float] = field(default_factory=dict)
    video_rules: dict[str, str] = field(default_factory=dict)


def _pictures(n: int, seed: int) -> NDArray[np.uint8]:
    """Smooth colourful pictures (n, 32, 32, 3) that reach 0 and 255."""
    import cv2

    rough = np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)
    return np.stack([cv2.resize(picture, (32, 32), interpolation=cv2.INTER_CUBIC) for picture in rough])


@pytest.fixture(scope="session")
def representative():
    return _pictures(24, seed=1)


@pytest.fixture(scope="session")
def held_out():
    return _pictures(12, seed=2)


@pytest.fixture(scope="session")
def frame_model():
    import keras

    keras.utils.set_random_seed(5)
    layers = keras.layers
    entry = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(entry)
    x = layers.Conv2D(16, 3, strides=2, padding="same", name="stem_conv")(x)
    x = layers.Activation("swish")(layers.BatchNormalization()(x))
    for index in (1, 2):
        x = _block(x, index)
    x = layers.Activation("swish")(layers.Conv2D(N_FEATURES, 1, name="top_conv")(x))
    features = layers.GlobalAveragePooling2D(name="features")(x)
    probabilities = layers.Dense(len(LABELS), activation="sigmoid", kernel_initializer="random_normal")(features)
    return keras.Model(entry, {"features": features, "probabilities": probabilities})


def _block(x: Any, index: int) -> Any:
    import keras

    layers = keras.layers
    inside = layers.Activation("swish")(layers.Conv2D(32, 1, name=f"block{index}_expand_conv")(x))
    inside = layers.DepthwiseConv2D(3, padding="same", name=f"block{index}_dwconv")(inside)
    inside = layers.Activation("swish")(layers.BatchNormalization()(inside))
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(inside)
    squeezed = layers.Conv2D(8, 1, activation="swish")(squeezed)
    squeezed = layers.Conv2D(32, 1, activation="sigmoid")(squeezed)
    inside = layers.Conv2D(16, 1, name=f"block{index}_project_conv")(layers.Multiply()([inside, squeezed]))
    return layers.Add()([x, inside])


@pytest.fixture(scope="session")
def head_model():
    import keras

    keras.utils.set_random_seed(6)
    features = keras.Input((N_FEATURES,), name="features")
    state = keras.Input((N_STATE,), name="state")
    new, _ = keras.layers.GRUCell(N_STATE)(features, [state])
    probabilities = keras.layers.Dense(len(LABELS), activation="softmax")(new)
    return keras.Model(
        {"features": features, "state": state},
        {"probabilities": probabilities, "next_state": keras.layers.Identity()(new)},
    )


@pytest.fixture(scope="session")
def trained(frame_model):
    """The small frame model alone, as training hands it over; `dataclasses.replace` changes it."""
    return SmallTrained(frame_model)


@pytest.fixture(scope="session")
def float32(frame_model):
    """The small frame model as float32 TFLite."""
    from converters.export import export_frame

    return export_frame(frame_model, SmallTrained(frame_model).input)


@pytest.fixture(scope="session")
def graph(float32):
    from converters.graph import Graph

    return Graph(float32)


@pytest.fixture
def make_graph():
    """`make_graph(make_features, make_probabilities)`: the float32 graph of a frame model; each makes a tensor of the
    one before."""
    import keras

    from converters.export import export_frame
    from converters.graph import Graph

    def make(make_features: Any, make_probabilities: Any) -> Any:
        keras.utils.set_random_seed(7)
        entry = keras.Input((32, 32, 3))
        x = keras.layers.Conv2D(12, 3, strides=4, name="stem_conv")(keras.layers.Rescaling(1 / 255)(entry))
        features = make_features(x)
        model = keras.Model(entry, {"features": features, "probabilities": make_probabilities(features)})
        return Graph(export_frame(model, InputSpec(height_px=32, width_px=32)))

    return make


@pytest.fixture(scope="session")
def calibration(graph, representative):
    from converters.calibration import calibrate

    return calibrate(graph, representative)


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """A context in which no file grows over so many bytes: a limit of the process in place of a disk's."""

    @contextmanager
    def limited(n_bytes: int) -> Generator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
