"""The command `edge`. The only place that wires concrete parts together, and where errors become exit codes.

Heavy libraries are imported by the commands that need them, so that help and refusals are quick.
"""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import INTERRUPTED_EXIT_CODE, ConfigurationError, EdgewatchError
from edge.interruption import Interruption
from edge.options import configuration, make_parser, split_password

if TYPE_CHECKING:  # heavy; the commands import them when they run
    from edge.bundle import AlertSpec
    from edge.config import Config
    from edge.health.stats import Stats
    from edge.model import Model
    from edge.pipeline import Watcher
    from edge.watching import Outlets

Report = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    interruption = Interruption()
    try:
        with interruption.installed():
            options = make_parser(_run, _check, _bench).parse_args(arguments)
            return options.command(options, interruption)
    except EdgewatchError as error:
        _say(f"edge: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED_EXIT_CODE
    except BrokenPipeError:  # whoever read our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(options: argparse.Namespace, interruption: Interruption) -> int:
    with contextlib.ExitStack() as stack:
        config, password = _settings(options, stack)
        # A recording that is read as fast as possible is over before news of the connection helps anyone.
        report = _say if options.source is None or options.realtime else _say_nothing
        box = _open_box(config, password, options.events, report, stack)
        if options.source is None:
            box.watch_for_ever(interruption)
        else:
            box.watch_once(options.camera, interruption)
    return interruption.exit_code


def _check(options: argparse.Namespace, interruption: Interruption) -> int:
    from edge.check import check  # noqa: PLC0415 - heavy
    from edge.config import broker_password  # noqa: PLC0415

    url, password = split_password(options.broker)
    return check(lambda: configuration(options, url), lambda: password or broker_password(), interruption, print)


def _bench(options: argparse.Namespace, _interruption: Interruption) -> int:
    from edge.bench import bench  # noqa: PLC0415 - heavy
    from edge.bundle import BUILTIN, Bundle  # noqa: PLC0415

    figures = bench(Bundle.load(options.bundle or BUILTIN), threads=options.threads, seconds=options.seconds)
    if options.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        if not isinstance(value, list):  # the single rounds are for machines
            print(f"{name:<28} {'-' if value is None else value}")
    return 0


def _settings(options: argparse.Namespace, stack: contextlib.ExitStack) -> tuple["Config", str | None]:
    """Return what to run, and the broker's password. Starts the demo broker, where it is asked for."""
    from edge.config import PASSWORD_VARIABLE, broker_password  # noqa: PLC0415 - heavy

    url, password = split_password(options.broker)
    if password is not None:
        _say(f"edge: a password on the command line is seen by every user of this machine; use {PASSWORD_VARIABLE}")
    if options.demo_broker:
        from edge.demo_broker import demo_broker  # noqa: PLC0415 - an extra

        if url is not None:
            raise ConfigurationError("--demo-broker and --broker exclude each other; give one of them")
        url = stack.enter_context(demo_broker())
        _say(f"demo broker: {url}")
    config = configuration(options, url)
    if not config.cameras:
        raise ConfigurationError("nothing to watch; give --source, or --config with a file that names cameras")
    if options.source is None and config.broker is None:
        raise ConfigurationError(f"{options.config}: broker: missing; add a table [broker] with its url")
    return config, password or broker_password()


@dataclass(frozen=True, slots=True)
class _Box:
    """The parts of a run, wired."""

    config: "Config"
    model: "Model"
    alerts: "dict[str, dict[str, AlertSpec]]"
    stats: "Stats"
    outlets: "Outlets"

    def watch_once(self, camera: str, interruption: Interruption) -> None:
        from edge.watching import watch_once  # noqa: PLC0415 - heavy

        watch_once(self.watcher(camera), self.outlets, self.stats.camera(camera), interruption, _say)

    def watch_for_ever(self, interruption: Interruption) -> None:
        from edge.daemon import CameraKeeper, run_daemon  # noqa: PLC0415 - heavy

        keepers = [
            CameraKeeper(name, partial(self.watcher, name), self.outlets, meter=self.stats.camera(name), report=_say)
            for name in self.config.cameras
        ]
        run_daemon(keepers, self.outlets, [], interruption)

    def watcher(self, camera: str) -> "Watcher":
        from edge.pipeline import Watcher  # noqa: PLC0415 - heavy
        from edge.realtime import Realtime  # noqa: PLC0415
        from edge.sources.opening import open_source  # noqa: PLC0415

        settings = self.config.cameras[camera]
        source = open_source(settings.source, settings.rate_hz)
        if settings.realtime and not source.live:
            source = Realtime(source)
        return Watcher(source, self.model, camera=camera, alerts=self.alerts[camera])


def _open_box(
    config: "Config", password: str | None, events: Path | None, report: Report, stack: contextlib.ExitStack
) -> _Box:
    """Open what a run needs, in the order in which it refuses: file of events, bundle, outbox; begin to connect."""
    from edge.bundle import BUILTIN, Bundle  # noqa: PLC0415 - heavy, as all below
    from edge.config import alert_specs  # noqa: PLC0415
    from edge.health.stats import Stats  # noqa: PLC0415
    from edge.model import open_model  # noqa: PLC0415
    from edge.sinks import JsonLines, Printer  # noqa: PLC0415
    from edge.watching import Outlets  # noqa: PLC0415

    lines = None if events is None else stack.enter_context(contextlib.closing(JsonLines(events)))
    bundle = Bundle.load(config.bundle or BUILTIN)
    alerts = {name: alert_specs(name, camera, bundle.spec) for name, camera in config.cameras.items()}
    model = open_model(bundle, config.threads)
    stats = Stats({"name": bundle.spec.name, "sha256": bundle.digest}, model.backend.name)
    others = [Printer(sys.stdout)]
    if config.broker is None:
        return _Box(config, model, alerts, stats, Outlets(None, lines, others))
    from edge.mqtt import outbox as waiting  # noqa: PLC0415 - needed only with a broker
    from edge.mqtt.publisher import Publisher  # noqa: PLC0415
    from edge.mqtt.store import Store  # noqa: PLC0415
    from edge.recovery import end_interrupted  # noqa: PLC0415

    store = stack.enter_context(contextlib.closing(Store(config.state_dir, waiting.SCHEMA, _say)))
    outbox = waiting.Outbox(store, config.outbox.max_events, config.outbox.max_bytes)
    publisher = Publisher(
        config.broker, password, device_id=config.device_id, outbox=outbox, report=report, stats=stats.payload
    )
    stats.add("outbox", outbox.fields)
    stats.add("mqtt", publisher.fields)
    for camera, specs in alerts.items():
        for label in specs:
            publisher.declare(camera, label)
    outlets = Outlets(publisher, lines, others)
    end_interrupted(outbox, outlets)
    publisher.start()
    stack.callback(publisher.close)
    return _Box(config, model, alerts, stats, outlets)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _say_nothing(_line: str) -> None:
    pass
