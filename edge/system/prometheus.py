"""The stats in Prometheus' text format: as a file for node_exporter, or on a port of loopback.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from edge.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LOOPBACK_NAMES = frozenset({LOOPBACK, "localhost", "[::1]"})
"""A page of another site may have its own name lead here; its requests then carry that name."""
CLIENT_TIMEOUT_S = 5.0
BASE_UNITS = {"_ms": ("_seconds", 1e-3), "_s": ("_seconds", 1.0), "_mb": ("_bytes", 1e6), "_c": ("_celsius", 1.0)}
QUANTILES = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}
LABEL_OF_TABLE = {"cameras": "camera", "dropped_by_type": "dropped_type"}
"""Tables whose keys are names: the key becomes a label."""

Fields = Mapping[str, Any]
Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float]


def text(stats: Fields) -> str:
    """Return the stats in which a number stands; texts become labels of a metric that is 1."""
    families: dict[str, list[str]] = {}
    for name, labels, value in map(_in_base_unit, _samples("edgewatch", (), stats)):
        families.setdefault(name, []).append(f"{name}{_braced(labels)} {value:.10g}")
    return "".join(f"# TYPE {name} gauge\n" + "\n".join(lines) + "\n" for name, lines in families.items())


def write(path: Path, stats: Fields) -> None:
    """Replace the file in one step: node_exporter never reads half of it.

    Raises:
        OSError: the file cannot be written.
    """
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text(stats), encoding="utf-8")
    unfinished.replace(path)


@contextmanager
def served(port: int, stats: Callable[[], Fields]) -> Generator[int]:
    """Answer `GET /metrics` on loopback while the context is open; give the port.

    Raises:
        ConfigurationError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_TIMEOUT_S

        def do_GET(self) -> None:
            if not _is_loopback_name(self.headers.get("Host", LOOPBACK)):
                self.send_error(421)
                return
            if self.path != "/metrics":
                self.send_error(404)
                return
            content = text(stats()).encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    try:
        server = ThreadingHTTPServer((LOOPBACK, port), Handler)
    except OSError as error:
        raise ConfigurationError(f"health.prometheus_port: {port}: {error.strerror}; choose another port") from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="prometheus", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _is_loopback_name(host: str) -> bool:
    name, _, port = host.rpartition(":")
    return (name if port.isdecimal() else host).lower() in LOOPBACK_NAMES


def _samples(name: str, labels: Labels, value: Any) -> Iterator[Sample]:
    if isinstance(value, dict):
        for key, inner in cast("Fields", value).items():
            yield from _samples(*_named(name, key, labels), inner)
    elif isinstance(value, str):
        yield f"{name}_info", (*labels, (name.rpartition("_")[2], value)), 1.0
    elif isinstance(value, int | float):
        yield name, labels, float(value)


def _named(name: str, key: str, labels: Labels) -> tuple[str, Labels]:
    """Go one level down: a key of some tables is a label, others add to the name."""
    for table, label in LABEL_OF_TABLE.items():
        if name.endswith(f"_{table}"):
            return f"{name.removesuffix(table)}{label}", (*labels, (label, key))
    if key in QUANTILES:
        return name, (*labels, ("quantile", QUANTILES[key]))
    return f"{name}_{key}", labels


def _in_base_unit(sample: Sample) -> Sample:
    name, labels, value = sample
    for suffix, (base, factor) in BASE_UNITS.items():
        if name.endswith(suffix):
            return name.removesuffix(suffix) + base, labels, value * factor
    return sample


def _braced(labels: Labels) -> str:
    escapes = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
    inner = ",".join(f'{name}="{value.translate(escapes)}"' for name, value in labels)
    return f"{{{inner}}}" if inner else ""
