"""The person head of a bundle, read back from its file, so that fitting goes on from it.

Conversion has folded the standardization of the features into the first layer; it is taken out again with the mean and
deviation of what is learned from then on, so that what the network says stays the same and its weights stay of a size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from converters.constants import read
from converters.graph import Graph
from edge.bundle import Bundle
from edge.errors import ModelError
from trainer.clips.manifest import Clip
from trainer.features.cache import content_sha256

Rows = NDArray[np.float32]
DENSE, SOFTMAX, SPLITS = "FULLY_CONNECTED", "SOFTMAX", {"SPLIT_V", "SPLIT"}


@dataclass(frozen=True, slots=True)
class Layer:
    """Of a dense layer."""

    kernel: Rows  # (n_inputs, n_outputs)
    bias: Rows  # (n_outputs,)


@dataclass(frozen=True, slots=True)
class Member:
    """One network of the head."""

    inputs: Layer
    gates: Layer
    """Of the cell, on what the inputs give: for update, reset and candidate."""
    recurrent: Layer
    """Likewise, on the state."""
    top: Layer

    @property
    def units(self) -> int:
        return self.recurrent.kernel.shape[0]

    def lay(self, model: keras.Model, number: int, mean: Rows, deviation: Rows) -> None:
        """Put the weights into a `steps_model` of this number, which standardizes by `mean` and `deviation`."""
        kernel, bias = self.inputs.kernel, self.inputs.bias
        model.get_layer(f"inputs_{number}").set_weights([kernel * deviation[:, np.newaxis], bias + mean @ kernel])
        biases = np.stack([self.gates.bias, self.recurrent.bias])
        model.get_layer(f"rnn_{number}").set_weights([self.gates.kernel, self.recurrent.kernel, biases])
        model.get_layer(f"top_{number}").set_weights([self.top.kernel, self.top.bias])


def read_members(person: bytes) -> list[Member]:
    """The networks of a person head's file, in the order of their states.

    Raises:
        ModelError: it is none of `step_of_members`.
    """
    graph = Graph(person)
    steps = [_Step(graph, position) for position in range(len(graph.operations))]
    makers = {output: step for step in steps for output in step.outputs}
    names = {entry.name.decode(): int(entry.tensorIndex) for entry in graph.model.signatureDefs[0].inputs}
    states = [names["state"], *(output for step in steps if step.splits(names["state"]) for output in step.outputs)]
    found = [_member(step, makers, names["features"], states) for step in steps if step.name == SOFTMAX]
    if not found:
        raise ModelError("person head: has no softmax; give one that trainer train has made")
    return [member for _, member in sorted(found, key=lambda pair: pair[0])]


def start_for(clips: Sequence[Clip], bundle: Bundle) -> list[Member]:
    """Networks of a bundle's person head to go on from; none where it has none, or has learned from any of the clips:
    judged on clips of the same sets, what goes on from it would be judged on what it knows.

    Raises:
        ModelError: its head is none that can be read back.
        DatasetError: a clip cannot be read.
    """
    head, provenance = bundle.spec.heads.person, bundle.spec.provenance
    if head is None:
        return []
    digests = tuple(provenance.get("clips", ()))
    sets = provenance.get("people", {}).get("datasets", ())
    if any(clip.dataset in sets or content_sha256(clip.path).startswith(digests) for clip in clips):
        return []
    return read_members(bundle.files[head.file])


class _Step:
    """An operation of the file, by the tensors that it takes and makes."""

    def __init__(self, graph: Graph, position: int) -> None:
        operator: Any = graph.model.subgraphs[0].operators[position]
        self._graph = graph
        self.name = graph.operations[position].name
        self.inputs = [int(index) for index in operator.inputs if index >= 0]
        self.outputs = [int(index) for index in operator.outputs]

    def splits(self, tensor: int) -> bool:
        return self.name in SPLITS and tensor in self.inputs

    def layer(self) -> Layer:
        kernel, bias = (read(self._graph, index) for index in self.inputs[1:3])
        return Layer(kernel.T.copy(), bias.copy())


def _member(softmax: _Step, makers: dict[int, _Step], features: int, states: Sequence[int]) -> tuple[int, Member]:
    """The place of its state, and the network that ends in a softmax."""
    seen: list[_Step] = []
    waiting = [softmax]
    while waiting:
        step = waiting.pop()
        if step in seen:
            continue
        seen.append(step)
        waiting += [makers[index] for index in step.inputs if index in makers and index not in states]
    dense = [step for step in seen if step.name == DENSE]
    top = [step for step in dense if step.outputs[0] in softmax.inputs]
    first = [step for step in dense if features in step.inputs]
    gates = [step for step in dense if any(step.inputs[0] in one.outputs for one in first)]
    recurrent = [step for step in dense if step.inputs[0] in states]
    parts = (first, gates, recurrent, top)
    if len(dense) != len(parts) or any(len(part) != 1 for part in parts):
        raise ModelError(f"person head: has {len(dense)} layers in one network, not those that trainer train makes")
    return states.index(recurrent[0].inputs[0]), Member(*(part[0].layer() for part in parts))
