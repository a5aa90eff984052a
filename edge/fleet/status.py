"""`edge status`: all boxes of a broker, from what it retains of them."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from edge.config import BrokerConfig
from edge.errors import BrokerError
from edge.mqtt.connection import Connection, Message
from edge.mqtt.incoming import MAX_JSON_BYTES, number, read_object, read_text, read_topic, table, text

FILTERS = tuple(f"edgewatch/{topic}" for topic in ("+/availability", "+/stats", "+/fault", "+/+/status", "+/+/+/state"))
HEADER = ("box", "state", "version", "cameras", "rate", "last event")


@dataclass(slots=True)
class BoxStatus:
    """What is known of one box."""

    device_id: str
    state: str = "unknown"
    """`online`, `offline`, or `unknown`: the broker retains nothing about it."""
    version: str | None = None
    model: str | None = None
    uptime_s: float | None = None
    waiting_events: int | None = None
    cameras: dict[str, str] = field(default_factory=dict[str, str])
    """State of each."""
    rates_hz: dict[str, float] = field(default_factory=dict[str, float])
    alarms: list[str] = field(default_factory=list[str])
    """`camera/label` of alerts that are on."""
    last_event: dict[str, str] | None = None
    """The latest since the daemon's start."""
    fault: str | None = None


def fleet_status(
    broker: BrokerConfig, password: str | None, quiet_s: float, report: Callable[[str], None]
) -> list[BoxStatus]:
    """Ask a broker what it retains, until nothing has come for `quiet_s`.

    Args:
        broker: whom.
        password: of the broker URL's user.
        quiet_s: how long to wait for more.
        report: takes a line when messages were passed over.

    Raises:
        BrokerError: it is absent, refuses us, or does not let us read.
    """
    connection = Connection(broker, password, "", max_message_bytes=MAX_JSON_BYTES, throws_away_oversized=True)
    connection.subscribe(FILTERS)
    boxes: dict[str, BoxStatus] = {}
    deadline_s = time.monotonic() + quiet_s
    while (left_s := deadline_s - time.monotonic()) > 0:
        connection.exchange(left_s)
        for message in connection.received():
            if message.retained:
                deadline_s = time.monotonic() + quiet_s
                take(boxes, message)
        if connection.subscription_refused:
            raise BrokerError(f"{broker.address}: does not let this user read edgewatch/#; check its ACL")
    connection.close()
    if connection.thrown_away:
        report(
            f"{broker.address}: keeps messages that are too long for boxes' ({connection.thrown_away}); they are "
            "passed over; clear their topics, and check the broker's ACL"
        )
    return [boxes[name] for name in sorted(boxes)]


def take(boxes: dict[str, BoxStatus], message: Message) -> None:
    """Enter one retained message; what is none of a box's is passed over."""
    read = read_topic(message.topic)
    if read is None:
        return
    device_id, rest = read
    box = boxes.setdefault(device_id, BoxStatus(device_id))
    word = read_text(message.payload)
    fields = read_object(message.payload) or {}
    match rest:
        case ["availability"]:
            box.state = word
        case ["stats"]:
            _take_stats(box, fields)
        case ["fault"]:
            box.fault = str(text(fields.get("reason")))
        case [camera, "status"]:
            box.cameras[camera] = str(text(fields.get("state")))
        case [camera, label, "state"] if word == "ON":
            box.alarms.append(f"{camera}/{label}")
        case _:
            pass


def _take_stats(box: BoxStatus, stats: dict[str, Any]) -> None:
    """Other versions' stats may lack any of these."""
    box.version = text(stats.get("version"))
    box.uptime_s = number(stats.get("uptime_s"))
    box.model = text(table(stats.get("model")).get("name"))
    waiting = number(table(stats.get("outbox")).get("waiting"))
    box.waiting_events = None if waiting is None else int(waiting)
    event = {name: text(value) for name, value in table(table(stats.get("mqtt")).get("last_event")).items()}
    box.last_event = {name: value for name, value in event.items() if value is not None} or None
    cameras = table(stats.get("cameras"))
    rates = {name: number(table(cameras[name]).get("rate_hz")) for name in cameras}
    box.rates_hz = {name: rate for name, rate in rates.items() if rate is not None}


def to_json_lines(boxes: Sequence[BoxStatus]) -> list[str]:
    """One object a box."""
    return [json.dumps(asdict(box)) for box in boxes]


def to_table(boxes: Sequence[BoxStatus]) -> list[str]:
    """Lines for people: one a box, and one more for what is wrong with it."""
    rows = [HEADER, *(_row(box) for box in boxes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines: list[str] = []
    for row, box in zip(rows, [None, *boxes], strict=True):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if box is not None and box.fault:
            lines.append(f"    {box.fault}")
    return lines


def _row(box: BoxStatus) -> tuple[str, ...]:
    cameras = " ".join(f"{name}:{state}" for name, state in sorted(box.cameras.items()))
    rate = " ".join(f"{box.rates_hz[name]:.1f}" for name in sorted(box.rates_hz))
    event = box.last_event or {}
    last = " ".join(event.get(key, "") for key in ("label", "type", "camera", "at"))
    alarms = "".join(f" ALARM {alarm}" for alarm in sorted(box.alarms))
    return (box.device_id, box.state, box.version or "-", cameras or "-", rate or "-", (last or "-") + alarms)
