"""Makes `colours.tflite`: a frame model that calls green pictures a fall and red ones violence. Needs tensorflow.

    python tests/edge/models/make_colours.py

Input uint8 (1, 32, 32, 3); outputs `features`, the mean colour from 0 to 1 (1, 3), and `probabilities` of normal, fall
and violence (1, 3): fall = clip(green - blue), violence = clip(red - blue), normal = 1 - the larger of them.
"""

from pathlib import Path
from typing import Any

import tensorflow as tf


class Colours(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((1, 32, 32, 3), tf.uint8, name="pixels")])
    def serve(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        colour = tf.reduce_mean(tf.cast(pixels, tf.float32), axis=(1, 2)) / 255.0  # (1, 3)
        red, green, blue = tf.split(colour, 3, axis=1)
        fall = tf.clip_by_value(green - blue, 0.0, 1.0)
        violence = tf.clip_by_value(red - blue, 0.0, 1.0)
        normal = 1.0 - tf.maximum(fall, violence)
        return {"features": colour, "probabilities": tf.concat([normal, fall, violence], axis=1)}


def main() -> None:
    module: Any = Colours()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    Path(__file__).with_name("colours.tflite").write_bytes(converter.convert())


if __name__ == "__main__":
    main()
