"""What an SQLite file holds whose disk refuses: read from a copy, or taken along once the disk is back."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Generator
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of a name that nobody knows is made in it


@contextlib.contextmanager
def copied(file: Path) -> Generator[sqlite3.Connection]:
    """Open a copy: SQLite can open no journal on a disk that refuses, where the folder for temporary files lies too.

    Raises:
        sqlite3.Error, OSError: the file cannot be read, or memory has no room for it.
    """
    place = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        for suffix in ("", "-wal"):
            content = Path(f"{file}{suffix}")
            if content.exists():
                shutil.copyfile(content, Path(folder, content.name))
        with contextlib.closing(sqlite3.connect(Path(folder, file.name))) as database:
            yield database


def add_older(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Put the rows of one database before those of another, in their order.

    The target's rows keep their numbers, which others may remember, and stand where both have a row of the same key.
    Numbers of the target begin at 1.

    Raises:
        sqlite3.Error: the source cannot be read; the target has not changed.
    """
    with target:
        target.execute("BEGIN")
        known = {name for name, _ in _tables(target)}
        for table, sql in _tables(source):
            if table not in known:
                target.execute(sql)
            columns = source.execute("SELECT name, type, pk FROM pragma_table_info(?)", (table,)).fetchall()
            names = ", ".join(name for name, _, _ in columns)
            shifted = ", ".join(
                f"{name} - (SELECT max({name}) FROM {table})" if key and kind == "INTEGER" else name  # noqa: S608
                for name, kind, key in columns
            )
            marks = ", ".join("?" * len(columns))
            rows = source.execute(f"SELECT {shifted} FROM {table} ORDER BY rowid")  # noqa: S608 - our schemas' words
            target.executemany(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608


def _tables(database: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return the tables' names, and the statements that make them."""
    return database.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
