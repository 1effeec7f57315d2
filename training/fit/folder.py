"""The folder of a run: used by one run at a time, with every file written whole or not at all."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows: two runs in one folder are not detected there
    fcntl = None  # type: ignore[assignment]

RESULT, LOCK, UNFINISHED = "result.json", ".lock", ".unfinished"
AGAIN = "delete result.json and give the same command again to restore it from the last checkpoint"
FILES = {  # of a finished run, written by Keras: what to do if one is damaged
    "model.keras": AGAIN,
    "best.keras": "delete it; only the weights of the best epoch are lost",
    "deployed.keras": AGAIN,
}
SMALL = ("history.csv", "curves.png", "passport.json")  # result.json holds their digests


def claim(folder: str | Path) -> None:
    """Makes the folder and checks that it can be written.  Raises ValueError."""
    try:
        aside = Path(folder) / UNFINISHED
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        (aside / "probe").write_text("")
        shutil.rmtree(aside)
    except OSError as error:
        raise ValueError(f"--out {str(folder)!r} cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def reserved(folder: str | Path) -> Iterator[None]:
    """Within it, no other run may write into the folder.  Raises ValueError if one already does.

    The system releases it when the process ends, however it ends.
    """
    path = Path(folder) / LOCK
    with locked(path):
        try:
            yield
        finally:
            with contextlib.suppress(PermissionError):  # Windows cannot remove an open file
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    while True:
        try:
            file = open(path, "a+", encoding="utf-8")  # noqa: SIM115  -- closed below
        except OSError as error:
            out = f"--out {str(path.parent)!r}"
            raise ValueError(f"{out} cannot be written: {error.strerror}") from error
        try:
            lock(file, path)
            if os.path.exists(path) and os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {socket.gethostname()}")
                file.flush()
                yield
                return
        finally:
            file.close()


def lock(file: IO[str], path: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        who = file.read().strip() or "another process"
        raise ValueError(
            f"--out {str(path.parent)!r}: {who} is writing to it; wait, or name another folder"
        ) from None
    except OSError:  # a file system without locks
        pass


def replaced(path: Path, write: Callable[[Path], Any]) -> None:
    """write(path aside), synced to the disk, then renamed to path."""
    aside = path.with_name(f".writing-{path.name}")  # Keras chooses the format by the ending
    try:
        write(aside)
        synced(aside)
        os.replace(aside, path)
        synced(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def synced(path: Path) -> None:
    """Waits until a file, or a folder's listing, is on the disk."""
    if os.name == "nt" and path.is_dir():
        return
    number = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        with contextlib.suppress(OSError) if path.is_dir() else contextlib.nullcontext():
            os.fsync(number)  # not every file system can do so for a folder
    finally:
        os.close(number)


def finished(folder: str | Path) -> dict[str, Any] | None:
    """The content of result.json in a folder; None if there is none: it is written last.

    Raises ValueError for a damaged file of a finished run, and says what to do.
    """
    folder = Path(folder)
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        if not isinstance(result.get("options"), dict) or "test_accuracy" not in result:
            raise ValueError("it lacks options or test_accuracy")
    except OSError:
        return None
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{folder / RESULT} is damaged ({error}): {AGAIN}") from error
    for name, remedy in FILES.items():
        if why := damage(folder / name):
            raise ValueError(f"{folder / name} {why}: {remedy}")
    found = digests(folder)
    for name, digest in result.get("files", {}).items():
        if found.get(name, digest) != digest:
            raise ValueError(f"{folder / name} has changed since the run ended: {AGAIN}")
    return result


def digests(folder: Path) -> dict[str, str]:
    """{name: digest} of the small files that a run has."""
    there = (folder / name for name in SMALL if (folder / name).is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in there}


def damage(path: Path) -> str | None:
    """What is wrong with a file of a finished run; None if it is intact.

    All but model.keras may be missing: users may delete what they do not need.
    """
    try:
        with zipfile.ZipFile(path) as file:
            bad = file.testzip()
        return bad and f"is damaged (checksum of {bad})"
    except FileNotFoundError:
        return "is missing" if path.name == "model.keras" else None
    except (OSError, zipfile.BadZipFile) as error:
        return f"is damaged ({error})"
