"""Schema 1 of the MQTT contract: an event as JSON."""

import json
from datetime import datetime
from typing import Any

from edge.events.clock import rfc3339
from edge.types import Event

SCHEMA = 1
SCORE_DIGITS = 4
SECONDS_DIGITS = 3
PLACE_DIGITS = 3


def event_fields(event: Event) -> dict[str, Any]:
    """Return what is known of an event when it happens. `with_delivery` adds what is known when it is sent."""
    return {
        "schema": SCHEMA,
        "id": event.id,
        "type": event.type,
        "label": event.label,
        "camera": event.camera,
        "score": round(event.score, SCORE_DIGITS),
        "peak_score": round(event.peak_score, SCORE_DIGITS),
        "started_at": event.started_at,
        "ended_at": event.ended_at,
        "duration_s": round(event.duration_s, SECONDS_DIGITS),
        "reason": event.reason,
        "region": None if event.region is None else [round(side, PLACE_DIGITS) for side in event.region],
        "people": event.people,
        "acknowledged_at": None,
        "test": event.test,
        "model": {"name": event.model_name, "sha256": event.model_sha256},
    }


def with_delivery(fields: dict[str, Any], published_at: datetime, *, delayed: bool) -> dict[str, Any]:
    """Return the payload of the `events` topic.

    Args:
        fields: from `event_fields`.
        published_at: when it is sent, UTC.
        delayed: whether it waited for the broker, so that its times are older than its arrival.
    """
    return fields | {"published_at": rfc3339(published_at), "delayed": delayed}


def event_line(event: Event) -> dict[str, Any]:
    """Return an event as it stands in a file of events: with its position in the video, and nothing of a broker."""
    return event_fields(event) | {"position_s": event.position_s}


def to_json(fields: dict[str, Any]) -> str:
    """One line of strict JSON: no NaN, no line end."""
    return json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
