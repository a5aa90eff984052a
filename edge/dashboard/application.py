"""The web application: a page, what it asks for, and what it may say."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.responses import StreamingResponse as Stream
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from edge.dashboard.desk import Answer, Desk, Outlet
from edge.dashboard.guard import COOKIE, SESSION_S, Brake, Guard, Keys, cookie_of
from edge.dashboard.history import Wanted
from edge.dashboard.settings import DashboardConfig
from edge.mqtt.incoming import ROOT, read_object

STATIC: Final = Path(__file__).with_name("static")
PAGE_EVENTS: Final = 50
PICTURES: Final = {"snapshot": "image/jpeg", "clip": "video/webm"}
ANSWERS: Final = {"seen": "seen", "false_alarm": "false_alarm"}
MS_PER_S: Final = 1000
MAX_INTEGER: Final = 2**63 - 1
"""Of SQLite."""
COMPRESSION: Final = 4
"""Of gzip: twice as quick as its best, and hardly longer."""


class Application:
    """Answers requests from what the desk knows."""

    def __init__(self, desk: Desk, send: Outlet, config: DashboardConfig, keys: Keys | None) -> None:
        self._desk = desk
        self._send = send
        self._config = config
        self._keys = keys
        self._brake = Brake()

    def asgi(self, **options: Any) -> Starlette:
        """Return the application, guarded. `options` are Starlette's."""
        guard = Middleware(Guard, keys=self._keys, origin=self._config.behind_proxy, loopback=self._config.is_loopback)
        routes = [
            Route("/", self._page),
            Route("/login", self._login, methods=["GET", "POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/api/state", self._state),
            Route("/api/stream", self._stream),
            Route("/api/events", self._events),
            Route("/api/events/{box}/{id}", self._card),
            Route("/api/events/{box}/{id}/{kind}", self._picture),
            Route("/api/commands", self._command, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
        return Starlette(
            routes=routes, middleware=[guard, Middleware(GZipMiddleware, compresslevel=COMPRESSION)], **options
        )

    async def _page(self, _request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def _login(self, request: Request) -> Response:
        if self._keys is None:
            return RedirectResponse("/", 303)
        if request.method == "GET":
            return FileResponse(STATIC / "login.html")
        address = request.client.host if request.client else ""
        password = parse_qs((await request.body()).decode(errors="replace")).get("password", [""])[0]
        # From here to the note of a wrong one nothing is awaited: passwords that come together are not all compared.
        if (wait_s := self._brake.wait_s(address)) > 0:
            headers = {"retry-after": str(round(wait_s) + 1)}
            return PlainTextResponse(f"Too many wrong passwords. Try again in {wait_s:.0f} s.", 429, headers)
        if not self._keys.fits(password):
            self._brake.wrong(address)
            return HTMLResponse((STATIC / "login.html").read_text("utf-8").replace(" hidden>", ">"), 403)
        self._brake.right(address)
        answer = RedirectResponse("/", 303)
        is_secure = self._config.certificate_file is not None or (self._config.behind_proxy or "").startswith("https:")
        answer.set_cookie(COOKIE, self._keys.cookie(), SESSION_S, httponly=True, samesite="lax", secure=is_secure)
        return answer

    async def _logout(self, request: Request) -> Response:
        if self._keys is not None:
            await asyncio.to_thread(self._keys.end, cookie_of(request.headers))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE)
        return answer

    async def _state(self, _request: Request) -> Response:
        state = await asyncio.to_thread(self._desk.state)
        state |= {"read_only": self._config.read_only, "password": self._keys is not None}
        return JSONResponse(state)

    async def _stream(self, _request: Request) -> Response:
        messages = (f"data: {message}\n\n" async for message in self._desk.hub.listen())
        return Stream(messages, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def _events(self, request: Request) -> Response:
        try:
            wanted, day_ms = _wanted(request.query_params)
        except (ValueError, KeyError, OverflowError, OSError) as error:  # zones are files
            return JSONResponse({"error": f"no such filter: {error}"}, 400)
        return JSONResponse(await asyncio.to_thread(self._find, wanted, day_ms))

    def _find(self, wanted: Wanted, day_ms: int | None) -> dict[str, Any]:
        history = self._desk.history
        events = history.find(wanted, PAGE_EVENTS + 1)
        found: dict[str, Any] = {"events": events[:PAGE_EVENTS], "more": len(events) > PAGE_EVENTS}
        if wanted.before is None:
            found["count"] = history.count(wanted)
            if day_ms is not None:
                found["hours"] = history.hours(wanted, day_ms)
        return found

    async def _card(self, request: Request) -> Response:
        card = await asyncio.to_thread(self._desk.history.card, *_event_of(request))
        return JSONResponse({"error": "no such event"}, 404) if card is None else JSONResponse(card)

    async def _picture(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        content = await asyncio.to_thread(self._desk.history.picture, *_event_of(request), kind)
        if content is None or kind not in PICTURES:
            return JSONResponse({"error": "no such picture"}, 404)
        return Response(content, media_type=PICTURES[kind], headers={"cache-control": "private, max-age=86400"})

    async def _command(self, request: Request) -> Response:
        if self._config.read_only:
            return JSONResponse({"error": "this page is read only"}, 403)
        content = read_object(await request.body())
        if content is None:
            return JSONResponse({"error": "not a JSON object"}, 400)
        refusal = await asyncio.to_thread(self._carry_out, content)
        return JSONResponse({"error": refusal}, 409) if refusal else JSONResponse({})

    def _carry_out(self, fields: dict[str, Any]) -> str | None:
        """Return why a command cannot be sent, or None."""
        desk, send = self._desk, self._send
        match fields:
            case {"box": str(box), "id": str(event_id), "answer": "seen" | "false_alarm" as answer}:
                known = desk.acknowledge(send, box, event_id, cast("Answer", answer))
                return None if known else "there is no such event any more"
            case {"box": str(box), "camera": str(camera), "enabled": bool(on)} if desk.knows(box, camera):
                sent = send(f"{ROOT}/{box}/{camera}/enabled/set", "ON" if on else "OFF")
            case {
                "box": str(box),
                "camera": str(camera),
                "label": str(label),
                "threshold": int() | float() as value,
            } if desk.knows(box, camera, label) and 0 <= value <= 1:
                sent = send(f"{ROOT}/{box}/{camera}/{label}/threshold/set", f"{value:.4g}")
            case _:
                return "there is no such command, box or camera"
        return None if sent else "the broker is not connected; try again"


def _event_of(request: Request) -> tuple[str, str]:
    return request.path_params["box"], request.path_params["id"]


def _wanted(query: Mapping[str, str]) -> tuple[Wanted, int | None]:
    """Read the filters of a request.

    Returns:
        them, and the day's beginning in Unix ms, where a day is asked for.

    Raises:
        ValueError, KeyError: one is no filter.
    """
    first_ms = last_ms = None
    if day := query.get("day"):
        zone = ZoneInfo(query.get("zone") or "UTC")
        first = datetime.fromisoformat(day).replace(tzinfo=zone)
        first_ms, last_ms = (
            round(moment.astimezone(UTC).timestamp() * MS_PER_S) for moment in (first, first + timedelta(days=1))
        )
    before = None
    if mark := query.get("before"):
        started_ms, _, number = mark.partition(".")
        before = (int(started_ms), int(number))
        if max(map(abs, before)) > MAX_INTEGER:
            raise ValueError("before: out of range")
    get = partial(_given, query)
    wanted = Wanted(get("box"), get("camera"), get("label"), first_ms, last_ms, query.get("open") == "1", before)
    return wanted, first_ms


def _given(query: Mapping[str, str], name: str) -> str | None:
    return query.get(name) or None
