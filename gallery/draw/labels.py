"""The labels and colours of the boxes in a picture."""

import re
from collections.abc import Iterable
from html import escape

import keras

from convbook.architectures.graph.calls import Call
from convbook.blocks.types import Tensor

# Fill colours by kind: the first pattern that the class name of the operation has in it.
KINDS = {
    "Input": "#ffffff",
    "Separable|Depthwise": "#bfe8dc",
    "Conv|Connected": "#c6dcf5",
    "Pool": "#fcdcb8",
    "Dense": "#ddd0f2",
    "Norm": "#e6e6e6",
    "Activation|ReLU|Softmax": "#fff1b3",
    "": "#f7d2dc",
}
NAMES = {
    "InputLayer": "input",
    "Conv2D": "conv",
    "GroupedConv2D": "conv",
    "SeparableConv2D": "sepconv",
    "StandardizedConv2D": "standardised conv",
    "DepthwiseConv2D": "dwconv",
    "AveragePooling2D": "mean pool",
    "GlobalAveragePooling2D": "global mean pool",
    "ReLU": "relu",
}
MERGES = {"Add": "+", "Multiply": "×", "Concatenate": "concat"}
SAME_SIZE = "Norm|Activation|ReLU|Dropout|Rescaling"  # boxes without their output size


def node(call: Call) -> dict[str, str]:
    """Graphviz' attributes of the node for a call."""
    kind, size = type(call.op).__name__, sizes(call.outputs)
    if len(call.inputs) > 1:
        title, lines = MERGES.get(kind, words(kind)), [size] * (kind == "Concatenate")
        dark = dict(style="filled", fillcolor="#3d3d3d", fontcolor="#ffffff", margin="0.02")
        shape = "circle" if len(title) == 1 else "ellipse"
        return dark | dict(shape=shape, label=markup(title, *lines, grey="#dddddd"))
    kernel, rest = letters(call.op)
    title = f"{title_of(call.op)} {kernel}".strip()
    lines = [rest] * bool(rest) + [size] * (not re.search(SAME_SIZE, kind))
    colour = next(c for pattern, c in KINDS.items() if re.search(pattern, kind))
    return dict(label=markup(title, *lines), fillcolor=colour)


def markup(title: str, *lines: str, grey: str = "#444444") -> str:
    """A label in Graphviz' HTML: the title in bold, the lines below it smaller."""
    rows = [f"<b>{escape(title)}</b>"]
    rows += [f'<font point-size="9" color="{grey}">{escape(line)}</font>' for line in lines]
    if not lines:
        return f"<{rows[0]}>"
    cells = "".join(f"<tr><td>{row}</td></tr>" for row in rows)
    return f'<<table border="0" cellspacing="0" cellpadding="1">{cells}</table>>'


def sizes(tensors: Iterable[Tensor]) -> str:
    """Height x width x channels of each tensor, an unknown size as ?."""
    return ", ".join("×".join(str(n or "?") for n in t.shape[1:]) for t in tensors)


def words(name: str) -> str:
    """A class name in small words: MaxPooling2D is 'max pool'."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub("[123]D$", "", name))
    return NAMES.get(
        name, spaced.lower().replace("pooling", "pool").replace("normalization", "norm")
    )


def title_of(op: keras.Operation) -> str:
    kind = type(op).__name__
    if kind == "InputLayer" and not op.name.startswith("input_layer"):
        return op.name
    return activation(op) or "linear" if kind == "Activation" else words(kind)


def count(n: int | None, what: str) -> str:
    """A count with its word; nothing for 0."""
    return f"{n} {what}{'s' * (n > 1)}" if n else ""


def activation(op: keras.Operation) -> str:
    """The name of the layer's activation, nothing for a linear one."""
    function = getattr(op, "activation", None)
    name = getattr(function, "__name__", type(function).__name__ if function else "linear")
    return "" if name == "linear" else name


def letters(op: keras.Operation) -> tuple[str, str]:
    """(kernel/stride; filters, groups, dilation and fused activation) of a layer, as text."""

    def pair(name):
        v = getattr(op, name, None)
        return (v, v) if isinstance(v, int) else v

    k, s, d = pair("kernel_size") or pair("pool_size"), pair("strides"), pair("dilation_rate")
    kernel = "×".join(map(str, k)) if k else ""
    if k and s and max(s) > 1:
        kernel += f"/{s[0]}" if s[0] == s[1] else f" / {s[0]}×{s[1]}"
    g = getattr(op, "groups", None) or 1
    fused = activation(op) if type(op).__name__ != "Activation" else ""
    filters, units = getattr(op, "filters", None), getattr(op, "units", None)
    rest = (
        count(filters, "filter") or count(units, "unit"),
        count(g, "group") if g > 1 else "",
        f"dilation {d[0]}" if d and max(d) > 1 else "",
        f"survival {op.survival:g}" if hasattr(op, "survival") else "",
        fused,
    )
    return kernel, ", ".join(filter(None, rest))
