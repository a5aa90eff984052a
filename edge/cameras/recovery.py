"""What a crash left behind: events that were active when the daemon died are ended before anything new happens."""

from dataclasses import replace
from datetime import timedelta

from edge.cameras.watching import Outlets
from edge.events.clock import parse_rfc3339, rfc3339
from edge.mqtt.outbox import Outbox
from edge.types import Event

RESTART = "restart"


def end_interrupted(outbox: Outbox, outlets: Outlets) -> list[Event]:
    """Send the end of everything that was active, and return what was. To be called before the first frame."""
    interrupted = outbox.active()
    for event in interrupted:
        outlets.publish(ended_by_restart(event))
    return interrupted


def ended_by_restart(interrupted: Event) -> Event:
    """Return the end of an event that was active when the daemon died.

    It ends where it was last known to be active: how long the box was off says nothing about it.
    """
    end = parse_rfc3339(interrupted.started_at) + timedelta(seconds=interrupted.duration_s)
    return replace(interrupted, type="ended", ended_at=rfc3339(end), reason=RESTART, position_s=None)
