"""Who may see the page, and from where: before anything else looks at a request."""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from itsdangerous import BadSignature, TimestampSigner
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "edgewatch"
SESSION_S: Final = 30 * 24 * 3600
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
MAX_ADDRESSES: Final = 1000
MAX_ENDED: Final = 1000
"""Sessions that are remembered as logged out: more than anybody logs out in the time of one."""
LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
OPEN_PATHS: Final = frozenset({"/login", "/static/style.css", "/static/dark.css", "/static/icon.svg"})
"""What the login page itself needs."""
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
MAX_BODY_BYTES: Final = 4096
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with `no-referrer` browsers send a form without its origin
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Brake:
    """Slows down who tries passwords: each wrong one doubles the pause in which that address is not heard."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """By address: how many in a row, and until when it waits."""

    def wait_s(self, address: str) -> float:
        """Return how much longer an address has to wait."""
        return max(0.0, self._wrong.get(address, (0, 0.0))[1] - self._now_s())

    def wrong(self, address: str) -> None:
        """Take note of a wrong password."""
        count = self._wrong.get(address, (0, 0.0))[0] + 1
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(count - 1, 10))
        self._wrong[address] = (count, self._now_s() + pause_s)
        self._wrong.move_to_end(address)
        if len(self._wrong) > MAX_ADDRESSES:
            self._wrong.popitem(last=False)

    def right(self, address: str) -> None:
        """Forget what was wrong before."""
        self._wrong.pop(address, None)


class Keys:
    """The password, and the cookies that stand for it; a new password ends them all, logging out ends one."""

    def __init__(
        self, password: str, secret: str, ended: Sequence[str] = (), keep: Callable[[list[str]], None] = lambda _: None
    ) -> None:
        """Prepare.

        Args:
            password: of the page.
            secret: kept over restarts, so that nobody has to log in again.
            ended: sessions that were logged out, as they were kept.
            keep: keeps them.
        """
        self._password = hashlib.sha256(password.encode()).digest()
        self._signer = TimestampSigner(secret + self._password.hex(), digest_method=hashlib.sha256)
        self._ended = list(ended)
        self._keep = keep

    def fits(self, password: str) -> bool:
        """Compare in a time that tells nothing."""
        return hmac.compare_digest(self._password, hashlib.sha256(password.encode()).digest())

    def cookie(self) -> str:
        """Return the value of a new session's cookie."""
        return self._signer.sign(secrets.token_hex(16)).decode()

    def knows(self, cookie: str | None) -> bool:
        """Whether a cookie is one of ours, not too old, and not logged out."""
        session = self._session(cookie)
        return session is not None and session not in self._ended

    def end(self, cookie: str | None) -> None:
        """Have a cookie stand for nothing any more."""
        session = self._session(cookie)
        if session is not None and session not in self._ended:
            self._ended = [*self._ended, session][-MAX_ENDED:]
            self._keep(self._ended)

    def _session(self, cookie: str | None) -> str | None:
        try:
            return None if cookie is None else self._signer.unsign(cookie, max_age=SESSION_S).decode()
        except (BadSignature, UnicodeDecodeError):
            return None


class Guard:
    """Middleware: refuses foreign hosts, cross-site requests and who has no session; adds the headers."""

    def __init__(self, app: ASGIApp, *, keys: Keys | None, origin: str | None, loopback: bool) -> None:
        """Prepare.

        Args:
            app: what is guarded.
            keys: None asks for no password.
            origin: of the page behind a reverse proxy.
            loopback: whether only names of this machine are our own.
        """
        self._app = app
        self._keys = keys
        self._origin = origin
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-cache")
            await send(message)

        refusal = self._refusal(scope)
        with suppress(ClientDisconnect):  # in the middle of its request: nobody is there to be answered
            await (self._app if refusal is None else refusal)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not self._is_our_host(headers.get("host", "")):
            return JSONResponse({"error": "this is not the page's address"}, 421)
        if self._is_cross_site(scope, headers):
            return JSONResponse({"error": "requests of other sites are refused"}, 403)
        if "transfer-encoding" in headers or int(headers.get("content-length") or 0) > MAX_BODY_BYTES:
            return JSONResponse({"error": "too long"}, 413)
        return self._no_session(scope, headers)

    def _no_session(self, scope: Scope, headers: Headers) -> Response | None:
        if self._keys is None or scope["path"] in OPEN_PATHS:
            return None
        if self._keys.knows(cookie_of(headers)):
            return None
        if scope["path"] == "/":
            return RedirectResponse("/login", 303)
        return JSONResponse({"error": "log in"}, 401)

    def _is_our_host(self, host: str) -> bool:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        if name in LOOPBACK_NAMES:
            return True
        if self._origin is not None:
            return host.lower() == self._origin.partition("://")[2]
        return not self._loopback

    def _is_cross_site(self, scope: Scope, headers: Headers) -> bool:
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        here = f"{scope['scheme']}://{headers.get('host', '')}"
        ours = (here,) if self._origin is None else (here, self._origin)
        if scope["method"] not in SAFE_METHODS:
            return origin not in ours or site not in (None, "same-origin")
        if origin is not None and origin not in ours:
            return True
        is_visit = headers.get("sec-fetch-mode") == "navigate" and scope["path"] in ("/", "/login")
        return site in ("cross-site", "same-site") and not is_visit


def cookie_of(headers: Headers) -> str | None:
    """Return the value of our cookie, where there is one."""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE)
