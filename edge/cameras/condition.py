"""How a camera is doing, from what is known of it at a moment."""

from dataclasses import dataclass
from typing import Final, Literal

State = Literal["starting", "ok", "slow", "blind", "moving", "stalled", "lost", "disabled"]
DELIVERING: Final = frozenset({"ok", "slow", "blind", "moving"})
"""States in which pictures come."""
SILENCE_S: Final = 5.0
"""Without a picture, or with one and the same that the camera sends again and again."""
FROZEN_S: Final = 120.0
"""With pictures that are coded anew and do not change by one bit: at night, with nothing but skipped blocks between key
frames that are most of a minute apart, a camera that is well gives such ones for a while."""
RECOVERED_SHARE: Final = 1.05
"""A slow camera is so until its rate is well back, so that its state does not flap."""
MIN_RATE_SPAN_S: Final = 4.0
END_OF_FILE: Final = "end of file"


@dataclass(frozen=True, slots=True)
class Condition:
    """A camera's state, and why."""

    state: State
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one camera now."""

    now_s: float
    """On the monotonic clock, as all times here."""
    begun_s: float
    """When the camera was begun to be watched."""
    frame_s: float | None = None
    """When the last picture came."""
    frozen_s: float | None = None
    """For how long at least the pictures have not changed; None while that is no fault."""
    fault: str | None = None
    """Why there is no connection, since the last picture."""
    cannot_open: bool = False
    """Whether that is because it cannot be opened."""
    ended: bool = False
    """Whether it was a recording, and is over."""
    blind: str | None = None
    """Why it cannot see."""
    moving: bool = False
    """Whether the camera itself moves, and fights are not told."""
    camera_share: float | None = None
    """What the camera gives, of the least rate of the network that suffers most; None while too little is known."""
    judged_share: float | None = None
    """The same of what was judged."""


def condition_of(facts: Facts, before: Condition) -> Condition:
    """Say how a camera is doing.

    Args:
        facts: of now.
        before: what was said last.
    """
    return _absent(facts) or _awaited(facts, before) or _present(facts, before)


def _absent(facts: Facts) -> Condition | None:
    """Say why no pictures come, or none that are worth anything."""
    if facts.ended:
        return Condition("lost", END_OF_FILE)
    if facts.fault is not None and facts.cannot_open:
        return Condition("lost", facts.fault)
    if facts.frozen_s is not None:
        return Condition("stalled", f"its picture has not changed for {facts.frozen_s:.0f} s")
    if facts.now_s - (facts.begun_s if facts.frame_s is None else facts.frame_s) < SILENCE_S:
        return None
    if facts.frame_s is None:
        return Condition("lost", facts.fault or f"no answer for {SILENCE_S:.0f} s")
    return Condition("stalled", f"no picture for {SILENCE_S:.0f} s")


def _awaited(facts: Facts, before: Condition) -> Condition | None:
    """Say that pictures are still to come: a short break is not worth a word, and what is lost stays so until then."""
    if facts.frame_s is None:
        return before if before.state in ("lost", "stalled") else Condition("starting")
    return before if facts.fault is not None and before.state not in DELIVERING else None


def _present(facts: Facts, before: Condition) -> Condition:
    if facts.blind is not None:
        return Condition("blind", f"the camera {facts.blind}")
    if facts.moving:
        return Condition("moving", "the camera itself moves: violence is not told meanwhile, falls are")
    enough = RECOVERED_SHARE if before.state == "slow" else 1.0
    if facts.camera_share is not None and facts.camera_share < enough:
        return Condition("slow", "below target rate: the camera gives too few pictures")
    if facts.judged_share is not None and facts.judged_share < enough:
        return Condition("slow", "below target rate: this machine is too slow for all its cameras")
    return Condition("ok")
