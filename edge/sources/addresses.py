"""Addresses of network cameras, and what of them may be said."""

from typing import Final
from urllib.parse import quote, urlsplit

from edge.errors import SourceError

RTSP_SCHEMES: Final = ("rtsp", "rtsps")
HTTP_SCHEMES: Final = ("http", "https")
SCHEMES: Final = RTSP_SCHEMES + HTTP_SCHEMES


def is_stream(text: str) -> bool:
    """Whether what a user wrote is the URL of a network camera."""
    return _scheme(text) in SCHEMES


def is_http(text: str) -> bool:
    """Whether it is the URL of a camera that sends its pictures by HTTP."""
    return _scheme(text) in HTTP_SCHEMES


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
        scheme = "http" if is_http(url) else "rtsp"
        raise SourceError(f"not the address of a network camera; write {scheme}://user@host:port/path")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"


def with_password(url: str, password: str | None) -> str:
    """Lay a password into a URL.

    Raises:
        SourceError: the URL has no user whose it could be.
    """
    if password is None:
        return url
    parts = urlsplit(url)
    if not parts.username:
        raise SourceError(
            f"{without_credentials(url)}: a password without a user; write {parts.scheme}://user@host:port/path"
        )
    address = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:{quote(password, safe='')}@{address}").geturl()


def _scheme(text: str) -> str | None:
    scheme, separator, _ = text.partition("://")
    return scheme.lower() if separator else None
