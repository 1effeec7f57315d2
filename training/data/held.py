"""What is held out: which images are for training, validation and test, always the same."""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

# Three parts (see parts); the number of classes; their names, if known; what was left out, as
# (file, reason).
Data = namedtuple("Data", "train val test classes names skipped", defaults=(None, ()))

# The words that name a part: of a folder, in the name of a file, of TensorFlow Datasets.
PART = dict(train="train", val="val", valid="val", validation="val", test="test")

LEAST = 7  # images of a class, so that validation gets one of each class even if all are so few
HELD, MOST = 0.1, 10_000  # for validation where a test part is given: CIFAR's 5,000 in ResNet


def split(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of train, validation and test: 20 % for test, then 20 % of the rest for validation.

    Every class is split alike, and always the same way: the seed of a run has no part in it.
    """
    rest, test = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=0)
    train, val = train_test_split(rest, test_size=0.2, stratify=y[rest], random_state=0)
    return train, val, test


def hold_out(y: np.ndarray) -> list[np.ndarray]:
    """Indices of train and validation where the test part is given: 10 %, at most 10,000."""
    held = min(max(round(len(y) * HELD), len(np.unique(y))), MOST)
    return train_test_split(np.arange(len(y)), test_size=held, stratify=y, random_state=0)


def check_counts(name: str, y: np.ndarray, names: Sequence[str] | None = None) -> None:
    """Raises ValueError for a class with too few images to hold some of them out."""
    labels, counts = np.unique(y, return_counts=True)
    if counts.min() < LEAST:
        label = labels[counts.argmin()]
        which = f"{names[label]!r}" if names else f"{label}"
        raise ValueError(
            f"--data {name!r}: class {which} has {counts.min()} images to train on; to hold some "
            f"out for validation and test it takes {LEAST}, or give train, val and test yourself"
        )


def parted(name: str, parts: Mapping[str, Any], classes: int, names: Sequence[str] | None,
           skipped: Sequence[tuple[str, str]]) -> Data:  # fmt: skip
    """Data of the parts there are; the others are held out from train.  Raises ValueError."""
    train = parts["train"]
    if len(np.unique(train.y)) < 2:
        raise ValueError(f"--data {name!r}: one class only: there is nothing to tell apart")
    if "val" in parts and "test" in parts:
        return Data(train, parts["val"], parts["test"], classes, names, skipped)
    check_counts(name, train.y, names)
    # One that is given is the test: what chooses a model must be another.
    given = [parts[p] for p in ("val", "test") if p in parts]
    held = hold_out(train.y) if given else split(train.y)
    train, val, test = [*(train.take(i, train.y[i]) for i in held), *given]
    return Data(train, val, test, classes, names, skipped)
