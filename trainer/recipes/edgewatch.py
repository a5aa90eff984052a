"""`edgewatch`: the built-in model. Three streams of movement, frozen EfficientNetB0, readouts of running statistics.

No paper's system; what it takes from where: EfficientNetB0 on ImageNet (Tan and Le 2019), frame differences as pictures
(DESIGN.md), power normalisation of pooled features (Perronnin et al., "Improving the Fisher kernel", 2010).

- Streams: `motion`; `trail`, three successive grey differences in three channels; `acceleration`, how the difference
  changes, on pictures laid onto each other, so that a camera that shakes or pans does not count. Falls are told best by
  the first alone. Violence, frozen features, inner folds of `surveillance-fight`, mean and spread over the clip: rgb
  71.8 % (AUC 0.80), motion 78.0 % (0.87), trail 80.7 % (0.885), both 82 % (0.90).
- What the third one brings, by readouts of whole clips at one size, all folds of three seeds of `surveillance-fight`:
  AUC 0.919 without, 0.931 with it. Beside `trail` alone 0.937, and 0.931 where pictures are not laid onto each other
  first. Regions of movement cut out, motion history, energies, differences over 0.2 s and more, of edges, and grey
  pictures gained nothing there. The recipe itself: 0.909 and 0.931; of `hockey-fights` by game 0.951 and 0.950. It is
  half as much work again for the box; `--stream motion+trail` leaves it out.
- Pictures of 192 x 192 px: inner AUC 0.914, at 320 0.887, 224 0.910, 160 0.906. Learning from the same clips at 160
  and 224 too brought 0.003 more; from mirrored ones too nothing (all folds of three seeds, 0.930 both).
- Violence: the running mean of the features, its signed square root, one logistic unit. The root brought 1 point of
  AUC (0.91); spread over time, spatial maxima, deeper layers and other pooling brought nothing, nor did Gaussian
  kernels in place of the linear unit or beside it (support vectors, three seeds: 0.931, linear 0.931).
- How long it remembers: 3 s until 2026-12, chosen on clips that begin with the fight. A camera has looked at something
  else before, which such a mean still holds: of 122 fights of `surveillance-fight`, each after 10 s of other clips
  (held-out scenes, one seed, the last step held for a second), a score over 0.7 for 1 s told 43 and 6 of 111 others;
  after 10 s of pictures without movement 20 and 1. With 0.6 s, and a score over 0.5 for 1.4 s, 90 and 7, and 89 and 6;
  memory, duration and threshold chosen on the other folds alone, 84 to 97 of the fights and 7 to 13 of the others.
  Clips that begin with the fight: 97 and 10 in place of 97 and 8; of whole clips alone the AUC is 0.931 as before. For
  1.6 s 84 and 7, for 1 s over 0.6 95 and 10. What is learned from stays the mean over up to 3 s: rows of a
  second gave 0.92, of 0.6 s 0.917. A mean of the logits over 1 to 3 s in place of the duration told fewer. Nor
  does a GRU in the mean's place (three of 24 units on 48 principal features of 0.4 s, clips of others before, paces):
  AUC 0.907 of clips, in a sum with the mean 0.927; 0.92 and 0.91 where 0.93 and 0.92 of streams.
- Pictures of the region around the people who are nearest to each other (their boxes over the last second and 30 %
  more, cut from the whole frame), int8 features, readouts of whole clips, one seed: of `surveillance-fight` by scene
  AUC 0.915, whole frames 0.935, the sum of both 0.932, but at 5 of 111 false alerts 75 % of fights in place of 66;
  trail of the whole frame and acceleration of the region, two pictures in place of three, 0.934 and 70 %. Of
  `hockey-fights` by game 0.962, whole frames 0.954. One readout for both gained nothing (0.929), nor did optical flow
  (0.81 to 0.89, with the whole frames 0.92), nor statistics of the nearest pair's keypoints by a forest (0.75; in a sum
  0.93 at best), nor how the pose network's own inner maps change between looks, at six depths (0.75 to 0.84; in a sum
  0.93 at best).
- Falls: running mean and standard deviation of the motion features (0.3 s), one logistic unit. Learned is the second
  in which the body goes down (see `trainer.recipes.builtin.falls`); clips played backwards count as no fall. The same
  clips are learned from at two other intervals between the compared frames: few cameras have a frame exactly 0.1 s
  ago, and what is learned at one gap holds less at another (one subject of `gmdcsa24` left out, thresholds 0.6 to 0.8:
  80 to 84 % at one interval, 90 to 92 % at three).
- Loss: each label only on the sets that annotate it, but clips of no violence are also taken for clips of no fall, so
  that people who walk out of a surveillance camera's picture do not alert: held-out `noFight` clips with a fall alert
  11 % without, 2 % with them, fights 33 and 6 %. And clips of falls are taken for clips of no violence: of 169 clips of
  people in bed 49 falls and 14 others alerted of it, after learning from the other four fifths of them 5 and none.
  Those of `gmdcsa24` alone change little there, and of 233 clips of `surveillance-fight` 1, 1 and 0 more are wrong
  (three seeds). Every data set weighs the same for a label. A label that no clip shows is left out of the model; falls
  alone are watched by `motion` alone, a third of the work for the box.
- Chosen inside, on grouped folds of the clips that it is given: strength of the violence readout, whether it reads the
  motion stream too where there are two others, calibration of its probabilities, the thresholds. Given validation clips
  are learned from like the others. With three streams and clips seen at one size, motion was left out in 14 of 15 folds
  of `surveillance-fight`, and their AUC was 0.935 in place of 0.931; `hockey-fights` is told better with it (0.981 and
  0.978, by folds that had one game on both sides). With two streams it gained nothing: `trail` alone 0.923 and both
  0.922, on `hockey-fights` 0.962 and 0.976.
- Fine-tuning was tried and dropped: of blocks 6 and 7 from the fitted readout on, it took the inner AUC from 0.90 to
  0.87 within four epochs while the training loss fell; of their channel scales alone, no change (0.917 to 0.910).
- Falls alert by bodies: a head that follows each body learns from what the built-in network for people sees in the
  clips, and from virtual bodies (`trainer.recipes.builtin.people`); the readout above counts where few are found. The
  head goes on from the built-in one, unless that has learned from one of the clips; `--set person_further_epochs=0`
  begins anew, `--set person_bodies=0` leaves bodies out. On a hall that neither had seen, the readout found 3 of 30
  falls.
- All this was chosen with EfficientNetB0. EfficientNet-Lite0 in its place (`--backbone`) takes it as it is.

Cost: a clip's features once (7 ms a picture on one core), then about a minute on two cores.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import keras
import numpy as np
from sklearn.metrics import roc_auc_score

from edge.bundle import BUILTIN, AlertSpec, HeadName, InputSpec
from edge.errors import DatasetError
from trainer.clips.labels import FALL, NORMAL, VIOLENCE
from trainer.clips.manifest import Clip
from trainer.clips.splits import assign_folds
from trainer.features.backbone import build_backbone, pooled
from trainer.features.features import Features
from trainer.features.poses import shipped_network
from trainer.fitting.loop import seed_everything
from trainer.fitting.recipe import AUGMENTATION, Recipe, Workshop
from trainer.fitting.run import Run, TrainedModel
from trainer.recipes.builtin.falls import FallClip, HeldOut, choose_threshold, fit_falls, hold_out, relocated
from trainer.recipes.builtin.fights import held_out_logits, violence_examples
from trainer.recipes.builtin.memory import Retention, build_step, fall_inputs, unit, with_normal
from trainer.recipes.builtin.people import PoseCache, by_bodies_first, fit_people
from trainer.recipes.builtin.person import PersonSettings
from trainer.recipes.builtin.readout import Examples, Readout, calibration_of, fit_readout
from trainer.recipes.builtin.shipped_head import start_for
from trainer.recipes.builtin.watched import PHASES, Watched, set_weights, watch

RATE_HZ = 5.0
SIZE_PX = 192
INNER_FOLDS = 4
STRENGTHS = (30.0, 100.0, 300.0)
"""Of the violence readout, to choose from."""
FURTHER_RATE = 5e-4
"""Of learning, where the person head goes on from the built-in one."""
WINDOW_S = 3.0
"""A longer gap between steps, and the head begins anew."""


def fit(train: Sequence[Clip], validation: Sequence[Clip], run: Run, workshop: Workshop) -> TrainedModel:
    """Fit a readout of each label on the frozen features of all clips."""
    settings = run.settings
    wanted = settings.hyperparameters
    events = settings.labels[1:]
    refuse_one_sided([*train, *validation], events)
    watched = watch([*train, *validation], run, workshop)
    retention = Retention.of(float(wanted["slow_s"]), float(wanted["fast_s"]), settings.input.rate_hz)
    readouts: dict[str, Readout] = {}
    person: keras.Model | None = None
    onsets: dict[str, float] = {}
    figures: dict[str, float] = {}
    combine: dict[str, dict[HeadName, float]] = {}
    if FALL in events:
        readouts[FALL], held_out = fit_fall(watched, run, retention)
        onsets[FALL] = figures["fall_onset"] = choose_threshold(held_out, float(wanted["fall_min_active_s"]))
        if wanted["person_bodies"]:
            person, is_further = fit_person_head([*train, *validation], run, workshop)
            figures["person_from_shipped"] = float(is_further)
            combine[FALL] = by_bodies_first(onsets[FALL], float(wanted["person_onset"]))
            onsets[FALL] = figures["fall_onset"] = float(wanted["person_onset"])
    if VIOLENCE in events:
        readouts[VIOLENCE], chosen = fit_violence(watched, run)
        onsets[VIOLENCE] = float(wanted["violence_onset"])
        figures = chosen | figures
    alerts = {
        label: AlertSpec(
            onset_threshold=onset,
            offset_threshold=float(wanted["offset_threshold"]),
            min_active_s=float(wanted["person_min_active_s" if label == FALL and person else f"{label}_min_active_s"]),
        )
        for label, onset in onsets.items()
    }
    run.write_history([figures])
    head = build_step(readouts, retention, *watched[0].features.values.shape[1:])
    seed_everything(settings.seed)  # random weights, where the backbone has no others, as in the extraction
    frame = build_frame(build_backbone(settings.input, workshop.weights), fit_frame(watched, events))
    return TrainedModel(
        frame,
        head,
        settings.labels,
        settings.input,
        WINDOW_S,
        alerts,
        thresholds={label: 0.5 if label == VIOLENCE else onset for label, onset in onsets.items()},
        video_rules={FALL: "held"} if FALL in events else {},
        person=person,
        combine=combine,
    )


def fit_person_head(clips: Sequence[Clip], run: Run, workshop: Workshop) -> tuple[keras.Model, bool]:
    """The head that follows bodies, on what the built-in network for people sees, and whether it goes on from the
    built-in head, which it does where that knows none of the clips."""
    wanted = run.settings.hyperparameters
    bundle, network = shipped_network()
    start = start_for(clips, bundle) if wanted["person_further_epochs"] else []
    settings = PersonSettings(epochs=int(wanted["person_epochs"]), n_virtual=int(wanted["person_bodies"]))
    if start:
        settings = replace(settings, epochs=int(wanted["person_further_epochs"]), learning_rate=FURTHER_RATE)
    begin = "the built-in one" if start else "random weights"
    print(f"edgewatch: person head: {settings.epochs} epochs from {begin} on", file=sys.stderr)
    poses = PoseCache(workshop.cache, workshop.workers)
    head = fit_people(clips, [BUILTIN / network.files["cpu"]], poses, run.settings.seed, settings, start=start)
    return head, bool(start)


def refuse_one_sided(clips: Sequence[Clip], events: Sequence[str]) -> None:
    """Refuse clips that do not show both sides of every event label that is to be learned, or that show none.

    Raises:
        DatasetError: as said; the message tells what is missing.
    """
    if not events:
        raise DatasetError(
            "edgewatch learns falls and violence, and the clips show neither; put clips of them into folders named "
            "fall or fight, or name yours with --positive CLASS=LABEL"
        )
    for label in events:
        sides = {clip.start_s(label) is not None for clip in clips if label in clip.annotates}
        if sides != {True, False}:
            raise DatasetError(
                f"edgewatch needs clips with and without {label}, and these have none "
                f"{'without' if True in sides else 'with'}; add a folder of them beside the others"
            )


def fit_violence(watched: Sequence[Watched], run: Run) -> tuple[Readout, dict[str, float]]:
    """The calibrated readout, and what it was chosen by: AUC of inner held-out clips for each strength, with the motion
    stream and, where two others are left, without it.

    Clips that do not annotate violence are learned from as clips of none; nothing is chosen by them.
    """
    wanted = run.settings.hyperparameters
    known = [item for item in watched if VIOLENCE in item.clip.annotates]
    of_falls = [item for item in watched if VIOLENCE not in item.clip.annotates]
    weights = set_weights([item.clip for item in known], float(wanted["violence_rendered_weight"]))
    lent = [float(wanted["violence_fall_weight"]) * weight for weight in set_weights([i.clip for i in of_falls], 1.0)]
    parts = [violence_examples(item, weight) for item, weight in zip(known, weights, strict=True)]
    always = [violence_examples(item, weight) for item, weight in zip(of_falls, lent, strict=True)]
    folds = np.asarray(assign_folds([item.clip for item in known], INNER_FOLDS, run.settings.seed))
    real = np.flatnonzero([not item.clip.is_rendered for item in known])
    real = real if len(real) else np.arange(len(known))
    truth = np.asarray([known[index].clip.label == VIOLENCE for index in real])
    n_streams, n_motion = known[0].features.values.shape[1:]
    logits = {
        (left_out, strength): found[real]
        for left_out in ((0, n_motion) if n_streams > 2 else (0,))
        for strength, found in zip(
            STRENGTHS,
            held_out_logits(without(left_out, parts), folds, STRENGTHS, always=without(left_out, always)),
            strict=True,
        )
    }
    aucs = {choice: float(roc_auc_score(truth, found)) for choice, found in logits.items()}
    left_out, strength = best = max(aucs, key=lambda choice: aucs[choice])
    slope, offset = calibration_of(logits[best], truth)
    readout = fit_readout(Examples.join(without(left_out, [*parts, *always])), strength)
    figures = {
        **{f"inner_violence_auc_{each:g}{'_without_motion' * bool(n)}": auc for (n, each), auc in aucs.items()},
        "violence_strength": strength,
        "violence_without_motion": float(bool(left_out)),
        "inner_violence_accuracy": float(((slope * logits[best] + offset > 0) == truth).mean()),
    }
    return readout.calibrated(slope, offset).ignoring(left_out), figures


def without(n_first: int, parts: Sequence[Examples]) -> list[Examples]:
    """The same without the first inputs of each row."""
    return [part.without(n_first) for part in parts]


def fit_fall(watched: Sequence[Watched], run: Run, retention: Retention) -> tuple[Readout, list[HeldOut]]:
    """The readout, and what readouts that were fitted without a person say of that person's timed clips."""
    wanted = run.settings.hyperparameters
    known = [item for item in watched if FALL in item.clip.annotates or item.clip.label == NORMAL]
    weights = set_weights([item.clip for item in known], float(wanted["fall_rendered_weight"]))
    clips: list[FallClip] = []
    judged: list[FallClip] = []
    for item, weight in zip(known, weights, strict=True):
        forwards = fall_clips(item, (item.features, *item.paced), weight, retention)
        turned = fall_clips(item, item.backwards, weight, retention)
        clips += [*forwards, *(replace(clip, start_s=None, guessed=False) for clip in turned)]
        judged += forwards[:PHASES] if item.backwards else []
    strength = float(wanted["fall_strength"])
    clips = relocated(clips, strength, int(wanted["fall_rounds"]))
    groups = {clip.group for clip in judged if clip.start_s is not None}
    held_out = hold_out(clips, judged, strength) if len(groups) > 1 else []
    return fit_falls(clips, strength), held_out


def fall_clips(item: Watched, features: Sequence[Features], weight: float, retention: Retention) -> list[FallClip]:
    """A clip as running statistics of its motion stream: timed real ones at all phases, of which there are few, others
    at one of each features."""
    clip = item.clip
    found = [phase for each in features for phase in item.phases(each)]
    if not clip.timed or clip.is_rendered:
        found = [item.phases(each)[number % PHASES] for number, each in enumerate(features)]
    return [
        FallClip(
            times_s,
            fall_inputs(values[:, 0], retention.fast),
            item.fall_start_s,
            f"{clip.dataset}/{clip.group}",
            weight / len(times_s) / len(found),
            guessed=item.fall_start_s is not None and not clip.timed,
        )
        for times_s, values in found
    ]


def fit_frame(watched: Sequence[Watched], events: Sequence[str]) -> dict[str, Readout]:
    """Event labels from single pictures of either stream: rough, for who looks at frames; alerts use the head.

    Learned from the mean picture of each clip and stream, so a fall is hardly told from its clip's other movement.
    """
    readouts: dict[str, Readout] = {}
    for label in events:
        known = [item for item in watched if label in item.clip.annotates]
        rows = np.concatenate([item.features.values.mean(axis=0) for item in known])  # (n_clips * n_streams, f)
        n_streams = known[0].features.values.shape[1]
        truth = np.repeat([item.clip.start_s(label) is not None for item in known], n_streams)
        weights = np.repeat(set_weights([item.clip for item in known], 1.0), n_streams)
        readouts[label] = fit_readout(Examples(rows, truth, weights), min(STRENGTHS))
    return readouts


def build_frame(backbone: keras.Model, readouts: Mapping[str, Readout]) -> keras.Model:
    """The frame model: pooled features, and probabilities of normal and of each label that has a readout."""
    features = pooled(backbone)(backbone.input)
    probabilities = with_normal([unit(readout, label)(features) for label, readout in readouts.items()])
    return keras.Model(backbone.input, {"features": features, "probabilities": probabilities})


RECIPE = Recipe(
    name="edgewatch",
    summary="falls and violence from three streams of movement, frozen EfficientNetB0, running statistics (built-in)",
    input=InputSpec(height_px=SIZE_PX, width_px=SIZE_PX, stream="motion+trail+acceleration", rate_hz=RATE_HZ),
    epochs=1,
    fit=fit,
    learns_from_validation=True,
    hyperparameters={
        "fall_min_active_s": 0.2,
        "fall_rendered_weight": 1.0,
        "fall_rounds": 1,
        "fall_strength": 2.5,
        "fast_s": 0.3,
        "offset_threshold": 0.3,
        "person_bodies": 1200,
        "person_epochs": 14,
        "person_further_epochs": 4,
        "person_min_active_s": 0.3,
        "person_onset": 0.4,
        "slow_s": 0.6,
        "violence_fall_weight": 0.3,
        "violence_min_active_s": 1.6,
        "violence_onset": 0.5,
        "violence_rendered_weight": 0.3,
    },
    optional=AUGMENTATION,
    labels=(NORMAL, FALL, VIOLENCE),
    streams_of_one={FALL: "motion"},
)
