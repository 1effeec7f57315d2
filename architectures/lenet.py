"""LeNet-5.  Gradient-Based Learning Applied to Document Recognition, Proc. IEEE 86(11), 1998."""

from collections.abc import Sequence

import keras
from keras import layers

from convbook.architectures.common import Net, logits
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import conv, dense
from convbook.blocks.lenet import C3, partial_conv, radial_basis, squash, subsample
from convbook.blocks.types import Tensor


def uniform(fan_in: int) -> keras.initializers.Initializer:
    """The paper's initialiser for a layer with fan_in inputs a unit.  Section II-B, appendix A."""
    return keras.initializers.RandomUniform(-2.4 / fan_in, 2.4 / fan_in)


def body(x: Tensor, table: Sequence[Sequence[int]] | None) -> Tensor:
    """C1 S2 C3 S4 C5.

    x (N, 32, 32, 1) -> (N, 1, 1, 120); table None: C3 sees all maps of S2.
    """
    x = tap(conv(x, 6, k=5, p="valid", a=squash, init=uniform(25)), "stage1")
    x = tap(subsample(x), "stage2")
    if table:
        x = partial_conv(x, table=table, init=uniform(25 * 4))
    else:
        x = conv(x, 16, k=5, p="valid", a=squash, init=uniform(25 * 6))
    x = tap(subsample(tap(x, "stage3")), "stage4")
    return tap(conv(x, 120, k=5, p="valid", a=squash, init=uniform(25 * 16)), "stage5")


def top(x: Tensor) -> Tensor:
    """F6.  x (N, 1, 1, 120) -> (N, 84)."""
    if x.shape[1:3] != (1, 1):
        right = "32 x 32 (or top=False for any size of at least 32)"
        raise ValueError(f"input_shape: C5 is {x.shape[1:3]}, not one pixel: must be {right}")
    return tap(dense(layers.Flatten()(x), 84, a=squash, init=uniform(120)), "stage6")


def radial(x: Tensor, classes: int) -> Tensor:
    """F6 -> minus the squared distance to the fixed codes of the digits."""
    if classes != 10:
        right = "10, the digits with a code (variant='c3_fully_connected_softmax' takes any)"
        raise ValueError(f"classes={classes!r}: classes must be {right}")
    return tap(radial_basis(top(x)), "logits")


def softmax(x: Tensor, classes: int) -> Tensor:
    """F6 -> dense, as in most of today's LeNets."""
    return logits(top(x), classes)


SIMPLE = {"table": (None,), "head": softmax}
NETS = {
    "lenet5": Net(
        body, (C3,), (32, 32, 1), 10, variants={"c3_fully_connected_softmax": SIMPLE}, head=radial
    )
}
ALIASES = {"lenet": "lenet5"}
