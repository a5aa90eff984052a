"""The one way of a source's frames to what is judged, for recordings as for cameras: whoever keeps pictures sees each
frame, samples are made, and a glance is taken of each sample's picture."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from edge.frames.glance import Glance, glance
from edge.frames.sampling import Sampler
from edge.sources import Source
from edge.types import RawFrame, Sample


@dataclass(frozen=True, slots=True)
class Shot:
    """What the pipeline judges."""

    sample: Sample
    seen: Glance
    """Of the same picture."""


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
        yield frame, None if sample is None else Shot(sample, glance(sampler.newest.pixels, frame.capture_ns))
