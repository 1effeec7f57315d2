"""The passport of a data set: what is in it, to read before any time is spent.

    convbook check folder:photos

Counts, sizes, colours, rotated images, files left out and why, duplicates, imbalance.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from convbook.images import printable
from convbook.training.data.content import PARTS, fingerprint, table_of
from convbook.training.data.image_facts import COLOURS
from convbook.training.data.splits import Data, Part, Split, images

MANY = 12  # classes, beyond which only the smallest and the largest are printed
LISTED = 100  # groups of duplicates that are listed
UNEQUAL = 3.0  # classes are imbalanced from this ratio on


def passport(of: Data) -> dict[str, Any]:
    """The passport of Data, as JSON can hold it."""
    parts = {name: getattr(of, name) for name in PARTS}
    tables = {name: table_of(part) for name, part in parts.items()}
    every = np.concatenate([*tables.values()])
    counts = {p: np.bincount(part.y, minlength=of.classes) for p, part in parts.items()}
    names = of.names or range(of.classes)
    return dict(
        fingerprint=fingerprint(of),
        images={name: len(part) for name, part in parts.items()},
        classes={
            str(name): {p: int(count[i]) for p, count in counts.items()}
            for i, name in enumerate(names)
        },
        **of_table(every),
        bits_in_use=bits_in_use(of),
        equal=equal(parts, tables, [str(name) for name in names]),
        left_out=[[printable(file), why] for file, why in of.left_out],
        cannot_be_used=[[printable(file), why] for file, why in of.skipped],
    )


def bits_in_use(of: Data) -> int | None:
    """The bits that PNGs of 16 bits use; None if there are none."""
    parts = (part for part in of[:3] if not isinstance(part, Split) and part.facts is not None)
    deep = any((part.facts["bits"] == 16).any() for part in parts)
    return of.train.bits if deep else None


def of_table(every: np.ndarray) -> dict[str, Any]:
    """Counts from a TABLE of facts."""
    h, w = (every[side].astype("int64") for side in ("height", "width"))
    order = np.argsort(h * w, kind="stable")
    at = dict(smallest=0, median=len(order) // 2, largest=-1)
    sizes = {word: [int(h[order[i]]), int(w[order[i]])] for word, i in at.items() if len(order)}
    return dict(
        sizes=sizes,
        colours={COLOURS[k]: n for k, n in counted(every["colours"])},
        bits={str(k): n for k, n in counted(every["bits"])},
        orientations={str(k): n for k, n in counted(every["orientation"])},
    )


def counted(values: np.ndarray) -> list[tuple[int, int]]:
    return sorted(Counter(values.tolist()).items())


def equal(
    parts: dict[str, Part], tables: dict[str, np.ndarray], names: list[str]
) -> dict[str, Any]:
    """Images with the same bytes: in two classes, in two parts, or in one class and part; how
    many of each kind, and some examples."""
    having: defaultdict[bytes, list[tuple[str, int]]] = defaultdict(list)
    for p, table in tables.items():
        for i, digest in enumerate(table["digest"].tolist()):
            having[digest].append((p, i))
    duplicated = sorted(digest for digest, members in having.items() if len(members) > 1)
    found: dict[str, Any] = {}
    for kind in ("classes", "parts", "alone"):
        found[kind] = dict(images=0, some=[])
    for members in (having[digest] for digest in duplicated):
        if len({int(parts[p].y[i]) for p, i in members}) > 1:
            kind = "classes"
        elif len({p for p, _ in members}) > 1:
            kind = "parts"
        else:
            kind = "alone"
        found[kind]["images"] += len(members)
        if len(found[kind]["some"]) < LISTED:
            some = [[p, names[parts[p].y[i]], named(parts[p], i)] for p, i in members[:LISTED]]
            found[kind]["some"].append(some)
    return found


def named(part: Part, i: int) -> str:
    return f"image {i}" if isinstance(part, Split) else printable(part.name(i))


def describe(passport: dict[str, Any]) -> list[str]:
    """A passport as lines for people."""
    total = sum(passport["images"].values())
    lines = [f"{total:,} images, {len(passport['classes'])} classes", *class_counts(passport), ""]
    if passport["sizes"]:
        small, middle, large = ("{}x{}".format(*passport["sizes"][k]) for k in passport["sizes"])
        lines.append(f"height x width: {small} to {large}, median {middle}")
        for key, word in (("colours", ""), ("bits", " bits per channel")):
            each = (f"{name}{word}: {count:,}" for name, count in passport[key].items())
            lines.append(", ".join(each))
    if passport["cannot_be_used"]:
        unusable = "; ".join(some(passport["cannot_be_used"]))
        lines.append(f"cannot be used: {len(passport['cannot_be_used']):,}, {unusable}")
    return [*lines, "", *remarks(passport)]


def class_counts(passport: dict[str, Any]) -> Iterator[str]:
    """How many images each class has in each part; of many classes those with the fewest and the
    most."""
    rows = list(passport["classes"].items())
    if len(rows) > MANY:
        rows.sort(key=lambda row: row[1]["train"])
        rows = [*rows[: MANY // 2], *rows[-MANY // 2 :]]
    wide = max(len("class"), *(len(name) for name, _ in rows))
    yield f"{'class':<{wide}}" + "".join(f"{p:>12}" for p in PARTS)
    for i, (name, counts) in enumerate(rows):
        if i == MANY // 2 and len(passport["classes"]) > MANY:
            yield f"... {len(passport['classes']) - MANY} more"
        yield f"{name:<{wide}}" + "".join(f"{counts[p]:>12,}" for p in PARTS)
    yield f"{'all':<{wide}}" + "".join(f"{passport['images'][p]:>12,}" for p in PARTS)


def remarks(passport: dict[str, Any]) -> Iterator[str]:
    """Warnings to read before a run, one a line; none if nothing is unusual."""
    turned = sum(n for k, n in passport["orientations"].items() if k != "1")
    if turned:
        yield f"turned upright by their EXIF tags: {images(turned)}"
    if (bits := passport["bits_in_use"] or 16) < 16:
        top = 2**bits - 1
        yield f"the 16-bit PNGs use {bits} bits: 0 is black, {top:,} is white"
    yield from of_equal(passport["equal"])
    if passport["left_out"]:
        yield f"left out: {len(passport['left_out']):,}, " + "; ".join(some(passport["left_out"]))
    counts = {name: counts["train"] for name, counts in passport["classes"].items()}
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[most] >= UNEQUAL * counts[least]:
        times = f"{counts[most] / max(counts[least], 1):.0f} times as many images as {least}"
        yield f"{most} has {times}: watch the balanced accuracy, or use --class-weights balanced"


def some(pairs: Iterable[tuple[str, str]], most: int = 3) -> Iterator[str]:
    pairs = list(pairs)
    yield from (f"{file} ({why})" for file, why in pairs[:most])
    if len(pairs) > most:
        yield f"and {len(pairs) - most:,} more"


def of_equal(found: dict[str, Any]) -> Iterator[str]:
    words = {
        "classes": "equal, but in different classes",
        "parts": "equal, in different parts",
        "alone": "equal, in the same class and part",
    }
    for kind, said in words.items():
        if count := found[kind]["images"]:
            first = " = ".join(name for _, _, name in found[kind]["some"][0][:3])
            more = " ..." * (len(found[kind]["some"]) > 1)
            yield f"{said}: {images(count)}, {first}{more}"
