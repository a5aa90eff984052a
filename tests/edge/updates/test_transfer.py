"""A bundle that comes in pieces: in order, signed, resumed wherever it was cut off; and nothing else is written."""

import base64
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.config.updates import key_bytes
from edge.updates.shelf import REQUEST, Shelf
from edge.updates.signing import signature
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
def content(key: Path) -> bytes:
    """A signed file of two pieces and a bit; what is in it nobody looks at yet."""
    body = bytes(range(256)) * (2 * PIECE_BYTES // 256)
    body = body[: 2 * PIECE_BYTES + 77 - 88]
    return body + signature(hashlib.sha256(body).hexdigest(), key).encode()


def offer_of(content: bytes) -> dict[str, Any]:
    file = hashlib.sha256(content[:-88]).hexdigest()
    return {"bytes": len(content), "sha256": file, "signature": content[-88:].decode()}


@pytest.fixture
def offer(content: bytes) -> dict[str, Any]:
    return offer_of(content)


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
    for wrong in ({"signature": other}, {"signature": "§"}, {"bytes": 1 << 40}, {"sha256": "0" * 64}, {"more": 1}):
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


def test_old_offers_do_not_wear_the_card(make_box, key: Path) -> None:
    box = make_box()
    for number in range(NEW_AN_HOUR + 2):
        file = f"{number:064x}"
        box.offer({"bytes": 100, "sha256": file, "signature": signature(file, key)})
    assert len(box.files()) == 1
    assert len(box.said) == NEW_AN_HOUR
    assert "an hour" in box.lines[-1]


def test_an_old_offer_brings_no_other_file(make_box, offer, content: bytes) -> None:
    """Whoever hears an offer can send it again, but not with another file's digest, nor another file."""
    box = make_box()
    box.offer(offer | {"sha256": hashlib.sha256(b"another").hexdigest()})
    assert (box.files(), box.said) == ([], [])
    box.offer(offer)
    box.send(bytes(len(content) - 88) + content[-88:])
    assert box.said[-1]["state"] == "refused"
    assert REQUEST not in box.files()


def test_a_box_without_the_library_of_signatures_goes_on(make_box, offer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    box = make_box()
    box.offer(offer)
    assert box.files() == []
    assert box.lines == [
        "update refused: updates: cryptography is not installed; install the extra: pip install 'edgewatch[updates]'"
    ]
