"""The tables that speak of MQTT: the broker, the events that wait for it, and Home Assistant behind it."""

import os
from pathlib import Path
from typing import Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import Field, field_validator, model_validator

from edge.config.passwords import PASSWORD_VARIABLE
from edge.config.table import Table

PORT_OF_SCHEME = {"mqtt": 1883, "mqtts": 8883}
BROKER_PATHS = ("ca_file", "client_cert_file", "client_key_file")


class BrokerConfig(Table):
    """Where events go."""

    url: str
    """`mqtt://user@host:port`, or `mqtts://` for TLS."""
    version: Literal["3.1.1", "5"] | None = None
    """Of MQTT. Default: 5, or 3.1.1 where the broker does not take it."""
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
        for name in BROKER_PATHS:
            path: Path | None = getattr(self, name)
            if path is not None and not os.path.isfile(path):  # noqa: PTH113 - Path raises where a name is too long
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


class HomeAssistantConfig(Table):
    """How Home Assistant, if there is one, learns of this box."""

    discovery: bool = True
    prefix: str = Field(default="homeassistant", pattern=r"^[^/+#\s][^+#\s]*[^/+#\s]$")
    """As set in Home Assistant's MQTT integration."""


class OutboxConfig(Table):
    """Bounds of the events that wait for the broker."""

    max_events: int = Field(default=10_000, ge=10)
    max_bytes: int = Field(default=16_000_000, ge=10_000)


def split_url(url: str) -> SplitResult:
    """Split a broker's URL.

    Raises:
        ValueError: it is no broker's URL. The message holds no credentials.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ValueError("is not a broker's URL; write mqtt://user@host:port") from None
    if parts.scheme not in PORT_OF_SCHEME or not parts.hostname or port == 0:
        raise ValueError("is not a broker's URL; write mqtt://user@host:port, or mqtts:// for TLS")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("goes on after the port; write mqtt://user@host:port")
    return parts
