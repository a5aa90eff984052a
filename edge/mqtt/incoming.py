"""The MQTT contract as a listener reads it: whatever comes may be hostile, broken or from another version."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.errors import REPLACEMENT, UNSHOWABLE
from edge.events.clock import parse_rfc3339

ROOT: Final = "edgewatch"
MAX_NAME_CHARACTERS: Final = 64
MAX_TEXT_CHARACTERS: Final = 200
MAX_JSON_BYTES: Final = 256 * 1024
"""The longest that boxes send are their stats: a few kilobytes a camera."""
MAX_DEPTH: Final = 16
MAX_NUMBER: Final = 1e15
MS_PER_S: Final = 1000
EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
LATEST_AHEAD: Final = timedelta(days=1)
"""A box's clock may be wrong by a zone; further from ours it says nothing."""

Fields = dict[str, Any]
Word = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARACTERS)]
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Moment = Annotated[str, Field(max_length=40)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(default="", max_length=200)


class EventMessage(BaseModel):
    """A payload of the `events` topic. Names are any text: they are the sender's, not ours."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_version: Literal[1] = Field(alias="schema")
    id: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
    type: Literal["started", "updated", "ended"]
    label: Word
    camera: Word
    score: Score
    peak_score: Score
    started_at: Moment
    ended_at: Moment | None = None
    duration_s: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] = 0.0
    reason: Annotated[str, Field(max_length=200)] | None = None
    acknowledged_at: Moment | None = None
    test: bool = False
    delayed: bool = False
    model: _Model = _Model()


def read_event(payload: bytes) -> EventMessage | None:
    """Read an event; None where it is none."""
    try:
        return EventMessage.model_validate(read_object(payload))
    except ValidationError:
        return None


def read_object(payload: bytes) -> Fields | None:
    """Read a JSON object whose texts and names can be shown; None where it is none, or out of all bounds."""
    if len(payload) > MAX_JSON_BYTES:
        return None
    try:
        content = _showable(json.loads(payload), MAX_DEPTH)
    except (ValueError, RecursionError):
        return None
    return cast("Fields", content) if isinstance(content, dict) else None


def read_text(payload: bytes) -> str:
    """Read a word or a line, cut where it is too long, that can be shown."""
    return UNSHOWABLE.sub(REPLACEMENT, payload[: 4 * MAX_TEXT_CHARACTERS].decode("utf-8", "replace"))[
        :MAX_TEXT_CHARACTERS
    ]


def table(value: object) -> Fields:
    """Return an object that lies in another; an empty one where it is none."""
    return cast("Fields", value) if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    """Return a text that lies in an object, cut where it is too long; None for all else."""
    return value[:MAX_TEXT_CHARACTERS] if isinstance(value, str) else None


def number(value: object) -> float | None:
    """Return a finite number of reasonable size; None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MAX_NUMBER:
        return None
    return value


def read_topic(topic: str) -> tuple[str, list[str]] | None:
    """Split a topic into the box's name and the words after it; None where it is none of ours."""
    words = topic.split("/")
    if len(words) < 3 or words[0] != ROOT or not all(0 < len(word) <= MAX_NAME_CHARACTERS for word in words):
        return None
    if UNSHOWABLE.search(topic):
        return None
    return words[1], words[2:]


def plausible_ms(moment: str | None, now_ms: int) -> int | None:
    """Return a time of the contract in Unix milliseconds; None where it is no time, or not of these years."""
    if moment is None:
        return None
    try:
        read = parse_rfc3339(moment)
        if read.tzinfo is None:
            return None
        if not EARLIEST <= read <= datetime.fromtimestamp(now_ms / MS_PER_S, UTC) + LATEST_AHEAD:
            return None
        return round(read.timestamp() * MS_PER_S)
    except (ValueError, OverflowError):
        return None


def _showable(value: object, depth: int) -> object:
    """Return a value of JSON with replacements in all its texts.

    Raises:
        ValueError: it is too deep.
    """
    if isinstance(value, str):
        return UNSHOWABLE.sub(REPLACEMENT, value)
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        raise ValueError("too deep")
    if isinstance(value, list):
        return [_showable(item, depth - 1) for item in cast("list[object]", value)]
    fields = cast("Fields", value)
    return {UNSHOWABLE.sub(REPLACEMENT, name): _showable(item, depth - 1) for name, item in fields.items()}
