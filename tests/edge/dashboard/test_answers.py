"""What somebody answers on the page reaches the box, also when the broker is away at that moment."""

import http.client
import json
from urllib.parse import urlsplit

import pytest

pytest.importorskip("starlette", reason="starlette is not installed (extra dashboard)")


def ask(url: str, method: str, path: str, body: str | None = None) -> tuple[int, dict]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request(method, path, body, {"origin": url.rstrip("/")})
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, content


def test_an_answer_is_sent_when_the_broker_is_back(start_mosquitto, boxes_at, start_dashboard, until) -> None:
    broker = start_mosquitto(remembers=True)
    ear = broker.subscribe()
    boxes = boxes_at(broker.port)
    dashboard = start_dashboard(broker.url, remembers=True)
    url = dashboard.url
    seen, false_alarm = (boxes.event("ward-a", "hall", label) for label in ("fall", "violence"))
    until(lambda: ask(url, "GET", "/api/events")[1]["count"] == 2, "both events")
    broker.end()
    until(lambda: ask(url, "GET", "/api/state")[1]["fault"], "the loss of the broker")
    for event, answer in ((seen, "seen"), (false_alarm, "false_alarm")):
        command = json.dumps({"box": "ward-a", "id": event["id"], "answer": answer})
        assert ask(url, "POST", "/api/commands", command) == (200, {})
    dashboard.stop()
    broker.start()
    dashboard.start()
    until(lambda: len(ear.payloads("/ack")) == 2, "both answers")
    assert ear.payloads(f"/events/{seen['id']}/ack") == [""]
    assert ear.payloads(f"/events/{false_alarm['id']}/ack") == ['{"false_alarm": true}']
