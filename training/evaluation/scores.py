"""Figures of probabilities p (N, classes) and true classes y (N,), and their table."""

from typing import Any

import numpy as np

BINS = 15


def summary(p: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The figures of probabilities p (N, classes); top_5 where it says anything."""
    figures = dict(top_1=top(p, y), top_5=top(p, y, 5))
    if p.shape[1] <= 5:
        del figures["top_5"]
    return figures | dict(
        negative_log_likelihood=negative_log_likelihood(p, y),
        calibration_error=calibration_error(*reliability(p, y)),
    )


def top(p: np.ndarray, y: np.ndarray, k: int = 1) -> float:
    """The share of images whose true class is among the k likeliest; of equals the first counts."""
    own = p[np.arange(len(y)), y][:, None]
    before = np.arange(p.shape[1]) < y[:, None]
    rank = (p > own).sum(1) + ((p == own) & before).sum(1)
    return float((rank < k).mean())


def confusion(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(classes, classes): how many images of the class of the row were taken for the column's."""
    found = np.zeros((p.shape[1],) * 2, int)
    np.add.at(found, (y, p.argmax(1)), 1)
    return found


def per_class(confused: np.ndarray) -> list[float | None]:
    """The share of each class that was recognised; None for one without images."""
    return [float(row[i] / row.sum()) if row.sum() else None for i, row in enumerate(confused)]


def negative_log_likelihood(p: np.ndarray, y: np.ndarray) -> float:
    """The mean of -log p of the true class, in nats; p is at least the smallest float32."""
    least = np.finfo("float32").tiny
    return float(-np.log(np.maximum(p[np.arange(len(y)), y], least)).mean())


def reliability(p: np.ndarray, y: np.ndarray, bins: int = BINS) -> tuple[np.ndarray, ...]:
    """Calibration by the confidence, the probability of the likeliest class, in equal bins.

    (count, mean confidence, accuracy) of each bin (low, high], NaN where it is empty.
    """
    confidence, right = p.max(1), p.argmax(1) == y
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(which, v, bins) / count for v in (confidence, right)]
    return count, *means


def calibration_error(count: np.ndarray, confidence: np.ndarray, accuracy: np.ndarray) -> float:
    """The expected calibration error: |accuracy - confidence| over the bins, weighted by count.

    arXiv:1706.04599, section 2.
    """
    there = count > 0
    return float((count * abs(accuracy - confidence))[there].sum() / count.sum())


def lines(found: dict[str, Any]) -> list[str]:
    """What evaluation.json says, as lines for people."""
    of = f"{found['part']} of {found['data']}, {found['images']} images"
    said = [f"protocol {found['protocol']} on {of}, {len(found['classes'])} classes"]
    for path, top_1 in zip(found["models"], found["top_1_of_each"], strict=True):
        said.append(f"{top_1:8.2%}  top-1 of {path}")
    said += ["", f"{found['top_1']:8.2%}  top-1" + (", ensemble" * (len(found["models"]) > 1))]
    said += [f"{found['top_5']:8.2%}  top-5"] if "top_5" in found else []
    said.append(f"{found['negative_log_likelihood']:8.4f}  negative log likelihood")
    said.append(f"{found['calibration_error']:8.2%}  expected calibration error")
    each = zip(found["accuracy_of_class"], found["classes"], strict=True)
    worst = sorted(pair for pair in each if pair[0] is not None)[:3]
    said.append("worst classes: " + ", ".join(f"{name} {share:.1%}" for share, name in worst))
    if found["skipped"]:
        said.append(f"{len(found['skipped'])} left out, listed in evaluation.json")
    return said + found["words"]
