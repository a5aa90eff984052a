"""Pictures on disk: written once, whole or not at all, the oldest given up for the newest."""

import os
import shutil
import time
from pathlib import Path
from typing import Any, Final

RESERVE_BYTES: Final = 64_000_000
"""What is left of a disk is the outbox's: events matter more than pictures."""
S_PER_DAY: Final = 86_400.0
UNFINISHED: Final = ".unfinished"


class Album:
    """A folder with limits. What cannot be kept is counted and said; nothing is raised for it."""

    def __init__(
        self, folder: Path, *, max_bytes: int, max_age_s: float | None = None, reserve_bytes: int = RESERVE_BYTES
    ) -> None:
        """Look at what is there.

        Args:
            folder: made when the first picture is kept.
            max_bytes: of all pictures together.
            max_age_s: of each; None keeps them while there is room.
            reserve_bytes: of the disk are left free.
        """
        self.stopped: str | None = None
        """Why nothing is kept now."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._reserve_bytes = reserve_bytes
        self._dropped = 0

    def keep(self, name: str, content: bytes) -> Path | None:
        """Write one file, after making room for it; return where it is, or None where there is no room.

        Args:
            name: relative to the folder.
            content: of the file.
        """
        path = self._folder / name
        unfinished = path.with_name(path.name + UNFINISHED)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.prune(len(content))
            self._check_room(len(content))
            unfinished.write_bytes(content)
            unfinished.replace(path)
        except OSError as error:
            self.stopped = error.strerror or str(error)
            self._dropped += 1
            _forget(unfinished)
            return None
        self.stopped = None
        return path

    def find(self, name: str) -> Path | None:
        """Return the file of this name, in whatever folder of the album it is."""
        return next((path for _, path, _ in self._files() if path.name == name), None)

    def prune(self, wanted_bytes: int = 0) -> None:
        """Give up what is too old, and the oldest while there is too much."""
        files = sorted(self._files())
        total = sum(size for _, _, size in files) + wanted_bytes
        too_old_s = float("-inf") if self._max_age_s is None else time.time() - self._max_age_s
        for written_s, path, size in files:
            if total <= self._max_bytes and written_s >= too_old_s and not path.name.endswith(UNFINISHED):
                continue
            _forget(path)
            total -= size

    def fields(self) -> dict[str, Any]:
        """Return what stands in the stats."""
        sizes = [size for _, _, size in self._files()]
        return {"kept": len(sizes), "bytes": sum(sizes), "dropped": self._dropped, "stopped": self.stopped}

    def _check_room(self, wanted_bytes: int) -> None:
        if shutil.disk_usage(self._folder).free < self._reserve_bytes + wanted_bytes:
            raise OSError("the disk is nearly full")

    def _files(self) -> list[tuple[float, Path, int]]:
        """When each was written, where it is, and how large."""
        found: list[tuple[float, Path, int]] = []
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = Path(folder, name)
                try:
                    state = path.stat()
                except OSError:  # somebody else has removed it
                    continue
                found.append((state.st_mtime, path, state.st_size))
        return found


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # a disk that has become read-only
        return
