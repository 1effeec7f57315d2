"""A folder of images, one folder per class; all images are checked once before any is used."""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from convbook.images import folders, listed, printable
from convbook.training.data.check import SHOWN, checked, other_kind, refuse_broken_files
from convbook.training.data.part_names import part_roots
from convbook.training.data.splits import LEAST, Data, Files, check_counts, parted, refuse_one_class

Row = tuple[str, str]  # a part, a class


class Tree(NamedTuple):
    """roots: {part: its folder}; files: {(part, class): paths}, a row for an empty class too;
    problems: unreadable files; left_out: files ignored by rule; both as (path, reason)."""

    roots: dict[str, str]
    files: dict[Row, list[str]]
    problems: list[tuple[str, str]]
    left_out: list[tuple[str, str]]


def tree(path: str) -> Tree:
    """The content of a folder.  Raises ValueError if it can be understood in two ways."""
    root = os.fspath(Path(path))
    if not os.path.lexists(root):
        raise ValueError(f"there is no folder {printable(root)!r}")
    if not os.path.isdir(root):
        kind = "a file" if os.path.exists(root) else "a link that leads nowhere"
        raise ValueError(f"{printable(root)!r} is {kind}, not a folder of images")
    roots = part_roots(root)
    files: dict[Row, list[str]] = {
        (part, name): [] for part, at in roots.items() for name in folders(at)
    }
    if not any(part == "train" for part, _ in files):
        raise ValueError(
            f"{printable(roots['train'])!r} has no class folders; put the images of each class "
            "into a folder of its own"
        )
    refuse_alike(name for _, name in files)
    found, loose = listed(root), []
    part_at = {os.path.join(at, ""): part for part, at in roots.items()}
    for file in found.files:
        at = next((at for at in part_at if file.startswith(at)), None)
        name, *below = file[len(at) :].split(os.sep) if at else [""]
        if at and below:
            files[part_at[at], name].append(file)
        else:
            loose.append((file, "lies beside the class folders, in none of them"))
    return Tree(roots, files, found.unreadable, found.left_out + loose)


def refuse_alike(names: Iterable[str]) -> None:
    """Raises ValueError for class names that differ only in capitals or stored accents."""
    seen: dict[str, str] = {}
    for name in sorted({*names}):
        plain = unicodedata.normalize("NFC", name).casefold().strip()
        if plain in seen:
            raise ValueError(
                f"the classes {printable(seen[plain])!r} and {printable(name)!r} differ only in "
                "capitals, spaces or how accents are stored: give each class one name"
            )
        seen[plain] = name


def load_folder(
    name: str, path: str, size: int, channels: int, skip_broken: bool, bits: int | None = None
) -> Data:
    """Data of a folder of JPEG and PNG images, one folder per class, maybe in train, val and test.

    Without them, 20 % of all is for test and 20 % of the rest for validation.  With train and
    one of the others, that is the test part, and 10 % of train are held out for validation.
    bits: of PNGs of 16 bits, those in use, if known.
    """
    try:
        found = tree(path)
    except ValueError as error:
        raise ValueError(f"--data {name!r}: {error}") from error
    refuse_few(name, path, found, skip_broken)
    paths = [file for files in found.files.values() for file in files]
    of_path: list[Row] = [row for row, files in found.files.items() for _ in files]
    most = None if skip_broken else SHOWN
    usable, numbers, broken, looked = checked(paths, size, channels, bits, most)
    of_usable = [of_path[i] for i in numbers]
    problems = found.problems + [(paths[i], why) for i, why in broken.items()]
    stopped = ""
    if looked < len(paths):
        stopped = f"; {looked:,} of {len(paths):,} images were checked"
    else:
        problems += unusable_classes(found, {*of_usable})
    refuse_broken_files(name, problems, skip_broken, stopped)
    names = sorted({label for part, label in of_usable if part == "train"})
    number = {label: i for i, label in enumerate(names)}
    parts: dict[str, Files] = {}
    for part, root in found.roots.items():
        chosen = [i for i, (p, label) in enumerate(of_usable) if p == part and label in number]
        if not chosen:
            raise ValueError(f"--data {name!r}: {printable(root)!r} has no usable image")
        parts[part] = usable.take(chosen, [number[of_usable[i][1]] for i in chosen])
    data = parted(name, parts, len(names), [printable(label) for label in names], problems)
    return data._replace(left_out=found.left_out)


def refuse_few(name: str, path: str, found: Tree, skip_broken: bool) -> None:
    """Raises ValueError, before any image is decoded, if there are too few."""
    counts = {label: len(files) for (part, label), files in found.files.items() if part == "train"}
    full = sorted(label for label, count in counts.items() if count)
    if len(full) == 1 and len(inner := [*folders(os.path.join(found.roots["train"], full[0]))]) > 1:
        at = printable(os.path.join(found.roots["train"], full[0]))
        few = f"only one class, {printable(full[0])!r}, which holds {len(inner)} folders"
        raise ValueError(
            f"--data {name!r}: {few}: give --data folder:{at} if these are the classes"
        )
    if full:
        y = np.repeat(np.arange(len(full)), [counts[label] for label in full])
        refuse_one_class(name, y)
        least = min(full, key=counts.__getitem__)
        if len(found.roots) < 3 and counts[least] < LEAST:  # is each of them an image?
            paths = found.files["train", least]
            broken = [(path, why) for path in paths if (why := other_kind(path))]
            refuse_broken_files(name, broken, skip_broken)
            check_counts(name, y, [printable(label) for label in full])


def unusable_classes(found: Tree, full: set[Row]) -> list[tuple[str, str]]:
    """Problems: classes without a good image, or missing from train."""
    problems, taught = [], {label for part, label in full if part == "train"}
    for part, label in found.files:
        at = os.path.join(found.roots[part], label)
        if (part, label) not in full:
            problems.append((at, "a class without usable images"))
        elif label not in taught:
            problems.append((at, f"a class that is missing in {printable(found.roots['train'])}"))
    return problems
