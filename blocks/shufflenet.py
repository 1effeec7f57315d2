"""Grouped 1x1 convolutions with a channel shuffle.  ShuffleNet, arXiv:1707.01083."""

from typing import Any, Literal

import keras
from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN, act, avgpool, conv, dwconv
from convbook.blocks.types import WHOLE, Map, Norm, Pair, Tensor, Whole, is_whole

Order = Literal["shortcut first", "branch first"]


@keras.saving.register_keras_serializable("convbook")
class ChannelShuffle(layers.Layer):
    """Interleaves the channels of g groups: channel i of group j moves to place i g + j.

    x (N, H, W, C) -> the same shape; g must divide C.  A layer, because a graph cannot express the
    reshape of a tensor with two unknown sizes.
    """

    def __init__(self, groups: int, **kwargs: Any):
        super().__init__(**kwargs)
        require(is_whole(groups), groups=groups, right=WHOLE)
        self.groups = groups

    def call(self, x: Any) -> Any:
        batch, h, w, channels = ops.shape(x)
        x = ops.reshape(x, (batch, h, w, self.groups, channels // self.groups))
        return ops.reshape(ops.transpose(x, (0, 1, 2, 4, 3)), (batch, h, w, channels))

    def compute_output_shape(self, shape: Any) -> Any:
        require(
            shape[-1] % self.groups == 0, groups=self.groups, right=f"a divisor of C={shape[-1]}"
        )
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups}


@checked
def channel_shuffle(x: Map, *, g: Whole = 4) -> Tensor:
    """The channels of g groups interleaved, so that each of the next groups reads them all.

    x (N, H, W, C) -> the same shape.  ShuffleNet, arXiv:1707.01083, Figure 1c and section 3.1.
    """
    require(x.shape[-1] % g == 0, g=g, right=f"a divisor of C={x.shape[-1]}")
    return ChannelShuffle(g)(x)


@checked
def shufflenet_unit(x: Map, f: Whole, s: Pair = 1, *, g: Whole = 3, r: Whole = 4, n: Norm = BN,
                    first_g: Whole | None = None,
                    order: Order = "shortcut first") -> Tensor:  # fmt: skip
    """1x1 f/r in g groups, shuffled -> 3x3/s depthwise, linear -> 1x1 f in g groups, + x, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f), C = f where s = 1; r is a reduction.  ShuffleNet,
    arXiv:1707.01083, Figure 2b; with s=2, Figure 2c: the branch has f - C filters and is
    concatenated with a 3x3/2 mean of x.

    Args:
        first_g: groups of the first 1x1 (1 in the first unit of stage 2, section 3.2).
        order: 'branch first' concatenates as pytorchcv does.
    """
    channels = x.shape[-1]
    good = channels == f if s == 1 else channels < f
    require(good, f=f, right=f"C={channels} if s=1, else more than C={channels}")
    require(f // r % g == 0 < f // r, r=r, right=f"a reduction of f={f} to a multiple of g={g}")
    m = conv(x, f // r, k=1, g=g if first_g is None else first_g, n=n)
    m = channel_shuffle(m, g=g)
    m = dwconv(m, k=3, s=s, p=1, n=n, a=None)
    m = conv(m, f if s == 1 else f - x.shape[-1], k=1, g=g, n=n, a=None)
    if s == 1:
        return act(layers.add([x, m]), "relu")
    x = avgpool(x, k=3, s=s, p=1)
    return act(layers.concatenate([x, m] if order == "shortcut first" else [m, x]), "relu")
