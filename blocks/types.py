"""The types of the letters; each carries what a value must be, which blocks.checks enforces."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import keras


def is_whole(v, least=1):
    return hasattr(v, "__index__") and not isinstance(v, bool) and v >= least


def is_pair(v, least=1):
    both = v if isinstance(v, (tuple, list)) else (v, v)
    return len(both) == 2 and all(is_whole(i, least) for i in both)


def is_row(v, least=1):
    return isinstance(v, (tuple, list)) and len(v) > 0 and all(is_whole(i, least) for i in v)


def is_number(v):
    return hasattr(v, "__float__") and v == v


def is_activation(v):
    return callable(v) or (isinstance(v, str) and hasattr(keras.activations, v))


def is_map(x):
    return len(getattr(x, "shape", ())) == 4 and x.shape[-1] is not None


class Rule:
    """What a value must be: a test, and the words that say it."""

    def __init__(self, test: Callable[[Any], bool], words: str):
        self.test, self.words = test, words


WHOLE = "a whole number of at least 1"
SIZES = f"{WHOLE}, or a pair of them"
SOME = "a whole number of at least 0, or a pair of them"

Tensor = keras.KerasTensor
Map = Annotated[keras.KerasTensor, Rule(is_map, "a 4D tensor (N, H, W, C) with known C")]
Whole = Annotated[int, Rule(is_whole, WHOLE)]
Row = Annotated[tuple[int, ...], Rule(is_row, "a row of whole numbers of at least 1")]
Widths = Annotated[
    tuple[int, ...], Rule(lambda v: is_row(v, 0), "a row of whole numbers of at least 0")
]
Pair = Annotated[int | tuple[int, int], Rule(is_pair, SIZES)]
Amount = Annotated[int | tuple[int, int], Rule(lambda p: is_pair(p, 0), SOME)]
Sides = Annotated[
    list[tuple[int, int]] | tuple[tuple[int, int], ...],
    Rule(
        lambda p: isinstance(p, (tuple, list)) and len(p) == 2 and all(is_pair(i, 0) for i in p),
        "((top, bottom), (left, right))",
    ),
]
Padding = Annotated[
    str | int | tuple[int, int],
    Rule(
        lambda p: p in ("same", "valid") if isinstance(p, str) else is_pair(p, 0),
        f"'same', 'valid', {SOME}",
    ),
]
PoolPadding = Annotated[
    str | int | tuple[int, int],
    Rule(
        lambda p: p in ("same", "valid", "ceil") if isinstance(p, str) else is_pair(p, 0),
        f"'same', 'valid', 'ceil', {SOME}",
    ),
]
Act = Annotated[
    str | Callable[[Tensor], Tensor] | None,
    Rule(
        lambda a: a is None or is_activation(a),
        "None, a function, or the name of a Keras activation such as 'relu'",
    ),
]
Norm = Annotated[
    Mapping[str, Any] | None,
    Rule(
        lambda n: n is None or isinstance(n, Mapping),
        "None or keywords of a normalisation, such as BN",
    ),
]
Init = str | keras.initializers.Initializer | None
Probability = Annotated[
    float, Rule(lambda v: is_number(v) and 0 < v <= 1, "a probability in (0, 1]")
]
Rate = Annotated[float, Rule(lambda v: is_number(v) and 0 <= v < 1, "a rate in [0, 1)")]
Number = Annotated[float, Rule(is_number, "a number")]
Branch = Callable[[Tensor], Tensor]
Gate = Annotated[
    Callable[[Tensor, Branch], Tensor] | None,
    Rule(
        lambda v: v is None or callable(v), "None or a function gate(x, branch), such as drop_path"
    ),
]
Shortcut = Literal["A", "B", "C"]
StrideOn = Literal["1x1", "3x3"]
