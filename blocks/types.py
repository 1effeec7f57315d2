"""The types of the letters; each carries a rule for its values, which blocks.checks enforces."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Annotated, Any, Literal

import keras


def is_whole(v: Any, least: int = 1) -> bool:
    whole = isinstance(v, Integral) and not isinstance(v, bool)
    return whole and least <= int(v) < 2**31  # no backend counts further


def both(v: Any) -> tuple[Any, ...]:
    """v as a pair, if it is one value for rows and columns."""
    return tuple(v) if isinstance(v, (tuple, list)) else (v, v)


def is_pair(v: Any, least: int = 1) -> bool:
    return len(both(v)) == 2 and all(is_whole(i, least) for i in both(v))


def is_row(v: Any, least: int = 1, length: int | None = None) -> bool:
    good = isinstance(v, (tuple, list)) and (len(v) > 0 if length is None else len(v) == length)
    return good and all(is_whole(i, least) for i in v)


def is_step(step: Any) -> bool:
    """A step of a path of parallel: a convolution, a pool, or a list of paths where it splits."""
    if isinstance(step, str):
        return step in ("avg", "max")
    if isinstance(step, list):
        return len(step) > 0 and all(map(is_path, step))
    if not isinstance(step, tuple) or len(step) not in (2, 3):
        return False
    if step[0] == "max":
        return len(step) == 2 and is_whole(step[1])
    return is_pair(step[0]) and all(map(is_whole, step[1:]))


def is_path(way: Any) -> bool:
    return isinstance(way, (tuple, list)) and all(map(is_step, way))


def is_number(v: Any) -> bool:
    real = isinstance(v, Real) and not isinstance(v, bool)
    return real and abs(v) < 3.4e38  # of float32


def is_function(v: Any) -> bool:
    """Whether v can be called on tensors: a class makes an object instead, as layers.ReLU does."""
    return callable(v) and not isinstance(v, type)


def is_layer(v: Any) -> bool:
    return isinstance(v, keras.layers.Layer)


def is_known(v: Any, get: Callable[[Any], Any]) -> bool:
    """Whether Keras' get takes v."""
    try:
        get(v)
    except (ValueError, TypeError):
        return False
    return True


def is_activation(a: Any) -> bool:
    return is_function(a) or (isinstance(a, str) and is_known(a, keras.activations.get))


def is_initializer(v: Any) -> bool:
    kind = keras.initializers.Initializer
    if isinstance(v, type):
        return issubclass(v, kind)
    if isinstance(v, str):
        return is_known(v, keras.initializers.get)
    return isinstance(v, kind) or (takes(v, 1, dtype=None) and not is_layer(v))


def is_keyword(named: tuple[Any, Any]) -> bool:
    """Whether this value suits the normalisation, if it has a keyword of this name."""
    name, value = named
    if not isinstance(name, str):
        return False
    if name in ("epsilon", "momentum"):
        return is_number(value) and value >= 0 and (name == "epsilon" or value <= 1)
    if name in ("center", "scale", "trainable", "renorm", "synchronized"):
        return isinstance(value, bool)
    if name.endswith("_initializer"):
        return is_initializer(value)
    gets = {
        "_regularizer": keras.regularizers.get,
        "_constraint": keras.constraints.get,
        "dtype": keras.dtype_policies.get,
    }
    for ending, get in gets.items():
        if name.endswith(ending):
            return is_known(value, get)
    if name == "name":
        return isinstance(value, str) and "/" not in value
    if name == "renorm_momentum":
        return is_number(value) and 0 <= value <= 1
    if name == "renorm_clipping":
        bounds = value.items() if isinstance(value, Mapping) else ()
        known = all(key in ("rmax", "rmin", "dmax") and is_number(v) for key, v in bounds)
        return known and (value is None or isinstance(value, Mapping))
    if isinstance(value, (tuple, list)):
        return name != "axis" or value == (-1,)
    return name != "axis" or (is_whole(value, -1) and value in (-1, 1, 2, 3))


def is_norm(n: Any) -> bool:
    """Whether n has keywords of one normalisation: an int as axis leaves two if nothing else tells
    batch norm, where it is of the channels, from layer norm; of groups it is always an int."""
    if not isinstance(n, Mapping) or not all(map(is_keyword, n.items())):
        return False
    if isinstance(n.get("axis"), tuple):
        return {"momentum", "groups"}.isdisjoint(n)
    return "axis" not in n or not {"momentum", "groups"}.isdisjoint(n)


def takes(v: Any, count: int, **named: Any) -> bool:
    """Whether v is a function that can be called with so many arguments, and these keywords."""
    try:
        inspect.signature(v).bind(*range(count), **named)
    except TypeError:
        return False
    except ValueError:  # of C, and without a signature
        pass
    return is_function(v)


def is_function_of_two(v: Any) -> bool:
    """Whether v takes x and f, or x and a branch; a layer takes nothing but tensors in turn."""
    return takes(v, 2) and not is_layer(v)


def is_tensor(x: Any) -> bool:
    has = hasattr(x, "shape") and hasattr(x, "dtype") and not isinstance(x, type)
    return has and len(x.shape) > 0


def is_vector(x: Any) -> bool:
    return is_tensor(x) and x.shape[-1] is not None


def is_float(x: Any) -> bool:
    return "float" in str(x.dtype)


def is_map(x: Any) -> bool:
    return is_vector(x) and len(x.shape) == 4


def is_probability(v: Any) -> bool:
    return is_number(v) and 0 < v <= 1


class Rule:
    """A rule for a value: a test, and its description in words."""

    def __init__(self, test: Callable[[Any], bool], words: str):
        self.test, self.words = test, words


WHOLE = "a whole number of at least 1"
SIZES = f"{WHOLE}, or a pair of them"
SOME = "a whole number of at least 0, or a pair of them"
FLOATS = "of floats: images of whole numbers become floats by layers.Rescaling"
PROBABILITY = "a probability in (0, 1]"

Tensor = Annotated[keras.KerasTensor, Rule(is_tensor, "a tensor")]
Vector = Annotated[keras.KerasTensor, Rule(is_vector, "a tensor (N, ..., C) with known C")]
Map = Annotated[keras.KerasTensor, Rule(is_map, "a 4D tensor (N, H, W, C) with known C")]
Maps = Annotated[
    Sequence[keras.KerasTensor],
    Rule(
        lambda v: isinstance(v, (tuple, list)) and all(map(is_map, v)),
        "a list of 4D tensors (N, H, W, C) with known C",
    ),
]
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
Around = Annotated[
    str | int | tuple[int, int],
    Rule(
        lambda p: p == "same" if isinstance(p, str) else is_pair(p) and both(p) == (1, 1),
        "'same' or 1, of a 3x3, which keep the size",
    ),
]
Act = Annotated[
    str | Callable[[Tensor], Tensor] | None,
    Rule(
        lambda a: a is None or is_activation(a),
        "None, a function (no class), or the name of a Keras activation such as 'relu'",
    ),
]
Norm = Annotated[
    Mapping[str, Any] | None,
    Rule(
        lambda n: n is None or is_norm(n),
        "None or keywords of a normalisation, such as BN; the axis (-1,) is layer norm",
    ),
]
Init = Annotated[
    str | keras.initializers.Initializer | None,
    Rule(
        lambda i: i is None or is_initializer(i),
        "None, an initializer, or the name of a Keras one such as 'zeros'",
    ),
]
Path = Annotated[
    list[Any] | tuple[Any, ...],
    Rule(is_path, "a list of steps: (k, f), (k, f, s), 'avg', 'max', ('max', s) or paths"),
]
Probability = Annotated[float, Rule(is_probability, PROBABILITY)]
Rate = Annotated[float, Rule(lambda v: is_number(v) and 0 <= v < 1, "a rate in [0, 1)")]
Number = Annotated[float, Rule(is_number, "a finite number")]
Seed = Annotated[
    int | None,
    Rule(lambda v: v is None or is_whole(v, 0), "None or a whole number of at least 0"),
]
Branch = Annotated[
    Callable[[Tensor], Tensor], Rule(lambda v: takes(v, 1), "a function from tensor to tensor")
]
Block = Annotated[Callable[..., Tensor], Rule(is_function_of_two, "a function of x, f and s")]
Gate = Annotated[
    Callable[[Tensor, Branch], Tensor] | None,
    Rule(
        lambda v: v is None or is_function_of_two(v),
        "None or a function gate(x, branch), such as drop_path",
    ),
]
Shortcut = Literal["A", "B", "C", "D"]
StrideOn = Literal["1x1", "3x3"]
Antialias = Literal["avg", "blur"] | None
