import json

import cv2
import pytest

from edge.bundle import Bundle
from edge.commands.bench import N_PICTURES, N_ROUNDS, DecodedSource, bench
from edge.frames.registration import Registration
from edge.sources import decoded_frames


def test_the_source_is_a_camera_of_30_per_second():
    source = DecodedSource()
    frames = source.frames()
    times = [next(frames).capture_ns for _ in range(61)]
    assert times[60] - times[0] == 2_000_000_000
    source.close()
    assert list(frames) == []


@pytest.mark.parametrize("head", [None, "head"])
def test_figures_fit_their_rounds(make_bundle, head):
    figures = bench(Bundle.load(make_bundle(head=head)), threads=1, seconds=0.2)
    assert json.loads(json.dumps(figures)) == figures
    rounds = figures["rounds"]
    assert len(rounds) == N_ROUNDS >= 7
    for one in rounds:
        assert min(one["pipeline_fps"], one["bare_fps"]) > 0
        assert one["frame_inference_s"] > 0
        assert (one["head_step_s"] is None) == (head is None)
    middle = sorted(one["pipeline_fps"] / one["bare_fps"] for one in rounds)[N_ROUNDS // 2]
    assert figures["pipeline_to_bare"] == pytest.approx(middle, abs=1e-4)
    assert figures["step_p50_ms"] <= figures["step_p95_ms"] <= figures["step_p99_ms"]
    assert figures["streams"] == 1
    assert figures["memory_mb"] > 10
    assert figures["carried"][0]["cameras"] == 1
    assert figures["decoding_cores_per_camera"] > 0


def test_frames_are_pictures_and_a_step_takes_one_a_stream(make_bundle):
    spec = {"height_px": 32, "width_px": 32, "stream": "motion+trail", "rate_hz": 5.0}
    figures = bench(Bundle.load(make_bundle(input=spec)), threads=1, seconds=0.1)
    assert figures["streams"] == 2
    assert figures["pipeline_fps"] == pytest.approx(2 * figures["steps_per_s"], rel=0.01)


def test_the_camera_of_the_pictures_is_fixed():
    """A moving one would be registered, which takes longer than a box's fixed camera."""
    frames = (frame.pixels for frame in decoded_frames(DecodedSource()))
    first, *later = [cv2.resize(cv2.cvtColor(next(frames), cv2.COLOR_RGB2GRAY), (192, 192)) for _ in range(N_PICTURES)]
    for picture in later:
        assert (picture != first).any()
        laid, known = Registration(picture).of(first)
        assert known.all()
        assert (laid == first).all()
