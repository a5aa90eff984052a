"""Finished evaluations side by side: one HTML page that needs nothing else, each plot as PNG, the numbers as JSON."""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from edge.errors import ConfigurationError
from trainer.backbones import origin
from trainer.files import write_atomically, write_json, write_text
from trainer.run import FRAME_NAME, HEAD_NAME, METRICS_NAME, WINDOW_NAME, Run

PAGE_NAME, JSON_NAME = "comparison.html", "comparison.json"
STYLE = """body{font:15px system-ui,sans-serif;margin:2em auto;max-width:1100px;color:#222}
table{border-collapse:collapse;margin:1em 0}th,td{padding:.3em .7em;border-bottom:1px solid #ccc;text-align:right}
th:first-child,td:first-child{text-align:left}img{max-width:100%}.note{color:#555}"""


@dataclass(frozen=True, slots=True)
class Row:
    """One run."""

    name: str
    recipe: str
    backbone: str
    """Where its weights come from: only rows of the same origin and the same clips are ranked against each other."""
    judged: str
    """On which clips: how many, of which data sets, and a digest of which."""
    sampling: str
    accuracy: float | None
    label: str
    auc: float | None
    f1: float | None
    calibration_error: float | None
    parameters: int
    latency_ms: float | None
    """One inference by the conversion's figures on the machine that made them; None where a box cannot run it."""
    rank: int = 0


def read_row(path: Path) -> tuple[Row, dict[str, Any]]:
    """A run's row and its figures.

    Raises:
        ConfigurationError: it is no finished run, or was not judged.
    """
    run = Run.load(path)
    if not run.finished or not (path / METRICS_NAME).is_file():
        raise ConfigurationError(f"{path}: training is not finished; go on with trainer train --resume {path}")
    figures = json.loads((path / METRICS_NAME).read_text(encoding="utf-8"))
    settings = run.settings
    label, found = next(iter(figures["labels"].items()), ("", None))
    row = Row(
        name=path.resolve().name,
        recipe=settings.recipe,
        backbone=origin(settings.weights),
        judged=f"{figures['n_clips']} of {', '.join(figures['datasets'])} ({clips_digest(figures)})",
        sampling="whole clips" if settings.judges_whole_clips else f"{settings.input.rate_hz:g}/s",
        accuracy=figures["videos"]["accuracy"],
        label=label,
        auc=found["videos"]["auc"] if found else None,
        f1=found["videos"]["f1"] if found else None,
        calibration_error=found["calibration"]["expected_error"] if found else None,
        parameters=n_parameters(path),
        latency_ms=latency_ms(path),
    )
    return row, figures


def clips_digest(figures: Mapping[str, Any]) -> str:
    """Tells sets of clips apart: equal figures' clips have equal digests, in whatever order."""
    names = sorted(clip["sha256"] for clip in figures["clips"])
    return hashlib.sha256("".join(names).encode()).hexdigest()[:8]


def n_parameters(path: Path) -> int:
    """Parameters of a run's models; a head's count once, though the frame model answers by it too."""
    import keras  # noqa: PLC0415

    files = [path / name for name in (FRAME_NAME, WINDOW_NAME) if (path / name).is_file()]
    files = files or [path / HEAD_NAME]
    models: list[Any] = [keras.models.load_model(file, compile=False) for file in files]
    return sum(int(model.count_params()) for model in models)


def latency_ms(path: Path) -> float | None:
    """Of one sample through the float32 bundle, as its conversion measured it."""
    bundle = path / "bundles" / "float32" / "bundle.json"
    if not bundle.is_file():
        return None
    verification = json.loads(bundle.read_text(encoding="utf-8"))["verification"]
    parts = [verification[part]["latency_ms"] for part in ("frame", "window") if part in verification]
    return round(sum(parts), 3) if parts else None


def ranked(rows: Sequence[Row]) -> list[Row]:
    """Best accuracy first; a rank counts among rows of the same backbone and the same clips alone."""
    ordered = sorted(rows, key=lambda row: (row.judged, row.backbone, -(row.accuracy or 0), row.name))
    seen: dict[tuple[str, str], int] = {}
    found: list[Row] = []
    for row in ordered:
        kind = (row.judged, row.backbone)
        seen[kind] = seen.get(kind, 0) + 1
        found.append(replace(row, rank=seen[kind]))
    return found


def compare(paths: Sequence[Path], out: Path) -> Path:
    """Write the page of these runs into a folder; return the page's path.

    Raises:
        ConfigurationError: a path is no finished run.
    """
    read = [read_row(path) for path in paths]
    rows = ranked([row for row, _ in read])
    out.mkdir(parents=True, exist_ok=True)
    plots = {
        "accuracy over parameters": _scatter(rows, "parameters", "parameters"),
        "accuracy over latency": _scatter([row for row in rows if row.latency_ms], "latency_ms", "ms a sample"),
        "ROC": _roc({row.name: figures for row, figures in read}),
    }
    pictures = {title: _png(out, title, figure) for title, figure in plots.items() if figure is not None}
    write_json(out / JSON_NAME, {"rows": [asdict(row) for row in rows]})
    write_text(out / PAGE_NAME, page(rows, pictures))
    return out / PAGE_NAME


def _png(out: Path, title: str, figure: Figure) -> bytes:
    path = out / f"{title.replace(' ', '_').lower()}.png"
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=110))
    return path.read_bytes()


def _scatter(rows: Sequence[Row], key: str, x: str) -> Figure | None:
    if not rows:
        return None
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for row in rows:
        place = getattr(row, key), row.accuracy or 0
        axes.scatter(*place)
        axes.annotate(row.name, place, xytext=(5, 4), textcoords="offset points", fontsize=8)
    axes.set(xlabel=x, ylabel="videos right", xscale="log", ylim=(-0.02, 1.05))
    return figure


def _roc(figures: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    figure = Figure(figsize=(5.5, 5), layout="constrained")
    axes = figure.subplots()
    drawn = False
    for name, found in figures.items():
        for label, of_label in found["labels"].items():
            if of_label["curves"] is not None:
                axes.plot(*zip(*of_label["curves"]["roc"], strict=True), label=f"{name}: {label}")
                drawn = True
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
    axes.set(xlabel="false-positive rate", ylabel="sensitivity")
    if not drawn:
        return None
    axes.legend(fontsize="small", loc="lower right")
    return figure


COLUMNS = {
    "run": "name", "recipe": "recipe", "rank": "rank", "videos right": "accuracy", "label": "label", "AUC": "auc",
    "F1": "f1", "calibration error": "calibration_error", "parameters": "parameters", "ms a sample": "latency_ms",
    "samples": "sampling",
}  # fmt: skip


def page(rows: Sequence[Row], pictures: Mapping[str, bytes]) -> str:
    """The page: a table for each backbone's origin and set of clips, then the plots."""
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>Comparison</title><style>{STYLE}</style>"]
    parts.append("<h1>Comparison</h1><p class=note>Ranks count within a table: same clips, same backbone.</p>")
    for kind in dict.fromkeys((row.judged, row.backbone) for row in rows):
        judged, backbone = (html.escape(part) for part in kind)
        parts.append(f"<h2>Clips: {judged}. Backbone: {backbone}</h2><table><tr>")
        parts += [f"<th>{title}</th>" for title in COLUMNS]
        for row in (row for row in rows if (row.judged, row.backbone) == kind):
            cells = "".join(f"<td>{html.escape(_shown(getattr(row, key)))}</td>" for key in COLUMNS.values())
            parts.append(f"</tr><tr>{cells}")
        parts.append("</tr></table>")
    for title, picture in pictures.items():
        encoded = base64.b64encode(picture).decode()
        parts.append(
            f'<h2>{html.escape(title)}</h2><img alt="{html.escape(title)}" src="data:image/png;base64,{encoded}">'
        )
    return "\n".join([*parts, "</html>\n"])


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
