"""A signed bundle that comes over MQTT in pieces, so that no message is long and a broken connection costs little.

    update/set             what is offered: {"bytes": …, "sha256": of all but the signature, "signature": Base64}
    update/<offset>/set    up to 32 KiB of the file
    update                 retained: how far it came (`received_bytes`), and what became of it

The signature is looked at before a byte is written. Pieces are taken in their order; the sender goes on at
`received_bytes`, also days later.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.bundle import Sha256
from edge.errors import EdgewatchError
from edge.updates.shelf import REQUEST, Shelf, status_fields
from edge.updates.signing import MAX_FILE_BYTES, digest_of, is_signed, read_file, signature_of

PIECE_BYTES: Final = 32 * 1024
PART_SUFFIX: Final = ".part"
NEW_AN_HOUR: Final = 6
"""Files begun: whoever may publish has an old offer too, and a card wears."""
S_PER_H: Final = 3600.0


class Offer(BaseModel):
    """The payload of `update/set`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[int, Field(alias="bytes", gt=0, le=MAX_FILE_BYTES)]
    sha256: Sha256
    """Of all of the file but the signature, which is of this."""
    signature: Annotated[str, Field(max_length=200)]


@dataclass(frozen=True, slots=True)
class Piece:
    """A message below the box's topic `update`."""

    offset: int | None
    """None for an offer."""
    payload: bytes


def read_topic(words: list[str]) -> tuple[bool, int | None]:
    """Say whether the words after the box's name are a topic of updates, and which place of the file it names."""
    match words:
        case ["update", "set"]:
            return True, None
        case ["update", offset, "set"] if offset.isdecimal() and len(offset) <= len(str(MAX_FILE_BYTES)):
            return True, int(offset)
        case _:
            return False, None


class Receiver:
    """The box's side. To be called from one thread."""

    def __init__(
        self,
        shelf: Shelf,
        key: bytes,
        *,
        is_busy: Callable[[], bool],
        publish: Callable[[dict[str, Any]], object],
        report: Callable[[str], object],
    ) -> None:
        """Prepare.

        Args:
            shelf: gets the file when it is whole.
            key: public key of whoever may sign.
            is_busy: whether another update is being tried.
            publish: shows a status.
            report: takes a line about what is refused.
        """
        self._shelf = shelf
        self._key = key
        self._is_busy = is_busy
        self._publish = publish
        self._report = report
        self._offer: Offer | None = None
        self._begun_s: deque[float] = deque()

    def receive(self, piece: Piece) -> None:
        """Take a message; what does not fit changes nothing and is one line in the log."""
        try:
            if piece.offset is None:
                self._begin(piece.payload)
            elif self._offer is not None:
                self._append(self._offer, piece.offset, piece.payload)
        except OSError as error:
            self._refuse(f"the disk refuses ({error.strerror})")
        except EdgewatchError as error:
            self._report(f"update refused: {error}")

    def _begin(self, payload: bytes) -> None:
        try:
            offer = Offer.model_validate_json(payload)
        except ValidationError as error:
            self._report(f"update refused: no offer ({error.errors()[0]['msg']})")
            return
        if not is_signed(offer.sha256, offer.signature, self._key):
            self._report("update refused: the offer is not signed by the key of updates.public_key")
            return
        if self._is_busy():
            self._report("update refused: another one is being tried; send it when that is over")
            return
        part = self._part(offer)
        if not part.exists() and not self._may_begin():
            self._report(f"update refused: more than {NEW_AN_HOUR} an hour")
            return
        for other in self._shelf.folder.glob(f"*{PART_SUFFIX}"):
            if other != part:
                other.unlink()
        part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.touch(mode=0o600)
        self._offer = offer
        self._say(offer, part.stat().st_size)
        self._finish(offer, part)

    def _append(self, offer: Offer, offset: int, payload: bytes) -> None:
        part = self._part(offer)
        length = part.stat().st_size
        if offset == length and 0 < len(payload) <= PIECE_BYTES and length + len(payload) <= offer.size:
            with part.open("ab") as file:
                file.write(payload)
            length += len(payload)
        self._say(offer, length)
        self._finish(offer, part)

    def _finish(self, offer: Offer, part: Path) -> None:
        """Hand a whole file over; it is the updater's from then on."""
        if part.stat().st_size < offer.size:
            return
        self._offer = None
        content = read_file(part)
        if (digest_of(content), signature_of(content)) != (offer.sha256, offer.signature):
            part.unlink()
            self._refuse("it came damaged; send it again", offer)
            return
        part.replace(self._shelf.folder / REQUEST)

    def _say(self, offer: Offer, received_bytes: int) -> None:
        fields = status_fields({"file": offer.sha256}, "receiving", None, None) | {"received_bytes": received_bytes}
        self._publish(fields)

    def _refuse(self, reason: str, offer: Offer | None = None) -> None:
        offer = offer or self._offer
        self._offer = None
        self._report(f"update refused: {reason}")
        fields = status_fields({"file": offer.sha256} if offer else {}, "refused", None, reason)
        self._shelf.say(fields)
        self._publish(fields)

    def _part(self, offer: Offer) -> Path:
        return self._shelf.folder / f"{offer.sha256}{PART_SUFFIX}"

    def _may_begin(self) -> bool:
        now_s = time.monotonic()
        while self._begun_s and now_s - self._begun_s[0] > S_PER_H:
            self._begun_s.popleft()
        if len(self._begun_s) >= NEW_AN_HOUR:
            return False
        self._begun_s.append(now_s)
        return True
