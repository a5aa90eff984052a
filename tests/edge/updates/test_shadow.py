"""A model beside another one, in a real process: what it finds out, and that nothing of it reaches the box."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import Bundle, NetworkSpecs
from edge.frames.driver import Shots
from edge.types import NS_PER_S, RawFrame
from edge.updates.shadow import HEADER, Findings, Shadow, Task, _packed, _unpacked
from edge.updates.tap import Tap
from tests.manifests import two_networks

RATE_HZ = 10


class Kept:
    """A keeper that notes what it is shown."""

    def __init__(self) -> None:
        self.times_ns: list[int] = []

    def see(self, frame: RawFrame) -> None:
        self.times_ns.append(frame.capture_ns)


def show(tap: Tap, colour: tuple[int, int, int], begin_s: float, seconds: float) -> None:
    """Give a tap pictures, as a camera's thread does."""
    for number in range(round(seconds * RATE_HZ)):
        capture_ns = round((begin_s + number / RATE_HZ) * 1e9)
        tap.see(RawFrame.of(np.full((64, 96, 3), colour, np.uint8), number, capture_ns))


@pytest.fixture
def run_shadow() -> Iterator[Callable[[Path, dict[str, Tap]], Shadow]]:
    running: list[Shadow] = []

    def run(path: Path, taps: dict[str, Tap]) -> Shadow:
        shadow = Shadow(Task(str(path), list(taps)), Bundle.load(path).spec.networks, taps)
        running.append(shadow)
        shadow.start()
        return shadow

    yield run
    for shadow in running:
        shadow.stop()


def test_it_judges_the_same_pictures(run_shadow, colour_bundle: Path, until) -> None:
    kept = Kept()
    taps = {"hall": Tap(), "attic": Tap(kept)}
    findings = run_shadow(colour_bundle, taps).findings
    until(lambda: findings.is_ready, "the opening")
    seconds = iter(range(1000))
    alarmed = False

    def watch() -> bool:
        nonlocal alarmed
        second = next(seconds)
        show(taps["hall"], (20, 220, 20), second, 1.0)
        show(taps["attic"], (90, 90, 90), second, 1.0)
        return findings.alerts == 1 and findings.counts["attic"] > 3

    until(watch, "the fall")
    assert findings.fault is None
    assert findings.counts["hall"] > 0
    assert 0 < findings.load(5.0) < 1
    assert kept.times_ns[:3] == [0, 100_000_000, 200_000_000]


def test_a_tap_that_is_shut_hands_on() -> None:
    kept = Kept()
    tap = Tap(kept)
    show(tap, (1, 2, 3), 0.0, 0.4)
    assert kept.times_ns == [0, 100_000_000, 200_000_000, 300_000_000]
    unseen: list[int] = []
    Tap().see(RawFrame(0, 0, lambda: unseen.append(0)))
    assert not unseen, "nobody asked for the pixels"


def test_numbers_that_are_none_are_a_fault(run_shadow, make_signed, nan_model: bytes, until) -> None:
    tap = Tap()
    findings = run_shadow(make_signed("nan", nan_model), {"hall": tap}).findings
    until(lambda: findings.is_ready, "the opening")
    seconds = iter(range(1000))
    until(lambda: show(tap, (90, 90, 90), next(seconds), 1.0) or findings.fault, "the fault")
    assert "scores that are no numbers" in str(findings.fault)


def test_a_file_that_is_no_model_is_a_fault(run_shadow, make_signed, until) -> None:
    findings = run_shadow(make_signed("broken", b"no model" * 100), {"hall": Tap()}).findings
    until(lambda: findings.fault, "the fault")
    assert "frame.tflite" in str(findings.fault)


def test_a_process_that_dies_is_a_fault(run_shadow, colour_bundle: Path, until) -> None:
    tap = Tap()
    shadow = run_shadow(colour_bundle, {"hall": tap})
    until(lambda: shadow.findings.is_ready, "the opening")
    assert shadow._child is not None
    shadow._child.kill()
    seconds = iter(range(1000))
    until(lambda: show(tap, (90, 90, 90), next(seconds), 1.0) or shadow.findings.fault, "the fault")
    assert "SIGKILL" in str(shadow.findings.fault)


def test_the_load_is_that_of_all_cameras() -> None:
    findings = Findings(counts={"hall": 3, "attic": 3}, durations_s=[0.1, 0.1, 0.1, 5.0])
    assert findings.load(rate_hz=5.0) == pytest.approx(1.0)
    assert Findings(counts={"hall": 0}).load(5.0) == 0.0


def test_a_shot_of_two_networks_arrives_as_it_was_sent():
    networks = NetworkSpecs.model_validate(two_networks((32, 48), "motion+trail", (64, 96)))
    chance, shots = np.random.default_rng(0), Shots(networks)
    frames = [
        RawFrame.of(chance.integers(0, 256, (90, 160, 3), np.uint8), number, number * NS_PER_S // 10)
        for number in range(8)
    ]
    sent = [shot for frame in frames if (shot := shots.push(frame)) is not None]
    assert [len(shot.networks) for shot in sent] == [1, 1, 1, 2, 1, 2, 1, 2]
    for number, shot in enumerate(sent):
        content = io.BytesIO(_packed(number, shot))
        camera, got = _unpacked(content.read(HEADER.size), content, networks)
        assert (camera, got.capture_ns, got.networks) == (number, shot.capture_ns, shot.networks)
        assert content.read() == b""
        assert (got.seen.grey == shot.seen.grey).all()
        assert got.seen.sharpness == shot.seen.sharpness
        assert got.look is not None
        assert shot.look is not None
        assert (got.look.picture == shot.look.picture).all()
        assert got.look.place == shot.look.place
        assert got.look.aspect == pytest.approx(shot.look.aspect, rel=0.02)
        if shot.sample is not None:
            assert got.sample is not None
            assert (got.sample.streams == shot.sample.streams).all()
