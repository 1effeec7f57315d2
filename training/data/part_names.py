"""Names of folders and files that mean a part: train, val or test."""

import os
import re
import shlex
from collections.abc import Iterable, Sequence

from convbook.images import folders, printable

WORDS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "validate", "validating", "dev", "development"),
    "test": ("test", "testing", "eval", "evaluation", "holdout"),
}
PART = {word: part for part, words in WORDS.items() for word in words}
# What may stand beside the word
FILLERS = {"set", "data", "dataset", "images", "image", "imgs", "img", "photos", "split", "part"}
RIGHT = "train, val and test"


def words_of(name: str) -> list[str]:
    """The words of a name in small letters, without digits and signs: trainset is train, set."""
    found = re.findall("[a-z]+", name.lower())
    return [w.removesuffix("set") if w.removesuffix("set") in PART else w for w in found]


def part_of(name: str) -> str | None:
    """The part that a name means, if nothing else: Train, val_images, Test-Set; None for others."""
    words = [word for word in words_of(name) if word not in FILLERS]
    return PART.get(words[0]) if len(words) == 1 else None


def part_roots(root: str) -> dict[str, str]:
    """{part: its folder} of a root; {"train": root} if all images are to be split.

    A folder with a part's name is one if it holds folders.  Raises ValueError where the names can
    be taken in two ways.
    """
    names = [*folders(root)]
    inner = {name: [*folders(os.path.join(root, name))] for name in names}
    parts = {name: part for name in names if (part := part_of(name)) and inner[name]}
    if not parts:
        refuse_look_alikes(root, inner)
        return {"train": root}
    others = [name for name in names if name not in parts]
    if others:
        flat = [name for name in others if part_of(name)]
        raise ValueError(no_classes(root, flat) if flat else beside(root, others, [*parts]))
    for part in WORDS:
        if len(same := [name for name in names if parts[name] == part]) > 1:
            raise ValueError(
                f"{listing(root, same)} all mean {part}: merge them, or hide all but one: "
                f"{rename(root, same[-1], f'.{same[-1]}')}"
            )
    if "train" not in parts.values():
        raise ValueError(
            f"there is no folder train beside {listing(root, names)}: name one train, or, if these "
            f"are classes, rename them: {rename(root, names[0], f'{names[0]}_class')}"
        )
    return {parts[name]: os.path.join(root, name) for name in names}


def refuse_look_alikes(root: str, inner: dict[str, list[str]]) -> None:
    """Raises ValueError for folders that look like parts but do not say which."""
    refuse_parts_without_classes(root, inner)
    holding = [name for name, within in inner.items() if within]
    hinted = [name for name in holding if {*words_of(name)} & {*PART}]
    classes = {*inner[holding[0]]} if holding else set()
    several = len(inner) > 1 and len(classes) > 1
    alike = several and all({*within} == classes for within in inner.values())
    numbered = len({re.sub(r"\d+", "", name) for name in holding}) == 1
    if hinted or (alike and (numbered or len(holding) <= len(WORDS))):
        raise ValueError(ask(root, hinted or holding, sorted(classes)))


def refuse_parts_without_classes(root: str, inner: dict[str, list[str]]) -> None:
    """Raises ValueError for folders with names of parts that hold no folders.

    They are all of them, or at least two: a single class may be called test.
    """
    names = [*inner]
    flat = [name for name in names if part_of(name)]
    meant = [{PART[word] for word in words_of(name) if word in PART} for name in names]
    each_names_one = len(names) > 1 and all(meant)  # and something else: train_a, validation_b
    if each_names_one and len(set().union(*meant)) > 1 and not any(inner.values()):
        flat = names
    if len(flat) > 1 or (names and flat == names):
        raise ValueError(no_classes(root, flat))


def ask(root: str, names: Sequence[str], classes: Sequence[str]) -> str:
    """The parts that these folders are."""
    first, *_ = names
    inside = os.path.join(printable(root), printable(first))
    return (
        f"{listing(root, names)} look like parts of the data, but which? Name them {RIGHT}: "
        f"{rename(root, first, 'train')}; if they are classes, put their images directly into "
        f"them, not into folders such as {inside}/{printable(classes[0]) if classes else '...'}"
    )


def beside(root: str, others: Sequence[str], parts: Sequence[str]) -> str:
    return (
        f"{listing(root, others)} beside {listing(root, parts)}: which part is it? Name it one of "
        f"{RIGHT}, or hide it: {rename(root, others[0], f'.{others[0]}')}; if "
        f"{printable(parts[0])} is a class, rename it: "
        f"{rename(root, parts[0], f'{parts[0]}_class')}"
    )


def no_classes(root: str, flat: Sequence[str]) -> str:
    return (
        f"{listing(root, flat)} must hold a folder for each class, as {RIGHT} do; to leave one "
        f"out, hide it: {rename(root, flat[0], f'.{flat[0]}')}"
    )


def listing(root: str, names: Iterable[str]) -> str:
    return " and ".join(repr(os.path.join(printable(root), printable(name))) for name in names)


def rename(root: str, old: str, new: str) -> str:
    """The command that renames a folder of a root."""
    return f"mv {shlex.join(printable(os.path.join(root, name)) for name in (old, new))}"


def parts_of_files(paths: Sequence[str]) -> list[str]:
    """The part that each file's name says, as in validation-00000-of-00128; all train where none
    does.  Raises ValueError."""
    said = [[w for w in words_of(os.path.basename(path)) if w in PART] for path in paths]
    if not any(said):
        return ["train"] * len(paths)
    for path, words in zip(paths, said, strict=True):
        if len({PART[word] for word in words}) != 1:
            raise ValueError(
                f"{printable(path)}: which part is it? Put one of {RIGHT} into its name, as in the "
                "others"
            )
    for part in WORDS:
        of_it = [(said_by[0], path) for path, said_by in zip(paths, said, strict=True)]
        firsts = {word: path for word, path in of_it if PART[word] == part}
        if len(firsts) > 1:
            some = " and ".join(map(printable, firsts.values()))
            raise ValueError(f"{some} both mean {part}: name the files of one part alike")
    return [PART[words[0]] for words in said]
