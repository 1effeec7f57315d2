"""Checkpoints: all that a run needs to resume, one file per step, written whole or not at all.

A file is NumPy's .npz (no pickle): an array for each variable, and a text of JSON with the rest.
"""

import contextlib
import json
import os
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convbook.training.fit.folder import synced

Kept = tuple[dict[str, np.ndarray], dict[str, Any]]  # (arrays, info)
NAME, ASIDE, INFO = "step-{:09}.npz", ".writing", "info"


class Refused(ValueError):
    """The checkpoint belongs to another run."""


class Unwritable(RuntimeError):
    """The disk is full, or the folder cannot be written; earlier files are intact."""


def save(
    folder: Path, step: int, arrays: Mapping[str, np.ndarray], info: dict[str, Any], keep: int = 2
) -> Path:
    """Writes arrays {name: array} and info, which JSON can hold; keeps the newest."""
    path, aside = folder / NAME.format(step), folder / ASIDE
    whole: dict[str, Any] = {INFO: np.frombuffer(json.dumps(info).encode(), np.uint8), **arrays}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(aside, "wb") as file:
            np.savez(file, **whole)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
        synced(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise Unwritable(f"{path} cannot be written: {error.strerror or error}") from error
    others = sorted((p.stat().st_mtime_ns, p) for p in written(folder) if p != path)
    for _, old in others[: max(len(others) + 1 - keep, 0)]:
        old.unlink(missing_ok=True)
    return path


def written(folder: Path) -> list[Path]:
    """The checkpoints of a folder, the oldest first."""
    return sorted(p for p in folder.glob("step-*.npz") if re.fullmatch(r"step-\d{9}\.npz", p.name))


def latest(
    folder: Path, shapes: Callable[[dict[str, Any]], dict[str, tuple[int, ...]]]
) -> tuple[Kept | None, list[str]]:
    """(arrays, info) of the last intact checkpoint, or None; and words on the others.

    shapes(info) returns {name: shape} of the variables that it must have, or raises Refused, which
    is raised for other shapes too.  The words name a damaged checkpoint, and the one before it is
    used.
    """
    words = []
    for path in reversed(found := written(folder)):
        try:
            arrays, info = read(path)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            instead = (
                "starting again from the beginning"
                if path == found[0]
                else "falling back to the previous one"
            )
            words.append(f"{path} is truncated or corrupt: {instead}")
            continue
        there, here = {name: array.shape for name, array in arrays.items()}, shapes(info)
        if there == here:
            return (arrays, info), words
        name = min(k for k in {*there, *here} if there.get(k) != here.get(k))
        why = (
            f"{name} is {there.get(name, 'missing')} in it and {here.get(name, 'missing')} "
            "in the network"
        )
        raise Refused(f"{path} does not fit ({why}): move it away, or give another --out")
    return None, words


def read(path: Path) -> Kept:
    """(arrays, info) of a file; reading verifies the checksum that each array has."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return arrays, json.loads(arrays.pop(INFO).tobytes())
