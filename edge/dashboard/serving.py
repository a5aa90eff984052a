"""Runs the dashboard: subscriber and web server, until a signal."""

import asyncio
import json
import secrets
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from types import FrameType
from typing import Any, Final

import uvicorn

from edge.config import broker_password
from edge.dashboard.application import Application
from edge.dashboard.connections import HurriedLoop, hurried
from edge.dashboard.desk import FILTERS, UNQUEUED_FILTERS, Desk
from edge.dashboard.guard import Keys
from edge.dashboard.history import History
from edge.dashboard.settings import DashboardConfig, check_reach, dashboard_password
from edge.errors import ConfigurationError, EdgewatchError
from edge.mqtt.subscriber import Subscriber, Subscription

GRACE_S: Final = 2
BACKLOG: Final = 128
POLL_S: Final = 1.0


class _Server(uvicorn.Server):
    """Lets go of the open pages first: their streams have no end of their own."""

    end_streams: Callable[[], None]
    failure: BaseException | None = None
    """What ended it, other than a signal: a page that hears nothing, or tells nothing, must not stay open."""

    def ended_by(self, task: asyncio.Task[None]) -> None:
        """End because a task has failed that never should."""
        if not task.cancelled():
            self.failure = task.exception()
            self.end_streams()
            self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.end_streams()
        super().handle_exit(sig, frame)


def serve(config: DashboardConfig, mqtt_password: str | None) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        config: the whole file.
        mqtt_password: from the command line's URL; None takes that of the environment.

    Raises:
        ConfigurationError: address, history or certificate cannot be used.
        EdgewatchError: the address cannot be used now.
    """
    password = dashboard_password()
    check_reach(config, password)
    with closing(History(config.state_dir, config.max_events, config.max_picture_bytes, _say)) as history:
        desk = Desk(history)
        keys = None if password is None else _keys(password, history)
        subscription = Subscription(
            f"edgewatch-dashboard-{history.setting('client', secrets.token_hex(8))}",
            FILTERS if config.state_dir is not None else (),
            UNQUEUED_FILTERS if config.state_dir is not None else (*FILTERS, *UNQUEUED_FILTERS),
        )

        def connected(fault: str | None) -> None:
            desk.connected(fault)
            if fault is None:
                desk.repeat_answers(subscriber.send)

        subscriber = Subscriber(
            config.broker,
            mqtt_password or broker_password(),
            subscription,
            receive=desk.receive,
            connected=connected,
            report=_say,
        )
        with _listening(config) as listener:
            server = _server(config, Application(desk, subscriber.send, config, keys), desk, subscriber, listener)
            with asyncio.Runner(loop_factory=HurriedLoop) as runner:
                runner.run(server.serve([listener]))
        if server.failure is not None:
            raise server.failure


def _keys(password: str, history: History) -> Keys:
    ended = json.loads(history.setting("ended", "[]"))
    return Keys(
        password,
        history.setting("secret", secrets.token_hex()),
        ended,
        lambda sessions: history.put("ended", json.dumps(sessions)),
    )


async def _ear(subscriber: Subscriber) -> None:
    """Raise what ends the subscriber's thread."""
    while True:
        subscriber.check()
        await asyncio.sleep(POLL_S)


def _listening(config: DashboardConfig) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
        return socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)
    except PermissionError as error:
        raise ConfigurationError(f"listen: {config.listen}: {error.strerror}; choose another address") from error
    except OSError as error:  # of a network that is not up yet, or a program that goes: another start may do better
        raise EdgewatchError(f"listen: {config.listen}: {error.strerror}; choose another address") from error


def _server(
    config: DashboardConfig, application: Application, desk: Desk, subscriber: Subscriber, listener: socket.socket
) -> _Server:
    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncGenerator[None]:
        tasks = [asyncio.create_task(task) for task in (desk.hub.run(), _ear(subscriber))]
        for task in tasks:
            task.add_done_callback(server.ended_by)
        scheme = "http" if config.certificate_file is None else "https"
        host = f"[{config.host}]" if ":" in config.host else config.host
        _say(f"dashboard: {scheme}://{host}:{listener.getsockname()[1]}/")
        subscriber.start()
        yield
        await asyncio.to_thread(subscriber.close)
        for task in tasks:
            task.cancel()

    try:
        settings = uvicorn.Config(
            application.asgi(lifespan=lifespan),
            http=hurried(),
            ws="none",
            loop="asyncio",
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=config.behind_proxy is not None,
            forwarded_allow_ips="127.0.0.1",
            timeout_graceful_shutdown=GRACE_S,
            ssl_certfile=config.certificate_file,
            ssl_keyfile=config.key_file,
        )
        settings.load()
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(f"{config.certificate_file}: no certificate with its key ({error})") from error
    server = _Server(settings)
    server.end_streams = desk.hub.end
    return server


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
