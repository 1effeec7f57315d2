"""The files of a folder: each real folder once, without files that systems hide or create.

Nothing here opens a file but `contents`, which opens regular ones only: a pipe or a device would
not end.
"""

import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

# What cameras, desktops, servers and archives leave beside pictures, in small letters
LEFT_BEHIND = {
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
    *("@eadir", "@__thumb", "__macosx", "#recycle", "$recycle.bin", "lost+found"),
    "system volume information",
}
OTHERS: dict[str, Callable[[int], bool]] = {
    "a pipe": stat.S_ISFIFO,
    "a socket": stat.S_ISSOCK,
    "a device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode),
    "a folder": stat.S_ISDIR,
}


class Listing(NamedTuple):
    """The content of a folder: files, in order; files left out by rule, and unreadable ones, both
    as (path, reason)."""

    files: list[str]
    left_out: list[tuple[str, str]]
    unreadable: list[tuple[str, str]]


def printable(path: str | os.PathLike[str]) -> str:
    """A path that can be printed, whatever bytes it has: others as Python escapes them."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def why_not(path: str | os.PathLike[str]) -> str | None:
    """Why a path is not a readable file; None for a regular file, or a link to one."""
    try:
        mode = os.stat(path).st_mode
    except PermissionError:
        return "no permission to read it"
    except (OSError, ValueError):  # a link to itself, a name too long, one with a null
        return "not found"
    kinds = (kind for kind, test in OTHERS.items() if test(mode))
    return None if stat.S_ISREG(mode) else f"{next(kinds, 'no file')}, not a regular file"


def contents(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a regular file.  Raises OSError for any other, without waiting for it."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(f"{printable(path)}: {why_not(path)}")
        return file.read()


def listed(path: str | os.PathLike[str]) -> Listing:
    """The Listing of a folder with all folders below it, or of a single file.

    A link to a folder is followed, unless its images are read already, or would be again.
    """
    top = os.fspath(path)
    if not os.path.isdir(top):
        why = why_not(top)
        return Listing([] if why else [top], [], [(top, why)] if why else [])
    found = Listing([], [], [])
    seen: set[tuple[int, int]] = set()
    links = walk(top, found, seen)
    for link in links:  # after all real folders; more may come while it goes on
        if where := link_remark(link, seen):
            found.left_out.append((link, f"a link to {where}"))
        else:
            links += walk(link, found, seen)
    for each in found:
        each.sort()
    return found


def link_remark(link: str, seen: set[tuple[int, int]]) -> str | None:
    """Words on where a link leads, if its images are read elsewhere or stand above it."""
    target, here = os.path.realpath(link), os.path.realpath(os.path.dirname(link))
    if os.path.commonpath([target, here]) == target:
        return f"{printable(target)}, a folder above it"
    return f"{printable(target)}, which is already read" if identity(link) in seen else None


def identity(folder: str) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def walk(top: str, found: Listing, seen: set[tuple[int, int]]) -> list[str]:
    """Adds to found what the real folders from top on hold; returns the links to others."""
    links, to_do = [], [top]
    while to_do:
        here = to_do.pop()
        try:
            seen.add(identity(here))
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError:
            found.unreadable.append((here, "a folder without permission to read it"))
            continue
        for entry in entries:
            if why := hidden(entry.name):
                what = "folder" if os.path.isdir(entry.path) else "file"
                found.left_out.append((entry.path, f"{why} {what}"))
            elif entry.is_dir(follow_symlinks=False):
                to_do.append(entry.path)
            elif os.path.isdir(entry.path):
                links.append(entry.path)
            elif why := why_not(entry.path):
                found.unreadable.append((entry.path, why))
            else:
                found.files.append(entry.path)
    return sorted(links)


def hidden(name: str) -> str | None:
    """Why a name is left out, in a word; None if it is not."""
    if name.startswith("."):
        return "a hidden"
    return "a system's" if name.lower() in LEFT_BEHIND else None


def folders(path: str | os.PathLike[str]) -> Iterator[str]:
    """The names of the folders in a folder, in order, without those that are left out."""
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return
    for name in names:
        if not hidden(name) and os.path.isdir(os.path.join(path, name)):
            yield name
