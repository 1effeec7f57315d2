"""The parts of LeNet-5.  Gradient-Based Learning Applied to Document Recognition, 1998."""

from typing import Any

import keras
from keras import layers, ops

from convbook.blocks.checks import checked, require
from convbook.blocks.layers import act, conv, holds
from convbook.blocks.types import (
    Act,
    Init,
    Map,
    Padding,
    Pair,
    Tensor,
    Vector,
    Whole,
    is_number,
    is_row,
)

# Table I: the maps of S2 that each of the 16 maps of C3 reads.
C3 = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip

# The codes of the ten digits, 7 x 12 as in Figure 3, drawn by us: the paper has only a picture.
DIGITS = """
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
..###..  ...#...  ..###..  .#####.  ....##.  #######  ..####.  #######  ..###..  ..###..
.#...#.  ..##...  .#...#.  #.....#  ...#.#.  #......  .#.....  #.....#  .#...#.  .#...#.
#.....#  .#.#...  #.....#  ......#  ..#..#.  #......  #......  .....#.  #.....#  #.....#
#.....#  ...#...  ......#  ......#  .#...#.  #......  #......  .....#.  #.....#  #.....#
#.....#  ...#...  .....#.  .....#.  #....#.  ######.  #.###..  ....#..  .#...#.  #....##
#.....#  ...#...  ....#..  ..###..  #######  ......#  ##...#.  ....#..  ..###..  .####.#
#.....#  ...#...  ...#...  .....#.  .....#.  ......#  #.....#  ...#...  .#...#.  ......#
#.....#  ...#...  ..#....  ......#  .....#.  ......#  #.....#  ...#...  #.....#  ......#
.#...#.  ...#...  .#.....  #.....#  .....#.  #....#.  .#...#.  ..#....  #.....#  .....#.
..###..  .#####.  #######  .#####.  .....#.  .####..  ..###..  ..#....  .#####.  .####..
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
"""


def digit_codes() -> list[list[int]]:
    """The codes as ten lists of 84 numbers: 1 where the digit has ink, else -1."""
    rows = [line.split() for line in DIGITS.split("\n") if line]
    return [[1 if ch == "#" else -1 for row in rows for ch in row[i]] for i in range(10)]


@keras.saving.register_keras_serializable("convbook")
def squash(x: Tensor) -> Tensor:
    """1.7159 tanh(2x / 3): 1 at 1, where its slope changes fastest.  LeNet-5, appendix A."""
    return 1.7159 * ops.tanh(x * (2 / 3))


@keras.saving.register_keras_serializable("convbook")
class Subsample(layers.Layer):
    """The sum of each kxk window, times a trainable coefficient and plus a bias for each map."""

    def __init__(self, k: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self.pool_size = self.strides = (k, k)

    def build(self, shape: Any) -> None:
        k = self.pool_size[0]  # starts as an average
        start = keras.initializers.Constant(1 / k**2)
        self.coefficient = self.add_weight((shape[-1],), start, name="coefficient")
        self.bias = self.add_weight((shape[-1],), "zeros", name="bias")

    def call(self, x: Any) -> Any:
        k = self.pool_size[0]
        total = ops.average_pool(x, k, k, "valid", "channels_last") * k**2
        return total * self.coefficient + self.bias

    def compute_output_shape(self, shape: Any) -> Any:
        batch, h, w, channels = shape
        k = self.pool_size[0]
        return (batch, h and h // k, w and w // k, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.pool_size[0]}


@keras.saving.register_keras_serializable("convbook")
class RadialBasis(layers.Layer):
    """Minus the squared distance to each of the fixed codes, one per class; no weights."""

    def __init__(self, codes: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.codes = [list(code) for code in codes]

    def call(self, x: Any) -> Any:
        codes = ops.convert_to_tensor(self.codes, self.compute_dtype)
        return -ops.sum(ops.square(ops.expand_dims(x, 1) - codes), axis=-1)

    def compute_output_shape(self, shape: Any) -> Any:
        return (shape[0], len(self.codes))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "codes": self.codes}


@checked
def subsample(x: Map, *, k: Whole = 2, a: Act = squash) -> Tensor:
    """kxk/k sum x coefficient + bias -> a: two trainable numbers a map.

    x (N, H, W, C) -> (N, H // k, W // k, C).  LeNet-5, section II-B, layers S2 and S4.  The
    coefficients start at 1/k^2, which makes it a mean.

    Args:
        a: after it, the paper's scaled tanh.
    """
    require(holds(x, k, k, "valid"), x=tuple(x.shape), right=f"of at least {(k, k)} pixels")
    return act(Subsample(k)(x), a)


def are_rows(table: Any, channels: int) -> bool:
    """Whether each row of a table lists some of so many channels."""
    good = isinstance(table, (tuple, list)) and len(table) > 0
    return good and all(is_row(row, 0) and max(row) < channels for row in table)


def are_codes(codes: Any) -> bool:
    """Whether each code is as many numbers."""
    good = isinstance(codes, (tuple, list)) and len(codes) > 0
    good = good and all(isinstance(code, (tuple, list)) and len(code) > 0 for code in codes)
    return good and all(len(code) == len(codes[0]) and all(map(is_number, code)) for code in codes)


@checked
def partial_conv(x: Map, *, table: Any = C3, k: Pair = 5, p: Padding = "valid", a: Act = squash,
                 init: Init = None) -> Tensor:  # fmt: skip
    """kxk from some of the maps to each output map -> a: one row of table an output map.

    x (N, H, W, C) -> (N, H', W', len(table)); a row lists the input maps, counted from 0.
    LeNet-5, Table I, layer C3: 60 links of 25 weights and 16 biases make 1,516 parameters.
    """
    require(
        are_rows(table, x.shape[-1]), table=table, right=f"rows of numbers below C={x.shape[-1]}"
    )
    maps = [conv(ops.take(x, row, axis=-1), 1, k, p=p, a=None, init=init) for row in table]
    return act(layers.concatenate(maps), a)


@checked
def radial_basis(x: Vector, *, codes: Any = None) -> Tensor:
    """Minus the squared distance to fixed codes, by default those of the ten digits.

    x (N, D) -> (N, len(codes)), in float32; codes are rows of D numbers.  The largest output is
    the nearest code, as with logits.  LeNet-5, section II-B, equation 7.
    """
    codes = digit_codes() if codes is None else codes
    require(are_codes(codes), codes=codes, right="rows of numbers, all of one length")
    require(x.shape[-1] == len(codes[0]), x=tuple(x.shape), right=f"(N, {len(codes[0])}), as codes")
    return RadialBasis(codes, dtype="float32")(x)
