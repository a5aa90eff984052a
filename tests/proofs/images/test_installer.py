"""Figures of the installer's proof, from evidence that is easy to check."""

from proofs.images import installer

GOOD = {row.name: "0" for row in installer.TABLE if row.limit == installer.NO}
GOOD |= {row.name: "1" for row in installer.TABLE if row.limit == installer.YES}
GOOD |= {"exposure": "1.3", "seccomp": "2", "memory_kb": "127000"}


def missed(**changes: str) -> list[str]:
    found = installer.figures({"suite": "bookworm", "found": GOOD | changes})
    return [line.split()[0] for line in installer.PROOF.missed(found)]


def test_what_went_well_is_not_missed() -> None:
    assert missed() == []
    assert installer.figures({"suite": "bookworm", "found": GOOD})["memory_mb"] == 127.0


def test_each_fault_is_missed() -> None:
    assert missed(exposure="1.5") == ["exposure"]
    assert missed(second_run_changes="1") == ["second_run_changes"]
    assert missed(failure_told="0") == ["failure_told"]
    assert missed(seccomp="0") == ["seccomp"]


def test_a_script_that_stopped_early_is_missed() -> None:
    found = installer.figures({"suite": "bookworm", "found": {"install_exit_code": "1"}})
    assert len(installer.PROOF.missed(found)) == len(GOOD) - 1  # memory_kb has no limit, install_exit_code is over its


def test_the_evidence_names_what_the_script_inside_prints() -> None:
    printed = {line.split()[1] for line in installer.INSIDE.read_text().splitlines() if line.startswith("figure ")}
    wanted = {row.name for row in installer.TABLE} - {"suite", "memory_mb"} | {"memory_kb"}
    assert wanted <= printed
