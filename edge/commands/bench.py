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
from edge.inference.opening import open_frame_model
from edge.inference.tflite import Interpreter, runtime_name
from edge.pipeline import Watcher
from edge.system.stats import resident_mb
from edge.types import NS_PER_S, Inference, Pixels, RawFrame

N_ROUNDS: Final = 9
N_WARM_UP: Final = 3
STREAM_SHARE: Final = 0.5
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

    def __init__(self) -> None:
        self._pictures = _pictures()
        self._closed = False

    def frames(self) -> Iterator[RawFrame]:
        """Yield frames for ever."""
        for sequence in itertools.count():
            if self._closed:
                return
            pixels = self._pictures[sequence % N_PICTURES]
            yield RawFrame.of(pixels, sequence, round(sequence * NS_PER_S / CAMERA_RATE_HZ))

    def close(self) -> None:
        """End `frames`."""
        self._closed = True


@dataclass(frozen=True, slots=True)
class _Round:
    """One stretch of the pipeline and one of the bare loop."""

    latencies_ns: list[int]  # of the pipeline's steps
    inferences: list[Inference]
    bare_ns: list[int]  # of a bare interpreter for one step's pictures
    head_ns: list[int]  # of the aggregator's steps


def bench(bundle: Bundle, threads: int = 1, seconds: float = 5.0, source: str = str(SAMPLE)) -> dict[str, Any]:
    """Measure a bundle on this machine.

    Args:
        bundle: to run.
        threads: that the interpreter may use; everything else takes one.
        seconds: about how long to measure, less what the stream takes: half as long again.
        source: a video or a camera, to measure what one second of it costs.

    Returns:
        figures for JSON. Frames are pictures that the frame model has seen; a step takes one for each stream.

    Raises:
        ModelError: the bundle cannot run here.
        SourceError: the source cannot be read.
    """
    model = open_model(bundle, threads)
    bare = open_frame_model(bundle, threads)
    opencv_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        steps = _timed_steps(Watcher(DecodedSource(), model))
        _round(model, steps, bare, 0.0)
        rounds = [_round(model, steps, bare, seconds / N_ROUNDS / 2) for _ in range(N_ROUNDS)]
        stream = measure_stream(source, model.spec.networks.scene.input, seconds * STREAM_SHARE)
    finally:
        cv2.setNumThreads(opencv_threads)
    figures = _figures(bundle, model, threads, rounds)
    return figures | capacity(stream, 1 / figures["steps_per_s"], model.spec.networks.scene.input.rate_hz)


def _round(model: Model, steps: Iterator[tuple[int, Inference]], bare: Interpreter, stretch_s: float) -> _Round:
    stretch_ns = round(stretch_s * NS_PER_S)
    timed = list(_for(stretch_ns, steps))
    inferences = [inference for _, inference in timed]
    bare_ns = list(_for(stretch_ns, _bare_loop(bare, len(model.spec.networks.scene.input.streams))))
    head_ns = _head_steps(model, inferences[-1]) if model.spec.heads.scene.n_state else []
    return _Round([latency_ns for latency_ns, _ in timed], inferences, bare_ns, head_ns)


def _for(stretch_ns: int, items: Iterator[T]) -> Iterator[T]:
    """Take items for a stretch of time, and at least a few."""
    end_ns = time.perf_counter_ns() + stretch_ns
    for count in itertools.count(1):
        yield next(items)
        if count >= N_WARM_UP and time.perf_counter_ns() >= end_ns:
            return


def _timed_steps(watcher: Watcher) -> Iterator[tuple[int, Inference]]:
    """Yield each step's duration, with all that led to it, and its inference."""
    steps = watcher.steps()
    while True:
        begin_ns = time.perf_counter_ns()
        step = next(steps)
        end_ns = time.perf_counter_ns()
        if step.inference is not None:
            yield end_ns - begin_ns, step.inference


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


def _figures(bundle: Bundle, model: Model, threads: int, rounds: list[_Round]) -> dict[str, Any]:
    n_streams = len(model.spec.networks.scene.input.streams)
    listed = [_round_figures(one, n_streams) for one in rounds]
    latencies_ns = np.array([latency for one in rounds for latency in one.latencies_ns])
    p50, p95, p99 = (round(float(ns) * MS_PER_NS, 3) for ns in np.percentile(latencies_ns, (50, 95, 99)))
    pipeline_fps = statistics.median(one["pipeline_fps"] for one in listed)
    inference_s = statistics.median(one["frame_inference_s"] for one in listed)
    head_s = statistics.median(one["head_step_s"] for one in listed) if model.spec.heads.scene.n_state else None
    return {
        "bundle": model.spec.name,
        "bundle_sha256": bundle.digest,
        "precision": model.spec.networks.scene.precision,
        "backend": model.network.backend,
        "runtime": runtime_name(),
        "threads": threads,
        "streams": n_streams,
        "steps_per_s": round(pipeline_fps / n_streams, 2),
        "pipeline_fps": round(pipeline_fps, 2),
        "bare_fps": round(statistics.median(one["bare_fps"] for one in listed), 2),
        "pipeline_to_bare": round(statistics.median(one["pipeline_fps"] / one["bare_fps"] for one in listed), 4),
        "step_p50_ms": p50,
        "step_p95_ms": p95,
        "step_p99_ms": p99,
        "frame_inference_ms": round(inference_s * 1000, 3),
        "head_step_ms": None if head_s is None else round(head_s * 1000, 4),
        "head_to_frame": None if head_s is None else round(head_s / inference_s, 4),
        "memory_mb": resident_mb(),
        "rounds": listed,
    }


def _round_figures(one: _Round, n_streams: int) -> dict[str, Any]:
    """Rates are of sums, so that no slow step is lost in a median."""
    inference_ns = statistics.median(inference.duration_ns for inference in one.inferences)
    return {
        "pipeline_fps": n_streams * len(one.latencies_ns) * NS_PER_S / sum(one.latencies_ns),
        "bare_fps": n_streams * len(one.bare_ns) * NS_PER_S / sum(one.bare_ns),
        "frame_inference_s": inference_ns / n_streams / NS_PER_S,
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
