"""Local response normalisation over channels."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("convbook")
class LocalResponseNorm(layers.Layer):
    """x / (bias + alpha * sum of squares over size neighbouring channels) ** beta.

    x (N, H, W, C) -> the same shape.  AlexNet, section 3.3.  alpha multiplies the sum, as in the
    paper; Caffe and Torch divide it by size: give alpha / size for their result.
    """

    def __init__(self, size=5, bias=2.0, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        if size < 1 or size % 2 == 0:
            raise ValueError(f"size={size!r}: size must be an odd whole number of channels")
        self.size, self.bias, self.alpha, self.beta = size, bias, alpha, beta

    def call(self, x):
        c, r = x.shape[-1], self.size // 2
        squares = ops.pad(ops.square(x), [(0, 0)] * 3 + [(r, r)])
        total = sum(squares[..., i : i + c] for i in range(self.size))
        return x / ops.power(self.bias + self.alpha * total, self.beta)

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        own = {key: getattr(self, key) for key in ("size", "bias", "alpha", "beta")}
        return {**super().get_config(), **own}


def lrn(x, size=5, bias=2.0, alpha=1e-4, beta=0.75):
    """Each value over (bias + alpha * sum of its channel neighbours' squares) ** beta.

    x (N, H, W, C) -> the same shape.  AlexNet (Krizhevsky et al., 2012), section 3.3, with its
    constants (the paper's k is bias, its n is size).  alpha: see LocalResponseNorm.
    """
    return LocalResponseNorm(size, bias, alpha, beta)(x)
