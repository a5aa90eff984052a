"""What a listener takes for a part of the contract: whatever is sent, what comes out is bounded and can be shown."""

import json

import pytest

from edge.mqtt.incoming import read_event, read_object, read_text, read_topic

EVENT = {
    "schema": 1, "id": "E", "type": "started", "label": "fall", "camera": "hall", "score": 0.9, "peak_score": 0.9,
    "started_at": "2026-01-02T03:04:05.678Z",
}  # fmt: skip
HOSTILE = "a\ud800b\x1b[31mc\nd\u202ee"
SHOWN = "a�b�[31mc�d�e"


def test_what_no_screen_can_show_is_replaced_in_texts_and_names_of_fields() -> None:
    payload = json.dumps({HOSTILE: [HOSTILE, {"a": HOSTILE}], "ü": "🙂"}).encode()
    assert read_object(payload) == {SHOWN: [SHOWN, {"a": SHOWN}], "ü": "🙂"}
    assert read_text("lost\x1b]0;\xff".encode("latin-1")) == "lost�]0;�"


def test_an_event_s_names_and_reason_can_be_shown() -> None:
    event = read_event(json.dumps(EVENT | {"camera": HOSTILE, "label": HOSTILE, "reason": HOSTILE}).encode())
    assert event is not None
    assert (event.camera, event.label, event.reason) == (SHOWN, SHOWN, SHOWN)


@pytest.mark.parametrize(
    "payload", [b"[" * 100_000, b'{"a":' * 100 + b"1" + b"}" * 100, b'{"a": "' + b"x" * 300_000 + b'"}', b"\xff", b"1"]
)
def test_what_is_too_deep_too_long_or_no_object_is_none(payload) -> None:
    assert read_object(payload) is None
    assert read_event(payload) is None


@pytest.mark.parametrize(
    "topic", ["edgewatch/a\x1bb/events", "edgewatch/box/h\u202eall/status", "edgewatch/box", "edgewatch/box//status"]
)
def test_a_topic_that_is_none_of_ours(topic) -> None:
    assert read_topic(topic) is None
