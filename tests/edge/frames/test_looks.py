"""What the people network sees, and how shots of two networks keep together."""

import numpy as np
import pytest

from edge.bundle import NetworkSpecs
from edge.frames.driver import Shot, Shots
from edge.frames.glance import GLANCE_PX, Glance
from edge.frames.letterbox import fit, letterbox
from edge.frames.looks import Look, LookSampler
from edge.types import NS_PER_S, RawFrame
from tests.manifests import two_networks

NETWORKS = NetworkSpecs.model_validate(two_networks((32, 32), "motion", (64, 64)))
assert NETWORKS.people is not None
PEOPLE = NETWORKS.people.input


def frames(rate_hz: float, seconds: float, shape: tuple[int, int] = (36, 64)):
    rng = np.random.default_rng(0)
    for number in range(round(rate_hz * seconds)):
        yield RawFrame.of(rng.integers(0, 256, (*shape, 3), np.uint8), number, round(number / rate_hz * NS_PER_S))


@pytest.mark.parametrize(("rate_hz", "expected"), [(30, 20), (10, 20), (15, 20), (4, 8)])
def test_looks_come_at_their_rate_or_as_often_as_frames(rate_hz, expected):
    sampler = LookSampler(PEOPLE)
    looks = [look for frame in frames(rate_hz, 2.0) if (look := sampler.push(frame)) is not None]
    assert len(looks) == expected
    assert looks[0].capture_ns == 0
    assert sampler.missed_ticks == (0 if rate_hz >= 10 else 10)


def test_a_look_keeps_the_shape_of_the_whole_frame():
    (frame,) = frames(10, 0.1)
    look = LookSampler(PEOPLE).push(frame)
    pixels = frame.pixels()
    assert look is not None
    assert pixels is not None
    assert look.aspect == 64 / 36
    assert (look.picture == letterbox(pixels, fit(pixels, 64, 64))).all()
    assert not look.picture[:14].any()


def test_a_frame_that_cannot_be_decoded_gives_way_to_the_next():
    sampler = LookSampler(PEOPLE)
    assert sampler.push(RawFrame(0, 0, lambda: None)) is None
    (frame,) = frames(10, 0.1)
    later = RawFrame.of(np.zeros((36, 64, 3), np.uint8), 1, NS_PER_S // 30)
    assert frame.capture_ns == 0
    assert sampler.push(later) is not None


def test_a_shot_has_what_each_network_sees_at_its_own_rate():
    shots = Shots(NETWORKS)
    made = [shot for frame in frames(30, 2.0) if (shot := shots.push(frame)) is not None]
    assert [shot.networks for shot in made[:4]] == [["people"], ["scene", "people"], ["people"], ["scene", "people"]]
    assert sum("scene" in shot.networks for shot in made) == 10
    assert all(shot.seen.capture_ns == shot.capture_ns for shot in made)


def test_what_nobody_judged_goes_on_in_the_shot_that_replaces_it():
    shots = Shots(NETWORKS)
    made = [shot for frame in frames(30, 1.0) if (shot := shots.push(frame)) is not None]
    older, newer = made[1], made[2]
    assert newer.sample is None
    newest = newer.look
    replaced = newer.after(older)
    assert replaced.look is newest
    assert replaced.sample is older.sample
    assert replaced.capture_ns > older.capture_ns


def test_a_look_that_nobody_judged_keeps_its_moment():
    def shot(time_ns: int, look: Look | None) -> Shot:
        return Shot(time_ns, None, look, lambda: Glance(np.zeros(GLANCE_PX, np.uint8), 0.0, time_ns))

    (frame,) = frames(10, 0.1)
    look = LookSampler(PEOPLE).push(frame)
    later = shot(70, None).after(shot(0, look))
    assert (later.look, later.capture_ns, later.seen.capture_ns) == (look, 0, 0)


def test_pictures_are_the_same_whenever_they_are_made():
    at_once, later = Shots(NETWORKS), Shots(NETWORKS)
    early = []
    for frame in frames(30, 1.0):
        if (shot := at_once.push(frame)) is not None:
            shot.prepare()
            early.append(shot)
    late = [shot for frame in frames(30, 1.0) if (shot := later.push(frame)) is not None]
    for one, other in zip(early, late, strict=True):
        if one.sample is not None and other.sample is not None:
            assert (one.sample.streams == other.sample.streams).all()
        assert one.look is not None
        assert other.look is not None
        assert (one.look.picture == other.look.picture).all()
