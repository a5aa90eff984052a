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
    score: float = 0.0
    score_ns: int = 0
    """When it was scored."""

    def after(self, score: float, now_ns: int, spec: AlertSpec, max_gap_ns: int, *, may_begin: bool) -> "Scene":
        """Take the score of one more moment; what is on and has been quiet for long enough is off.

        Args:
            score: of a fall.
            now_ns: the moment.
            spec: thresholds and durations.
            max_gap_ns: since the last score; a longer time proves nothing.
            may_begin: whether a high score counts.
        """
        is_gap = now_ns - self.score_ns > max_gap_ns
        scored = replace(self, score=score, score_ns=now_ns, quiet_since_ns=None)
        if self.is_on:
            if score >= spec.offset_threshold:
                return scored
            quiet_ns = now_ns if self.quiet_since_ns is None or is_gap else self.quiet_since_ns
            is_on = now_ns - quiet_ns < spec.min_quiet_s * NS_PER_S
            return replace(scored, is_on=is_on, quiet_since_ns=quiet_ns, since_ns=self.since_ns if is_on else None)
        scored = replace(scored, is_spent=self.is_spent and score >= spec.offset_threshold)
        if score < spec.onset_threshold or scored.is_spent or not may_begin:
            return replace(scored, since_ns=None)
        since_ns = now_ns if self.since_ns is None or is_gap else self.since_ns
        return replace(scored, since_ns=since_ns, is_on=now_ns - since_ns >= spec.min_active_s * NS_PER_S)

    def spent(self) -> "Scene":
        """What it tells is told otherwise, or was nothing."""
        return replace(self, since_ns=None, is_on=False, quiet_since_ns=None, is_spent=True)
