"""One TOML file, checked before anything runs. Everything has a default except the cameras and the broker.

    device_id = "corridor-2"             # default: the host's name
    state_dir = "/var/lib/edgewatch"     # default: systemd's STATE_DIRECTORY; without one the outbox is in memory
    bundle = "my-model.zip"              # default: the built-in bundle

    [broker]
    url = "mqtts://edgewatch@broker.example:8883"
    ca_file = "ca.pem"

    [cameras.hall]
    source = "/dev/video0"

    [cameras.hall.alerts.fall]           # only what differs from the bundle
    onset_threshold = 0.8

Relative paths are relative to the file. Secrets are not in it: the broker's password comes from the environment
variable EDGEWATCH_MQTT_PASSWORD or from the file `mqtt-password` in systemd's credentials directory, and that of camera
`hall` from EDGEWATCH_CAMERA_HALL_PASSWORD or `camera-hall-password`.
"""

import difflib
import os
import re
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from edge.bundle import AlertSpec, BundleSpec, Name, Probability, Seconds
from edge.errors import ConfigurationError, SourceError
from edge.regions import Polygon
from edge.sources.addresses import is_stream, without_credentials

PASSWORD_VARIABLE = "EDGEWATCH_MQTT_PASSWORD"  # noqa: S105 - the name of the variable
PASSWORD_CREDENTIAL = "mqtt-password"  # noqa: S105 - the name of the credential
CONTRACT_NAMES = frozenset({"events", "stats", "availability"})
PORT_OF_SCHEME = {"mqtt": 1883, "mqtts": 8883}


def _not_of_the_contract(name: str) -> str:
    if name in CONTRACT_NAMES:
        raise ValueError(f"{name!r} is a topic of the MQTT contract and cannot name a camera; choose another name")
    return name


CameraName = Annotated[Name, AfterValidator(_not_of_the_contract)]


class _Strict(BaseModel):
    """A table of the file: unknown keys are refused with the nearest known one named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, table: object) -> object:
        if isinstance(table, dict):
            for key in cast("dict[str, object]", table):
                if key not in cls.model_fields:
                    raise PydanticCustomError("unknown_key", "{key}", {"key": key, "hint": _nearest(key, cls)})
        return cast("object", table)


def _nearest(key: str, table: type[BaseModel]) -> str:
    known = list(table.model_fields)
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"


class AlertOverride(_Strict):
    """What differs from the bundle's `AlertSpec` for one label of one camera."""

    onset_threshold: Probability | None = None
    offset_threshold: Probability | None = None
    min_active_s: Seconds | None = None
    min_quiet_s: Seconds | None = None
    refractory_s: Seconds | None = None
    update_interval_s: Seconds | None = None


class CameraConfig(_Strict):
    """One camera."""

    source: str = Field(min_length=1)
    """`rtsp://user@host/path`, a V4L2 device, `picamera:0`, a video file, or a folder of pictures."""
    rate_hz: float | None = Field(default=None, gt=0, le=1000)
    """Pictures a second of a folder. Other sources know their own times."""
    realtime: bool = True
    """Play a file at its own speed. Cameras have no other."""
    alerts: dict[Name, AlertOverride] = {}
    masks: list[Polygon] = []
    """Privacy: black before anything looks at the picture."""
    rest_zones: list[Polygon] = []
    """Beds and sofas: no fall begins there."""
    still_down_s: float | None = Field(default=None, ge=5, le=3600)
    """Report who does not move for so long after a fall."""
    publish_scores: bool = False
    """Whether the scores are published once a second."""

    @field_validator("source")
    @classmethod
    def _source_without_password(cls, source: str) -> str:
        if not is_stream(source):
            return source
        try:
            without_credentials(source)
        except SourceError as error:
            raise ValueError(str(error)) from None
        if urlsplit(source).password is not None:
            raise ValueError("holds a password; remove it and set EDGEWATCH_CAMERA_<NAME>_PASSWORD")
        return source


class BrokerConfig(_Strict):
    """Where events go."""

    url: str
    """`mqtt://user@host:port`, or `mqtts://` for TLS."""
    version: Literal["3.1.1", "5"] = "3.1.1"
    keepalive_s: int = Field(default=30, ge=5, le=3600)
    """The broker publishes the will, `offline`, when it has heard nothing for one and a half times as long."""
    ca_file: Path | None = None
    """Certificates that the broker's must be signed by. Default: those of the system."""
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    commands: bool = False
    """Whether whoever may publish to the broker can switch cameras, set thresholds and acknowledge events."""

    @field_validator("url")
    @classmethod
    def _url_without_password(cls, url: str) -> str:
        parts = split_url(url)
        if parts.password is not None:
            raise ValueError(f"holds a password; remove it and set {PASSWORD_VARIABLE}")
        return url

    @model_validator(mode="after")
    def _tls_fits(self) -> Self:
        if (self.client_cert_file is None) != (self.client_key_file is None):
            raise ValueError("client_cert_file and client_key_file go together; give both or neither")
        if not self.tls and (self.ca_file or self.client_cert_file):
            raise ValueError("ca_file and client_cert_file need an url that begins with mqtts://")
        for name in ("ca_file", "client_cert_file", "client_key_file"):
            path: Path | None = getattr(self, name)
            if path is not None and not path.is_file():
                raise ValueError(f"{name}: {path} is not a file; correct the path")
        return self

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return split_url(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        """The broker's host name or address."""
        return split_url(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The broker's TCP port."""
        parts = split_url(self.url)
        return parts.port or PORT_OF_SCHEME[parts.scheme]

    @property
    def username(self) -> str | None:
        """The user, where the URL names one."""
        username = split_url(self.url).username
        return unquote(username) if username else None

    @property
    def address(self) -> str:
        """For messages: the URL with its port, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{split_url(self.url).scheme}://{host}:{self.port}"


class HomeAssistantConfig(_Strict):
    """How Home Assistant, if there is one, learns of this box."""

    discovery: bool = True
    prefix: str = Field(default="homeassistant", pattern=r"^[^/+#\s][^+#\s]*[^/+#\s]$")
    """As set in Home Assistant's MQTT integration."""


class HealthConfig(_Strict):
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


class PicturesConfig(_Strict):
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


class OutboxConfig(_Strict):
    """Bounds of the events that wait for the broker."""

    max_events: int = Field(default=10_000, ge=10)
    max_bytes: int = Field(default=16_000_000, ge=10_000)


def _default_device_id() -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", socket.gethostname().lower()).strip("-") or "edgewatch"


def _default_state_dir() -> Path | None:
    directory = os.environ.get("STATE_DIRECTORY", "").split(":")[0]  # systemd gives several with colons between
    return Path(directory) if directory else None


class Config(_Strict):
    """The whole file."""

    device_id: Name = Field(default_factory=_default_device_id)
    state_dir: Path | None = Field(default_factory=_default_state_dir)
    """Holds the outbox, so that events survive a restart."""
    bundle: Path | None = None
    """A bundle directory or `.zip`; None is the built-in one."""
    threads: int = Field(default=1, ge=1, le=64)
    """Threads of the model's interpreter."""
    broker: BrokerConfig | None = None
    cameras: dict[CameraName, CameraConfig] = {}
    outbox: OutboxConfig = OutboxConfig()
    pictures: PicturesConfig = PicturesConfig()
    home_assistant: HomeAssistantConfig = HomeAssistantConfig()
    health: HealthConfig = HealthConfig()


def load(path: Path) -> Config:
    """Read the configuration file.

    Raises:
        ConfigurationError: it is absent, not TOML, or a key is unknown or has a wrong value; the message names the key.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; give the path of a configuration file") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8 text (byte {error.start}); save the file as UTF-8") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not TOML: {error}; correct that line") from error
    return parse(_with_absolute_paths(tables, path.parent), str(path))


def parse(tables: Mapping[str, Any], where: str) -> Config:
    """Check what a file, or the command line, says.

    Raises:
        ConfigurationError: the message begins with `where` and names the key.
    """
    try:
        return Config.model_validate(tables)
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {_first_fault(error)}") from None  # its text would repeat the values


def split_url(url: str) -> SplitResult:
    """Split a broker's URL.

    Raises:
        ValueError: it is no broker's URL. The message holds no credentials.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not a broker's URL; write mqtt://user@host:port") from None
    if parts.scheme not in PORT_OF_SCHEME or not parts.hostname or port == 0:
        raise ValueError("is not a broker's URL; write mqtt://user@host:port, or mqtts:// for TLS")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("goes on after the port; write mqtt://user@host:port")
    return parts


def broker_password(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the broker's password from the environment, or else from systemd's credentials directory.

    Raises:
        ConfigurationError: the credential is there and cannot be read.
    """
    return _secret(PASSWORD_VARIABLE, PASSWORD_CREDENTIAL, environment)


def camera_password(camera: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the password of a camera's user: of `hall` from `EDGEWATCH_CAMERA_HALL_PASSWORD`, or else from the
    credential `camera-hall-password`.

    Raises:
        ConfigurationError: the credential is there and cannot be read.
    """
    variable = f"EDGEWATCH_CAMERA_{camera.upper().replace('-', '_')}_PASSWORD"
    return _secret(variable, f"camera-{camera}-password", environment)


def _secret(variable: str, credential_name: str, environment: Mapping[str, str]) -> str | None:
    if secret := environment.get(variable):
        return secret
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return None
    credential = Path(directory, credential_name)
    try:
        return credential.read_text("utf-8").rstrip("\r\n")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{credential}: cannot be read ({error}); correct the unit's LoadCredential"
        ) from error


def alert_specs(camera: str, config: CameraConfig, bundle: BundleSpec) -> dict[str, AlertSpec]:
    """Lay a camera's overrides over the bundle's alert defaults.

    Raises:
        ConfigurationError: a label does not alert in this bundle, or the result contradicts itself.
    """
    specs = dict(bundle.alerts)
    for label, override in config.alerts.items():
        key = f"cameras.{camera}.alerts.{label}"
        if label not in specs:
            raise ConfigurationError(f"{key}: labels that alert in bundle {bundle.name!r} are {', '.join(specs)}")
        values = specs[label].model_dump() | override.model_dump(exclude_none=True)
        try:
            specs[label] = AlertSpec.model_validate(values)
        except ValidationError as error:
            raise ConfigurationError(f"{key}: {_first_fault(error)}") from None
    return specs


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=True)[0]
    path = [str(part) for part in first["loc"] if part != "[key]"]
    if first["type"] == "unknown_key":
        context = first.get("ctx", {})
        return f"{'.'.join([*path, context['key']])}: unknown key; {context['hint']}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "string_pattern_mismatch":
        message = f"{first['input']!r} is not a name; use only a-z, 0-9, _ and -"
    return ": ".join(part for part in (".".join(path), message) if part)


def _with_absolute_paths(tables: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make the file's relative paths relative to its folder. Values of wrong types are left for the model to refuse."""

    def absolute(table: Any, *keys: str) -> Any:
        if not isinstance(table, dict):
            return table
        values = cast("dict[str, Any]", table)
        paths = {key: str(folder / values[key]) for key in keys if isinstance(values.get(key), str) and values[key]}
        return values | paths

    tables = absolute(tables, "bundle", "state_dir")
    if "broker" in tables:
        tables["broker"] = absolute(tables["broker"], "ca_file", "client_cert_file", "client_key_file")
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
