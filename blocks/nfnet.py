"""Residual branches without norms.  NFNet, arXiv:2102.06171."""

from functools import partial
from typing import Any, Literal

import keras
from keras import layers

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import act, avgpool
from convbook.blocks.se import se_block
from convbook.blocks.standardized import ws_conv
from convbook.blocks.stochastic_depth import run
from convbook.blocks.types import Gate, Map, Number, Pair, Tensor, Whole, is_number

Unit = Literal["gelu", "relu", "silu"]
# What gives an activation of a normal variable the variance 1; the authors' code, nfnets/base.py.
GAMMA = {"gelu": 1.7015043497085571, "relu": 1.7139588594436646, "silu": 1.7881293296813965}


@keras.saving.register_keras_serializable("convbook")
class SkipInit(layers.Layer):
    """x times one trainable number, which starts at value: at 0 a branch adds nothing at first.

    x (N, ..., C) -> the same shape.  SkipInit, arXiv:2002.10444.
    """

    def __init__(self, value: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        require(is_number(value), value=value, right="a finite number")
        self.value = value

    def build(self, shape: Any) -> None:
        start = keras.initializers.Constant(self.value)
        self.gain = self.add_weight(shape=(), initializer=start, name="gain")

    def call(self, x: Any) -> Any:
        return x * self.gain

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "value": self.value}


def scaled_act(x: Tensor, a: Unit = "gelu", beta: float = 1.0) -> Tensor:
    """a -> times beta, and times what keeps the variance of a normal x at 1.

    x (N, H, W, C) -> the same shape.  arXiv:2101.08692.
    """
    return layers.Rescaling(GAMMA[a] * beta)(act(x, a))


@checked
def nf_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 2, width: Whole = 128, a: Unit = "gelu",
             alpha: Number = 0.2, beta: Number = 1.0, se: Whole | None = 2, eps: Number = 1e-5,
             gate: Gate = None) -> Tensor:  # fmt: skip
    """After gelu each: 1x1 f/r -> 3x3/s -> 3x3, both in groups -> 1x1 f; SE, x alpha; + shortcut.

    x (N, H, W, C) -> (N, H/s, W/s, f).  NFNet, arXiv:2102.06171, section 5: no norm, all kernels
    are standardised and scaled, and what gelu gives is scaled back to variance 1.  A shortcut that
    strides or widens is a mean pool and a 1x1 of the activated x.

    Args:
        width: channels of a group.
        a: before each convolution, scaled so that it keeps the variance.
        alpha: of the branch; a trainable gain beside it starts at 0 (SkipInit).
        beta: of the first activation: 1 over the standard deviation that x should have.
        se: the ratio of the squeeze-and-excitation, whose answer is doubled; None for none.
        eps: added to the variance of a kernel.
        gate: gate(x, branch) is what is added, such as drop_path; x is activated.
    """
    require(f % (r * width) == 0, width=width, right=f"a divisor of f/r={f / r:g}")
    require(se is None or se <= f, se=se, right=f"None or a ratio from 1 to f={f}")
    conv = partial(ws_conv, n=None, a=None, gain=True, eps=eps)

    def branch(m):
        m = scaled_act(conv(m, f // r, k=1), a)
        m = scaled_act(conv(m, f // r, s, g=f // r // width), a)
        m = scaled_act(conv(m, f // r, g=f // r // width), a)
        m = conv(m, f, k=1)
        m = se_block(m, r=se) if se else m
        return layers.Rescaling(alpha * (2 if se else 1))(SkipInit()(m))

    first = scaled_act(x, a, beta)
    if s != 1 or x.shape[-1] != f:
        x = avgpool(first, k=s, s=s) if s != 1 else first
        x = conv(x, f, k=1)
    return layers.add([x, (gate or run)(first, branch)])
