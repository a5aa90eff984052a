"""A small reader of glTF 2.0 binary files: one skeleton and its animations.

Only what bodies need: nodes in a tree, samplers LINEAR and STEP, one buffer inside the file. World axes are those of
`trainer.synth.body`: z up (glTF's y), y its -z.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError
from trainer.synth.timing import STEPS_HZ, Array

MAGIC, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
TYPES: Final = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
SHAPES: Final[dict[str, tuple[int, ...]]] = {"SCALAR": (), "VEC2": (2,), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}
UP: Final = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""From glTF's axes to ours."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """One property of one node over time."""

    node: int
    path: str
    times_s: Array  # (n,)
    values: Array  # (n, 3) or (n, 4), quaternions x, y, z, w
    stepwise: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """A skeleton with its animations."""

    names: tuple[str, ...]
    parents: tuple[int, ...]  # -1: none
    rest: Mapping[str, Array]  # translation, rotation, scale: (n_nodes, 3 or 4)
    animations: Mapping[str, tuple[Sampler, ...]]

    def seconds(self, animation: str) -> float:
        """How long an animation lasts."""
        return float(max(sampler.times_s[-1] for sampler in self.animations[animation]))

    def worlds(self, animation: str) -> Array:
        """Matrices of all nodes at `STEPS_HZ`, (n_steps, n_nodes, 4, 4), in our axes."""
        times = np.arange(int(self.seconds(animation) * STEPS_HZ) + 1) / STEPS_HZ
        local = {path: np.repeat(values[np.newaxis], len(times), 0) for path, values in self.rest.items()}
        for sampler in self.animations[animation]:
            local[sampler.path][:, sampler.node] = _sampled(sampler, times)
        matrices = _matrices(local)
        worlds = np.empty_like(matrices)
        for node in _from_roots(self.parents):
            parent = self.parents[node]
            worlds[:, node] = (UP if parent < 0 else worlds[:, parent]) @ matrices[:, node]
        return worlds


def read_figure(path: Path) -> Figure:
    """Read a file.

    Raises:
        DatasetError: it cannot be read, or is no glTF 2.0 binary with animations.
    """
    try:
        document, binary = _chunks(path.read_bytes())
        return _figure(document, binary)
    except (OSError, ValueError, KeyError, IndexError, struct.error) as error:
        raise DatasetError(f"{path}: no glTF 2.0 binary with animations: {error}") from error


def _chunks(content: bytes) -> tuple[dict[str, Any], bytes]:
    magic, version, _ = struct.unpack_from("<III", content)
    if magic != MAGIC or version != 2:
        raise ValueError("not glTF 2.0 binary")
    found: dict[int, bytes] = {}
    offset = 12
    while offset < len(content):
        length, kind = struct.unpack_from("<II", content, offset)
        found[kind] = content[offset + 8 : offset + 8 + length]
        offset += 8 + length
    return json.loads(found[JSON_CHUNK]), found[BINARY_CHUNK]


def _figure(document: dict[str, Any], binary: bytes) -> Figure:
    def read(number: int) -> NDArray[Any]:
        return _accessor(document, binary, number)

    nodes = document["nodes"]
    parents = [-1] * len(nodes)
    for number, node in enumerate(nodes):
        for child in node.get("children", ()):
            parents[child] = number
    defaults = {"translation": (0, 0, 0), "rotation": (0, 0, 0, 1), "scale": (1, 1, 1)}
    return Figure(
        names=tuple(node.get("name", "") for node in nodes),
        parents=tuple(parents),
        rest={path: np.array([node.get(path, value) for node in nodes], float) for path, value in defaults.items()},
        animations={
            animation["name"]: tuple(
                Sampler(
                    channel["target"]["node"],
                    channel["target"]["path"],
                    read((sampler := animation["samplers"][channel["sampler"]])["input"]).astype(float),
                    read(sampler["output"]).astype(float),
                    sampler.get("interpolation") == "STEP",
                )
                for channel in animation["channels"]
            )
            for animation in document["animations"]
        },
    )


def _accessor(document: dict[str, Any], binary: bytes, number: int) -> NDArray[Any]:
    accessor = document["accessors"][number]
    view = document["bufferViews"][accessor["bufferView"]]
    shape = SHAPES[accessor["type"]]
    kind = np.dtype(TYPES[accessor["componentType"]]).newbyteorder("<")
    width = int(np.prod(shape, dtype=int)) * kind.itemsize
    if view.get("byteStride", width) != width:
        raise ValueError("interleaved buffers")
    begin = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    values = np.frombuffer(binary, kind, accessor["count"] * width // kind.itemsize, begin)
    return values.reshape(accessor["count"], *shape)


def _sampled(sampler: Sampler, times: Array) -> Array:
    """Values at times, held before the first and after the last; (n, 3) or (n, 4)."""
    known, values = sampler.times_s, sampler.values
    after = np.searchsorted(known, times, side="right")
    first, second = np.maximum(after - 1, 0), np.minimum(after, len(known) - 1)
    if sampler.stepwise:
        return values[first]
    span = np.maximum(known[second] - known[first], 1e-9)
    share = np.clip((times - known[first]) / span, 0, 1)[:, np.newaxis]
    start, end = values[first], values[second]
    if sampler.path == "rotation":  # keys lie so close that a straight line is as good as an arc
        end = np.where((start * end).sum(1, keepdims=True) < 0, -end, end)
        mixed = (1 - share) * start + share * end
        return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return (1 - share) * start + share * end


def _matrices(local: Mapping[str, Array]) -> Array:
    """(n, n_nodes, 4, 4) from translation, rotation and scale."""
    x, y, z, w = np.moveaxis(local["rotation"], -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    turn = np.moveaxis(np.array(rows), (0, 1), (-2, -1))
    found = np.zeros((*turn.shape[:-2], 4, 4))
    found[..., :3, :3] = turn * local["scale"][..., np.newaxis, :]
    found[..., :3, 3] = local["translation"]
    found[..., 3, 3] = 1
    return found


def _from_roots(parents: Sequence[int]) -> list[int]:
    """All nodes, parents first."""
    order: list[int] = []
    left = set(range(len(parents)))
    while left:
        ready = [node for node in sorted(left) if parents[node] < 0 or parents[node] not in left]
        order += ready
        left -= set(ready)
    return order
