"""A real RTSP server on loopback for tests and proofs: GStreamer's, from Debian (`scripts/setup-env gstreamer`)."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from edge.errors import EdgewatchError

DEBIAN_PYTHON = "/usr/bin/python3"
PROGRAM = Path(__file__).with_name("rtsp_server.py")
IMPORTS = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
DEFAULT_RATE_HZ = 15
CODING = {".h264": "-c:v libx264 -f h264", ".h265": "-c:v libx265 -x265-params log-level=none -f hevc"}


class MissingServerError(EdgewatchError):
    """GStreamer's RTSP server or ffmpeg is not installed."""


def check_installed() -> None:
    """Look for what is needed.

    Raises:
        MissingServerError: something is not installed.
    """
    found = shutil.which("ffmpeg") and shutil.which(DEBIAN_PYTHON)
    if not found or subprocess.call([DEBIAN_PYTHON, "-c", IMPORTS], stderr=subprocess.DEVNULL):
        raise MissingServerError("GStreamer's RTSP server or ffmpeg is not installed; run scripts/setup-env gstreamer")


def encode(arguments: list[str], out: Path, rate_hz: int = DEFAULT_RATE_HZ, key_s: int = 1) -> Path:
    """Encode what ffmpeg's input arguments say as a byte stream, as a camera does: a key frame every `key_s` seconds.
    The name of the file says whether it is `.h264` or `.h265`."""
    coding = f"-an -r {rate_hz} -g {rate_hz * key_s} -bf 0 -pix_fmt yuv420p -preset veryfast {CODING[out.suffix]}"
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments, *coding.split(), str(out)], check=True)
    return out


def free_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RtspServer:
    """Plays byte streams in loops; ends with the context."""

    def __init__(
        self,
        mounts: Mapping[str, Path],
        rate_hz: int = DEFAULT_RATE_HZ,
        port: int | None = None,
        *,
        udp_only: bool = False,
    ) -> None:
        """Prepare.

        Args:
            mounts: from a name (`hall`) to the byte stream that is played there, `.h264` or `.h265`.
            rate_hz: pictures a second.
            port: of loopback; a free one by default.
            udp_only: whether pictures over the connection itself (TCP) are refused.
        """
        check_installed()
        self.port = port or free_port()
        addresses = [f"/{name}={path}" for name, path in mounts.items()]
        options = ["udp"] if udp_only else []
        self._command = [DEBIAN_PYTHON, str(PROGRAM), str(self.port), str(rate_hz), *options, *addresses]
        self._process: subprocess.Popen[str] | None = None

    def url(self, name: str) -> str:
        """Where a mount is played."""
        return f"rtsp://127.0.0.1:{self.port}/{name}"

    @property
    def pid(self) -> int:
        """Of the server that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it listens."""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._answer("ready")

    def kill(self) -> None:
        """As in a power cut."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.communicate()
            self._process = None

    def command(self, name: str, *words: object) -> None:
        """Tell a mount to `freeze`, be `silent`, `play`, or `switch` to another file."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join([f"/{name}", *map(str, words)]) + "\n")
        self._process.stdin.flush()
        self._answer("done")

    def _answer(self, expected: str) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        if answer != expected:
            raise EdgewatchError(f"the RTSP server said {answer!r} in place of {expected!r}; see {PROGRAM}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
