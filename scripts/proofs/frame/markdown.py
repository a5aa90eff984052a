"""Tables of Markdown, as the README shows them."""

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A line for the heads, one that divides, and one for each row."""
    return [_line(heads), "|" + "---|" * len(heads), *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
