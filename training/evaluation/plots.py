"""Plots of an evaluation: the confusion matrix, and confidence against accuracy."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from convbook.training.evaluation.scores import BINS

NAMED = 40  # with more classes, their names would not be readable
COUNTED = 20  # with more classes, the numbers in the cells would not be


def draw_confusion(path: str | Path, confused: np.ndarray, names: Sequence[str]) -> None:
    """The confusion matrix, each row as shares of its class; 0 is black."""
    n = len(confused)
    side = min(max(4, 0.35 * n + 2), 14)
    figure = Figure((side + 1, side), layout="constrained")
    axes = figure.subplots()
    shares = confused / np.maximum(confused.sum(1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="magma", vmin=0, vmax=1, interpolation="nearest")
    figure.colorbar(image, label="share of the true class")
    axes.set(xlabel="predicted class", ylabel="true class")
    if n <= NAMED:
        axes.set_xticks(range(n), names, rotation=90 if max(map(len, names)) > 2 else 0)
        axes.set_yticks(range(n), names)
    if n <= COUNTED:
        for (i, j), count in np.ndenumerate(confused):
            if count:
                colour = "black" if shares[i, j] > 0.6 else "white"
                axes.text(j, i, count, ha="center", va="center", color=colour, fontsize=8)
    figure.savefig(path, dpi=120)


def draw_reliability(path: str | Path, reliability: tuple[np.ndarray, ...], error: float) -> None:
    """Accuracy against confidence, above a histogram of the confidences."""
    count, confidence, accuracy = reliability
    figure = Figure((5, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    middle = (np.arange(BINS) + 0.5) / BINS
    above.bar(middle, np.nan_to_num(accuracy), 1 / BINS, edgecolor="white", label="accuracy")
    above.plot(confidence, accuracy, "k.", label="at its mean confidence")
    above.plot([0, 1], [0, 1], "--", color="grey", label="perfectly calibrated")
    above.set(ylabel="accuracy", ylim=(0, 1), title=f"calibration error {error:.2%}")
    above.legend()
    below.bar(middle, count, 1 / BINS, edgecolor="white")
    below.set(xlabel="confidence", ylabel="images", xlim=(0, 1))
    figure.savefig(path, dpi=120)
