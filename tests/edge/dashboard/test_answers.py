"""What the page does while something else fails: answers reach their boxes, and it is never open and deaf."""

import http.client
import json
import sqlite3
from contextlib import closing
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


def test_a_page_that_hears_nothing_any_more_ends_so_that_it_is_started_again(
    mosquitto, boxes, start_dashboard, tmp_path, until
) -> None:
    dashboard = start_dashboard(mosquitto.url, remembers=True)
    boxes.event("ward-a", "hall")
    until(lambda: ask(dashboard.url, "GET", "/api/events")[1]["count"] == 1, "the event")
    with closing(sqlite3.connect(tmp_path / "state" / "dashboard.sqlite")) as database:
        database.execute("DROP TABLE names")  # no disk does so: a fault that nobody has thought of
    boxes.event("ward-a", "hall")
    assert dashboard.wait() not in (0, 2)
