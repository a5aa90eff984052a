"""Finds which parts of a model stay float: the least noise on the features within a latency budget.

Noise of different units adds up as power, and time as time, with a toll wherever integers and floats meet (both hold
to 0.5 dB and 2 % on EfficientNetB0). So the best plan for a limit of time is found exactly, by dynamic programming
along the units; the limit is then moved until the real file's measured latency is within the budget.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from converters.calibration import evenly
from converters.graph import Graph
from converters.judge import FEATURES, Judge
from converters.measure import Option, measure
from converters.plan import Calibration, Plan, is_static
from converters.quantize import ranges_of_plan, to_float32, to_plan
from converters.runtime import latencies

N_PICTURES = 16
"""Noise figures differ between pictures by tenths of a decibel, between kinds by many."""
TOLL_NS_PER_NUMBER = 0.12
"""Quantizing or dequantizing one number where integers and floats meet (measured on x86-64 with XNNPACK)."""
MS_PER_NS = 1e-6
N_TICKS = 4000
"""Times are rounded to this fraction of the limit."""
N_ROUNDS = 15
N_CORRECTIONS = 4
"""How often the limit is moved after a measurement."""

Report = Callable[[str], object]


def search(
    graph: Graph,
    calibration: Calibration,
    pictures: NDArray[np.uint8],
    budget: float,
    report: Report,
    *,
    judge: Judge = FEATURES,
) -> Plan:
    """Find the plan with the least noise whose latency is within `budget` of float32's.

    Args:
        graph: of the float32 file.
        calibration: ranges of its activations.
        pictures: uint8 (n, height, width, 3), representative.
        budget: as a fraction of float32's latency on one thread. Where nothing is as fast, the fastest plan is taken.
        report: takes lines about the progress.
        judge: by what noise is measured.
    """
    options = measure(graph, calibration, evenly(pictures, N_PICTURES), report, judge)
    tolls_ms = [unit.n_outputs * TOLL_NS_PER_NUMBER * MS_PER_NS for unit in graph.units]
    float32 = to_float32(graph)
    float_ms = sum(unit[0].time_ms for unit in options)
    limit, within = budget, list[tuple[float, Plan]]()
    plan: Plan = ("float",) * len(options)
    for _ in range(1 + N_CORRECTIONS):
        plan = best_plan(options, tolls_ms, limit * float_ms)
        content = to_plan(graph, plan, ranges_of_plan(graph.units, plan, calibration))
        times = latencies([float32, content], N_ROUNDS)
        ratio = float(np.median(times[:, 1] / times[:, 0]))
        report(f"search: {sum(map(is_static, plan))} of {len(plan)} units static: {ratio:.3f} of float32's latency")
        if ratio <= budget:
            within.append((limit, plan))
        limit *= budget / ratio
    if within:
        return max(within)[1]  # the one with the most time to spend has the least noise
    report(f"search: no plan is within {budget:g} of float32's latency on this machine; the last one is taken")
    return plan


def best_plan(options: list[list[Option]], tolls_ms: list[float], limit_ms: float) -> Plan:
    """The plan with the least noise that takes at most `limit_ms`; the fastest where none does.

    Args:
        options: kinds of each unit.
        tolls_ms: what it takes to go from integers to floats, or back, after each unit.
        limit_ms: for all units together.
    """
    tick_ms = max(limit_ms, 1e-9) / N_TICKS
    # least[k][t]: least noise up to here with the last unit of kind k in at most t ticks.
    before = [Option("float", 0.0, 0.0)]  # pixels enter by a conversion that every plan has
    least = [np.zeros(N_TICKS + 1)]
    choices: list[list[NDArray[np.intp]]] = []
    for unit, toll_ms in zip(options, [0.0, *tolls_ms[:-1]], strict=True):
        reached, chosen = [], []
        for option in unit:
            ways = np.stack(
                [
                    _later(least[k], _ticks(option, previous, toll_ms, tick_ms)) + option.noise
                    for k, previous in enumerate(before)
                ]
            )
            chosen.append(ways.argmin(0))
            reached.append(ways.min(0))
        choices.append(chosen)
        before, least = unit, reached
    if not any(np.isfinite(noise[-1]) for noise in least):
        return tuple(min(unit, key=lambda option: option.time_ms).kind for unit in options)
    return _traced(options, tolls_ms, choices, least, tick_ms)


def _traced(
    options: list[list[Option]],
    tolls_ms: list[float],
    choices: list[list[NDArray[np.intp]]],
    least: list[NDArray[np.float64]],
    tick_ms: float,
) -> Plan:
    """Walk back from the end of the best way."""
    tick, kind = N_TICKS, int(np.argmin([noise[-1] for noise in least]))
    plan = []
    for index in range(len(options) - 1, -1, -1):
        option = options[index][kind]
        plan.append(option.kind)
        earlier = int(choices[index][kind][tick])
        previous = options[index - 1][earlier] if index else Option("float", 0.0, 0.0)
        tick -= _ticks(option, previous, tolls_ms[index - 1] if index else 0.0, tick_ms)
        kind = earlier
    return tuple(reversed(plan))


def _ticks(option: Option, previous: Option, toll_ms: float, tick_ms: float) -> int:
    toll = toll_ms * (is_static(option.kind) != is_static(previous.kind))
    return round((option.time_ms + toll) / tick_ms)


def _later(noise: NDArray[np.float64], ticks: int) -> NDArray[np.float64]:
    """The same noise, `ticks` later; before that it cannot be reached."""
    moved = np.full_like(noise, np.inf)
    if ticks <= N_TICKS:
        moved[ticks:] = noise[: len(noise) - ticks]
    return moved
