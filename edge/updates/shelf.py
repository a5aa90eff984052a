"""Where a box keeps the bundles that it took, and what it decided about them.

    models/choice.json       what is in force, and what is tried
    models/status.json       what is said of the last update
    models/<digest>.zip      bundles that `choice.json` names; others are removed
    models/requested.zip     what somebody wants to be tried
    models/taken.zip         the same, from when it is looked at until it is tried or refused

A decision is on disk before it is carried out. `choice.json` is replaced at once: it is the old one or the new one.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from edge.bundle import Bundle
from edge.errors import ModelError
from edge.events.clock import rfc3339
from edge.system.stored import from_fields

FOLDER: Final = "models"
CHOICE: Final = "choice.json"
STATUS: Final = "status.json"
REQUEST: Final = "requested.zip"
TAKEN: Final = "taken.zip"
"""What is found here at a start has ended the process that looked at it: it is not looked at again."""
UNFINISHED: Final = ".unfinished"

Tell = Callable[[str, str], object]
"""Takes a bundle's digest, and why it is not, or no more, in force."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was decided."""

    instead_of: str = ""
    """Digest of the configured bundle for which the rest holds: another configured one ends it."""
    in_force: str | None = None
    """Digest of the update that has proven itself; None: the configured bundle."""
    trial: str | None = None
    """Digest of the update that has still to do so."""
    begun: bool = False
    """Whether the trial was begun: a start that finds this was preceded by a crash or a power cut."""
    shares: dict[str, float] = field(default_factory=dict[str, float])
    """By camera, of those that delivered before the trial: the share of the bundle's rate that was judged."""
    newest_at: str | None = None
    """`created_at` of the newest update that has proven itself, whatever came after."""


class Shelf:
    """The folder. One process uses it at a time, but for `status` and `request`."""

    def __init__(self, state_dir: Path) -> None:
        """Prepare; nothing is read yet."""
        self.folder = state_dir / FOLDER

    def choice(self) -> Choice:
        """Return the last decision; none where there is none that can be read."""
        try:
            return from_fields(Choice, json.loads((self.folder / CHOICE).read_bytes()))
        except (OSError, ValueError):
            return Choice()

    def decide(self, choice: Choice) -> None:
        """Put a decision on disk, and remove the bundles that it does not name.

        Raises:
            OSError: the disk refuses; the decision before it holds.
        """
        write(self.folder / CHOICE, json.dumps(asdict(choice)).encode())
        named = {choice.in_force, choice.trial}
        with contextlib.suppress(OSError):
            for path in self.folder.glob("*.zip"):
                if path.stem not in named and path.name not in (REQUEST, TAKEN):
                    path.unlink()

    def put(self, bundle: Bundle, content: bytes) -> None:
        """Keep a bundle's file.

        Raises:
            OSError: the disk refuses.
        """
        write(self.path_of(bundle.digest), content)

    def load(self, digest: str) -> Bundle:
        """Read a bundle that was put here.

        Raises:
            ModelError: it is gone, damaged or another.
        """
        bundle = Bundle.load(self.path_of(digest))
        if bundle.digest != digest:
            raise ModelError(f"{self.path_of(digest)}: is another bundle; send it again")
        return bundle

    def path_of(self, digest: str) -> Path:
        """Return where a bundle lies."""
        return self.folder / f"{digest}.zip"

    def status(self) -> dict[str, Any]:
        """Return what was last said; {} where nothing was."""
        try:
            fields: object = json.loads((self.folder / STATUS).read_bytes())
        except (OSError, ValueError):
            return {}
        return cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}

    def say(self, status: dict[str, Any]) -> None:
        """Keep what is said of an update. A disk that refuses keeps what it has."""
        with contextlib.suppress(OSError):
            write(self.folder / STATUS, json.dumps(status).encode())


def candidates(shelf: Shelf, configured: Bundle, tell: Tell) -> Iterator[tuple[Bundle, bool]]:
    """Yield what a start may run, the best first, and whether it is on trial; the last is the configured bundle.

    Whoever asks for the next one says that the one before it does not work.

    Args:
        shelf: of the box.
        configured: what the configuration names.
        tell: hears why an update is not, or no more, in force.
    """
    choice = shelf.choice()
    if choice.instead_of != configured.digest:
        choice = Choice(configured.digest, newest_at=choice.newest_at)
    if choice.trial is not None:
        fault = "the box stopped before it had proven itself; send it again" if choice.begun else None
        fault = fault or _begin(shelf, choice)
        if fault is None:
            with contextlib.suppress(ModelError):
                yield shelf.load(choice.trial), True
            fault = "it cannot be opened"
        tell(choice.trial, fault)
        choice = replace(choice, trial=None, begun=False, shares={})
    if choice != shelf.choice():
        with contextlib.suppress(OSError):  # the next start decides the same
            shelf.decide(choice)
    if choice.in_force is not None:
        try:
            yield shelf.load(choice.in_force), False
            fault = "it cannot be opened any more"
        except ModelError as error:
            fault = str(error)
        tell(choice.in_force, fault)
    yield configured, False


def _begin(shelf: Shelf, choice: Choice) -> str | None:
    """Note that a trial begins; return why it must not."""
    try:
        shelf.decide(replace(choice, begun=True))
    except OSError as error:
        return f"the disk refuses ({error.strerror}), so that a crash could not be told"
    return None


def status_fields(
    before: Mapping[str, Any], state: str, bundle: Bundle | None, reason: str | None, *, may_pass: bool = False
) -> dict[str, Any]:
    """Return the payload of the `update` topic.

    Args:
        before: what was said last; of the same update.
        state: `receiving`, `checked`, `shadow`, `trial`; at last `proven`, `refused` or `rolled back`.
        bundle: as far as it could be read.
        reason: why it came to this.
        may_pass: whether it has to do with the moment, not with the update: another day it may be taken.
    """
    return {
        "state": state,
        "since": rfc3339(datetime.now(UTC)),
        "file": before.get("file"),
        "bundle": before.get("bundle") if bundle is None else {"name": bundle.spec.name, "sha256": bundle.digest},
        "reason": reason,
        "may_pass": may_pass,
    }


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file by one that is whole and on disk.

    Raises:
        OSError: the disk refuses.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + UNFINISHED)
    with unfinished.open("wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
