"""Clips as the box would see them: decoded by its file source, sampled by its preprocessing."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from edge.bundle import InputSpec
from edge.errors import DatasetError, SourceError
from edge.frames.sampling import samples as sample_frames
from edge.sources.file import FileSource
from edge.types import Sample

Item = TypeVar("Item")

N_AHEAD = 8
"""Items that are decoded before they are wanted."""


@contextmanager
def reading_clips() -> Generator[None]:
    """Say of what the box's source cannot read that it is a clip of the data.

    Raises:
        DatasetError: in place of SourceError.
    """
    try:
        yield
    except SourceError as error:
        raise DatasetError(f"{error} (replace the clip or leave it out)") from error


def samples(path: Path, spec: InputSpec) -> Iterator[Sample]:
    """Sample a clip at the spec's rate; nothing of it is kept in memory.

    Raises:
        DatasetError: the file cannot be read as video, or is too short for one sample.
    """
    source = FileSource(path)
    found = False
    try:
        with reading_clips():
            for sample in sample_frames(source.frames(), spec):
                found = True
                yield sample
    finally:
        source.close()
    if not found:
        raise DatasetError(f"{path}: too short for one sample; leave it out or give a longer clip")


def ahead(found: Iterable[Item]) -> Generator[Item]:
    """The same items, samples for one, each decoded by a thread of its own while those before it are worked on."""
    iterator = iter(found)
    decoder = ThreadPoolExecutor(1)
    waiting: deque[Future[Item | None]] = deque()
    try:
        waiting.extend(decoder.submit(next, iterator, None) for _ in range(N_AHEAD))
        while (item := waiting.popleft().result()) is not None:
            waiting.append(decoder.submit(next, iterator, None))
            yield item
    finally:
        decoder.shutdown(cancel_futures=True)
