"""What this machine makes of a bundle: the daemon's pipeline beside a bare loop around the interpreter.

The source gives decoded frames from memory, as a camera of 640 x 480 at 30 per second would, as fast as they are taken:
what is measured is everything but capture and decoding. Pipeline and bare loop run in turns, so that a ratio compares
neighbours in time. What capture and decoding cost is measured after it, on a stream.
"""

import itertools
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import cv2
import numpy as np

from edge.bundle import Bundle
from edge.commands.capacity import SAMPLE, capacity, measure_stream
from edge.inference.model import Model, open_model
from edge.inference.opening import open_scene
from edge.inference.tflite import Interpreter, open_interpreter, runtime_name
from edge.pipeline import Step, Watcher
from edge.system.stats import resident_mb
from edge.types import NS_PER_S, Inference, Pixels, RawFrame

N_ROUNDS: Final = 9
N_WARM_UP: Final = 4
STREAM_SHARE: Final = 0.5
SETTLE_S: Final = 4.0
"""After so long a gate is shut where nothing moves."""
STILL_S: Final = 10.0
"""In which it looks twice."""
N_HEAD_STEPS: Final = 20
HEIGHT_PX: Final = 480
WIDTH_PX: Final = 640
CAMERA_RATE_HZ: Final = 30.0
N_PICTURES: Final = 8
PATCH_PX: Final = 160
PATCH_STEP_PX: Final = 16
SEED: Final = 0
MS_PER_NS: Final = 1e-6

T = TypeVar("T")


class DecodedSource:
    """Pictures in memory, again and again, with the times of a camera."""

    name = "frames in memory"
    live = False
    skipped_frames = 0

    def __init__(self, *, still: bool = False) -> None:
        """Prepare; `still`: nothing moves."""
        self._pictures = _pictures()[: 1 if still else N_PICTURES]
        self._closed = False

    def frames(self) -> Iterator[RawFrame]:
        """Yield frames for ever."""
        for sequence in itertools.count():
            if self._closed:
                return
            pixels = self._pictures[sequence % len(self._pictures)]
            yield RawFrame.of(pixels, sequence, round(sequence * NS_PER_S / CAMERA_RATE_HZ))

    def close(self) -> None:
        """End `frames`."""
        self._closed = True


@dataclass(frozen=True, slots=True)
class _Timed:
    """One step of the pipeline, with all that led to it."""

    latency_ns: int
    step: Step


@dataclass(frozen=True, slots=True)
class _Round:
    """One stretch of the pipeline and one of the bare networks."""

    timed: list[_Timed]
    scene_ns: list[int]  # of the bare scene network for one step's pictures
    people_ns: list[int]  # of the bare people network for one look; empty without one
    head_ns: list[int]  # of the aggregator's steps


def bench(bundle: Bundle, threads: int = 1, seconds: float = 5.0, source: str = str(SAMPLE)) -> dict[str, Any]:
    """Measure a bundle on this machine.

    Args:
        bundle: to run.
        threads: that the interpreters may use; everything else takes one.
        seconds: about how long to measure, less what the stream takes: half as long again.
        source: a video or a camera, to measure what one second of it costs.

    Returns:
        figures for JSON. Frames are pictures that the networks have seen; a step of the scene takes one for each
        stream, a look for people one.

    Raises:
        ModelError: the bundle cannot run here.
        SourceError: the source cannot be read.
    """
    model = open_model(bundle, threads)
    bare = _Bare(bundle, model, threads)
    opencv_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        steps = _timed_steps(Watcher(DecodedSource(), model))
        _round(model, steps, bare, 0.0)
        rounds = [_round(model, steps, bare, seconds / N_ROUNDS / 2) for _ in range(N_ROUNDS)]
        still = _still_step_s(model)
        stream = measure_stream(source, model.spec.networks, seconds * STREAM_SHARE)
    finally:
        cv2.setNumThreads(opencv_threads)
    figures = _figures(bundle, model, threads, rounds, still)
    return figures | capacity(stream, 1 / figures["steps_per_s"], _rate_hz(model))


class _Bare:
    """The interpreters alone: set, invoke, get, and nothing else."""

    def __init__(self, bundle: Bundle, model: Model, threads: int) -> None:
        networks = model.spec.networks
        self.scene = _bare_loop(open_scene(bundle, threads), len(networks.scene.input.streams))
        self.people: Iterator[int] | None = None
        if networks.people is not None:
            content = bundle.content(networks.people)
            assert content is not None
            self.people = _bare_loop(open_interpreter(content, threads, networks.people.files["cpu"]), 1)


def _rate_hz(model: Model) -> float:
    """Steps a second of a camera: those of the faster network, whose grid the other's lies on."""
    return max(wanted_hz for wanted_hz, _ in model.spec.networks.rates_hz.values())


def _round(model: Model, steps: Iterator[_Timed], bare: _Bare, stretch_s: float) -> _Round:
    stretch_ns = round(stretch_s * NS_PER_S)
    timed = list(_for(stretch_ns, steps))
    scene_ns = list(_for(stretch_ns // 2, bare.scene))
    people_ns = [] if bare.people is None else list(_for(stretch_ns // 2, bare.people))
    inferences = [one.step.inference for one in timed if one.step.inference is not None]
    head_ns = _head_steps(model, inferences[-1]) if model.spec.heads.scene.n_state else []
    return _Round(timed, scene_ns, people_ns, head_ns)


def _still_step_s(model: Model) -> float | None:
    """What a step costs where nothing moves, on average; None for a bundle that looks all the same."""
    if model.people is None:
        return None
    steps = _timed_steps(Watcher(DecodedSource(still=True), model))
    rate_hz = _rate_hz(model)
    for _ in range(round(SETTLE_S * rate_hz)):
        next(steps)
    timed = [next(steps).latency_ns for _ in range(round(STILL_S * rate_hz))]
    return sum(timed) / len(timed) / NS_PER_S


def _for(stretch_ns: int, items: Iterator[T]) -> Iterator[T]:
    """Take items for a stretch of time, and at least a few."""
    end_ns = time.perf_counter_ns() + stretch_ns
    for count in itertools.count(1):
        yield next(items)
        if count >= N_WARM_UP and time.perf_counter_ns() >= end_ns:
            return


def _timed_steps(watcher: Watcher) -> Iterator[_Timed]:
    """Yield each step and its duration, with all that led to it."""
    steps = watcher.steps()
    while True:
        begin_ns = time.perf_counter_ns()
        step = next(steps)
        yield _Timed(time.perf_counter_ns() - begin_ns, step)


def _bare_loop(interpreter: Interpreter, n_streams: int) -> Iterator[int]:
    """Yield how long the runtime takes for one step's pictures: set, invoke, get, and nothing else."""
    runtime, (picture,) = interpreter.runtime, interpreter.inputs.values()
    outputs = [tensor.index for tensor in interpreter.outputs.values()]
    pixels = np.random.default_rng(SEED).integers(0, 256, picture.shape).astype(picture.dtype)
    while True:
        begin_ns = time.perf_counter_ns()
        for _ in range(n_streams):
            runtime.set_tensor(picture.index, pixels)
            runtime.invoke()
            for output in outputs:
                runtime.get_tensor(output)
        yield time.perf_counter_ns() - begin_ns


def _head_steps(model: Model, inference: Inference) -> list[int]:
    state = model.aggregator.initial_state()
    durations_ns: list[int] = []
    for _ in range(N_HEAD_STEPS):
        begin_ns = time.perf_counter_ns()
        _, state = model.aggregator.step(inference, state)
        durations_ns.append(time.perf_counter_ns() - begin_ns)
    return durations_ns


def _figures(bundle: Bundle, model: Model, threads: int, rounds: list[_Round], still_s: float | None) -> dict[str, Any]:
    networks = model.spec.networks
    n_streams = len(networks.scene.input.streams)
    listed = [_round_figures(one, n_streams) for one in rounds]
    latencies_ns = np.array([timed.latency_ns for one in rounds for timed in one.timed])
    p50, p95, p99 = (round(float(ns) * MS_PER_NS, 3) for ns in np.percentile(latencies_ns, (50, 95, 99)))
    steps_per_s = statistics.median(one["steps_per_s"] for one in listed)
    inference_s = statistics.median(one["frame_inference_s"] for one in listed)
    head_s = statistics.median(one["head_step_s"] for one in listed) if model.spec.heads.scene.n_state else None
    look_s = statistics.median(one["look_s"] for one in listed) if networks.people is not None else None
    return {
        "bundle": model.spec.name,
        "bundle_sha256": bundle.digest,
        "precision": networks.scene.precision,
        "backend": model.backend,
        "runtime": runtime_name(),
        "threads": threads,
        "streams": n_streams,
        "steps_per_s": round(steps_per_s, 2),
        "pipeline_fps": round(statistics.median(one["pipeline_fps"] for one in listed), 2),
        "bare_fps": round(statistics.median(one["bare_fps"] for one in listed), 2),
        "pipeline_to_bare": round(statistics.median(one["pipeline_fps"] / one["bare_fps"] for one in listed), 4),
        "step_p50_ms": p50,
        "step_p95_ms": p95,
        "step_p99_ms": p99,
        "frame_inference_ms": round(inference_s * 1000, 3),
        "look_ms": None if look_s is None else round(look_s * 1000, 3),
        "head_step_ms": None if head_s is None else round(head_s * 1000, 4),
        "head_to_frame": None if head_s is None else round(head_s / inference_s, 4),
        "still_to_busy": None if still_s is None else round(still_s * steps_per_s, 4),
        "memory_mb": resident_mb(),
        "rounds": listed,
    }


def _round_figures(one: _Round, n_streams: int) -> dict[str, Any]:
    """Rates are of sums, so that no slow step is lost in a median."""
    inferences = [timed.step.inference for timed in one.timed if timed.step.inference is not None]
    n_looks = sum(timed.step.bodies is not None for timed in one.timed)
    scene_ns = sum(one.scene_ns) / len(one.scene_ns)
    people_ns = sum(one.people_ns) / len(one.people_ns) if one.people_ns else 0.0
    pipeline_s = sum(timed.latency_ns for timed in one.timed) / NS_PER_S
    n_frames = n_streams * len(inferences) + n_looks
    return {
        "steps_per_s": len(one.timed) / pipeline_s,
        "pipeline_fps": n_frames / pipeline_s,
        "bare_fps": n_frames * NS_PER_S / (len(inferences) * scene_ns + n_looks * people_ns),
        "frame_inference_s": statistics.median(each.duration_ns for each in inferences) / n_streams / NS_PER_S,
        "look_s": people_ns / NS_PER_S if one.people_ns else None,
        "head_step_s": statistics.median(one.head_ns) / NS_PER_S if one.head_ns else None,
    }


def _pictures() -> list[Pixels]:
    """A patch that crosses noise over a gradient: a fixed camera, as a box has, before which something moves. One that
    moves itself takes longer, where a bundle's streams take its movement out (`edge.frames.registration`)."""
    noise = np.random.default_rng(SEED).integers(0, 64, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    gradient = np.linspace(0, 191, WIDTH_PX, dtype=np.uint8)[np.newaxis, :, np.newaxis]
    pictures: list[Pixels] = []
    for shift in range(N_PICTURES):
        picture = noise + gradient
        left, top = PATCH_STEP_PX * shift, HEIGHT_PX // 4
        picture[top : top + PATCH_PX, left : left + PATCH_PX] = noise[:PATCH_PX, :PATCH_PX]
        picture.setflags(write=False)
        pictures.append(picture)
    return pictures
