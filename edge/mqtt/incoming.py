"""The MQTT contract as a listener reads it: whatever comes may be hostile, broken or from another version."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.events.clock import parse_rfc3339

ROOT: Final = "edgewatch"
MAX_NAME_CHARACTERS: Final = 64
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
        return EventMessage.model_validate_json(payload)
    except ValidationError:
        return None


def read_object(payload: bytes) -> Fields | None:
    """Read a JSON object; None where it is none."""
    try:
        content: object = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return cast("Fields", content) if isinstance(content, dict) else None


def table(value: object) -> Fields:
    """Return an object that lies in another; an empty one where it is none."""
    return cast("Fields", value) if isinstance(value, dict) else {}


def read_topic(topic: str) -> tuple[str, list[str]] | None:
    """Split a topic into the box's name and the words after it; None where it is none of ours."""
    words = topic.split("/")
    if len(words) < 3 or words[0] != ROOT or not all(0 < len(word) <= MAX_NAME_CHARACTERS for word in words):
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
