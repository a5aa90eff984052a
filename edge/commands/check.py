"""`edge check`: configuration, bundle, cameras and broker, one line each."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge.bundle import BUILTIN, Bundle
from edge.config import Config, alert_specs
from edge.errors import ConfigurationError, EdgewatchError, ModelError
from edge.sources import decoded_frames
from edge.system.interruption import Interruption
from edge.system.locking import is_locked
from edge.system.timesync import is_clock_synchronized

if TYPE_CHECKING:  # imports paho
    from edge.mqtt.connection import Connection

Fact = Callable[[], str]
"""Answers what is fine, in a few words, or raises what is not."""
FOUND_DOWN_SLEEPS: Final = "found_down sleeps: draw rest_zones (edge mask), or say rest_zones = [] where nobody rests"


def check(
    load_config: Callable[[], Config],
    password: Callable[[], str | None],
    interruption: Interruption,
    report: Callable[[str], None],
) -> int:
    """Check everything that a run would need; go on after a fault.

    Args:
        load_config: reads the configuration.
        password: finds the broker's.
        interruption: ends the check between two lines.
        report: takes one line for every part.

    Returns:
        the exit code of the first fault, or 0.
    """
    codes: list[int] = []

    def line(part: str, fact: Fact) -> None:
        if interruption:
            return
        try:
            report(f"{part}: ok: {fact()}")
        except EdgewatchError as error:
            report(f"{part}: wrong: {error}")
            codes.append(error.exit_code)

    config: Config | None = None

    def read_configuration() -> str:
        nonlocal config
        config = load_config()
        return f"{len(config.cameras)} cameras, device {config.device_id}"

    line("configuration", read_configuration)
    if config is not None:
        for part, fact in _facts(config, password):
            line(part, fact)
    return codes[0] if codes else interruption.exit_code


def _facts(config: Config, password: Callable[[], str | None]) -> Iterator[tuple[str, Fact]]:
    yield "clock", _clock
    yield "bundle", lambda: _bundle(config)
    sees_people = _sees_people(config)
    for name in config.cameras:
        yield f"camera {name}", partial(_camera, config, name, sees_people=sees_people)
    if config.state_dir is not None:
        yield "state directory", partial(_state_dir, config.state_dir)
    if config.broker is not None:
        yield "broker", lambda: _broker(config, password())


def _clock() -> str:
    """A box watches with a wrong clock too: nobody who fell waits for the time."""
    if (is_synchronized := is_clock_synchronized()) is None:
        return "nobody here tells whether it is set from the network"
    return "set from the network" if is_synchronized else "not set from the network yet; times may be wrong"


def _bundle(config: Config) -> str:
    from edge.inference.model import open_model  # noqa: PLC0415 - heavy

    bundle = Bundle.load(config.bundle or BUILTIN)
    refused: list[str] = []
    model = open_model(bundle, config.threads, config.backends, config.edgetpu.model_dump(), refused.append)
    for name, camera in config.cameras.items():
        alert_specs(name, camera, bundle.spec)
    spec = bundle.spec
    warning = f"; warning: {spec.warning}" if spec.warning else ""
    told = "".join(f"; {line}" for line in refused) + warning
    precision = spec.networks.scene.precision
    return f"{spec.name}, {precision}, labels {', '.join(spec.labels)}, on {model.backend}{told}"


def _sees_people(config: Config) -> bool:
    """Whether the bundle does; one that cannot be read sees nobody, and its own line says what is wrong."""
    try:
        return Bundle.load(config.bundle or BUILTIN).spec.networks.people is not None
    except ModelError:
        return False


def _camera(config: Config, name: str, *, sees_people: bool) -> str:
    from edge.cameras.camera_source import camera_source  # noqa: PLC0415 - heavy

    source = camera_source(name, config.cameras[name], realtime=False)
    size = "no picture"
    for frame in decoded_frames(source):
        height, width, _ = frame.pixels.shape
        size = f"{width}x{height}"
        source.close()
    asleep = f"; {FOUND_DOWN_SLEEPS}" if sees_people and not config.cameras[name].finds_down else ""
    return f"{source.name}, {size}{asleep}"


def _state_dir(directory: Path) -> str:
    """Look from outside: the outbox may be in use by a daemon that runs."""
    existing = _existing(directory)
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{directory}: cannot be written by this user; check state_dir and its rights")
    return str(directory)


def _existing(directory: Path) -> Path:
    """Return the directory, or the nearest one in which it would be made."""
    return next(folder for folder in (directory, *directory.parents) if folder.exists())


def _broker(config: Config, password: str | None) -> str:
    from edge.mqtt.connection import Connection  # noqa: PLC0415 - only where it is needed
    from edge.mqtt.echo import prove_arrival  # noqa: PLC0415
    from edge.mqtt.topics import Topics  # noqa: PLC0415

    assert config.broker is not None
    # Not the box's own id: that would end the connection of a daemon that runs.
    connection = Connection(config.broker, password, f"edgewatch-{config.device_id}-check")
    try:
        said = prove_arrival(connection, Topics(config.device_id).check) + _twin(config, connection)
    finally:
        connection.close()
    return f"{config.broker.address} takes us, MQTT {connection.version}; {said}"


def _twin(config: Config, connection: "Connection") -> str:
    """Warn of another box of this device_id: one that is online while this one is not, as far as can be seen."""
    from edge.mqtt.echo import kept  # noqa: PLC0415
    from edge.mqtt.publisher import ONLINE  # noqa: PLC0415
    from edge.mqtt.topics import Topics  # noqa: PLC0415

    if config.state_dir is None or is_locked(config.state_dir):
        return ""
    if not os.access(_existing(config.state_dir), os.R_OK | os.X_OK):
        return ""
    if kept(connection, Topics(config.device_id).availability) != ONLINE.encode():
        return ""
    return (
        f"; warning: a box {config.device_id!r} is online, and none runs here with this state_dir; give each box a "
        "device_id of its own"
    )
