"""`edge provision`: one table of many boxes becomes one folder a box, whose files go onto that box's boot partition."""

import csv
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from edge.config.table import MAX_NAME_LETTERS
from edge.errors import ConfigurationError
from edge.firstboot.check import check_config, read_passwords
from edge.firstboot.files import MistakesError
from edge.firstboot.network import KEYS, read_network
from edge.system.text import read_csv

NAME, BROKER, BROKER_PASSWORD, CAMERAS, CAMERA_PASSWORDS = (
    "name",
    "broker",
    "broker_password",
    "cameras",
    "camera_passwords",
)
NETWORK = tuple(key for key in KEYS if key != "hostname")
COLUMNS = (NAME, BROKER, BROKER_PASSWORD, CAMERAS, CAMERA_PASSWORDS, *NETWORK)
NEEDED = (NAME, BROKER, CAMERAS)
CA_FILE = "ca.pem"
LINE_BREAKS = "\r\n"
BOX_NAME = re.compile(rf"[a-z0-9_-]{{1,{MAX_NAME_LETTERS}}}")


def provision(table: Path, out: Path, common: Path | None) -> list[str]:
    """Write a folder for every row.

    Args:
        table: CSV with the columns of `COLUMNS`, those of `NEEDED` at least.
        out: gets the folders; those that are there are refused.
        common: a folder whose files every box gets: `authorized_keys`, `ca.pem`, TLS files.

    Returns:
        the boxes' names.

    Raises:
        ConfigurationError: names the table's line. Nothing is written then.
    """
    rows = list(_rows(table))
    names: dict[str, int] = {}
    for line, row in rows:
        if not BOX_NAME.fullmatch(row[NAME]):
            said = f"{row[NAME][:MAX_NAME_LETTERS]!r} is not a name"
            raise ConfigurationError(
                f"{table}, line {line}: device_id: {said}; use a-z, 0-9, _ and -, at most {MAX_NAME_LETTERS} letters"
            )
        if (name := row[NAME]) in names:
            raise ConfigurationError(f"{table}, line {line}: name {name!r} stands in line {names[name]} already")
        if (out / name).exists():
            raise ConfigurationError(f"{out / name}: is there already; give another folder")
        names[name] = line
    written: list[Path] = []
    try:
        for line, row in rows:
            written.append(out / row[NAME])
            _write_box(row, out / row[NAME], common, f"{table}, line {line}")
    except (ConfigurationError, OSError) as error:
        for folder in written:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise ConfigurationError(
                f"{error.filename or out}: {error.strerror}; give other folders, or make room"
            ) from error
        raise
    return list(names)


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and row; columns that are left out are ''."""
    try:
        columns, rows = read_csv(table.read_bytes(), strict=True)
    except OSError as error:
        raise ConfigurationError(f"{table}: {error.strerror}; give the path of a CSV file") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"{table}: no text; save it as CSV with UTF-8") from None
    except csv.Error as error:
        raise ConfigurationError(f"{table}: not CSV ({error})") from error
    unknown = [column for column in columns if column not in COLUMNS]
    missing = [column for column in NEEDED if column not in columns]
    if unknown or missing:
        what = f"unknown column {unknown[0]!r}" if unknown else f"no column {missing[0]!r}"
        raise ConfigurationError(f"{table}, line 1: {what}; columns are {', '.join(COLUMNS)}")
    for line, cells in rows:
        values = dict.fromkeys(COLUMNS, "") | {
            column: cell.strip() for column, cell in zip(columns, cells, strict=False)
        }
        if empty := [column for column in NEEDED if not values[column]]:
            raise ConfigurationError(f"{table}, line {line}: {empty[0]}: is empty")
        if any(character in value for value in values.values() for character in LINE_BREAKS):
            raise ConfigurationError(f"{table}, line {line}: holds a line break; remove it")
        yield line, values


def _write_box(row: Mapping[str, str], folder: Path, common: Path | None, where: str) -> None:
    """Write a box's files, which nobody else may read, and read them as the box will."""
    folder.mkdir(mode=0o700, parents=True)
    for path in sorted(common.iterdir()) if common else []:
        if path.is_file():
            shutil.copy(path, folder / path.name)
    lines = {
        "edgewatch.toml": _config(row, folder, where),
        "network": _lines({"hostname": row[NAME]} | {key: row[key] for key in NETWORK}),
        "passwords": _lines(
            {"broker": row[BROKER_PASSWORD]}
            | {f"camera {name}": value for name, value in _pairs(row[CAMERA_PASSWORDS], where, CAMERA_PASSWORDS)}
        ),
    }
    for name, text in lines.items():
        if text:
            (folder / name).touch(0o600)
            (folder / name).write_text(text, encoding="utf-8")
    try:
        check_config(folder / "edgewatch.toml")
        read_network(folder / "network")
        if lines["passwords"]:
            read_passwords(folder / "passwords")
    except MistakesError as error:
        raise ConfigurationError(f"{where}: {error.mistakes[0].text}") from None


def _config(row: Mapping[str, str], folder: Path, where: str) -> str:
    """A JSON string is a TOML string too."""
    text = f"device_id = {json.dumps(row[NAME])}\n\n[broker]\nurl = {json.dumps(row[BROKER])}\n"
    if (folder / CA_FILE).exists() and row[BROKER].startswith("mqtts:"):
        text += f'ca_file = "{CA_FILE}"\n'
    for name, source in _pairs(row[CAMERAS], where, CAMERAS):
        text += f"\n[cameras.{json.dumps(name)}]\nsource = {json.dumps(source)}\n"
    return text


def _pairs(text: str, where: str, column: str) -> list[tuple[str, str]]:
    """Read `hall=/dev/video0 | attic=rtsp://...` into names and values."""
    pairs: list[tuple[str, str]] = []
    for part in filter(None, (part.strip() for part in text.split("|"))):
        name, equals, value = part.partition("=")
        if not equals or not value.strip():
            said = "a part" if column == CAMERA_PASSWORDS else repr(part)
            raise ConfigurationError(f"{where}: {column}: {said} is none; write NAME=VALUE, with | between several")
        pairs.append((name.strip(), value.strip()))
    return pairs


def _lines(settings: Mapping[str, str]) -> str:
    return "".join(f'{key} = "{value}"\n' for key, value in settings.items() if value)
