"""Benchmarks run alone, and experiments beside no benchmark: each would spoil the other's times."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows has no such locks: there nothing is refused
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def undisturbed(what: str, *, alone: bool) -> Iterator[None]:
    """Holds the user's lock in the system's folder for temporary files; alone: shares it with none.

    The system releases the lock when the process ends, however it ends.

    Args:
        what: the command that runs, which the refusal of another one names.

    Raises SystemExit, which names what runs, if the two may not run together.
    """
    if fcntl is None:
        yield
        return
    path = Path(tempfile.gettempdir(), f"convbook-times-{os.getuid()}.lock")
    with open(path, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(
                f"{what} did not start beside {holders(file)}, because each would spoil the "
                "other's times. Wait until that ends, then run this command again."
            ) from None
        if alone:
            file.truncate(0)
        file.write(f"{os.getpid()} {what}\n")
        file.flush()
        yield


def holders(file: IO[str]) -> str:
    """What the lock file's processes run, of those that have not ended."""
    file.seek(0)
    lines = [line.strip().split(" ", 1) for line in file]
    return " and ".join(f"{what} (process {pid})" for pid, what in lines if lives(int(pid)))


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        pass
    return True
