"""create(..., features=True): the last map at each stride, for a head that reads several."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import keras
from keras import layers

from convbook.architectures.graph.calls import Call, calls
from convbook.architectures.graph.layer_names import TAPS
from convbook.architectures.graph.measure import Walk

Maps = dict[int, list[Call]]  # the calls that make a map of a stride, in order


def pyramid(body: keras.Model, shape: tuple[int, ...]) -> keras.Model:
    """The model whose outputs are a body's last maps at each stride, the smallest stride first.

    For each stride this is the last tap.  If the next stride begins with a tapped pool, as in VGG,
    it is the input of that pool; without a tap, the last map on all paths.  shape: of an image, for
    the sizes that the body leaves open.
    """
    body = keras.Model(body.input, body.outputs[0], name=body.name)
    known, graph = Walk(body, shape).known, calls(body)
    taps = by_stride((call for call in graph if call.op in TAPS), known)
    necks = by_stride(through(graph, body.outputs[0]), known)
    strides, maps = sorted({*taps, *necks}), []
    for s, after in zip(strides, [*strides[1:], 0], strict=True):
        pooled = s in necks and begins(taps.get(after, []), necks.get(after, []))
        maps.append((necks if pooled or s not in taps else taps)[s][-1].outputs[0])
    return keras.Model(body.input, [*maps[:-1], body.outputs[0]], name=body.name)


def by_stride(made_by: Iterable[Call], known: dict[int, Any]) -> Maps:
    """Calls by the stride of their output map; calls without one are left out."""
    maps: Maps = {}
    for call in made_by:
        _, field = known[id(call.outputs[0])]
        if field.alive:
            maps.setdefault(max(field.step), []).append(call)
    return maps


def through(graph: list[Call], end: keras.KerasTensor) -> Iterator[Call]:
    """The calls on all paths to end, without paddings, which make no map."""
    uses = Counter([id(end), *(id(x) for call in graph for x in call.inputs)])
    waiting: set[int] = set()  # tensors with readers that are still to come
    for call in graph:
        uses.subtract(id(x) for x in call.inputs)
        waiting = {x for x in waiting | {id(x) for x in call.outputs} if uses[x]}
        pads = isinstance(call.op, (layers.InputLayer, layers.ZeroPadding2D))
        if waiting == {id(call.outputs[0])} and not pads and type(call.op).__name__ != "Pad":
            yield call


def begins(taps: list[Call], necks: list[Call]) -> bool:
    """Whether a tapped pool of a stem or stage makes the first map of its stride."""
    if not taps or not necks or not TAPS[taps[0].op].startswith(("stem", "stage")):
        return False
    tap, first = taps[0], necks[0].outputs[0]
    named = isinstance(tap.op, layers.Identity) and first is tap.inputs[0]
    merges = isinstance(tap.op, (layers.Add, layers.Concatenate))
    return not merges and (named or first is tap.outputs[0])
