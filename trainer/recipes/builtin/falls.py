"""When in a clip somebody falls: what is learned at which moment, and how a threshold is chosen.

Only the second in which the body goes down is learned. Who lies on the floor afterwards is neither fall nor normal:
taken for a fall, people in bed alert; taken for normal, the alert is lost that comes a moment late. Both were tried
(AUC 0.91 in place of 0.98, one subject of `gmdcsa24` left out at a time).

Sets that say only which clips hold a fall are learned from in rounds: first at guessed times
(`trainer.features.descent`), then the model so far looks for the second that is most like a fall in each of their
clips, and learns from that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trainer.recipes.builtin.readout import Examples, Readout, Rows, fit_readout

FALLING_S = (0.2, 1.2)
"""Positive, from the start of the fall."""
UNSURE_BEFORE_S = 0.1
"""Ignored before the start, as everything from there on that is not positive."""
TIME_TOLERANCE_S = 1e-6


@dataclass(frozen=True, slots=True)
class FallClip:
    """One clip as the fall readout sees it, at one phase of the sampling grid."""

    times_s: NDArray[np.float64]  # (n_steps,)
    rows: Rows  # (n_steps, n_inputs)
    start_s: float | None
    """Where the fall begins; None where nobody falls."""
    group: str
    weight: float
    """Of each step."""
    guessed: bool = False
    """Whether nobody said where the fall begins."""


def fit_falls(clips: Sequence[FallClip], strength: float) -> Readout:
    """Learn from all clips, each at its start."""
    return fit_readout(Examples.join([examples(clip) for clip in clips]), strength)


def relocated(clips: Sequence[FallClip], strength: float, rounds: int) -> list[FallClip]:
    """The clips with falls whose time is guessed looked for `rounds` times, by a model of all clips so far."""
    found = list(clips)
    for _ in range(rounds if any(clip.guessed for clip in clips) else 0):
        readout = fit_falls(found, strength)
        found = [replace(clip, start_s=locate(clip, readout)) if clip.guessed else clip for clip in found]
    return found


def examples(clip: FallClip) -> Examples:
    """What is learned from a clip: every step where nobody falls."""
    after_s = clip.times_s - (np.inf if clip.start_s is None else clip.start_s)
    truth = (after_s >= FALLING_S[0] - TIME_TOLERANCE_S) & (after_s <= FALLING_S[1] + TIME_TOLERANCE_S)
    kept = truth | (after_s < -UNSURE_BEFORE_S + TIME_TOLERANCE_S)
    return Examples(clip.rows[kept], truth[kept], np.full(int(kept.sum()), clip.weight))


def locate(clip: FallClip, readout: Readout) -> float:
    """Start of the fall whose second of falling has the highest mean logit."""
    logits = readout.logits(clip.rows)
    period_s = float(np.median(np.diff(clip.times_s))) if len(clip.times_s) > 1 else 1.0
    n_steps = min(len(logits), 1 + round((FALLING_S[1] - FALLING_S[0]) / period_s))
    means = np.convolve(logits, np.full(n_steps, 1 / n_steps), "valid")
    return float(clip.times_s[int(means.argmax())]) - FALLING_S[0]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A timed clip with the probabilities of a model that has not learned from it."""

    times_s: NDArray[np.float64]  # (n_steps,)
    probabilities: NDArray[np.float64]  # (n_steps,)
    start_s: float | None
    """None where nobody falls."""


def hold_out(clips: Sequence[FallClip], judged: Sequence[FallClip], strength: float) -> list[HeldOut]:
    """Score the judged clips, group by group, by a model that is fitted on all clips of other groups."""
    found: list[HeldOut] = []
    for group in sorted({clip.group for clip in judged}):
        readout = fit_falls([clip for clip in clips if clip.group != group], strength)
        for clip in judged:
            if clip.group == group:
                probabilities = 1 / (1 + np.exp(-readout.logits(clip.rows)))
                found.append(HeldOut(clip.times_s, probabilities, clip.start_s))
    return found


THRESHOLDS = np.round(np.arange(0.3, 0.96, 0.025), 3)
PLATEAU = 0.012
"""Thresholds this close to the best balanced accuracy count as equally good."""
DEFAULT_THRESHOLD = 0.75
"""Where no timed falls of two people are there to choose by."""
DELAY_COST_PER_S = 0.02
LONGEST_DELAY_S = 5.0


def choose_threshold(clips: Sequence[HeldOut], min_active_s: float) -> float:
    """The middle of the widest range of onset thresholds that serve the held-out clips best."""
    if not clips:
        return DEFAULT_THRESHOLD
    worth = np.asarray([_worth(clips, float(threshold), min_active_s) for threshold in THRESHOLDS])
    good = np.flatnonzero(worth >= worth.max() - PLATEAU)
    runs = np.split(good, np.flatnonzero(np.diff(good) > 1) + 1)
    widest = max(runs, key=len)
    return float(THRESHOLDS[widest[len(widest) // 2]])


def _worth(clips: Sequence[HeldOut], threshold: float, min_active_s: float) -> float:
    """Balanced accuracy of alarms, less a little for their delay."""
    right: dict[bool, list[bool]] = {True: [], False: []}
    delays_s: list[float] = []
    for clip in clips:
        alarm_s = first_alarm_s(clip, threshold, min_active_s)
        if clip.start_s is None:
            right[False].append(alarm_s is None)
            continue
        hit = alarm_s is not None and alarm_s >= clip.start_s
        right[True].append(hit)
        delays_s.append(
            min(alarm_s - clip.start_s, LONGEST_DELAY_S) if hit and alarm_s is not None else LONGEST_DELAY_S
        )
    accuracies = [np.mean(side) for side in right.values() if side]
    return float(np.mean(accuracies) - DELAY_COST_PER_S * (np.median(delays_s) if delays_s else 0.0))


def first_alarm_s(clip: HeldOut, threshold: float, min_active_s: float) -> float | None:
    """When the alert machine would say `started` for the first time; None for never."""
    since_s: float | None = None
    for time_s, probability in zip(clip.times_s, clip.probabilities, strict=True):
        if probability < threshold:
            since_s = None
            continue
        since_s = float(time_s) if since_s is None else since_s
        if time_s - since_s >= min_active_s - TIME_TOLERANCE_S:
            return float(time_s)
    return None
