"""What cannot be translated is named, with its layer."""

import pytest

from converters.quantize import quantizer, to_float16
from edge.errors import ModelError


def test_an_operation_that_tflite_does_not_have_is_named(make_graph):
    import keras
    import tensorflow as tf

    class Odd(keras.layers.Layer):
        def call(self, x):
            squares = tf.linalg.inv(tf.transpose(x, (0, 3, 1, 2)))
            return tf.transpose(squares, (0, 2, 3, 1))

    with pytest.raises(ModelError, match=r"MatrixInverse of layer odd.*: TFLite has no such operation"):
        make_graph(lambda x: keras.layers.GlobalAveragePooling2D()(Odd(name="odd")(x)), keras.layers.Dense(3))


def test_what_the_quantizer_refuses_is_named(graph, monkeypatch):
    said = f"Tensor {graph.operations[3].output} can not be both quantized and unquantized\nand more"

    def refuse(*_, **__):
        raise ValueError(said)

    monkeypatch.setattr(quantizer.Quantizer, "quantize", refuse)
    with pytest.raises(
        ModelError, match=f"{graph.operations[3].name} of layer .*: litert-quantizer refuses it"
    ) as caught:
        to_float16(graph)
    assert "\n" not in str(caught.value)
    said = "no recipe"
    with pytest.raises(ModelError, match=r"the model: litert-quantizer refuses it \(no recipe\)"):
        to_float16(graph)
