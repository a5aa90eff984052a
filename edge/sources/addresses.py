"""Addresses of network cameras, and what of them may be said."""

from typing import Final
from urllib.parse import urlsplit

from edge.errors import SourceError

SCHEMES: Final = ("rtsp", "rtsps")


def is_stream(text: str) -> bool:
    """Whether what a user wrote is the URL of a network camera."""
    return text.partition("://")[0].lower() in SCHEMES and "://" in text


def without_credentials(url: str) -> str:
    """Return a URL for messages: no user, no password, and no query, where some cameras want both.

    Raises:
        SourceError: it is no URL of a network camera; the message holds nothing of it.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    if not host or parts.scheme not in SCHEMES:
        raise SourceError("not the address of a network camera; write rtsp://user@host:port/path")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"
