"""The tables of the README, generated from the records."""

import re
from typing import Any

from edge.bundle import BUILTIN, Bundle
from proofs.frame.proof import INTERVAL, ROOT, Figure, Proof, Value

README = ROOT / "README.md"
COMMIT_LETTERS = 10


def table(proof: Proof, record: dict[str, Any]) -> str:
    """Markdown that a reader unfolds: whether limits are kept, where and when, then one row a figure."""
    machine, figures = record["machine"], record["figures"]
    where = (
        f"Commit {_short(record['commit'])}, {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}."
    )
    if proof.of_bundle and record["evidence"]["bundle_sha256"] != Bundle.load(BUILTIN).digest:
        where += " **Of a former built-in bundle.**"
    summary = f"<code>scripts/prove {proof.name}</code>, {record['date']}: {_verdict(proof, figures)}"
    laid_out = [*proof.layout(figures), ""] if proof.layout is not None else []
    above, below = ([], laid_out) if proof.folds_layout else (laid_out, [])
    lines = [*above, "<details>", f"<summary>{summary}</summary>", "", where, "", *below]
    lines += ["| figure | measured | required |", "|---|---|---|"]
    rows = [row for row in proof.table if row.name in figures]
    lines += [f"| {row.title} | {_measured(row, figures)} | {_required(row, figures)} |" for row in rows]
    return "\n".join([*lines, "", "</details>"])


def _verdict(proof: Proof, figures: dict[str, Value]) -> str:
    n_limits, n_missed = sum(row.limit is not None for row in proof.table), len(proof.missed(figures))
    if n_missed:
        return f"<b>{n_missed} of {n_limits} limits missed</b>"
    return f"all {n_limits} limits kept" if n_limits > 1 else "its limit kept" if n_limits else "no limits"


def with_tables(text: str, tables: dict[str, str]) -> str:
    """The README with the tables of these proofs between their markers; a proof without markers is left out."""
    for name, rows in tables.items():
        begin, end = f"<!-- proof:{name}:begin -->", f"<!-- proof:{name}:end -->"
        pattern = re.compile(rf"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
        text = pattern.sub(lambda match, rows=rows: f"{match[1]}{rows}\n{match[2]}", text)
    return text


def _short(commit: str) -> str:
    letters, changes = commit[:COMMIT_LETTERS], commit.partition("+")[2]
    return f"`{letters}`" + (" with changes" if changes else "")


def _number(value: Value, row: Figure) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " to ".join(_number(part, row) for part in value)
    if isinstance(value, str):
        return value
    if row.unit == "%":
        return f"{100 * value:.{row.digits}f}"
    return str(value) if isinstance(value, int) else f"{value:.{row.digits}f}"


def _measured(row: Figure, figures: dict[str, Value]) -> str:
    unit = f" {row.unit}" if row.unit else ""
    measured = f"{_number(figures[row.name], row)}{unit}"
    interval = figures.get(row.name + INTERVAL)
    return f"{measured} ({_number(interval, row)})" if interval else measured


def _required(row: Figure, figures: dict[str, Value]) -> str:
    if row.limit is None:
        return ""
    words = "at most" if row.limit.relation == "<=" else "at least"
    bound = 100 * row.limit.bound if row.unit == "%" else row.limit.bound
    missed = "" if row.limit.holds(figures[row.name]) else ", **missed**"
    return f"{words} {bound:g}{f' {row.unit}' if row.unit else ''}{missed}"
