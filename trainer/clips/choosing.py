"""Which frames of a clip each paper takes, by their number alone; and those frames, decoded.

Beside the fixed rate of `edge.frames.sampling`, which is all that a camera knows. What is chosen here needs the end of
a clip, so a model that learned from it judges whole clips and is not for the box.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle import InputSpec
from edge.errors import DatasetError
from edge.frames.preprocess import resize
from edge.sources.file import FileSource
from edge.types import Pixels, RawFrame, Sample
from trainer.clips.decoding import reading_clips

Indices = NDArray[np.int64]

MAX_FRAMES_000 = 220
ENDS_000 = 10
STRIDE_000 = 3
MAX_CLAIMED_FRAMES = 1 << 24


def every_third(n_frames: int) -> Indices:
    """Paper 000, section 4.5: at most 220 frames, first and last ten dropped, of the rest every third.

    A clip of twenty frames or fewer is not trimmed. At most 67 indices.
    """
    n_used = min(n_frames, MAX_FRAMES_000)
    ends = ENDS_000 if n_used > 2 * ENDS_000 else 0
    return np.arange(ends, n_used - ends, STRIDE_000)


def evenly(n_frames: int, n_steps: int = 20) -> Indices:
    """Paper 001: `n_steps` frames. How they are spaced is not said: evenly here, first and last frame included."""
    return np.linspace(0, n_frames - 1, n_steps).round().astype(np.int64)


def first_ones(n_frames: int, n_steps: int = 40) -> Indices:
    """Paper 002, section 3: the first `n_steps` frames, the last one repeated where there are fewer."""
    return np.minimum(np.arange(n_steps), n_frames - 1)


def one_a_segment(n_frames: int, n_steps: int = 40) -> Indices:
    """Paper 004, section 3.2: of each of `n_steps` equal segments the frame in its middle."""
    return ((np.arange(n_steps) + 0.5) * n_frames / n_steps).astype(np.int64)


EVENLY = "evenly-"
"""Begins the names of `evenly` with any number of steps."""
CHOICES: dict[str, Callable[[int], Indices]] = {
    "every-third": every_third,
    "evenly-20": evenly,
    "first-40": first_ones,
    "segments-40": one_a_segment,
}


def choice_of(name: str) -> Callable[[int], Indices]:
    """The choice of a name: one of `CHOICES`, or `evenly-N`."""
    if name in CHOICES:
        return CHOICES[name]
    return partial(evenly, n_steps=int(name.removeprefix(EVENLY)))


def chosen_samples(path: Path, spec: InputSpec, choice: str) -> Iterator[Sample]:
    """Yield the chosen frames of a clip as samples of one stream, (1, height, width, 3), in order.

    The frames are chosen by the number that the container claims; where it holds another number, which shows at its
    end, they are chosen again and the clip is read once more. Memory does not grow with its length.

    Raises:
        DatasetError: the file cannot be read as video.
    """
    source = FileSource(path)
    with reading_clips():
        first = _Reading(source, choice)
        decoded = first.decode(spec)
        wanted_ns = [first.times_ns[index] for index in choice_of(choice)(len(first.times_ns))]
        if set(wanted_ns) != first.asked_ns:
            distinct = set(wanted_ns)
            decoded = _resized((frame for frame in source.frames() if frame.capture_ns in distinct), spec)
    if not decoded:
        raise DatasetError(f"{path}: no chosen frame can be decoded; replace the clip or leave it out")
    for time_ns in wanted_ns:  # a frame that cannot be decoded gives way to its neighbour
        nearest_ns = min(decoded, key=lambda known_ns: abs(known_ns - time_ns))
        yield Sample.of(decoded[nearest_ns][np.newaxis], time_ns)


class _Reading:
    """One reading of a clip that notes every frame's time and decodes those that its claimed length chooses."""

    def __init__(self, source: FileSource, choice: str) -> None:
        self.times_ns: list[int] = []
        self.asked_ns: set[int] = set()
        self._source = source
        self._choice = choice
        self._indices: set[int] | None = None

    def decode(self, spec: InputSpec) -> dict[int, Pixels]:
        """Resized frames by their times."""
        return _resized((frame for frame in self._source.frames() if self._wants(frame.capture_ns)), spec)

    def _wants(self, capture_ns: int) -> bool:
        if self._indices is None:
            claimed = self._source.claimed_frames  # damaged containers claim anything, NaN included
            n_frames = round(min(claimed, MAX_CLAIMED_FRAMES)) if claimed >= 1 else 1
            self._indices = set(choice_of(self._choice)(n_frames).tolist())
        wanted = len(self.times_ns) in self._indices
        self.times_ns.append(capture_ns)
        if wanted:
            self.asked_ns.add(capture_ns)
        return wanted


def _resized(frames: Iterable[RawFrame], spec: InputSpec) -> dict[int, Pixels]:
    """Resized pictures of the frames that can be decoded, by their times."""
    decoded = ((frame.capture_ns, frame.pixels()) for frame in frames)
    return {capture_ns: resize(pixels, spec) for capture_ns, pixels in decoded if pixels is not None}
