"""What a bundle says of clips: each is watched by the box's own pipeline, in its own time, as `edge run` would."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import AlertSpec, Bundle
from edge.errors import DatasetError
from edge.events.alerts import Subject
from edge.events.falls import FallMachine, FallRules
from edge.inference.model import Model, open_model
from edge.pipeline import Watcher
from edge.sources.file import FileSource, read_header
from edge.types import NS_PER_S
from trainer.clips.decoding import reading_clips
from trainer.clips.labels import NORMAL
from trainer.clips.manifest import Clip
from trainer.clips.pool import map_clips
from trainer.files import file_sha256
from trainer.judging.stream import Stream
from trainer.judging.tries import TryingMachine

Tries = Mapping[str, Sequence[AlertSpec]]
"""Settings of alerts to try, by label."""

MEAN = "mean"
DIGITS = 6
"""Of scores in JSON."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A `started` event: where in the video it was raised."""

    label: str
    position_s: float


@dataclass(frozen=True, slots=True)
class ClipScores:
    """One clip as the pipeline saw it, one row a step; labels in the bundle's order."""

    clip: Clip
    sha256: str
    times_s: NDArray[np.float64]  # (n_steps,)
    frames: NDArray[np.float64]  # (n_steps, n_labels): of single frames; of a recurrent head, its steps'
    scores: NDArray[np.float64]  # (n_steps, n_labels): of the windows that end there
    alarms: tuple[Alarm, ...]
    shape: tuple[float, float, float, float]
    """Width and height in pixels, frames a second, duration in seconds: what a model must not tell labels by."""
    skipped_frames: int
    tried: Mapping[str, tuple[tuple[Alarm, ...], ...]] = field(default_factory=dict)
    """Of labels that bodies tell, the alarms under each setting that was tried."""

    def to_json(self) -> dict[str, Any]:
        """Everything but the clip's annotation and what was tried."""
        return {
            "path": f"{self.clip.dataset}/{self.clip.name}",
            "sha256": self.sha256,
            "times_s": np.round(self.times_s, DIGITS).tolist(),
            "frames": np.round(self.frames, DIGITS).tolist(),
            "scores": np.round(self.scores, DIGITS).tolist(),
            "alarms": [{"label": alarm.label, "position_s": alarm.position_s} for alarm in self.alarms],
            "shape": list(self.shape),
            "skipped_frames": self.skipped_frames,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], clip: Clip) -> "ClipScores":
        """The inverse of `to_json`."""
        width, height, rate_hz, length_s = content["shape"]
        return cls(
            clip,
            content["sha256"],
            np.asarray(content["times_s"], np.float64),
            np.asarray(content["frames"], np.float64),
            np.asarray(content["scores"], np.float64),
            tuple(Alarm(alarm["label"], alarm["position_s"]) for alarm in content["alarms"]),
            (width, height, rate_hz, length_s),
            content["skipped_frames"],
        )


def video_score(scores: NDArray[np.float64], labels: Sequence[str], rules: Mapping[str, str]) -> NDArray[np.float64]:
    """The one score of a whole video (n_labels,) from the causal scores of its steps (n_steps, n_labels).

    Each label has its rule: `peak`, the highest; `held`, the highest that two steps in a row reach, for what lasts a
    moment and alerts that wait for the second step; else the mean over the steps, as the papers have it.
    """
    rows: dict[str, Callable[[NDArray[np.float64]], float]] = {
        "peak": np.max,
        "held": lambda column: np.max(np.minimum(column[1:], column[:-1]), initial=0.0),
    }
    return np.asarray([rows.get(rules.get(label, MEAN), np.mean)(scores[:, k]) for k, label in enumerate(labels)])


def watch_clips(
    bundle: Path,
    clips: Sequence[Clip],
    workers: int,
    alerts: Mapping[str, AlertSpec] | None = None,
    *,
    held_s: float = 0.0,
    tries: Tries | None = None,
    before: Mapping[Path, Path] | None = None,
) -> Iterator[ClipScores]:
    """Run the pipeline on every clip and yield what it said, in the clips' order.

    Args:
        bundle: directory or `.zip`.
        clips: what to watch.
        workers: processes.
        alerts: instead of the bundle's defaults.
        held_s: so long the last picture of each stays.
        tries: settings to try beside, of labels that bodies tell.
        before: of a clip, what is watched before it, of which nothing is told (`preceding`).

    Raises:
        DatasetError: a clip cannot be read, or is too short for one inference.
        ModelError: the bundle cannot be used.
    """
    initargs = (bundle, alerts, held_s, tries or {}, before or {})
    yield from map_clips(_watch_clip, clips, workers, "evaluation", initializer=_open_bundle, initargs=initargs)


@dataclass(frozen=True, slots=True)
class _Watch:
    """What a worker process keeps between clips."""

    model: Model
    alerts: Mapping[str, AlertSpec] | None
    held_s: float
    tries: Tries
    before: Mapping[Path, Path]

    def stream(self, clip: Clip) -> Stream:
        """The clip as it is to be watched."""
        before = self.before.get(clip.path)
        return Stream(FileSource(clip.path), self.held_s, None if before is None else FileSource(before))


_watch: list[_Watch] = []


def _open_bundle(
    bundle: Path, alerts: Mapping[str, AlertSpec] | None, held_s: float, tries: Tries, before: Mapping[Path, Path]
) -> None:
    _watch[:] = [_Watch(open_model(Bundle.load(bundle), threads=1), alerts, held_s, tries, before)]


def _watch_clip(clip: Clip) -> ClipScores:
    model, alerts, tries = _watch[0].model, _watch[0].alerts, _watch[0].tries
    trying: dict[str, TryingMachine] = {}

    def machine(label: str, spec: AlertSpec, subject: Subject, rules: FallRules, max_gap_s: float) -> FallMachine:
        if label not in tries:
            return FallMachine(label, spec, subject, rules, max_gap_s)
        trying[label] = TryingMachine(label, spec, subject, rules, max_gap_s, tries=tries[label])
        return trying[label]

    stream = _watch[0].stream(clip)
    watcher = Watcher(stream, model, alerts=dict(alerts) if alerts is not None else None, fall_machine=machine)
    times_s: list[float] = []
    frames: list[NDArray[np.float32]] = []
    scores: list[NDArray[np.float32]] = []
    started: dict[str, list[float]] = {}
    recurrent = model.spec.heads.scene.kind == "recurrent"
    with reading_clips():
        for step in watcher.steps():
            for event in step.events:
                if event.type == "started":
                    started.setdefault(event.label, []).append(event.position_s or 0.0)
            if step.inference is None or step.scores is None or step.inference.capture_ns < stream.begin_ns:
                continue
            times_s.append((step.inference.capture_ns - stream.begin_ns) / NS_PER_S)
            scores.append(step.scores.probabilities)
            frames.append(step.scores.probabilities if recurrent else step.inference.probabilities)
    if not times_s:
        raise DatasetError(f"{clip.path}: too short for one inference; leave it out or give a longer clip")
    begin_s = stream.begin_ns / NS_PER_S
    return ClipScores(
        clip,
        file_sha256(clip.path),
        np.asarray(times_s),
        np.asarray(frames, np.float64),
        np.asarray(scores, np.float64),
        tuple(alarm for label, found_s in started.items() for alarm in _alarms(label, found_s, begin_s)),
        container_shape(clip.path),
        watcher.progress.skipped_frames,
        {
            label: tuple(_alarms(label, found_s, begin_s) for found_s in machine.started_s)
            for label, machine in trying.items()
        },
    )


def _alarms(label: str, started_s: Sequence[float], begin_s: float) -> tuple[Alarm, ...]:
    """Those after a clip has begun, in its own time."""
    return tuple(Alarm(label, position_s - begin_s) for position_s in started_s if position_s >= begin_s)


def preceding(clips: Sequence[Clip], seed: int = 0) -> dict[Path, Path]:
    """Of each clip, one without an event of another group to watch before it; none where there is none."""
    random = np.random.default_rng(seed)
    quiet = [clip for clip in clips if clip.label == NORMAL]
    found: dict[Path, Path] = {}
    for clip in clips:
        others = [other.path for other in quiet if (other.dataset, other.group) != (clip.dataset, clip.group)]
        if others:
            found[clip.path] = others[int(random.integers(len(others)))]
    return found


def container_shape(path: Path) -> tuple[float, float, float, float]:
    """Width, height, frame rate and duration by the container's header; 0 where it does not say."""
    header = read_header(path)
    length_s = header.n_frames / header.rate_hz if header.rate_hz > 0 else 0.0
    return header.width_px, header.height_px, header.rate_hz, length_s
