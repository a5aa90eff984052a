"""`trainer convert --compare`: what each precision of each run costs and loses, as table, JSON and plot."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from converters.runtime import latencies
from converters.targets import PRECISIONS
from converters.write import refuse_unwritable
from edge.bundle import Bundle
from edge.errors import ConfigurationError
from trainer.bundles.conversion import bundle_of
from trainer.files import write_atomically, write_json
from trainer.fitting.run import Run

JSON_NAME, PLOT_NAME = "comparison.json", "comparison.png"
BYTES_PER_MB = 1e6
N_ROUNDS = 15
PANEL_INCHES = 4.5
DPI = 120
MARK = " !"
"""Behind a row whose bundle lost more than its limit."""
WIDER = 1.2
"""Than the slowest precision is the axis of latency."""

Row = dict[str, Any]
Judge = Callable[[Path], Mapping[str, Any]]
"""From a bundle to the figures of an evaluation."""


def compare(runs: Sequence[Run], out: Path, judge: Judge | None = None, *, force: bool = False) -> list[Row]:
    """Convert runs to every precision, where that is not done yet, and compare the bundles.

    Args:
        runs: finished; they keep the bundles. Runs of several backbones stand in one table.
        out: folder for `comparison.json` and `comparison.png`.
        judge: where accuracy is wanted too.
        force: replace what is there.

    Returns:
        a row for each precision of each run.

    Raises:
        ConfigurationError: the comparison is there already or cannot be written, or a run is not finished.
        QualityError: a conversion gave what cannot be used at all.
    """
    refuse_unwritable(out / JSON_NAME)
    if not force and (found := [name for name in (JSON_NAME, PLOT_NAME) if (out / name).exists()]):
        raise ConfigurationError(f"{out / found[0]}: exists; give another folder, or --force to replace it")
    paths = [(run, precision, bundle_of(run, precision)) for run in runs for precision in PRECISIONS["cpu"]]
    rows = rows_of([Bundle.load(path) for *_, path in paths])
    for row, (run, _, path) in zip(rows, paths, strict=True):
        row |= {"run": run.path.resolve().name, "recipe": run.settings.recipe, "backbone": backbone_of(run)}
        if judge is not None:
            row.update(_of_clips(judge(path)))
    write_json(out / JSON_NAME, {"rows": rows})
    plot(out / PLOT_NAME, rows)
    return rows


def backbone_of(run: Run) -> str:
    """What looks at frames in a run."""
    from trainer.recipes.catalogue import network_of  # noqa: PLC0415  (imports Keras)

    return network_of(run.settings) or "none"


def rows_of(bundles: Sequence[Bundle]) -> list[Row]:
    """Size, latency and loss of each bundle; the latencies are measured in turns, on one thread, and told as fractions
    too of that of the nearest float32 bundle before."""
    times = latencies([bundle.files[bundle.spec.networks.scene.files["cpu"]] for bundle in bundles], N_ROUNDS)
    rows: list[Row] = []
    float32_ms = times[:, 0]
    for bundle, times_ms in zip(bundles, times.T, strict=True):
        frame = bundle.spec.verification["frame"]
        if bundle.spec.networks.scene.precision == "float32":
            float32_ms = times_ms
        rows.append(
            {
                "precision": bundle.spec.networks.scene.precision,
                "size_bytes": len(bundle.files[bundle.spec.networks.scene.files["cpu"]]),
                "latency_ms": round(float(np.median(times_ms)), 3),
                "latency_ratio": round(float(np.median(times_ms / float32_ms)), 3),
                "features_snr_db": frame["features_snr_db"],
                "label_agreement": frame["label_agreement"],
                "warning": bundle.spec.warning,
            }
        )
    return rows


def table(rows: list[Row]) -> str:
    """The rows for people; those whose bundles carry a warning are marked, and the warnings stand below."""
    width = max(len("run"), *(len(row["run"]) for row in rows))
    head = f"{'run':<{width}} {'backbone':<17} {'precision':<9}"
    lines = [f"{head} {'size':>9} {'latency':>9} {'of float32':>11} {'features':>9} {'same label':>11}"]
    labels = sorted({label for row in rows for label in row.get("accuracy", {})})
    lines[0] += "".join(f" {label:>10} {'AUC':>6}" for label in labels)
    for row in rows:
        size = f"{row['size_bytes'] / BYTES_PER_MB:.2f} MB"
        agreement = f"{100 * row['label_agreement']:.1f} %"
        line = (
            f"{row['run']:<{width}} {row['backbone']:<17} {row['precision']:<9} "
            f"{size:>9} {row['latency_ms']:>6.2f} ms {row['latency_ratio']:>11.2f} "
            f"{row['features_snr_db']:>6.1f} dB {agreement:>11}"
        )
        line += "".join(f" {_percent(row['accuracy'][label]):>10} {_area(row['auc'][label]):>6}" for label in labels)
        lines.append(line + MARK * bool(row["warning"]))
    lines += [f"{MARK.strip()} {row['run']}, {row['precision']}: {row['warning']}" for row in rows if row["warning"]]
    return "\n".join(lines)


def plot(path: Path, rows: list[Row]) -> None:
    """Latency against the features' signal-to-noise ratio, and against accuracy and AUC where they are known; sizes as
    text, runs as colours."""
    labels = sorted({label for row in rows for label in row.get("accuracy", {})})
    panels: list[tuple[str, Callable[[Row], float | None]]] = [("features, dB", lambda row: row["features_snr_db"])]
    for label in labels:
        panels.append((f"{label}, videos right", lambda row, label=label: row["accuracy"][label]))
        panels.append((f"{label}, AUC", lambda row, label=label: row["auc"][label]))
    figure = Figure(figsize=(PANEL_INCHES * len(panels), PANEL_INCHES), layout="constrained")
    runs = list(dict.fromkeys(_title(row) for row in rows))
    figure.suptitle(runs[0] if len(runs) == 1 else "", fontsize="medium")
    for axes, (name, value) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        for number, row in enumerate(rows):
            if (height := value(row)) is None:
                continue
            axes.scatter(row["latency_ms"], height, color=f"C{runs.index(_title(row))}")
            note = f"{row['precision']}\n{row['size_bytes'] / BYTES_PER_MB:.1f} MB"
            # In turns above and below: two precisions are often as good and as quick as each other.
            above = number % 2 == 0
            place = {"xytext": (0, 8 if above else -8), "va": "bottom" if above else "top"}
            axes.annotate(
                note, (row["latency_ms"], height), textcoords="offset points", ha="center", fontsize="small", **place
            )
        axes.set_xlim(0, WIDER * max(row["latency_ms"] for row in rows))
        axes.margins(y=0.25)
        axes.set_xlabel("ms a frame on one thread")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
        if len(runs) > 1:
            colours = [Line2D([], [], color=f"C{number}", marker="o", linestyle="") for number in range(len(runs))]
            axes.legend(colours, runs, fontsize="small")
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=DPI, format="png"))


def _title(row: Row) -> str:
    """A row's run, for people."""
    return f"{row['run']}: {row['recipe']}, {row['backbone']}"


def _of_clips(figures: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Share of the videos that are right, and AUC, by label."""
    return {
        key: {label: of_label["videos"][key] for label, of_label in figures["labels"].items()}
        for key in ("accuracy", "auc")
    }


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _area(auc: float | None) -> str:
    return "-" if auc is None else f"{auc:.3f}"
