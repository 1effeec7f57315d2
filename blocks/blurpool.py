"""Blur before every second pixel is left out.  Convolutional nets shift-invariant, 1904.11486."""

from typing import Any, Literal

import keras
from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, avgpool, conv, pair
from convbook.blocks.resnet import shortcut_path
from convbook.blocks.se import excited
from convbook.blocks.types import WHOLE, Antialias, Gate, Map, Norm, Pair, Tensor, Whole, is_whole


@keras.saving.register_keras_serializable("convbook")
class BlurPool2D(layers.Layer):
    """Every s-th pixel of each channel after a kxk binomial filter, which is not trained.

    x (N, H, W, C) -> (N, H/s, W/s, C), with the border mirrored; k=3 weighs 1 2 1 over 4 along
    rows and along columns.  It has no weights: the filter is a constant.
    """

    def __init__(self, k: int = 3, strides: Any = 2, **kwargs: Any):
        super().__init__(**kwargs)
        require(is_whole(k), k=k, right=WHOLE)
        self.kernel_size, self.strides = (k, k), pair(strides)

    def call(self, x: Any) -> Any:
        k = self.kernel_size[0]
        row = [1.0]
        for _ in range(k - 1):  # binomial coefficients, halved at each step
            row = [(i + j) / 2 for i, j in zip([0.0, *row], [*row, 0.0], strict=True)]
        kernel = ops.convert_to_tensor([[[[i * j]] for i in row] for j in row], x.dtype)
        kernel = ops.broadcast_to(kernel, (k, k, x.shape[-1], 1))
        sides = ((k - 1) // 2, k // 2)
        x = ops.pad(x, ((0, 0), sides, sides, (0, 0)), "reflect") if k > 1 else x
        return ops.depthwise_conv(x, kernel, self.strides, "valid", "channels_last")

    def macs(self, input_shape: Any, output_shape: Any) -> int:
        """Multiply-adds for one image: the filter at each output position of each channel."""
        _, h, w, channels = output_shape
        return h * w * channels * self.kernel_size[0] ** 2

    def compute_output_shape(self, shape: Any) -> Any:
        require(
            all(size is None or size > self.kernel_size[0] // 2 for size in shape[1:3]),
            shape=tuple(shape),
            right="higher and wider than half of k, because the border is mirrored",
        )
        sizes = [i and -(-i // s) for i, s in zip(shape[1:3], self.strides, strict=True)]
        return (shape[0], *sizes, shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.kernel_size[0], "strides": self.strides}


@checked
def blurpool(x: Map, *, s: Pair = 2, k: Whole = 3) -> Tensor:
    """kxk/s binomial blur of each channel, of fixed weights.

    x (N, H, W, C) -> (N, H/s, W/s, C), with the border mirrored.  BlurPool, Making Convolutional
    Networks Shift-Invariant Again, arXiv:1904.11486, section 3.2: k=2 is Rect-2, 3 Tri-3, 5 Bin-5.
    """
    small = [size for size in x.shape[1:3] if size is not None and size <= k // 2]
    require(not small, x=tuple(x.shape), right=f"of more than {k // 2} pixels: edges are mirrored")
    return BlurPool2D(k, s)(x)


def thinned(x: Tensor, s: Pair, antialias: Antialias) -> Tensor:
    """Every s-th pixel of a 2x2 mean, or of a 3x3 binomial with zeros around it: two such means."""
    return avgpool(avgpool(x, 2, 1, 1), 2, s, "valid") if antialias == "blur" else avgpool(x, 2, s)


@checked
def blur_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole | None = 4, blur: Whole = 3,
               shortcut: Literal["blur", "B"] = "blur", n: Norm = BN, se: Whole | None = None,
               gate: Gate = None) -> Tensor:  # fmt: skip
    """1x1 f/r -> 3x3 f/r -> blur/s -> 1x1 f, + shortcut, relu: r is a reduction.

    x (N, H, W, C) -> (N, H/s, W/s, f).  ResNet's block with no stride in a convolution, as in the
    authors' code of arXiv:1904.11486, models_lpf/resnet.py; a blur only where s is not 1.

    Args:
        r: None has two 3x3 f, ResNet's basic block, with the blur between them.
        blur: rows and columns of the blur.
        shortcut: 'blur' before the projection, as in the authors' code; 'B', a 1x1/s without blur,
            as in timm.
        se: the ratio of a squeeze-and-excitation after the branch.
        gate: gate(x, branch) is what is added, such as drop_path.
    """
    require(r is None or r <= f, r=r, right=f"None or a reduction from 1 to f={f}")
    require(se is None or se <= f, se=se, right=f"None or a ratio from 1 to f={f}")

    def branch(x):
        m = conv(x, f // r, k=1, n=n) if r else x
        m = conv(m, f // (r or 1), k=3, n=n)
        m = m if s == 1 else blurpool(m, s=s, k=blur)
        return conv(m, f, k=1 if r else 3, n=n, a=None)

    m = excited(gate, se)(x, branch)
    if shortcut == "blur" and s != 1:
        x = conv(blurpool(x, s=s, k=blur), f, k=1, n=n, a=None)
    else:
        x = shortcut_path(x, f, s, n=n)
    return act(layers.add([x, m]), "relu")
