"""A fall that the whole picture tells, and no body: as the alerts of other labels, by its score alone."""

from dataclasses import dataclass, replace

from edge.bundle import AlertSpec
from edge.types import NS_PER_S


@dataclass(frozen=True, slots=True)
class Scene:
    """What the score of the whole picture tells."""

    since_ns: int | None = None
    """Since when it is high; what is on began then."""
    is_on: bool = False
    quiet_since_ns: int | None = None
    """Since when it is low, of what is on."""
    is_spent: bool = False
    """Whether what it tells was told, and it has to go down first."""

    def after(self, score: float, now_ns: int, spec: AlertSpec, *, is_gap: bool, may_begin: bool) -> "Scene":
        """Take the score of one more moment; what is on and has been quiet for long enough is off.

        Args:
            score: of a fall.
            now_ns: the moment.
            spec: thresholds and durations.
            is_gap: whether the time since the last score is too long to prove anything.
            may_begin: whether a high score counts.
        """
        is_spent = self.is_spent and score >= spec.offset_threshold
        if self.is_on:
            if score >= spec.offset_threshold:
                return replace(self, quiet_since_ns=None)
            quiet_ns = now_ns if self.quiet_since_ns is None or is_gap else self.quiet_since_ns
            is_on = now_ns - quiet_ns < spec.min_quiet_s * NS_PER_S
            return replace(self, is_on=is_on, quiet_since_ns=quiet_ns, since_ns=self.since_ns if is_on else None)
        if score < spec.onset_threshold or is_spent or not may_begin:
            return Scene(is_spent=is_spent)
        since_ns = now_ns if self.since_ns is None or is_gap else self.since_ns
        return Scene(since_ns, is_on=now_ns - since_ns >= spec.min_active_s * NS_PER_S)

    def spent(self) -> "Scene":
        """What it tells is told otherwise, or was nothing."""
        return Scene(is_spent=True)
