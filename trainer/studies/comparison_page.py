"""How a comparison looks: a page with tables and plots, each plot also as PNG, with its numbers as JSON beside it."""

import base64
import html
import operator
from collections.abc import Mapping, Sequence
from itertools import cycle, groupby
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trainer.files import write_atomically, write_json

STYLE = """body{font:15px system-ui,sans-serif;margin:2em auto;max-width:1200px;color:#222}
table{border-collapse:collapse;margin:1em 0}th,td{padding:.3em .7em;border-bottom:1px solid #ccc;text-align:right}
th:first-child,td:first-child{text-align:left}img{max-width:100%}.note{color:#555}"""
COLUMNS = {
    "run": "name", "recipe": "recipe", "rank": "rank", "videos right": "accuracy", "label": "label", "AUC": "auc",
    "F1": "f1", "calibration error": "calibration_error", "found": "found", "false an hour": "false_an_hour",
    "delay in s": "delay_s", "parameters": "parameters", "ms an answer": "latency_ms", "samples": "sampling",
}  # fmt: skip
KIND = {"Clips": "judged", "judged by": "protocol", "backbone": "backbone"}
"""What rows share that are ranked against each other; each kind has a table."""
SPAN = "_95"
TableRow = Mapping[str, Any]
"""A `trainer.studies.comparison.Row` as a dict."""
WIDE = 20
"""Where the largest value of a sweep is as many times the smallest or more, the axis is logarithmic."""
MARKERS = "os^vD<>"
"""In turn; as their number and that of the colours are prime to each other, 70 runs look different."""
Numbers = list[dict[str, Any]]
"""Of a plot, one entry a point or line."""


def draw(
    out: Path, rows: Sequence[TableRow], figures: Mapping[str, Mapping[str, Any]], machine: str
) -> dict[str, bytes]:
    """Write every plot that has anything to show, as PNG and JSON; return the pictures by title.

    Args:
        out: folder.
        rows: of the tables.
        figures: of `trainer.judging.evaluation.evaluate`, by the row's name.
        machine: whose latencies the rows tell.
    """
    timed = [row for row in rows if row["latency_ms"]]
    plots = {
        "accuracy over parameters": _scatter(rows, "parameters", "parameters"),
        "accuracy over latency": _scatter(timed, "latency_ms", f"ms an answer, one thread, float32, {machine}"),
        "ROC": _roc(rows, figures),
    }
    if swept := [row for row in rows if row["swept"]]:
        plots = {f"accuracy and AUC over {swept[0]['swept'][0]}": _over(swept), **plots}
    pictures: dict[str, bytes] = {}
    for title, (figure, numbers) in plots.items():
        if numbers:
            path = out / f"{title.replace(' ', '_').lower()}.png"
            write_atomically(path, lambda temporary, drawn=figure: drawn.savefig(temporary, dpi=110))
            write_json(path.with_suffix(".json"), {"title": title, "numbers": numbers})
            pictures[title] = path.read_bytes()
    return pictures


def _scatter(rows: Sequence[TableRow], key: str, x: str) -> tuple[Figure, Numbers]:
    """Accuracy with its interval over something else, as figure 12 of paper 000."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    numbers: Numbers = []
    for row, marker in zip(rows, cycle(MARKERS), strict=False):
        number = {"run": row["name"], key: row[key], "accuracy": row["accuracy"] or 0.0}
        number |= {"accuracy_95": row["accuracy_95"], "protocol": row["protocol"]}
        fill = "none" if row["unranked"] else "full"
        _points(axes, [number], key, "accuracy", fmt=marker, linewidth=0.8, fillstyle=fill, label=row["name"])
        numbers.append(number)
    if rows:
        figure.legend(fontsize=8, loc="outside right upper")
    axes.set(xlabel=x, ylabel="videos right", xscale="log", ylim=(-0.02, 1.05))
    return figure, numbers


def _over(rows: Sequence[TableRow]) -> tuple[Figure, Numbers]:
    """Accuracy and AUC with their intervals over what a sweep varied, as the studies of papers 001 and 002."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    key, kept = rows[0]["swept"][0], ("accuracy", "accuracy_95", "label", "auc", "auc_95", "protocol")
    numbers: Numbers = [
        {"run": row["name"], key: row["swept"][1], **{name: row[name] for name in kept}} for row in rows
    ]
    numbers.sort(key=operator.itemgetter(key))
    for height, title in (("accuracy", "videos right"), ("auc", f"AUC of {rows[0]['label']}")):
        if told := [number for number in numbers if number[height] is not None]:
            _points(axes, told, key, height, fmt="o-", linewidth=1, label=title)
    least, most = numbers[0][key], numbers[-1][key]
    scale = "log" if 0 < least * WIDE <= most else "linear"
    axes.set(xlabel=key, xscale=scale, ylim=(-0.02, 1.05), title=f"judged by {rows[0]['protocol']}")
    axes.legend(fontsize="small", loc="lower right")
    return figure, numbers


def _points(axes: Any, numbers: Numbers, x: str, y: str, **look: Any) -> None:
    """Points with their 95 % intervals, where they have any."""
    heights = np.asarray([number[y] for number in numbers])
    spans: NDArray[np.float64] = np.asarray([number[y + SPAN] or (np.nan, np.nan) for number in numbers]).T  # (2, n)
    errors = np.maximum([heights - spans[0], spans[1] - heights], 0)
    axes.errorbar([number[x] for number in numbers], heights, yerr=errors, markersize=5, capsize=3, **look)


def _roc(rows: Sequence[TableRow], figures: Mapping[str, Mapping[str, Any]]) -> tuple[Figure, Numbers]:
    """A curve of each run and label."""
    figure = Figure(figsize=(6.5, 6), layout="constrained")
    axes = figure.subplots()
    numbers: Numbers = []
    for row in rows:
        name, style = row["name"], "dotted" if row["unranked"] else "solid"
        for label, of_label in figures[name]["labels"].items():
            if of_label["curves"] is not None:
                points = of_label["curves"]["roc"]
                auc = of_label["videos"]["auc"]
                text = f"{name}: {label}, AUC {auc:.3f}"
                axes.plot(*zip(*points, strict=True), label=text, linewidth=1, linestyle=style)
                numbers.append({"run": name, "label": label, "auc": auc, "protocol": row["protocol"], "points": points})
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
    axes.set(xlabel="false-positive rate", ylabel="sensitivity")
    if numbers:
        axes.legend(fontsize="small", loc="lower right")
    return figure, numbers


def page(rows: Sequence[TableRow], pictures: Mapping[str, bytes], machine: str) -> str:
    """The page: a table for each kind of row, then the plots; `machine` is whose latencies the rows tell."""
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>Comparison</title><style>{STYLE}</style>"]
    parts.append(
        "<h1>Comparison</h1><p class=note>Ranks count within a table: same clips, judged the same way, same backbone. "
        "In parentheses: 95 % intervals, whole groups drawn again. Answers are timed on one thread of this machine, in "
        f"float32: {html.escape(machine)}.</p>"
    )
    for _, alike in groupby(rows, operator.itemgetter(*KIND.values())):
        parts += _table(list(alike))
    for title, picture in pictures.items():
        encoded = base64.b64encode(picture).decode()
        parts.append(
            f'<h2>{html.escape(title)}</h2><img alt="{html.escape(title)}" src="data:image/png;base64,{encoded}">'
        )
    return "\n".join([*parts, "</html>\n"])


def _table(rows: Sequence[TableRow]) -> list[str]:
    """Of rows of one kind."""
    kind = "; ".join(f"{title}: {html.escape(rows[0][key])}" for title, key in KIND.items())
    parts = [f"<h2>{kind}</h2>"]
    if why := rows[0]["unranked"]:
        parts.append(f"<p class=note>Without ranks: {html.escape(why)}. In the plots hollow and dotted.</p>")
    parts.append("<table><tr>" + "".join(f"<th>{title}</th>" for title in COLUMNS))
    for row in rows:
        cells = "".join(f"<td>{html.escape(_cell(row, key))}</td>" for key in COLUMNS.values())
        parts.append(f"</tr><tr>{cells}")
    return [*parts, "</tr></table>"]


def _cell(row: TableRow, key: str) -> str:
    between = row.get(key + SPAN)
    span = f" ({between[0]:.3f} to {between[1]:.3f})" if between else ""
    return f"{_shown(row[key])}{span}"


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
