"""The gallery of blocks: for each its picture, its code to copy, counts and paper."""

import inspect
import math
import re
from collections import namedtuple
from html import escape
from pathlib import Path

import keras

from convbook import blocks
from convbook.architectures.measure import measure
from convbook.gallery import find
from convbook.gallery.draw import draw
from convbook.gallery.draw.labels import sizes
from convbook.gallery.menu import MENU, example
from convbook.gallery.show import snippet
from convbook.gallery.site.html import code, details, paper_link, raw
from convbook.gallery.site.words import sentence, spelled

FAMILIES = {  # of blocks, by their files
    "Residual": "resnet preresnet stochastic_depth",
    "Aggregated and gated": "resnext se",
    "Inception": "inception inception_v3 inception_v4",
    "Separable and grouped": "xception mobilenet shufflenet",
    "Dense and squeezed": "densenet squeezenet",
    "Found by search": "nasnet",
    "Single ideas": "kernels local refine",
    "Before 2014": "lenet nin lrn",
}
WIDE = 560  # pixels from which on a picture stands above its code, not beside it
Card = namedtuple("Card", "name family what paper year arxiv alt weights macs into out source")


def family(name: str) -> str:
    """The family of a block.  Raises ValueError if its file is in none."""
    file = getattr(blocks, name).__module__.removeprefix("convbook.blocks.")
    for title, files in FAMILIES.items():
        if file in files.split():
            return title
    raise ValueError(f"name={name!r}: blocks/{file}.py must be in one of FAMILIES")


def arxiv(name: str) -> str:
    """The arXiv number of the year of the menu in the docstrings of a block and its file, or ''."""
    block, year = getattr(blocks, name), MENU[name].year
    text = f"{block.__doc__} {inspect.getmodule(block).__doc__}"
    found = re.findall(r"\b\d{4}\.\d{4,5}\b", text)
    return next((i for i in found if year and int(i[:2]) == int(year) % 100), "")


def card(name: str, model: keras.Model | None = None) -> Card:
    """What the gallery says of a block, drawn from model, its example on the menu."""
    row, model = MENU[name], model or example(name)
    return Card(
        *(name, family(name), row.what, row.paper, row.year, arxiv(name), sentence(name, model)),
        sum(math.prod(v.shape) for v in model.trainable_variables),
        *(measure(model).macs, sizes(model.inputs), sizes(model.outputs)),
        inspect.getsource(getattr(blocks, name)),
    )


def facts(c: Card) -> str:
    """The counts of a card, and of which call they are."""
    call = f"{c.name}({MENU[c.name].args})"
    paper = ", ".join(filter(None, [c.paper, str(c.year), paper_link(c.arxiv)])) or "no paper"
    rows = [
        ("paper", paper),
        ("weights", f"{c.weights:,}"),
        ("multiply-adds", f"{c.macs:,}"),
        ("counted of", f"<code>{escape(call)}</code>, {c.into} → {c.out}"),
    ]
    return "".join(f"<div><dt>{term}</dt><dd>{text}</dd></div>" for term, text in rows)


def markup(c: Card, picture: str, width: int, text: str) -> str:
    """A card as HTML.

    picture: the address of its SVG, width pixels wide; text: the snippet that the button copies.
    """
    image = f'<img class="dark-light" src="{picture}" width="{width}" loading="lazy"'
    words = escape(f"{find.words(c.name)} {c.arxiv} {spelled(c.name)}")
    whole = code(text, f"{c.name} and all it needs", False, f' id="snippet-{c.name}"')
    button = f'<button type="button" class="copy" data-from="snippet-{c.name}" hidden'
    return f"""\
<div class="block-card" data-block="{c.name}" data-family="{escape(c.family)}" data-words="{words}">
<p class="what">{escape(c.what)}</p>
<dl class="facts">{facts(c)}</dl>
<div class="beside{" wide" * (width > WIDE)}">
<div class="picture"><a href="{picture}">{image} alt="{escape(c.alt)}"></a></div>
<div class="source">
<p class="actions">{button} aria-label="Copy {c.name} with all it needs">Copy</button>
<span role="status"></span></p>
{code(c.source, f"the source of {c.name}")}
{details(f"All it needs, as copied: {len(text.splitlines())} lines", whole)}
</div>
</div>
</div>"""


def controls() -> str:
    """The filters, which the script shows; without it all blocks are there."""
    names = "".join(
        f'<button type="button" aria-pressed="false" data-family="{escape(title)}">'
        f"{escape(title)}</button>"
        for title in FAMILIES
    )
    return f"""\
<div class="filters" hidden>
<label>Filter by name, idea or paper <input type="search" class="words"></label>
<div class="families" role="group" aria-label="Families">{names}</div>
<p class="found" role="status"></p>
</div>"""


def shown_width(path: Path) -> int:
    """How many pixels wide a drawing is shown: its letters a little smaller than the text."""
    points = re.findall(r'width="(\d+)pt"', path.read_text(encoding="utf-8"))[0]
    return int(points) * 3 // 4


def page(folder: Path, address: str) -> str:
    """The gallery as Markdown; draws its pictures into folder, which has that address on the site.

    Takes half a minute: every block is built, drawn and cut out of its files.
    """
    parts = [raw(controls())]
    for title in FAMILIES:
        parts.append(f"## {title}\n")
        for name in (n for n in MENU if family(n) == title):
            model = example(name)
            width = shown_width(draw(name, folder / f"{name}.svg"))
            html = markup(card(name, model), f"{address}/{name}.svg", width, snippet(name))
            parts += [
                f"### {name}\n",
                raw(html),
                f"{{py:func}}`convbook.blocks.{name}` in the reference.\n",
            ]
    return "\n".join(parts)
