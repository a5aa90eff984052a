import itertools

import numpy as np
import pytest

from converters.measure import Option
from converters.plan import Plan, is_static
from converters.search import best_plan, search


def table(seed):
    """Random options of five units."""
    chance = np.random.default_rng(seed)
    kinds = ("float", "dynamic", "static-mse")
    return [
        [
            Option(kind, float(chance.uniform(0.2, 1) / (1 + i)), float(i * chance.uniform(0, 0.1)))
            for i, kind in enumerate(kinds)
        ]
        for _ in range(5)
    ]


def totals(options, tolls_ms, plan):
    """Independent: time and noise of a plan, added up. Pixels come as floats."""
    chosen = [next(option for option in unit if option.kind == kind) for unit, kind in zip(options, plan, strict=True)]
    time_ms = sum(option.time_ms for option in chosen)
    for left, right, toll_ms in zip(plan, plan[1:], tolls_ms, strict=False):
        time_ms += toll_ms * (is_static(left) != is_static(right))
    return time_ms, sum(option.noise for option in chosen)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.7, 0.8, 0.9])
def test_the_plan_is_the_best_of_all(seed, share):
    options, tolls_ms = table(seed), [0.1, 0.3, 0.05, 0.2, 0.1]
    limit_ms = share * sum(unit[0].time_ms for unit in options)
    everything = itertools.product(*[[option.kind for option in unit] for unit in options])
    all_totals = [totals(options, tolls_ms, plan) for plan in everything]
    possible = [noise for time_ms, noise in all_totals if time_ms <= limit_ms * 0.998]  # rounding of times to ticks
    time_ms, noise = totals(options, tolls_ms, best_plan(options, tolls_ms, limit_ms))
    assert time_ms <= limit_ms * 1.002
    assert noise <= min(possible) + 1e-12


def test_without_need_all_stays_float():
    options = table(9)
    assert best_plan(options, [0.0] * 5, 100.0) == ("float",) * 5


def test_where_nothing_is_fast_enough_the_fastest_is_taken():
    assert best_plan(table(9), [0.0] * 5, 1e-3) == tuple(
        min(unit, key=lambda option: option.time_ms).kind for unit in table(9)
    )


def test_tolls_join_units():
    eager = [Option("float", 1.0, 0.0), Option("static-mse", 0.5, 0.01)]
    slow = [Option("float", 1.0, 0.0), Option("static-mse", 0.9, 0.02)]
    assert best_plan([eager, slow, eager], [0.0] * 3, 2.0) == ("static-mse", "float", "static-mse")
    assert best_plan([eager, slow, eager], [0.4] * 3, 2.0) == ("static-mse", "static-mse", "static-mse")


def test_a_generous_budget_keeps_all_in_float_and_an_impossible_one_says_so(graph, calibration, representative):
    lines = []
    assert set(search(graph, calibration, representative, 100.0, lines.append)) == {"float"}
    assert not any("no plan" in line for line in lines)
    fastest: Plan = search(graph, calibration, representative, 1e-6, lines.append)
    assert len(fastest) == len(graph.units)
    assert any("no plan is within" in line for line in lines)
