"""Pictures for people: confusion matrices as PNG."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from trainer.files import write_atomically

CELL_INCHES = 1.1
MARGIN_INCHES = 2.0


def confusion_png(path: Path, figures: Mapping[str, Any], title: str) -> None:
    """Draw `metrics.multiclass` figures: rows are the truth, colours shares of a row, numbers counts."""
    matrix = np.asarray(figures["confusion"])
    labels = figures["labels"]
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = MARGIN_INCHES + CELL_INCHES * len(labels)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("said")
    axes.set_ylabel("true")
    axes.set_title(f"{title}: {_percent(figures['accuracy'])} of {figures['n']}", fontsize="medium")
    for row, column in np.ndindex(matrix.shape):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{matrix[row, column]}", ha="center", va="center", color=colour)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def write_confusions(folder: Path, figures: Mapping[str, Any]) -> None:
    """Write `confusion_frames.png` and `confusion_videos.png` of an evaluation."""
    confusion_png(folder / "confusion_frames.png", figures["frames"], "frames")
    confusion_png(folder / "confusion_videos.png", figures["videos"], "videos")


def write_curves(folder: Path, figures: Mapping[str, Any]) -> None:
    """Write `curves.png`: ROC, precision over recall and reliability of each label's videos."""
    told = {label: found for label, found in figures["labels"].items() if found["curves"] is not None}
    if not told:
        return
    figure = Figure(figsize=(12, 4), layout="constrained")
    roc, precision, reliable = figure.subplots(1, 3)
    for label, found in told.items():
        roc.plot(*zip(*found["curves"]["roc"], strict=True), label=f"{label}, AUC {_number(found['videos']['auc'])}")
        average = _number(found["videos"]["average_precision"])
        precision.plot(*zip(*found["curves"]["precision_recall"], strict=True), label=f"{label}, AP {average}")
        bins = found["calibration"]["bins"]
        error = _number(found["calibration"]["expected_error"])
        points = [one["mean_score"] for one in bins], [one["positive"] for one in bins]
        reliable.plot(*points, marker="o", label=f"{label}, ECE {error}")
    for axes, x, y in (
        (roc, "false-positive rate", "sensitivity"),
        (precision, "recall", "precision"),
        (reliable, "score", "share that is positive"),
    ):
        axes.set(xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.legend(loc="lower right", fontsize="small")
    for axes in (roc, reliable):
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
    write_atomically(folder / "curves.png", lambda temporary: figure.savefig(temporary, dpi=120))


def summary(figures: Mapping[str, Any]) -> str:
    """The figures of an evaluation that people ask for first, one line each."""
    videos, frames = _percent(figures["videos"]["accuracy"]), _percent(figures["frames"]["accuracy"])
    sure = _between(figures["videos"].get("accuracy_95"))
    lines = [
        f"{figures['n_clips']} clips in {figures['n_groups']} groups: {videos}{sure} of videos, {frames} of frames"
    ]
    for label, of_label in figures["labels"].items():
        lines += [f"{label}: {line}" for line in _label_lines(of_label)]
    return "\n".join(f"  {line}" for line in lines)


def _label_lines(figures: Mapping[str, Any]) -> list[str]:
    videos, events, alone = figures["videos"], figures["events"], figures["shortcut"]
    rates = f"sensitivity {_percent(videos['sensitivity'])}, specificity {_percent(videos['specificity'])}"
    average, error = _number(videos["average_precision"]), _number(figures["calibration"]["expected_error"])
    found = f"precision {_percent(videos['precision'])}, F1 {_number(videos['f1'])}, average precision {average}"
    balanced = f"{_percent(videos['balanced_accuracy'])}{_between(figures['videos_95']['balanced_accuracy'])}"
    lines = [
        f"balanced accuracy {balanced}, AUC {_number(videos['auc'])}, {rates}",
        f"{found}, calibration error {error}",
    ]
    if events is not None:
        lines += _event_lines(events)
    if alone is not None:
        reached = f"{_percent(alone['accuracy'])}, AUC {_number(alone['auc'])}"
        lines.append(f"width, height, frame rate and duration alone reach {reached}")
    return lines


def _event_lines(events: Mapping[str, Any]) -> list[str]:
    false = events["false_alarms"]
    a_day = false["per_day_95"]
    rate = "" if a_day is None else f" ({a_day[0]:.1f} to {a_day[1]:.1f} a day)"
    alarms = f"{events['clips_with_alarm']} of {events['clips_with']} clips raised an alarm"
    lines = [f"{alarms}, {false['alarms']} false alarms in {false['minutes']:.1f} min{rate}"]
    if events["delays"]["n"]:
        delay_s = events["delays"]["median_delay_s"]
        lines.append("most were missed" if delay_s is None else f"median delay {delay_s:.2f} s")
    return lines


def _between(interval: list[float] | None) -> str:
    """A 95 % interval of a share, where there is one."""
    return "" if interval is None else f" ({interval[0]:.1%} to {interval[1]:.1%})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
