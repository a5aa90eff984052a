"""How many cameras a machine carries, from what it was measured to spend on one second of each.

A camera costs processor time twice: its pictures are decoded, all of them, whatever the rate at which they are judged;
and each step of the model takes its time. The steps of all cameras are taken in turns by one thread, decoding goes on
beside them on whatever cores there are. So with n cameras at r steps a second each,

    n * r * step_s <= 1    and    n * (decoding + r * step_s) <= usable cores,

where one camera has all cores, and several have `USABLE_SHARE` of them.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.bundle import NetworkSpecs
from edge.errors import SourceError
from edge.frames.driver import Shots, drive
from edge.sources import Source
from edge.sources.opening import open_source
from edge.types import NS_PER_S

SAMPLE: Final = Path(__file__).parents[1] / "samples" / "camera.mp4"
"""As a network camera sends it: 1280x720, H.264, 15 a second. Made by scripts/make-sample."""
CAMERAS: Final = (1, 2, 4, 6, 8, 12, 16, 24, 32)
RATE_TOLERANCE: Final = 0.95
"""Of the bundle's rate: below, a camera counts as slow."""
USABLE_SHARE: Final = 0.55
"""Of the cores, where threads of one process take turns and empty each other's caches: `scripts/prove scale` found 13
cameras on 2 cores, where what each costs alone would leave room for 23."""
MIN_PICTURES: Final = 10


@dataclass(frozen=True, slots=True)
class Stream:
    """What one second of a camera's stream costs before the model sees it."""

    name: str
    height_px: int
    width_px: int
    rate_hz: float
    """Pictures a second, all of which are decoded."""
    cost: float
    """Seconds of one core for each second of the stream: decoding, colours, size, a look at the picture's health."""


def measure_stream(source: str, networks: NetworkSpecs, seconds: float) -> Stream:
    """Read a video, again and again, or a camera, as the daemon's threads do, and count their processor time.

    Args:
        source: a video or a camera, as in a configuration.
        networks: what they are fed.
        seconds: of processor or of wall time, whichever is over first; a video is read at least once.

    Raises:
        SourceError: it cannot be opened, or gives too few pictures to tell.
    """
    end_s = time.monotonic() + seconds
    cost_ns = length_ns = pictures = 0
    size_px = (0, 0)
    while True:
        one = open_source(source)
        passage = _read(one, networks, lambda live=one.live: live and time.monotonic() >= end_s)
        cost_ns += passage.cost_ns
        length_ns += passage.length_ns
        pictures += passage.pictures
        size_px = passage.size_px
        if one.live or time.monotonic() >= end_s:
            break
    if pictures < MIN_PICTURES or length_ns <= 0:
        raise SourceError(f"{source}: only {pictures} pictures, which is too few to measure; give a longer video")
    return Stream(one.name, *size_px, pictures * NS_PER_S / length_ns, cost_ns / length_ns)


def carried(cost: float, step_s: float, rate_hz: float, cores: float, n: int) -> float:
    """Return how many steps a second each of n cameras gets, at most what the bundle asks for.

    Args:
        cost: of a stream, in cores.
        step_s: of the model.
        rate_hz: that the bundle asks for.
        cores: of the machine.
        n: cameras.
    """
    usable_cores = cores if n == 1 else USABLE_SHARE * cores
    by_thread_hz = 1 / (n * step_s)
    by_cores_hz = (usable_cores / n - cost) / step_s
    return max(0.0, min(rate_hz, by_thread_hz, by_cores_hz))


def capacity(stream: Stream, step_s: float, rate_hz: float, cores: int | None = None) -> dict[str, Any]:
    """Return the figures for JSON: cost of the stream, cameras at the bundle's rate, and the rate of more cameras."""
    cores = cores or len(os.sched_getaffinity(0))
    at_rate = 0
    while carried(stream.cost, step_s, rate_hz, cores, at_rate + 1) >= RATE_TOLERANCE * rate_hz:
        at_rate += 1
    listed = sorted({*CAMERAS, max(1, at_rate)})
    rows = [{"cameras": n, "steps_per_s": round(carried(stream.cost, step_s, rate_hz, cores, n), 2)} for n in listed]
    return {
        "cores": cores,
        "stream": f"{stream.name}, {stream.width_px}x{stream.height_px}, {stream.rate_hz:.0f} per second",
        "decoding_cores_per_camera": round(stream.cost, 4),
        "model_cores_per_camera": round(rate_hz * step_s, 4),
        "rate_hz": rate_hz,
        "cameras": at_rate,
        "carried": rows,
    }


def describe(rows: Sequence[dict[str, Any]]) -> str:
    """The table for people."""
    lines = ["cameras    steps a second each"]
    lines += [f"{row['cameras']:>7}    {row['steps_per_s']:.2f}" for row in rows if row["steps_per_s"] > 0]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Passage:
    cost_ns: int
    length_ns: int
    pictures: int
    size_px: tuple[int, int]


def _read(source: Source, networks: NetworkSpecs, is_over: Callable[[], bool]) -> _Passage:
    """Read once. What opening costs is not counted: it happens once."""
    times_ns: list[int] = []
    size_px = (0, 0)
    begin_ns = 0
    for frame, shot in drive(source, Shots(networks), None, is_over):
        times_ns.append(frame.capture_ns)
        if len(times_ns) == 1:
            begin_ns = time.thread_time_ns()
        if shot is not None and (pixels := frame.pixels()) is not None:
            size_px = (pixels.shape[0], pixels.shape[1])
            _ = shot.seen  # which a camera's thread looks at
            shot.prepare()
    if not times_ns:
        return _Passage(0, 0, 0, size_px)
    return _Passage(time.thread_time_ns() - begin_ns, times_ns[-1] - times_ns[0], len(times_ns) - 1, size_px)
