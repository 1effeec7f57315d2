"""The check before training: every image is decoded once, in parallel; failures get a reason."""

import contextlib
import os
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from convbook.images import contents, printable, why_not
from convbook.training.data.image_facts import TABLE, Facts, Unusable, look, refuse_kind
from convbook.training.data.kept import Kept, stamp
from convbook.training.data.splits import Files, Part, Records

SHOWN = 10  # reasons after which a check that refuses broken files stops
AT_ONCE = 256
SECONDS = 10.0  # between two lines of progress

Verdict = Facts | str  # the facts of an image, or why it cannot be used


class Survey(NamedTuple):
    """good: numbers of what can be used; facts: of these, a TABLE; broken: {number: why not} of
    the others; looked: how many were looked at."""

    good: np.ndarray
    facts: np.ndarray
    broken: dict[int, str]
    looked: int


class Progress:
    """A line of progress on stderr now and then: how many images are checked."""

    def __init__(self, total: int, what: str = "images"):
        self.total, self.what, self.done = total, what, 0
        self.said = time.monotonic()

    def add(self, count: int) -> None:
        self.done += count
        if time.monotonic() - self.said > SECONDS:
            self.said = time.monotonic()
            print(f"checked {self.done:,} of {self.total:,} {self.what}", file=sys.stderr)


def verdict_of(encoded: bytes) -> Verdict:
    try:
        return look(encoded)
    except Unusable as error:
        return str(error)


def verdict(path: str) -> Verdict:
    """The facts of a file, or why it cannot be used."""
    try:
        return verdict_of(contents(path))
    except OSError as error:
        return why_not(path) or (
            "no permission to read it" if error.errno == 13 else str(error.strerror)
        )


def other_kind(path: str) -> str | None:
    """What a file is by its first bytes, if neither a JPEG nor a PNG."""
    try:
        refuse_kind(contents(path))
    except Unusable as error:
        return str(error)
    except OSError:
        return why_not(path)
    return None


@contextlib.contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Threads that decode images; Pillow's warning of large ones is silenced."""
    with ThreadPoolExecutor(os.cpu_count()) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield pool


def verdicts(paths: Sequence[str]) -> Iterator[list[Verdict]]:
    """Lists of verdicts on files, in order; the facts of good files are cached."""
    cache = Kept()
    with workers() as pool:
        for start in range(0, len(paths), AT_ONCE):
            some = paths[start : start + AT_ONCE]  # one of them may be given twice
            stamps = {path: stamp(path) for path in some}
            cached = dict(zip(stamps, cache.find([*stamps], [*stamps.values()]), strict=True))
            new = [path for path in stamps if not cached[path]]
            looked_at = dict(zip(new, pool.map(verdict, new), strict=True))
            usable = {path: v for path, v in looked_at.items() if isinstance(v, Facts)}
            cache.add((path, stamps[path], facts) for path, facts in usable.items())
            yield [looked_at[p] if p in looked_at else Facts(*cached[p]) for p in some]


def survey(paths: Sequence[str], most: int | None = None) -> Survey:
    """The facts of files; it stops after `most` files that cannot be used, if given.

    They are cached for each file, so that another survey is quick.
    """
    return gathered(verdicts(paths), Progress(len(paths)), most)


def gathered(lists: Iterable[list[Verdict]], progress: Progress, most: int | None) -> Survey:
    good, table, broken = [], [], {}
    for verdicts in lists:
        for i, one in enumerate(verdicts, progress.done):
            if isinstance(one, Facts):
                good.append(i)
                table.append(tuple(one))
            else:
                broken[i] = one
        progress.add(len(verdicts))
        if most and len(broken) >= most:
            break
    return Survey(np.asarray(good, int), np.array(table, TABLE), broken, progress.done)


def checked(
    paths: Sequence[str], size: int, channels: int, bits: int | None = None, most: int | None = None
) -> tuple[Files, np.ndarray, dict[int, str], int]:
    """(Files of what can be used, labelled 0; its numbers; {number: why not}; how many were looked
    at) of paths to images; bits, most: see bits_in_use, survey."""
    found = survey(paths, most)
    facts, good, broken = found.facts, found.good, found.broken
    if bits:
        fits = bits_in(facts["top"]) <= bits
        broken = broken | {
            int(i): f"its values go up to {top}, but the training images have {bits} bits"
            for i, top in zip(good[~fits], facts["top"][~fits], strict=True)
        }
        facts, good = facts[fits], good[fits]
    some, y = [paths[i] for i in good], np.zeros(len(good))
    part = Files(some, y, size, channels, facts, bits or bits_in_use(facts))
    return part, good, dict(sorted(broken.items())), found.looked


@contextlib.contextmanager
def named(*parts: Part) -> Iterator[None]:
    """Within it, an image that can no longer be read raises a ValueError that names its file."""
    try:
        yield
    except tf.errors.OpError as error:
        broken = [gone for part in parts if isinstance(part, Files) for gone in changed(part.paths)]
        shards = {f for part in parts if isinstance(part, Records) for f in part.files}
        broken += [(file, why) for file in sorted(shards) if (why := why_not(file))]
        if not broken:
            raise
        said = "; ".join(f"{printable(path)}: {why}" for path, why in broken[:SHOWN])
        raise ValueError(
            f"{said}; the check of the data could still read it: restore it, then run the "
            "command again"
        ) from error


def changed(paths: Sequence[str]) -> list[tuple[str, str]]:
    """(path, why) of files that were usable when they were checked, and are not now."""
    return [(paths[i], why) for i, why in survey(paths).broken.items()]


def bits_in(top: Any) -> np.ndarray:
    """The bits that largest values take."""
    return np.ceil(np.log2(np.asarray(top, "float64") + 1)).astype(int)


def bits_in_use(facts: np.ndarray) -> int:
    """The bits that the PNGs of 16 bits use in a TABLE of facts; 16 if there is none."""
    deep = facts["top"][facts["bits"] == 16]
    return max(int(bits_in(deep.max())), 1) if len(deep) else 16


def refuse_broken_files(
    name: str, problems: Sequence[tuple[str, str]], skip_broken: bool, words: str = ""
) -> None:
    """Raises ValueError naming the first of problems [(file, reason)], unless they are skipped;
    words: added to the message."""
    if problems and not skip_broken:
        said = "; ".join(f"{printable(file)}: {why}" for file, why in problems[:SHOWN])
        more = f"; and {len(problems) - SHOWN:,} more" if len(problems) > SHOWN else ""
        raise ValueError(
            f"--data {name!r}: {said}{more}{words} (--skip-broken leaves such files out)"
        )
