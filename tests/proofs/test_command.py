"""`scripts/prove`: what it prints and how it exits."""

import dataclasses
import json
from pathlib import Path

import pytest

from proofs import Figure, Limit, Proof, __main__
from proofs.catalogue import PROOFS
from proofs.frame import readme, record
from proofs.frame.proof import Evidence, Setting


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Proof]:
    """A catalogue of one quick proof, whose records and README lie in a folder of their own."""

    def measure(setting: Setting) -> Evidence:
        return {"seconds": [1.0, 2.0, 4.0], "short": setting.short}

    table = (Figure("median_s", "median", "s", Limit("<=", 1.5)),)
    quick = Proof("quick", "a quick one", table, measure, lambda evidence: {"median_s": evidence["seconds"][1]})
    catalogue = {"quick": quick}
    monkeypatch.setattr(__main__, "PROOFS", catalogue)
    monkeypatch.setattr(__main__, "ROOT", tmp_path)
    monkeypatch.setattr("proofs.frame.proof.ROOT", tmp_path)
    monkeypatch.setattr(record, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(readme, "README", tmp_path / "README.md")
    return catalogue


def test_a_missed_limit_prints_its_figures_and_exits_with_7(
    proofs: dict[str, Proof], capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main([*proofs]) == 7
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "proof": "quick",
        "short": False,
        "figures": {"median_s": 2.0},
        "missed": ["median_s is 2.0, stated: at most 1.5"],
    }
    assert "median_s is 2.0" in printed.err


def test_several_proofs_run_one_after_the_other_also_past_a_miss(
    proofs: dict[str, Proof], capsys: pytest.CaptureFixture[str]
) -> None:
    proofs["other"] = dataclasses.replace(proofs["quick"], name="other")
    assert __main__.main(["quick", "other"]) == 7
    assert capsys.readouterr().err.count("misses its limits: median_s is 2.0") == 2


def test_record_holds_figures_evidence_and_where_they_come_from(proofs: dict[str, Proof]) -> None:
    assert __main__.main([*proofs, "--record"]) == 7
    kept = record.read("quick")
    assert kept is not None
    assert set(kept) == {"proof", "date", "commit", "machine", "figures", "evidence"}
    assert kept["figures"] == {"median_s": 2.0}
    assert kept["evidence"] == {"seconds": [1.0, 2.0, 4.0], "short": False}


@pytest.mark.usefixtures("proofs")
@pytest.mark.parametrize("arguments", [["slow"], ["quick", "slow"], [], ["quick", "--short", "--record"]])
def test_usage_errors_are_one_line_and_exit_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert record.read("quick") is None


@pytest.mark.usefixtures("proofs")
def test_readme_takes_its_table_from_the_record() -> None:
    readme.README.write_text("<!-- proof:quick:begin -->\n<!-- proof:quick:end -->\n")
    __main__.main(["quick", "--record"])
    assert __main__.main(["--readme"]) == 0
    assert "| median | 2.00 s | at most 1.5 s, **missed** |" in readme.README.read_text()


def test_list_names_every_proof_with_its_limits(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["--list"]) == 0
    printed = capsys.readouterr().out
    assert set(PROOFS) >= {"accuracy", "speed", "memory", "faults", "latency", "writes", "fleet", "discovery"}
    for proof in PROOFS.values():
        assert f"{proof.name}: {proof.summary}" in printed
        assert all(f"{row.name} {row.limit}" in printed for row in proof.table if row.limit)
