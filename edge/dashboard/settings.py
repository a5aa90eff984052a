"""The dashboard's own TOML file; all of it has defaults except the broker."""

import ipaddress
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from edge.config import BrokerConfig
from edge.config.broker import BROKER_PATHS
from edge.config.passwords import secret
from edge.config.table import Table, absolute_paths, read_tables, validated
from edge.errors import ConfigurationError

PASSWORD_VARIABLE: Final = "EDGEWATCH_DASHBOARD_PASSWORD"  # noqa: S105 - the name of the variable
PASSWORD_CREDENTIAL: Final = "dashboard-password"  # noqa: S105 - the name of the credential
DEFAULT_LISTEN: Final = "127.0.0.1:8478"


class DashboardConfig(Table):
    """The whole file."""

    broker: BrokerConfig
    listen: str = DEFAULT_LISTEN
    """`host:port`."""
    state_dir: Path | None = None
    """Holds the history; None forgets it when the dashboard ends."""
    max_events: int = Field(default=100_000, ge=100)
    max_picture_bytes: int = Field(default=500_000_000, ge=1_000_000)
    read_only: bool = False
    """Nobody can acknowledge, switch or change from this page."""
    certificate_file: Path | None = None
    key_file: Path | None = None
    behind_proxy: str | None = None
    """The page's address as browsers see it, `https://alarms.example`, where a reverse proxy stands before us."""

    @field_validator("listen")
    @classmethod
    def _address(cls, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        if not host or not port.isdecimal() or not int(port) <= 65535:
            raise ValueError(f"{listen!r} is no address; write host:port, as {DEFAULT_LISTEN}")
        return listen

    @field_validator("behind_proxy")
    @classmethod
    def _origin(cls, origin: str | None) -> str | None:
        if origin is None:
            return None
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query:
            raise ValueError("is no address of a page; write https://alarms.example")
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @model_validator(mode="after")
    def _tls_fits(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together; give both or neither")
        for name in ("certificate_file", "key_file"):
            path: Path | None = getattr(self, name)
            if path is not None and not path.is_file():
                raise ValueError(f"{name}: {path} is not a file; correct the path")
        return self

    @property
    def host(self) -> str:
        """Where to listen."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """0 takes a free one."""
        return int(self.listen.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine reaches the page."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def dashboard_password() -> str | None:
    """Return the page's password, where there is one."""
    return secret(PASSWORD_VARIABLE, PASSWORD_CREDENTIAL)


def load(path: Path | None, **changes: Any) -> DashboardConfig:
    """Read the file, and lay the command line over it.

    Args:
        path: of the TOML file; None is an empty one.
        changes: by key; None changes nothing. `broker` is a URL.

    Raises:
        ConfigurationError: the message names file and key.
    """
    tables = {} if path is None else read_tables(path)
    if path is not None:
        tables = absolute_paths(tables, path.parent, "state_dir", "certificate_file", "key_file")
        tables["broker"] = absolute_paths(tables.get("broker", {}), path.parent, *BROKER_PATHS)
    url = changes.pop("broker", None)
    tables |= {key: value for key, value in changes.items() if value is not None}
    if url is not None:
        tables["broker"] = {"url": url}
    where = "command line" if path is None else str(path)
    if not tables.get("broker"):
        raise ConfigurationError(f"{where}: broker: missing; give --broker URL, or a table [broker] with its url")
    return validated(DashboardConfig, tables, where)


def check_reach(config: DashboardConfig, password: str | None) -> None:
    """Refuse to be reached from elsewhere without protection.

    Raises:
        ConfigurationError: it says what is missing.
    """
    if config.is_loopback and config.behind_proxy is None:
        return
    if password is None:
        way = f"listen: {config.listen}" if config.behind_proxy is None else f"behind_proxy: {config.behind_proxy}"
        raise ConfigurationError(f"{way} is reached from elsewhere; set {PASSWORD_VARIABLE}")
    if config.certificate_file is None and config.behind_proxy is None:
        raise ConfigurationError(
            f"listen: {config.listen} is reached from elsewhere; set certificate_file and key_file, or behind_proxy"
        )
