"""The one way of a source's frames to what is judged, for recordings as for cameras: whoever keeps pictures sees each
frame, and at the rates of the networks shots are made of them."""

from collections.abc import Callable, Iterator
from typing import Protocol

from edge.bundle import NetworkSpecs
from edge.frames.glance import Glance, glance
from edge.frames.looks import Look, LookSampler
from edge.frames.preprocess import shrink
from edge.frames.sampling import Sampler
from edge.sources import Source
from edge.types import RawFrame, Sample


class Shot:
    """What the pipeline judges: what each network sees of a moment, where its time has come, and a glance."""

    __slots__ = ("_glance", "_take", "capture_ns", "look", "sample")

    def __init__(self, capture_ns: int, sample: Sample | None, look: Look | None, take: Callable[[], Glance]) -> None:
        """Prepare.

        Args:
            capture_ns: of the frame.
            sample: for the scene network.
            look: for the people network.
            take: takes a glance at the frame.
        """
        self.capture_ns = capture_ns
        self.sample = sample
        self.look = look
        self._take: Callable[[], Glance] | None = take
        self._glance: Glance | None = None

    @property
    def seen(self) -> Glance:
        """A glance at the frame, taken once."""
        if (take := self._take) is not None:
            self._glance = take()
            self._take = None
        assert self._glance is not None
        return self._glance

    @property
    def networks(self) -> list[str]:
        """The names of those that see something."""
        return [name for name, seen in (("scene", self.sample), ("people", self.look)) if seen is not None]

    def prepare(self) -> None:
        """Make the networks' pictures now, so that whoever judges need not."""
        if self.sample is not None:
            _ = self.sample.streams
        if self.look is not None:
            _ = self.look.picture

    def after(self, replaced: "Shot") -> "Shot":
        """What takes the place of this shot and an older one that nobody has judged: for each network the newer of what
        it sees, with the glance of the moment at which people were looked for."""
        kept = replaced if self.look is None and replaced.look is not None else self
        kept.sample = self.sample or replaced.sample
        return kept


class Shots:
    """Makes shots of frames: shown every frame, in order."""

    def __init__(self, networks: NetworkSpecs) -> None:
        self._spec = networks.scene.input
        self._sampler = Sampler(networks.scene.input)
        self._looks = None if networks.people is None else LookSampler(networks.people.input)

    @property
    def missed_ticks(self) -> int:
        """Ticks of the networks' rates that no frame reached."""
        return self._sampler.missed_ticks + (0 if self._looks is None else self._looks.missed_ticks)

    def push(self, raw: RawFrame) -> Shot | None:
        """Look at the next frame; return the shot that it completes, if any."""
        sample = self._sampler.push(raw)
        look = None if self._looks is None else self._looks.push(raw)
        if sample is not None:
            pixels = self._sampler.newest.pixels
        elif look is not None and (whole := raw.pixels()) is not None:
            pixels = shrink(whole, self._spec)
        else:
            return None
        return Shot(raw.capture_ns, sample, look, lambda: glance(pixels, raw.capture_ns))


class Keeper(Protocol):
    """Keeps pictures that may be asked for later."""

    def see(self, frame: RawFrame) -> None:
        """Look at the next frame; it need not be decoded."""
        ...


def drive(
    source: Source, shots: Shots, keeper: Keeper | None, is_over: Callable[[], bool]
) -> Iterator[tuple[RawFrame, Shot | None]]:
    """Yield every frame of a source, with the shot that it completes, if any.

    Args:
        source: behind its privacy masks.
        shots: of the bundle's networks.
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
        yield frame, shots.push(frame)
