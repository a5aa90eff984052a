"""What a conversion changes about clips: a run's float32 bundle and the converted one watch the same ones."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle
from trainer.bundles.conversion import bundle_of
from trainer.clips.labels import NORMAL
from trainer.clips.manifest import Clip, duration_s
from trainer.fitting.rules import learns_from_validation
from trainer.fitting.run import Run
from trainer.judging.evaluation import Judge, Judged
from trainer.judging.judging import judge_of, seen_in_training
from trainer.judging.metrics import binary
from trainer.judging.scoring import ClipScores, watch_clips
from trainer.recipes.catalogue import RECIPES

MOST_CLIPS = 60
MOST_FOOTAGE_S = 600.0
"""So much is watched within a few minutes on two cores, in float32 and in the other precision."""
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Watched:
    """The clips that a conversion is judged on."""

    clips: list[Clip]
    source: str
    """What they are, for people: validation clips, say."""
    n_found: int
    """Of which they were chosen."""


def chosen(clips: Sequence[Clip], source: str) -> Watched:
    """At most `MOST_CLIPS` and `MOST_FOOTAGE_S` of clips: labels of each data set in turns, and of each its groups.

    Rendered clips are left out where there are others.
    """
    real = [clip for clip in clips if not clip.is_rendered] or list(clips)
    shuffled = [real[index] for index in np.random.default_rng(0).permutation(len(real))]
    spread = _in_turns(shuffled, lambda clip: (clip.dataset, clip.label, clip.group))
    kept: list[Clip] = []
    footage_s = 0.0
    for clip in _in_turns(spread, lambda clip: (clip.dataset, clip.label)):
        length_s = duration_s(clip.path) or 0.0
        if len(kept) < MOST_CLIPS and footage_s + length_s <= MOST_FOOTAGE_S:
            kept.append(clip)
            footage_s += length_s
    return Watched(kept, source, len(clips))


def _in_turns(clips: Sequence[Clip], kind: Callable[[Clip], Hashable]) -> list[Clip]:
    """The first clip of each kind, then the second of each, and so on."""
    seen: Counter[Hashable] = Counter()
    turns: list[tuple[int, Clip]] = []
    for clip in clips:
        turns.append((seen[kind(clip)], clip))
        seen[kind(clip)] += 1
    return [clip for _, clip in sorted(turns, key=itemgetter(0))]


def clip_judge(run: Run, watched: Watched, workers: int) -> Callable[[Path], dict[str, Any]]:
    """A function from a converted bundle to what it changes about clips, for `converters.convert`."""
    settings = run.settings
    learned = [*settings.train_clips.values()]
    if learns_from_validation(RECIPES[settings.recipe], settings.hyperparameters):
        learned += settings.validation_clips.values()

    def judge(bundle: Path) -> dict[str, Any]:
        is_float32 = Bundle.load(bundle).spec.networks.scene.precision == "float32"
        after = list(watch_clips(bundle, watched.clips, workers))
        before = after if is_float32 else list(watch_clips(bundle_of(run, "float32"), watched.clips, workers))
        return {
            "source": watched.source,
            "n_found": watched.n_found,
            "learned_from": len(seen_in_training(learned, after)),
            **changes(before, after, judge_of(bundle)),
        }

    return judge


def changes(before: Sequence[ClipScores], after: Sequence[ClipScores], judge: Judge) -> dict[str, Any]:
    """How often each answer is right, which way answers flip, and each label's AUC.

    Args:
        before: what the float32 bundle says of clips.
        after: what the converted one says of the same.
        judge: how to read either.
    """
    judged = [[Judged(result, judge) for result in results] for results in (before, after)]
    truth = np.asarray([judge.labels.index(result.clip.label) for result in after])
    said = np.asarray([[item.video_answer() for item in side] for side in judged])  # (2, n_clips)
    was_right, is_right = said == truth
    scores = np.asarray([[item.video_scores() for item in side] for side in judged])  # (2, n_clips, n_labels)
    clips = [result.clip for result in after]
    return {
        "n_clips": len(clips),
        "n_real": sum(not clip.is_rendered for clip in clips),
        "accuracy_float32": round(float(was_right.mean()), DIGITS),
        "accuracy": round(float(is_right.mean()), DIGITS),
        "lost": int((was_right & ~is_right).sum()),
        "won": int((~was_right & is_right).sum()),
        "same_answer": round(float((said[0] == said[1]).mean()), DIGITS),
        "labels": {
            label: _areas(clips, label, scores[:, :, index])
            for index, label in enumerate(judge.labels)
            if label != NORMAL and any(label in clip.annotates for clip in clips)
        },
    }


def _areas(clips: Sequence[Clip], label: str, scores: NDArray[np.float64]) -> dict[str, Any]:
    """The AUC of one label before and after, of scores (2, n_clips); None where it cannot be said."""
    asked = [index for index, clip in enumerate(clips) if label in clip.annotates]
    truth = np.asarray([clips[index].start_s(label) is not None for index in asked])
    figures = [binary(truth, side[asked], 0.5) for side in scores]
    before, after = (None if one["auc"] is None else round(one["auc"], DIGITS) for one in figures)
    return {"n": len(asked), "n_positive": figures[0]["n_positive"], "auc_float32": before, "auc": after}
