"""`edge update --fetch`: looks whether there is a new model at `updates.url`. A timer of systemd runs it once a day."""

import contextlib
import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge.bundle import MANIFEST, reader
from edge.config import Config
from edge.errors import ConfigurationError, ModelError
from edge.updates.asking import update_by_file
from edge.updates.shelf import Shelf, write
from edge.updates.signing import MAX_FILE_BYTES

FETCHED: Final = "fetched.zip"
SEEN: Final = "fetched.json"
TIMEOUT_S: Final = 60.0
NOT_MODIFIED: Final = 304


def update_by_fetching(config: Config, report: Callable[[str], object]) -> None:
    """Fetch what lies at `updates.url`, where it is new, and hand it to the daemon; return when it is in force.

    Args:
        config: of the daemon.
        report: takes lines about what happens.

    Raises:
        ConfigurationError: it cannot be fetched, or no daemon takes it.
        ModelError: it was refused or rolled back.
    """
    url = config.updates.url
    if url is None:
        report("updates.url is not set; nothing to fetch")
        return
    if config.state_dir is None:
        raise ConfigurationError("state_dir: is not set, so the daemon cannot be reached; set it")
    shelf = Shelf(config.state_dir)
    content, tag = _fetch(url, _seen_tag(shelf, url))
    if content is None:
        report("nothing new")
        return
    path = shelf.folder / FETCHED
    try:
        write(path, content)
        if not _is_known(shelf, path, content, report):
            update_by_file(path, config.state_dir, report)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written ({error.strerror}); be the daemon's user") from error
    except ModelError:
        _see(shelf, url, tag)  # what was refused once is not fetched again
        raise
    finally:
        path.unlink(missing_ok=True)
    _see(shelf, url, tag)


def _fetch(url: str, tag: str | None) -> tuple[bytes | None, str | None]:
    """Return the content, or None where it has not changed, and the server's name for this version of it."""
    request = urllib.request.Request(url, headers={"If-None-Match": tag} if tag else {})  # noqa: S310 - https, see url
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            content = answer.read(MAX_FILE_BYTES + 1)
            tag = answer.headers.get("ETag")
    except urllib.error.HTTPError as error:
        if error.code == NOT_MODIFIED:
            return None, tag
        raise ConfigurationError(f"updates.url: {url}: {error.code} {error.reason}; correct it") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ConfigurationError(f"updates.url: {url}: cannot be fetched ({reason}); trying again later") from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigurationError(f"updates.url: {url}: is over {MAX_FILE_BYTES >> 20} MiB; no bundle is as large")
    return content, tag


def _is_known(shelf: Shelf, path: Path, content: bytes, report: Callable[[str], object]) -> bool:
    """Whether it is in force, or was tried before."""
    status = shelf.status()
    if status.get("file") == hashlib.sha256(content).hexdigest():
        report(f"was tried already: {status.get('state')}")
        return True
    if hashlib.sha256(reader(path)(MANIFEST)).hexdigest() == shelf.choice().in_force:
        report("is in force already")
        return True
    return False


def _seen_tag(shelf: Shelf, url: str) -> str | None:
    try:
        seen = json.loads((shelf.folder / SEEN).read_bytes())
        return seen["tag"] if seen["url"] == url else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _see(shelf: Shelf, url: str, tag: str | None) -> None:
    if tag is None:
        return
    with contextlib.suppress(OSError):  # then it is fetched again
        write(shelf.folder / SEEN, json.dumps({"url": url, "tag": tag}).encode())
