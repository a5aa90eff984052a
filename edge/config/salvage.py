"""What a broken configuration still says about its broker, so that somebody hears that it is broken."""

import re
import tomllib
from pathlib import Path
from typing import Any, cast

from edge.config.box import Config, parse, with_absolute_paths
from edge.errors import ConfigurationError

HEADER = re.compile(r"^\s*\[")


def salvage(path: Path) -> Config:
    """Read `device_id` and `[broker]` alone; whatever else the file holds may be wrong.

    Raises:
        ConfigurationError: not even these can be read.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; give the path of a configuration file") from error
    tables = _tables(text)
    kept = {key: tables[key] for key in ("device_id", "broker") if key in tables}
    return parse(with_absolute_paths(kept, path.parent), str(path))


def _tables(text: str) -> dict[str, Any]:
    """Read a text table by table, leaving out those that are not TOML."""
    tables: dict[str, Any] = {}
    for part in _parts(text):
        try:
            read = tomllib.loads(part)
        except (ValueError, RecursionError):
            continue
        for name, value in read.items():
            if isinstance(value, dict) and isinstance(tables.get(name), dict):
                tables[name] |= cast("dict[str, Any]", value)
            else:
                tables[name] = value
    return tables


def _parts(text: str) -> list[str]:
    """Cut before each header; what stands before the first one line by line, since lines there mean little together."""
    lines = text.splitlines()
    headers = [number for number, line in enumerate(lines) if HEADER.match(line)]
    first = headers[0] if headers else len(lines)
    ends = [*headers[1:], len(lines)]
    return lines[:first] + ["\n".join(lines[begin:end]) for begin, end in zip(headers, ends, strict=False)]
