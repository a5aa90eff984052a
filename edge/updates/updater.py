"""The daemon's side of model updates: takes signed bundles, tries them, and decides.

    a request ── refused ─┐
        │ signature, digests, age, labels
      shadow ── refused ──┤ the former model goes on, all the time
        │ inferences, time they take
      trial ── rolled back┘ after a start with the new model
        │ the rate that the former model kept
      proven

`tick` is called by one thread, the rest by the main thread before and after that.
"""

import contextlib
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from edge.bundle import Bundle
from edge.cameras.condition import DELIVERING
from edge.config import Config, alert_specs
from edge.errors import EdgewatchError, ModelError
from edge.updates.opening import Chosen
from edge.updates.shadow import Shadow, Task
from edge.updates.shelf import REQUEST, TAKEN, Choice, Shelf, status_fields
from edge.updates.signing import digest_of, load_signed, read_file, refuse_downgrade
from edge.updates.tap import Tap

MIN_INFERENCES: Final = 5
"""Of each camera that delivers, before a shadow run says anything."""
MAX_LOAD: Final = 0.9
"""Share of one thread's time that a model may need: the main thread runs all inferences."""
KEPT_SHARE: Final = 0.9
"""Of the rate that a camera was judged at before, under which the new model is too slow."""
HANG_S: Final = 60.0
"""Opening a model, or one inference, takes no longer."""
STOP_S: Final = 30.0
"""The main thread has so long to end the watching; a model that hangs does not let it."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the updater sees and does of the rest of the box."""

    taps: Mapping[str, Tap]
    """By camera."""
    fields: Callable[[str], dict[str, Any]]
    """Answers state and rates of a camera."""
    publish: Callable[[dict[str, Any]], object]
    """Shows a status to whoever listens."""
    end_watching: Callable[[], object]
    """Has the main thread end, and the box start again."""
    start_again: Callable[[], object]
    """Does so at once, whatever the main thread does."""
    report: Callable[[str], object]


@dataclass(frozen=True, slots=True)
class _Tried:
    """An update in its shadow run."""

    bundle: Bundle
    shadow: Shadow
    since_s: float
    """On the monotonic clock."""


class Updater:
    """Tries updates, one at a time."""

    def __init__(self, config: Config, chosen: Chosen, shelf: Shelf, watched: Watched, key: bytes) -> None:
        """Prepare. `tick` is to be called about once a second.

        Args:
            config: of the box.
            chosen: what runs.
            shelf: where bundles lie.
            watched: the rest of the box.
            key: public key of whoever may sign.
        """
        self._config = config
        self._chosen = chosen
        self._shelf = shelf
        self._watched = watched
        self._key = key
        self._tried: _Tried | None = None
        self._trial_since_s = time.monotonic() if chosen.on_trial else None
        self._ended_s: float | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is being tried, or waits for it."""
        waiting = any((self._shelf.folder / name).exists() for name in (REQUEST, TAKEN))
        return waiting or self._tried is not None or self._trial_since_s is not None or self._ended_s is not None

    def tick(self) -> None:
        """Go on with whatever is under way."""
        if self._ended_s is not None:
            if time.monotonic() - self._ended_s > STOP_S:
                self._watched.start_again()
        elif self._trial_since_s is not None:
            self._judge_trial(time.monotonic() - self._trial_since_s)
        elif self._tried is not None:
            self._judge_shadow(self._tried)
        elif (self._shelf.folder / TAKEN).exists():
            self._put_away()
            self._refuse(None, "the box stopped while it looked at it; send it again")
        elif (self._shelf.folder / REQUEST).exists():
            self._take()

    @contextlib.contextmanager
    def deciding(self) -> Generator[None]:
        """Hold the watching. A model on trial that fails is rolled back, and a shadow run ends with the watching.

        Raises:
            ModelError: a model fails that is not on trial.
        """
        try:
            yield
        except ModelError as error:
            if self._trial_since_s is None:
                raise
            self._roll_back(str(error))
        finally:
            if self._tried is not None:
                fault = "the box was stopped while it was tried; send it again"
                self._refuse(self._tried.bundle, fault, may_pass=True)

    def _take(self) -> None:
        """Check what somebody asks for, and begin to try it."""
        bundle: Bundle | None = None
        try:
            path = (self._shelf.folder / REQUEST).replace(self._shelf.folder / TAKEN)
            content = read_file(path)
            self._shelf.say({"file": digest_of(content)})
            self._say("checked", None)
            bundle = load_signed(content, self._key)
            refuse_downgrade(bundle, self._chosen.bundle, self._shelf.choice().newest_at)
            for name, camera in self._config.cameras.items():
                alert_specs(name, camera, bundle.spec)
            self._shelf.put(bundle, content)
            self._begin_shadow(bundle)
        except EdgewatchError as error:
            self._refuse(bundle, str(error))
        except OSError as error:
            self._refuse(bundle, f"the disk refuses ({error.strerror})", may_pass=True)
        finally:
            self._put_away()

    def _put_away(self) -> None:
        with contextlib.suppress(OSError):
            (self._shelf.folder / TAKEN).unlink()

    def _begin_shadow(self, bundle: Bundle) -> None:
        cameras = self._delivering()
        if not cameras:
            fault = "no camera gives pictures on which it could be tried; send it again when one does"
            self._refuse(bundle, fault, may_pass=True)
            return
        config = self._config
        task = Task(
            str(self._shelf.path_of(bundle.digest)),
            cameras,
            config.threads,
            list(config.backends),
            config.edgetpu.model_dump(),
        )
        shadow = Shadow(task, bundle.spec.networks, {name: self._watched.taps[name] for name in cameras})
        self._tried = _Tried(bundle, shadow, time.monotonic())
        self._say("shadow", bundle)
        shadow.start()

    def _judge_shadow(self, tried: _Tried) -> None:
        findings, spec = tried.shadow.findings, tried.bundle.spec
        lasted_s = time.monotonic() - tried.since_s
        lacking = [name for name, count in findings.counts.items() if count < MIN_INFERENCES]
        load = findings.load(max(wanted_hz for wanted_hz, _ in spec.networks.rates_hz.values()))
        if findings.fault is not None:
            self._refuse(tried.bundle, findings.fault)
        elif findings.asked_s is not None and time.monotonic() - findings.asked_s > HANG_S:
            self._refuse(tried.bundle, f"it gave no answer in {HANG_S:.0f} s")
        elif lasted_s < self._config.updates.shadow_s:
            return
        elif lacking:
            if lasted_s > self._config.updates.shadow_s + HANG_S:
                fault = f"{', '.join(lacking)}: too few pictures came to try it on"
                self._refuse(tried.bundle, fault, may_pass=True)
        elif load > MAX_LOAD:
            needed = f"{load:.0%} of the time that this machine has for {len(findings.counts)} cameras"
            self._refuse(tried.bundle, f"it would take {needed}, over {MAX_LOAD:.0%}")
        else:
            self._switch(tried)

    def _switch(self, tried: _Tried) -> None:
        """Note that the next start shall try the new model, and have the box start again."""
        findings = tried.shadow.findings
        tried.shadow.stop()
        self._tried = None
        digest = tried.bundle.digest
        choice = replace(
            self._shelf.choice(), instead_of=self._chosen.configured, trial=digest, begun=False, shares=self._shares()
        )
        if not choice.shares:
            fault = "no camera gives pictures any more; send it again when one does"
            self._refuse(tried.bundle, fault, may_pass=True)
            return
        try:
            self._shelf.decide(choice)
        except OSError as error:
            self._refuse(tried.bundle, f"the disk refuses ({error.strerror})", may_pass=True)
            return
        inference_ms = round(1000 * sum(findings.durations_s) / max(len(findings.durations_s), 1), 1)
        seen = {"inferences": len(findings.durations_s), "inference_ms": inference_ms, "alerts": findings.alerts}
        self._say("trial", tried.bundle, shadow=seen)
        self._end()

    def _judge_trial(self, lasted_s: float) -> None:
        """Prove the new model, or roll back. A camera has as long again to be as it was before."""
        trial_s = self._config.updates.trial_s
        if lasted_s < trial_s:
            return
        dark, slow = self._faults(self._shelf.choice().shares)
        if not dark and not slow:
            bundle = self._chosen.bundle
            proven = Choice(
                self._chosen.configured, in_force=bundle.digest, newest_at=bundle.spec.created_at.isoformat()
            )
            self._shelf.decide(proven)
            self._trial_since_s = None
            self._say("proven", self._chosen.bundle)
        elif lasted_s > 2 * trial_s:
            self._roll_back("; ".join([*dark, *slow]), may_pass=not slow)

    def _faults(self, before: Mapping[str, float]) -> tuple[list[str], list[str]]:
        """Say which cameras are worse off than before the trial: those that give no pictures, and the slower ones."""
        dark: list[str] = []
        slow: list[str] = []
        for name, share_before in before.items():
            if name not in self._watched.taps or (fields := self._watched.fields(name))["state"] == "disabled":
                continue
            if fields["state"] not in DELIVERING:
                dark.append(f"{name} gives no pictures any more ({fields['state']})")
            elif _share(fields) < KEPT_SHARE * min(1.0, share_before):
                rate, target = fields["judged_hz"] or 0.0, fields["target_hz"]
                slow.append(f"the rate of {name} dropped: {rate:.1f} of {target:g} a second")
        return dark, slow

    def _roll_back(self, fault: str, *, may_pass: bool = False) -> None:
        with contextlib.suppress(OSError):  # then the next start finds that the trial was begun, and rolls back
            self._shelf.decide(replace(self._shelf.choice(), trial=None, begun=False, shares={}))
        self._trial_since_s = None
        self._say("rolled back", self._chosen.bundle, fault, may_pass=may_pass)
        self._end()

    def _refuse(self, bundle: Bundle | None, fault: str, *, may_pass: bool = False) -> None:
        if self._tried is not None:
            self._tried.shadow.stop()
            self._tried = None
        with contextlib.suppress(OSError):  # removes its file
            self._shelf.decide(self._shelf.choice())
        self._say("refused", bundle, fault, may_pass=may_pass)

    def _end(self) -> None:
        self._ended_s = time.monotonic()
        self._watched.end_watching()

    def _delivering(self) -> list[str]:
        return [name for name in self._watched.taps if self._watched.fields(name)["state"] in DELIVERING]

    def _shares(self) -> dict[str, float]:
        return {name: round(_share(self._watched.fields(name)), 3) for name in self._delivering()}

    def _say(self, state: str, bundle: Bundle | None, reason: str | None = None, **more: Any) -> None:
        """Tell log, broker, and whoever waits on this machine."""
        status = status_fields(self._shelf.status(), state, bundle, reason) | more
        self._shelf.say(status)
        self._watched.publish(status)
        name = "" if bundle is None else f" {bundle.spec.name} {bundle.digest[:12]}"
        self._watched.report(f"update{name}: {state}" + (f": {reason}" if reason else ""))


def _share(fields: Mapping[str, Any]) -> float:
    """Return what share of the bundle's rate a camera is judged at."""
    return float(fields["judged_hz"] or 0.0) / float(fields["target_hz"])
