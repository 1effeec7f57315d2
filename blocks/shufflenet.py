"""Grouped 1x1 convolutions whose channels are shuffled.  ShuffleNet, arXiv:1707.01083."""

import keras
from keras import layers, ops

from convbook.blocks.layers import BN, act, avgpool, conv, dwconv


@keras.saving.register_keras_serializable("convbook")
class ChannelShuffle(layers.Layer):
    """Deals the channels of g groups out in turn: channel i of group j goes to place i g + j.

    x (N, H, W, C) -> the same shape; g must divide C.  A layer, since a reshape of tensors with
    two unknown sizes cannot be written in the graph.
    """

    def __init__(self, groups, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def call(self, x):
        n, h, w, c = ops.shape(x)
        x = ops.reshape(x, (n, h, w, self.groups, c // self.groups))
        return ops.reshape(ops.transpose(x, (0, 1, 2, 4, 3)), (n, h, w, c))

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "groups": self.groups}


def channel_shuffle(x, g=4):
    """The channels of g groups dealt out in turn, so that the next groups read all of these.

    x (N, H, W, C) -> the same shape.  ShuffleNet, arXiv:1707.01083, Figure 1c and section 3.1.
    """
    if x.shape[-1] % g:
        raise ValueError(f"g={g!r}: g must be a divisor of C={x.shape[-1]}")
    return ChannelShuffle(g)(x)


def shufflenet_unit(x, f, s=1, g=3, r=4, n=BN, first_g=None, order="shortcut first"):
    """1x1 f/r in g groups, shuffled -> 3x3/s depthwise, linear -> 1x1 f in g groups, + x, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f), C = f where s = 1.  ShuffleNet, arXiv:1707.01083, Figure 2b;
    with s=2, Figure 2c: the branch has f - C filters and is concatenated to a 3x3/2 mean of x.
    first_g: groups of the first 1x1 (1 in the first unit of stage 2, section 3.2).
    order='branch first' concatenates as pytorchcv does.
    """
    if order not in ("shortcut first", "branch first"):
        raise ValueError(f"order={order!r}: order must be 'shortcut first' or 'branch first'")
    m = conv(x, f // r, k=1, g=g if first_g is None else first_g, n=n)
    m = channel_shuffle(m, g)
    m = dwconv(m, k=3, s=s, p=1, n=n, a=None)
    m = conv(m, f if s == 1 else f - x.shape[-1], k=1, g=g, n=n, a=None)
    if s == 1:
        return act(layers.add([x, m]), "relu")
    pair = [avgpool(x, k=3, s=s, p=1), m]
    return act(layers.concatenate(pair[:: -1 if order == "branch first" else 1]), "relu")
