"""A depthwise 7x7 and two 1x1, with one norm.  ConvNeXt, arXiv:2201.03545, and V2, 2301.00808."""

from typing import Any

import keras
from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import LN, conv, dwconv
from convbook.blocks.stochastic_depth import run
from convbook.blocks.types import Gate, Map, Norm, Number, Tensor, Whole, is_number


@keras.saving.register_keras_serializable("convbook")
class LayerScale(layers.Layer):
    """x times one trainable factor per channel; all start at value.

    x (N, ..., C) -> the same shape.  CaiT, arXiv:2103.17239.
    """

    def __init__(self, value: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        require(is_number(value), value=value, right="a finite number")
        self.value = value

    def build(self, shape: Any) -> None:
        start = keras.initializers.Constant(self.value)
        self.scale = self.add_weight(shape=shape[-1:], initializer=start, name="scale")

    def call(self, x: Any) -> Any:
        return x * self.scale

    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "value": self.value}


@keras.saving.register_keras_serializable("convbook")
class GlobalResponseNorm(layers.Layer):
    """x + gamma x g / (mean of g over the channels) + beta, g the length of each channel's map.

    x (N, H, W, C) -> the same shape; gamma and beta start at 0.  ConvNeXt V2, arXiv:2301.00808,
    section 4 and Algorithm 1.
    """

    def __init__(self, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        require(
            is_number(epsilon) and epsilon >= 0, epsilon=epsilon, right="a number of at least 0"
        )
        self.epsilon = epsilon

    def build(self, shape: Any) -> None:
        for name in ("gamma", "beta"):
            setattr(self, name, self.add_weight(shape=shape[-1:], initializer="zeros", name=name))

    def call(self, x: Any) -> Any:
        squares = ops.sum(ops.square(ops.cast(x, "float32")), axis=(1, 2), keepdims=True)
        # The root of 0 has no gradient.
        lengths = ops.cast(ops.sqrt(ops.maximum(squares, 1e-24)), x.dtype)
        lengths = lengths / (ops.mean(lengths, axis=-1, keepdims=True) + self.epsilon)
        return x + self.gamma * x * lengths + self.beta

    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}


@checked
def convnext_block(x: Map, *, r: Whole = 4, n: Norm = LN, scale: Number | None = 1e-6,
                   gate: Gate = None) -> Tensor:  # fmt: skip
    """7x7 depthwise n -> 1x1 rC gelu -> 1x1 C, scaled, + x: r is an expansion.

    x (N, H, W, C) -> the same shape.  ConvNeXt, arXiv:2201.03545, Figure 4, right; all layers have
    biases.

    Args:
        scale: initial value of the branch's trainable factors (LayerScale); None for no factors.
        gate: a function such as drop_path; gate(x, branch) returns what is added to x.
    """

    def branch(x):
        m = dwconv(x, k=7, n=n, a=None, bias=True)
        m = conv(m, r * x.shape[-1], k=1, a="gelu")
        m = conv(m, x.shape[-1], k=1, a=None)
        return m if scale is None else LayerScale(scale)(m)

    return layers.add([x, (gate or run)(x, branch)])


@checked
def convnext_v2_block(x: Map, *, r: Whole = 4, n: Norm = LN, gate: Gate = None) -> Tensor:
    """7x7 depthwise n -> 1x1 rC gelu, global response norm -> 1x1 C, + x: r is an expansion.

    x (N, H, W, C) -> the same shape.  ConvNeXt V2, arXiv:2301.00808, Figure 5, right.

    Args:
        gate: a function such as drop_path; gate(x, branch) returns what is added to x.
    """

    def branch(x):
        m = dwconv(x, k=7, n=n, a=None, bias=True)
        m = conv(m, r * x.shape[-1], k=1, a="gelu")
        return conv(GlobalResponseNorm()(m), x.shape[-1], k=1, a=None)

    return layers.add([x, (gate or run)(x, branch)])
