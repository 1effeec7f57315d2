"""Figures of probabilities p (N, classes) and true classes y (N,), and their table."""

from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, recall_score

BINS = 15


def summary(p: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The figures of probabilities p (N, classes); top_5 where it says anything."""
    figures = dict(top_1=top(p, y), top_5=top(p, y, 5), balanced_accuracy=balanced(p, y))
    if p.shape[1] <= 5:
        del figures["top_5"]
    return figures | dict(
        negative_log_likelihood=negative_log_likelihood(p, y),
        calibration_error=calibration_error(*reliability(p, y)),
    )


def top(p: np.ndarray, y: np.ndarray, k: int = 1) -> float:
    """The share of images whose true class is among the k likeliest; of equals the first counts."""
    # top_k_accuracy_score has the last of equals first, unlike argmax, and refuses two classes.
    likeliest = (-p).argsort(1, kind="stable")[:, :k]
    return float((likeliest == y[:, None]).any(1).mean())


def confusion(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(classes, classes): how many images of the row's class were classified as the column's."""
    return confusion_matrix(y, p.argmax(1), labels=range(p.shape[1]))


def per_class(p: np.ndarray, y: np.ndarray) -> list[float | None]:
    """The recall of each class: the share classified correctly; None for a class without images."""
    present, classes = np.unique(y), range(p.shape[1])
    recall = recall_score(y, p.argmax(1), labels=classes, average=None, zero_division=0)
    return [float(recall[c]) if c in present else None for c in classes]


def balanced(p: np.ndarray, y: np.ndarray) -> float:
    """The mean of the recalls of the classes that have images; each class counts equally."""
    return float(np.mean([share for share in per_class(p, y) if share is not None]))


def negative_log_likelihood(p: np.ndarray, y: np.ndarray) -> float:
    """The mean of -log p of the true class, in nats; p is at least the smallest float32."""
    # log_loss clips p at 2e-16: a wrong answer with more confidence would cost no more.
    least = np.finfo("float32").tiny
    return float(-np.log(np.maximum(p[np.arange(len(y)), y], least)).mean())


def reliability(p: np.ndarray, y: np.ndarray, bins: int = BINS) -> tuple[np.ndarray, ...]:
    """Calibration by the confidence, the probability of the likeliest class, in equal bins.

    (count, mean confidence, accuracy) of each bin (low, high], NaN where it is empty.
    """
    # calibration_curve is for two classes, and leaves out empty bins and the counts.
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


def describe(evaluation: dict[str, Any]) -> list[str]:
    """The content of evaluation.json as lines to read."""
    of = f"{evaluation['part']} of {evaluation['data']}, {evaluation['images']} images"
    lines = [f"protocol {evaluation['protocol']} on {of}, {len(evaluation['classes'])} classes"]
    for path, top_1 in zip(evaluation["models"], evaluation["top_1_of_each"], strict=True):
        lines.append(f"{top_1:8.2%}  top-1 of {path}")
    lines += [
        "",
        f"{evaluation['top_1']:8.2%}  top-1" + (", ensemble" * (len(evaluation["models"]) > 1)),
    ]
    lines += [f"{evaluation['top_5']:8.2%}  top-5"] if "top_5" in evaluation else []
    lines.append(
        f"{evaluation['balanced_accuracy']:8.2%}  balanced accuracy, the mean over classes"
    )
    lines.append(f"{evaluation['negative_log_likelihood']:8.4f}  negative log likelihood")
    lines.append(f"{evaluation['calibration_error']:8.2%}  expected calibration error")
    each = zip(evaluation["accuracy_of_class"], evaluation["classes"], strict=True)
    worst = sorted(pair for pair in each if pair[0] is not None)[:3]
    lines.append("worst classes: " + ", ".join(f"{name} {share:.1%}" for share, name in worst))
    if evaluation["skipped"]:
        lines.append(f"{len(evaluation['skipped'])} left out, listed in evaluation.json")
    return lines + evaluation["words"]
