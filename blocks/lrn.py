"""Local response normalisation over channels."""

from typing import Any

import keras
from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.types import Map, Number, Tensor, Whole, is_whole


@keras.saving.register_keras_serializable("convbook")
class LocalResponseNorm(layers.Layer):
    """x / (bias + alpha * sum of squares over size neighbouring channels) ** beta.

    x (N, H, W, C) -> the same shape.  AlexNet, section 3.3.  alpha multiplies the sum, as in the
    paper; Caffe and Torch divide it by size: pass alpha / size for their result.
    """

    def __init__(self, size: int = 5, bias: float = 2.0, alpha: float = 1e-4, beta: float = 0.75,
                 **kwargs: Any):  # fmt: skip
        super().__init__(**kwargs)
        require(is_whole(size) and size % 2, size=size, right="an odd whole number of channels")
        self.size, self.bias, self.alpha, self.beta = size, bias, alpha, beta

    def call(self, x: Any) -> Any:
        channels, reach = x.shape[-1], self.size // 2
        wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))  # float16 overflows
        squares = ops.pad(ops.square(wide), [(0, 0)] * 3 + [(reach, reach)])
        total = sum(squares[..., i : i + channels] for i in range(self.size))
        return ops.cast(wide / ops.power(self.bias + self.alpha * total, self.beta), x.dtype)

    def get_config(self) -> dict[str, Any]:
        own = {key: getattr(self, key) for key in ("size", "bias", "alpha", "beta")}
        return {**super().get_config(), **own}


@checked
def lrn(
    x: Map, *, size: Whole = 5, bias: Number = 2.0, alpha: Number = 1e-4, beta: Number = 0.75
) -> Tensor:
    """Each value over (bias + alpha * sum of its channel neighbours' squares) ** beta.

    x (N, H, W, C) -> the same shape.  AlexNet (Krizhevsky et al., 2012), section 3.3, with its
    constants (the paper's k is bias, its n is size).

    Args:
        alpha: multiplies the sum, as in the paper; Caffe and Torch divide it by size and have a
            bias of 1: pass bias=1.0 and alpha / size for their result.
    """
    return LocalResponseNorm(size, bias, alpha, beta)(x)
