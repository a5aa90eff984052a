"""What two networks mean in an Edge TPU's memory: an estimate, from what Coral publishes.

Sources: "Edge TPU Compiler" (coral.ai/docs/edgetpu/compiler: parameter data caching, co-compilation) and "Run multiple
models with multiple Edge TPUs". Roughly 8 MB on the chip keep parameters, less what the programs take. Files that are
compiled one by one have the memory by turns: a network that runs after another loads all its parameters anew. Files
that are compiled together share it, the first one first; what does not fit is fetched at every run of its network.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from converters.edgetpu_rules import predict
from converters.graph import Graph

CACHE_BYTES = 8e6
BYTES_PER_MB = 1e6


def parameter_bytes(model: bytes) -> int:
    """Bytes of the weights and biases that a file's operations on the Edge TPU would read."""
    graph = Graph(model)
    subgraph = graph.model.subgraphs[0]
    buffers = {
        int(subgraph.tensors[index].buffer)
        for operator, verdict in zip(subgraph.operators, predict(graph).verdicts, strict=True)
        if not verdict.reason
        for index in map(int, operator.inputs)
        if index >= 0 and graph.is_constant(index)
    }
    return sum(len(graph.model.buffers[buffer].data) for buffer in buffers)


def shared_memory(scene: bytes, people: bytes, rates_hz: Sequence[float]) -> dict[str, Any]:
    """What two integer-only networks take of the memory, for `bundle.json`.

    Args:
        scene: the scene network's file.
        people: the people network's.
        rates_hz: at which both look; the slower one says how often they take turns.
    """
    sizes = {"scene_bytes": parameter_bytes(scene), "people_bytes": parameter_bytes(people)}
    together = sum(sizes.values())
    return {
        **sizes,
        "cache_bytes": int(CACHE_BYTES),
        "over_bytes": max(0, together - int(CACHE_BYTES)),
        "reloaded_bytes_per_s": round(min(rates_hz) * together),
    }


def memory_line(memory: Mapping[str, Any]) -> str:
    """The estimate, for people."""
    scene, people, cache, over, reloaded = (
        memory[key] / BYTES_PER_MB
        for key in ("scene_bytes", "people_bytes", "cache_bytes", "over_bytes", "reloaded_bytes_per_s")
    )
    together = (
        f"{over:.1f} MB of the scene network's would be fetched at each of its runs"
        if over
        else "all would stay on the chip"
    )
    return (
        f"Edge TPU, an estimate: parameters of {people:.1f} MB (people) and {scene:.1f} MB (scene), and about "
        f"{cache:.0f} MB on the chip for both and their programs; compiled one by one, as here, each network loads "
        f"its own anew after the other has run, up to {reloaded:.0f} MB/s; compiled together, the people network "
        f"first, {together}"
    )
