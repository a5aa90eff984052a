"""A model that runs beside the one in force, on the same pictures, in a process of its own: it may crash, hang, or
give numbers that are none, and the box goes on watching.

The process reads one JSON line that says what to run, then shots: a header, the glance, and what each network sees. It
answers each with one JSON line.
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
from numpy.typing import NDArray

from edge.bundle import Bundle, NetworkSpecs
from edge.cameras.slots import Slots
from edge.errors import ModelError
from edge.frames.driver import Shot
from edge.frames.glance import GLANCE_PX, Glance
from edge.frames.letterbox import Letterbox
from edge.frames.looks import Look
from edge.types import NS_PER_S, Sample
from edge.updates.tap import Tap

HEADER: Final = struct.Struct("<HQd??HHHH")
"""Number of the camera, capture time in nanoseconds, sharpness of the glance, whether the scene network sees something,
and the people network; where the frame lies in what that sees (left, top, width, height)."""
WAIT_S: Final = 0.5
NICENESS: Final = 10
"""The model in force comes first."""
REAP_TIMEOUT_S: Final = 5.0
QUICKER_SHARE: Final = 0.75


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
    """Judged shots by camera."""
    durations_s: list[float] = field(default_factory=list[float])
    """Of networks and heads, at each shot at which any ran."""
    alerts: int = 0
    """Events that it would have started."""
    asked_s: float | None = None
    """Since when an answer is waited for."""
    fault: str | None = None
    """Why it cannot be used."""

    def load(self, rate_hz: float) -> float:
        """Return the share of one thread's time that all cameras would take at the bundle's rate.

        The quicker three quarters count: the others were held up by the model in force.
        """
        if not self.durations_s:
            return 0.0
        quicker = sorted(self.durations_s)[: max(1, round(QUICKER_SHARE * len(self.durations_s)))]
        return float(np.mean(quicker)) * rate_hz * len(self.counts)


class Shadow:
    """The parent's side. `findings` may be read at any time."""

    def __init__(self, task: Task, networks: NetworkSpecs, taps: Mapping[str, Tap]) -> None:
        """Prepare.

        Args:
            task: what to run.
            networks: what they are fed.
            taps: of the cameras that the task names.
        """
        self.findings = Findings(counts=dict.fromkeys(task.cameras, 0))
        self._task = task
        self._networks = networks
        self._taps = taps
        self._slots = Slots[Shot](task.cameras, Shot.after)
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
            self._taps[name].open(self._networks, lambda shot, session=session: self._slots.put(session, shot))
        while not self._stopping.is_set():
            taken = self._slots.take(WAIT_S)
            if taken is None:
                continue
            name, shot = taken
            if not self._ask(tell, hear, _packed(numbers[name], shot), name):
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
            if answer["duration_s"]:  # else nothing moved, and no network ran
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


def _packed(number: int, shot: Shot) -> bytes:
    """A shot of a camera as the process reads it."""
    seen, look = shot.seen, shot.look
    place = (0, 0, 0, 0)
    if look is not None:
        place = (look.place.left_px, look.place.top_px, look.place.inner_width_px, look.place.inner_height_px)
    header = HEADER.pack(number, shot.capture_ns, seen.sharpness, shot.sample is not None, look is not None, *place)
    streams = b"" if shot.sample is None else np.ascontiguousarray(shot.sample.streams).tobytes()
    return header + seen.grey.tobytes() + streams + (b"" if look is None else look.picture.tobytes())


def _unpacked(header: bytes, hear: IO[bytes], networks: NetworkSpecs) -> tuple[int, Shot]:
    """The camera's number and the shot."""
    number, capture_ns, sharpness, has_sample, has_look, left, top, width, height = cast(
        "tuple[int, int, float, bool, bool, int, int, int, int]", HEADER.unpack(header)
    )

    def pixels(*shape: int) -> NDArray[np.uint8]:
        return np.frombuffer(hear.read(int(np.prod(shape))), np.uint8).reshape(shape)

    seen = Glance(pixels(*GLANCE_PX), sharpness, capture_ns)
    scene, people = networks.scene.input, networks.people
    sample = look = None
    if has_sample:
        sample = Sample.of(pixels(len(scene.streams), scene.height_px, scene.width_px, 3), capture_ns)
    if has_look and people is not None:
        size = (people.input.height_px, people.input.width_px)
        look = Look.of(pixels(*size, 3), Letterbox(*size, top, left, height, width), capture_ns)
    return number, Shot(capture_ns, sample, look, lambda: seen)


def answer(hear: IO[bytes], tell: Callable[[dict[str, Any]], None]) -> None:
    """Be the process.

    Args:
        hear: gives the task, then shots.
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
        tell({"ready": True})
        while header := hear.read(HEADER.size):
            number, shot = _unpacked(header, hear, spec.networks)
            step = pipelines[number].step(shot)
            started = sum(event.type == "started" for event in step.events)
            tell({"duration_s": step.duration_ns / NS_PER_S, "alerts": started})
    except ModelError as error:
        tell({"fault": str(error)})


if __name__ == "__main__":
    with contextlib.suppress(OSError):  # under the service's system call filter it is not allowed
        os.nice(NICENESS)
    answer(sys.stdin.buffer, lambda fields: print(json.dumps(fields), flush=True))
    os._exit(0)
