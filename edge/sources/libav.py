"""Video through PyAV and the FFmpeg inside its wheel: the one module that imports it.

PyAV rather than OpenCV's `VideoCapture`: OpenCV 4.13 and 4.14 hand out memory in place of interlaced pictures, take no
options per stream, and hide the containers' stamps. Of films that both can read the pixels are the same, bit for bit.
"""

import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from av.container import InputContainer
from av.container.core import Flags as ContainerFlags
from av.error import ExitError, FFmpegError, HTTPForbiddenError, HTTPUnauthorizedError, InvalidDataError
from av.filter import Graph
from av.format import Flags as FormatFlags
from av.stream import Discard, Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from edge.types import NS_PER_S, Pixels

GENERATE_PTS: Final = ContainerFlags.gen_pts.value
"""PyAV sets it: libav makes up presentation times, wrong ones for AVI, and holds packets back for that."""
NO_TIMES: Final = FormatFlags.no_timestamps.value
UNWATCHABLE: Final = (
    Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image | Disposition.dependent
)
"""What is no film: covers, thumbnails, layers of another stream."""
VP8: Final = {"deadline": "realtime", "cpu-used": "4", "crf": "10"}
VP8_BITS_PER_S: Final = 4_000_000
"""At most. 75 pictures of 512x384 take 0.9 MB at 39.2 dB, in a fifth of the time that libvpx took at its own setting
for 1.7 MB at 38.8 dB."""
MILLISECOND: Final = Fraction(1, 1000)
NS_PER_MS: Final = 1_000_000
SANE_RATES_HZ: Final = (1 / 60, 240.0)
RIGHT_ANGLE: Final = 90
MAX_PIXELS: Final = 40_000_000
"""Of a picture: more than 8K has, and as RGB a tenth of a small box's memory. Larger ones count as damaged."""
MAX_FAILED_READS: Final = 64
"""Reads in a row that damage in a container may fail before it counts as ended."""
DECODER: Final = " ".join(
    f"{name}-{'.'.join(map(str, av.library_versions[f'lib{name}']))}"
    for name in ("avcodec", "avformat", "avutil", "swscale")
)
"""What decides the pixels of a film: other versions may decode it to others."""


class LibavError(Exception):
    """What libav has against an input, in a few words; never its address, which may hold a password."""


class Picture:
    """A decoded picture, not yet converted."""

    __slots__ = ("_converter", "_frame", "is_repeat", "stamp_s")

    def __init__(
        self, frame: VideoFrame, stamp_s: float | None, converter: "_Converter", *, is_repeat: bool = False
    ) -> None:
        self.stamp_s = stamp_s
        """Where in the stream it is shown, in seconds; None where neither the container nor the stream tells."""
        self.is_repeat = is_repeat
        """Whether the packet that completed it held the same bytes as the one before."""
        self._frame = frame
        self._converter = converter

    @property
    def size_px(self) -> tuple[int, int]:
        """Upright (height, width)."""
        height_px, width_px = self._frame.height, self._frame.width
        return (width_px, height_px) if _quarter_turns(self._frame) % 2 else (height_px, width_px)

    def pixels(self) -> Pixels | None:
        """Return uint8 (height, width, 3) RGB, read-only, upright; None where libav cannot convert it."""
        try:
            return self._converter.to_rgb(self._frame)
        except (FFmpegError, ValueError):
            return None


class Video:
    """The film in a file or a stream: the first video stream that its container marks as default, else the first.

    One thread decodes. To be read and closed by the thread that opened it.
    """

    def __init__(
        self, address: str, options: Mapping[str, str] | None = None, timeout_s: tuple[float, float] | None = None
    ) -> None:
        """Open it.

        Args:
            address: path or URL. Bytes of a path that are not UTF-8 stand in it as surrogates, as Python gives them.
            options: of libav's protocol and demuxer.
            timeout_s: how long opening, and each read, may take.

        Raises:
            LibavError: it cannot be opened, or holds no film.
        """
        try:
            self._container: InputContainer = av.open(
                address, options=dict(options or {}), metadata_errors="replace", timeout=timeout_s
            )
        except (FFmpegError, ValueError) as error:
            raise LibavError(_reason(error)) from None
        try:
            self._stream = _film(self._container)
        except LibavError:
            self._container.close()
            raise
        self._container.flags &= ~GENERATE_PTS
        # The box's other cores carry inference, and every further thread holds frames in memory.
        self._stream.codec_context.thread_count = 1
        self._stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        self._converter = _Converter()
        self._order = _Order()
        coded_rate = self._stream.codec_context.framerate
        self.is_picture = self._container.format.name.endswith("_pipe")
        """Whether it is a picture, or several one after the other, in a format of pictures."""
        self.has_times = not (self._container.format.flags & NO_TIMES or self.is_picture)
        """Whether the container stamps its pictures; what a bare stream is given for stamps is made up."""
        said = self._stream.average_rate or self._stream.guessed_rate
        self.rate_hz = _rate(said if self.has_times else coded_rate)
        """Pictures a second, as the container says or, for a bare stream, as the coded stream itself does; None where
        nothing is said."""

    @property
    def claimed_frames(self) -> int:
        """How many frames the container says there are; 0 where it does not, and often a guess."""
        if self._stream.frames or not self.has_times or self.rate_hz is None:
            return self._stream.frames
        return int((self._container.duration or 0) / av.time_base * self.rate_hz + 0.5)

    def read_size_px(self) -> tuple[int, int]:
        """Read the first picture's size (height, width), or else what the container says of it."""
        try:
            for packet in self.packets():
                for picture in packet or ():
                    return picture.size_px
        except LibavError:
            pass
        return self._stream.codec_context.height, self._stream.codec_context.width

    def packets(self) -> Iterator[list[Picture] | None]:
        """Read on: the pictures that each packet completes, in the order in which they are shown; None for a packet
        that cannot be decoded.

        Raises:
            LibavError: reading failed, or took too long.
        """
        failed = 0
        checksum = None
        while failed <= MAX_FAILED_READS:
            try:
                for packet in self._container.demux(self._stream):
                    yield from [None] * failed
                    failed = 0
                    before, checksum = checksum, zlib.crc32(packet)
                    try:
                        frames = packet.decode()
                    except (FFmpegError, ValueError):
                        yield None
                        continue
                    yield [self._picture(frame, is_repeat=checksum == before) for frame in frames]
            except InvalidDataError:
                failed += 1  # damage in the container: what comes behind it can often be read
            except FFmpegError as error:
                raise LibavError(_reason(error)) from None
            else:
                return

    def close(self) -> None:
        """Close it; pictures that were given out stay."""
        self._container.close()

    def _picture(self, frame: VideoFrame, *, is_repeat: bool) -> Picture:
        stamp, unit = self._order.stamp(frame.pts, frame.dts), self._stream.time_base
        stamp_s = None if stamp is None or unit is None else float(stamp * unit)
        return Picture(frame, stamp_s, self._converter, is_repeat=is_repeat)


def encode_webm(pictures: Iterable[tuple[Pixels, int]], size_px: tuple[int, int], period_ns: int) -> bytes:
    """Encode pictures as VP8 in WebM, which browsers play.

    Args:
        pictures: uint8 (height, width, 3) RGB, and when each is shown, in nanoseconds from the first, increasing.
        size_px: of all of them (height, width).
        period_ns: for how long the last one is shown.

    Raises:
        LibavError: libav cannot encode them.
    """
    content = io.BytesIO()
    try:
        with av.open(content, "w", format="webm") as opened:
            container: Any = opened  # of which the library leaves types open
            stream = container.add_stream("libvpx", Fraction(NS_PER_S, period_ns).limit_denominator(1000), options=VP8)
            stream.height, stream.width = size_px
            stream.bit_rate, stream.pix_fmt, stream.time_base = VP8_BITS_PER_S, "yuv420p", MILLISECOND
            stream.codec_context.time_base = MILLISECOND
            stream.codec_context.thread_count = 1
            for pixels, shown_ns in pictures:
                frame = VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.time_base, frame.pts = MILLISECOND, round(shown_ns / NS_PER_MS)
                container.mux(_lasting(stream.encode(frame), period_ns))
            container.mux(_lasting(stream.encode(), period_ns))
    except (FFmpegError, ValueError) as error:
        raise LibavError(_reason(error)) from None
    return content.getvalue()


def _lasting(packets: list[Any], period_ns: int) -> list[Any]:
    for packet in packets:
        packet.duration = round(period_ns / NS_PER_MS)
    return packets


class _Order:
    """Chooses between presentation and decoding times: some containers have only the latter, or wrong ones of the
    former. Those that have gone back less often are believed."""

    def __init__(self) -> None:
        self._faults = [0, 0]
        self._last: list[int | None] = [None, None]

    def stamp(self, pts: int | None, dts: int | None) -> int | None:
        for kind, (own, other) in enumerate(((pts, dts), (dts, pts))):
            last = self._last[kind]
            if own is not None and last is not None:
                self._faults[kind] += own <= last
            self._last[kind] = other if own is None else own
        if pts is None or (dts is not None and self._faults[0] > self._faults[1]):
            return dts
        return pts


class _Converter:
    """Turns decoded frames into RGB. One scaler for all frames of a film: to set one up costs as much as a frame."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()
        self._weave: Graph | None = None
        self._weave_shape: tuple[str, int, int] | None = None

    def to_rgb(self, frame: VideoFrame) -> Pixels:
        turns = _quarter_turns(frame)
        if frame.interlaced_frame:
            frame = self._as_progressive(frame)
        rgb = self._scaler.reformat(frame, format="rgb24", interpolation=Interpolation.BICUBIC, threads=1)
        plane: Any = rgb.planes[0]  # its memory, in place of a copy
        rows = np.frombuffer(plane, np.uint8).reshape(rgb.height, -1)
        pixels = rows[:, : 3 * rgb.width].reshape(rgb.height, rgb.width, 3)
        pixels = np.ascontiguousarray(np.rot90(pixels, turns) if turns else pixels)
        pixels.setflags(write=False)
        return pixels

    def _as_progressive(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame, both fields woven, marked as progressive: libswscale would take chroma apart by fields,
        which most recordings that are marked as interlaced are not."""
        shape = (frame.format.name, frame.width, frame.height)
        if self._weave is None or self._weave_shape != shape:
            self._weave, self._weave_shape = Graph(), shape
            self._weave.threads = 1
            source = self._weave.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1)
            )
            self._weave.link_nodes(
                source, self._weave.add("setfield", "mode=prog"), self._weave.add("buffersink")
            ).configure()
        self._weave.vpush(frame)
        return self._weave.vpull()


def _quarter_turns(frame: VideoFrame) -> int:
    """How often the camera's stamp says to turn it to the left."""
    return round(frame.rotation / RIGHT_ANGLE)


def _film(container: InputContainer) -> VideoStream:
    films = [stream for stream in container.streams.video if not stream.disposition & UNWATCHABLE]
    if not films:
        raise LibavError("no video in it")
    film = next((stream for stream in films if stream.disposition & Disposition.default), films[0])
    if getattr(film, "codec_context", None) is None:  # the library's types do not say so
        raise LibavError("a film in no code that is known")
    for stream in container.streams:
        if stream.index != film.index:
            stream.discard = Discard.all
    return film


def _rate(rate: Fraction | None) -> float | None:
    lowest, highest = SANE_RATES_HZ
    return float(rate) if rate and lowest <= rate <= highest else None


def _reason(error: Exception) -> str:
    """Say in a few words what libav says; its own message repeats the address."""
    if isinstance(error, ExitError):
        return "no answer in time"
    if isinstance(error, HTTPUnauthorizedError | HTTPForbiddenError):
        return "user or password refused"
    strerror = error.strerror if isinstance(error, FFmpegError) else None
    return strerror or type(error).__name__
