"""The box's side of MQTT, put together: store, outbox, publisher, commands, Home Assistant."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from edge.config import BrokerConfig, Config
from edge.events.schema import to_json
from edge.mqtt import discovery
from edge.mqtt.commands import Commands
from edge.mqtt.connection import Message
from edge.mqtt.incoming import read_topic
from edge.mqtt.migration import adopt
from edge.mqtt.outbox import SCHEMA, Outbox
from edge.mqtt.publisher import ONLINE, Publisher
from edge.mqtt.settings import Settings
from edge.mqtt.store import Store

MAX_SWEPT = 100
"""Retained topics of cameras that are no more, a run: others may fill a broker with invented ones."""

Thresholds = Mapping[str, Mapping[str, float]]
"""Configured onset thresholds, by camera and label."""


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The parts that others need."""

    store: Store
    outbox: Outbox
    publisher: Publisher
    commands: Commands


def open_mqtt(
    config: Config,
    broker: BrokerConfig,
    password: str | None,
    thresholds: Thresholds,
    *,
    stats: Callable[[], dict[str, Any]],
    report: Callable[[str], None],
    report_connection: Callable[[str], None],
    opened: ExitStack,
) -> Mqtt:
    """Open the store and prepare the rest; `publisher.start` connects.

    Args:
        config: of the box.
        broker: where to connect.
        password: of its user.
        thresholds: of the cameras.
        stats: answers the payload of the `stats` topic.
        report: takes lines for the log.
        report_connection: takes those about the connection.
        opened: closes what was opened.

    Raises:
        ConfigurationError: `state_dir` cannot be used.
    """
    store = opened.enter_context(closing(Store(config.state_dir, SCHEMA, report)))
    adopt(store, report)
    outbox = Outbox(store, config.outbox.max_events, config.outbox.max_bytes)
    publisher = Publisher(
        broker, password, device_id=config.device_id, outbox=outbox, report=report_connection, stats=stats
    )
    for camera, labels in thresholds.items():
        for label in labels:
            publisher.declare(camera, label)
    commands = Commands(publisher, outbox, Settings(store), thresholds, allowed=broker.commands, report=report)
    return Mqtt(store, outbox, publisher, commands)


def announce(
    config: Config, mqtt: Mqtt, cameras: Mapping[str, Sequence[str]], device: discovery.Device, *, snapshots: bool
) -> None:
    """Tell Home Assistant what there is, and the broker to forget what is no more. Before the publisher starts.

    Args:
        config: of the box.
        mqtt: its parts.
        cameras: labels that alert, by camera.
        device: the box itself.
        snapshots: whether pictures are published.
    """
    publisher = mqtt.publisher
    counted = {name for name, camera in config.cameras.items() if camera.publish_people}
    gone = discovery.remember(Settings(mqtt.store), cameras)
    for topic in discovery.retired_topics(publisher.topics, gone, cameras):
        publisher.retain(topic, "")
    if config.state_dir is None:
        _sweep(publisher, cameras)
    for name in set(config.cameras) - counted:
        publisher.retain(publisher.topics.people(name), "")
    home_assistant = config.home_assistant
    topic = discovery.topic(home_assistant.prefix, config.device_id)
    if not home_assistant.discovery:
        return
    allowed = config.broker is not None and config.broker.commands
    message = discovery.payload(
        device, publisher.topics, cameras, gone, counted=counted, commands=allowed, snapshots=snapshots
    )
    publisher.retain(topic, to_json(message))
    birth = f"{home_assistant.prefix}/status"

    def receive(message: Message) -> None:
        if message.topic == birth and message.payload == ONLINE.encode() and not message.retained:
            publisher.repeat(topic)

    publisher.listen([birth], receive)


def _sweep(publisher: Publisher, cameras: Mapping[str, Sequence[str]]) -> None:
    """Have the broker forget cameras and labels of earlier runs: it shows them, where nothing here remembers them."""
    topics = publisher.topics
    swept: set[str] = set()

    def receive(message: Message) -> None:
        if not message.retained or (read := read_topic(message.topic)) is None or len(swept) >= MAX_SWEPT:
            return
        match read[1]:
            case [camera, "status"] if camera not in cameras:
                gone: dict[str, list[str]] = {camera: []}
            case [camera, label, "state"] if label not in cameras.get(camera, ()):
                gone = {camera: [label]}
            case _:
                return
        for topic in discovery.retired_topics(topics, gone, cameras):
            swept.add(topic)
            publisher.retain(topic, "")

    publisher.listen([topics.status("+"), topics.state("+", "+")], receive)
