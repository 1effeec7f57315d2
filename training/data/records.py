"""TFRecord files, the user's own or TensorFlow Datasets'; all are checked once before any is used.

Training reads single records by their offsets, so that any order is possible and a run resumes at
any step; sequential reading would have to repeat everything up to it.
"""

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from convbook.images import why_not
from convbook.training.data.check import (
    AT_ONCE,
    SHOWN,
    Progress,
    Verdict,
    bits_in_use,
    refuse_broken_files,
    verdict_of,
    workers,
)
from convbook.training.data.image_facts import TABLE, Facts
from convbook.training.data.kept import Kept, stamp
from convbook.training.data.part_names import part_of, parts_of_files
from convbook.training.data.splits import Data, Records, opened, parted

INCEPTION = ("image/encoded", "image/class/label")  # of the ImageNet records of TensorFlow's models
CORRUPT = "the record is corrupt: its checksum is wrong"


class Shard(NamedTuple):
    """A file: offset, label and Facts of each record that can be used, and (offset, reason) of the
    others; offset None: of the file."""

    offset: list[int]
    label: list[int]
    facts: list[Facts]
    problems: list[tuple[int | None, str]]


def offsets(file: str | os.PathLike[str]) -> tuple[list[int], str | None]:
    """Where the records of a TFRecord file begin, and what is wrong with it, if anything.

    A record: its length in 8 bytes, their checksum in 4, the data, their checksum in 4.
    """
    size, at = os.path.getsize(file), 0
    found: list[int] = []
    with open(file, "rb", buffering=0) as stream:
        while at < size:
            stream.seek(at)
            head = stream.read(12)
            if not at and head[:2] == b"\x1f\x8b":
                return [], "compressed, so its records cannot be read one by one; decompress it"
            end = at + 16 + int.from_bytes(head[:8], "little")
            if len(head) < 12 or end > size:
                return found, f"truncated or corrupt: no whole record at byte {at}"
            found.append(at)
            at = end
    return found, None if found else "empty"


def raw(file: str, at: Sequence[int]) -> Iterator[bytes | None]:
    """The records of a file, which begin at these bytes; None for one with a wrong checksum."""
    i = 0
    while i < len(at):
        try:
            # Within another data set: an iterator cannot be made of this operation alone
            begin = tf.data.Dataset.from_tensors(np.int64(at[i]))
            records = begin.flat_map(partial(opened, os.fsencode(file)))
            for record in islice(records.as_numpy_iterator(), len(at) - i):
                yield record
                i += 1
        except tf.errors.DataLossError:
            yield None
            i += 1


def looked(record: bytes | None, features: Sequence[str]) -> tuple[int, Verdict]:
    """(label, what is to be known) of a record."""
    if record is None:
        return 0, CORRUPT
    try:
        found = tf.train.Example.FromString(record).features.feature
    except Exception:  # of protobuf, which is TensorFlow's
        return 0, f"no {' and '.join(features)} in the record, which is no tf.train.Example"
    if missing := [key for key in features if key not in found]:
        has = ", ".join(sorted(found)) or "nothing"
        return 0, f"no {' and '.join(missing)} in the record, which has {has}"
    images, labels = found[features[0]].bytes_list.value, found[features[1]].int64_list.value
    if len(images) != 1:
        return 0, f"{features[0]} is not one encoded image, in bytes"
    if len(labels) != 1:
        return 0, f"{features[1]} is not one whole number"
    return labels[0], verdict_of(images[0])


def scan(file: str, features: Sequence[str], most: int | None) -> Shard:
    """The Shard of a file; it stops after `most` records that cannot be used, if given."""
    shard = Shard([], [], [], [])
    try:
        at, why = ([], irregular) if (irregular := why_not(file)) else offsets(file)
    except OSError:
        at, why = [], "may not be read"
    records, begins = raw(file, at), iter(at)
    with workers() as pool:
        while some := list(islice(records, AT_ONCE)):
            results = pool.map(looked, some, [features] * len(some))
            for (label, verdict), offset in zip(results, begins, strict=False):
                if isinstance(verdict, Facts):
                    shard.offset.append(offset)
                    shard.label.append(label)
                    shard.facts.append(verdict)
                else:
                    shard.problems.append((offset, verdict))
            if most and len(shard.problems) >= most:
                break
    if why:
        shard.problems.append((None, why))
    return shard


def shards(paths: Sequence[str], features: Sequence[str], most: int | None) -> list[Shard]:
    """The Shards of files, as many as are read; those without a problem are cached."""
    kept, progress = Kept(f"records {features}"), Progress(len(paths), "files")
    found: list[Shard] = []
    for path in paths:
        if most and sum(len(shard.problems) for shard in found) >= most:
            break
        (known,) = kept.find([path], [at := stamp(path)])
        shard = Shard(*known) if known else scan(path, features, most)
        if not known and not shard.problems:
            kept.add([(path, at, shard)])
        found.append(shard)
        progress.add(1)
    return found


def classes_of(y: np.ndarray) -> int:
    """The number of classes of labels y: up to the first label that is far above all others, so
    that one wrong label does not make millions of classes."""
    labels = np.unique(y[y >= 0])
    far = labels > 2 * np.arange(len(labels)) + 10
    return int(labels[: far.argmax() if far.any() else None].max(initial=-1)) + 1


def judge(
    every: Records, train: np.ndarray, classes: int, first_label: int, names: Sequence[str] | None
) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Which labels belong to a trained class, and the problems of the other labels and of classes.

    every: all Records, y from 0; train: which of them are to train on.
    """
    taught = np.isin(every.y, np.unique(every.y[train])) & (every.y >= 0) & (every.y < classes)
    problems = []
    for i in np.flatnonzero(~taught):
        label = every.y[i] + first_label
        why = f"label {label} is of a class that is missing in the training part"
        if train[i] and every.y[i] >= classes and not names:
            why = (
                f"label {label} is far above the others, which go from {first_label} without a gap"
            )
        elif every.y[i] < 0 or (names and every.y[i] >= classes):
            last = first_label + classes - 1
            why = f"label {label} is out of range: it must be from {first_label} to {last}"
        problems.append((every.name(i), why))
    for c in np.setdiff1d(np.arange(classes), every.y[train]):
        which = repr(names[c]) if names else f"labelled {c + first_label}"
        problems.append((f"class {which}", "no image to train on (see --first-label)"))
    return taught, problems


def records(name: str, files: Mapping[str, str | None], size: int, channels: int, skip_broken: bool,
            first_label: int = 0, features: Sequence[str] = INCEPTION,
            names: Sequence[str] | None = None, bits: int | None = None) -> Data:  # fmt: skip
    """Data of files {path: part}, a tf.train.Example with a JPEG or PNG and a label a record.

    first_label: what class 0 is labelled; 1 in the ImageNet records of TensorFlow's models.
    names: of all classes, if known.  A part of which every label is -1 is left out: the test
    part of ImageNet has no others.
    """
    paths, parts_of = list(files), list(files.values())
    found = shards(paths, features, None if skip_broken else SHOWN)
    problems = [
        (path if at is None else f"{path}, record at byte {at}", why)
        for path, shard in zip(paths, found, strict=False)
        for at, why in shard.problems
    ]
    if problems and len(found) < len(paths):
        seen = f"; {len(found)} of {len(paths)} files were checked"
        refuse_broken_files(name, problems, skip_broken, seen)
    number = np.repeat(np.arange(len(found)), [len(shard.offset) for shard in found])  # of the file
    offset = np.asarray([at for shard in found for at in shard.offset], "int64")
    label = np.asarray([label for shard in found for label in shard.label], "int64")
    facts = np.array([tuple(f) for shard in found for f in shard.facts], TABLE)
    y, bits = label - first_label, bits or bits_in_use(facts)
    every = Records(paths, number, offset, y, size, channels, features, facts, bits)
    part = np.asarray([str(p) for p in parts_of])[number]
    return taught(name, every, part, first_label, names, problems, skip_broken)


def taught(name: str, every: Records, part: np.ndarray, first_label: int,
           names: Sequence[str] | None, problems: list[tuple[str, str]],
           skip_broken: bool) -> Data:  # fmt: skip
    """Data of the Records of each part, without those whose label is of no trained class."""
    labelled = np.isin(part, np.unique(part[every.y != -1 - first_label]))
    every, part = every.take(labelled, every.y[labelled]), part[labelled]
    train = part == "train"
    good, classes = train, len(names) if names else classes_of(every.y[train])
    if train.any():
        good, more = judge(every, train, classes, first_label, names)
        problems = problems + more
    refuse_broken_files(name, problems, skip_broken)
    if not (good & train).any():
        raise ValueError(f"--data {name!r}: there are no records to train on")
    at = {p: np.flatnonzero(good & (part == p)) for p in np.unique(part).tolist()}
    parts = {p: every.take(i, every.y[i]) for p, i in at.items()}
    return parted(name, parts, classes, names, problems)


def tfrecord(
    name: str,
    pattern: str,
    size: int,
    channels: int,
    skip_broken: bool,
    first_label: int = 0,
    bits: int | None = None,
) -> Data:
    """Sharded TFRecord files whose path matches a pattern; the name of a file says its part.

    A word train, val, validation or test in all of them, as in validation-00000-of-00128; in
    none of them: 20 % is for test and 20 % of the rest for validation.
    """
    found = sorted(p for p in glob.glob(pattern, recursive=True) if not os.path.isdir(p))
    if not found:
        raise ValueError(f"--data {name!r}: no file matches {pattern!r}")
    try:
        parts = parts_of_files(found)
    except ValueError as error:
        raise ValueError(f"--data {name!r}: {error}") from error
    files = dict(zip(found, parts, strict=True))
    return records(name, files, size, channels, skip_broken, first_label, bits=bits)


def tfds(
    name: str, dataset: str, size: int, channels: int, skip_broken: bool, bits: int | None = None
) -> Data:
    """A data set of TensorFlow Datasets with a feature image and a feature label, as prepared
    in TFRecord files, which are then read as those of tfrecord."""
    try:
        import tensorflow_datasets
    except ImportError as error:
        needs = "tensorflow_datasets: pip install 'keras-block-cookbook[tfds]'"
        raise ValueError(f"--data {name!r} needs {needs} ({error})") from error
    try:
        builder = tensorflow_datasets.builder(dataset, file_format="tfrecord")
        builder.download_and_prepare()
    except Exception as error:  # any of the library's own, of the network, of the disk
        said = str(error).strip().split("\n")[0]
        raise ValueError(
            f"--data {name!r}: TensorFlow Datasets cannot prepare it: {said}"
        ) from error
    info = builder.info
    if not {"image", "label"} <= set(info.features):
        raise ValueError(
            f"--data {name!r}: its features must include image and label; it has {[*info.features]}"
        )
    splits = {s: part for s in info.splits if (part := part_of(s))}
    files = {str(p): part for s, part in splits.items() for p in info.splits[s].filepaths}
    every, features = list(info.features["label"].names), ("image", "label")
    arguments = name, files, size, channels, skip_broken
    return records(*arguments, features=features, names=every, bits=bits)
