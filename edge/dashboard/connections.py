"""Connections whose request does not come, or does not end: they are cut, so that there is room for those that ask."""

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S: Final = 10.0
"""Until a request has come, body and all."""
MAX_PENDING: Final = 100
"""Connections at a time whose request has not come; a browser opens six, and asks at once."""


class HurriedLoop(asyncio.SelectorEventLoop):
    """Gives the beginning and the end of TLS as long as a request; by itself asyncio waits for minutes."""

    async def create_server(self, *args: Any, **kwargs: Any) -> asyncio.Server:  # pyright: ignore[reportIncompatibleMethodOverride]
        if kwargs.get("ssl") is not None:
            kwargs |= {"ssl_handshake_timeout": REQUEST_S, "ssl_shutdown_timeout": REQUEST_S}
        return await super().create_server(*args, **kwargs)


def hurried(request_s: float = REQUEST_S) -> type[H11Protocol]:
    """Return a class of connections, for uvicorn, that know of each other who has waited longest.

    Args:
        request_s: how long a connection may take to ask.
    """
    pending: dict[H11Protocol, asyncio.TimerHandle] = {}

    class Hurried(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            super().connection_made(transport)
            self._count()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._count()

        def connection_lost(self, exc: Exception | None) -> None:
            self._has_asked()
            super().connection_lost(exc)

        def _count(self) -> None:
            # Between two requests uvicorn's own, shorter time runs.
            is_whole = self.conn.their_state not in (h11.IDLE, h11.SEND_BODY)
            if is_whole or self.timeout_keep_alive_task is not None:
                self._has_asked()
            elif self not in pending:
                pending[self] = self.loop.call_later(request_s, self.transport.abort)
                if len(pending) > MAX_PENDING:
                    oldest = next(iter(pending))
                    pending.pop(oldest).cancel()
                    oldest.transport.abort()

        def _has_asked(self) -> None:
            if (timer := pending.pop(self, None)) is not None:
                timer.cancel()

    return Hurried
