"""Convolutions whose kernels are standardised.  Weight Standardization, arXiv:1903.10520."""

from typing import Any

import keras
from keras import ops

from convbook.blocks.checks import checked, refuse_large, require
from convbook.blocks.grouped import GroupedConv2D
from convbook.blocks.layers import GN, act, norm, padded, pair
from convbook.blocks.types import Act, Map, Norm, Number, Padding, Pair, Tensor, Whole, is_number


@keras.saving.register_keras_serializable("convbook")
class StandardizedConv2D(GroupedConv2D):
    """keras.layers.Conv2D; the weights of each filter have mean 0 and variance 1 when it convolves.

    x (N, H, W, C) -> (N, H', W', filters).  Weight Standardization, arXiv:1903.10520, equations 7
    to 9; scaled, as in Normalizer-Free networks: arXiv:2101.08692, equation 3, arXiv:2102.06171,
    section 3.

    Args:
        gain: whether each filter is divided by the root of how many weights it has, and multiplied
            by a trainable number, which starts at 1.
        epsilon: added to the variance.
        kwargs: of Conv2D; kernel_initializer is lecun_uniform by default.
    """

    def __init__(self, *args: Any, gain: bool = False, epsilon: float = 1e-5, **kwargs: Any):
        super().__init__(*args, **({"kernel_initializer": "lecun_uniform"} | kwargs))
        require(
            is_number(epsilon) and epsilon >= 0, epsilon=epsilon, right="a number of at least 0"
        )
        self.scaled, self.epsilon, self.gain = gain, epsilon, None

    def build(self, shape: Any) -> None:
        super().build(shape)
        if self.scaled:
            self.gain = self.add_weight(shape=(self.filters,), initializer="ones", name="gain")

    def standardized(self, kernel: Any) -> Any:
        """The kernel that the layer convolves with."""
        short = keras.backend.standardize_dtype(kernel.dtype)
        w = ops.cast(kernel, "float64" if short == "float64" else "float32")
        w = w - ops.mean(w, (0, 1, 2), keepdims=True)
        w = w / ops.sqrt(ops.mean(ops.square(w), (0, 1, 2), keepdims=True) + self.epsilon)
        if self.gain is not None:
            rows, columns, channels, _ = kernel.shape
            w = w * (ops.cast(self.gain, w.dtype) * (rows * columns * channels) ** -0.5)
        return ops.cast(w, short)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        return super().convolution_op(inputs, self.standardized(kernel))

    # Keras' convolutions keep their kernel and bias alone.
    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        if self.gain is not None:
            store["gain"] = self.gain

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        if self.gain is not None:
            self.gain.assign(store["gain"])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.scaled, "epsilon": self.epsilon}


@checked
def ws_conv(x: Map, f: Whole, s: Pair = 1, *, k: Pair = 3, p: Padding = "same",
            a: Act = "relu", g: Whole = 1, n: Norm = GN, gain: bool = False,
            eps: Number = 1e-5) -> Tensor:  # fmt: skip
    """kxk/s f, the weights of each filter with mean 0 and variance 1 -> n -> a.

    x (N, H, W, C) -> (N, H/s, W/s, f); a bias only where there is no n.  Weight Standardization,
    arXiv:1903.10520, section 3.1, beside its group norm.

    Args:
        gain: scaled, arXiv:2101.08692, equation 3: each filter over the root of its number of
            weights, times a trainable number; for networks without norms.
        eps: added to the variance.
    """
    require(f % g == 0 == x.shape[-1] % g, g=g, right=f"a divisor of f={f} and of C={x.shape[-1]}")
    refuse_large((*pair(k), x.shape[-1] // g, f), k=k, f=f)
    x, p = padded(x, k, s, p)
    layer = StandardizedConv2D(f, k, s, p, groups=g, use_bias=n is None, gain=gain, epsilon=eps)
    x = layer(x)
    return act(norm(x, n), a)
