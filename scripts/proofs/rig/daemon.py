"""The daemon in a process of its own, for proofs: as `edge run` starts it, or with parts of a proof in it."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from edge.errors import EdgewatchError
from proofs.rig.mosquitto import free_port, wait_until

DEVICE = "box"
HTTP_TIMEOUT_S = 10.0
IN_A_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
SMALL_DISK_BYTES, BALLAST_BYTES = 8 << 20, 4096
ON_SMALL_DISK = f'mount -t tmpfs -o size={SMALL_DISK_BYTES} tmpfs "$0" && exec "$@"'
B_PER_MB = 1_000_000


@dataclass(slots=True)
class Daemon:
    """A daemon that can be killed and started again; its state stays in its folder."""

    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    on_small_disk: bool = field(default=False, init=False)
    """Whether its state lies on a file system of its own, which goes with the process."""

    def launch(self, command: Sequence[object], **environment: str) -> None:
        """Start a command; its messages go to `log.txt`."""
        self.state.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, *map(str, command)]
        if self.on_small_disk:
            words = [*IN_A_NAMESPACE, ON_SMALL_DISK, str(self.state), *words]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=log, env=os.environ | environment)

    @property
    def state(self) -> Path:
        """Its `state_dir`."""
        return self.folder / "state"

    @property
    def log(self) -> Path:
        """Its messages."""
        return self.folder / "log.txt"

    @contextmanager
    def full_disk(self) -> Generator[None]:
        """Let its small disk have no room for anything.

        Raises:
            EdgewatchError: it has no disk of its own.
        """
        ballast = Path(f"/proc/{self.statistics.pid}/root{self.state.resolve()}", "ballast")
        wait_until(lambda: ballast.parent.stat().st_dev != self.state.stat().st_dev, "the small disk of a daemon")
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            for _ in range(SMALL_DISK_BYTES // BALLAST_BYTES):
                file.write(bytes(BALLAST_BYTES))
        try:
            yield
        finally:
            ballast.unlink()

    def kill(self) -> None:
        """As `kill -9`."""
        assert self.process is not None
        self.check()
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Properly."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def check(self) -> None:
        """See that it runs.

        Raises:
            EdgewatchError: it has ended by itself.
        """
        if self.process is not None and (code := self.process.poll()) is not None:
            log = self.log.read_text()[-500:]
            raise EdgewatchError(f"the daemon has ended with {code}: {log}")

    @property
    def statistics(self) -> psutil.Process:
        """What the kernel knows of it."""
        assert self.process is not None
        self.check()
        return psutil.Process(self.process.pid)

    @property
    def memory_mb(self) -> float:
        """Resident memory."""
        return self.statistics.memory_info().rss / B_PER_MB


@dataclass(slots=True)
class RealBox(Daemon):
    """`edge run` with cameras, the built-in bundle and a broker on loopback."""

    sources: Mapping[str, str]
    broker_port: int
    metrics_port: int = field(default_factory=free_port)

    def start(self) -> None:
        """Write the configuration and start the daemon."""
        self.folder.mkdir(parents=True, exist_ok=True)
        cameras = "".join(f"[cameras.{name}]\nsource = '{source}'\n" for name, source in self.sources.items())
        configuration = self.folder / "edgewatch.toml"
        configuration.write_text(
            f"device_id = '{DEVICE}'\nstate_dir = 'state'\n[broker]\nurl = 'mqtt://127.0.0.1:{self.broker_port}'\n"
            f"[health]\nprometheus_port = {self.metrics_port}\n{cameras}"
        )
        self.launch(["-m", "edge", "run", "--config", configuration])

    def await_metrics(self) -> None:
        """Wait until the daemon has been started."""
        wait_until(self._answers, "the start of the daemon")

    def metrics(self, name: str) -> dict[str, float]:
        """Values of a metric by camera."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=HTTP_TIMEOUT_S) as answer:
            lines = answer.read().decode().splitlines()
        return by_camera(lines, name)

    def _answers(self) -> bool:
        self.check()
        try:
            return bool(self.metrics("edgewatch_camera_target_hz"))
        except OSError:
            return False


def by_camera(lines: Sequence[str], name: str) -> dict[str, float]:
    """Read a metric with the one label `camera` out of Prometheus' text format."""
    prefix = f'{name}{{camera="'
    found: dict[str, float] = {}
    for line in lines:
        if line.startswith(prefix):
            camera, _, value = line.removeprefix(prefix).partition('"} ')
            found[camera] = float(value)
    return found
