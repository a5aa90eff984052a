"""How many cameras a machine carries."""

import math
import time

import pytest

from edge.bundle import BUILTIN, Bundle
from edge.commands.capacity import SAMPLE, Stream, capacity, carried, describe, measure_stream
from edge.errors import SourceError
from edge.sources import decoded_frames
from edge.sources.file import FileSource

SPEC = Bundle.load(BUILTIN).spec.networks
STREAM = Stream("hall", 720, 1280, 15.0, 0.1)


def test_the_sample_is_what_it_is_said_to_be():
    frames = list(decoded_frames(FileSource(SAMPLE)))
    assert frames[0].pixels.shape == (720, 1280, 3)
    assert frames[-1].capture_ns - frames[0].capture_ns == pytest.approx(29 / 15 * 1e9, rel=0.01)
    assert (frames[0].pixels != frames[15].pixels).mean() > 0.2, "noise, as sensors have it"


def test_a_stream_is_measured():
    begun_s = time.thread_time()
    stream = measure_stream(str(SAMPLE), SPEC, 0.3)
    spent_s = time.thread_time() - begun_s
    assert (stream.height_px, stream.width_px) == (720, 1280)
    assert stream.rate_hz == pytest.approx(15, rel=0.01)
    assert 0.002 < stream.cost < spent_s / (28 / 15) + 0.001, "of one reading or more"


def test_pictures_that_are_not_wanted_are_decoded_too(make_clip):
    clip = str(make_clip("clip.avi", ("green", 4.0), size=(320, 240)))
    assert measure_stream(clip, SPEC, 0.0).rate_hz == pytest.approx(10, rel=0.01)


def test_too_little_to_measure_is_refused(make_clip, tmp_path):
    with pytest.raises(SourceError, match="too few to measure"):
        measure_stream(str(make_clip("short.avi", ("green", 0.5))), SPEC, 0.0)
    with pytest.raises(SourceError, match="gone"):
        measure_stream(str(tmp_path / "gone.mp4"), SPEC, 0.0)


@pytest.mark.parametrize(
    ("cores", "n", "expected_hz"),
    [
        (8, 1, 5.0),  # all it asks for
        (8, 16, 1 / (16 * 0.02)),  # one thread takes all steps
        (1, 1, 5.0),  # alone, it has the whole core
        (2, 8, (1.1 / 8 - 0.1) / 0.02),  # eight have 1.1 of 2 cores; decoding takes 0.8 of it
        (2, 11, 0.0),  # decoding alone takes all
        (2, 40, 0.0),
    ],
)
def test_steps_are_bounded_by_rate_thread_and_cores(cores, n, expected_hz):
    assert carried(0.1, 0.02, 5.0, cores, n) == pytest.approx(expected_hz)


def test_the_figures_say_how_many_cameras_keep_their_rate():
    found = capacity(STREAM, 0.02, 5.0, cores=2)
    assert found["cameras"] == 5
    rows = {row["cameras"]: row["steps_per_s"] for row in found["carried"]}
    assert rows[5] == 5.0
    assert rows[6] == pytest.approx((1.1 / 6 - 0.1) / 0.02, abs=0.01)
    assert found["model_cores_per_camera"] == 0.1
    assert "1280x720, 15 per second" in found["stream"]
    table = describe(found["carried"]).splitlines()
    assert table[1].split() == ["1", "5.00"]
    assert all(math.isfinite(float(line.split()[1])) for line in table[1:])
    assert capacity(STREAM, 2.0, 5.0, cores=2)["cameras"] == 0
