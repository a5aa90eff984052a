"""How often the built-in recipe is right on real clips that it was not trained on.

Evidence: one entry a fold (surveillance-fight: five folds grouped by scene; gmdcsa24: one subject each), made by
training, converting and scoring that fold's model, with every clip's scores; and the shipped bundle's alarms on
`normal/`. Each fold's thresholds come from splits of its own training clips. Whether rendered clips are among them is
as it was for the shipped bundle; the same without them is a proof of its own, `proofs.models.without_rendered`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from edge.bundle import BUILTIN, Bundle
from proofs.frame import record
from proofs.frame.proof import INTERVAL, Evidence, Figure, Figures, Limit, Proof, Setting
from proofs.models.folds import NORMAL_SET, TASKS, alarms_on_normal, run_task
from trainer.judging.metrics import alarm_rate, binary, delay_figures, group_intervals, group_spread, out_of_fold

FIGHTS, FALLS = "surveillance-fight", "gmdcsa24"
LABEL_OF = {FIGHTS: "violence", FALLS: "fall"}
VARIANTS = ("float", "quantized")
POINTS = 100.0
HALF = 0.5

Clips = list[dict[str, Any]]

FOLDS_TABLE = (
    Figure("fight_accuracy_float", "`surveillance-fight`, videos right, float", "%", Limit(">=", 0.84), 1),
    Figure("fight_auc_float", "`surveillance-fight`, AUC, float", "", Limit(">=", 0.91), 3),
    Figure("fight_accuracy_quantized", "`surveillance-fight`, videos right, quantized, edge pipeline", "%", None, 1),
    Figure("fight_auc_quantized", "`surveillance-fight`, AUC, quantized, edge pipeline", "", None, 3),
    Figure("fight_accuracy_loss_points", "points lost by quantization", "", Limit("<=", 1.0), 2),
    Figure("fight_lowest_fold_accuracy", "`surveillance-fight`, lowest fold, quantized", "%", None, 1),
    Figure("fight_accuracy_shortcut", "from width, height, frame rate, duration alone: videos right", "%", None, 1),
    Figure("fight_auc_shortcut", "from width, height, frame rate, duration alone: AUC", "", None, 3),
    Figure("fall_balanced_accuracy_float", "`gmdcsa24`, balanced accuracy, float", "%", None, 1),
    Figure("fall_balanced_accuracy", "`gmdcsa24`, balanced accuracy, quantized", "%", Limit(">=", 0.89), 1),
    Figure("fall_counts", "`gmdcsa24`, falls found, daily activities left alone"),
    Figure("fall_lowest_subject_accuracy", "`gmdcsa24`, lowest subject", "%", None, 1),
    Figure("fall_median_delay_s", "median delay from a fall's start to its event", "s", Limit("<=", 1.5), 2),
    Figure("falls_missed", "falls without an event"),
    Figure("false_fall_events", "fall events before the fall or without one"),
)
TABLE = (
    *FOLDS_TABLE,
    Figure("normal_alarms", "`normal/`, alarms of the shipped bundle", "", Limit("<=", 0)),
    Figure("normal_minutes", "`normal/`, minutes", "", None, 2),
    Figure("normal_alarms_per_hour_bound", "`normal/`, alarms an hour ruled out with 95 % (Poisson)", "", None, 0),
)


def measure(setting: Setting) -> Evidence:
    """Run every fold that is not done yet, and the shipped bundle on footage without events."""
    rendered = bool(Bundle.load(BUILTIN).spec.provenance.get("rendered_clips"))
    return {
        **measure_folds(setting, rendered=rendered),
        "rendered_in_bundle": rendered,
        "normal": alarms_on_normal(setting),
    }


def measure_folds(setting: Setting, *, rendered: bool) -> Evidence:
    """Run every fold that is not done yet, with or without rendered clips to learn from."""
    digests = {name: record.digest_of_files(setting.data / name) for name in (FIGHTS, FALLS, NORMAL_SET)}
    tasks = [task for task in TASKS if task.rendered == rendered]
    if setting.short:
        tasks = [task for task in tasks if task.dataset == FALLS][:1]
    folds = [
        setting.once(task.name, [task.describe(), digests[task.dataset]], lambda task=task: run_task(task, setting))
        for task in tasks
    ]
    return {"bundle_sha256": Bundle.load(BUILTIN).digest, "data_sha256": digests, "folds": folds}


def figures(evidence: Evidence) -> Figures:
    """All figures, from per-clip scores and events."""
    return figures_of_folds(evidence["folds"]) | _normal_figures(evidence["normal"])


def figures_of_folds(folds: list[dict[str, Any]]) -> Figures:
    """Pooled over the folds of each set."""
    found: Figures = {}
    if fights := [fold for fold in folds if fold["dataset"] == FIGHTS]:
        found |= _fight_figures(fights)
    if falls := [fold for fold in folds if fold["dataset"] == FALLS]:
        found |= _fall_figures(falls)
    return found


def _fight_figures(folds: list[dict[str, Any]]) -> Figures:
    label = LABEL_OF[FIGHTS]
    clips, numbers = _pooled(folds)
    truth, groups = _truth(clips, label), [clip["group"] for clip in clips]
    found: Figures = {}
    for variant in VARIANTS:
        scores, thresholds = _scores(clips, label, variant), _thresholds(folds, label, variant)
        counted = binary(truth, scores, thresholds)
        intervals = group_intervals(truth, scores, groups, thresholds)
        for key in ("accuracy", "auc"):
            found[f"fight_{key}_{variant}"] = counted[key]
            found[f"fight_{key}_{variant}{INTERVAL}"] = intervals[key]
    float_accuracy, quantized_accuracy = (_number(found[f"fight_accuracy_{variant}"]) for variant in VARIANTS)
    found["fight_accuracy_loss_points"] = POINTS * (float_accuracy - quantized_accuracy)
    found["fight_lowest_fold_accuracy"] = group_spread(
        truth, _scores(clips, label, "quantized"), [str(number) for number in numbers], _thresholds(folds, label)
    )["lowest_accuracy"]
    shortcut = out_of_fold(truth, np.asarray([clip["shape"] for clip in clips], float), numbers)
    if shortcut is not None:
        of_shortcut = binary(truth, shortcut, HALF)
        found |= {"fight_accuracy_shortcut": of_shortcut["accuracy"], "fight_auc_shortcut": of_shortcut["auc"]}
    return found


def _fall_figures(folds: list[dict[str, Any]]) -> Figures:
    label = LABEL_OF[FALLS]
    clips, _ = _pooled(folds)
    truth, groups = _truth(clips, label), [clip["group"] for clip in clips]
    scores, thresholds = _scores(clips, label, "quantized"), _thresholds(folds, label)
    counted = binary(truth, scores, thresholds)
    in_float = binary(truth, _scores(clips, label, "float"), _thresholds(folds, label, "float"))
    intervals = group_intervals(truth, scores, groups, thresholds)
    delays_s = [_delay_s(clip, label) for clip in clips if clip["label"] == label]
    delays = delay_figures(delays_s)
    return {
        "fall_balanced_accuracy_float": in_float["balanced_accuracy"],
        "fall_balanced_accuracy": counted["balanced_accuracy"],
        f"fall_balanced_accuracy{INTERVAL}": intervals["balanced_accuracy"],
        "fall_counts": "{true_positives}/{n_positive}, {true_negatives}/{n_negative}".format(
            **counted, n_negative=counted["n"] - counted["n_positive"]
        ),
        "fall_lowest_subject_accuracy": group_spread(truth, scores, groups, thresholds)["lowest_accuracy"],
        "fall_median_delay_s": delays["median_delay_s"],
        "falls_missed": delays["missed"],
        "false_fall_events": sum(_n_false(clip, label) for clip in clips),
    }


def _normal_figures(videos: list[dict[str, Any]]) -> Figures:
    rate = alarm_rate(sum(len(video["events"]) for video in videos), sum(video["duration_s"] for video in videos))
    return {
        "normal_alarms": rate["alarms"],
        "normal_minutes": rate["minutes"],
        "normal_alarms_per_hour_bound": rate["per_hour_upper_95"],
    }


def _pooled(folds: Iterable[dict[str, Any]]) -> tuple[Clips, list[int]]:
    """All clips, each once, and the fold of each."""
    clips = [clip for fold in folds for clip in fold["clips"]]
    numbers = [fold["fold"] for fold in folds for _ in fold["clips"]]
    if len({clip["path"] for clip in clips}) != len(clips):
        raise ValueError("a clip stands in two folds")
    return clips, numbers


def _truth(clips: Clips, label: str) -> Any:
    return np.asarray([clip["label"] == label for clip in clips])


def _scores(clips: Clips, label: str, variant: str) -> Any:
    return np.asarray([clip[variant][label] for clip in clips], float)


def _thresholds(folds: Sequence[dict[str, Any]], label: str, variant: str = "quantized") -> Any:
    """Of each clip, the threshold of its own fold."""
    thresholds = [fold["thresholds"][variant][label] for fold in folds]
    return np.repeat(thresholds, [len(fold["clips"]) for fold in folds])


def _delay_s(clip: dict[str, Any], label: str) -> float:
    """From the annotated start to the first event of the label at or after it; infinite when there is none."""
    times_s = [event["position_s"] for event in clip["events"] if event["label"] == label]
    return min((time_s - clip["start_s"] for time_s in times_s if time_s >= clip["start_s"]), default=float("inf"))


def _n_false(clip: dict[str, Any], label: str) -> int:
    """Events of the label before its start, or anywhere in a clip that does not hold it."""
    times_s = [event["position_s"] for event in clip["events"] if event["label"] == label]
    start_s = clip["start_s"] if clip["label"] == label else float("inf")
    return sum(time_s < start_s for time_s in times_s)


def _number(value: object) -> float:
    assert isinstance(value, float)
    return value


PROOF = Proof(
    name="accuracy",
    summary="real clips out of fold, float and quantized through the edge pipeline, and alarms on footage without any",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
    of_bundle=True,
)
