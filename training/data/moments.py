"""Statistics of the training part, for the normalisation and for AlexNet's colour noise."""

from collections import namedtuple

import numpy as np

from convbook.training.data.batches import batches
from convbook.training.data.check import named
from convbook.training.data.splits import Part, Split

MOST = 10_000  # images: a mean to 0.003

# mean, std (C,); covariance (C, C); pixel_mean (size, size, C): of values in [0, 1]
Statistics = namedtuple("Statistics", "mean std covariance pixel_mean")


def statistics(part: Part, short: int | None = None) -> Statistics:
    """Statistics of a training part, of its images as for evaluation (see batches).

    Exact for a part in memory; else over all images, or over 10,000 evenly spaced ones.
    """
    n = len(part)
    if n > MOST and not isinstance(part, Split):
        some = np.arange(MOST) * n // MOST
        part, n = part.take(some, part.y[some]), MOST
    total = products = np.zeros(())
    with named(part):
        for x, _ in batches(part, min(n, 256), 1, short=short).as_numpy_iterator():
            flat = x.reshape(-1, x.shape[-1]).astype("float64")
            total, products = total + x.sum(0, dtype="float64"), products + flat.T @ flat
    pixel_mean = total / n
    mean = pixel_mean.mean((0, 1))
    covariance = products / (n * part.size**2) - np.outer(mean, mean)
    return Statistics(mean, np.sqrt(np.diag(covariance)), covariance, pixel_mean)
