"""The table of model updates. Off while it holds no public key."""

import base64
import binascii
from typing import Final, Self

from pydantic import Field, field_validator, model_validator

from edge.config.table import Table

KEY_BYTES: Final = 32
DER_PREFIX: Final = bytes.fromhex("302a300506032b6570032100")
"""What stands before the key of Ed25519 in a SubjectPublicKeyInfo (RFC 8410)."""


class UpdatesConfig(Table):
    """Which models this box takes beside the one that it was installed with."""

    public_key: str | None = None
    """Of whoever may sign models: what `openssl pkey -pubout` prints, or its middle line alone."""
    mqtt: bool = False
    """Whether signed models are also taken from the broker; by file (`edge update`) they always are."""
    url: str | None = None
    """Where `edgewatch-update.timer` looks for a signed model once a day."""
    shadow_s: float = Field(default=60.0, gt=0, le=3600)
    """So long a new model runs beside the one in force, on the same pictures, before it takes its place."""
    trial_s: float = Field(default=60.0, gt=0, le=3600)
    """So long it then has to keep the rate; until that is over, every fault brings the former one back."""

    @field_validator("public_key")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is not None:
            key_bytes(text)
        return text

    @field_validator("url", mode="before")
    @classmethod
    def _encrypted(cls, url: object) -> object:
        if isinstance(url, str) and not url.strip().startswith("https://"):
            raise ValueError("begins with https://, or is left out")
        return url.strip() if isinstance(url, str) else url

    @model_validator(mode="after")
    def _sources_need_a_key(self) -> Self:
        if (self.mqtt or self.url) and self.public_key is None:
            raise ValueError("mqtt and url need public_key; without it nothing can be checked")
        return self


def key_bytes(text: str) -> bytes:
    """Return the 32 bytes of a public key of Ed25519.

    Raises:
        ValueError: it is none.
    """
    words = "".join(line for line in text.split("\n") if not line.strip().startswith("-----"))
    try:
        der = base64.b64decode("".join(words.split()), validate=True)
    except binascii.Error:
        der = b""
    if len(der) != len(DER_PREFIX) + KEY_BYTES or not der.startswith(DER_PREFIX):
        raise ValueError("is no public key of Ed25519; take the line that `openssl pkey -pubout` prints")
    return der[len(DER_PREFIX) :]
