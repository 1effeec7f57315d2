"""What a notebook shows beside its paper: a block's code, picture and table, a figure, data."""

import inspect
import io
import re
import tempfile
import textwrap

import keras
import libcst as cst
import matplotlib
import numpy as np
from matplotlib import pyplot as plt

from convbook import blocks
from convbook.architectures import create, facts, measure
from convbook.architectures.catalog import ALIASES
from convbook.architectures.graph.calls import calls
from convbook.architectures.graph.layer_names import TAPS
from convbook.beside.exercises import check
from convbook.gallery import ledger, show
from convbook.gallery.draw import WIDEST, draw
from convbook.gallery.draw.dark import with_dark_form
from convbook.gallery.show.text import Plain
from convbook.gallery.site.diff import own_lines
from convbook.training.data import load_data

__all__ = [
    *("bake_off", "claims", "lab", "results"),
    "check",
    *("code", "digits", "figure", "grid", "learn", "lines", "picture", "table"),
    *("Markdown", "Picture"),
]
LONGEST = 16  # lines of a block
STYLE = {
    "figure.dpi": 110,
    "figure.figsize": (6.4, 3.4),
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "font.size": 10,
    "svg.hashsalt": "beside",  # the same figure is the same file
}
matplotlib.use("agg")  # only Picture shows pictures, with their alt text
matplotlib.rcParams.update(STYLE)


class Markdown(str):
    """Markdown that a notebook renders."""

    def _repr_markdown_(self):
        return str(self)


class Picture:
    """An SVG with a light and a dark form; alt says in words what it shows."""

    def __init__(self, svg, alt):
        self.svg, self.alt = fitted(svg), alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = {"image/svg+xml": self.svg, "text/plain": self.alt}
        return data, {"image/svg+xml": {"alt": self.alt}}


def fitted(svg):
    """The SVG, made smaller if it is wider than a page: its viewBox scales what it shows."""
    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    width, height = map(float, size.groups())
    if width <= WIDEST:
        return svg
    small = f'width="{WIDEST}pt" height="{height * WIDEST / width:.0f}pt"'
    return svg.replace(size[0], small, 1)


def picture(block, alt):
    """The Picture of a block of the menu, given by name, or of the graph of a functional model."""
    with tempfile.TemporaryDirectory() as folder:
        return Picture(draw(block, f"{folder}/block.svg").read_text(encoding="utf-8"), alt)


def figure(fig, alt):
    """The Picture of a Matplotlib figure; closes the figure."""
    text = io.StringIO()
    fig.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(fig)
    return Picture(with_dark_form(text.getvalue()), alt)


def source(function, whole, options):
    """The text of a function: see code."""
    name = function.__name__
    if getattr(blocks, name, None) is function and not whole:
        return show.text([name], options)
    written = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    return show.formatted(cst.parse_module(written).visit(Plain({"checked", "require"})).code)


def lines(function, whole=False, **options):
    """The lines of a function's code without its docstring and without empty ones: see code."""
    rows = own_lines(source(function, whole, options), function.__name__)
    return [re.sub(r" +# type: .*", "", row) for row in rows]


def code(function, equations=(), longest=LONGEST, whole=False, **options):
    """The code of a function, with a table of equations for some of its lines.

    A block is shown as `convbook show` prints the call with these options, or whole; any other
    function as written, without types and checks.  equations: {a part of one line: LaTeX without
    dollars}.  Raises ValueError if the function has more than longest lines, or if a part is not in
    exactly one line.
    """
    rows, name = lines(function, whole, **options), function.__name__
    if len(rows) > longest:
        raise ValueError(f"{name} has {len(rows)} lines; must be at most {longest}: pass longest=")
    texts = [f"```python\n{chr(10).join(rows)}\n```"]
    if equations:
        texts.append("| line | equation |\n| --- | --- |")
    for part, latex in dict(equations).items():
        found = [row.strip() for row in rows if part in row]
        if len(found) != 1:
            raise ValueError(
                f"equations: {part!r} is in {len(found)} lines of {name}; must be in exactly one"
            )
        texts[1] += f"\n| `{found[0]}` | ${latex}$ |"
    return Markdown("\n\n".join(texts))


def grid(head, rows):
    """A Markdown table: numbers with separators and aligned right, the rest as text."""
    rows = [list(row) for row in rows]
    right = [all(isinstance(row[i], (int, float)) for row in rows) for i in range(len(head))]
    dashes = ["---:" if r else "---" for r in right]
    cells = [head, dashes, *([written(cell) for cell in row] for row in rows)]
    return Markdown("\n".join(f"| {' | '.join(row)} |" for row in cells))


def written(cell):
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        return "" if cell is None else str(cell)
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:,.4g}"


def size(shape):
    return " x ".join(map(str, shape))


def stages(model, printed, names=None):
    """(stage, size printed, size found, trainable weights, multiply-adds) of each row of a table.

    printed: [(stage, (rows, columns, channels))]; names: the layers that end the rows, found by
    size if not given.  A row counts all that its last layer needs and earlier rows do not.  Raises
    ValueError if the network has no such size after the row before.
    """
    before, of = (0, 0), {getattr(call.op, "name", None): call for call in calls(model)}
    last = [of[name] for name in names] if names else ends(model, printed)
    for (stage, shape), call in zip(printed, last, strict=True):
        whole = call.outputs[0] is model.outputs[0]
        part = measure(model if whole else keras.Model(model.inputs, call.outputs[0]))
        counts = part.trainable, part.macs
        yield stage, size(shape), size(shape_of(call)), *np.subtract(counts, before).tolist()
        before = counts
    if call.outputs[0] is not model.outputs[0]:
        whole = measure(model)
        rest = np.subtract((whole.trainable, whole.macs), before).tolist()
        yield "the rest", "", size((1, 1, *model.output.shape[1:])[-3:]), *rest


def shape_of(call):
    """Rows, columns and channels of what a call gives: 1 x 1 after flattening and pooling."""
    shape = call.outputs[0].shape
    return (1, 1, 1)[: 4 - len(shape)] + tuple(shape[1:])


def ends(model, printed):
    """The call that ends each row: among the calls of its size before the next size appears, the
    last that the network names, else the last with weights, else the last; rows of one size take
    one each."""
    every, start, i = calls(model), 0, 0
    while i < len(printed):
        stage, shape = printed[i][0], tuple(printed[i][1])
        rows = next((j for j in range(i, len(printed)) if tuple(printed[j][1]) != shape), None)
        same = (len(printed) if rows is None else rows) - i
        sizes = [shape_of(call) for call in every]
        if shape not in sizes[start:]:
            raise ValueError(f"{stage}: the network has no {size(shape)} after the row before")
        first = sizes.index(shape, start)
        following = tuple(printed[i + same][1]) if rows is not None else None
        stop = sizes.index(following, first) if following in sizes[first:] else len(every)
        found = [j for j in range(first, stop) if sizes[j] == shape]
        kinds = ([j for j in found if test(every[j].op)] for test in (is_tap, has_weights))
        chosen = next((kind for kind in kinds if len(kind) >= same), found)
        if len(chosen) < same:
            raise ValueError(
                f"{stage}: the network has {size(shape)} {len(chosen)} times; must be {same}"
            )
        yield from (every[j] for j in [*chosen[: same - 1], chosen[-1]])
        start, i = chosen[-1] + 1, i + same


def is_tap(op):
    return op in TAPS


def has_weights(op):
    return bool(getattr(op, "weights", ()))


def table(name, errata=(), columns=None, ends=None, **options):
    """The paper's table of a network beside the network built here; printed and counted totals.

    errata: headings of docs/errata.md that explain each total that differs.  columns: {head of a
    further column: what the paper prints in each row}.  ends: see stages, names.  Raises ValueError
    if the network lacks a row of the paper's table, or if a difference is not explained.
    """
    name = ALIASES.get(name, name)
    of = facts(name)
    other = of["variants"][options["variant"]] if options.get("variant") else of
    columns, model = columns or {}, create(name, **options)
    head = ["stage", "output, paper", "output, built", "parameters", "multiply-adds", *columns]
    rows = list(stages(model, other["output_sizes_hwc"], ends))
    ours = [sum(row[3] for row in rows), sum(row[4] for row in rows)]
    columns = {k: [*cells, *[""] * (len(rows) - len(cells))] for k, cells in columns.items()}
    rows = [[*row, *cells] for row, *cells in zip(rows, *columns.values(), strict=True)]
    rows.append(["**total**", "", "", *ours, *[""] * len(columns)])
    notes = [] if options else list(totals(name, ours, errata))
    notes += [f"- [{heading}](../docs/errata.md#{anchor(heading)})" for heading in errata]
    return Markdown("\n".join([grid(head, rows), "", *notes]))


def totals(name, ours, errata):
    """A line for each printed total.  Raises ValueError: see table."""
    printed = {"params": "parameters", "flops": "multiply-adds"}
    for (key, what), count in zip(printed.items(), ours, strict=True):
        for f in ledger.paper(name, key):
            why = f.why.split(";")[0]
            where = ", ".join(filter(None, [f.where, f.tag]))
            yield f"- {what}: **{f.text}** ({where}); counted: {count:,}{f' ({why})' * bool(why)}"
            if not (f.state == ledger.Agreement.EQUAL or errata):
                raise ValueError(
                    f"{name}: {what} {f.text} of {f.where} differs from {count:,}: pass errata=, "
                    f"the headings of docs/errata.md that explain it"
                )


def anchor(heading):
    """The anchor of a heading of docs/errata.md."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def digits(size=8, channels=1):
    """(x, y, test x, test y): scikit-learn's 1,797 handwritten digits, 360 of them test images.

    x (N, size, size, channels), float32 in 0 .. 1, resized from 8 x 8; y (N,) in 0 .. 9.
    """
    data = load_data("digits", size, channels)
    x, more, test = (np.float32(part.images(range(len(part)))) for part in data[:3])
    y = np.concatenate([data.train.y, data.val.y])
    return np.concatenate([x, more]), y, test, data.test.y


def learn(model, data, epochs, rate=1e-3, batch=64, optimizer=None, **options):
    """The history of model.fit on logits: by default with Adam; val_accuracy is the test's.

    data: as digits() gives it.  Further options go to compile.
    """
    x, y, *test = data
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    settings = dict(optimizer=optimizer or keras.optimizers.Adam(rate), loss=loss)
    model.compile(**settings | options, metrics=["accuracy"])
    given = dict(validation_data=tuple(test), validation_batch_size=360, verbose=0)
    fit = model.fit(x, y, batch, epochs, **given)
    return fit.history
