"""`edgewatch`: the built-in model. Two streams of movement, frozen EfficientNetB0, readouts of running statistics.

No paper's system; what it takes from where: EfficientNetB0 on ImageNet (Tan and Le 2019), frame differences as pictures
(DESIGN.md), power normalisation of pooled features (Perronnin et al., "Improving the Fisher kernel", 2010).

- Streams: `motion`, and `trail`, three successive grey differences in three channels. Falls are told best by the first
  alone, violence by both. Frozen features, inner folds of `surveillance-fight`, mean and spread over the clip: rgb
  71.8 % (AUC 0.80), motion 78.0 % (0.87), trail 80.7 % (0.885), both 82 % (0.90).
- Pictures of 192 x 192 px: inner AUC 0.914, at 320 0.887, 224 0.910, 160 0.906. Learning from the same clips at 160
  and 224 too brought 0.003 more.
- Violence: the running mean of the features (time constant 3 s), its signed square root, one logistic unit. The root
  brought 1 point of AUC (0.91); spread over time, spatial maxima, deeper layers and other pooling brought nothing.
- Falls: running mean and standard deviation of the motion features (0.3 s), one logistic unit. Learned is the second
  in which the body goes down (see `trainer.falls`); clips played backwards count as no fall.
- Loss: each label only on the sets that annotate it. Every data set weighs the same for a label, rendered ones less.
- Chosen inside, on grouped folds of the clips that it is given: strength of the violence readout, calibration of its
  probabilities, the thresholds. Given validation clips are learned from like the others.
- Fine-tuning was tried and dropped: of blocks 6 and 7 from the fitted readout on, it took the inner AUC from 0.90 to
  0.87 within four epochs while the training loss fell; of their channel scales alone, no change (0.917 to 0.910).

Cost: a clip's features once (7 ms a picture on one core), then about a minute on two cores.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from edge.bundle import AlertSpec, InputSpec
from trainer.backbone import build_backbone, pooled
from trainer.backwards import extract_backwards
from trainer.falls import FallClip, HeldOut, choose_threshold, fit_falls, hold_out
from trainer.features import Features, extract, read_features
from trainer.labels import NORMAL
from trainer.loop import seed_everything
from trainer.manifest import RENDERED_PREFIX, Clip
from trainer.memory import Retention, build_step, fall_inputs, signed_root, unit, with_normal
from trainer.readout import Examples, Readout, calibration_of, fit_readout
from trainer.recipe import Recipe, Workshop
from trainer.run import Run, TrainedModel
from trainer.splits import assign_folds

FALL, VIOLENCE = "fall", "violence"
RATE_HZ = 5.0
PHASES = 2
"""Features are extracted at this multiple of the rate, and both phases of the grid learned from."""
SIZE_PX = 192
SCALES = (5 / 6, 7 / 6)
"""Of the picture's size, for further rows to learn violence from: people far and near."""
INNER_FOLDS = 4
STRENGTHS = (30.0, 100.0, 300.0)
"""Of the violence readout, to choose from."""
MIN_STRETCH_S = 0.5
"""Stretches of one label that are shorter say nothing about violence."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A clip with its features."""

    clip: Clip
    features: Features
    resized: tuple[Features, ...] = ()
    """Of the same samples at other sizes of picture."""
    backwards: Features | None = None

    def phases(self, features: Features | None = None) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
        """Times (n_steps,) and features (n_steps, n_streams, f) at each phase of the sampling grid."""
        source = features or self.features
        starts = range(min(PHASES, len(source.times_s)))
        return [(source.times_s[start::PHASES], source.values[start::PHASES]) for start in starts]


def fit(train: Sequence[Clip], validation: Sequence[Clip], run: Run, workshop: Workshop) -> TrainedModel:
    """Fit both readouts on the frozen features of all clips."""
    settings = run.settings
    wanted = settings.hyperparameters
    watched = watch([*train, *validation], run, workshop)
    retention = Retention.of(float(wanted["slow_s"]), float(wanted["fast_s"]), settings.input.rate_hz)
    violence, figures = fit_violence(watched, run)
    fall, held_out = fit_fall(watched, run, retention)
    alerts = {
        FALL: AlertSpec(
            onset_threshold=choose_threshold(held_out, float(wanted["fall_min_active_s"])),
            offset_threshold=float(wanted["offset_threshold"]),
            min_active_s=float(wanted["fall_min_active_s"]),
        ),
        VIOLENCE: AlertSpec(
            onset_threshold=float(wanted["violence_onset"]),
            offset_threshold=float(wanted["offset_threshold"]),
            min_active_s=float(wanted["violence_min_active_s"]),
        ),
    }
    thresholds = {FALL: choose_threshold(held_out, min_active_s=0.0), VIOLENCE: 0.5}
    run.write_history([figures | {"fall_onset": alerts[FALL].onset_threshold, "fall_video": thresholds[FALL]}])
    head = build_step(fall, violence, retention)
    seed_everything(settings.seed)  # random weights, where the backbone has no others, as in the extraction
    frame = build_frame(build_backbone(settings.input, workshop.weights), *fit_frame(watched))
    return TrainedModel(
        frame,
        head,
        settings.labels,
        settings.input,
        float(wanted["slow_s"]),
        alerts,
        thresholds,
        video_rules={FALL: "peak", VIOLENCE: "last"},
    )


def watch(clips: Sequence[Clip], run: Run, workshop: Workshop) -> list[Watched]:
    """The clips with their features, extracted first where they are not cached.

    Timed real falls also backwards, and clips that tell of violence also at other sizes.
    """
    spec = run.settings.input.model_copy(update={"rate_hz": PHASES * run.settings.input.rate_hz})
    found = dict(zip((clip.path for clip in clips), _features(clips, spec, run, workshop, extract), strict=True))
    of_falls = [clip for clip in clips if clip.timed and FALL in clip.annotates and not is_rendered(clip)]
    turned = _features(of_falls, spec, run, workshop, extract_backwards)
    backwards = dict(zip((clip.path for clip in of_falls), turned, strict=True))
    of_violence = [clip for clip in clips if VIOLENCE in clip.annotates]
    sizes = [
        _features(of_violence, resized_spec(spec, scale), run, workshop, extract) for scale in SCALES
    ]  # (n_scales, n_clips)
    resized = dict(zip((clip.path for clip in of_violence), zip(*sizes, strict=True), strict=True))
    return [Watched(clip, found[clip.path], resized.get(clip.path, ()), backwards.get(clip.path)) for clip in clips]


def resized_spec(spec: InputSpec, scale: float) -> InputSpec:
    """The same samples as larger or smaller pictures."""
    size = {"height_px": round(spec.height_px * scale), "width_px": round(spec.width_px * scale)}
    return spec.model_copy(update=size)


def _features(
    clips: Sequence[Clip], spec: InputSpec, run: Run, workshop: Workshop, extraction: Callable[..., list[Path]]
) -> list[Features]:
    workers, seed = workshop.workers, run.settings.seed
    entries = extraction(clips, spec, workshop.weights, workshop.cache, workers=workers, seed=seed)
    return [read_features(entry) for entry in entries]


def is_rendered(clip: Clip) -> bool:
    """Whether a clip is synthetic, by the name of its data set."""
    return clip.dataset.startswith(RENDERED_PREFIX)


def set_weights(clips: Sequence[Clip], rendered_weight: float) -> list[float]:
    """Weight of each clip: every data set weighs the same, whatever its size; rendered ones less."""
    names = [clip.dataset for clip in clips]
    return [(rendered_weight if is_rendered(clip) else 1.0) / names.count(clip.dataset) for clip in clips]


# Violence: one row for every stretch of a clip


def fit_violence(watched: Sequence[Watched], run: Run) -> tuple[Readout, dict[str, float]]:
    """The calibrated readout, and what it was chosen by: AUC of inner held-out clips for each strength."""
    known = [item for item in watched if VIOLENCE in item.clip.annotates]
    weights = set_weights([item.clip for item in known], float(run.settings.hyperparameters["rendered_weight"]))
    slow_s = float(run.settings.hyperparameters["slow_s"])
    parts = [violence_examples(item, weight, slow_s) for item, weight in zip(known, weights, strict=True)]
    folds = np.asarray(assign_folds([item.clip for item in known], INNER_FOLDS, run.settings.seed))
    real = np.flatnonzero([not is_rendered(item.clip) for item in known])
    truth = np.asarray([known[index].clip.label == VIOLENCE for index in real])
    figures: dict[str, float] = {}
    logits: dict[float, NDArray[np.float64]] = {}
    for strength in STRENGTHS:
        held_out = held_out_logits(parts, folds, strength)
        logits[strength] = np.asarray([held_out[index] for index in real])
        figures[f"inner_violence_auc_{strength:g}"] = float(roc_auc_score(truth, logits[strength]))
    best = max(STRENGTHS, key=lambda strength: figures[f"inner_violence_auc_{strength:g}"])
    slope, offset = calibration_of(logits[best], truth)
    figures |= {
        "violence_strength": best,
        "inner_violence_accuracy": float(((slope * logits[best] + offset > 0) == truth).mean()),
    }
    return fit_readout(Examples.join(parts), best).calibrated(slope, offset), figures


def violence_examples(item: Watched, weight: float, slow_s: float) -> Examples:
    """Rows of a clip: signed root of the mean features of every stretch of one label, in pieces of at most `slow_s`.

    Clips whose times are not annotated are one stretch.
    """
    rows: list[NDArray[np.float32]] = []
    truth: list[bool] = []
    phases = [phase for features in (item.features, *item.resized) for phase in item.phases(features)]
    for times_s, values in phases:
        holds = np.asarray([VIOLENCE in item.clip.labels_at(time_s) for time_s in times_s])
        for piece in pieces(times_s, holds, slow_s):
            rows.append(signed_root(values[piece].mean(axis=0).reshape(-1)))
            truth.append(bool(holds[piece][0]))
    return Examples(np.stack(rows), np.asarray(truth), np.full(len(rows), weight / len(rows)))


def pieces(times_s: NDArray[np.float64], holds: NDArray[np.bool_], longest_s: float) -> list[NDArray[np.int64]]:
    """Indices of stretches of one truth value, cut into nearly equal pieces of about `longest_s` at most.

    Short stretches are left out, but never all of them.
    """
    stretches = np.split(np.arange(len(holds)), np.flatnonzero(np.diff(holds.astype(int))) + 1)
    lengths_s = [float(times_s[stretch[-1]] - times_s[stretch[0]]) for stretch in stretches]
    kept = [number for number, length_s in enumerate(lengths_s) if length_s >= MIN_STRETCH_S]
    found: list[NDArray[np.int64]] = []
    for number in kept or [int(np.argmax(lengths_s))]:
        n_pieces = max(1, round(lengths_s[number] / longest_s))
        found += np.array_split(stretches[number], min(n_pieces, len(stretches[number])))
    return found


def held_out_logits(parts: Sequence[Examples], folds: NDArray[np.int64], strength: float) -> list[float]:
    """Mean logit of each clip's rows by a readout fitted without the clip's fold.

    Of a clip with violence only its violent rows count; of all clips only those at the pictures' own size, which come
    first.
    """
    logits = [0.0] * len(parts)
    for fold in sorted(set(folds.tolist())):
        readout = fit_readout(
            Examples.join([parts[index] for index in np.flatnonzero(folds != fold).tolist()]), strength
        )
        for index in np.flatnonzero(folds == fold).tolist():
            own = parts[index].rows[: -(-len(parts[index].rows) // (1 + len(SCALES)))]
            truth = parts[index].truth[: len(own)]
            rows = own[truth] if truth.any() else own
            logits[index] = float(readout.logits(rows).mean())
    return logits


# Falls: one row for every step


def fit_fall(watched: Sequence[Watched], run: Run, retention: Retention) -> tuple[Readout, list[HeldOut]]:
    """The readout, and what readouts that were fitted without a person say of that person's timed clips."""
    wanted = run.settings.hyperparameters
    known = [item for item in watched if FALL in item.clip.annotates]
    weights = set_weights([item.clip for item in known], float(wanted["rendered_weight"]))
    clips: list[FallClip] = []
    judged: list[FallClip] = []
    for item, weight in zip(known, weights, strict=True):
        forwards = [fall_clip(item, phase, weight, retention) for phase in item.phases()]
        judged += forwards if item.backwards is not None else []
        clips += forwards if item.clip.timed else forwards[:1]
        if item.backwards is not None:
            turned = [fall_clip(item, phase, weight, retention) for phase in item.phases(item.backwards)]
            clips += [
                FallClip(t.times_s, t.rows, falls=False, start_s=None, group=t.group, weight=weight) for t in turned
            ]

    def fitted(chosen: Sequence[FallClip]) -> Readout:
        return fit_falls(chosen, float(wanted["fall_strength"]), int(wanted["fall_rounds"]))

    groups = {clip.group for clip in judged if clip.start_s is not None}
    held_out = hold_out(clips, judged, fitted) if len(groups) > 1 else []
    return fitted(clips), held_out


def fall_clip(
    item: Watched, phase: tuple[NDArray[np.float64], NDArray[np.float32]], weight: float, retention: Retention
) -> FallClip:
    """One phase of a clip, as running statistics of its motion stream."""
    times_s, values = phase
    clip = item.clip
    rows = fall_inputs(values[:, 0], retention.fast)
    falls = clip.start_s(FALL) is not None
    start_s = clip.start_s(FALL) if clip.timed else None
    return FallClip(times_s, rows, falls, start_s, f"{clip.dataset}/{clip.group}", weight / len(times_s))


# The frame model's own probabilities


def fit_frame(watched: Sequence[Watched]) -> tuple[Readout, Readout]:
    """Fall and violence from single pictures of either stream: rough, for who looks at frames; alerts use the head.

    Learned from the mean picture of each clip and stream, so a fall is hardly told from its clip's other movement.
    """
    readouts: list[Readout] = []
    for label in (FALL, VIOLENCE):
        known = [item for item in watched if label in item.clip.annotates]
        rows = np.concatenate([item.features.values.mean(axis=0) for item in known])  # (n_clips * n_streams, f)
        n_streams = known[0].features.values.shape[1]
        truth = np.repeat([item.clip.start_s(label) is not None for item in known], n_streams)
        weights = np.repeat(set_weights([item.clip for item in known], 1.0), n_streams)
        readouts.append(fit_readout(Examples(rows, truth, weights), min(STRENGTHS)))
    return readouts[0], readouts[1]


def build_frame(backbone: keras.Model, fall: Readout, violence: Readout) -> keras.Model:
    """The frame model: pooled features, and probabilities of normal, fall, violence."""
    features = pooled(backbone)(backbone.input)
    probabilities = with_normal([unit(fall, FALL)(features), unit(violence, VIOLENCE)(features)])
    return keras.Model(backbone.input, {"features": features, "probabilities": probabilities})


RECIPE = Recipe(
    name="edgewatch",
    summary="falls and violence from two motion streams, frozen EfficientNetB0, running statistics (built-in)",
    input=InputSpec(height_px=SIZE_PX, width_px=SIZE_PX, stream="motion+trail", rate_hz=RATE_HZ),
    epochs=1,
    fit=fit,
    hyperparameters={
        "fall_min_active_s": 0.2,
        "fall_rounds": 2,
        "fall_strength": 2.5,
        "fast_s": 0.3,
        "offset_threshold": 0.3,
        "rendered_weight": 0.3,
        "slow_s": 3.0,
        "violence_min_active_s": 1.0,
        "violence_onset": 0.7,
    },
    labels=(NORMAL, FALL, VIOLENCE),
)
