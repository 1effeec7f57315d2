"""A folder of images, a folder a class; all of it is checked, once, before any is used."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convbook.training.data.check import refuse, remembered, survey
from convbook.training.data.splits import PART, Data, Files, parted

NO_IMAGES = {"Thumbs.db", "desktop.ini"}


def images(folder: Path) -> list[str]:
    """The files below a folder, in order, without those that systems hide or leave behind."""
    found = []
    for at, _, files in os.walk(folder, followlinks=True):
        found += [os.path.join(at, f) for f in files if f[0] != "." and f not in NO_IMAGES]
    return sorted(found)


def folders(root: str | Path) -> list[Path]:
    return sorted(p for p in Path(root).glob("*") if p.is_dir() and p.name[0] != ".")


def broken(paths: Sequence[str]) -> dict[int, str]:
    """{number of a path: why it is of no use}."""
    if not paths:
        return {}
    every = Files(paths, np.zeros(len(paths)), 1, 3)
    return dict(remembered(paths, "folder", lambda: sorted(survey(every)[2].items())))


def load(name: str, path: str, size: int, channels: int, skip_broken: bool) -> Data:
    """Data of a folder of JPEG and PNG images, a folder a class, maybe in train, val and test.

    Without them, 20 % of all is for test and 20 % of the rest for validation.  With train and
    one of the others, that is the test part, and 10 % of train are held out for validation.
    """
    roots = {PART[p.name]: p for p in folders(path) if p.name in PART}
    if "train" not in roots:
        roots = {"train": Path(path)}
    classes = [(part, sub) for part, root in roots.items() for sub in folders(root)]
    if not any(part == "train" for part, _ in classes):
        raise ValueError(f"--data {name!r}: {str(roots['train'])!r} holds no folder a class")
    found = [(part, sub, file) for part, sub in classes for file in images(sub)]
    bad = broken([file for *_, file in found])
    problems = [(found[i][-1], why) for i, why in bad.items()]
    found = [f for i, f in enumerate(found) if i not in bad]
    full = {(part, sub) for part, sub, _ in found}
    names = sorted({sub.name for part, sub in full if part == "train"})
    number = {name: i for i, name in enumerate(names)}
    for part, sub in classes:
        if (part, sub) not in full:
            problems.append((str(sub), "a class without an image that can be used"))
        elif sub.name not in number:
            problems.append((str(sub), f"a class that {roots['train']} lacks"))
    refuse(name, problems, skip_broken)
    parts = {}
    for part, root in roots.items():
        kept = [(f, number[s.name]) for p, s, f in found if p == part and s.name in number]
        if not kept:
            raise ValueError(f"--data {name!r}: {str(root)!r} has no image that can be used")
        paths, labels = zip(*kept, strict=True)
        parts[part] = Files(paths, labels, size, channels)
    return parted(name, parts, len(names), names, problems)
