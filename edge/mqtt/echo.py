"""What a broker does with us, heard with the same credentials: MQTT 3.1.1 acknowledges what is denied."""

import secrets
import time
from collections.abc import Callable
from typing import Final

from edge.errors import BrokerError
from edge.mqtt.connection import LATEST, Connection, Message

HEAR_TIMEOUT_S: Final = 3.0


def prove_arrival(connection: Connection, topic: str) -> str:
    """Send a word to a topic of this box's, and say in a few words what shows that it arrived.

    Raises:
        BrokerError: it did not, or nothing shows it.
    """
    word = secrets.token_hex(8)
    connection.subscribe([topic])
    number = connection.publish(topic, word, qos=1, retain=False)
    is_heard = hears(connection, lambda message: message.topic == topic and message.payload == word.encode())
    for refused, reason in connection.refused():
        if refused == number:
            raise BrokerError(f"{connection.address}: does not take {topic} from us ({reason}); check its ACL")
    if not is_heard and number not in connection.acknowledged():
        raise BrokerError(f"{connection.address}: acknowledges no message; look at the broker's log and disk")
    return say_arrival(connection, topic, is_heard=is_heard)


def hears(connection: Connection, is_it: Callable[[Message], bool]) -> bool:
    """Listen for a message, for some seconds at most; say whether it came.

    Raises:
        BrokerError: the connection is lost.
    """
    deadline_s = time.monotonic() + HEAR_TIMEOUT_S
    while not any(is_it(message) for message in connection.received()):
        if (left_s := deadline_s - time.monotonic()) <= 0:
            return False
        connection.exchange(left_s)
    return True


def kept(connection: Connection, topic: str) -> bytes | None:
    """Return what the broker retains of a topic; None where it is nothing, or nothing that it shows us.

    Raises:
        BrokerError: the connection is lost.
    """
    connection.subscribe([topic])
    connection.ping()  # is answered after what is retained
    deadline_s = time.monotonic() + HEAR_TIMEOUT_S
    while not connection.is_ping_answered() and (left_s := deadline_s - time.monotonic()) > 0:
        connection.exchange(left_s)
    return next((message.payload for message in connection.received() if message.topic == topic), None)


def say_arrival(connection: Connection, topic: str, *, is_heard: bool) -> str:
    """Say what an acknowledged message shows.

    Raises:
        BrokerError: nothing.
    """
    if is_heard:
        return "what we send arrives"
    if connection.version == LATEST:
        return f"it acknowledges what we send (MQTT 5: what it denies it refuses), and does not let us hear {topic}"
    raise BrokerError(
        f"{connection.address}: acknowledges what we send to {topic}, but it does not come back, and MQTT 3.1.1 does "
        "not say whether it is denied; let this user write and read that topic (ACL), or use MQTT 5"
    )
