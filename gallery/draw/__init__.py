"""convbook draw NAME: a picture of a block, drawn from the live Keras graph."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from convbook.architectures.graph.calls import Call, calls
from convbook.architectures.graph.layer_names import TAPS
from convbook.gallery.draw.dark import with_dark_form
from convbook.gallery.draw.labels import letters, markup, node, title_of
from convbook.gallery.menu import example

__all__ = ["draw"]

DPI = 110
WIDEST = 700  # points of an .svg, 930 pixels of a page
FONT = {"fontname": "DejaVu Sans,Verdana,sans-serif", "fontcolor": "#222222"}


def draw(block: str | keras.Model, path: str | Path) -> Path:
    """Draws a block, by name, or a functional keras.Model into path (.png, .svg or .pdf).

    A box says operation, kernel/stride, filters, groups, dilation, activation, and below it the
    output, height x width x channels; small dark nodes merge; a dashed box has the weights of an
    earlier one; a frame is a layer that holds a model.  What would be wider than a page runs from
    left to right.  An .svg is dark where the page or the system of its reader is.  Needs
    pygraphviz, which brings Graphviz with it.  Returns the path.  Raises ValueError for another
    ending, and for a folder that does not exist.
    """
    path = Path(path)
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise ValueError(f"path={str(path)!r}: path must end in .png, .svg or .pdf")
    if not path.parent.is_dir():
        raise ValueError(f"path={str(path)!r}: there is no folder {path.parent}")
    try:
        from pygraphviz import AGraph
    except ImportError as error:
        raise ImportError("pictures need pygraphviz; type: pip install pygraphviz") from error
    # Not strict: two tensors of one operation may be read by the same other
    page = dict(bgcolor="white", pad=0.2, nodesep=0.25, ranksep=0.35, dpi=DPI)
    graph = AGraph(strict=False, directed=True, **page)
    graph.node_attr.update(FONT, shape="box", style="rounded,filled", color="#666666")
    graph.node_attr.update(fontsize=11, margin="0.12,0.05", height=0.3, width=0.3)
    graph.edge_attr.update(color="#666666", arrowsize=0.6, penwidth=1.2)
    with keras.StatelessScope(initialize_variables=False):  # a picture shows no values
        model = example(block) if isinstance(block, str) else block
    add(model, graph, graph, {}, [])
    with rendering():
        graph.graph_attr["rankdir"] = direction(graph)
        graph.draw(path, prog="dot")
    if path.suffix == ".svg":
        path.write_text(with_dark_form(path.read_text(encoding="utf-8")), encoding="utf-8")
    return path


def direction(graph: Any) -> str:
    """From top to bottom; from left to right if that is narrower than what is too wide."""
    widths = {}
    for way in ("TB", "LR"):
        graph.graph_attr["rankdir"] = way
        laid_out = graph.draw(format="plain", prog="dot").decode()
        widths[way] = DPI * float(laid_out.split()[2])  # "graph SCALE WIDTH HEIGHT", in inches
        if widths[way] <= WIDEST:
            return way
    return min(widths, key=widths.__getitem__)


def add(
    model: keras.Model, graph: Any, area: Any, makers: dict[int, Any], drawn: list[Any]
) -> None:
    """Adds model's calls to area: the graph, or the frame of a layer that holds a model.

    makers: {id of a tensor: the node that makes it}; drawn: the operation of every node so far.
    """
    for call in calls(model):
        sources, inside = [makers.get(id(tensor)) for tensor in call.inputs], model_in(call)
        if inside:
            frame = area.add_subgraph(name=f"cluster{len(drawn)}", style="rounded")
            frame.graph_attr.update(bgcolor="#f4f4f4", color="#999999")
            title = markup(title_of(call.op), *filter(None, letters(call.op)))
            frame.add_node(f"title{len(drawn)}", label=title, shape="plaintext", style="")
            within = dict(zip(map(id, inside.inputs), sources, strict=True))
            add(inside, graph, frame, within, drawn)
            ends = [within[id(tensor)] for tensor in inside.outputs]
            makers |= dict(zip(map(id, call.outputs), ends, strict=True))
        elif call.op in TAPS and isinstance(call.op, keras.layers.Identity):
            makers |= {id(tensor): sources[0] for tensor in call.outputs}  # only names its input
        elif not all(id(tensor) in makers for tensor in call.outputs):
            again = {"style": "rounded,filled,dashed"} if call.op in drawn else {}
            area.add_node(len(drawn), **node(call) | again)
            for source in sources:
                graph.add_edge(source, len(drawn), weight=4 if len(sources) == 1 else 1)
            makers |= {id(tensor): len(drawn) for tensor in call.outputs}
            drawn.append(call.op)


def model_in(call: Call) -> keras.Model | None:
    """The model called, or held by the layer called; or None."""
    for model in (call.op, *vars(call.op).values()):
        with contextlib.suppress(ValueError):
            if isinstance(model, keras.Model) and calls(model):
                return model if len(model.inputs) == len(call.inputs) else None
    return None


@contextlib.contextmanager
def rendering() -> Iterator[None]:
    """Graphviz takes its letters from Matplotlib's fonts, so that they are the same everywhere.

    Nothing reaches stderr meanwhile: Fontconfig warns of any system file newer than itself, and
    Graphviz' errors are raised.
    """
    import matplotlib

    fonts, variable = Path(matplotlib.get_data_path(), "fonts", "ttf"), "FONTCONFIG_FILE"
    before = {variable: os.environ[variable]} if variable in os.environ else {}
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[variable] = os.path.join(folder, "fonts.conf")
        config = f"<fontconfig><dir>{fonts}</dir><cachedir>{folder}</cachedir></fontconfig>"
        Path(os.environ[variable]).write_text(config, encoding="utf-8")
        os.dup2(null, 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            os.close(null)
            del os.environ[variable]
            os.environ |= before
