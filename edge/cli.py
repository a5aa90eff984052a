"""The command `edge`, where errors become exit codes.

Heavy libraries are imported by the commands that need them, so that help and refusals are quick.
"""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.commands.options import Command, configuration, make_parser, split_password
from edge.errors import INTERRUPTED_EXIT_CODE, ConfigurationError, EdgewatchError
from edge.fleet.commands import add_commands as add_fleet_commands
from edge.system.heap import drop_code, share_heap
from edge.system.interruption import Interruption, start_again
from edge.updates.commands import add_commands as add_update_commands

if TYPE_CHECKING:  # heavy
    from edge.config import Config


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    interruption = Interruption()
    try:
        with interruption.installed():
            options = make_parser(_commands(), further=_add_further).parse_args(arguments)
            return options.command(options, interruption)
    except EdgewatchError as error:
        _say(f"edge: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED_EXIT_CODE
    except BrokenPipeError:  # whoever read our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _commands() -> dict[str, Command]:
    return {
        "run": _run,
        "check": _check,
        "mask": _mask,
        "bench": _bench,
        "test-alarm": _test_alarm,
        "dashboard": _dashboard,
        "notify": _notify,
    }


def _add_further(commands: Any) -> None:
    add_fleet_commands(commands)
    add_update_commands(commands)


def _run(options: argparse.Namespace, interruption: Interruption) -> int:
    starts_again = False
    share_heap()
    with contextlib.ExitStack() as stack:
        config, password = _settings(options, stack)
        from edge.config.updates import UpdatesConfig  # noqa: PLC0415 - heavy
        from edge.wiring import open_box  # noqa: PLC0415

        drop_code()
        # A recording that is read as fast as possible is over before news of the connection helps anyone.
        is_quiet = options.source is not None and not options.realtime
        if options.source is not None:
            config = config.model_copy(update={"updates": UpdatesConfig()})  # a recording is no place to try models
        box = open_box(config, password, options.events, stack, tell_of_connection=not is_quiet)
        drop_code()  # once more: the model's runtime has been loaded
        if options.source is None:
            starts_again = box.watch_for_ever(interruption)
        else:
            box.watch_once(options.camera, interruption)
    if starts_again and not interruption:
        start_again()
    return interruption.exit_code


def _check(options: argparse.Namespace, interruption: Interruption) -> int:
    from edge.commands.check import check  # noqa: PLC0415 - heavy
    from edge.config import broker_password  # noqa: PLC0415

    url, password = split_password(options.broker)
    return check(
        lambda: configuration(options, url),
        lambda: broker_password() if password is None else password,
        interruption,
        print,
    )


def _mask(options: argparse.Namespace, interruption: Interruption) -> int:
    from edge.commands.drawing import draw_camera  # noqa: PLC0415
    from edge.config import load  # noqa: PLC0415 - heavy

    cameras = load(options.config).cameras
    if options.camera not in cameras:
        raise ConfigurationError(f"{options.config}: no camera {options.camera!r}; there are {', '.join(cameras)}")
    out = options.out or Path(f"{options.camera}.png")
    print(draw_camera(options.camera, cameras[options.camera], out))
    return interruption.exit_code


def _test_alarm(options: argparse.Namespace, _interruption: Interruption) -> int:
    from edge.commands.trial import try_alarm  # noqa: PLC0415 - heavy
    from edge.config import broker_password, load  # noqa: PLC0415

    said = try_alarm(load(options.config), broker_password(), options.camera, options.label)
    print(f"{options.camera} {options.label}: {said}")
    return 0


def _bench(options: argparse.Namespace, _interruption: Interruption) -> int:
    from edge.bundle import BUILTIN, Bundle  # noqa: PLC0415
    from edge.commands.bench import bench  # noqa: PLC0415 - heavy
    from edge.commands.capacity import SAMPLE, describe  # noqa: PLC0415

    bundle = Bundle.load(options.bundle or BUILTIN)
    figures = bench(bundle, options.threads, options.seconds, options.source or str(SAMPLE))
    if options.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        if not isinstance(value, list):  # the single rounds are for machines
            print(f"{name:<28} {'-' if value is None else value}")
    print(f"\n{describe(figures['carried'])}")
    return 0


def _dashboard(options: argparse.Namespace, interruption: Interruption) -> int:
    try:
        from edge.dashboard.serving import serve  # noqa: PLC0415 - an extra
        from edge.dashboard.settings import load  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"dashboard: {error.name} is not installed; install the extra: pip install 'edgewatch[dashboard]'"
        ) from error
    url, password = split_password(options.broker)
    serve(load(options.config, broker=url, listen=options.listen, state_dir=options.state_dir), password)
    return interruption.exit_code


def _notify(options: argparse.Namespace, interruption: Interruption) -> int:
    try:
        from edge.notify.serving import serve  # noqa: PLC0415 - an extra
        from edge.notify.settings import load  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"notify: {error.name} is not installed; install the extra: pip install 'edgewatch[notify]'"
        ) from error
    serve(load(options.config), interruption, test=options.test)
    return interruption.exit_code


def _settings(options: argparse.Namespace, stack: contextlib.ExitStack) -> tuple["Config", str | None]:
    """Return what to run, and the broker's password. Starts the demo broker, where it is asked for."""
    from edge.config import PASSWORD_VARIABLE, broker_password  # noqa: PLC0415 - heavy

    url, password = split_password(options.broker)
    if password is not None:
        _say(f"edge: a password on the command line is seen by every user of this machine; use {PASSWORD_VARIABLE}")
    if options.demo_broker:
        from edge.commands.demo_broker import demo_broker  # noqa: PLC0415 - an extra

        if url is not None:
            raise ConfigurationError("--demo-broker and --broker exclude each other; give one of them")
        url = stack.enter_context(demo_broker())
        _say(f"demo broker: {url}")
    config = configuration(options, url)
    if options.demo_broker and config.broker is not None:
        config = config.model_copy(update={"broker": config.broker.model_copy(update={"version": "3.1.1"})})
    if not config.cameras:
        raise ConfigurationError("nothing to watch; give --source, or --config with a file that names cameras")
    if options.source is None and config.broker is None:
        raise ConfigurationError(f"{options.config}: broker: missing; add a table [broker] with its url")
    return config, broker_password() if password is None else password


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
