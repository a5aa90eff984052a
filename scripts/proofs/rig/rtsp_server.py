"""An RTSP server that plays H.264 or H.265 for ever and misbehaves when told to. Debian's Python runs it: it has
GStreamer.

    /usr/bin/python3 rtsp_server.py PORT RATE_HZ [udp] /mount=clip.h264 ...

With `udp` it refuses to send by any other way. Every mount plays its file (a byte stream, `.h264` or `.h265`) in a loop
at RATE_HZ, one pipeline for all its clients. It says `ready` on standard output, then takes a line each on standard
input:

    /mount freeze          send one and the same key frame again and again
    /mount silent          send nothing, and stay connected
    /mount play            go on
    /mount switch FILE     play another file of the same codec, of another size if you like, in the same session
"""

import sys
import threading
import time
from pathlib import Path
from typing import Any

import gi  # pyright: ignore[reportMissingImports]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # pyright: ignore[reportMissingImports]  # noqa: E402

BYTE_STREAM = "stream-format=byte-stream,alignment=au"
RETRY_MS = 50


def codec(path: str) -> str:
    """What a file holds, by its name: `h264` or `h265`."""
    return Path(path).suffix.removeprefix(".")


def read_units(path: str) -> list[tuple[bytes, bool]]:
    """Split a byte stream into access units; each says whether it is a key frame."""
    parse = f"{codec(path)}parse ! video/x-{codec(path)},{BYTE_STREAM}"
    pipeline = Gst.parse_launch(f"filesrc location={path} ! {parse} ! appsink name=units sync=false")
    units = pipeline.get_by_name("units")
    pipeline.set_state(Gst.State.PLAYING)
    found: list[tuple[bytes, bool]] = []
    while (sample := units.emit("pull-sample")) is not None:
        buffer = sample.get_buffer()
        content = buffer.extract_dup(0, buffer.get_size())
        found.append((content, not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)))
    pipeline.set_state(Gst.State.NULL)
    if not found:
        sys.exit(f"{path}: holds no byte stream of its codec")
    return found


class Mount:
    """What one address plays now."""

    def __init__(self, path: str, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._units = read_units(path)
        self._next = 0
        self._mode = "play"
        self._lock = threading.Lock()

    def command(self, word: str, file: str | None) -> None:
        units = read_units(file) if file else None
        with self._lock:
            self._mode = "play" if word == "switch" else word
            if units is not None:
                self._units, self._next = units, 0

    def feed(self, factory: Any, media: Any) -> None:
        """Connect a new pipeline: its clock begins at 0, the film goes on."""
        number = 0
        silent_since_s: float | None = None

        def need(source: Any, _length: int) -> bool:
            nonlocal number, silent_since_s
            content = self._content()
            if content is None:
                silent_since_s = silent_since_s or time.monotonic()
                GLib.timeout_add(RETRY_MS, need, source, 0)
                return False
            if silent_since_s is not None:  # the film goes on now: pictures of the past would all be sent at once
                number += int((time.monotonic() - silent_since_s) * self._rate_hz)
                silent_since_s = None
            buffer = Gst.Buffer.new_wrapped(content)
            buffer.pts = buffer.dts = number * Gst.SECOND // self._rate_hz
            buffer.duration = Gst.SECOND // self._rate_hz
            number += 1
            source.emit("push-buffer", buffer)
            return False

        del factory
        media.get_element().get_by_name_recurse_up("source").connect("need-data", need)

    def _content(self) -> bytes | None:
        with self._lock:
            if self._mode == "silent":
                return None
            if self._mode == "freeze":
                return next(content for content, is_key in self._units if is_key)
            content, _ = self._units[self._next % len(self._units)]
            self._next += 1
            return content


def main() -> None:
    Gst.init(None)
    port, rate_hz, *addresses = sys.argv[1:]
    udp_only = addresses[0] == "udp"
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=port)
    mounts: dict[str, Mount] = {}
    for address in addresses[udp_only:]:
        name, _, path = address.partition("=")
        mount = mounts[name] = Mount(path, int(rate_hz))
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_shared(True)
        if udp_only:
            factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
        name_of_codec = codec(path)
        caps = f"video/x-{name_of_codec},{BYTE_STREAM},framerate={rate_hz}/1"
        # One picture in the queue: what is commanded holds from the next one.
        factory.set_launch(
            f"( appsrc name=source format=time max-bytes=1 caps={caps} ! {name_of_codec}parse "
            f"! rtp{name_of_codec}pay name=pay0 config-interval=-1 )"
        )
        factory.connect("media-configure", mount.feed)
        server.get_mount_points().add_factory(name, factory)
    if not server.attach(None):
        sys.exit(f"port {port} of loopback is taken")
    loop = GLib.MainLoop()
    threading.Thread(target=obey, args=(mounts, loop), daemon=True).start()
    print("ready", flush=True)
    loop.run()


def obey(mounts: dict[str, Mount], loop: Any) -> None:
    """Take commands until standard input ends, which is when whoever started the server has gone."""
    for line in sys.stdin:
        name, word, *file = line.split()
        if file and not Path(file[0]).is_file():
            sys.exit(f"{file[0]}: no such file")
        mounts[name].command(word, file[0] if file else None)
        print("done", flush=True)
    loop.quit()


if __name__ == "__main__":
    main()
