"""Clips with what the frozen backbone says of them, in all the ways that the recipe `edgewatch` learns from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle import InputSpec
from trainer.clips.labels import FALL, VIOLENCE
from trainer.clips.manifest import Clip
from trainer.features.backwards import extract_backwards
from trainer.features.descent import fall_starts_s
from trainer.features.features import Features, extract, read_features
from trainer.fitting.recipe import Workshop
from trainer.fitting.run import Run

PHASES = 2
"""Features are extracted at this multiple of the rate, and both phases of the grid learned from."""
SCALES = (5 / 6, 7 / 6)
"""Of the picture's size, for further rows to learn violence from: people far and near."""
PACES = (2 / 3, 4 / 3)
"""Of the interval between the compared frames, for further rows to learn falls from: cameras of other rates."""

Extraction = Callable[..., list[Path]]
ByClip = dict[Path, tuple[Features, ...]]


@dataclass(frozen=True, slots=True)
class Watched:
    """A clip with its features."""

    clip: Clip
    features: Features
    resized: tuple[Features, ...] = ()
    """Of the same samples at other sizes of picture."""
    paced: tuple[Features, ...] = ()
    """Of the motion stream alone, at other intervals between the compared frames."""
    backwards: tuple[Features, ...] = ()
    """Of the motion stream alone, played backwards: at the interval of `features`, and at the others."""
    fall_start_s: float | None = None
    """Annotated, or guessed where the clip is not timed."""

    def phases(self, features: Features | None = None) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
        """Times (n_steps,) and features (n_steps, n_streams, f) at each phase of the sampling grid."""
        source = features or self.features
        starts = range(min(PHASES, len(source.times_s)))
        return [(source.times_s[start::PHASES], source.values[start::PHASES]) for start in starts]


def watch(clips: Sequence[Clip], run: Run, workshop: Workshop) -> list[Watched]:
    """The clips with their features, extracted first where they are not cached.

    Clips that tell of violence also at other sizes, real ones of falls also at other paces, timed ones backwards too;
    each only where the run has the label.
    """
    spec = run.settings.input.model_copy(update={"rate_hz": PHASES * run.settings.input.rate_hz})
    scales = [resized_spec(spec, scale) for scale in SCALES]
    motion = spec.model_copy(update={"stream": "motion"})
    paces = [paced_spec(motion, pace) for pace in PACES]
    labels = frozenset(run.settings.labels)
    of_violence = [clip for clip in clips if VIOLENCE in clip.annotates & labels]
    of_falls = [clip for clip in clips if FALL in clip.annotates & labels and not clip.is_rendered]
    timed = [clip for clip in of_falls if clip.timed]
    untimed = [clip for clip in clips if clip.start_s(FALL) is not None and not clip.timed]

    def features(chosen: Sequence[Clip], specs: Sequence[InputSpec], extraction: Extraction = extract) -> ByClip:
        found = [_features(chosen, wanted, run, workshop, extraction) for wanted in specs]  # (n_specs, n_clips)
        return dict(zip((clip.path for clip in chosen), zip(*found, strict=True), strict=True))

    plain = features(clips, [spec])
    resized = features(of_violence, scales)
    paced = features(of_falls, paces)
    backwards = features(timed, [motion, *paces], extract_backwards)
    guesses = fall_starts_s(untimed, workshop.cache, workshop.workers)
    starts_s = {clip.path: clip.start_s(FALL) for clip in clips}
    starts_s |= zip((clip.path for clip in untimed), guesses, strict=True)
    return [
        Watched(
            clip,
            plain[clip.path][0],
            resized.get(clip.path, ()),
            paced.get(clip.path, ()),
            backwards.get(clip.path, ()),
            starts_s[clip.path],
        )
        for clip in clips
    ]


def resized_spec(spec: InputSpec, scale: float) -> InputSpec:
    """The same samples as larger or smaller pictures."""
    size = {"height_px": round(spec.height_px * scale), "width_px": round(spec.width_px * scale)}
    return spec.model_copy(update=size)


def paced_spec(spec: InputSpec, pace: float) -> InputSpec:
    """The same moments compared with frames of another time before; the same speed shows with the same strength."""
    interval = {"motion_interval_s": spec.motion_interval_s * pace, "motion_gain": spec.motion_gain / pace}
    return spec.model_copy(update=interval)


def _features(
    clips: Sequence[Clip], spec: InputSpec, run: Run, workshop: Workshop, extraction: Extraction
) -> list[Features]:
    workers, seed = workshop.workers, run.settings.seed
    entries = extraction(clips, spec, workshop.weights, workshop.cache, workers=workers, seed=seed)
    return [read_features(entry) for entry in entries]


def set_weights(clips: Sequence[Clip], rendered_weight: float) -> list[float]:
    """Weight of each clip: every data set weighs the same, whatever its size; rendered ones less."""
    names = [clip.dataset for clip in clips]
    return [(rendered_weight if clip.is_rendered else 1.0) / names.count(clip.dataset) for clip in clips]
