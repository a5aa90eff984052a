"""How each part of a model is computed: the words that quantization, search and bundle share."""

from typing import Literal, TypeGuard, get_args

Precision = Literal["float32", "float16", "mixed", "int8"]
"""A whole file's precision, as `bundle.json` names it."""

StaticKind = Literal[
    "static-mse", "static-clip-1e-4", "static-clip-3e-4", "static-clip-1e-3", "static-clip-3e-3", "static-clip-1e-2"
]
"""int8 weights and activations; the ranges of the activations come from calibration: those of least squared error, or
those that clip this share of the values at either end. From the widest to the narrowest."""

Kind = Literal["float", "dynamic"] | StaticKind
"""One unit's arithmetic. `float`: as exported. `dynamic`: int8 weights, the input of each convolution is quantized when
it is there, with its own range; what comes out is float. `static-…`: integers throughout."""

STATIC_KINDS: tuple[StaticKind, ...] = get_args(StaticKind)

Plan = tuple[Kind, ...]
"""One kind for each unit of the graph, in order."""

Ranges = dict[str, tuple[float, float]]
"""Lowest and highest value of each activation, by tensor name, that int8 shall be able to say."""

Calibration = dict[StaticKind, Ranges]
"""The ranges of each way to choose them."""

PIXEL_RANGE = (0.0, 255.0)
"""The input's range: with it uint8 has scale 1 and zero point 0, so the box feeds pixels as they are."""


def is_static(kind: Kind) -> TypeGuard[StaticKind]:
    """Whether a unit of this kind takes and gives integers."""
    return kind in STATIC_KINDS
