"""A cache of what was found in a file, until its size or time changes: KERAS_HOME/checked.

If the home cannot be written, or the table is broken, the next run checks the files again.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

VERSION = 2  # of what is kept
CREATE = """CREATE TABLE IF NOT EXISTS found
    (path BLOB, what TEXT, size INTEGER, time INTEGER, value TEXT, PRIMARY KEY (path, what))"""
Stamp = tuple[int, int]  # size and time of a file


def stamp(path: str) -> Stamp | None:
    """A stamp that changes with a file; None if there is no file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns


def key(path: str) -> bytes:
    return os.fsencode(os.path.abspath(path))


class Kept:
    """A table {file: what JSON can hold}; what: what the answers depend on beside the file."""

    def __init__(self, what: str = "image"):
        self.what, self.table = f"{VERSION} {what}", self.opened()

    def opened(self) -> sqlite3.Connection | None:
        home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
        path = home / "checked" / "files.sqlite"
        for _ in range(2):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                table = sqlite3.connect(path, timeout=10)
                table.execute(CREATE)
                return table
            except (OSError, sqlite3.OperationalError):  # not writable, or locked
                return None
            except sqlite3.DatabaseError:  # not a table at all: start a new one
                path.unlink()
        return None

    def find(self, paths: Sequence[str], stamps: Sequence[Stamp | None]) -> Iterator[Any]:
        """The cached value of each file with its stamp; None if there is none."""
        query = "SELECT value FROM found WHERE path=? AND what=? AND size=? AND time=?"
        for path, at in zip(paths, stamps, strict=True):
            row = None
            if self.table and at:
                with contextlib.suppress(sqlite3.Error, OverflowError):
                    row = self.table.execute(query, (key(path), self.what, *at)).fetchone()
            yield json.loads(row[0]) if row else None

    def add(self, found: Iterable[tuple[str, Stamp | None, Any]]) -> None:
        """Caches (path, stamp, value) of files; files without a stamp are skipped."""
        rows = [(key(p), self.what, *at, json.dumps(value)) for p, at, value in found if at]
        if self.table and rows:
            with contextlib.suppress(sqlite3.Error, OverflowError), self.table:
                self.table.executemany("INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?)", rows)
