"""Mixtures of two images: x (B, H, W, C) and one-hot labels y (B, classes).

Images 2 j and 2 j + 1 of a batch are partners.  Batches are in random order, so that this is as
random as a partner drawn at will, and a worker that holds a part of the batch holds both.  Keras'
MixUp and CutMix draw partners across the batch from a state of their own, and so neither resume
nor divide.
"""

import tensorflow as tf

from convbook.training.data.augment.draw import Images, Seed, Share, beta, choose, uniform


def partner(x: Images) -> tf.Tensor:
    """x with the rows 2 j and 2 j + 1 exchanged; an odd last one is its own partner."""
    i = tf.range(tf.shape(x)[0])
    return tf.gather(x, tf.minimum(i + 1 - 2 * (i % 2), tf.shape(x)[0] - 1))


def mixup(
    x: Images, y: Images, seed: Seed, share: Share = (0, 1), alpha: float = 0.2
) -> tuple[tf.Tensor, tf.Tensor]:
    """lam x + (1 - lam) partner, labels likewise; lam ~ Beta(alpha, alpha), one an image.
    arXiv:1710.09412, equation 2."""
    lam = beta(seed, alpha, x, share)
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + (1 - a) * partner(x), b * y + (1 - b) * partner(y)


def cutmix(
    x: Images, y: Images, seed: Seed, share: Share = (0, 1), alpha: float = 1.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """A box of the partner in x, labels in proportion to the areas.  arXiv:1905.04899, section 3.

    The box has the image's aspect and 1 - lam of its area, lam ~ Beta(alpha, alpha), and its
    centre anywhere; what falls outside is cut off, and does not count.
    """
    h, w = x.shape[1], x.shape[2]
    half = tf.sqrt(1 - beta(seed, alpha, x, share)) / 2
    u = uniform(tf.random.fold_in(seed, 1), 2, x, share)

    def inside(centre, side):
        centre, away = tf.cast(choose(centre, side), tf.float32), tf.floor(half * side)
        at = tf.range(side, dtype=tf.float32)
        return (at >= (centre - away)[:, None]) & (at < (centre + away)[:, None])

    box = inside(u[0], h)[:, :, None] & inside(u[1], w)[:, None]
    cut = tf.reduce_mean(tf.cast(box, tf.float32), [1, 2])[:, None]
    return tf.where(box[..., None], partner(x), x), (1 - cut) * y + cut * partner(y)
