"""Time and noise of each unit of a graph in each kind, all other units being float.

A unit is cut out and timed alone. For its noise the exact tensors of some pictures walk along the graph: the unit runs
on them quantized, the rest of the graph in float, and the error of the features, or of what else a `Judge` judges by,
is read at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from converters.graph import Graph, Unit
from converters.judge import FEATURES, Judge, Outputs
from converters.plan import STATIC_KINDS, Calibration, Kind, StaticKind
from converters.quantize import part_to_kind
from converters.runtime import Runner, latencies

PART_BURST_S = 0.004
N_PART_ROUNDS = 5
FIRST_TRIED: tuple[StaticKind, ...] = ("static-mse", "static-clip-1e-4", "static-clip-1e-3")
WORTHWHILE = 0.97
"""A kind that takes more of float's time than this is not measured for its noise."""

Tensors = list[dict[str, NDArray[np.float32]]]
"""For each picture, the tensors that are still needed, by name."""


@dataclass(frozen=True, slots=True)
class Option:
    """One kind of one unit."""

    kind: Kind
    time_ms: float
    noise: float
    """Power of the features' error over the power of the features."""


@dataclass(frozen=True, slots=True)
class _Probe:
    """Measures the noise of one unit."""

    graph: Graph
    part: bytes
    """The unit, cut out."""
    rest: Runner | None
    """All that comes after it, in float."""
    tensors: Tensors
    """Exact, as they are before the unit."""
    judge: Judge
    answers: list[Outputs]
    """The exact features of each picture."""
    calibration: Calibration

    def noise(self, kind: Kind) -> float:
        tensors = _walk(Runner(part_to_kind(self.part, kind, self.calibration)), self.tensors)
        if self.rest:
            tensors = _walk(self.rest, tensors)
        found, powers = _answers(self.graph, self.judge, tensors), self.judge.powers(self.answers)
        return sum(self.judge.error(answer, exact, powers) for answer, exact in zip(found, self.answers, strict=True))


def measure(
    graph: Graph,
    calibration: Calibration,
    pictures: NDArray[np.uint8],
    report: Callable[[str], object],
    judge: Judge = FEATURES,
) -> list[list[Option]]:
    """Every worthwhile kind of every unit, float first.

    Args:
        graph: of a float32 file.
        calibration: ranges of its activations.
        pictures: uint8 (n, height, width, 3).
        report: takes a line about each unit.
        judge: by what noise is measured.
    """
    tensors: Tensors = [{graph.input_name: picture[None].astype(np.float32)} for picture in pictures]
    exact = _answers(graph, judge, _walk(Runner(graph.extract(range(len(graph.operations)))), tensors))
    table: list[list[Option]] = []
    for index, unit in enumerate(graph.units):
        part = graph.extract(unit.span)
        after = range(unit.span.stop, len(graph.operations))
        rest = Runner(graph.extract(after)) if after else None
        probe = _Probe(graph, part, rest, tensors, judge, exact, calibration)
        table.append(_options(_part_times(part, unit, calibration), probe.noise))
        report(_line(index, len(graph.units), unit, table[-1]))
        if rest:
            needed = rest.input_names() | {graph.output_name(name) for name in judge.outputs}
            tensors = [_only(needed, known) for known in _walk(Runner(part), tensors)]
    return table


def quietest(noise: Callable[[StaticKind], float]) -> tuple[StaticKind, float]:
    """The static kind with the least noise: from the best of three on to its neighbours while they are better."""
    found: dict[StaticKind, float] = {kind: noise(kind) for kind in FIRST_TRIED}
    while True:
        best = min(found, key=lambda kind: found[kind])
        place = STATIC_KINDS.index(best)
        untried: list[StaticKind] = [kind for kind in STATIC_KINDS[max(place - 1, 0) : place + 2] if kind not in found]
        if not untried:
            return best, found[best]
        found |= {kind: noise(kind) for kind in untried}


def _options(times: dict[Kind, float], noise: Callable[[Kind], float]) -> list[Option]:
    options = [Option("float", times["float"], 0.0)]
    worthwhile = {kind for kind in times if times[kind] < WORTHWHILE * times["float"]}
    if "dynamic" in worthwhile:
        options.append(Option("dynamic", times["dynamic"], noise("dynamic")))
    if FIRST_TRIED[0] in worthwhile:
        kind, least = quietest(noise)
        options.append(Option(kind, times[FIRST_TRIED[0]], least))
    return options


def _part_times(part: bytes, unit: Unit, calibration: Calibration) -> dict[Kind, float]:
    """Milliseconds of a cut-out unit in float, dynamic and one static kind: ranges do not change the time."""
    tried: list[Kind] = ["float", "dynamic", FIRST_TRIED[0]] if unit.has_dynamic else ["float", FIRST_TRIED[0]]
    files = [part_to_kind(part, kind, calibration) for kind in tried]
    medians = np.median(latencies(files, N_PART_ROUNDS, PART_BURST_S), axis=0)
    return {kind: float(ms) for kind, ms in zip(tried, medians, strict=True)}


def _walk(part: Runner, tensors: Tensors) -> Tensors:
    """Each picture's tensors with those that this part makes of them."""
    return [known | part.run_part(known) for known in tensors]


def _only(names: set[str], tensors: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    return {name: values for name, values in tensors.items() if name in names}


def _answers(graph: Graph, judge: Judge, tensors: Tensors) -> list[Outputs]:
    """The features of each picture."""
    return [{name: known[graph.output_name(name)] for name in judge.outputs} for known in tensors]


def _line(index: int, n_units: int, unit: Unit, options: list[Option]) -> str:
    parts = [
        f"{option.kind} {option.time_ms:.3f} ms"
        + (f" {-10 * np.log10(max(option.noise, 1e-12)):.1f} dB" if option.kind != "float" else "")
        for option in options
    ]
    return f"search: unit {index + 1} of {n_units}, {unit.name}: " + ", ".join(parts)
