"""The demo's judgement, and its subscriber beside a real daemon and broker."""

import json
import time
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest

from demonstration import Alert, DemoError, judge, main, started, watch
from tests.manifests import manifest
from tour import tour
from trainer.clips.manifest import Segment

COLOUR_MODEL = Path(__file__).parents[1] / "edge" / "models" / "colours.tflite"
TRUTH = (Segment("fall", 10.0, 13.0), Segment("violence", 30.0, 37.0))
RIGHT = [Alert("fall", 10.8), Alert("violence", 31.0)]


@pytest.fixture
def colour_bundle(tmp_path):
    """Takes green for a fall and red for violence."""
    model = COLOUR_MODEL.read_bytes()
    times = {"min_active_s": 0.2, "min_quiet_s": 0.5, "refractory_s": 0.5}
    alert = {"onset_threshold": 0.5, "offset_threshold": 0.3, **times}
    alerts = {"fall": alert, "violence": alert}
    fields = manifest({"frame.tflite": model}, name="colours", n_features=3, window_s=0.4, alerts=alerts)
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "frame.tflite").write_bytes(model)
    (folder / "bundle.json").write_text(json.dumps(fields), encoding="utf-8")
    return folder


@pytest.fixture
def coloured_video(tmp_path):
    """Grey for 2 s, green for 2 s, grey for 3 s, red for 2 s, grey for 2 s; 10 frames a second."""
    path = tmp_path / "colours.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    grey, green, red = (90, 90, 90), (20, 220, 20), (20, 20, 220)  # BGR
    for colour, seconds in ((grey, 2), (green, 2), (grey, 3), (red, 2), (grey, 2)):
        for _ in range(seconds * 10):
            writer.write(np.full((48, 64, 3), colour, np.uint8))
    writer.release()
    return path


def test_the_two_right_alerts_pass():
    assert judge(RIGHT, TRUTH) == []
    assert judge(reversed(RIGHT), TRUTH) == []


@pytest.mark.parametrize("late_s", [0.0, 2.0])
def test_an_alert_may_be_two_seconds_late(late_s):
    assert judge([Alert("fall", 13.0 + late_s), RIGHT[1]], TRUTH) == []


@pytest.mark.parametrize(
    ("alerts", "n_faults"),
    [
        ([], 2),
        (RIGHT[:1], 1),
        ([*RIGHT, Alert("fall", 20.0)], 1),
        ([*RIGHT, Alert("fall", 11.5)], 1),  # the same fall again
        ([*RIGHT, Alert("violence", 5.0)], 1),
        ([Alert("violence", 10.8), Alert("fall", 31.0)], 4),
        ([Alert("fall", 9.9), RIGHT[1]], 2),
        ([Alert("fall", 15.1), RIGHT[1]], 2),
    ],
)
def test_everything_else_fails(alerts, n_faults):
    assert len(judge(alerts, TRUTH)) == n_faults


def test_only_starts_count_and_each_has_to_be_the_daemons():
    received = [{"type": kind, "id": "A", "label": "fall"} for kind in ("started", "updated", "ended")]
    assert started(received, {"A": 3.2}) == [Alert("fall", 3.2)]
    with pytest.raises(DemoError, match="A arrived"):
        started(received, {})


def test_a_subscriber_receives_what_the_daemon_sees(colour_bundle, coloured_video, tmp_path, capfd):
    pytest.importorskip("amqtt", reason="amqtt is not installed")
    events = tmp_path / "events.jsonl"
    received = watch(coloured_video, events, colour_bundle)
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert [(event["id"], event["type"]) for event in received] == [(line["id"], line["type"]) for line in lines]
    assert [(event["label"], event["type"]) for event in received] == [
        ("fall", "started"),
        ("fall", "ended"),
        ("violence", "started"),
        ("violence", "ended"),
    ]
    alerts = started(received, {line["id"]: line["position_s"] for line in lines if line["type"] == "started"})
    assert judge(alerts, [Segment("fall", 2.0, 4.0), Segment("violence", 7.0, 9.0)]) == []
    assert "/events: fall started" in capfd.readouterr().out


def test_a_daemon_that_fails_is_an_error(coloured_video, tmp_path):
    pytest.importorskip("amqtt", reason="amqtt is not installed")
    with pytest.raises(DemoError, match="exit code 4"):
        watch(coloured_video, tmp_path / "events.jsonl", tmp_path / "no-bundle")


def test_the_time_limit_holds(capsys):
    assert main(["--seconds", "0.2"]) == 1
    said = capsys.readouterr().out
    assert "not done within 0.2 s" in said
    assert "failed" in said


def test_the_tour_shows_cameras_that_go_on(tmp_path, colour_bundle, coloured_video):
    pytest.importorskip("starlette", reason="starlette is not installed (extra dashboard)")
    scenes = {"hall": coloured_video, "day-room": coloured_video}
    with tour(tmp_path, scenes, colour_bundle, ("--listen", "127.0.0.1:0")) as address:
        deadline_s = time.monotonic() + 60
        while True:
            with urllib.request.urlopen(f"{address}api/state") as answer:  # noqa: S310 - our own server
                state = json.load(answer)
            if {event["camera"] for event in state["alarms"]} == set(scenes) and len(state["scores"]) == 2:
                break
            assert time.monotonic() < deadline_s, state
            time.sleep(0.1)
    assert {f"demo/{name}" for name in scenes} == set(state["cameras"])
