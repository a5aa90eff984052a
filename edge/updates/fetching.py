"""`edge update --fetch`: looks whether there is a new model at `updates.url`. A timer of systemd runs it once a day."""

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from http.client import HTTPException, HTTPMessage
from typing import IO, Final

from edge.config import Config
from edge.config.updates import key_bytes
from edge.errors import ConfigurationError, ModelError
from edge.updates.asking import NotNowError, hand_over
from edge.updates.shelf import Shelf, write
from edge.updates.signing import MAX_FILE_BYTES, digest_of, load_signed

SEEN: Final = "fetched.json"
TIMEOUT_S: Final = 60.0
"""Of a silent server."""
DEADLINE_S: Final = 1800.0
"""Of all of it: the largest file at 300 kbit/s."""
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
    try:
        if not _is_known(shelf, content, key_bytes(config.updates.public_key or ""), report):
            hand_over(content, config.state_dir, report)
    except NotNowError:
        raise  # it is fetched and tried again
    except ModelError:
        _see(shelf, url, tag)  # what was refused for good is not fetched again
        raise
    _see(shelf, url, tag)


class _StaysEncrypted(urllib.request.HTTPRedirectHandler):
    """Follows to other addresses that begin with https:// only."""

    def redirect_request(  # noqa: PLR0917 - the base has them
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.startswith("https://"):
            fp.close()
            raise urllib.error.URLError(f"it is said to lie at {newurl.partition(':')[0]}:, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _fetch(url: str, tag: str | None) -> tuple[bytes | None, str | None]:
    """Do `_fetch_slowly` within the deadline: a server that sends a byte now and then is never silent, and would be
    waited for without end."""
    fetched: Future[tuple[bytes | None, str | None]] = Future()

    def run() -> None:
        try:
            fetched.set_result(_fetch_slowly(url, tag))
        except BaseException as error:  # noqa: BLE001 - is raised where it is waited for
            fetched.set_exception(error)

    threading.Thread(target=run, name="fetch", daemon=True).start()
    try:
        return fetched.result(DEADLINE_S)
    except TimeoutError:
        raise ConfigurationError(
            f"updates.url: {url}: did not come in {DEADLINE_S:.0f} s; trying again later"
        ) from None


def _fetch_slowly(url: str, tag: str | None) -> tuple[bytes | None, str | None]:
    """Return the content, or None where it has not changed, and the server's name for this version of it."""
    request = urllib.request.Request(url, headers={"If-None-Match": tag} if tag else {})  # noqa: S310 - https, see url
    try:
        with urllib.request.build_opener(_StaysEncrypted).open(request, timeout=TIMEOUT_S) as answer:
            content = answer.read(MAX_FILE_BYTES + 1)
            tag = answer.headers.get("ETag")
    except urllib.error.HTTPError as error:
        if error.code == NOT_MODIFIED:
            return None, tag
        raise ConfigurationError(f"updates.url: {url}: {error.code} {error.reason}; correct it") from error
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ConfigurationError(f"updates.url: {url}: cannot be fetched ({reason}); trying again later") from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigurationError(f"updates.url: {url}: is over {MAX_FILE_BYTES >> 20} MiB; no bundle is as large")
    return content, tag


def _is_known(shelf: Shelf, content: bytes, key: bytes, report: Callable[[str], object]) -> bool:
    """Whether it is in force, or was tried before with an end that will not be another one.

    Raises:
        ModelError: it is not signed by this key, or is no bundle.
    """
    status = shelf.status()
    if status.get("file") == digest_of(content) and not status.get("may_pass"):
        report(f"was tried already: {status.get('state')}")
        return True
    if load_signed(content, key).digest == shelf.choice().in_force:
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
