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


def summary(figures: Mapping[str, Any]) -> str:
    """The figures of an evaluation that people ask for first, one line each."""
    lines = [
        f"  {figures['n_clips']} clips in {figures['n_groups']} groups: "
        f"{_percent(figures['videos']['accuracy'])} of videos, {_percent(figures['frames']['accuracy'])} of frames",
    ]
    for label, of_label in figures["labels"].items():
        videos, events = of_label["videos"], of_label["events"]
        lines += [
            f"  {label}: balanced accuracy {_percent(videos['balanced_accuracy'])}, AUC {_number(videos['auc'])}, "
            f"sensitivity {_percent(videos['sensitivity'])}, specificity {_percent(videos['specificity'])}",
            f"  {label}: {events['clips_with_alarm']} of {events['clips_with']} clips raised an alarm, "
            f"{events['false_alarms']['alarms']} false alarms in {events['false_alarms']['minutes']:.1f} min",
        ]
        if events["delays"]["n"]:
            delay_s = events["delays"]["median_delay_s"]
            lines.append(f"  {label}: median delay {'over all misses' if delay_s is None else f'{delay_s:.2f} s'}")
        if of_label["shortcut"] is not None:
            alone = of_label["shortcut"]
            lines.append(
                f"  {label}: width, height, frame rate and duration alone reach {_percent(alone['accuracy'])}, "
                f"AUC {_number(alone['auc'])}"
            )
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
