"""A bundle that comes in pieces: in order, signed, resumed wherever it was cut off; and nothing else is written."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.bundle import Bundle
from edge.config.updates import key_bytes
from edge.updates.shelf import REQUEST, Shelf
from edge.updates.transfer import NEW_AN_HOUR, PIECE_BYTES, Piece, Receiver, read_topic


class Box:
    """The box's side, and what it says."""

    def __init__(self, folder: Path, key: bytes, *, busy: bool = False) -> None:
        self.shelf = Shelf(folder)
        self.said: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.receiver = Receiver(
            self.shelf, key, is_busy=lambda: busy, publish=self.said.append, report=self.lines.append
        )

    def offer(self, fields: dict[str, Any]) -> None:
        self.receiver.receive(Piece(None, json.dumps(fields).encode()))

    def send(self, content: bytes, begin: int = 0, end: int | None = None) -> None:
        end = len(content) if end is None else end
        for offset in range(begin, end, PIECE_BYTES):
            self.receiver.receive(Piece(offset, content[offset : min(offset + PIECE_BYTES, end)]))

    def files(self) -> list[str]:
        return sorted(path.name for path in self.shelf.folder.glob("*")) if self.shelf.folder.exists() else []


@pytest.fixture
def content(make_signed) -> bytes:
    """A signed file of two pieces and a bit: the archive's comment, up to 64 KiB, makes it longer."""
    path = make_signed("newer")
    content = path.read_bytes()
    size = 2 * PIECE_BYTES + 77
    padding = size - len(content)
    return content[:-2] + padding.to_bytes(2, "little") + bytes(padding)


@pytest.fixture
def offer(content: bytes, key: Path, tmp_path: Path) -> dict[str, Any]:
    from edge.updates.signing import signature

    whole = tmp_path / "offered.zip"
    whole.write_bytes(content)
    digest = Bundle.load(whole).digest
    file = hashlib.sha256(content).hexdigest()
    return {"bytes": len(content), "sha256": file, "bundle": digest, "signature": signature(digest, key)}


@pytest.fixture
def make_box(tmp_path: Path, public_key: str) -> Callable[..., Box]:
    return lambda **settings: Box(tmp_path / "state", key_bytes(public_key), **settings)


def test_topics() -> None:
    assert read_topic(["update", "set"]) == (True, None)
    assert read_topic(["update", "32768", "set"]) == (True, 32768)
    for words in (["update"], ["update", "-1", "set"], ["update", "9" * 30, "set"], ["hall", "enabled", "set"]):
        assert read_topic(words) == (False, None)


def test_a_whole_file_is_handed_over(make_box, content: bytes, offer) -> None:
    box = make_box()
    box.offer(offer)
    box.send(content)
    assert (box.shelf.folder / REQUEST).read_bytes() == content
    assert box.files() == [REQUEST]
    assert [status["received_bytes"] for status in box.said] == [0, 32768, 65536, len(content)]
    assert {status["file"] for status in box.said} == {offer["sha256"]}
    assert box.lines == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 2 * PIECE_BYTES + 76))
def test_it_goes_on_wherever_it_was_cut_off(cut: int, make_box, content: bytes, offer) -> None:
    first = make_box()
    (first.shelf.folder / REQUEST).unlink(missing_ok=True)
    first.offer(offer)
    first.send(content, end=cut)  # then the box loses its power
    second = make_box()
    second.offer(offer)
    assert second.said[-1]["received_bytes"] == cut
    second.send(content, begin=cut)
    assert (second.shelf.folder / REQUEST).read_bytes() == content


def test_pieces_that_come_twice_or_too_early_change_nothing(make_box, content: bytes, offer) -> None:
    box = make_box()
    box.offer(offer)
    box.receiver.receive(Piece(PIECE_BYTES, content[PIECE_BYTES : 2 * PIECE_BYTES]))
    box.send(content, end=2 * PIECE_BYTES)
    box.send(content, end=PIECE_BYTES)
    box.receiver.receive(Piece(2 * PIECE_BYTES, bytes(PIECE_BYTES + 1)))
    assert box.said[-1]["received_bytes"] == 2 * PIECE_BYTES
    box.send(content, begin=2 * PIECE_BYTES)
    assert (box.shelf.folder / REQUEST).read_bytes() == content


def test_a_damaged_file_is_refused_and_gone(make_box, content: bytes, offer) -> None:
    box = make_box()
    box.offer(offer)
    box.send(content[:-1] + b"\1")
    assert box.said[-1]["state"] == "refused"
    assert "came damaged" in box.said[-1]["reason"]
    assert box.shelf.status()["state"] == "refused"
    assert REQUEST not in box.files()


def test_what_is_no_offer_writes_nothing(make_box, offer) -> None:
    box = make_box()
    box.receiver.receive(Piece(0, b"x"))
    other = base64.b64encode(bytes(64)).decode()
    for wrong in ({"signature": other}, {"signature": "§"}, {"bytes": 1 << 40}, {"bundle": "x"}, {"more": 1}):
        box.offer(offer | wrong)
    box.receiver.receive(Piece(None, b"{" * 10_000))
    assert box.files() == []
    assert box.said == []
    assert len(box.lines) == 6
    assert all("\n" not in line for line in box.lines)


def test_a_box_that_tries_another_one_takes_none(make_box, offer) -> None:
    box = make_box(busy=True)
    box.offer(offer)
    assert (box.files(), box.said) == ([], [])
    assert "another one is being tried" in box.lines[0]


def test_old_offers_do_not_wear_the_card(make_box, offer) -> None:
    box = make_box()
    for number in range(NEW_AN_HOUR + 2):
        box.offer(offer | {"sha256": f"{number:064x}"})
    assert len(box.files()) == 1
    assert len(box.said) == NEW_AN_HOUR
    assert "an hour" in box.lines[-1]
