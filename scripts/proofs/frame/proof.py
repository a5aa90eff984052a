"""What a proof is: its figures, their limits, and how it is measured."""

import json
import operator
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Value = float | int | bool | str | list[float] | None
Figures = dict[str, Value]
Evidence = dict[str, Any]

ROOT = Path(__file__).resolve().parents[3]
COMPARE = {"<=": operator.le, ">=": operator.ge}
INTERVAL = "_interval"


@dataclass(frozen=True, slots=True)
class Limit:
    """A figure must be at most, or at least, this much."""

    relation: Literal["<=", ">="]
    bound: float

    def holds(self, value: Value) -> bool:
        """Whether the value keeps the limit; a figure that could not be measured (None) does not."""
        return isinstance(value, (int, float)) and bool(COMPARE[self.relation](value, self.bound))

    def __str__(self) -> str:
        return f"{'at most' if self.relation == '<=' else 'at least'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of a proof's table."""

    name: str
    title: str
    unit: str = ""
    limit: Limit | None = None
    digits: int = 2


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and how a proof runs."""

    work: Path
    """Kept between calls, so that a proof goes on where it was stopped."""
    data: Path
    weights: Path
    short: bool = False

    def once(self, name: str, made_from: object, make: Callable[[], Evidence]) -> Evidence:
        """Return the piece of evidence of this name, made now or by an earlier call from the same things."""
        path = self.work / f"{name}.json"
        wanted = json.loads(json.dumps(made_from))
        if path.exists():
            kept = json.loads(path.read_text())
            if kept["made_from"] == wanted:
                say(f"{name}: kept from an earlier call")
                return kept["evidence"]
        say(f"{name}: measuring")
        evidence = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps({"made_from": wanted, "evidence": evidence}))
        unfinished.replace(path)
        return evidence


@dataclass(frozen=True, slots=True)
class Proof:
    """A measurement with limits."""

    name: str
    summary: str
    table: Sequence[Figure]
    measure: Callable[[Setting], Evidence]
    figures: Callable[[Evidence], Figures]
    short_keeps_limits: bool = True
    """Whether the short form measures enough to be held to the limits."""
    of_bundle: bool = False
    """Whether its figures are the built-in bundle's; the README then says where a record is of a former one."""
    layout: Callable[[Mapping[str, Value]], list[str]] | None = None
    """Lines of Markdown that stand over the table of figures in the README; None where the table says it all."""
    folds_layout: bool = False
    """Whether a reader unfolds these lines too: they are many, and for who looks closely."""

    def missed(self, figures: Mapping[str, Value]) -> list[str]:
        """One line for each figure that misses its limit or is absent."""
        return [
            f"{row.name} is {figures.get(row.name)}, stated: {row.limit}"
            for row in self.table
            if row.limit is not None and not row.limit.holds(figures.get(row.name))
        ]


def setting(proof: Proof, *, short: bool) -> Setting:
    """Where a proof keeps its work, and finds footage and weights."""
    beside = ROOT.parent / "shared"
    return Setting(
        work=ROOT / "runs" / "proofs" / (f"{proof.name}-short" if short else proof.name),
        data=Path(os.environ.get("EDGEWATCH_DATA", beside / "data")),
        weights=Path(os.environ.get("EDGEWATCH_WEIGHTS", beside / "weights")),
        short=short,
    )


def say(message: str) -> None:
    """Progress, on standard error: standard output is for the figures."""
    print(f"prove: {message}", file=sys.stderr, flush=True)
