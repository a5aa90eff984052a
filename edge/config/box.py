"""The whole file: its other tables, and how it is read."""

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, cast

from pydantic import Field, field_validator, model_validator

from edge.config.broker import BROKER_PATHS, BrokerConfig, HomeAssistantConfig, OutboxConfig
from edge.config.cameras import CameraConfig, CameraName
from edge.config.passwords import camera_variable
from edge.config.table import ShortName, Table, absolute_paths, read_tables, validated
from edge.config.updates import UpdatesConfig
from edge.sources.addresses import is_stream


class HealthConfig(Table):
    """What monitoring may read, besides the `stats` topic."""

    prometheus_file: Path | None = None
    """For node_exporter's textfile collector: ends with `.prom`. It is written once a minute: give it a place under
    /run, which is no disk."""
    prometheus_port: int | None = Field(default=None, ge=1, le=65535)
    """On loopback only."""

    @field_validator("prometheus_file")
    @classmethod
    def _collected(cls, path: Path | None) -> Path | None:
        if path is not None and path.suffix != ".prom":
            raise ValueError(f"{path.name} is not read by node_exporter; let it end with .prom")
        return path


class PicturesConfig(Table):
    """Pictures of events. Off, nothing is kept and nothing leaves the box."""

    snapshots: Literal["off", "blurred", "full"] = "off"
    """One picture for each event that starts. Blurred ones are so before anything keeps them, clips too."""
    clips: bool = False
    """Also the seconds around it, as WebM."""
    publish: bool = True
    """Send them to the broker; else they only stay on this disk."""
    before_s: float = Field(default=5.0, ge=0, le=60)
    after_s: float = Field(default=5.0, ge=0, le=60)
    rate_hz: float = Field(default=10.0, ge=1, le=30)
    width_px: int = Field(default=640, ge=160, le=1920)
    max_age_days: float = Field(default=7.0, gt=0)
    max_bytes: int = Field(default=500_000_000, ge=1_000_000)

    @model_validator(mode="after")
    def _clips_need_snapshots(self) -> Self:
        if self.clips and self.snapshots == "off":
            raise ValueError('clips need snapshots = "blurred" or "full"')
        return self


class EdgeTpuConfig(Table):
    """Where the Edge TPU is, for `backends`."""

    library: str = Field(default="libedgetpu.so.1", min_length=1)
    """libedgetpu: a path, or a name that the system's loader finds."""
    device: str = ""
    """As libedgetpu names it: `usb`, `pci`, `usb:0`; empty for any."""


def _default_device_id() -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", socket.gethostname().lower()).strip("-") or "edgewatch"


def _default_state_dir() -> Path | None:
    directory = os.environ.get("STATE_DIRECTORY", "").split(":")[0]  # systemd gives several with colons between
    return Path(directory) if directory else None


class Config(Table):
    """The whole file."""

    device_id: ShortName = Field(default_factory=_default_device_id)
    state_dir: Path | None = Field(default_factory=_default_state_dir)
    """Holds the outbox, so that events survive a restart."""
    bundle: Path | None = None
    """A bundle directory or `.zip`; None is the built-in one."""
    threads: int = Field(default=1, ge=1, le=64)
    """Threads of the model's interpreter."""
    backends: tuple[Literal["cpu", "gpu", "edgetpu"], ...] = Field(default=("cpu",), min_length=1)
    """What the frame model runs on: the first that works. The processor is the last in any case."""
    edgetpu: EdgeTpuConfig = EdgeTpuConfig()
    broker: BrokerConfig | None = None
    cameras: dict[CameraName, CameraConfig] = Field(default={})
    outbox: OutboxConfig = OutboxConfig()
    pictures: PicturesConfig = PicturesConfig()
    home_assistant: HomeAssistantConfig = HomeAssistantConfig()
    health: HealthConfig = HealthConfig()
    updates: UpdatesConfig = UpdatesConfig()

    @field_validator("cameras")
    @classmethod
    def _passwords_apart(cls, cameras: dict[str, CameraConfig]) -> dict[str, CameraConfig]:
        """Two network cameras whose passwords would come from one variable would be sent each other's."""
        names: dict[str, str] = {}
        for name in (name for name, camera in cameras.items() if is_stream(camera.source)):
            other = names.setdefault(camera_variable(name), name)
            if other != name:
                raise ValueError(f"{other!r} and {name!r} share {camera_variable(name)}; rename one of them")
        return cameras

    @field_validator("backends")
    @classmethod
    def _reachable(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("a backend is named twice")
        if "cpu" in names[:-1]:
            raise ValueError("what comes after cpu, which works everywhere, is never tried; put cpu last")
        return names


def load(path: Path) -> Config:
    """Read the configuration file.

    Raises:
        ConfigurationError: it is absent, not TOML, or a key is unknown or has a wrong value; the message names the key.
    """
    tables = read_tables(path)
    return parse(with_absolute_paths(tables, path.parent), str(path))


def parse(tables: Mapping[str, Any], where: str) -> Config:
    """Check what a file, or the command line, says.

    Raises:
        ConfigurationError: the message begins with `where` and names the key.
    """
    return validated(Config, tables, where)


def with_absolute_paths(tables: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make the file's relative paths relative to its folder. Values of wrong types are left for the model to refuse."""

    def absolute(table: Any, *keys: str) -> Any:
        return absolute_paths(table, folder, *keys)

    tables = absolute(tables, "bundle", "state_dir")
    if "broker" in tables:
        tables["broker"] = absolute(tables["broker"], *BROKER_PATHS)
    if "health" in tables:
        tables["health"] = absolute(tables["health"], "prometheus_file")
    if isinstance(tables.get("cameras"), dict):
        tables["cameras"] = {
            name: absolute(camera, "source") if _is_path(camera) else camera
            for name, camera in tables["cameras"].items()
        }
    return tables


def _is_path(camera: Any) -> bool:
    source = cast("dict[str, Any]", camera).get("source") if isinstance(camera, dict) else None
    return isinstance(source, str) and not source.isdecimal() and "://" not in source
