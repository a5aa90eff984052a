"""A model that runs beside the one in force, on the same pictures, in a process of its own: it may crash, hang, or
give numbers that are none, and the box goes on watching.

The process reads one JSON line that says what to run, then samples: a header, and uint8 (n_streams, height, width, 3).
It answers each with one JSON line.
"""

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np

from edge.bundle import Bundle, InputSpec
from edge.cameras.slots import Slots
from edge.errors import ModelError
from edge.types import NS_PER_S, Sample
from edge.updates.tap import Tap

HEADER: Final = struct.Struct("<HQ")
"""Number of the camera, capture time in nanoseconds."""
WAIT_S: Final = 0.5
NICENESS: Final = 10
"""The model in force comes first."""
REAP_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Task:
    """What the process shall run."""

    bundle: str
    """The path of its file."""
    cameras: list[str]
    threads: int = 1
    backends: list[str] = field(default_factory=lambda: ["cpu"])
    edgetpu: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class Findings:
    """What is known of the model that is tried."""

    is_ready: bool = False
    counts: dict[str, int] = field(default_factory=dict[str, int])
    """Inferences by camera."""
    durations_s: list[float] = field(default_factory=list[float])
    alerts: int = 0
    """Events that it would have started."""
    asked_s: float | None = None
    """Since when an answer is waited for."""
    fault: str | None = None
    """Why it cannot be used."""

    def load(self, rate_hz: float) -> float:
        """Return the share of one thread's time that all cameras would take at the bundle's rate.

        The quicker inferences count: the others were held up by the model in force.
        """
        return float(np.quantile(self.durations_s, 0.25)) * rate_hz * len(self.counts) if self.durations_s else 0.0


class Shadow:
    """The parent's side. `findings` may be read at any time."""

    def __init__(self, task: Task, spec: InputSpec, taps: Mapping[str, Tap]) -> None:
        """Prepare.

        Args:
            task: what to run.
            spec: what its model is fed.
            taps: of the cameras that the task names.
        """
        self.findings = Findings(counts=dict.fromkeys(task.cameras, 0))
        self._task = task
        self._spec = spec
        self._taps = taps
        self._slots = Slots[Sample](task.cameras)
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Begin."""
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        environment.pop("NOTIFY_SOCKET", None)
        self._child = subprocess.Popen(
            [sys.executable, "-m", "edge.updates.shadow"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._thread.start()

    def stop(self) -> None:
        """End the process, whatever it does."""
        self._stopping.set()
        for tap in self._taps.values():
            tap.shut()
        if self._child is not None:
            self._child.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(REAP_TIMEOUT_S)
            self._thread.join(REAP_TIMEOUT_S)
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _run(self) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._converse(self._child.stdin, self._child.stdout)
        except OSError:  # it has gone
            self._note({})

    def _converse(self, tell: IO[bytes], hear: IO[bytes]) -> None:
        if not self._ask(tell, hear, json.dumps(asdict(self._task)).encode() + b"\n"):
            return
        numbers = {name: number for number, name in enumerate(self._task.cameras)}
        for name in self._task.cameras:
            session = self._slots.open(name)
            self._taps[name].open(self._spec, lambda sample, session=session: self._slots.put(session, sample))
        while not self._stopping.is_set():
            taken = self._slots.take(WAIT_S)
            if taken is None:
                continue
            name, sample = taken
            content = HEADER.pack(numbers[name], sample.capture_ns) + np.ascontiguousarray(sample.streams).tobytes()
            if not self._ask(tell, hear, content, name):
                return

    def _ask(self, tell: IO[bytes], hear: IO[bytes], content: bytes, camera: str | None = None) -> bool:
        """Return whether the model works so far."""
        self.findings.asked_s = time.monotonic()
        tell.write(content)
        tell.flush()
        heard = _read(hear)
        self.findings.asked_s = None
        return self._note(heard, camera)

    def _note(self, answer: dict[str, Any], camera: str | None = None) -> bool:
        """Take note of an answer; return whether it is a good one."""
        findings = self.findings
        if self._stopping.is_set():
            return False
        if "fault" in answer:
            findings.fault = str(answer["fault"])
        elif not answer:
            findings.fault = f"it ended the process that tried it ({self._end()})"
        elif camera is None:
            findings.is_ready = True
        else:
            findings.counts[camera] += 1
            findings.durations_s.append(float(answer["duration_s"]))
            findings.alerts += int(answer["alerts"])
        return findings.fault is None

    def _end(self) -> str:
        assert self._child is not None
        try:
            code = self._child.wait(REAP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return "no answer"
        return signal.Signals(-code).name if code < 0 else f"code {code}"


def _read(hear: IO[bytes]) -> dict[str, Any]:
    """Read an answer; {} where the process has ended."""
    try:
        return json.loads(hear.readline())
    except ValueError:
        return {}


def answer(hear: IO[bytes], tell: Callable[[dict[str, Any]], None]) -> None:
    """Be the process.

    Args:
        hear: gives the task, then samples.
        tell: takes the answers.
    """
    from edge.events.alerts import Subject  # noqa: PLC0415 - heavy, and of no use to the parent
    from edge.events.clock import recording_clock  # noqa: PLC0415
    from edge.inference.model import open_model  # noqa: PLC0415
    from edge.pipeline import Pipeline  # noqa: PLC0415

    task = Task(**json.loads(hear.readline()))
    try:
        bundle = Bundle.load(Path(task.bundle))
        model = open_model(bundle, task.threads, task.backends, task.edgetpu, lambda _line: None)
        spec = bundle.spec
        clock = recording_clock(datetime.now(UTC))
        pipelines = [
            Pipeline(model, Subject(name, spec.name, bundle.digest, clock, live=False), spec.alerts)
            for name in task.cameras
        ]
        scene = spec.networks.scene.input
        shape = (len(scene.streams), scene.height_px, scene.width_px, 3)
        tell({"ready": True})
        while header := hear.read(HEADER.size):
            number, capture_ns = cast("tuple[int, int]", HEADER.unpack(header))
            pixels = np.frombuffer(hear.read(int(np.prod(shape))), np.uint8).reshape(shape)
            step = pipelines[number].step(Sample(pixels, capture_ns))
            assert step.inference is not None
            started = sum(event.type == "started" for event in step.events)
            tell({"duration_s": step.inference.duration_ns / NS_PER_S, "alerts": started})
    except ModelError as error:
        tell({"fault": str(error)})


if __name__ == "__main__":
    with contextlib.suppress(OSError):  # under the service's system call filter it is not allowed
        os.nice(NICENESS)
    answer(sys.stdin.buffer, lambda fields: print(json.dumps(fields), flush=True))
    os._exit(0)
