"""The commands `edge sign` and `edge update`."""

import argparse
from pathlib import Path
from typing import Any

from edge.errors import ConfigurationError
from edge.fleet.commands import add_broker, open_broker
from edge.system.interruption import Interruption

SIGN_EPILOG = """\
a key, once, away from the boxes and from this project's files:
  openssl genpkey -algorithm ed25519 -out model.key     keep it secret
  openssl pkey -in model.key -pubout                    its middle line goes into the boxes' configuration:
                                                        [updates] public_key = "..."
"""


def add_commands(commands: Any) -> None:
    """Describe the commands to argparse."""
    _add_sign(commands).set_defaults(command=_sign)
    _add_update(commands).set_defaults(command=_update)


def _add_sign(commands: Any) -> argparse.ArgumentParser:
    sign = commands.add_parser(
        "sign",
        help="sign a model bundle, so that boxes take it as an update",
        description="Write a bundle with the signature of your key (Ed25519).",
        epilog=SIGN_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sign.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle: directory or .zip")
    sign.add_argument("--key", type=Path, required=True, metavar="FILE", help="private key, PEM")
    sign.add_argument("--out", type=Path, required=True, metavar="FILE", help="the signed .zip")
    return sign


def _sign(options: argparse.Namespace, _interruption: Interruption) -> int:
    from edge.updates.signing import sign  # noqa: PLC0415 - heavy

    print(f"{options.out}: bundle {sign(options.bundle, options.key, options.out)}")
    return 0


def _add_update(commands: Any) -> argparse.ArgumentParser:
    update = commands.add_parser(
        "update",
        help="have a box try a signed model bundle, and keep it if it proves itself",
        description="Hand a signed bundle to the daemon of this machine (--config) or to a box of a broker (--broker, "
        "--device), and wait for what becomes of it. It runs beside the model in force first; the former one comes "
        "back when inference fails or the rate drops. Ctrl-C ends only the waiting.",
        epilog="Exit codes: 0 in force; 4 refused or rolled back, with the reason.",
    )
    update.add_argument("file", type=Path, nargs="?", metavar="FILE", help="made by edge sign")
    update.add_argument("--fetch", action="store_true", help="with --config: take what is new at updates.url instead")
    update.add_argument("--config", type=Path, metavar="FILE", help="the configuration of the daemon that runs here")
    add_broker(update, required=False)
    update.add_argument("--device", metavar="NAME", help="the box, where there is a broker")
    return update


def _update(options: argparse.Namespace, _interruption: Interruption) -> int:
    if (options.config is None) == (options.broker is None) or (options.broker is None) != (options.device is None):
        raise ConfigurationError("give --config, or --broker with --device; see edge update --help")
    if (options.file is None) != options.fetch or (options.fetch and options.config is None):
        raise ConfigurationError("give a FILE, or --fetch with --config; see edge update --help")
    if options.config is None:
        _update_by_mqtt(options)
    else:
        _update_here(options)
    return 0


def _update_here(options: argparse.Namespace) -> None:
    from edge.config import load  # noqa: PLC0415 - heavy
    from edge.updates.asking import update_by_file  # noqa: PLC0415
    from edge.updates.fetching import update_by_fetching  # noqa: PLC0415

    config = load(options.config)
    if options.fetch:
        update_by_fetching(config, _say)
    else:
        update_by_file(options.file, config.state_dir, _say)


def _update_by_mqtt(options: argparse.Namespace) -> None:
    from edge.mqtt.connection import Connection  # noqa: PLC0415 - heavy
    from edge.mqtt.topics import Topics  # noqa: PLC0415
    from edge.updates.asking import update_by_mqtt  # noqa: PLC0415

    broker, password = open_broker(options)
    connection = Connection(broker, password, "")
    try:
        update_by_mqtt(options.file, connection, Topics(options.device).base, _say)
    finally:
        connection.close()


def _say(state: str) -> None:
    print(state, flush=True)
