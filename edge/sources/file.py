"""Video files, through OpenCV and the FFmpeg inside its wheel."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2

from edge.errors import SourceError
from edge.sources.opencv import prepare, to_rgb
from edge.sources.times import FrameTimes
from edge.types import NS_PER_S, Pixels, RawFrame

MIN_ATTEMPTS: Final = 64
"""Failed reads in a row before a file counts as ended; more while it claims to hold more frames."""
MAX_ATTEMPTS: Final = 20_000
RAW_BGR: Final = int.from_bytes(b"BGR\x18", "little")
"""Pictures that are already as OpenCV wants them: 4.14.0 writes beyond its buffers when it retrieves them, and the
process dies (seen with `opencv-python-headless` 4.14.0.94; 4.11.0.86 has no such fault)."""
END_TOLERANCE_FRAMES: Final = 2.5
"""By how much containers are wrong about the length of an undamaged video."""


class FileSource:
    """A video file. Frames that cannot be decoded are passed over and counted; the rest is used.

    Every call of `frames` reads the file from its beginning, in its caller's thread, as fast as it is asked.
    """

    live = False

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.skipped_frames = 0
        self.claimed_frames = 0.0
        """How many the container says there are, from when reading began; often a guess."""
        self._path = path
        self._closed = False

    def frames(self) -> Iterator[RawFrame]:
        """Yield the frames; positions in the video, from 0, are their capture times.

        Raises:
            SourceError: the file is absent, no video, or holds no frame that can be decoded.
        """
        self.skipped_frames = 0
        capture = self._open()
        try:
            yield from self._read(capture)
        finally:
            capture.release()

    def close(self) -> None:
        self._closed = True

    def _open(self) -> cv2.VideoCapture:
        prepare()
        try:
            size = self._path.stat().st_size
        except OSError as error:
            raise SourceError(f"{self.name}: {error.strerror}; give the path of a video") from error
        if self._path.is_dir():
            raise SourceError(f"{self.name}: is a folder; give the path of a video")
        if size == 0:
            raise SourceError(f"{self.name}: is empty; copy the video again")
        # One decoding thread: the box's other cores carry inference, and every further one holds frames in memory.
        settings = [cv2.CAP_PROP_N_THREADS, 1]
        # An absolute path, because FFmpeg would take a name like `concat:x` for a protocol.
        capture = cv2.VideoCapture(str(self._path.absolute()), cv2.CAP_FFMPEG, settings)
        if not capture.isOpened():
            raise SourceError(f"{self.name}: no video can be read from it; it may be cut off or of another kind")
        if round(capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) == RAW_BGR:
            capture.release()
            raise SourceError(f"{self.name}: uncompressed BGR cannot be read safely; convert it, for example to H.264")
        return capture

    def _read(self, capture: cv2.VideoCapture) -> Iterator[RawFrame]:
        times = FrameTimes(capture.get(cv2.CAP_PROP_FPS))
        claimed = self.claimed_frames = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        sequence = -1
        for sequence, (stamp_ms, lost) in enumerate(self._grab_all(capture, claimed)):
            time_s = times.of(stamp_ms, lost)
            self.skipped_frames += lost + (time_s is None)
            if time_s is None:
                continue
            yield RawFrame(sequence, round(time_s * NS_PER_S), lambda: self._retrieve(capture))
        if self._closed:
            return
        if sequence < 0:
            raise SourceError(f"{self.name}: holds no frame that can be decoded; copy or record the video again")
        self.skipped_frames += _missing_at_end(claimed, sequence + 1 + self.skipped_frames, times)

    def _retrieve(self, capture: cv2.VideoCapture) -> Pixels | None:
        decoded, pixels = capture.retrieve()
        self.skipped_frames += not decoded
        return to_rgb(pixels) if decoded else None

    def _grab_all(self, capture: cv2.VideoCapture, claimed: float) -> Iterator[tuple[float, int]]:
        """Move from frame to frame; give each one's stamp in milliseconds and the failed reads before it.

        OpenCV says "no frame" for damage as for the end, and goes on behind the damage when it is asked again.
        """
        grabbed = failed = failed_before = 0
        while not self._closed and failed <= min(max(MIN_ATTEMPTS, claimed - grabbed - failed_before), MAX_ATTEMPTS):
            if not capture.grab():
                failed += 1
                continue
            yield capture.get(cv2.CAP_PROP_POS_MSEC), failed
            grabbed += 1
            failed_before += failed
            failed = 0


def _missing_at_end(claimed: float, seen: int, times: FrameTimes) -> int:
    """Return how many frames a cut or damaged file lacks at its end, by time: counts are often guesses."""
    missing = min(claimed - times.length_s / times.period_s, claimed - seen)
    return round(missing) if END_TOLERANCE_FRAMES < missing < MAX_ATTEMPTS else 0
