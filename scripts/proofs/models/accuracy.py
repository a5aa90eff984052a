"""How often the built-in recipe tells fights in scenes that it was not trained on.

Evidence: one entry a fold of `surveillance-fight`, grouped by scene, for each seed of training and folds: that fold's
scene network and head, trained, converted and watching beside the shipped network for people, with every clip's score
and when it alerted, watched after another clip without a fight, its last picture held for a second; and the shipped
bundle's alarms on `normal/`. Each fold's scores are calibrated on splits of its own training clips. For how long
violence is remembered, and from which score for how long it alerts, was chosen on these very clips, by folds of which
each was left out once; see `trainer.recipes.edgewatch` for what a choice on the other folds alone gives. Whether
rendered clips are among the training clips is as it was for the shipped bundle; the same without them is a proof of
its own, `proofs.models.without_rendered`. What is told of falls is in `proofs.models.falls`.
"""

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from converters.convert_pose import POSE_FILE
from edge.bundle import BUILTIN, Bundle
from proofs.frame import record
from proofs.frame.proof import INTERVAL, Evidence, Figure, Figures, Limit, Proof, Setting
from proofs.models.folds import NORMAL_SET, PRECISIONS, RECIPE, TRAINED_ON, Task, alarms_on_normal, run_task
from proofs.models.protocols import N_FOLDS, SCENES
from trainer.judging.metrics import alarm_rate, binary, group_spread, out_of_fold, over_seeds

SEEDS = (0, 1, 2)
POINTS = 100.0
HALF = 0.5

Clips = list[dict[str, Any]]

FOLDS_TABLE = (
    Figure("fight_accuracy_float", "`surveillance-fight`, videos right, float", "%", None, 1),
    Figure("fight_auc_float", "the same: AUC", "", None, 3),
    Figure("fight_accuracy_quantized", "quantized: videos right", "%", Limit(">=", 0.89), 1),
    Figure("fight_auc_quantized", "quantized: AUC", "", Limit(">=", 0.945), 3),
    Figure("fight_accuracy_loss_points", "points lost by quantization", "", Limit("<=", 1.0), 2),
    Figure("fight_lowest_fold_accuracy", "lowest fold, quantized", "%", None, 1),
    Figure("fights_told", "fights that alert", "%", Limit(">=", 0.8), 1),
    Figure("others_told", "other clips that alert, of 111", "", Limit("<=", 5), 1),
    Figure("fight_delay_s", "median delay of these alerts from the clip's start", "s"),
    Figure("fight_accuracy_shortcut", "from width, height, frame rate, duration alone: videos right", "%", None, 1),
    Figure("fight_auc_shortcut", "from width, height, frame rate, duration alone: AUC", "", None, 3),
    Figure("fight_seeds", "seeds, of which these are means"),
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
        **measure_folds(setting, SEEDS, rendered=rendered),
        "rendered_in_bundle": rendered,
        "normal": alarms_on_normal(setting),
    }


def measure_folds(setting: Setting, seeds: Sequence[int], *, rendered: bool) -> Evidence:
    """Run every fold that is not done yet, with or without rendered clips to learn from."""
    from trainer.recipes.catalogue import RECIPES  # noqa: PLC0415 brings Keras, which listing proofs need not wait for

    digests = {name: record.digest_of_files(setting.data / name) for name in (*TRAINED_ON, NORMAL_SET)}
    bundle = Bundle.load(BUILTIN)
    settings = [RECIPES[RECIPE].hyperparameters, bundle.spec.combine, bundle.spec.files[POSE_FILE]]
    found: list[Evidence] = []
    for seed in seeds[:1] if setting.short else seeds:
        clips, folds = SCENES.read(setting, seed)
        for fold in range(1 if setting.short else N_FOLDS):
            task = Task(SCENES.dataset, fold, rendered, seed)
            made_from = [task.describe(), digests, settings]
            found.append(
                setting.once(task.name, made_from, lambda t=task, c=clips, f=folds: run_task(t, c, f, setting))
            )
    return {"bundle_sha256": bundle.digest, "data_sha256": digests, "folds": found}


def figures(evidence: Evidence) -> Figures:
    """All figures, from per-clip scores and alerts."""
    return figures_of_folds(evidence["folds"]) | _normal_figures(evidence["normal"])


def figures_of_folds(folds: Sequence[Evidence]) -> Figures:
    """Means over the seeds, each seed's folds pooled."""
    seeds = sorted({fold["seed"] for fold in folds})
    if not seeds:
        return {}
    by_seed = [_of_seed([fold for fold in folds if fold["seed"] == seed]) for seed in seeds]
    found: Figures = {key: _mean([each[key] for each in by_seed]) for key in by_seed[0]}
    return found | _of_clips(folds, seeds) | {"fight_seeds": len(seeds)}


def _of_seed(folds: Sequence[Evidence]) -> dict[str, float | None]:
    clips, numbers = _pooled(folds)
    truth = np.asarray([clip["fights"] for clip in clips])
    scores = np.asarray([clip["quantized"]["score"] for clip in clips], float)
    thresholds = np.repeat([fold["thresholds"]["quantized"] for fold in folds], [len(fold["clips"]) for fold in folds])
    spread = group_spread(truth, scores, [str(number) for number in numbers], thresholds)
    found: dict[str, float | None] = {"fight_lowest_fold_accuracy": spread["lowest_accuracy"]}
    first_s = [min(clip["quantized"]["alerts_s"], default=None) for clip in clips]
    told_s = [each for each, fights in zip(first_s, truth, strict=True) if fights and each is not None]
    found["fights_told"] = len(told_s) / int(truth.sum()) if truth.any() else None
    found["others_told"] = sum(each is not None for each, fights in zip(first_s, truth, strict=True) if not fights)
    found["fight_delay_s"] = statistics.median(told_s) if told_s else None
    shortcut = out_of_fold(truth, np.asarray([clip["shape"] for clip in clips], float), numbers)
    of_shortcut = {} if shortcut is None else binary(truth, shortcut, HALF)
    return found | {f"fight_{key}_shortcut": of_shortcut.get(key) for key in ("accuracy", "auc")}


def _of_clips(folds: Sequence[Evidence], seeds: Sequence[int]) -> Figures:
    """How many clips are right and how they rank, by each fold's own threshold, with intervals when scenes are drawn
    again."""
    pooled = [_pooled([fold for fold in folds if fold["seed"] == seed])[0] for seed in seeds]
    clips = sorted(pooled[0], key=lambda clip: clip["path"])
    found: Figures = {}
    accuracies: dict[str, float] = {}
    for name in PRECISIONS:
        judged = {
            (fold["seed"], clip["path"]): (clip[name]["score"], clip[name]["score"] >= fold["thresholds"][name])
            for fold in folds
            for clip in fold["clips"]
        }
        rows = np.asarray([[judged[seed, clip["path"]] for clip in clips] for seed in seeds])  # (n_seeds, n_clips, 2)
        truth = np.asarray([clip["fights"] for clip in clips])
        groups = [clip["group"] for clip in clips]
        counted, intervals = over_seeds(truth, rows[:, :, 1] == truth, rows[:, :, 0], groups)
        accuracies[name] = counted["accuracy"]
        found |= {f"fight_{key}_{name}": counted.get(key) for key in ("accuracy", "auc")}
        found |= {f"fight_{key}_{name}{INTERVAL}": intervals.get(key) for key in ("accuracy", "auc")}
    return found | {"fight_accuracy_loss_points": POINTS * (accuracies["float"] - accuracies["quantized"])}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _normal_figures(videos: list[dict[str, Any]]) -> Figures:
    rate = alarm_rate(sum(len(video["events"]) for video in videos), sum(video["duration_s"] for video in videos))
    return {
        "normal_alarms": rate["alarms"],
        "normal_minutes": rate["minutes"],
        "normal_alarms_per_hour_bound": rate["per_hour_upper_95"],
    }


def _pooled(folds: Sequence[Evidence]) -> tuple[Clips, list[int]]:
    """All clips of a seed, each once, and the fold of each."""
    clips = [clip for fold in folds for clip in fold["clips"]]
    numbers = [fold["fold"] for fold in folds for _ in fold["clips"]]
    if len({clip["path"] for clip in clips}) != len(clips):
        raise ValueError("a clip stands in two folds")
    return clips, numbers


PROOF = Proof(
    name="accuracy",
    summary="fights in scenes that were not learned from, float and quantized, by clips and by alerts; no fight in "
    "footage without any",
    table=TABLE,
    measure=measure,
    figures=figures,
    short_keeps_limits=False,
    of_bundle=True,
)
