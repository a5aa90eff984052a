"""From what the pipeline said of clips to figures: per frame, per video and per event, with what they are worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import DatasetError
from trainer.clips.labels import NORMAL
from trainer.clips.manifest import Clip
from trainer.clips.splits import assign_folds
from trainer.judging import metrics, reliability
from trainer.judging.scoring import ClipScores, video_score

DEFAULT_THRESHOLD = 0.5
SHORTCUT_FOLDS = 5
TOP = (2, 3, 5)
"""Among how many of the highest scores the truth is counted too, where there are more labels."""


@dataclass(frozen=True, slots=True)
class Judge:
    """How scores become answers."""

    labels: tuple[str, ...]
    """The model's, in the order of its scores."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """From which score on a label counts as present in a video or frame. Without any, the highest score decides."""

    rules: Mapping[str, str] = field(default_factory=dict)
    """How a video's score is made of its steps', see `video_score`."""

    raises_alarms: bool = True
    """Not so of a model of whole clips, which speaks at their end alone: of its events nothing is said."""

    def threshold(self, label: str) -> float:
        return self.thresholds.get(label, DEFAULT_THRESHOLD)

    def answers(self, scores: NDArray[np.float64], clip: Clip) -> NDArray[np.int64]:
        """The one label said in each row of scores (n, n_labels), among those that the clip's set annotates."""
        asked = [index for index, label in enumerate(self.labels) if label in clip.annotates or label == NORMAL]
        if not self.thresholds or NORMAL not in self.labels:
            return np.asarray(asked)[scores[:, asked].argmax(axis=1)]
        margins = np.full(scores.shape, -np.inf)
        for index in asked:
            if self.labels[index] != NORMAL:
                margins[:, index] = scores[:, index] - self.threshold(self.labels[index])
        margins[:, self.labels.index(NORMAL)] = -np.finfo(np.float64).tiny  # a margin of 0 counts as presence
        return margins.argmax(axis=1)


@dataclass(frozen=True, slots=True)
class Judged:
    """What was said of a clip, and how to read it."""

    result: ClipScores
    judge: Judge

    def video_answer(self) -> int:
        """Index of the label said of the whole video."""
        return int(self.judge.answers(self.video_scores()[np.newaxis], self.result.clip)[0])

    def video_scores(self) -> NDArray[np.float64]:
        """The score of the whole video, (n_labels,)."""
        return video_score(self.result.scores, self.judge.labels, self.judge.rules)


def refuse_unknown(clips: Sequence[Clip], labels: Sequence[str]) -> None:
    """Refuse clips whose label the model does not know.

    Raises:
        DatasetError: as said; the message shows how to map the class.
    """
    for clip in clips:
        if clip.label not in labels:
            raise DatasetError(
                f"{clip.dataset}: class {clip.label!r} is not among the model's labels {', '.join(labels)}; "
                f"map it, such as --positive {clip.label}={labels[-1]}"
            )


def evaluate(
    results: Sequence[ClipScores], judges: Judge | Sequence[Judge], folds: Sequence[int] | None = None
) -> dict[str, Any]:
    """All figures of a set of clips.

    Args:
        results: what the pipeline said.
        judges: labels and thresholds; one for all, or each clip's own where the models of several folds scored them.
        folds: of each clip, for the baseline that sees no picture; five grouped ones where None.

    Returns:
        Content of `metrics.json` and of `trainer evaluate --json`; `events` is None where no alarms can be raised.
    """
    judged = [Judged(r, j) for r, j in zip(results, _each(judges, len(results)), strict=True)]
    labels = {
        label: _label_figures(judged, index, folds)
        for index, label in enumerate(judged[0].judge.labels)
        if label != NORMAL and any(label in result.clip.annotates for result in results)
    }
    return {
        "n_clips": len(results),
        "n_groups": len({(result.clip.dataset, result.clip.group) for result in results}),
        "datasets": sorted({result.clip.dataset for result in results}),
        "skipped_frames": sum(result.skipped_frames for result in results),
        "frames": frame_confusion(judged),
        "videos": video_confusion(judged),
        "labels": labels,
        "clips": [_clip_figures(item) for item in judged],
    }


def _each(judges: Judge | Sequence[Judge], n: int) -> Sequence[Judge]:
    return [judges] * n if isinstance(judges, Judge) else judges


def video_confusion(judged: Sequence[Judged]) -> dict[str, Any]:
    """One answer a video against its label."""
    labels = judged[0].judge.labels
    truth = np.asarray([labels.index(item.result.clip.label) for item in judged], np.int64)
    said = np.asarray([item.video_answer() for item in judged], np.int64)
    scores = np.stack([item.video_scores() for item in judged])
    groups = [_group(item.result) for item in judged]
    intervals = metrics.confusion_intervals(truth, said, groups)
    return metrics.multiclass(truth, said, labels) | intervals | _ranks(truth, scores)


def _ranks(truth: NDArray[np.int64], scores: NDArray[np.float64]) -> dict[str, float]:
    return {f"top_{k}": found for k in TOP if (found := reliability.top_k(truth, scores, k)) is not None}


def _group(result: ClipScores) -> str:
    return f"{result.clip.dataset}/{result.clip.group}"


def frame_confusion(judged: Sequence[Judged]) -> dict[str, Any]:
    """One answer a frame against the label that holds there."""
    labels = judged[0].judge.labels
    truth = np.concatenate([_frame_labels(item.result, labels) for item in judged])
    said = np.concatenate([item.judge.answers(item.result.frames, item.result.clip) for item in judged])
    scores = np.concatenate([item.result.frames for item in judged])
    return metrics.multiclass(truth, said, labels) | _ranks(truth, scores)


def _frame_labels(result: ClipScores, labels: Sequence[str]) -> NDArray[np.int64]:
    """Index of the label that holds at each step, (n_steps,); of the clip's, where the model has no `normal`."""
    own = result.clip.label
    names = (
        own if own in result.clip.labels_at(time_s) or NORMAL not in labels else NORMAL for time_s in result.times_s
    )
    return np.asarray([labels.index(name) for name in names], np.int64)


def _label_figures(judged: Sequence[Judged], index: int, folds: Sequence[int] | None) -> dict[str, Any]:
    """Figures of one label on the clips that annotate it."""
    label = judged[0].judge.labels[index]
    chosen = [row for row, item in enumerate(judged) if label in item.result.clip.annotates]
    asked = [judged[row].result for row in chosen]
    thresholds = np.asarray([judged[row].judge.threshold(label) for row in chosen])
    truth = np.asarray([result.clip.start_s(label) is not None for result in asked])
    scores = np.asarray([judged[row].video_scores()[index] for row in chosen])
    groups = [_group(result) for result in asked]
    own_folds = [folds[row] for row in chosen] if folds is not None else _grouped_folds(asked, truth)
    frame_truth = np.concatenate([[label in r.clip.labels_at(t) for t in r.times_s] for r in asked])
    frame_scores = np.concatenate([result.frames[:, index] for result in asked])
    frame_thresholds = np.repeat(thresholds, [len(result.times_s) for result in asked])
    return {
        "frames": metrics.binary(frame_truth, frame_scores, frame_thresholds),
        "videos": metrics.binary(truth, scores, thresholds),
        "videos_95": metrics.group_intervals(truth, scores, groups, thresholds),
        "videos_by_group": metrics.group_spread(truth, scores, groups, thresholds),
        "curves": reliability.curves(truth, scores),
        "calibration": reliability.calibration(truth, scores, own_folds),
        "events": event_figures(asked, label) if all(judged[row].judge.raises_alarms for row in chosen) else None,
        "shortcut": shortcut(asked, truth, own_folds) if own_folds is not None else None,
    }


def _grouped_folds(results: Sequence[ClipScores], truth: NDArray[np.bool_]) -> list[int] | None:
    """Folds for what is learned from these clips' figures alone; None where groups or labels are too few."""
    clips = [result.clip for result in results]
    n_groups = len({_group(result) for result in results})
    if n_groups < 2 or truth.all() or not truth.any():
        return None
    return assign_folds(clips, min(SHORTCUT_FOLDS, n_groups), seed=0)


def event_figures(results: Sequence[ClipScores], label: str, *, intervals: bool = True) -> dict[str, Any]:
    """What the alert machine made of it: clips with an alarm, delays where starts are annotated, false alarms.

    The delay of an event is that of the first alarm at or after its annotated start. Alarms before the start are
    false, and so are all in clips without the label. Drawing the 95 % intervals takes most of the time.
    """
    delays_s: list[float] = []
    found: list[bool] = []
    groups: list[str] = []
    false_alarms, quiet_s = 0, 0.0
    for result in results:
        start_s = result.clip.start_s(label)
        raised = [alarm.position_s for alarm in result.alarms if alarm.label == label]
        if start_s is None:
            false_alarms += len(raised)
            quiet_s += result.shape[3] or float(result.times_s[-1])
            continue
        after = [position_s for position_s in raised if position_s >= start_s]
        found.append(bool(after))
        groups.append(_group(result))
        false_alarms += len(raised) - len(after)
        quiet_s += start_s
        if result.clip.timed:
            delays_s.append(min(after) - start_s if after else np.inf)
    return {
        "clips_with": len(found),
        "clips_with_alarm": sum(found),
        "recall": metrics.ratio(sum(found), len(found)),
        **(_event_intervals(np.asarray(found), np.asarray(delays_s), groups) if intervals else {}),
        "delays": metrics.delay_figures(delays_s),
        "false_alarms": metrics.alarm_rate(false_alarms, quiet_s),
    }


def _event_intervals(
    found: NDArray[np.bool_], delays_s: NDArray[np.float64], groups: Sequence[str]
) -> dict[str, list[float] | None]:
    """95 % intervals of recall, and of the median delay where every clip's start is annotated."""
    if not len(found):
        return {"recall_95": None, "median_delay_s_95": None}

    def figures(chosen: NDArray[np.int64]) -> dict[str, float]:
        told = {"recall_95": float(found[chosen].mean())}
        if len(delays_s) == len(found):
            told["median_delay_s_95"] = float(np.median(delays_s[chosen]))
        return told

    return {"median_delay_s_95": None, **metrics.bootstrap(groups, figures)}


def shortcut(results: Sequence[ClipScores], truth: NDArray[np.bool_], folds: Sequence[int]) -> dict[str, Any] | None:
    """What a classifier reaches that sees only width, height, frame rate and duration; None where it cannot learn."""
    scores = metrics.out_of_fold(truth, np.asarray([result.shape for result in results]), folds)
    if scores is None:
        return None
    figures = metrics.binary(truth, scores, DEFAULT_THRESHOLD)
    return {key: figures[key] for key in ("n", "accuracy", "balanced_accuracy", "auc")}


def _clip_figures(item: Judged) -> dict[str, Any]:
    """What a report keeps of one clip."""
    result, labels = item.result, item.judge.labels
    scores = item.video_scores()
    events = [{"label": alarm.label, "position_s": round(alarm.position_s, 3)} for alarm in result.alarms]
    timed = result.clip.timed and result.clip.label != NORMAL
    return {
        "path": f"{result.clip.dataset}/{result.clip.name}",
        "sha256": result.sha256,
        "group": result.clip.group,
        "label": result.clip.label,
        "start_s": result.clip.start_s(result.clip.label) if timed else None,
        "duration_s": round(result.shape[3], 3),
        "answer": labels[item.video_answer()],
        "scores": {label: round(float(score), 6) for label, score in zip(labels, scores, strict=True)},
        "events": events if item.judge.raises_alarms else None,
        "skipped_frames": result.skipped_frames,
    }
