"""What was found of a file, kept until its size or its time changes: a table in KERAS_HOME/checked.

A home that cannot be written, or a table that is broken, only costs the next run another look.
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
    """What changes with a file; None where there is none."""
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
            except sqlite3.DatabaseError:  # no table at all: begun anew
                path.unlink()
        return None

    def find(self, paths: Sequence[str], stamps: Sequence[Stamp | None]) -> Iterator[Any]:
        """What is kept of each file with its stamp; None where nothing is."""
        query = "SELECT value FROM found WHERE path=? AND what=? AND size=? AND time=?"
        for path, at in zip(paths, stamps, strict=True):
            row = None
            if self.table and at:
                with contextlib.suppress(sqlite3.Error, OverflowError):
                    row = self.table.execute(query, (key(path), self.what, *at)).fetchone()
            yield json.loads(row[0]) if row else None

    def add(self, found: Iterable[tuple[str, Stamp | None, Any]]) -> None:
        """Keeps (path, stamp, value) of files; of one without a stamp nothing."""
        rows = [(key(p), self.what, *at, json.dumps(value)) for p, at, value in found if at]
        if self.table and rows:
            with contextlib.suppress(sqlite3.Error, OverflowError), self.table:
                self.table.executemany("INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?)", rows)
