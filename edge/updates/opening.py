"""Which bundle a start runs: an update on trial, the one in force, or what the configuration names."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from edge.bundle import BUILTIN, Bundle
from edge.config import Config
from edge.errors import EdgewatchError
from edge.system.locking import lock
from edge.updates.shelf import Shelf, candidates, status_fields

Opened = TypeVar("Opened")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What runs, and why."""

    bundle: Bundle
    configured: str
    """Digest of the bundle that the configuration names."""
    on_trial: bool = False
    shelf: Shelf | None = None
    """Where updates lie; None where none are taken."""


def choose(
    config: Config, open_: Callable[[Bundle], Opened], opened: ExitStack, report: Callable[[str], object]
) -> tuple[Chosen, Opened]:
    """Open the best bundle that works. Where updates do not, the configured one is left.

    Args:
        config: of the box.
        open_: opens a bundle, or raises an EdgewatchError.
        opened: holds the lock of the folder of updates.
        report: takes a line about each update that is not, or no more, in force.

    Raises:
        EdgewatchError: of the configured bundle.
    """
    configured = Bundle.load(config.bundle or BUILTIN)
    shelf = _shelf(config, opened, report)
    if shelf is None:
        return Chosen(configured, configured.digest), open_(configured)

    def tell(digest: str, fault: str) -> None:
        report(f"update {digest[:12]}: rolled back: {fault}")
        shelf.say(status_fields(shelf.status(), "rolled back", None, fault))

    for bundle, on_trial in candidates(shelf, configured, tell):
        if bundle is configured:
            break
        try:
            return Chosen(bundle, configured.digest, on_trial, shelf), open_(bundle)
        except EdgewatchError as error:
            report(f"update {bundle.spec.name}: {error}")
    return Chosen(configured, configured.digest, shelf=shelf), open_(configured)


def _shelf(config: Config, opened: ExitStack, report: Callable[[str], object]) -> Shelf | None:
    """Take the folder of updates for this process."""
    if config.updates.public_key is None:
        return None
    if config.state_dir is None:
        report("updates: state_dir is not set, so none are taken; set it")
        return None
    shelf = Shelf(config.state_dir)
    try:
        opened.callback(os.close, lock(shelf.folder))
    except OSError as error:
        report(f"updates: {shelf.folder} cannot be used ({error.strerror}), so none are taken")
        return None
    return shelf
