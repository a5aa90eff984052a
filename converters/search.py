"""Finds which parts of a model stay float: the least noise within a latency budget.

1. Each unit is timed alone in every kind, and its noise on the features is measured with all other units in float.
2. Noise of different units adds up as power, and time as time, with a price wherever integers and floats meet. So the
   best plan for a price of time (noise + price * milliseconds) is a shortest path along the units, found exactly.
3. Plans over many prices are bisected with the real file's latency, until the budget is met with the least noise.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from converters.calibration import evenly
from converters.graph import Graph, Unit
from converters.plan import STATIC_KINDS, Calibration, Kind, Plan, StaticKind, is_static
from converters.quantize import part_to_kind, to_float32, to_int8, to_plan
from converters.runtime import Runner, latencies, signal_to_noise_db

N_PICTURES = 16
"""Noise figures differ between pictures by tenths of a decibel, between kinds by many."""
PART_BURST_S = 0.004
N_PART_ROUNDS = 5
MEETING_NS_PER_NUMBER = 0.12
"""Quantizing or dequantizing one number where integers and floats meet (measured on x86-64 with XNNPACK)."""
MS_PER_NS = 1e-6
PRICES = np.geomspace(1e-6, 1e2, 97)
"""Relative noise power that a millisecond is worth."""
FIRST_TRIED: tuple[StaticKind, ...] = ("static-mse", "static-clip-1e-4", "static-clip-1e-3")
WORTHWHILE = 0.97
"""A kind that takes more of float's time than this is not measured for its noise."""

Report = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Option:
    """One kind of one unit."""

    kind: Kind
    time_ms: float
    noise: float
    """Power of the features' error over the power of the features."""


def search(graph: Graph, calibration: Calibration, pictures: NDArray[np.uint8], budget: float, report: Report) -> Plan:
    """Find the plan with the least noise whose latency is within `budget` of float32's.

    Args:
        graph: of the float32 file.
        calibration: ranges of its activations.
        pictures: uint8 (n, height, width, 3), representative.
        budget: as a fraction of float32's latency on one thread. Where nothing is as fast, the fastest plan is taken.
        report: takes lines about the progress.
    """
    options = measure(graph, calibration, evenly(pictures, N_PICTURES), report)
    plans = frontier(options, [unit.n_outputs * MEETING_NS_PER_NUMBER * MS_PER_NS for unit in graph.units])
    return _within_budget(graph, plans, calibration, budget, report)


def best_int8(graph: Graph, calibration: Calibration, pictures: NDArray[np.uint8]) -> tuple[bytes, StaticKind]:
    """The integer-only file with the least noise, over the ways to choose ranges."""
    chosen = evenly(pictures, N_PICTURES)
    reference = Runner(to_float32(graph)).frames(chosen)["features"]
    files = {kind: to_int8(graph, calibration[kind]) for kind in STATIC_KINDS}
    quality = {kind: signal_to_noise_db(reference, Runner(files[kind]).frames(chosen)["features"]) for kind in files}
    best = max(STATIC_KINDS, key=lambda kind: quality[kind])
    return files[best], best


def measure(graph: Graph, calibration: Calibration, pictures: NDArray[np.uint8], report: Report) -> list[list[Option]]:
    """Time and noise of every worthwhile kind of every unit."""
    reference = Runner(to_float32(graph)).frames(pictures)["features"]
    power = float(np.square(reference.astype(np.float64)).sum())

    def noise(index: int, kind: Kind) -> float:
        plan: Plan = tuple(kind if i == index else "float" for i in range(len(graph.units)))
        features = Runner(to_plan(graph, plan, calibration)).frames(pictures)["features"]
        return float(np.square(features.astype(np.float64) - reference).sum()) / power

    table: list[list[Option]] = []
    for index, unit in enumerate(graph.units):
        times = _part_times(graph.extract(unit), unit, calibration)
        worthwhile = {kind for kind in times if times[kind] < WORTHWHILE * times["float"]}
        table.append([Option("float", times["float"], 0.0)])
        if "dynamic" in worthwhile:
            table[-1].append(Option("dynamic", times["dynamic"], noise(index, "dynamic")))
        if FIRST_TRIED[0] in worthwhile:
            kind, power_of_noise = quietest(functools.partial(noise, index))
            table[-1].append(Option(kind, times[FIRST_TRIED[0]], power_of_noise))
        report(_line(index, len(graph.units), unit, table[-1]))
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


def frontier(options: list[list[Option]], meeting_ms: list[float]) -> list[Plan]:
    """The best plans over many prices of time, from the most exact to the fastest, each once.

    Args:
        options: kinds of each unit.
        meeting_ms: what it takes to go from integers to floats, or back, after each unit.
    """
    plans = [_cheapest(options, meeting_ms, float(price)) for price in PRICES]
    return list(dict.fromkeys(plans))


def _cheapest(options: list[list[Option]], meeting_ms: list[float], price: float) -> Plan:
    """The path along the units with the least noise + price * time (Viterbi's algorithm)."""
    paths: list[tuple[float, list[Kind]]] = [(0.0, ["float"])]  # pixels enter by a conversion that costs nothing more
    entry_ms = 0.0
    for unit, leave_ms in zip(options, meeting_ms, strict=True):
        extended: list[tuple[float, list[Kind]]] = []
        for option in unit:
            own = option.noise + price * option.time_ms
            steps = [
                (cost + own + price * entry_ms * (is_static(path[-1]) != is_static(option.kind)), path)
                for cost, path in paths
            ]
            cost, path = min(steps, key=lambda step: step[0])
            extended.append((cost, [*path, option.kind]))
        paths, entry_ms = extended, leave_ms
    return tuple(min(paths, key=lambda step: step[0])[1][1:])


def _part_times(part: bytes, unit: Unit, calibration: Calibration) -> dict[Kind, float]:
    """Milliseconds of a cut-out unit in float, dynamic and one static kind: ranges do not change the time."""
    tried: list[Kind] = ["float", "dynamic", FIRST_TRIED[0]] if unit.has_dynamic else ["float", FIRST_TRIED[0]]
    files = [part_to_kind(part, kind, calibration) for kind in tried]
    medians = np.median(latencies(files, N_PART_ROUNDS, PART_BURST_S), axis=0)
    return {kind: float(ms) for kind, ms in zip(tried, medians, strict=True)}


def _within_budget(graph: Graph, plans: list[Plan], calibration: Calibration, budget: float, report: Report) -> Plan:
    """Bisect the plans, exact to fast, for the most exact one whose file is within the budget."""
    float32 = to_float32(graph)

    def ratio(plan: Plan) -> float:
        times = latencies([float32, to_plan(graph, plan, calibration)])
        found = float(np.median(times[:, 1] / times[:, 0]))
        report(f"search: {sum(map(is_static, plan))} of {len(plan)} units static: {found:.3f} of float32's latency")
        return found

    exact, fast = 0, len(plans) - 1
    if ratio(plans[fast]) > budget:
        report(f"search: the fastest plan misses the latency budget of {budget:g}; it is taken all the same")
        return plans[fast]
    while exact < fast:
        middle = (exact + fast) // 2
        if ratio(plans[middle]) <= budget:
            fast = middle
        else:
            exact = middle + 1
    return plans[fast]


def _line(index: int, n_units: int, unit: Unit, options: list[Option]) -> str:
    parts = [
        f"{option.kind} {option.time_ms:.3f} ms"
        + (f" {-10 * np.log10(max(option.noise, 1e-12)):.1f} dB" if option.noise else "")
        for option in options
    ]
    return f"search: unit {index + 1} of {n_units}, {unit.name}: " + ", ".join(parts)
