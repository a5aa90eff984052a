"""Addresses of network cameras, and what of them may be said."""

from typing import Final
from urllib.parse import quote, urlsplit

from edge.errors import SourceError

RTSP_SCHEMES: Final = ("rtsp", "rtsps")
HTTP_SCHEMES: Final = ("http", "https")
SCHEMES: Final = RTSP_SCHEMES + HTTP_SCHEMES
HIDDEN_PATH: Final = "/***"


def is_stream(text: str) -> bool:
    """Whether what a user wrote is the URL of a network camera."""
    return _scheme(text) in SCHEMES


def is_http(text: str) -> bool:
    """Whether it is the URL of a camera that sends its pictures by HTTP."""
    return _scheme(text) in HTTP_SCHEMES


def without_credentials(url: str) -> str:
    """Return a URL for messages: scheme, host and port. Cameras want user and password in the path too (Xiongmai's is
    `/user=admin_password=..._stream=0.sdp`), or in the query, and nothing tells which paths hold none.

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
    hidden = HIDDEN_PATH if parts.path.strip("/") or parts.query or parts.fragment else ""
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{hidden}"


def with_password(url: str, password: str | None) -> str:
    """Lay a password into a URL.

    Raises:
        SourceError: the URL has no user whose it could be.
    """
    if password is None:
        return url
    parts = urlsplit(url)
    if not parts.username:
        if not password:  # an empty variable says nothing
            return url
        raise SourceError(
            f"{without_credentials(url)}: a password without a user; write {parts.scheme}://user@host:port/path"
        )
    address = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:{quote(password, safe='')}@{address}").geturl()


def _scheme(text: str) -> str | None:
    scheme, separator, _ = text.partition("://")
    return scheme.lower() if separator else None
