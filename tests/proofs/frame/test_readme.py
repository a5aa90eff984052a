"""Tables between markers."""

from dataclasses import replace
from typing import Any

from edge.bundle import BUILTIN, Bundle
from proofs import Figure, Limit, Proof
from proofs.frame import readme

TABLE = (
    Figure("accuracy", "videos right", "%", Limit(">=", 0.84), 1),
    Figure("delay_s", "delay", "s", Limit("<=", 1.5)),
    Figure("counts", "found"),
    Figure("absent", "not measured"),
)
PROOF = Proof("accuracy", "", TABLE, measure=lambda _: {}, figures=lambda _: {})
RECORD: dict[str, Any] = {
    "date": "2026-01-02",
    "commit": "0123456789abcdef",
    "machine": {"processor": "CPU", "cores": 2, "memory_gib": 23.5, "system": "Debian", "python": "3.11.2"},
    "figures": {"accuracy": 0.8512, "accuracy_interval": [0.801, 0.902], "delay_s": 1.625, "counts": "13/14"},
}


def test_table() -> None:
    assert readme.table(PROOF, RECORD).splitlines() == [
        "<details>",
        "<summary><code>scripts/prove accuracy</code>, 2026-01-02: <b>1 of 2 limits missed</b></summary>",
        "",
        "Commit `0123456789`, CPU, 2 cores, 23.5 GiB, Debian, Python 3.11.2.",
        "",
        "| figure | measured | required |",
        "|---|---|---|",
        "| videos right | 85.1 % (80.1 to 90.2) | at least 84 % |",
        "| delay | 1.62 s | at most 1.5 s, **missed** |",
        "| found | 13/14 |  |",
        "",
        "</details>",
    ]
    within = RECORD | {"figures": RECORD["figures"] | {"delay_s": 1.5}}
    assert "2026-01-02: all 2 limits kept</summary>" in readme.table(PROOF, within)


def test_a_layout_stands_above_or_is_unfolded_too() -> None:
    proof = replace(PROOF, layout=lambda figures: [f"found {figures['counts']}"])
    assert readme.table(proof, RECORD).splitlines()[:3] == ["found 13/14", "", "<details>"]
    lines = readme.table(replace(proof, folds_layout=True), RECORD).splitlines()
    assert lines[0] == "<details>"
    assert lines[5:8] == ["found 13/14", "", "| figure | measured | required |"]


def test_record_of_changed_code_says_so() -> None:
    assert "`0123456789` with changes" in readme.table(PROOF, RECORD | {"commit": "0123456789abcdef+changes"})


def test_record_of_a_former_bundle_says_so() -> None:
    proof = replace(PROOF, of_bundle=True)
    shipped = RECORD | {"evidence": {"bundle_sha256": Bundle.load(BUILTIN).digest}}
    former = RECORD | {"evidence": {"bundle_sha256": "0" * 64}}
    assert "Python 3.11.2. **Of a former built-in bundle.**" in readme.table(proof, former)
    assert "former" not in readme.table(proof, shipped)


def test_only_what_stands_between_the_markers_changes() -> None:
    text = (
        "# Title\n<!-- proof:a:begin -->\nold\n<!-- proof:a:end -->\n"
        "prose\n<!-- proof:b:begin -->\n<!-- proof:b:end -->\n"
    )
    changed = readme.with_tables(text, {"a": "new \\1", "c": "unplaced"})
    assert changed == text.replace("old", "new \\1")
    assert readme.with_tables(changed, {"a": "new \\1"}) == changed
