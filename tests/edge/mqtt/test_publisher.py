"""The publisher against a real mosquitto that comes, goes and refuses."""

import json
import socket
import subprocess
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge.config import BrokerConfig
from edge.errors import BrokerError
from edge.mqtt import publisher as module
from edge.mqtt.connection import Connection
from edge.mqtt.publisher import Publisher
from edge.mqtt.refusals import CredentialsRefusedError
from edge.mqtt.traffic import ACKNOWLEDGE_TIMEOUT_S
from edge.types import Event

EVENT = Event(
    id="01JCAFE0000000000000000000",
    camera="hall",
    label="fall",
    type="started",
    score=0.93,
    peak_score=0.97,
    started_at="2026-01-02T03:04:05.678Z",
    ended_at=None,
    duration_s=1.8,
    reason=None,
    model_name="m",
    model_sha256="ab" * 32,
    position_s=None,
)
RIGHT, WRONG = "correct horse", "battery staple"
STATE = "hall/fall/state"


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_an_event_arrives_with_its_state_and_availability(mosquitto, start_publisher, until, version) -> None:
    subscriber = mosquitto.subscribe()
    publisher = start_publisher(mosquitto.url, version=version, stats=lambda: {"uptime_s": 1})
    publisher.declare("hall", "fall")
    publisher.publish(EVENT)
    publisher.publish(replace(EVENT, type="ended", ended_at="2026-01-02T03:04:09.000Z"))
    assert publisher.flush(10) == 0
    publisher.close()
    until(lambda: subscriber.payloads("availability")[-1:] == ["offline"], "offline")
    assert [event["type"] for event in subscriber.events()] == ["started", "ended"]
    assert {event["id"] for event in subscriber.events()} == {EVENT.id}
    assert not subscriber.events()[0]["delayed"]
    assert subscriber.payloads("availability") == ["online", "offline"]
    assert subscriber.payloads(STATE)[-1] == "OFF"
    assert [json.loads(payload) for payload in subscriber.payloads("stats")] == [{"uptime_s": 1}]


def test_states_are_retained_and_events_are_not(mosquitto, start_publisher, until) -> None:
    publisher = start_publisher(mosquitto.url)
    publisher.publish(EVENT)
    publisher.camera_status("hall", {"state": "ok"})
    assert publisher.flush(10) == 0
    late = mosquitto.subscribe()
    until(lambda: len(late.messages) >= 3, "the retained messages")
    assert {
        (topic.removeprefix("edgewatch/box/"), payload) for topic, payload, retained in late.messages if retained
    } == {
        ("availability", "online"),
        (STATE, "ON"),
        ("hall/status", '{"state":"ok"}'),
    }
    assert late.events() == []


def test_all_that_has_changed_is_said_before_the_end(mosquitto, start_publisher, until) -> None:
    subscriber = mosquitto.subscribe()
    publisher = start_publisher(mosquitto.url)
    until(publisher.is_connected, "the connection")
    for number in range(50):
        publisher.camera_status(f"c{number}", {"state": "disabled"})
    publisher.close()
    until(lambda: subscriber.payloads("availability")[-1:] == ["offline"], "the end")
    assert len(subscriber.payloads("/status")) == 50


def test_the_will_says_offline_when_the_box_is_gone(mosquitto, until) -> None:
    subscriber = mosquitto.subscribe()
    connection = Connection(BrokerConfig(url=mosquitto.url), None, "box", ("edgewatch/box/availability", "offline"))
    connection.abandon()
    until(lambda: subscriber.payloads("availability") == ["offline"], "the will")


def test_events_written_while_the_broker_is_away_arrive_in_order(start_mosquitto, start_publisher, until) -> None:
    mosquitto = start_mosquitto(running=False)
    publisher = start_publisher(mosquitto.url)
    for number in range(30):
        publisher.publish(replace(EVENT, id=f"{number:026}", label="fall" if number % 3 else "violence"))
    until(lambda: publisher.fault, "the first failure")
    assert "no broker there" in str(publisher.fault)
    mosquitto.start()
    subscriber = mosquitto.subscribe()
    assert publisher.flush(20) == 0
    until(lambda: len(subscriber.events()) == 30, "30 events")
    ids = [event["id"] for event in subscriber.events()]
    assert ids == sorted(ids)


def test_no_event_is_lost_or_out_of_order_when_the_network_cuts(
    mosquitto, start_publisher, cutting_proxy, until
) -> None:
    proxy = cutting_proxy(mosquitto.port, cuts=12)
    subscriber = mosquitto.subscribe()
    publisher = start_publisher(f"mqtt://127.0.0.1:{proxy.port}")
    for number in range(100):
        publisher.publish(replace(EVENT, id=f"{number:026}", camera=f"c{number % 3}"))
    until(lambda: publisher.flush(1) == 0, "the delivery")
    until(lambda: len({event["id"] for event in subscriber.events()}) == 100, "all 100 events")
    publisher.close()
    assert proxy.cuts_left == 0
    assert all(event["published_at"] for event in subscriber.events())
    ids = [event["id"] for event in subscriber.events()]
    assert ids == sorted(ids)  # a repeat comes before the next one


def test_retained_states_are_sent_again_after_a_reconnect(start_mosquitto, start_publisher, until) -> None:
    mosquitto = start_mosquitto()
    publisher = start_publisher(mosquitto.url)
    publisher.publish(EVENT)
    assert publisher.flush(10) == 0
    mosquitto.kill()  # its memory is gone with it
    mosquitto.start()
    assert publisher.flush(20) == 0
    subscriber = mosquitto.subscribe()
    until(lambda: subscriber.payloads(STATE) == ["ON"], "the state")
    assert subscriber.payloads("availability") == ["online"]


def test_a_wrong_password_is_told_from_an_absent_broker(start_mosquitto, start_publisher) -> None:
    mosquitto = start_mosquitto(password=RIGHT)
    url = f"mqtt://box@127.0.0.1:{mosquitto.port}"
    publisher = start_publisher(url, password=WRONG)
    publisher.publish(EVENT)
    assert publisher.flush(60) == 1  # returns long before: a refusal is not waited for
    assert isinstance(publisher.fault, CredentialsRefusedError)
    assert "user 'box' or the password" in str(publisher.fault)
    assert WRONG not in str(publisher.fault)
    right = start_publisher(url, password=RIGHT)
    assert right.flush(20) == 0


def test_a_lost_connection_is_reported_once_and_its_return_too(start_mosquitto, start_publisher, until) -> None:
    lines: list[str] = []
    mosquitto = start_mosquitto()
    publisher = start_publisher(mosquitto.url, report=lines.append)
    until(lambda: lines, "the connection")
    mosquitto.kill()
    until(lambda: any("no broker there" in line for line in lines), "the loss")
    mosquitto.start()
    assert publisher.flush(20) == 0
    assert lines[0] == f"connected to {mosquitto.url}"
    assert "connection was lost" in lines[1]
    assert lines[-1] == lines[0]
    assert len(lines) == len(set(lines)) + 1


def test_something_that_is_no_broker_is_said_to_be_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            peer, _ = server.accept()
            peer.recv(100)
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            peer.close()

        greeter = threading.Thread(target=greet)
        greeter.start()
        broker = BrokerConfig(url=f"mqtt://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(BrokerError, match=r"check the port"):
            Connection(broker, None, "box", ("edgewatch/box/availability", "offline"))
        greeter.join()


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """An authority, and a certificate of 127.0.0.1 signed by it, made by openssl."""
    folder = tmp_path / "tls"
    folder.mkdir()
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n", encoding="utf-8")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority", "-days", "2")
    for name in ("server", "client"):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", f"{name}.pem", "-days", "2", "-extfile", "names")  # fmt: skip
    return folder


def test_tls_with_a_client_certificate(start_mosquitto, start_publisher, certificates: Path, until) -> None:
    mosquitto = start_mosquitto(
        lines=(
            f"cafile {certificates}/ca.pem",
            f"certfile {certificates}/server.pem",
            f"keyfile {certificates}/server.key",
            "require_certificate true",
        )
    )
    url = mosquitto.url.replace("mqtt://", "mqtts://")
    ca_file = certificates / "ca.pem"
    stranger = start_publisher(url)
    until(lambda: stranger.fault, "the refusal")
    assert "certificate is not trusted" in str(stranger.fault)
    stranger.close()
    known = start_publisher(
        url,
        ca_file=ca_file,
        client_cert_file=certificates / "client.pem",
        client_key_file=certificates / "client.key",
    )
    known.publish(EVENT)
    assert known.flush(20) == 0


EXPIRED = """[ca]
default_ca = here
[here]
database = index.txt
serial = serial.txt
new_certs_dir = .
default_md = sha256
policy = any
[any]
commonName = supplied
"""


SAID_OF_YEAR = {2020: "certificate has expired", 2090: "certificate is not yet valid"}


@pytest.mark.parametrize("year", SAID_OF_YEAR)
def test_a_certificate_that_does_not_fit_the_clock_is_said_to_be_one_and_tried_on(
    start_mosquitto, start_publisher, certificates: Path, until, year: int
) -> None:
    (certificates / "ca.cnf").write_text(EXPIRED, encoding="utf-8")
    (certificates / "index.txt").touch()
    (certificates / "serial.txt").write_text("01\n", encoding="utf-8")
    subprocess.run(
        ["openssl", "ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", "server.csr",
         "-out", "old.pem", "-startdate", f"{year}0101000000Z", "-enddate", f"{year}0201000000Z", "-extfile", "names"],
        cwd=certificates, check=True, capture_output=True,
    )  # fmt: skip
    tls = ("cafile", "ca.pem"), ("certfile", "server.pem"), ("keyfile", "server.key")
    mosquitto = start_mosquitto(running=False, lines=tuple(f"{key} {certificates / name}" for key, name in tls))
    good, old = (certificates / "server.pem").read_bytes(), (certificates / "old.pem").read_bytes()
    (certificates / "server.pem").write_bytes(old)
    mosquitto.start()
    publisher = start_publisher(mosquitto.url.replace("mqtt://", "mqtts://"), ca_file=certificates / "ca.pem")
    publisher.publish(EVENT)
    until(lambda: publisher.fault, "the refusal")
    assert SAID_OF_YEAR[year] in str(publisher.fault)
    assert f"by the clock of this machine, {datetime.now(UTC):%Y-%m-%d}" in str(publisher.fault)
    mosquitto.end()
    (certificates / "server.pem").write_bytes(good)
    mosquitto.start()
    assert publisher.flush(60) == 0


def test_a_refused_event_is_tried_on_with_growing_pauses(start_mosquitto, start_publisher, until, tmp_path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read #\ntopic write edgewatch/box/availability\n", encoding="utf-8")
    mosquitto = start_mosquitto(lines=(f"acl_file {acl}",))
    lines: list[str] = []
    publisher = start_publisher(mosquitto.url, version="5", report=lines.append)
    publisher.publish(EVENT)
    until(lambda: publisher.fields()["connections"] >= 3, "the third attempt")
    assert any("the broker refuses an event" in line for line in lines)
    assert publisher._outbox.depth() == 1


def test_no_alarm_waits_half_a_minute_for_a_broker_that_is_well_again(
    mosquitto, start_publisher, until, monkeypatch
) -> None:
    pauses_s: list[float] = []
    monkeypatch.setattr(Publisher, "_pause", lambda _, pause_s: pauses_s.append(pause_s))
    start_publisher(f"mqtt://127.0.0.1:{mosquitto.port + 1}")
    until(lambda: len(pauses_s) >= 20, "the twentieth attempt")
    assert max(pauses_s) + ACKNOWLEDGE_TIMEOUT_S < 30


def test_pictures_and_scores_are_sent_once_or_dropped(mosquitto, start_publisher, until) -> None:
    publisher = start_publisher(f"mqtt://127.0.0.1:{mosquitto.port + 1}")
    for number in range(100):
        publisher.send_picture("hall/snapshot", bytes(number))
    assert not publisher._pictures._waiting
    subscriber = mosquitto.subscribe()
    connected = start_publisher(mosquitto.url)
    assert connected.flush(10) == 0
    connected.send_picture("hall/snapshot", b"jpeg")
    connected.scores("hall", {"fall": 0.123456})
    until(lambda: subscriber.payloads("hall/scores"), "the scores")
    assert subscriber.payloads("hall/scores") == ['{"fall":0.1235}']
    until(lambda: subscriber.payloads("hall/snapshot") == ["jpeg"], "the picture")


def test_people_are_retained_and_said_when_they_change_at_most_once_a_second(mosquitto, start_publisher, until) -> None:
    subscriber = mosquitto.subscribe()
    publisher = start_publisher(mosquitto.url)
    until(publisher.is_connected, "the connection")
    for number in range(300):
        publisher.people("hall", 2 + number % 3, 0)
        publisher.people("hall", 2, 1)
    until(lambda: subscriber.payloads("hall/people")[-1:] == ['{"people":2,"lying":1}'], "the last")
    assert len(subscriber.payloads("hall/people")) <= 2
    publisher.people("hall", None, None)
    until(lambda: subscriber.payloads("hall/people")[-1:] == ['{"people":null,"lying":null}'], "nobody looks")
    late = mosquitto.subscribe()
    until(lambda: late.payloads("hall/people"), "the retained message")


def test_people_are_told_a_broker_that_lost_its_memory(start_mosquitto, start_publisher, until) -> None:
    mosquitto = start_mosquitto()
    publisher = start_publisher(mosquitto.url)
    publisher.people("hall", 1, 0)
    before = mosquitto.subscribe()
    until(lambda: before.payloads("hall/people"), "the people")
    mosquitto.kill()
    mosquitto.start()
    assert publisher.flush(20) == 0
    subscriber = mosquitto.subscribe()
    until(lambda: subscriber.payloads("hall/people") == ['{"people":1,"lying":0}'], "the people again")


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_figures_come_after_all_events(mosquitto, outbox, start_publisher, until, version) -> None:
    subscriber = mosquitto.subscribe()
    outbox.add(EVENT)
    outbox.add_figure(EVENT.id, b"a" * 60_000)
    for number in range(5):
        outbox.add(replace(EVENT, id=f"{number:026}"))
    outbox.add_figure(EVENT.id, b"b")
    publisher = start_publisher(mosquitto.url, version=version)
    assert publisher.flush(20) == 0
    topic = f"events/{EVENT.id}/figure"
    until(lambda: len(subscriber.payloads(topic)) == 2, "the figures")
    assert [len(payload) for payload in subscriber.payloads(topic)] == [60_000, 1]
    order = [name.removeprefix("edgewatch/box/") for name, _, _ in subscriber.messages]
    assert [name for name in order if name.startswith("events")] == ["events"] * 6 + [topic] * 2
    assert not any(payload for name, payload, _ in mosquitto.subscribe().messages if name.endswith("figure"))


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("setting", ["max_packet_size 20000", "message_size_limit 20000"])
def test_a_figure_that_the_broker_refuses_is_dropped_and_never_tried_again(
    start_mosquitto, start_publisher, until, version, setting
) -> None:
    lines: list[str] = []
    mosquitto = start_mosquitto(lines=(setting,))
    subscriber = mosquitto.subscribe()
    publisher = start_publisher(mosquitto.url, version=version, report=lines.append)
    publisher.publish(EVENT)
    publisher.figure(EVENT.id, b"a" * 60_000)
    publisher.figure(EVENT.id, b"small")
    until(lambda: publisher.flush(1) == 0 and publisher._outbox.figures() == 0, "the refusal")
    connections = publisher.fields()["connections"]
    publisher.publish(replace(EVENT, type="ended"))
    assert publisher.flush(20) == 0
    until(lambda: [event["type"] for event in subscriber.events()] == ["started", "ended"], "the end")
    assert subscriber.payloads(f"events/{EVENT.id}/figure") == ["small"]
    assert publisher.fields()["connections"] == connections <= 2
    told = [line for line in lines if "stick figures" in line]
    assert len(told) == (0 if (setting[:7], version) == ("message", "3.1.1") else 1)


def test_a_figure_that_is_not_allowed_is_dropped(start_mosquitto, start_publisher, until, tmp_path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read #\ntopic write edgewatch/box/availability\ntopic write edgewatch/box/events\n"
                   "topic write edgewatch/box/hall/fall/state\n", encoding="utf-8")  # fmt: skip
    mosquitto = start_mosquitto(lines=(f"acl_file {acl}",))
    subscriber = mosquitto.subscribe()
    lines: list[str] = []
    publisher = start_publisher(mosquitto.url, version="5", report=lines.append)
    publisher.publish(EVENT)
    publisher.figure(EVENT.id, b"figure")
    until(lambda: publisher.flush(1) == 0 and publisher._outbox.figures() == 0, "the refusal")
    assert any("stick figures" in line and "Not authorized" in line for line in lines)
    assert publisher.fields()["connections"] == 1
    until(lambda: [event["type"] for event in subscriber.events()] == ["started"], "the event")


def test_the_time_from_capture_to_acknowledgement_is_measured(mosquitto, start_publisher) -> None:
    publisher = start_publisher(mosquitto.url)
    publisher.publish(EVENT, time.monotonic_ns() - 50_000_000)
    assert publisher.flush(10) == 0
    assert 50 <= publisher.fields()["capture_to_acknowledgement_ms"]["p99"] < 10_000
    publisher.publish(EVENT)
    assert publisher.flush(10) == 0
    assert not publisher._captured_ns


def test_a_failing_stats_source_is_raised_where_somebody_looks(mosquitto, start_publisher) -> None:
    def stats() -> dict[str, Any]:
        raise RuntimeError("no stats")

    publisher = start_publisher(mosquitto.url, stats=stats)
    publisher.publish(EVENT)
    with pytest.raises(RuntimeError, match="no stats"):
        publisher.flush(20)


def test_a_lookup_of_a_name_that_does_not_end_is_left_behind_and_what_is_written_stays(
    start_publisher, outbox, hanging_lookup, monkeypatch
) -> None:
    looks, may_end = hanging_lookup
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.1)
    publisher = start_publisher("mqtt://broker.example")
    assert looks.wait(60)
    publisher.publish(EVENT)
    publisher.close()
    assert publisher._thread.is_alive()
    assert outbox.depth() == 1
    may_end.set()
    publisher._thread.join(60)
    publisher._bell.close()


def test_a_broker_that_is_absent_is_no_sign_of_a_thread_that_hangs(start_publisher, unused_port, until) -> None:
    publisher = start_publisher(f"mqtt://127.0.0.1:{unused_port}")
    rounds: list[float] = []
    begin = publisher.rounds.begin
    publisher.rounds.begin = lambda: (rounds.append(publisher.rounds.last_s()), begin())
    until(lambda: len(rounds) >= 4, "further attempts")


def test_while_the_publisher_waits_for_the_disk_nobody_else_does(
    mosquitto, start_publisher, outbox, monkeypatch
) -> None:
    waits, may_go_on = threading.Event(), threading.Event()

    def depth() -> int:
        waits.set()
        assert may_go_on.wait(60)
        return 0

    monkeypatch.setattr(outbox, "depth", depth)
    publisher = start_publisher(mosquitto.url)
    assert waits.wait(60)
    said = threading.Thread(target=publisher.people, args=("hall", 1, 0))
    said.start()
    said.join(5)
    was_held_up = said.is_alive()
    may_go_on.set()
    said.join()
    assert not was_held_up
