"""Alert settings by false alarms a day: footage is watched once, the box's own alert machines say what they would have
done under many settings, and of those that keep the wish the one that finds most events is taken.

Of labels that scores tell the scores are replayed afterwards; of falls that bodies tell all settings are asked while
the footage is watched (`trainer.judging.tries`), fewer of them: 54 take half as long again as the watching itself.

A clip of what scores tell is watched after another one without an event (`trainer.judging.scoring.preceding`), as a
camera comes to it. Chosen on clips that begin with their event, a setting is too quick, or waits for a score that never
comes. Of falls that bodies tell a false one before would hide that of the clip.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from edge.bundle import AlertSpec, Bundle, BundleSpec
from edge.errors import DatasetError, QualityError
from edge.events.alerts import AlertMachine, Phase, Subject
from edge.events.clock import recording_clock
from edge.pipeline import PERSON
from edge.types import NS_PER_S
from trainer.clips.manifest import Clip
from trainer.files import write_atomically
from trainer.judging.evaluation import event_figures
from trainer.judging.scoring import Alarm, ClipScores

HOURS_A_DAY = 24
POISSON_NONE = 3.0
"""So many alarms would have been expected where none came, at 95 %."""
ONSETS = tuple(round(0.02 * step, 2) for step in range(1, 50))
OFFSET_SHARES = (0.5, 0.8)
"""The offset threshold, of the onset's."""
MIN_ACTIVE_S = (0.0, 0.2, 0.4, 0.8, 1.6)
MIN_QUIET_S = (2.0, 5.0)
BODY_ONSETS = tuple(round(0.05 * step, 2) for step in range(2, 20))
BODY_MIN_ACTIVE_S = (0.0, 0.3, 0.6)
"""Of falls that bodies tell; their offset threshold keeps its share of the onset's, which hardly matters, and who lies
there decides when they end."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting of one label, and what it would have done."""

    onset_threshold: float
    offset_threshold: float
    min_active_s: float
    min_quiet_s: float
    found: int
    events: int
    median_delay_s: float | None
    false_alarms: int
    false_alarms_per_day: float

    @property
    def recall(self) -> float:
        return self.found / self.events


def replay(
    results: Sequence[ClipScores], label: str, index: int, alert: AlertSpec, window_s: float
) -> list[ClipScores]:
    """The same scores with the alarms of one label under other settings."""
    subject = Subject("tuning", "tuning", "", recording_clock(datetime(2000, 1, 1, tzinfo=UTC)), live=False)
    machine = AlertMachine(label, alert, subject, window_s)
    return [replace(result, alarms=_alarms(result, index, machine, alert.onset_threshold)) for result in results]


def _alarms(result: ClipScores, index: int, machine: AlertMachine, onset: float) -> tuple[Alarm, ...]:
    """What one clip's scores raise. Scores under the onset change nothing while no alert is pending or active."""
    scores, state, alarms = result.scores[:, index], machine.initial_state(), []
    high = np.flatnonzero(scores >= onset)
    step = 0
    while step < len(scores):
        if state.phase in (Phase.IDLE, Phase.REFRACTORY):
            place = int(np.searchsorted(high, step))
            if place == len(high):
                break
            step = int(high[place])
        event, state = machine.step(float(scores[step]), round(result.times_s[step] * NS_PER_S), state)
        if event is not None and event.type == "started":
            alarms.append(Alarm(machine.label, float(result.times_s[step])))
        step += 1
    return tuple(alarms)


def settings(start: AlertSpec) -> Iterator[AlertSpec]:
    """Every setting that is tried; refractory and update times stay."""
    for onset, share, active_s, quiet_s in itertools.product(ONSETS, OFFSET_SHARES, MIN_ACTIVE_S, MIN_QUIET_S):
        changes = {"onset_threshold": onset, "offset_threshold": round(onset * share, 4)}
        yield start.model_copy(update=changes | {"min_active_s": active_s, "min_quiet_s": quiet_s})


def body_settings(start: AlertSpec) -> list[AlertSpec]:
    """Every setting that is tried of a label that bodies tell."""
    share = start.offset_threshold / max(start.onset_threshold, start.offset_threshold, ONSETS[0])
    return [
        start.model_copy(
            update={"onset_threshold": onset, "offset_threshold": round(onset * share, 4), "min_active_s": active_s}
        )
        for onset, active_s in itertools.product(BODY_ONSETS, BODY_MIN_ACTIVE_S)
    ]


def tries_of(spec: BundleSpec, clips: Sequence[Clip]) -> dict[str, list[AlertSpec]]:
    """The settings to try while clips are watched, for `watch_clips`."""
    asked = {label for clip in clips for label in clip.annotates}
    return {
        label: body_settings(alert)
        for label, alert in spec.alerts.items()
        if label in asked and PERSON in spec.combine[label]
    }


def trials(results: Sequence[ClipScores], spec: BundleSpec, label: str) -> list[Trial]:
    """What every setting of a label would have done.

    Raises:
        DatasetError: the clips hold no event of the label, or no time without one.
    """
    asked = [result for result in results if label in result.clip.annotates]
    figures = event_figures(asked, label, intervals=False) if asked else None
    if figures is None or not figures["clips_with"] or not figures["false_alarms"]["minutes"]:
        raise DatasetError(f"--data: {label}: tuning needs clips with events and time without; add both")
    return [
        _trial(event_figures(raised, label, intervals=False), alert) for alert, raised in _replayed(asked, spec, label)
    ]


def _replayed(
    results: Sequence[ClipScores], spec: BundleSpec, label: str
) -> Iterator[tuple[AlertSpec, list[ClipScores]]]:
    """Each setting that is tried of a label, and the results with the alarms that it would have raised."""
    start, index = spec.alerts[label], spec.labels.index(label)
    if PERSON in spec.combine[label]:
        for number, alert in enumerate(body_settings(start)):
            yield alert, [replace(result, alarms=result.tried[label][number]) for result in results]
        return
    for alert in settings(start):
        yield alert, replay(results, label, index, alert, spec.heads.scene.window_s)


def _trial(figures: Mapping[str, Any], alert: AlertSpec) -> Trial:
    false = figures["false_alarms"]
    return Trial(
        alert.onset_threshold,
        alert.offset_threshold,
        alert.min_active_s,
        alert.min_quiet_s,
        figures["clips_with_alarm"],
        figures["clips_with"],
        figures["delays"]["median_delay_s"],
        false["alarms"],
        false["per_hour"] * HOURS_A_DAY,
    )


def frontier(tried: Sequence[Trial]) -> list[Trial]:
    """The settings that no other beats: more events found only for more false alarms, fewest first."""
    best: list[Trial] = []
    for trial in sorted(tried, key=lambda trial: (trial.false_alarms, *_quality(trial))):
        if not best or trial.found > best[-1].found:
            best.append(trial)
    return best


def _quality(trial: Trial) -> tuple[float, float, float]:
    """Of settings with equally many false alarms the lowest is best: events missed, delay, nearness to the noise."""
    delay_s = np.inf if trial.median_delay_s is None else trial.median_delay_s
    return -trial.found, delay_s, -trial.onset_threshold


def choose(tried: Sequence[Trial], max_per_day: float, label: str) -> Trial:
    """The best setting that keeps the wish.

    Raises:
        QualityError: every setting that keeps it finds nothing.
    """
    kept = [trial for trial in tried if trial.false_alarms_per_day <= max_per_day]
    best = min(kept, key=lambda trial: (*_quality(trial)[:1], trial.false_alarms, *_quality(trial)[1:]), default=None)
    if best is None or not best.found:
        least = min((trial for trial in tried if trial.found), key=lambda trial: trial.false_alarms, default=None)
        rate = "none finds any" if least is None else f"the fewest with one are {least.false_alarms_per_day:.1f} a day"
        raise QualityError(
            f"{label}: no setting with at most {max_per_day:g} false alarms a day finds an event ({rate}); "
            "allow more, or train on more footage"
        )
    return best


def upper_bound_per_day(results: Sequence[ClipScores], label: str, trial: Trial) -> tuple[float, float]:
    """Hours without the event, and the false alarms a day that they rule out with 95 % (Poisson)."""
    from trainer.judging.metrics import alarm_rate  # noqa: PLC0415

    asked = [result for result in results if label in result.clip.annotates]
    hours = event_figures(asked, label, intervals=False)["false_alarms"]["minutes"] / 60
    bound = alarm_rate(trial.false_alarms, hours * 3600)["per_hour_upper_95"]
    return hours, bound * HOURS_A_DAY


def tune(bundle: Bundle, results: Sequence[ClipScores], max_per_day: float) -> tuple[BundleSpec, dict[str, Any]]:
    """The bundle's spec with tuned alerts, and the trade-off of each label.

    Raises:
        DatasetError: the clips say nothing of any label that alerts.
        QualityError: the wish cannot be kept.
    """
    spec = bundle.spec
    labels = [label for label in spec.alerts if any(label in result.clip.annotates for result in results)]
    if not labels:
        raise DatasetError(
            f"--data: speaks of none of the labels that alert ({', '.join(spec.alerts)}); give other data"
        )
    alerts, report = dict(spec.alerts), {}
    for label in labels:
        tried = trials(results, spec, label)
        chosen = choose(tried, max_per_day, label)
        changed = ("onset_threshold", "offset_threshold", "min_active_s", "min_quiet_s")
        alerts[label] = alerts[label].model_copy(update={key: getattr(chosen, key) for key in changed})
        hours, bound = upper_bound_per_day(results, label, chosen)
        report[label] = {
            "chosen": asdict(chosen),
            "max_false_alarms_per_day": max_per_day,
            "hours_without": hours,
            "false_alarms_per_day_upper_95": bound,
            "trade_off": [asdict(trial) for trial in frontier(tried)],
        }
    tuned = {label: {key: found[key] for key in found if key != "trade_off"} for label, found in report.items()}
    provenance = {**spec.provenance, "tuning": tuned}
    return spec.model_copy(update={"alerts": alerts, "provenance": provenance}), report


def lines_of(report: Mapping[str, Any]) -> list[str]:
    """The choice of each label, for people, and what it is worth."""
    lines: list[str] = []
    for label, found in report.items():
        chosen, bound = found["chosen"], found["false_alarms_per_day_upper_95"]
        delay_s = chosen["median_delay_s"]
        late = "" if delay_s is None else f", median delay {delay_s:.2f} s"
        lines.append(
            f"{label}: onset {chosen['onset_threshold']:g}, offset {chosen['offset_threshold']:g}, "
            f"active {chosen['min_active_s']:g} s, quiet {chosen['min_quiet_s']:g} s"
        )
        lines.append(
            f"  finds {chosen['found']} of {chosen['events']} events{late}; {chosen['false_alarms']} false alarms in "
            f"{found['hours_without']:.2f} h without one"
        )
        if bound > found["max_false_alarms_per_day"]:
            proof_days = POISSON_NONE / found["max_false_alarms_per_day"]
            lines.append(
                f"  with 95 % that footage rules out no less than {bound:.1f} a day; it takes {proof_days:.0f} days "
                "without an alarm to prove the wish"
            )
    return lines


def draw(path: Path, report: Mapping[str, Any]) -> None:
    """The trade-off of each label as PNG: events found over false alarms a day."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for label, found in report.items():
        rates = [trial["false_alarms_per_day"] for trial in found["trade_off"]]
        shares = [trial["found"] / trial["events"] for trial in found["trade_off"]]
        axes.step(rates, shares, where="post", marker="o", label=label)
        chosen = found["chosen"]
        axes.plot(chosen["false_alarms_per_day"], chosen["found"] / chosen["events"], "k*", markersize=12)
    axes.set(xlabel="false alarms a day", ylabel="share of events found", ylim=(-0.02, 1.02))
    axes.set_xscale("symlog")
    axes.legend()
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))
