"""The sliders of docs/arithmetic.md: `<!-- sliders: layer -->` and `<!-- sliders: stack -->`."""

LAYER = [  # letter, what it is, least, most, at first
    ("w", "width of the input", 1, 64, 16),
    ("k", "kernel", 1, 11, 3),
    ("s", "stride", 1, 4, 1),
    ("d", "dilation", 1, 6, 1),
    ("p", "padding, pixels on each side", 0, 8, 1),
]
CHANNELS = "1 2 3 4 8 16 32 48 64 96 128 192 256 384 512 768 1024 2048"
GROUPS = "1 2 3 4 8 16 32 64 128 256 512"
CHOICES = [("c", "channels of the input", CHANNELS, 8), ("f", "filters", CHANNELS, 8),
           ("g", "groups", GROUPS, 0)]  # fmt: skip
RESULTS = [
    ("reach", "the kernel reaches over", "d (k − 1) + 1"),
    ("width", "width of the output", "⌊(w + zeros − reach) / s⌋ + 1"),
    ("weights", "weights", "k² c / g f"),
    ("macs", "multiply-adds", "weights × width²"),
]
STACK = [(3, 1, 1), (3, 2, 1), (5, 1, 1), (3, 2, 1), (3, 1, 2), *[(3, 1, 1)] * 3]
DEPTH = 5


def slider(name, least, most, value, values=""):
    more = f' data-values="{values}"' if values else ""
    return (
        f'<input type="range" name="{name}" min="{least}" max="{most}" value="{value}"{more}>'
        f"<output>{value}</output>"
    )


def mode(first="same"):
    kinds = [first, *({"same", "valid"} - {first})]
    return "".join(f"<option>{kind}</option>" for kind in kinds)


def layer():
    """The sliders of one layer and what they give."""
    rows = [
        f"<label><span><b>{n}</b> {what}</span>{slider(n, *of)}</label>" for n, what, *of in LAYER
    ]
    rows += [
        f"<label><span><b>{n}</b> {what}</span>"
        f"{slider(n, 0, len(values.split()) - 1, at, values)}</label>"
        for n, what, values, at in CHOICES
    ]
    kind = '<label><span><b>p</b> padding</span><select name="mode">{}</select></label>'
    rows.insert(4, kind.format(mode() + "<option>pixels</option>"))
    found = [
        f'<div><dt>{what} <small>{formula}</small></dt><dd data-is="{name}"></dd></div>'
        for name, what, formula in RESULTS
    ]
    return f"""<form class="arithmetic layer" hidden>
<div class="sliders">{"".join(rows)}</div>
<dl aria-live="polite">{"".join(found)}</dl>
<div class="drawn"></div>
</form>"""


def stack():
    """The sliders of a stack of layers, and what each of its outputs sees."""
    rows = []
    for i, letters in enumerate(STACK):
        cells = [f"<td>{i + 1}</td>"]
        for (name, most), value in zip((("k", 11), ("s", 4), ("d", 6)), letters, strict=True):
            label = f'<label class="cell" title="{name} of layer {i + 1}">'
            cells.append(f"<td>{label}{slider(name, 1, most, value)}</label></td>")
        cells.append("<td><output></output></td>" * 3)
        rows.append(f"<tr>{''.join(cells)}</tr>")
    heads = ("layer", "kernel k", "stride s", "dilation d", "width", "sees", "apart")
    return f"""<form class="arithmetic stack" hidden>
<div class="sliders">
<label><span>width of the image</span>{slider("w", 1, 299, 65)}</label>
<label><span>layers</span>{slider("depth", 1, len(STACK), DEPTH)}</label>
<label><span>padding</span><select name="mode">{mode()}</select></label>
</div>
<div class="pst-scrollable-table-container"><table class="table">
<thead><tr>{"".join(f"<th>{head}</th>" for head in heads)}</tr></thead>
<tbody>{"".join(rows)}</tbody></table></div>
</form>"""


def filled(app, page, text):
    """source-read: the marks of a page become sliders."""
    for made in (layer, stack):
        mark = f"<!-- sliders: {made.__name__} -->"
        if mark in text[0]:
            text[0] = text[0].replace(mark, f"```{{raw}} html\n{made()}\n```")


def setup(app):
    app.connect("source-read", filled)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
