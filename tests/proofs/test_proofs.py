"""The records of the proofs: figures follow from their evidence, the README from the figures."""

import json
from typing import Any

import pytest

from proofs.catalogue import PROOFS
from proofs.frame import readme, record

RECORDS = sorted(record.RECORDS.glob("*.json"))


@pytest.fixture(params=RECORDS, ids=lambda path: path.stem)
def kept(request: pytest.FixtureRequest) -> dict[str, Any]:
    return json.loads(request.param.read_text())


def approximately(figures: dict[str, Any]) -> dict[str, Any]:
    """Numbers and intervals, but for what another version of a library may round differently."""
    numeric = (int, float, list)
    return {name: pytest.approx(value) if isinstance(value, numeric) else value for name, value in figures.items()}


def test_figures_follow_from_the_evidence(kept: dict[str, Any]) -> None:
    assert PROOFS[kept["proof"]].figures(kept["evidence"]) == approximately(kept["figures"])


def test_readme_shows_the_record(kept: dict[str, Any]) -> None:
    text = readme.README.read_text()
    assert readme.table(PROOFS[kept["proof"]], kept) in text, "run scripts/prove --readme"


def test_readme_has_no_table_without_a_record() -> None:
    text = readme.README.read_text()
    unrecorded = set(PROOFS) - {path.stem for path in RECORDS}
    cleared = readme.with_tables(text, dict.fromkeys(unrecorded, "Not recorded yet."))
    assert text == cleared
