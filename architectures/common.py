"""Shared by all architectures: the row of the catalog, heads, gates and SE by option."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from types import MappingProxyType
from typing import Any

from keras import layers

from convbook.architectures.graph.layer_names import tap
from convbook.blocks.checks import refuse_large, require
from convbook.blocks.layers import dense, gavgpool
from convbook.blocks.stochastic_depth import drop_path as dropped
from convbook.blocks.stochastic_depth import stochastic_depth, survivals
from convbook.blocks.types import Gate, Tensor, is_number, is_whole

Features = Tensor | list[Tensor]  # the last map, or that and what auxiliary heads read
Ratio = int | tuple[int, Sequence[int]] | None  # of se=: see ratios
Keywords = MappingProxyType[str, Any] | dict[str, Any]  # of a normalisation, such as BN


def logits(x: Tensor, classes: int, name: str = "logits") -> Tensor:
    """x (N, C) -> (N, classes), in float32 whatever the precision of the rest."""
    refuse_large((x.shape[-1] or 1, classes), classes=classes)
    return tap(layers.Dense(classes, dtype="float32", name=name)(x), name)


def pooled(x: Tensor, classes: int, rate: float = 0.0) -> Tensor:
    """Global mean -> dropout -> dense: the head of most networks since Network in Network."""
    m = gavgpool(x)
    return logits(layers.Dropout(rate)(m) if rate else m, classes)


def dense_head(x: Tensor, classes: int) -> Tensor:
    """Flatten -> dense 4096 -> dropout -> dense 4096 -> dropout -> dense: AlexNet's and VGG's."""
    if None in x.shape[1:]:
        right = "known rows and columns (or top=False): dense layers read the last map"
        raise ValueError(f"input_shape: the last map is {x.shape[1:]}; give {right}")
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dropout(0.5)(dense(x, 4096))
    return logits(x, classes)


def maps_head(x: Tensor) -> Tensor:
    """Global mean of one map a class, in float32.  x (N, H, W, classes) -> logits (N, classes)."""
    return tap(layers.GlobalAveragePooling2D(dtype="float32")(x), "logits")


@dataclass(frozen=True)
class Net:
    """A network as a row of data.

    body(x, *table, **options) -> features, or [features, auxiliary features from the input side
    ...]; head(x, classes) -> logits.  options are those that a user may set, with the paper's
    values; a variant lists the fields of the row that it changes, a style the options.
    """

    body: Callable[..., Features]
    table: tuple[Any, ...] = ()
    shape: tuple[Any, ...] = (224, 224, 3)  # rows and columns may be None
    classes: int = 1000
    options: dict[str, Any] = field(default_factory=dict)
    variants: Mapping[str, Any] = field(default_factory=dict)
    styles: Mapping[str, Any] = field(default_factory=dict)
    head: Callable[[Tensor, int], Tensor] = pooled
    multiple: int = 1  # of which known rows and columns are


def gates(b: int, survival: float | None = None, drop_path: float | None = None) -> Iterator[Gate]:
    """gate= for each of b blocks or modules, from the input side; None without either option.

    survival: stochastic depth, arXiv:1603.09382; block l runs its branch with probability
    1 - l/b (1 - survival).  drop_path: each sample drops a branch or path with probability
    l/b drop_path, which grows with depth as in NASNet.
    """
    if survival is not None:
        require(
            drop_path is None, drop_path=drop_path, right=f"None, because survival={survival!r}"
        )
        return iter([partial(stochastic_depth, survival=own) for own in survivals(b, survival)])
    if drop_path is None:
        return repeat(None)
    good = is_number(drop_path) and 0 <= drop_path < 1
    require(good, drop_path=drop_path, right="a probability in [0, 1)")
    return iter([partial(dropped, survival=own) for own in survivals(b, 1 - drop_path)])


def ratios(se: Ratio, stages: int) -> Iterator[int | None]:
    """se= for each stage: the ratio r, or None.  se is r, or (r, stages counted from 1)."""
    if not isinstance(se, (tuple, list)):
        require(se is None or is_whole(se), se=se, right=f"a ratio such as 16, or {PAIR}")
        return repeat(se)
    known = range(1, stages + 1)
    good = len(se) == 2 and (se[0] is None or is_whole(se[0])) and isinstance(se[1], Sequence)
    good = good and all(i in known for i in se[1])
    require(good, se=se, right=f"{PAIR}, with stages from 1 to {stages}")
    return iter([se[0] if i in se[1] else None for i in known])


PAIR = "(ratio, stages)"
