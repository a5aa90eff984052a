"""Makes the models of the tests of backends, aggregation and pipeline. Needs tensorflow.

    python tests/edge/models/make_tiny.py

`frame_float.tflite`, `frame_uint8.tflite` (integer only, uint8 in and out): the mean colour x of a picture (1, 32, 32,
3), from 0 to 1; features = relu(x A + a) (1, 4); probabilities = sigmoid(features B + b) (1, 3).

`frame_dim.tflite`: the same, calibrated with pictures that reach no further than 127, so that its input is scaled.

`head.tflite`: a GRU step of 2 units without biases, features (1, 4) and state (1, 2) to probabilities (1, 3) =
softmax(next_state V) and next_state (1, 2) = z state + (1 - z) n, where z = sigmoid(f Wz + state Uz), r = sigmoid(f Wr
+ state Ur), n = tanh(f Wn + (r state) Un).

`window.tflite`: steps (1, 3, 4) to probabilities (1, 3) = softmax(s W), s = step 0 + 2 step 1 + 3 step 2.

Weights are `grid(rows, columns, seed)`; the tests work the outputs out with numpy from the same formula.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent


def grid(rows: int, columns: int, seed: int) -> np.ndarray:
    """Small weights with nothing regular about them, and no random generator behind them."""
    return np.array(
        [[((7 * i + 5 * j + 3 * seed) % 11 - 5) / 4 for j in range(columns)] for i in range(rows)], np.float32
    )


class Frame(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((1, 32, 32, 3), tf.float32, name="pixels")])
    def serve(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        colour = tf.reduce_mean(pixels, axis=(1, 2)) / 255.0  # (1, 3)
        features = tf.nn.relu(tf.matmul(colour, grid(3, 4, 1)) + grid(1, 4, 2)[0])
        return {
            "features": features,
            "probabilities": tf.sigmoid(tf.matmul(features, grid(4, 3, 3)) + grid(1, 3, 4)[0]),
        }


class Head(tf.Module):
    @tf.function(
        input_signature=[
            tf.TensorSpec((1, 4), tf.float32, name="features"),
            tf.TensorSpec((1, 2), tf.float32, name="state"),
        ]
    )
    def serve(self, features: tf.Tensor, state: tf.Tensor) -> dict[str, tf.Tensor]:
        update = tf.sigmoid(tf.matmul(features, grid(4, 2, 5)) + tf.matmul(state, grid(2, 2, 6)))
        reset = tf.sigmoid(tf.matmul(features, grid(4, 2, 7)) + tf.matmul(state, grid(2, 2, 8)))
        new = tf.tanh(tf.matmul(features, grid(4, 2, 9)) + tf.matmul(reset * state, grid(2, 2, 10)))
        next_state = update * state + (1.0 - update) * new
        return {"probabilities": tf.nn.softmax(tf.matmul(next_state, grid(2, 3, 11))), "next_state": next_state}


class Window(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((1, 3, 4), tf.float32, name="steps")])
    def serve(self, steps: tf.Tensor) -> dict[str, tf.Tensor]:
        weighted = tf.reduce_sum(steps * tf.reshape(tf.constant([1.0, 2.0, 3.0]), (1, 3, 1)), axis=1)
        return {"probabilities": tf.nn.softmax(tf.matmul(weighted, grid(4, 3, 12)))}


def representative(brightest: float) -> Iterator[list[np.ndarray]]:
    """Plain pictures of every corner of the colour cube, so that inputs reach 0 and the brightest."""
    for corner in range(8):
        colour = [brightest * (corner >> bit & 1) for bit in range(3)]
        yield [np.tile(np.array(colour, np.float32), (1, 32, 32, 1))]


def integer_only(brightest: float) -> bytes:
    converter = converter_of(Frame())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: representative(brightest)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    return converter.convert()


def converter_of(module: Any) -> tf.lite.TFLiteConverter:
    return tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)


def main() -> None:
    (HERE / "frame_float.tflite").write_bytes(converter_of(Frame()).convert())
    (HERE / "head.tflite").write_bytes(converter_of(Head()).convert())
    (HERE / "window.tflite").write_bytes(converter_of(Window()).convert())
    (HERE / "frame_uint8.tflite").write_bytes(integer_only(255.0))
    (HERE / "frame_dim.tflite").write_bytes(integer_only(127.0))


if __name__ == "__main__":
    main()
