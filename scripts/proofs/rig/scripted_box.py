"""The `edge` command with a scripted camera and a scripted model: `scripted_box.py SCRIPT.json run --config FILE`.

All else is the daemon as it is. A bright picture is a fall, a dark one is none; the script says how many falls each
camera sees, and the program goes on after `kill -9` with the first fall that was not yet stored. When all were seen,
the script is read again: it may have more of them by then. `SCRIPT.json`:

    {"falls": falls a camera, "live": bool, "rate_hz": pictures a second of live cameras,
     "journal": file that gets a line for each stored event, "costs": whether the built-in model is run as well}
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge import wiring
from edge.bundle import BUILTIN, Bundle, BundleSpec
from edge.cameras import recovery
from edge.cli import main
from edge.inference.aggregation import MeanAggregator
from edge.inference.choice import Backend, Network
from edge.inference.model import Model
from edge.inference.opening import open_scene
from edge.inference.quantization import Quantization
from edge.inference.streams import infer_streams
from edge.inference.tflite import Interpreter, Tensor
from edge.mqtt.outbox import Outbox
from edge.types import NS_PER_S, Event, RawFrame

STEP_RATE_HZ = 5.0
"""Of the bundle."""
SIZE_PX = (120, 160)
DARK, BRIGHT = 40, 200
BRIGHT_FROM = 120
FALL_STEPS, QUIET_STEPS = 3, 4
IDLE_S = 0.05
FALL_SCORE, QUIET_SCORE = 0.9, 0.05


@dataclass(frozen=True, slots=True)
class Script:
    """What the cameras see."""

    path: Path
    falls: int
    live: bool
    rate_hz: float
    journal: Path
    costs: bool

    @classmethod
    def read(cls, path: Path) -> "Script":
        fields = json.loads(path.read_text())
        return cls(**fields | {"path": path, "journal": Path(fields["journal"])})


class Progress:
    """Which falls of each camera are stored, in a file that survives `kill -9`: one line for each stored event."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        self._started = {(line["camera"], line["id"]) for line in lines if line["type"] == "started"}

    def note(self, event: Event, captured_ns: int | None = None) -> None:
        if event.type == "started":
            self._started.add((event.camera, event.id))
        line = {"camera": event.camera, "id": event.id, "type": event.type}
        line |= {"captured_ns": captured_ns, "inference_ns": ScriptedNetwork.latest_ns}
        os.write(self._descriptor, f"{json.dumps(line)}\n".encode())  # whole, or not at all

    def make_good(self, interrupted: list[Event]) -> None:
        """Note the falls that were stored in the moment of the kill, and not noted."""
        for event in interrupted:
            if (event.camera, event.id) not in self._started:
                self.note(event)

    def falls(self, camera: str) -> int:
        return sum(name == camera for name, _ in self._started)


class ScriptedSource:
    """A camera that sees falls, then nothing until there are more."""

    skipped_frames = 0

    def __init__(self, camera: str, script: Script, progress: Progress, rate_hz: float) -> None:
        self.name = camera
        self.live = script.live
        self._script = script
        self._progress = progress
        self._period_ns = round(NS_PER_S / rate_hz)
        self._closed = False
        self._noise = np.random.default_rng(0).integers(-30, 30, (*SIZE_PX, 3))

    def frames(self) -> Iterator[RawFrame]:
        for number, bright in enumerate(self._pictures()):
            if self._closed:
                return
            capture_ns = self._wait(number)
            yield RawFrame(number, capture_ns, partial(self._picture, number, bright))

    def close(self) -> None:
        self._closed = True

    def _pictures(self) -> Iterator[bool]:
        """Bright or dark, at the bundle's rate, or several pictures for each step of a live camera."""
        times = max(1, round(self._script.rate_hz / STEP_RATE_HZ)) if self.live else 1
        yield from [False] * QUIET_STEPS * times
        seen, wanted = self._progress.falls(self.name), self._script.falls
        while not self._closed:
            if seen < wanted:
                seen += 1
                yield from [True] * FALL_STEPS * times
                yield from [False] * QUIET_STEPS * times
                continue
            if not self.live:
                time.sleep(IDLE_S)
            wanted = Script.read(self._script.path).falls
            yield False

    def _wait(self, number: int) -> int:
        if not self.live:
            return number * self._period_ns
        due_ns = time.monotonic_ns() // self._period_ns * self._period_ns + self._period_ns
        time.sleep((due_ns - time.monotonic_ns()) / NS_PER_S)
        return time.monotonic_ns()

    def _picture(self, number: int, bright: bool) -> NDArray[np.uint8]:
        level = BRIGHT if bright else DARK
        return np.roll(level + self._noise, number, axis=1).clip(0, 255).astype(np.uint8)


class ScriptedNetwork:
    """Takes bright pictures for falls; runs the built-in frame model beside it where its time counts."""

    latest_ns = 0
    """How long the latest answer took."""

    def __init__(self, spec: BundleSpec, real: Interpreter | None) -> None:
        shape = (1, spec.networks.scene.input.height_px, spec.networks.scene.input.width_px, 3)
        self.inputs = {"pixels": Tensor(0, shape, np.dtype(np.uint8), Quantization())}
        self.outputs: dict[str, Tensor] = {}
        self._real = None if real is None else Network([Backend("cpu", lambda: real)], print)
        self._streams = len(Bundle.load(BUILTIN).spec.networks.scene.input.streams)

    def run(self, values: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        began_ns = time.perf_counter_ns()
        picture = values["pixels"].astype(np.uint8, copy=False)
        if self._real is not None:
            infer_streams(self._real.run, np.repeat(picture, self._streams, axis=0))
        ScriptedNetwork.latest_ns = time.perf_counter_ns() - began_ns
        score = FALL_SCORE if picture.mean() > BRIGHT_FROM else QUIET_SCORE
        return {"features": np.zeros((1, 1), np.float32), "probabilities": np.array([[1 - score, score]], np.float32)}


def patch(script: Script) -> None:
    """Put the script in the places of cameras and model, and keep a journal."""
    script.journal.parent.mkdir(parents=True, exist_ok=True)
    progress = Progress(script.journal)
    add, publish, end_interrupted = Outbox.add, wiring.Outlets.publish, recovery.end_interrupted
    captured: dict[str, int | None] = {}

    def noted_add(self: Outbox, event: Event, waited_s: float = 0.0) -> None:
        add(self, event, waited_s)
        progress.note(event, captured.get(event.id + event.type))

    def noted_publish(self: wiring.Outlets, event: Event, captured_ns: int | None = None) -> None:
        captured.clear()
        captured[event.id + event.type] = captured_ns
        publish(self, event, captured_ns)

    def noted_end(outbox: Outbox, outlets: wiring.Outlets) -> list[Event]:
        progress.make_good(outbox.active())
        return end_interrupted(outbox, outlets)

    def scripted_model(bundle: Bundle, threads: int = 1, *_: object) -> Model:
        real = open_scene(Bundle.load(BUILTIN), threads) if script.costs else None
        network = Network([Backend("script", lambda: ScriptedNetwork(bundle.spec, real))], print)
        return Model(bundle.spec, bundle.digest, network, MeanAggregator(bundle.spec.heads.scene.window_s))

    def scripted_source(camera: str, *_: object, **__: object) -> ScriptedSource:
        return ScriptedSource(camera, script, progress, script.rate_hz if script.live else STEP_RATE_HZ)

    Outbox.add = noted_add
    wiring.Outlets.publish = noted_publish
    recovery.end_interrupted = noted_end
    wiring.open_model = scripted_model
    wiring.camera_source = scripted_source


if __name__ == "__main__":
    patch(Script.read(Path(sys.argv[1])))
    sys.exit(main(sys.argv[2:]))
