"""Channels of like range together: wide layers become several narrow ones side by side, each with a scale of its own.

Int8 gives a tensor one scale, and a channel whose values stay below 1 shares it with one that reaches 50: in the first
blocks of EfficientNetB0 this makes most of the noise of the features. A scale for each channel would take it away, but
TFLite has them for weights alone. So where a convolution feeds a swish, and that a depthwise convolution, which keeps
channels apart, the channels are ordered by their ranges and cut into groups; each goes through operations of its own up
to the next swish, and what they give is joined again. In float the file computes what it did before.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

from converters.constants import Floats
from converters.edit import add_tensor, constant_of, drop_unused_tensors, name_of, new_operator, rewired
from converters.graph import Graph
from converters.runtime import Runner

CHAIN = ("CONV_2D", "LOGISTIC", "MUL", "DEPTHWISE_CONV_2D", "LOGISTIC", "MUL")
SWISH = 2
"""Place of the first one's product in the chain."""
MIXING = {"CONV_2D", "FULLY_CONNECTED"}
"""Operations after which a channel is made of all those before; weights (outputs, ..., inputs), bias (outputs,)."""
N_GROUPS = 3
"""At most. Three take 8 % more of EfficientNetB0's time than none, four groups of 8 take 25 %."""
GRANULE = 16
"""Groups have a multiple of so many channels: processors compute 8 or 16 at once."""
LEAST_PIXELS = 24 * 24
"""Of a layer that is cut: those after it make little noise."""


def in_groups(graph: Graph, pictures: NDArray[np.uint8]) -> Graph:
    """The same function, with layers in groups where that helps.

    Args:
        graph: of a float32 file.
        pictures: uint8 (n, height, width, 3); they tell the ranges.
    """
    parsed: Any = Graph(graph.content).model
    operators = list(parsed.subgraphs[0].operators)
    pieces: dict[int, list[Any]] = {}
    for first in chains(graph):
        tops = channel_tops(graph, first, pictures)
        sizes = group_sizes(np.sort(tops), N_GROUPS)
        if len(sizes) > 1 and (space := channel_space(graph, first)):
            _reorder(graph, parsed, space, np.argsort(tops, kind="stable"))
            pieces |= {position: [] for position in range(first, first + len(CHAIN))}
            pieces[first] = _split(graph, parsed, first, sizes)
    if not pieces:
        return graph
    parsed.subgraphs[0].operators = [
        piece for position, operator in enumerate(operators) for piece in pieces.get(position, [operator])
    ]
    drop_unused_tensors(parsed)
    return Graph(bytes(flatbuffer_utils.convert_object_to_bytearray(parsed)))


def chains(graph: Graph) -> list[int]:
    """Positions of the first operations of what can be cut."""
    return [
        first
        for first, operation in enumerate(graph.operations)
        if _is_chain(graph, range(first, first + len(CHAIN)))
        and operation.shape[-1] % GRANULE == 0
        and np.prod(operation.shape[1:-1]) >= LEAST_PIXELS
    ]


def _is_chain(graph: Graph, span: range) -> bool:
    """Whether these are its operations, of one width, with nothing between them that goes elsewhere."""
    operations = graph.operations[span.start : span.stop]
    return (
        tuple(operation.name for operation in operations) == CHAIN
        and len({operation.shape[-1] for operation in operations}) == 1
        and len(graph.inputs_of(span)) == 1
        and all(set(graph.takers_of(position)) <= set(span) for position in span[:-1])
    )


def channel_tops(graph: Graph, first: int, pictures: NDArray[np.uint8]) -> Floats:
    """Highest value of each channel after a chain's swish, (n_channels,)."""
    name = graph.operations[first + SWISH].output
    runner = Runner(graph.extract(range(first + SWISH + 1)))
    values = [runner.run_part({graph.input_name: picture[np.newaxis].astype(np.float32)})[name] for picture in pictures]
    return np.concatenate(values).max((0, 1, 2))


def group_sizes(tops: Floats, n_groups: int) -> list[int]:
    """How many channels each group gets, of channels in ascending order of their highest values, so that rounding has
    the least power: of each channel the square of its group's range."""
    ends = np.square(tops[GRANULE - 1 :: GRANULE].astype(np.float64)).tolist()

    @functools.cache
    def best(n_left: int, n_granules: int) -> tuple[float, tuple[int, ...]]:
        tried: list[tuple[float, tuple[int, ...]]] = [(n_granules * ends[n_granules - 1], (n_granules,))]
        for start in range(1, n_granules) if n_left > 1 else ():
            power, sizes = best(n_left - 1, start)
            tried.append((power + (n_granules - start) * ends[n_granules - 1], (*sizes, n_granules - start)))
        return min(tried, key=lambda found: (found[0], len(found[1])))

    return [GRANULE * size for size in best(n_groups, len(ends))[1]]


def channel_space(graph: Graph, first: int) -> set[int] | None:
    """Indices of the activations that have their channels in the same order as the chain's: whatever is reached from it
    without passing an operation that mixes channels. None where that is an input or output of the whole."""
    subgraph = graph.model.subgraphs[0]
    met = [
        {int(i) for i in (*operator.inputs, *operator.outputs) if i >= 0 and not graph.is_constant(int(i))}
        for operation, operator in zip(graph.operations, subgraph.operators, strict=True)
        if operation.name not in MIXING
    ]
    space: set[int] = set()
    reached = {int(subgraph.operators[first].outputs[0])}
    while reached != space:
        space = reached
        reached = space.union(*(own for own in met if own & space))
    same_width = all(subgraph.tensors[i].shape[-1] == graph.operations[first].shape[-1] for i in space)
    ends = {int(index) for index in (*subgraph.inputs, *subgraph.outputs)}
    return space if same_width and not space & ends else None


def _reorder(graph: Graph, parsed: Any, space: set[int], order: NDArray[np.int64]) -> None:
    """Give the constants of every operation that meets these channels the new order of them."""
    for operation, operator in zip(graph.operations, parsed.subgraphs[0].operators, strict=True):
        takes, makes = int(operator.inputs[0]) in space, int(operator.outputs[0]) in space
        inputs = [int(index) for index in operator.inputs]
        for place, index in enumerate(inputs):
            values = constant_of(parsed, index)
            if values is None:
                continue
            if operation.name in MIXING:
                axes = [0] * makes + [-1] * (takes and place == 1)
            else:
                axes = [-1] * (makes and values.shape[-1:] == order.shape)
            if axes:
                for axis in axes:
                    values = values.take(order, axis)
                inputs[place] = add_tensor(parsed, name_of(parsed, index), values.shape, values)
        operator.inputs = np.array(inputs, np.int32)


def _split(graph: Graph, parsed: Any, first: int, sizes: Sequence[int]) -> list[Any]:
    """A chain's operations for each group, and one that joins what they give."""
    operators = parsed.subgraphs[0].operators[first : first + len(CHAIN)]
    pieces: list[Any] = []
    ends: list[int] = []
    for number, channels in enumerate(np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])):
        own: dict[int, int] = {}  # of each tensor of the chain, the group's
        for operation, operator in zip(graph.operations[first:], operators, strict=False):
            for index in map(int, operator.inputs):
                values = constant_of(parsed, index)
                if values is not None:
                    part = values.take(channels, 0 if operation.name in MIXING else -1)
                    own[index] = add_tensor(parsed, f"{name_of(parsed, index)}/group{number}", part.shape, part)
            shape = (*operation.shape[:-1], len(channels))
            made = add_tensor(parsed, f"{operation.output}/group{number}", shape)
            pieces.append(rewired(operator, [own.get(int(index), int(index)) for index in operator.inputs], made))
            own[int(operator.outputs[0])] = made
        ends.append(own[int(operators[-1].outputs[0])])
    join = new_operator(parsed, "CONCATENATION", "ConcatenationOptions", ends, int(operators[-1].outputs[0]))
    join.builtinOptions.axis = len(graph.operations[first].shape) - 1
    return [*pieces, join]
