"""One camera, read by a thread of its own: opened, watched, and opened again when it is lost, for ever."""

import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from edge.bundle import NetworkSpecs
from edge.cameras.condition import FROZEN_S, SILENCE_S
from edge.cameras.slots import Session, Slots
from edge.errors import SourceError
from edge.frames.driver import Keeper, Shot, Shots, drive
from edge.frames.glance import Glance
from edge.sources import Source
from edge.system.pauses import growing_pauses_s
from edge.system.rates import NetworkRates
from edge.types import Pixels, RawFrame

LONGEST_PAUSE_S: Final = 2.0
"""Between two attempts. A camera that comes back is to be seen again within 5 s, opening included."""


class _Gate:
    """One capture's way to a keeper that several have in turns: shut when the capture is stopped, so that one which
    still hangs in its driver and wakes up later feeds nobody."""

    def __init__(self, keeper: Keeper | None) -> None:
        self._keeper = keeper
        self._lock = threading.Lock()

    def see(self, frame: RawFrame) -> None:
        with self._lock:
            if self._keeper is not None:
                self._keeper.see(frame)

    def shut(self) -> None:
        """Let nothing pass any more; what passes now is waited for."""
        with self._lock:
            self._keeper = None


@dataclass(slots=True)
class Freeze:
    """For how long a picture has not changed by one bit. It outlives the connection: a camera that is opened again and
    shows the same picture is still frozen."""

    frozen_s: float | None = None
    """For how long at least, once that is a fault, and until the picture changes."""
    _grey: bytes = b""
    _checksum: int | None = None
    _since_s: float = 0.0
    _coded_s: float = 0.0
    """When the last picture came that was more than what was sent before, sent again."""

    def see(self, pixels: Pixels, seen: Glance, now_s: float, *, is_repeat: bool) -> None:
        """Compare with the picture before. Glances that differ spare the look at every bit."""
        grey = seen.grey.tobytes()
        checksum = zlib.crc32(np.ascontiguousarray(pixels).data) if grey == self._grey else None
        if checksum is None or (self._checksum is not None and checksum != self._checksum):
            self._since_s, self.frozen_s = now_s, None
        if not is_repeat:
            self._coded_s = now_s
        self._grey, self._checksum = grey, checksum
        if checksum is None or self.frozen_s is not None:
            return
        if now_s - max(self._since_s, self._coded_s) >= SILENCE_S:
            self.frozen_s = SILENCE_S
        elif now_s - self._since_s >= FROZEN_S:
            self.frozen_s = FROZEN_S


@dataclass(slots=True)
class Notes:
    """What the thread notes for others to read."""

    begun_s: float = field(default_factory=time.monotonic)
    frame_s: float | None = None
    fault: str | None = None
    cannot_open: bool = False
    ended: bool = False
    live: bool = True
    reopened: int = 0
    retimed: int = 0
    """How often the source began to tell times by another clock."""
    skipped_frames: int = 0


class Capture:
    """Reads a camera and leaves its newest shot in the camera's slot."""

    def __init__(
        self,
        session: Session,
        open_source: Callable[[], Source],
        networks: NetworkSpecs,
        slots: Slots[Shot],
        *,
        lossless: bool = False,
        keeper: Keeper | None = None,
        is_awake: Callable[[], bool] = lambda: True,
        log_fault: Callable[[BaseException], None],
    ) -> None:
        """Prepare; `start` begins.

        Args:
            session: of the camera's slot.
            open_source: makes a source, behind its privacy masks; called again whenever the camera was lost.
            networks: what they are fed.
            slots: of all cameras.
            lossless: whether every shot of a recording waits for its turn.
            keeper: of pictures.
            is_awake: whether the networks are likely to look at the next shot.
            log_fault: takes an error of ours, which must not end the watching.
        """
        self.notes = Notes()
        self.freeze = Freeze()
        self.rates = NetworkRates(networks.rates_hz)
        """Of what the camera gives."""
        self._session = session
        self._open_source = open_source
        self._networks = networks
        self._is_awake = is_awake
        self._slots = slots
        self._lossless = lossless
        self._keeper = _Gate(keeper)
        self._log_fault = log_fault
        self._source: Source | None = None
        self._stopping = threading.Event()
        self._has_frames = False
        self._thread = threading.Thread(target=self._run, name=f"camera-{session.camera}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end. What it has put into the slot stays there; its keeper gets nothing more."""
        self._stopping.set()
        self._keeper.shut()
        if self._source is not None:
            self._source.close()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread's end."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        pauses_s = growing_pauses_s(LONGEST_PAUSE_S)
        while not self._stopping.is_set():
            self._has_frames = False
            fault = self._read_to_the_end()
            if fault is None:
                break
            if self._has_frames and self.freeze.frozen_s is None:
                pauses_s = growing_pauses_s(LONGEST_PAUSE_S)
            self.notes.cannot_open, self.notes.fault = not self._has_frames, fault
            self._stopping.wait(next(pauses_s))
            self.notes.reopened += 1
        self._slots.wake()

    def _read_to_the_end(self) -> str | None:
        """Read until the camera is lost, and say why; None when it was stopped, or was a recording."""
        try:
            source = self._source = self._open_source()
            self.notes.live = source.live
            if not self._stopping.is_set():  # `stop` may have come before there was a source to close
                self._read(source)
        except SourceError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - a fault of this camera's must not end the others
            self._log_fault(error)
            return "unexpected fault, see the log"
        if self._stopping.is_set():
            return None
        if source.live:
            return f"{source.name}: gives no more pictures"
        self.notes.ended = True
        return None

    def _read(self, source: Source) -> None:
        self.rates.clear()
        skipped_before = self.notes.skipped_frames
        for frame, shot in drive(source, Shots(self._networks), self._keeper, self._stopping.is_set):
            self.notes.frame_s, self.notes.fault = time.monotonic(), None
            self.notes.skipped_frames = skipped_before + source.skipped_frames
            self._has_frames = True
            if frame.is_retimed:
                self.rates.clear()
                self.notes.retimed += 1
            if shot is not None:
                self._offer(shot, frame, source)

    def _offer(self, shot: Shot, frame: RawFrame, source: Source) -> None:
        """Put a shot into the slot.

        Raises:
            SourceError: the camera shows one and the same picture.
        """
        for name in shot.networks:
            self.rates.note(name, shot.capture_ns)
        seen = shot.seen  # taken here, so that the thread of the model need not
        if self._is_awake():
            shot.prepare()
        if source.live and (pixels := frame.pixels()) is not None:
            self.freeze.see(pixels, seen, time.monotonic(), is_repeat=frame.is_repeat)
            if self.freeze.frozen_s is not None:
                raise SourceError(f"{source.name}: its picture does not change")
        if self._lossless:
            self._slots.put_when_free(self._session, shot, self._stopping.is_set)
        else:
            self._slots.put(self._session, shot)
