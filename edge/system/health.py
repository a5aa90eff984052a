"""Whether the box does its work: readiness when every camera has shown itself or is known to be lost, and a watchdog
that is fed by inferences, by nothing else while one camera delivers, and not while a thread hangs."""

import time
from collections.abc import Callable, Collection

from edge.system.notify import Notifier
from edge.system.stats import Stats

DECLARED = frozenset({"lost", "stalled", "disabled"})
"""States of a camera from which no first inference is waited for."""
HUNG_S = 180.0
"""A round of a thread takes no longer: that of the publisher is a name's lookup and two attempts to connect at most."""


class Health:
    """Hears of every inference and every change of a camera's state. To be called from one thread."""

    def __init__(
        self,
        stats: Stats,
        notifier: Notifier,
        cameras: Collection[str],
        now_s: Callable[[], float] = time.monotonic,
        *,
        report: Callable[[str], None],
        is_connected: Callable[[], bool] | None = None,
    ) -> None:
        """Prepare.

        Args:
            stats: counts the inferences.
            notifier: tells systemd.
            cameras: their names.
            now_s: monotonic seconds.
            report: takes a line when a thread hangs.
            is_connected: whether the broker hears us; None where there is none.
        """
        self._stats = stats
        self._notifier = notifier
        self._now_s = now_s
        self._states = dict.fromkeys(cameras, "starting")
        self._not_seen = set(cameras)
        self._is_ready = False
        self._report = report
        self._is_connected = is_connected
        self._rounds: dict[str, Callable[[], float]] = {}
        self._hanging: str | None = None
        self._told = ""
        self._fed_s = now_s()

    def watch(self, name: str, round_s: Callable[[], float]) -> None:
        """Feed the watchdog only while a thread goes on that an alarm has to pass, or that keeps house.

        Args:
            name: of the thread.
            round_s: answers for how long its present round has lasted, in seconds.
        """
        self._rounds[name] = round_s

    def judged(self, camera: str, capture_ns: int, duration_ns: int, *, live: bool) -> None:
        """Take note of a picture that has just been judged.

        Args:
            camera: whose picture it was.
            capture_ns: when it was taken.
            duration_ns: what the networks took; 0 where none ran.
            live: whether its capture time is the monotonic clock's.
        """
        self._stats.camera(camera).count(capture_ns, duration_ns, live=live)
        self._see(camera)
        self._feed()

    def condition(self, camera: str, state: str) -> None:
        """Take note of a camera's new state."""
        self._states[camera] = state
        self._stats.camera(camera).note(state=state)
        if state in DECLARED:
            self._see(camera)
        self._tell()

    def idle(self) -> None:
        """Take note that no camera delivers. Where all of them are known not to, no inference can be expected: what
        is asked for is the turn of the main thread itself. A camera that is gone for a week must not have the daemon
        killed and started every ten minutes; it is tried again anyway."""
        if all(state in DECLARED for state in self._states.values()):
            self._feed()

    def _see(self, camera: str) -> None:
        if self._is_ready:
            return
        self._not_seen.discard(camera)
        if not self._not_seen:
            self._is_ready = True
            self._notifier.ready()

    def _tell(self) -> None:
        """Show systemd, and whoever asks it, how cameras and broker are, when that is news."""
        if not self._is_ready:
            return
        states = list(self._states.values())
        counts = [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]
        broker = "" if self._is_connected is None else f"; broker: {'connected' if self._is_connected() else 'away'}"
        hanging = "" if self._hanging is None else f"; {self._hanging} hangs"
        line = f"{len(states)} cameras: {', '.join(counts)}{broker}{hanging}"
        if line != self._told:
            self._told = line
            self._notifier.status(line)

    def _look_for_hanging(self) -> None:
        hanging = next((name for name, round_s in self._rounds.items() if round_s() > HUNG_S), None)
        if hanging is not None and hanging != self._hanging:
            self._report(f"{hanging}: hangs for {HUNG_S:.0f} s; the watchdog is fed no more, and starts the box anew")
        self._hanging = hanging

    def _feed(self) -> None:
        self._look_for_hanging()
        self._tell()
        if self._hanging is not None:
            return
        interval_s, now_s = self._notifier.feed_interval_s, self._now_s()
        if interval_s and now_s - self._fed_s >= interval_s:
            self._fed_s = now_s
            self._notifier.feed()
