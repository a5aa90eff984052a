"""Video files."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from edge.errors import SourceError
from edge.sources import shown_path
from edge.sources.libav import LibavError, Picture, Video
from edge.sources.opencv import prepare
from edge.sources.times import FrameTimes
from edge.types import NS_PER_S, Pixels, RawFrame

OPTIONS: Final = {"protocol_whitelist": "file"}
"""A file may name others, in a playlist for one: it must not make us call a server."""
END_TOLERANCE_FRAMES: Final = 2.5
"""By how much containers are wrong about the length of an undamaged video."""
MAX_MISSING_FRAMES: Final = 20_000
"""A container that claims more than this beyond what it holds is wrong about its length, not cut off."""


class FileSource:
    """A video file. Frames that cannot be decoded are passed over and counted; the rest is used.

    Every call of `frames` reads the file from its beginning, in its caller's thread, as fast as it is asked.
    """

    live = False

    def __init__(self, path: Path, rate_hz: float | None = None) -> None:
        """Prepare.

        Args:
            path: of the video.
            rate_hz: pictures a second of a bare stream (`.h264`), whose frames have no times. Where it is not given,
                the rate that is written in the coded stream itself holds; a stream that has none either is refused,
                since at a guessed rate nobody falls as people do. Containers' own times go before it.
        """
        self.name = shown_path(path)
        self.skipped_frames = 0
        self.claimed_frames = 0
        """How many the container says there are, from when reading began; often a guess."""
        self._path = path
        self._rate_hz = rate_hz
        self._closed = False

    def frames(self) -> Iterator[RawFrame]:
        """Yield the frames; positions in the video, from 0, are their capture times.

        Raises:
            SourceError: the file is absent, no video, without times, or holds no frame that can be decoded.
        """
        prepare()
        self.skipped_frames = 0
        video = self._open()
        try:
            yield from self._read(video)
        finally:
            video.close()

    def close(self) -> None:
        self._closed = True

    def _open(self) -> Video:
        try:
            size = self._path.stat().st_size
        except OSError as error:
            raise SourceError(f"{self.name}: {error.strerror}; give the path of a video") from error
        if self._path.is_dir():
            raise SourceError(f"{self.name}: is a folder; give the path of a video")
        if size == 0:
            raise SourceError(f"{self.name}: is empty; copy the video again")
        try:
            # An absolute path, because libav would take a name like `concat:x` for a protocol.
            return Video(str(self._path.absolute()), OPTIONS)
        except LibavError as error:
            raise SourceError(
                f"{self.name}: no video can be read from it; it may be cut off or of another kind"
            ) from error

    def _read(self, video: Video) -> Iterator[RawFrame]:
        rate_hz = video.rate_hz if video.has_times else self._rate_hz or video.rate_hz
        if rate_hz is None and video.is_picture:
            raise SourceError(
                f"{self.name}: is a picture, no video; give a video, or the folder of the pictures with their rate"
            )
        if rate_hz is None and not video.has_times:
            raise SourceError(
                f"{self.name}: has no times; say with --rate or rate_hz how many pictures a second it has"
            )
        times, claimed = FrameTimes(rate_hz), video.claimed_frames
        self.claimed_frames = claimed
        sequence = -1
        for sequence, (picture, time_s, lost) in enumerate(self._timed(video, times)):
            self.skipped_frames += lost + (time_s is None)
            if time_s is not None:
                yield RawFrame(sequence, round(time_s * NS_PER_S), partial(self._decode, picture))
        if self._closed:
            return
        if sequence < 0:
            raise SourceError(f"{self.name}: holds no frame that can be decoded; copy or record the video again")
        self.skipped_frames += _missing_at_end(claimed, sequence + 1 + self.skipped_frames, times)

    def _timed(self, video: Video, times: FrameTimes) -> Iterator[tuple[Picture, float | None, int]]:
        """Give the pictures, their times (None: out of order), and how many before each could not be decoded."""
        pictures = self._pictures(video)
        ahead = next(pictures, None)
        while ahead is not None:
            (picture, lost), ahead = ahead, None
            stamp_s = picture.stamp_s if video.has_times else None
            if times.is_far(stamp_s):
                ahead = next(pictures, None)
            yield picture, times.of(stamp_s, lost, ahead and ahead[0].stamp_s), lost
            ahead = ahead or next(pictures, None)

    def _pictures(self, video: Video) -> Iterator[tuple[Picture, int]]:
        lost = 0
        try:
            for packet in video.packets():
                if self._closed:
                    return
                lost += packet is None
                for picture in packet or ():
                    yield picture, lost
                    lost = 0
        except LibavError as error:
            raise SourceError(f"{self.name}: cannot be read to its end ({error}); copy the video again") from error
        self.skipped_frames += lost

    def _decode(self, picture: Picture) -> Pixels | None:
        pixels = picture.pixels()
        self.skipped_frames += pixels is None
        return pixels


@dataclass(frozen=True, slots=True)
class Header:
    """What a film's container says, and the size of its pictures; 0 where nothing is said, or no film can be read."""

    height_px: int = 0
    width_px: int = 0
    """Of the pictures as they are shown, upright."""
    rate_hz: float = 0.0
    n_frames: int = 0


def read_header(path: Path) -> Header:
    """Read what a container says of its film, and the first picture."""
    try:
        video = Video(str(path.absolute()), OPTIONS)
    except LibavError:
        return Header()
    try:
        height_px, width_px = video.read_size_px()
        return Header(height_px, width_px, video.rate_hz or 0.0, video.claimed_frames)
    finally:
        video.close()


def _missing_at_end(claimed: float, seen: int, times: FrameTimes) -> int:
    """Return how many frames a cut or damaged file lacks at its end, by time: counts are often guesses."""
    missing = min(claimed - times.length_s / times.period_s, claimed - seen)
    return round(missing) if END_TOLERANCE_FRAMES < missing < MAX_MISSING_FRAMES else 0
