"""The parts of a daemon that takes updates, wired: taps at its cameras, the updater, and the ear at the broker."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.cameras.capture import Keeper
from edge.config import Config
from edge.config.updates import key_bytes
from edge.errors import ConfigurationError
from edge.system.interruption import start_again
from edge.updates.opening import Chosen
from edge.updates.signing import require_library
from edge.updates.tap import Tap
from edge.updates.transfer import Piece, Receiver, read_topic
from edge.updates.updater import Updater, Watched

if TYPE_CHECKING:  # imports paho, which a run without broker does not need
    from edge.mqtt.connection import Message
    from edge.mqtt.publisher import Publisher


@dataclass(frozen=True, slots=True)
class Daemon:
    """What the daemon does for an update."""

    fields: Callable[[str], dict[str, Any]]
    """Answers state and rates of a camera."""
    end: Callable[[], object]
    """Ends the watching."""
    report: Callable[[str], object]


def make_taps(chosen: Chosen, keepers: dict[str, Keeper | None]) -> dict[str, Tap]:
    """Return a tap for every camera, before whoever keeps its pictures; none where no updates are taken."""
    return {} if chosen.shelf is None else {name: Tap(keeper) for name, keeper in keepers.items()}


def open_updater(
    config: Config, chosen: Chosen, taps: dict[str, Tap], daemon: Daemon, publisher: "Publisher | None"
) -> Updater | None:
    """Return what takes updates, where they are taken, and show what became of the last one. Before the publisher
    starts."""
    shelf, text = chosen.shelf, config.updates.public_key
    show = _shown_by(publisher)
    if shelf is None or text is None:
        show({})
        return None
    show(shelf.status())
    try:
        require_library()
    except ConfigurationError as error:
        daemon.report(f"{error}; until then none are taken")
    key = key_bytes(text)
    watched = Watched(taps, daemon.fields, show, daemon.end, start_again, daemon.report)
    updater = Updater(config, chosen, shelf, watched, key)
    if publisher is not None and config.updates.mqtt:
        receiver = Receiver(shelf, key, is_busy=lambda: updater.is_busy, publish=show, report=daemon.report)
        base = publisher.topics.base
        publisher.listen([f"{base}/update/set", f"{base}/update/+/set"], _ear(base, receiver))
    return updater


def _shown_by(publisher: "Publisher | None") -> Callable[[dict[str, Any]], None]:
    def show(status: dict[str, Any]) -> None:
        from edge.events.schema import to_json  # noqa: PLC0415 - where there is a broker only

        if publisher is not None:
            publisher.retain(publisher.topics.update, to_json(status) if status else "")

    return show


def _ear(base: str, receiver: Receiver) -> Callable[["Message"], None]:
    def receive(message: "Message") -> None:
        is_ours, offset = read_topic(message.topic.removeprefix(f"{base}/").split("/"))
        if is_ours and not message.retained:
            receiver.receive(Piece(offset, message.payload))

    return receive
