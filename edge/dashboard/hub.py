"""Tells every open page what changed: gathered for a moment, so that a flood costs a page no more than a change."""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from threading import Lock
from typing import Any, Final

GATHER_S: Final = 0.04
BEAT_S: Final = 1.0
"""A page that hears nothing for a few of these knows that we are gone."""
MAX_EVENTS: Final = 30
"""In one message; of more, the latest, and how many there were."""
MAX_UNREAD: Final = 30
"""Messages that a page may be behind before it has to begin anew."""
MAX_PAGES: Final = 200

Fields = dict[str, Any]


class Hub:
    """Changes are noted from any thread and leave from the event loop."""

    def __init__(self, describe: Callable[[set[str], set[str]], Fields], traffic: Callable[[], Fields]) -> None:
        """Prepare.

        Args:
            describe: answers the records of some boxes and cameras.
            traffic: answers what every message repeats: the broker's state and the counters.
        """
        self._describe = describe
        self._traffic = traffic
        self._lock = Lock()
        self._boxes: set[str] = set()
        self._cameras: set[str] = set()
        self._scores: dict[str, Fields] = {}
        self._events: deque[Fields] = deque(maxlen=MAX_EVENTS)
        self._events_seen = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._pages: set[asyncio.Queue[str | None]] = set()
        self._is_woken = False
        self._is_ending = False

    def box(self, device: str) -> None:
        """Note that a box changed."""
        with self._lock:
            self._boxes.add(device)
        self._wake()

    def camera(self, key: str) -> None:
        """Note that a camera (`box/camera`) changed."""
        with self._lock:
            self._cameras.add(key)
        self._wake()

    def scores(self, key: str, scores: Fields) -> None:
        """Note a camera's scores; they leave with the next beat."""
        with self._lock:
            self._scores[key] = scores

    def event(self, event: Fields) -> None:
        """Note an event as it stands now."""
        with self._lock:
            self._events.append(event)
            self._events_seen += 1
        self._wake()

    def _wake(self) -> None:
        if self._loop is not None and not self._is_woken:
            self._is_woken = True
            with contextlib.suppress(RuntimeError):  # closed: nobody looks any more
                self._loop.call_soon_threadsafe(self._changed.set)

    async def run(self) -> None:
        """Send what changed, until cancelled."""
        self._loop = asyncio.get_running_loop()
        beat_s = 0.0
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), max(0.0, beat_s + BEAT_S - time.monotonic()))
                    await asyncio.sleep(GATHER_S)
                self._changed.clear()
                self._is_woken = False
                is_beat = time.monotonic() >= beat_s + BEAT_S
                beat_s = time.monotonic() if is_beat else beat_s
                self._send(self._message(with_scores=is_beat))
        finally:
            self._loop = None

    def end(self) -> None:
        """Let go of every page. From the event loop, or a signal's handler in its thread."""
        self._is_ending = True
        for page in self._pages:
            _give(page, None)

    async def listen(self) -> AsyncGenerator[str]:
        """Yield messages for one page, until it is too far behind or we end."""
        page: asyncio.Queue[str | None] = asyncio.Queue(MAX_UNREAD + 1)
        if self._is_ending or len(self._pages) >= MAX_PAGES:
            return
        self._pages.add(page)
        try:
            yield json.dumps(self._traffic())
            while (message := await page.get()) is not None:
                yield message
        finally:
            self._pages.discard(page)

    def _message(self, *, with_scores: bool) -> str:
        with self._lock:
            boxes, self._boxes = self._boxes, set()
            cameras, self._cameras = self._cameras, set()
            events, skipped = list(self._events), self._events_seen - len(self._events)
            self._events.clear()
            self._events_seen = 0
            scores: dict[str, Fields] = {}
            if with_scores:
                scores, self._scores = self._scores, {}
        fields = self._traffic() | self._describe(boxes, cameras)
        fields |= {"events": events, "skipped": skipped} if events else {}
        fields |= {"scores": scores} if scores else {}
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

    def _send(self, message: str) -> None:
        for page in list(self._pages):
            if page.qsize() >= MAX_UNREAD:
                self._pages.discard(page)
                _give(page, None)
            else:
                page.put_nowait(message)


def _give(page: "asyncio.Queue[str | None]", message: str | None) -> None:
    with contextlib.suppress(asyncio.QueueFull):
        page.put_nowait(message)
