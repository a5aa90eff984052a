"""The commands about boxes rather than pictures: `edge status`, `edge fault`, `edge first-boot`, `edge provision`."""

import argparse
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.commands.options import split_password
from edge.system.interruption import Interruption

if TYPE_CHECKING:  # imports pydantic
    from edge.config import BrokerConfig

CONFIGURATION_FOLDER = Path("/etc/edgewatch")
UNIT = "edgewatch.service"
QUIET_S = 2.0
"""The broker sends what it retains at once; when nothing has come for so long, that was all."""


def add_commands(commands: Any) -> None:
    """Describe the commands to argparse."""
    _add_status(commands).set_defaults(command=_status)
    _add_fault(commands).set_defaults(command=_fault)
    _add_first_boot(commands).set_defaults(command=_first_boot)
    _add_provision(commands).set_defaults(command=_provision)


def _add_status(commands: Any) -> argparse.ArgumentParser:
    status = commands.add_parser(
        "status",
        help="list all boxes of a broker",
        description="List all boxes that a broker knows: state, version, cameras, inferences a second of each, the "
        "last event since their start, and what is wrong with them.",
    )
    add_broker(status, required=True)
    status.add_argument("--json", action="store_true", help="print one JSON object a box")
    return status


def _status(options: argparse.Namespace, _interruption: Interruption) -> int:
    from edge.fleet.status import fleet_status, to_json_lines, to_table  # noqa: PLC0415 - heavy

    broker, password = open_broker(options)
    boxes = fleet_status(broker, password, QUIET_S, lambda line: print(f"edge: {line}", file=sys.stderr))
    print(*(to_json_lines(boxes) if options.json else to_table(boxes)), sep="\n")
    return 0


def _add_fault(commands: Any) -> argparse.ArgumentParser:
    fault = commands.add_parser(
        "fault",
        help="tell the broker that this box does not run, and why",
        description="Publish `offline` and the reason for a daemon that systemd gave up on. Started by "
        "edgewatch-failed@.service. Of a broken configuration the table [broker] is enough.",
    )
    fault.add_argument("--unit", default=UNIT, metavar="UNIT", help="what failed (default: %(default)s)")
    fault.add_argument("--config", type=Path, metavar="FILE", help="its configuration (default: by the unit's name)")
    fault.add_argument("--reason", metavar="TEXT", help="why (default: what the journal says)")
    return fault


def _fault(options: argparse.Namespace, _interruption: Interruption) -> int:
    from edge.config import broker_password  # noqa: PLC0415 - heavy
    from edge.config.salvage import salvage  # noqa: PLC0415
    from edge.errors import ConfigurationError  # noqa: PLC0415
    from edge.mqtt.fault import publish_fault  # noqa: PLC0415
    from edge.system.failure import why_failed  # noqa: PLC0415

    name = options.unit.removesuffix(".service").rpartition("@")[2]
    path = options.config or CONFIGURATION_FOLDER / f"{name}.toml"
    reason = options.reason or why_failed(options.unit, os.environ)
    print(reason)
    config = salvage(path)
    if config.broker is None:
        raise ConfigurationError(f"{path}: broker: missing, so nobody can be told; add a table [broker] with its url")
    publish_fault(config.broker, broker_password(), config.device_id, reason)
    return 0


def _add_first_boot(commands: Any) -> argparse.ArgumentParser:
    first_boot = commands.add_parser(
        "first-boot",
        help="apply the files of a box's boot partition",
        description="Check edgewatch.toml, passwords, network, authorized_keys and TLS files of the boot partition "
        "together, apply them, and move the secrets among them away. With a mistake the box keeps what it had. "
        "Runs at every boot of an image.",
    )
    first_boot.add_argument("--boot", type=Path, default=Path("/boot/firmware"), metavar="DIR", help="the partition")
    first_boot.add_argument("--data", type=Path, default=Path("/data/boot"), metavar="DIR", help="what is in force")
    first_boot.add_argument("--run", type=Path, default=Path("/run"), metavar="DIR", help="what the system reads")
    return first_boot


def _first_boot(options: argparse.Namespace, _interruption: Interruption) -> int:
    """Exit with 0 also after mistakes: the box goes on with what it had, and gets its network, whatever happens."""
    from edge.firstboot.apply import apply_boot_files  # noqa: PLC0415 - heavy
    from edge.firstboot.files import Mistake  # noqa: PLC0415
    from edge.firstboot.show import show  # noqa: PLC0415
    from edge.system.log import one_line  # noqa: PLC0415

    try:
        mistakes = apply_boot_files(options.boot, options.data)
    except Exception as error:  # noqa: BLE001 - without a network nobody could be told
        mistakes = [Mistake(options.boot.name, None, f"cannot be taken over ({one_line(error)})")]
    show(mistakes, options.data, options.run, Path("/"), socket.sethostname)
    for mistake in mistakes:
        print(f"boot partition: {mistake}; the box keeps what it had")
    return 0


def _add_provision(commands: Any) -> argparse.ArgumentParser:
    provision = commands.add_parser(
        "provision",
        help="make the boot partition's files of many boxes from one table",
        description="Write one folder a box from a CSV with the columns name, broker, cameras, and where they are "
        "wanted broker_password, camera_passwords, wifi, wifi_password, country, address, gateway, dns. Several "
        "cameras: hall=/dev/video0|attic=rtsp://user@host/path. The files are checked as the box will check them.",
    )
    provision.add_argument("table", type=Path, metavar="CSV", help="one row a box")
    provision.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets one folder a box")
    provision.add_argument(
        "--common", type=Path, metavar="DIR", help="files that every box gets: authorized_keys, ca.pem"
    )
    return provision


def _provision(options: argparse.Namespace, _interruption: Interruption) -> int:
    from edge.fleet.provision import provision  # noqa: PLC0415 - heavy

    for name in provision(options.table, options.out, options.common):
        print(options.out / name)
    return 0


def add_broker(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Describe the options that `open_broker` reads."""
    parser.add_argument(
        "--broker", metavar="URL", required=required, help="as of edge run; password in EDGEWATCH_MQTT_PASSWORD"
    )
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="certificates that the broker's is signed by")


def open_broker(options: argparse.Namespace) -> tuple["BrokerConfig", str | None]:
    """Return where to ask, and the password."""
    from edge.config import broker_password, parse  # noqa: PLC0415 - heavy

    url, password = split_password(options.broker)
    table = {"url": url} | ({"ca_file": options.ca_file} if options.ca_file else {})
    config = parse({"broker": table}, "command line").broker
    assert config is not None
    return config, broker_password() if password is None else password
