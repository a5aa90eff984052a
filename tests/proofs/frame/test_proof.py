"""Limits and resumption."""

from pathlib import Path
from typing import Literal

import pytest

from proofs import Figure, Limit, Proof, Setting


def setting(folder: Path) -> Setting:
    return Setting(work=folder / "work", data=folder, weights=folder)


@pytest.mark.parametrize(
    ("relation", "value", "holds"),
    [
        (">=", 0.84, True),
        (">=", 0.8399, False),
        ("<=", 0.84, True),
        ("<=", 0.8401, False),
        ("<=", None, False),
        (">=", "0.9", False),
    ],
)
def test_limit(relation: Literal["<=", ">="], value: float | str | None, holds: bool) -> None:
    assert Limit(relation, 0.84).holds(value) == holds


def test_missed_names_the_figure_its_value_and_its_limit() -> None:
    table = (Figure("seconds", "", "s", Limit("<=", 1)), Figure("frames", "", "", Limit(">=", 2)), Figure("free", ""))
    proof = Proof("p", "", table, measure=lambda _: {}, figures=lambda _: {})
    assert proof.missed({"seconds": 1, "frames": 1, "free": 0}) == ["frames is 1, stated: at least 2"]
    assert proof.missed({"seconds": 1}) == ["frames is None, stated: at least 2"]


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    calls = []

    def make() -> dict[str, int]:
        calls.append(1)
        return {"n": len(calls)}

    first = setting(tmp_path).once("fold-0", {"seed": 0, "data": ("a", "b")}, make)
    again = setting(tmp_path).once("fold-0", {"seed": 0, "data": ("a", "b")}, make)
    other = setting(tmp_path).once("fold-0", {"seed": 1, "data": ("a", "b")}, make)
    assert (first, again, other) == ({"n": 1}, {"n": 1}, {"n": 2})


def test_an_interrupted_measurement_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> dict[str, int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        setting(tmp_path).once("fold-0", 0, interrupted)
    assert setting(tmp_path).once("fold-0", 0, lambda: {"n": 1}) == {"n": 1}
