"""Whoever brings a box an update: hands it over, by file or by MQTT, and hears what became of it."""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge.errors import BrokerError, ConfigurationError, ModelError
from edge.system.locking import is_locked
from edge.updates.shelf import REQUEST, Shelf, write
from edge.updates.signing import digest_of, read_file, signature_of
from edge.updates.transfer import PIECE_BYTES

if TYPE_CHECKING:  # imports paho
    from edge.mqtt.connection import Connection, Message

POLL_S: Final = 0.2
PATIENCE_S: Final = 3 * 3600.0
"""Shadow run and trial may be set to an hour each."""
ANSWER_S: Final = 10.0
"""A box that takes updates over MQTT answers an offer sooner."""
REPEAT_S: Final = 5.0
"""Without a word from the box, the offer is repeated: its answer says where to go on."""
WINDOW_BYTES: Final = 8 * PIECE_BYTES
"""On their way at a time: the box keeps a hundred messages that it has not looked at yet."""
GOOD, BAD = "proven", ("refused", "rolled back")

Report = Callable[[str], object]


class NotNowError(ModelError):
    """The box does not take the update, for a reason that may pass."""


@dataclass(slots=True)
class Progress:
    """What a box says of one file."""

    file: str
    """Its digest, as `digest_of`."""
    report: Report
    state: str | None = None

    def is_over(self, status: Mapping[str, Any]) -> bool:
        """Take a status; return whether the update is in force.

        Raises:
            ModelError: it was refused or rolled back.
        """
        if status.get("file") != self.file:
            return False
        state, reason = str(status.get("state")), status.get("reason")
        if state in BAD:
            kind = NotNowError if status.get("may_pass") else ModelError
            raise kind(f"{state}: {reason}")
        if state != self.state:
            self.state = state
            self.report(state)
        return state == GOOD


def update_by_file(path: Path, state_dir: Path | None, report: Report) -> None:
    """Hand a signed bundle to the daemon of a state directory; return when it is in force.

    Args:
        path: the file.
        state_dir: of the daemon.
        report: takes each state that it reaches.

    Raises:
        ConfigurationError: no daemon takes it.
        ModelError: it was refused or rolled back.
    """
    hand_over(_read(path), state_dir, report)


def hand_over(content: bytes, state_dir: Path | None, report: Report, patience_s: float = PATIENCE_S) -> None:
    """Hand the bytes of a signed bundle to a daemon, as `update_by_file`.

    Args:
        content: of the file.
        state_dir: of the daemon.
        report: takes each state that it reaches.
        patience_s: how long to wait.

    Raises:
        ConfigurationError: no daemon takes it.
        ModelError: it was refused or rolled back.
    """
    if state_dir is None:
        raise ConfigurationError("state_dir: is not set, so the daemon cannot be reached; set it")
    shelf = Shelf(state_dir)
    if not is_locked(shelf.folder):
        raise ConfigurationError(
            f"{state_dir}: no edge runs there that takes updates; start it, with updates.public_key in its file"
        )
    before = shelf.status()
    try:
        write(shelf.folder / REQUEST, content, mode=0o644)
    except OSError as error:
        raise ConfigurationError(
            f"{shelf.folder}: cannot be written ({error.strerror}); be root, or its owner"
        ) from error
    progress = Progress(digest_of(content), report)
    deadline_s = time.monotonic() + patience_s
    while (status := shelf.status()) == before or not progress.is_over(status):
        if time.monotonic() > deadline_s:
            raise NotNowError(f"{shelf.folder}: nothing came of it in {patience_s:.0f} s; the log of the box says more")
        time.sleep(POLL_S)


def update_by_mqtt(
    path: Path, connection: "Connection", base: str, report: Report, patience_s: float = PATIENCE_S
) -> None:
    """Send a signed bundle to a box through a broker; return when it is in force.

    Args:
        path: the file.
        connection: to the broker.
        base: topic of the box.
        report: takes each state that it reaches.
        patience_s: how long to wait.

    Raises:
        BrokerError: the box does not answer, or the connection is lost; the same command goes on where it was.
        ModelError: it was refused or rolled back.
    """
    sender = _Sender(path, connection, base, report)
    deadline_s = time.monotonic() + patience_s
    while not sender.is_over():
        if time.monotonic() > deadline_s:
            raise BrokerError(f"{base}: nothing came of it in {patience_s:.0f} s; the log of the box says more")


class _Sender:
    """One file on its way to one box."""

    def __init__(self, path: Path, connection: "Connection", base: str, report: Report) -> None:
        self._content = _read(path)
        self._connection = connection
        self._topic = f"{base}/update"
        self._progress = Progress(digest_of(self._content), report)
        self._offer = _offer(self._content)
        self._received_bytes: int | None = None
        """As the box says; None before it answers."""
        self._sent_bytes = 0
        self._begun_s = self._heard_s = time.monotonic()
        connection.subscribe([self._topic])
        self._connection.publish(f"{self._topic}/set", self._offer, qos=1, retain=False)

    def is_over(self) -> bool:
        """Send and hear for a moment; return whether the update is in force.

        Raises:
            BrokerError: the box does not answer, or the connection is lost.
            ModelError: it was refused or rolled back.
        """
        self._connection.exchange(POLL_S)
        self._connection.acknowledged()
        if any(self._hear(message) for message in self._connection.received() if not message.retained):
            return True
        now_s = time.monotonic()
        if self._received_bytes is None and now_s - self._begun_s > ANSWER_S:
            raise BrokerError(
                f"{self._topic}: no answer to the offer; the box is away, busy with another update, or takes none by "
                "MQTT (updates.mqtt, updates.public_key, the broker's ACL)"
            )
        if self._progress.state in (None, "receiving") and now_s - self._heard_s > REPEAT_S:
            self._heard_s, self._sent_bytes = now_s, 0
            self._connection.publish(f"{self._topic}/set", self._offer, qos=1, retain=False)
        self._send_pieces()
        return False

    def _hear(self, message: "Message") -> bool:
        status = _status(message.payload)
        if self._progress.is_over(status):
            return True
        if status.get("file") == self._progress.file:
            self._received_bytes = int(status.get("received_bytes", len(self._content)))
            self._heard_s = time.monotonic()
        return False

    def _send_pieces(self) -> None:
        if self._received_bytes is None:
            return
        end = min(len(self._content), self._received_bytes + WINDOW_BYTES)
        for begin in range(max(self._sent_bytes, self._received_bytes), end, PIECE_BYTES):
            piece = self._content[begin : min(begin + PIECE_BYTES, end)]
            self._connection.publish(f"{self._topic}/{begin}/set", piece, qos=1, retain=False)
        self._sent_bytes = max(self._sent_bytes, end)


def _offer(content: bytes) -> str:
    """Return what is said of a file before it is sent."""
    return json.dumps({"bytes": len(content), "sha256": digest_of(content), "signature": signature_of(content)})


def _status(payload: bytes) -> dict[str, Any]:
    from edge.mqtt.incoming import read_object  # noqa: PLC0415 - only where it is needed

    return read_object(payload) or {}


def _read(path: Path) -> bytes:
    try:
        with contextlib.suppress(IsADirectoryError, ModelError):
            return read_file(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; give the path of a signed bundle") from error
    raise ConfigurationError(f"{path}: no signed bundle; make one: edge sign BUNDLE --key KEY --out {path.name}.zip")
