"""What people changed over MQTT, and what was once published: small values that survive a restart."""

import json
import sqlite3
from typing import Any, cast

from edge.mqtt.store import Store


class Settings:
    """Named JSON values in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, name: str) -> Any:
        """Return a value, or None when there is none."""

        def select(database: sqlite3.Connection) -> Any:
            return database.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()

        row = self._store.read(select)
        return None if row is None else json.loads(row[0])

    def put(self, name: str, value: Any) -> None:
        """Keep a value; what is there already is not written again."""
        if self.get(name) == value:
            return
        text = json.dumps(value)
        self._store.write(
            lambda database: database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, text))
        )

    def in_force(self, name: str, configured: Any) -> Any:
        """Return what was commanded in place of a configured value, or else that.

        A command holds until the configuration says something new.
        """
        kept = cast("dict[str, Any]", self.get(name) or {})
        return kept.get("value", configured) if kept.get("instead_of") == configured else configured

    def command(self, name: str, configured: Any, value: Any) -> None:
        """Keep a value in place of a configured one."""
        self.put(name, {"instead_of": configured, "value": value})
