"""The one way of a source's frames to what is judged, for recordings as for cameras: whoever keeps pictures sees each
frame, samples are made, and a glance may be taken at each sample's picture."""

from collections.abc import Callable, Iterator
from typing import Protocol

from edge.frames.glance import Glance, glance
from edge.frames.sampling import Sampler
from edge.sources import Source
from edge.types import Frame, RawFrame, Sample


class Shot:
    """What the pipeline judges: a sample, and a glance at its picture for who asks."""

    __slots__ = ("_frame", "_seen", "sample")

    def __init__(self, sample: Sample, frame: Frame) -> None:
        """Prepare.

        Args:
            sample: of the newest frame and those before it.
            frame: that newest one, shrunk.
        """
        self.sample = sample
        self._frame = frame
        self._seen: Glance | None = None

    @property
    def seen(self) -> Glance:
        """A glance at the sample's picture, taken once."""
        if self._seen is None:
            self._seen = glance(self._frame.pixels, self._frame.capture_ns)
        return self._seen


class Keeper(Protocol):
    """Keeps pictures that may be asked for later."""

    def see(self, frame: RawFrame) -> None:
        """Look at the next frame; it need not be decoded."""
        ...


def drive(
    source: Source, sampler: Sampler, keeper: Keeper | None, is_over: Callable[[], bool]
) -> Iterator[tuple[RawFrame, Shot | None]]:
    """Yield every frame of a source, with the shot that it completes, if any.

    Args:
        source: behind its privacy masks.
        sampler: of the bundle's rate and pictures.
        keeper: of pictures.
        is_over: whether to end, asked before anybody sees a frame: a camera that hung may wake long after.

    Raises:
        SourceError: as `Source.frames`.
    """
    for frame in source.frames():
        if is_over():
            return
        if keeper is not None:
            keeper.see(frame)
        sample = sampler.push(frame)
        yield frame, None if sample is None else Shot(sample, sampler.newest)
