"""Why a box is not as it should be, retained at the broker under `<base>/fault`: what stopped the daemon, or what was
wrong with the files of the boot partition. Empty while all is well."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from edge.config import BrokerConfig
from edge.errors import BrokerError
from edge.events.clock import rfc3339
from edge.events.schema import to_json
from edge.mqtt.connection import Connection
from edge.mqtt.publisher import OFFLINE
from edge.mqtt.topics import Topics
from edge.mqtt.traffic import Traffic

POLL_S = 1.0
BOOT_FAULTS_VARIABLE = "EDGEWATCH_BOOT_FAULTS"


def fault_payload(reason: str) -> str:
    """Return the topic's payload."""
    return to_json({"since": rfc3339(datetime.now(UTC)), "reason": reason})


def boot_fault(environment: Mapping[str, str] = os.environ) -> str:
    """Return the payload for a daemon that runs: the boot partition's mistakes, where the image noted some, or ''."""
    note = environment.get(BOOT_FAULTS_VARIABLE)
    try:
        reason = Path(note).read_text("utf-8").strip() if note else ""
    except OSError:
        return ""
    return fault_payload(reason) if reason else ""


def publish_fault(broker: BrokerConfig, password: str | None, device_id: str, reason: str) -> None:
    """Say for a daemon that does not run that it is offline, and why; return when the broker has acknowledged it.

    Raises:
        BrokerError: there is no broker, or it does not take this.
    """
    topics = Topics(device_id)
    connection = Connection(broker, password, f"edgewatch-{device_id}-fault")
    traffic = Traffic(connection)
    traffic.send_retained(topics.availability, OFFLINE)
    traffic.send_retained(topics.fault, fault_payload(reason))
    while not traffic.is_idle():
        connection.exchange(POLL_S)
        traffic.take_acknowledged()
    connection.close()
    if traffic.refused_topics:
        topic, reason = traffic.refused_topics[0]
        raise BrokerError(f"{broker.address}: does not take {topic} from us ({reason}); check its ACL")
