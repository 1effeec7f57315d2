"""A network by its structure: what each operation computes, whatever it is called, and a match.

A Node is an operation with all that decides what it computes but its weights.  Two graphs are
matched by what is upstream and downstream of each node, so that names do not matter.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import layers

from convbook.architectures.graph.calls import Call, opened
from convbook.architectures.graph.layer_names import inside
from convbook.architectures.graph.private import is_keras_own
from convbook.blocks.lrn import LocalResponseNorm
from convbook.blocks.nasnet import SamePadding
from convbook.blocks.standardized import StandardizedConv2D

COMMUTATIVE = ("add", "multiply", "maximum", "average")
NOTHING = ("Dropout", "SpatialDropout2D", "Identity", "InputLayer", "ActivityRegularization",
           "ConvertToTensor")  # fmt: skip
ACTIVATIONS = ("relu", "relu6", "sigmoid", "silu", "softmax")  # of keras.ops
SHAPES = ("Flatten", "Reshape", "Squeeze", "ExpandDims")
Pads = tuple[tuple[int, int], ...]
NO_PADS: Pads = ((0, 0), (0, 0))
NO_SETTINGS = ("name", "trainable", "dtype", "data_format", "build_config")
NORM = ("gamma", "beta", "moving_mean", "moving_variance")


@dataclass(eq=False)
class Node:
    """An operation: its name in its graph, what it computes, what it reads, and its weights.

    weights: {role: (variable, its shape here)}; a kernel is (rows, columns, channels of a group,
    filters) or (channels, units), whatever it is in its layer.
    """

    name: str
    kind: str
    fields: dict[str, Any]
    inputs: list[Any]
    output: Any
    weights: dict[str, tuple[Any, tuple[int, ...]]] = field(default_factory=dict)

    @property
    def label(self) -> tuple[Any, ...]:
        return self.kind, *sorted((k, str(v)) for k, v in self.fields.items())


@dataclass
class Graph:
    """Nodes, each after those that it reads, and the tensors that are inputs and outputs."""

    nodes: list[Node]
    inputs: list[Any]
    outputs: list[Any]


class Reader:
    """Reads a Keras model at a size, with what is nested laid open."""

    def __init__(self, model: keras.Model, shape: Sequence[int]):
        self.nodes: list[Node] = []
        self.same: dict[int, Any] = {}  # a tensor: the one that it is another name of
        self.pads: dict[int, tuple[Any, Pads]] = {}  # a padded tensor: what was padded, by how much
        self.borders: dict[int, str | None] = {}  # of a padded tensor: see border
        self.joined: dict[Any, list[Any]] = {}  # a concatenation: what is in it
        self.kept: list[Any] = []  # symbolic tensors, so that no id is given twice
        x = keras.KerasTensor((None, *shape))
        inner = opened(model, (x,), {})
        if inner is None:
            raise ValueError(f"{model.name}: cannot read its graph for images {tuple(shape)}")
        self.read(inner)
        ends = [self.key_of(x) for x in inner.outputs]
        self.graph = Graph(leading(self.nodes, ends), [self.key_of(x) for x in inner.inputs], ends)

    def key_of(self, x: Any) -> int:
        key = id(x)
        while key in self.same:
            key = self.same[key]
        return key

    def read(self, inner: Any) -> None:
        self.kept.append(inner)
        for call in inner.calls:
            if not call.inputs:
                continue
            nested = inside(call.op) is not None or is_foreign(call.op)
            deep = opened(call.op, *call.arguments) if nested else None
            if deep:
                pairs = zip(deep.inputs, call.inputs, strict=True)
                self.same |= {id(a): self.key_of(b) for a, b in pairs}
                self.read(deep)
                pairs = zip(call.outputs, deep.outputs, strict=True)
                self.same |= {id(a): self.key_of(b) for a, b in pairs}
            else:
                self.add(call)

    def add(self, call: Call) -> None:
        """Notes a call: as a node or more, or as what changes nothing."""
        op, x, y = call.op, call.inputs[0], call.outputs[0]
        kind = type(op).__name__
        flat = np.prod(x.shape[1:]) == max(x.shape[1:])
        single = kind == "Concatenate" and len(call.inputs) == 1
        if single or kind in NOTHING or (kind in SHAPES and flat):
            self.same[id(y)] = self.key_of(x)
        elif (sides := padding(op, x, y)) and not self.hides(x, sides):
            before, had = self.pads.get(self.key_of(x), (self.key_of(x), NO_PADS))
            self.borders[id(y)] = border(op)
            total = tuple((a + c, b + d) for (a, b), (c, d) in zip(had, sides, strict=True))
            self.pads[id(y)] = before, total
        else:
            key, sides = self.pads.get(self.key_of(x), (self.key_of(x), None))
            inputs = [key, *(self.key_of(v) for v in call.inputs[1:])]
            if kind == "Concatenate" and sides is None:  # one of others has what is in those
                inputs = [part for x in inputs for part in self.joined.get(x, [x])]
                self.joined[id(y), 0] = inputs
            edges = self.borders.get(self.key_of(x)) == "edges"
            for part in described(call, sides or NO_PADS, sides is not None):
                if edges and part.kind != "max pool":
                    part.fields["border"] = "edges"
                part.inputs = inputs
                self.nodes.append(part)
                inputs = [part.output]
            self.same[id(y)] = inputs[0]

    def hides(self, x: Any, sides: Pads) -> bool:
        """Whether zeros come where x was cropped, which is no padding of what x was made of."""
        _, had = self.pads.get(self.key_of(x), (None, NO_PADS))
        pairs = zip(sum(had, ()), sum(sides, ()), strict=True)
        return any(a < 0 < b for a, b in pairs)


def padding(op: Any, x: Any, y: Any) -> Pads | None:
    """By how much an operation pads rows and columns, or less than 0: crops, if it does no more."""
    if isinstance(op, layers.ZeroPadding2D):
        return tuple((near, far) for near, far in op.padding)
    if isinstance(op, layers.Cropping2D):
        return tuple((-near, -far) for near, far in op.cropping)
    if isinstance(op, SamePadding):
        return tuple((int(y.shape[i] - x.shape[i] - 1), 1) for i in (1, 2))
    if type(op).__name__ == "Pad" and len(x.shape) == 4:
        width = tuple((near, far) for near, far in op.pad_width)
        return width[1:3] if border(op) and width[0] == width[3] == (0, 0) else None
    return None


def border(op: Any) -> str | None:
    """What an operation pads with: 'zeros'; 'edges', the same for a maximum; or None: else."""
    mode = getattr(op, "mode", "constant")
    constant = isinstance(op, layers.Layer) or not op.get_config().get("constant_values")
    return {"constant": "zeros" if constant else None, "symmetric": "edges"}.get(mode)


def window(x: Any, y: Any, op: Any, sides: Pads, k: Sequence[int]) -> dict[str, Any]:
    """The fields of a window: its stride, dilation, and by how much it reaches over each side."""
    stride, dilation = pair(op.strides), pair(getattr(op, "dilation_rate", 1))
    pads = []
    for i in (0, 1):
        size, reach = x.shape[1 + i], (k[i] - 1) * dilation[i] + 1
        out = y.shape[1 + i]
        total = (out - 1) * stride[i] + reach
        near, bare = sides[i][0], size - sum(sides[i])
        if op.padding == "same":
            near += max(total - size, 0) // 2
        pads.append((near, total - bare - near))  # the far side, as far as it is read
    return {"kernel": tuple(k), "stride": stride, "dilation": dilation, "pads": tuple(pads)}


def leading(nodes: Sequence[Node], ends: Iterable[Any]) -> list[Node]:
    """The nodes that lead to the ends."""
    wanted, found = {*ends}, []
    for node in reversed(nodes):
        if node.output in wanted:
            wanted.update(node.inputs)
            found.append(node)
    return found[::-1]


def is_foreign(op: Any) -> bool:
    """Whether an operation is a layer of one's own without weights, made of others."""
    own = isinstance(op, (LocalResponseNorm, SamePadding))
    return (isinstance(op, layers.Layer) and not (own or is_keras_own(op) or op.weights)) or (
        type(op).__name__ == "CustomScaleLayer"  # keras.applications', of Inception-ResNet v2
    )


def pair(v: Any) -> tuple[int, int]:
    return (v, v) if isinstance(v, int) else tuple(v)


def described(call: Call, sides: Pads, padded: bool) -> Iterator[Node]:
    """The nodes of a call; what each reads is entered by the caller."""
    op, x, y = call.op, call.inputs[0], call.outputs[0]
    count = iter(range(9))

    def node(kind, fields=None, **weights):
        kept = {role: pair for role, pair in weights.items() if pair[0] is not None}
        return Node(op.name, kind, fields or {}, [], (id(y), next(count)), kept)

    if isinstance(op, (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)):
        yield from convolutions(op, x, y, sides, node)
    elif isinstance(op, layers.Dense):
        shape = tuple(op.kernel.shape)
        fields = {"channels": shape[0], "units": shape[1]}
        yield node("dense", fields, kernel=(op.kernel, shape), bias=(op.bias, shape[1:]))
    elif isinstance(op, layers.BatchNormalization):
        own = {key: (getattr(op, key), (x.shape[-1],)) for key in NORM}
        yield node("batch norm", {"eps": op.epsilon}, **own)
    else:
        yield node(*plain(call, sides, padded))
        return
    if a := activation(op):
        yield node(a)


def convolutions(op: Any, x: Any, y: Any, sides: Pads, node: Any) -> Iterator[Node]:
    kernel = getattr(op, "depthwise_kernel", None)
    kernel = op.kernel if kernel is None else kernel
    separable = isinstance(op, layers.SeparableConv2D)
    h, w, c, f = kernel.shape
    groups = getattr(op, "groups", 1)
    if separable or isinstance(op, layers.DepthwiseConv2D):
        c, f, groups = 1, c * f, c
    bias = None if separable else op.bias
    own, gain = {}, getattr(op, "gain", None)
    if isinstance(op, StandardizedConv2D):
        own = {"standardised": op.epsilon, "gain": gain is not None}
    if tuple(x.shape[1:3]) == tuple(y.shape[1:3]) == (h, w) == (1, 1) and groups == 1:
        fields = {"channels": c, "units": f} | own
        yield node("dense", fields, kernel=(kernel, (c, f)), bias=(bias, (f,)), gain=(gain, (f,)))
    else:
        fields = {"channels": c, "filters": f, "groups": groups} | own
        fields |= window(x, y, op, sides, (h, w))
        whole = (kernel, (h, w, c, f))
        yield node("convolution", fields, kernel=whole, bias=(bias, (f,)), gain=(gain, (f,)))
    if separable:
        c, f = op.pointwise_kernel.shape[2:]
        one = {"kernel": (1, 1), "stride": (1, 1), "dilation": (1, 1), "pads": ((0, 0), (0, 0))}
        fields = {"channels": c, "filters": f, "groups": 1} | one
        point = (op.pointwise_kernel, (1, 1, c, f))
        yield node("convolution", fields, kernel=point, bias=(op.bias, (f,)))


def plain(call: Call, sides: Pads, padded: bool) -> tuple[str, dict[str, Any]]:
    """(kind, fields) of an operation without weights."""
    op, x, name = call.op, call.inputs[0], type(call.op).__name__
    mean = name == "Mean" and op.axis in ([1, 2], (1, 2), [-3, -2])
    if mean or isinstance(op, layers.GlobalAveragePooling2D):
        return "global mean", {}
    if isinstance(op, (layers.MaxPooling2D, layers.AveragePooling2D)):
        return pool(call, sides, padded)
    if isinstance(op, LocalResponseNorm):
        own = ("size", "bias", "alpha", "beta")
        return "local response norm", {key: getattr(op, key) for key in own}
    if a := activation(op):
        return a, {}
    if isinstance(op, layers.Rescaling) and op.offset == 0:
        return "multiply", {"constants": [op.scale]}
    kind = {"Concatenate": "concat"}.get(name, name.lower())
    constants = numbers(call, kind)
    constants += [tuple(x.shape[1:])] if name in SHAPES else []
    constants += [sides] if padded else []
    found: dict[str, Any] = {"constants": constants} if constants else {}
    return kind, found if kind in (*COMMUTATIVE, "concat") else found | settings(op)


def pool(call: Call, sides: Pads, padded: bool) -> tuple[str, dict[str, Any]]:
    op, x, y = call.op, call.inputs[0], call.outputs[0]
    k, mean = pair(op.pool_size), isinstance(op, layers.AveragePooling2D)
    fields = window(x, y, op, sides, k)
    if k == (1, 1):
        return "every other", fields
    if mean and tuple(x.shape[1:3]) == k and not padded:
        return "global mean", {}
    if mean and any(map(sum, fields["pads"])):
        fields["counts its padding"] = padded
    return ("mean pool" if mean else "max pool"), fields


def numbers(call: Call, kind: str) -> list[Any]:
    """The numbers among the arguments of a call, in their places: 1 - x is not x - 1."""
    given = keras.tree.flatten(call.arguments)
    found: list[Any] = [v for v in given if type(v) in (int, float)]
    if found and kind not in COMMUTATIVE:
        found = [v if type(v) in (int, float) else "x" for v in given]
    if kind == "concat" and call.op.axis not in (-1, len(call.inputs[0].shape) - 1):
        found.append(call.op.axis)
    return found


def settings(op: Any) -> dict[str, Any]:
    """What an operation was made with, but for its name and type."""
    try:
        made = op.get_config()
    except NotImplementedError:
        return {}
    return {k: fixed(v) for k, v in made.items() if k not in NO_SETTINGS and v is not None}


def fixed(value: Any) -> Any:
    """Lists as tuples, at any depth."""
    return tuple(map(fixed, value)) if isinstance(value, (list, tuple)) else value


def activation(op: Any) -> str | None:
    """The name of the activation that an operation is, or ends with; None for none."""
    if isinstance(op, layers.ReLU):
        plain = not op.negative_slope and not op.threshold
        return {None: "relu", 6: "relu6"}.get(op.max_value) if plain else None
    kind = type(op).__name__.lower()
    given = getattr(getattr(op, "activation", None), "__name__", None)
    name = given or (kind if kind in ACTIVATIONS else None)
    return None if name == "linear" else {"swish": "silu"}.get(name or "", name)


Pairs = list[tuple[Node, Node]]


class Match:
    """Pairs of nodes of two graphs with equal ancestors and equal descendants."""

    def __init__(self, ours: Graph, theirs: Graph):
        self.graphs = ours, theirs
        self.numbers: dict[Any, int] = {}
        self.colours: dict[Node, int] = {}  # of pairs that were chosen among equals

    def number(self, *key: Any) -> int:
        return self.numbers.setdefault(key, len(self.numbers))

    def ups(self, graph: Graph) -> dict[Any, int]:
        """{tensor: a number that stands for all that leads to it}."""
        up = {x: self.number("input", i) for i, x in enumerate(graph.inputs)}
        for node in graph.nodes:
            read = [up[x] for x in node.inputs]
            read = sorted(read) if node.kind in COMMUTATIVE else read
            up[node.output] = self.number(node.label, self.colours.get(node), *read)
        return up

    def downs(self, graph: Graph) -> dict[Any, int]:
        """{tensor: a number that stands for all that it leads to}."""
        users: defaultdict[Any, list[int]] = defaultdict(list)
        for i, x in enumerate(graph.outputs):
            users[x].append(self.number("output", i))
        down = {}
        for node in reversed(graph.nodes):
            made = down[node.output] = self.number("down", *sorted(users[node.output]))
            for i, x in enumerate(node.inputs):
                place = 0 if node.kind in COMMUTATIVE else i
                users[x].append(self.number(node.label, self.colours.get(node), place, made))
        return down

    def classes(self) -> list[dict[tuple[int, int], list[Node]]]:
        found = []
        for graph in self.graphs:
            up, down = self.ups(graph), self.downs(graph)
            alike: dict[tuple[int, int], list[Node]] = {}
            for node in graph.nodes:
                alike.setdefault((up[node.output], down[node.output]), []).append(node)
            found.append(alike)
        return found

    def pairs(self) -> Pairs:
        """Every node of ours with its own of theirs.  Raises ValueError, naming what differs."""
        self.compare()
        while True:
            ours, theirs = self.classes()
            if {k: len(v) for k, v in ours.items()} != {k: len(v) for k, v in theirs.items()}:
                raise ValueError("source: the same layers as in model, but joined differently")
            equals = next((key for key, nodes in ours.items() if len(nodes) > 1), None)
            if equals is None:
                return [(nodes[0], theirs[key][0]) for key, nodes in ours.items()]
            for node in (ours[equals][0], theirs[equals][0]):
                self.colours[node] = len(self.colours) // 2

    def compare(self) -> None:
        """Raises ValueError for the first node, from the input side, that the other has not."""
        ups = [self.ups(graph) for graph in self.graphs]
        left = Counter(ups[1][node.output] for node in self.graphs[1].nodes)
        for node in self.graphs[0].nodes:
            if not left[ups[0][node.output]]:
                raise ValueError(self.difference(node, *ups))
            left[ups[0][node.output]] -= 1
        more = next((n for n in self.graphs[1].nodes if left[ups[1][n.output]]), None)
        if more:
            raise ValueError(
                f"{more.name} ({words(more)}) of the source has no counterpart in model"
            )

    def difference(self, node: Node, ours: dict[Any, int], theirs: dict[Any, int]) -> str:
        """Where a node of ours and the one at its place in the source differ."""
        read = sorted(ours[x] for x in node.inputs)
        there = [n for n in self.graphs[1].nodes if sorted(theirs[x] for x in n.inputs) == read]
        same = [n for n in there if n.kind == node.kind]
        if same:
            other = min(same, key=lambda n: distance(node, n))
            pairs = [(k, node.fields.get(k), other.fields.get(k)) for k in different(node, other)]
            options = ", ".join(f"{k} {here}, there {there}" for k, here, there in pairs)
            return f"{node.name} and {other.name} differ: {node.kind} with {options}"
        found = (
            f"{there[0].name} is {words(there[0])}" if there else "the source has no layer there"
        )
        return f"{node.name} is {words(node)} after the same layers, and {found}"


SIZES = ("channels", "filters", "units")  # of another layer rather than of the same, set otherwise


def distance(a: Node, b: Node) -> int:
    return sum(10 if k in SIZES else 1 for k in different(a, b))


def different(a: Node, b: Node) -> list[str]:
    return [k for k in {**a.fields, **b.fields} if str(a.fields.get(k)) != str(b.fields.get(k))]


def words(node: Node) -> str:
    return " ".join([node.kind, *(f"{k} {v}" for k, v in node.fields.items() if k == "kernel")])


def without_softmax(graph: Graph) -> tuple[Graph, bool]:
    """The graph up to its logits, and whether probabilities came after."""
    last = graph.nodes[-1]
    if last.kind != "softmax" or last.output != graph.outputs[0]:
        return graph, False
    return Graph(graph.nodes[:-1], graph.inputs, [last.inputs[0], *graph.outputs[1:]]), True


def weighted(nodes: Iterable[Node]) -> list[Node]:
    return [node for node in nodes if node.weights]
