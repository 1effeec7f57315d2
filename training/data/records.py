"""TFRecord files, of one's own or of TensorFlow Datasets; checked, once, before any is used.

Training reads single records by their offsets, so that data order is free and a run goes on at
any step; files that are read from end to end would have to be read again up to there.
"""

import glob
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convbook.training.data.check import refuse, remembered, survey
from convbook.training.data.splits import PART, Data, Records, parted

INCEPTION = ("image/encoded", "image/class/label")  # of the ImageNet records of TensorFlow's models


def offsets(file: str | os.PathLike[str]) -> tuple[list[int], str | None]:
    """Where the records of a TFRecord file begin, and what is wrong with it, if anything is.

    A record: its length in 8 bytes, their checksum in 4, the data, their checksum in 4.
    """
    size, at = os.path.getsize(file), 0
    found: list[int] = []
    with open(file, "rb", buffering=0) as stream:
        while at < size:
            stream.seek(at)
            head = stream.read(12)
            if not at and head[:2] == b"\x1f\x8b":
                return [], "compressed: its records cannot be read one by one; decompress it"
            end = at + 16 + int.from_bytes(head[:8], "little")
            if len(head) < 12 or end > size:
                return found, f"truncated or corrupt: no whole record at byte {at}"
            found.append(at)
            at = end
    return found, None if found else "empty"


def scan(paths: Sequence[str], features: Sequence[str]) -> dict[str, Any]:
    """What the files hold: shard, offset and label of what can be used, problems of the rest."""
    found = [offsets(p) for p in paths]
    shard = np.repeat(np.arange(len(paths)), [len(at) for at, _ in found])
    offset = np.concatenate([at for at, _ in found]).astype("int64")
    every = Records(paths, shard, offset, np.zeros(len(shard), "int64"), 1, 3, features)
    good, label, bad = survey(every)
    problems = [(p, why) for p, (_, why) in zip(paths, found, strict=True) if why]
    problems += [(every.name(i), why) for i, why in bad.items()]
    kept = dict(shard=shard[good], offset=offset[good], label=label)
    return {k: a.tolist() for k, a in kept.items()} | dict(problems=problems)


def judge(
    every: Records, train: np.ndarray, classes: int, first_label: int, names: Sequence[str] | None
) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Which labels are of a class that is trained, and the problems: of the others, of classes.

    every: all Records, y from 0; train: which of them are to train on.
    """
    taught = np.isin(every.y, np.unique(every.y[train])) & (every.y >= 0) & (every.y < classes)
    problems = []
    for i in np.flatnonzero(~taught):
        label = every.y[i] + first_label
        why = f"label {label} is of a class that train lacks"
        if every.y[i] < 0 or (names and every.y[i] >= classes):
            last = first_label + classes - 1
            why = f"label {label} is out of range: it must be from {first_label} to {last}"
        problems.append((every.name(i), why))
    for c in np.setdiff1d(np.arange(classes), every.y[train]):
        which = repr(names[c]) if names else f"labelled {c + first_label}"
        problems.append((f"class {which}", "no image to train on (see --first-label)"))
    return taught, problems


def records(name: str, files: Mapping[str, str | None], size: int, channels: int, skip_broken: bool,
            first_label: int = 0, features: Sequence[str] = INCEPTION,
            names: Sequence[str] | None = None) -> Data:  # fmt: skip
    """Data of files {path: part}, a tf.train.Example with a JPEG or PNG and a label a record.

    first_label: what class 0 is labelled; 1 in the ImageNet records of TensorFlow's models.
    names: of all classes, if known.  A part of which every label is -1 is left out: the test
    part of ImageNet has no others.
    """
    paths = list(files)
    scanned = remembered(paths, list(features), lambda: scan(paths, features))
    shard, offset, raw = (np.asarray(scanned[k], "int64") for k in ("shard", "offset", "label"))
    part = np.asarray([files[p] for p in paths])[shard]
    labelled = np.isin(part, np.unique(part[raw != -1]))
    every = Records(paths, shard, offset, raw - first_label, size, channels, features)
    every, part = every.take(labelled, every.y[labelled]), part[labelled]
    train = part == "train"
    classes = len(names) if names else int(every.y[train].max(initial=-1)) + 1
    problems = [tuple(p) for p in scanned["problems"]]
    taught = train
    if train.any():
        taught, more = judge(every, train, classes, first_label, names)
        problems += more
    refuse(name, problems, skip_broken)
    if not (taught & train).any():
        raise ValueError(f"--data {name!r}: there is no record to train on")
    at = {p: np.flatnonzero(taught & (part == p)) for p in np.unique(part).tolist()}
    parts = {p: every.take(i, every.y[i]) for p, i in at.items()}
    return parted(name, parts, classes, names, problems)


def tfrecord(
    name: str, pattern: str, size: int, channels: int, skip_broken: bool, first_label: int = 0
) -> Data:
    """Sharded TFRecord files whose path matches a pattern; the name of a file says its part.

    A word train, val, validation or test in all of them, as in validation-00000-of-00128; in
    none of them: 20 % is for test and 20 % of the rest for validation.
    """
    found = sorted(p for p in glob.glob(pattern, recursive=True) if os.path.isfile(p))
    if not found:
        raise ValueError(f"--data {name!r}: no file matches {pattern!r}")
    words = [re.findall("[a-z]+", os.path.basename(p).lower()) for p in found]
    parts = [next((PART[w] for w in ws if w in PART), None) for ws in words]
    if not any(parts):
        parts = ["train"] * len(found)
    if None in parts:
        raise ValueError(
            f"--data {name!r}: {found[parts.index(None)]} is of which part? (of "
            "train, val and test, others have one in their names)"
        )
    files = dict(zip(found, parts, strict=True))
    return records(name, files, size, channels, skip_broken, first_label)


def tfds(name: str, dataset: str, size: int, channels: int, skip_broken: bool) -> Data:
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
        raise ValueError(f"--data {name!r}: cannot be prepared: {said}") from error
    info = builder.info
    if not {"image", "label"} <= set(info.features):
        raise ValueError(f"--data {name!r}: features must be image and label: {[*info.features]}")
    splits = {s: PART[s] for s in info.splits if s in PART}
    files = {str(p): part for s, part in splits.items() for p in info.splits[s].filepaths}
    every, features = list(info.features["label"].names), ("image", "label")
    return records(name, files, size, channels, skip_broken, features=features, names=every)
