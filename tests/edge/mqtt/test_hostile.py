"""Whatever somebody publishes: who listens goes on, writes little, and what it shows can be shown."""

import json
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("apprise", reason="apprise is not installed (extra notify)")

from edge.config import BrokerConfig
from edge.dashboard.desk import Desk
from edge.dashboard.history import History
from edge.errors import UNSHOWABLE
from edge.fleet.status import BoxStatus, take, to_json_lines, to_table
from edge.mqtt.connection import Message
from edge.notify.bridge import Bridge
from edge.notify.ledger import Ledger
from edge.notify.settings import NotifyConfig, PersonConfig, RuleConfig

WORDS = ["events", "status", "stats", "availability", "scores", "state", "fall", "set", "enabled", "threshold", "ack"]
EVENT = {
    "schema": 1, "id": "E", "type": "started", "label": "fall", "camera": "hall", "score": 0.9, "peak_score": 0.9,
    "started_at": "2026-01-02T03:04:05.678Z",
}  # fmt: skip
STATUS = {"state": "lost", "since": "2026-01-02T03:04:05.678Z", "fps": 5.0, "reason": "no answer"}
STATS = {"version": "1", "outbox": {"waiting": 1}, "model": {"name": "m"}, "cameras": {"hall": {"rate_hz": 5.0}}}
text = st.text(st.characters(exclude_categories=()), max_size=20)
scalar = st.none() | st.booleans() | st.integers() | st.floats() | text | st.sampled_from([2**63, -(10**400), 1e308])
values = st.recursive(scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3))


def changed(fields: dict[str, Any]) -> st.SearchStrategy[bytes]:
    keys = st.sampled_from([*fields, "mqtt", "throttling", "commands", "reason", "duration_s", "ended_at"])
    changes = st.dictionaries(keys, values, max_size=3)
    return changes.map(lambda some: json.dumps(fields | some).encode())


payloads = st.one_of(
    st.binary(max_size=50),
    values.map(lambda value: json.dumps(value).encode()),
    changed(EVENT),
    changed(STATUS),
    changed(STATS),
    st.sampled_from([b"", b"ON", b"offline", b"0.5", b"nan"]),
)
word = st.sampled_from(WORDS) | text
topics = st.lists(word, min_size=1, max_size=5).map(lambda words: "/".join(["edgewatch", "box", *words]))
known = st.sampled_from(["edgewatch/box/events", "edgewatch/box/stats", "edgewatch/box/hall/status"])


@settings(max_examples=1500, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(topics | known, payloads, st.booleans()), min_size=1, max_size=4))
def test_no_message_ends_who_listens(listeners, messages) -> None:
    desk, bridge = listeners
    boxes: dict[str, BoxStatus] = {}
    for topic, payload, is_retained in messages:
        message = Message(topic, payload, is_retained)
        desk.receive(message)
        bridge.receive(message)
        take(boxes, message)
    shown = json.dumps([desk.state(), desk.describe({"box"}, {"box/hall"})], ensure_ascii=False)
    for line in [shown, *to_table(list(boxes.values())), *to_json_lines(list(boxes.values()))]:
        line.encode()
        assert not UNSHOWABLE.search(line)


@pytest.fixture(scope="module")
def listeners(tmp_path_factory):
    """A dashboard and a notifier, as far as they take messages."""
    config = NotifyConfig(
        broker=BrokerConfig(url="mqtt://127.0.0.1"),
        state_dir=tmp_path_factory.mktemp("state"),
        people={"nurse": PersonConfig()},
        rules=[RuleConfig(name="all", when=["fall", "lost", "offline"], tell=["nurse"])],
    )
    lines: list[str] = []
    with closing(History(None, 1000, 1_000_000)) as history, closing(Ledger(config.state_dir, lines.append)) as ledger:
        yield Desk(history), Bridge(config, ledger, report=lines.append)
        assert len(lines) <= 10
