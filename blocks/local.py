"""Convolutions that do not share their kernel everywhere: locally connected and tiled."""

from typing import Any

import keras
from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.types import WHOLE, Act, Map, Tensor, Whole, is_whole


class Unshared(layers.Layer):
    """The base of locally connected and tiled convolution: the position selects the kernel."""

    def __init__(self, filters: int, kernel_size: int = 3, strides: int = 1, *,
                 activation: Any = None, **kwargs: Any):  # fmt: skip
        super().__init__(**kwargs)
        for name, size in dict(filters=filters, kernel_size=kernel_size, strides=strides).items():
            require(is_whole(size), right=WHOLE, **{name: size})
        self.filters, self.kernel_size, self.strides = filters, kernel_size, strides
        self.activation = keras.activations.get(activation)

    def require_room(self, shape: Any) -> None:
        k, good = self.kernel_size, all(i is None or i >= self.kernel_size for i in shape[1:3])
        require(good, x=tuple(shape), right=f"of at least {(k, k)} pixels")

    def add_kernels(self, rows: int, cols: int, channels: int) -> None:
        """rows x cols kernels, each with a bias per filter, initialised as in a convolution."""
        area = self.kernel_size**2
        limit = (6 / (area * (channels + self.filters))) ** 0.5  # Glorot, fans of one kernel
        shape = (rows, cols, area * channels, self.filters)
        uniform = keras.initializers.RandomUniform(-limit, limit)
        self.kernel = self.add_weight(shape=shape, initializer=uniform, name="kernel")
        self.bias = self.add_weight(
            shape=(rows, cols, self.filters), initializer="zeros", name="bias"
        )

    def apply(self, x: Any, kernel: Any, bias: Any) -> Any:
        """x (N, H, W, C), one kernel and bias for each output position -> (N, H', W', filters)."""
        patches = ops.image.extract_patches(
            x, self.kernel_size, strides=self.strides, padding="valid", data_format="channels_last"
        )
        return self.activation(ops.einsum("nhwp,hwpf->nhwf", patches, kernel) + bias)

    def macs(self, input_shape: Any, output_shape: Any) -> int:
        """Multiply-adds for one image: one kernel for each output position."""
        return output_shape[1] * output_shape[2] * self.kernel.shape[2] * self.kernel.shape[3]

    def compute_output_shape(self, shape: Any) -> Any:
        sizes = [i and (i - self.kernel_size) // self.strides + 1 for i in shape[1:3]]
        return (shape[0], *sizes, self.filters)

    def get_config(self) -> dict[str, Any]:
        own = {key: getattr(self, key) for key in ("filters", "kernel_size", "strides")}
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), **own, "activation": activation}


@keras.saving.register_keras_serializable("convbook")
class LocallyConnected2D(Unshared):
    """kxk/s filters, valid, with a kernel of its own at every position.

    x (N, H, W, C) -> (N, H', W', filters), sizes known; kernel (H', W', k k C, filters).
    """

    def build(self, shape: Any) -> None:
        if None in shape[1:]:
            raise ValueError(
                f"x={tuple(shape)!r}: x must be of known H, W and C: each place has its own kernel"
            )
        self.require_room(shape)
        _, rows, cols, _ = self.compute_output_shape(shape)
        self.add_kernels(rows, cols, shape[-1])

    def call(self, x: Any) -> Any:
        return self.apply(x, self.kernel, self.bias)


@keras.saving.register_keras_serializable("convbook")
class TiledConv2D(Unshared):
    """kxk/s filters, valid, with tiles x tiles kernels that take turns along rows and columns.

    x (N, H, W, C) -> (N, H', W', filters); kernel (tiles, tiles, k k C, filters).
    """

    def __init__(self, filters: int, kernel_size: int = 3, strides: int = 1, *, tiles: int = 2,
                 activation: Any = None, **kwargs: Any):  # fmt: skip
        super().__init__(filters, kernel_size, strides, activation=activation, **kwargs)
        require(is_whole(tiles), tiles=tiles, right=WHOLE)
        self.tiles = tiles

    def build(self, shape: Any) -> None:
        self.require_room(shape)
        self.add_kernels(self.tiles, self.tiles, shape[-1])

    def call(self, x: Any) -> Any:
        _, rows, cols, _ = self.compute_output_shape(ops.shape(x))
        kernel, bias = self.kernel, self.bias
        for axis, size in enumerate((rows, cols)):
            turn = ops.arange(size) % self.tiles
            kernel, bias = ops.take(kernel, turn, axis=axis), ops.take(bias, turn, axis=axis)
        return self.apply(x, kernel, bias)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "tiles": self.tiles}


@checked
def local_conv(x: Map, f: Whole = 32, s: Whole = 1, *, k: Whole = 3, a: Act = "relu") -> Tensor:
    """kxk/s f, valid, whose kernel is not shared: one at every position.

    x (N, H, W, C) -> (N, (H - k)/s + 1, (W - k)/s + 1, f).  LeCun 1989; Goodfellow et al., Deep
    Learning, section 9.5, equation 9.9.  Keras 3 has no LocallyConnected2D.
    """
    return LocallyConnected2D(f, k, s, activation=a)(x)


@checked
def tiled_conv(
    x: Map, f: Whole = 32, s: Whole = 1, *, k: Whole = 3, tiles: Whole = 2, a: Act = "relu"
) -> Tensor:
    """kxk/s f, valid, with tiles x tiles kernels taking turns: between local and shared.

    x (N, H, W, C) -> (N, (H - k)/s + 1, (W - k)/s + 1, f).  Tiled convolutional networks (Le et
    al., NIPS 2010); Goodfellow et al., Deep Learning, section 9.5, equation 9.10.  tiles=1 is an
    ordinary convolution.
    """
    return TiledConv2D(f, k, s, tiles=tiles, activation=a)(x)
