"""The tables of the dashboard's file, and which of their rows go along while memory stands for the disk."""

import sqlite3
from typing import Final

FILE, LOCK = "dashboard.sqlite", "dashboard.lock"
SCHEMA: Final = """
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -8000;
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, device TEXT NOT NULL, id TEXT NOT NULL, camera TEXT NOT NULL, label TEXT NOT NULL,
    type TEXT NOT NULL, score REAL NOT NULL, peak REAL NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER,
    duration_s REAL NOT NULL, reason TEXT, acknowledged_at TEXT, test INTEGER NOT NULL, delayed INTEGER NOT NULL,
    model TEXT NOT NULL, arrived_ms INTEGER NOT NULL, clock_wrong INTEGER NOT NULL, answer TEXT, answered_ms INTEGER,
    trace TEXT NOT NULL, UNIQUE (device, id));
CREATE INDEX IF NOT EXISTS by_time ON events (started_ms);
CREATE INDEX IF NOT EXISTS by_box ON events (device, started_ms);
CREATE INDEX IF NOT EXISTS by_camera ON events (camera, started_ms);
CREATE INDEX IF NOT EXISTS by_label ON events (label, started_ms);
CREATE TABLE IF NOT EXISTS pictures (
    number INTEGER PRIMARY KEY, device TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, content BLOB NOT NULL,
    UNIQUE (device, id, kind));
CREATE TABLE IF NOT EXISTS names (device TEXT, camera TEXT, label TEXT, PRIMARY KEY (device, camera, label));
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
TABLES: Final = {
    "events": (
        "device, id",
        (
            "device, id, camera, label, type, score, peak, started_ms, ended_ms, duration_s, reason, acknowledged_at, "
            "test, delayed, model, arrived_ms, clock_wrong, answer, answered_ms, trace"
        ),
    ),
    "names": ("device, camera, label", "device, camera, label"),
    "settings": ("name", "name, value"),
}
"""Key and columns of those whose rows go along; pictures stay on the disk, which may hold hundreds of megabytes."""
CARRIED: Final = 5000
"""The latest rows of each table, that go along."""


def carry(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Copy the latest rows, in their order."""
    with target:
        target.execute("BEGIN")
        for table, (key, columns) in TABLES.items():
            names = columns.split(", ")
            marks, sets = ", ".join("?" * len(names)), ", ".join(f"{name} = excluded.{name}" for name in names)
            latest = f"SELECT {columns} FROM {table} ORDER BY rowid DESC LIMIT {CARRIED}"  # noqa: S608 - our own words
            rows = [tuple(row) for row in source.execute(latest)]
            kept = f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {sets}"  # noqa: S608
            target.executemany(kept, reversed(rows))
