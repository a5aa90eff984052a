"""The `edge` command with recordings that begin anew for ever: `soak_box.py NOTES run --config FILE`.

All else is the daemon as it is. Each camera's file in the folder NOTES says how many seconds of video it has given.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge import wiring
from edge.cli import main
from edge.sources import Source
from edge.types import NS_PER_S, RawFrame

PAUSE_NS = NS_PER_S // 5
"""Between the last picture and the first one again."""


class Endless:
    """A recording, again and again, with times that go on."""

    def __init__(self, open_source: Callable[[], Source], notes: Path) -> None:
        self._open_source = open_source
        self._source = open_source()
        self._notes = notes
        self._closed = False
        self.name = self._source.name
        self.live = self._source.live
        self.skipped_frames = 0

    def frames(self) -> Iterator[RawFrame]:
        offset_ns = sequence = 0
        while not self._closed:
            last_ns = 0
            for frame in self._source.frames():
                last_ns = frame.capture_ns
                yield RawFrame(sequence, offset_ns + frame.capture_ns, frame.pixels)
                sequence += 1
            offset_ns += last_ns + PAUSE_NS
            self._notes.write_text(str(offset_ns // NS_PER_S))
            self._source = self._open_source()

    def close(self) -> None:
        self._closed = True
        self._source.close()


def patch(notes: Path) -> None:
    """Let recordings begin anew."""
    notes.mkdir(parents=True, exist_ok=True)
    once = wiring.camera_source

    def endless(camera: str, settings: Any, **options: Any) -> Endless:
        return Endless(lambda: once(camera, settings, **options), notes / camera)

    wiring.camera_source = endless


if __name__ == "__main__":
    patch(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
