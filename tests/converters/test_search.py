import itertools

import numpy as np

from converters.plan import is_static
from converters.search import Option, best_int8, frontier, measure, quietest, search


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


def totals(options, meeting_ms, plan):
    """Independent: time and noise of a plan, added up."""
    chosen = [next(option for option in unit if option.kind == kind) for unit, kind in zip(options, plan, strict=True)]
    time_ms = sum(option.time_ms for option in chosen)
    for left, right, price in zip(plan, plan[1:], meeting_ms, strict=False):
        time_ms += price * (is_static(left) != is_static(right))
    return time_ms, sum(option.noise for option in chosen)


def test_no_plan_is_better_in_both_than_one_of_the_frontier():
    for seed in range(3):
        options, meeting_ms = table(seed), [0.1, 0.3, 0.05, 0.2, 0.1]
        everything = list(itertools.product(*[[option.kind for option in unit] for unit in options]))
        found = frontier(options, meeting_ms)
        assert len(found) > 3
        all_totals = [totals(options, meeting_ms, plan) for plan in everything]
        for plan in found:
            time_ms, noise = totals(options, meeting_ms, plan)
            assert not any(t < time_ms - 1e-9 and n < noise - 1e-9 for t, n in all_totals)


def test_the_frontier_goes_from_exact_to_fast():
    options, meeting_ms = table(7), [0.0] * 5
    found = [totals(options, meeting_ms, plan) for plan in frontier(options, meeting_ms)]
    assert found[0][1] == 0
    assert [time_ms for time_ms, _ in found] == sorted((time_ms for time_ms, _ in found), reverse=True)
    assert [noise for _, noise in found] == sorted(noise for _, noise in found)


def test_meeting_prices_join_units():
    kinds = [Option("float", 1.0, 0.0), Option("static-mse", 0.5, 0.01)]
    fixed = [Option("float", 1.0, 0.0), Option("static-mse", 0.9, 0.02)]
    apart = frontier([kinds, fixed, kinds], [0.0, 0.0, 0.0])
    joined = frontier([kinds, fixed, kinds], [0.4, 0.4, 0.4])
    assert ("static-mse", "float", "static-mse") in apart
    assert ("static-mse", "float", "static-mse") not in joined


def test_the_quietest_ranges_are_climbed_to():
    noises = {
        "static-mse": 9.0,
        "static-clip-1e-4": 8.0,
        "static-clip-3e-4": 7.0,
        "static-clip-1e-3": 3.0,
        "static-clip-3e-3": 2.0,
        "static-clip-1e-2": 1.0,
    }
    assert quietest(noises.__getitem__) == ("static-clip-1e-2", 1.0)
    assert quietest((noises | {"static-mse": 0.5}).__getitem__) == ("static-mse", 0.5)
    assert quietest((noises | {"static-clip-3e-4": 0.5}).__getitem__) == ("static-clip-3e-4", 0.5)


def test_noise_is_measured_for_what_is_faster(graph, calibration, representative):
    lines = []
    options = measure(graph, calibration, representative[:4], lines.append)
    assert len(options) == len(lines) == len(graph.units)
    for unit in options:
        assert unit[0].kind == "float"
        assert unit[0].noise == 0
        assert all(option.noise > 0 for option in unit[1:])
        assert all(option.time_ms < unit[0].time_ms for option in unit[1:])


def test_a_generous_budget_keeps_all_in_float_and_an_impossible_one_takes_the_fastest(
    graph, calibration, representative
):
    lines = []
    assert set(search(graph, calibration, representative, 100.0, lines.append)) == {"float"}
    fastest = search(graph, calibration, representative, 1e-6, lines.append)
    assert any("misses the latency budget" in line for line in lines)
    assert len(fastest) == len(graph.units)


def test_int8_takes_the_best_ranges(graph, calibration, representative):
    content, kind = best_int8(graph, calibration, representative)
    assert is_static(kind)
    ruined = {name: dict.fromkeys(ranges, (0.0, 1e-3)) for name, ranges in calibration.items() if name != "static-mse"}
    assert best_int8(graph, calibration | ruined, representative)[1] == "static-mse"
    assert len(content) < len(graph.content)
