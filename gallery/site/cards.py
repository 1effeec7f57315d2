"""The gallery of blocks: for each its picture, its code to copy, counts and paper."""

import ast
import inspect
import json
import math
import re
from collections import namedtuple
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

import keras

from convbook import blocks
from convbook.architectures.graph.measure import measure
from convbook.blocks import layers as letters
from convbook.gallery import find
from convbook.gallery.draw import draw
from convbook.gallery.draw.labels import sizes
from convbook.gallery.menu import MENU, called
from convbook.gallery.show import text
from convbook.gallery.site.html import code, coloured, details, paper_link, raw
from convbook.gallery.site.switches import Switched, combinations, default
from convbook.gallery.site.words import sentence, spelled

FAMILIES = {  # of blocks, by their files
    "Residual": "resnet preresnet stochastic_depth blurpool pyramidnet",
    "Aggregated and gated": "resnext se attention selective_kernel",
    "Inception": "inception inception_v3 inception_v4",
    "Separable and grouped": "xception mobilenet mbconv shufflenet shufflenet_v2",
    "Dense and squeezed": "densenet dpn dla squeezenet",
    "Found by search": "nasnet",
    "After 2018": "res2net hrnet resnest vovnet csp regnet repvgg mobileone ghostnet convnext"
    " standardized nfnet fasternet inceptionnext uib",
    "Single ideas": "kernels local refine",
    "Before 2014": "lenet nin lrn",
}
WIDE = 560  # a picture wider than this many pixels stands above its code, not beside it
LETTERS = """\
What all blocks are written in. Paste it once at the top of a file; then each block below is a text
of its own. In a terminal: `convbook show letters`.
"""
# own: the block with what is no letter; needs: the letters and imports it needs; picture: (its
# address, how many pixels wide); into, out: the sizes of its inputs and outputs.
Shown = namedtuple("Shown", "name call own needs weights macs into out alt picture")


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
    said = f"{block.__doc__} {inspect.getmodule(block).__doc__}"
    numbers = re.findall(r"\b\d{4}\.\d{4,5}\b", said)
    return next((i for i in numbers if year and int(i[:2]) == int(year) % 100), "")


def halves(source: str) -> tuple[str, str]:
    """(its letters with what they import; the rest) of a text that stands alone."""
    lines = source.splitlines(keepends=True)
    texts: tuple[list[str], list[str]] = [], []
    start = 0
    for node in ast.parse(source).body:
        names = [getattr(of, "id", "") for of in getattr(node, "targets", [])]
        names.append(getattr(node, "name", ""))
        is_letter = isinstance(node, (ast.Import, ast.ImportFrom))
        is_letter = is_letter or any(name and hasattr(letters, name) for name in names)
        texts[not is_letter].append("".join(lines[start : node.end_lineno]))
        start = node.end_lineno or 0
    needs, own = ("".join(text).strip("\n") + "\n" for text in texts)
    return needs, own


def card_of(name: str, switched: Switched, drawn: Path, address: str) -> Shown:
    """The gallery's view of one call of a block; draws its picture into the file `drawn`."""
    needs, own = halves(text([name], switched.options))
    model = called(switched.call, switched.shapes)
    picture = f"{address}/{drawn.name}", shown_width(draw(model, drawn))
    return Shown(
        *(name, switched.call, own, needs),
        sum(math.prod(v.shape) for v in model.trainable_variables),
        *(measure(model).macs, sizes(model.inputs), sizes(model.outputs)),
        *(sentence(name, model), picture),
    )


def counts_html(c: Shown) -> str:
    """The counts of a call, and of which call they are."""
    row, number = MENU[c.name], arxiv(c.name)
    paper = ", ".join(filter(None, [row.paper, str(row.year), paper_link(number)])) or "no paper"
    rows = [
        ("paper", paper),
        ("weights", f"{c.weights:,}"),
        ("multiply-adds", f"{c.macs:,}"),
        ("counted of", f"<code>{escape(c.call)}</code>, {c.into} → {c.out}"),
    ]
    return "".join(f"<div><dt>{term}</dt><dd>{said}</dd></div>" for term, said in rows)


def image(c: Shown) -> str:
    address, width = c.picture
    inner = f'<img class="dark-light" src="{address}" width="{width}" loading="lazy"'
    return f'<a href="{address}">{inner} alt="{escape(c.alt)}"></a>'


def summary(c: Shown) -> str:
    """The line above the letters of a call."""
    defined = [
        getattr(node, "name", "") or node.targets[0].id
        for node in ast.parse(c.needs).body
        if not isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    said = ", ".join(defined) or "imports alone"
    return f"The letters, pasted once: {said} ({len(c.needs.splitlines())} lines)"


def switched_parts(c: Shown) -> dict[str, str]:
    """The parts of a card that its switches change, as HTML."""
    return {
        "facts": counts_html(c),
        "picture": image(c),
        "own": coloured(c.own),
        "summary": escape(summary(c)),
        "needs": coloured(c.needs),
    }


def switches(name: str, settings: Iterable[Switched]) -> str:
    """A choice for each option of a block, which the script shows."""
    values: dict[str, dict[str, None]] = {}
    for switched in settings:
        for option, value in switched.chosen.items():
            values.setdefault(option, {})[value] = None
    given = []
    for option, those in values.items():
        each = "".join(f"<option>{escape(value)}</option>" for value in those)
        as_default = f"default: {escape(default(name, option))}"
        choice = f'<select name="{option}"><option value="">{as_default}</option>{each}</select>'
        given.append(f"<label>{option} {choice}</label>")
    said = '<p class="said" role="status"></p>'
    return f'<form class="switches" hidden>{"".join(given)}{said}</form>' if given else ""


def markup(c: Shown, settings: Iterable[Switched], script: str) -> str:
    """A card as HTML; script: the address of what its switches show."""
    part = switched_parts(c)
    words = escape(f"{find.words(c.name)} {arxiv(c.name)} {spelled(c.name)}")
    given = switches(c.name, settings)
    more = f' data-calls="{script}"' if given else ""
    needs = code(c.needs, f"the letters of {c.name}", part="needs")
    fold = details(f'<span data-part="summary">{part["summary"]}</span>', needs)
    head = f'data-block="{c.name}" data-family="{escape(family(c.name))}" data-words="{words}"'
    return f"""\
<div class="block-card" {head}{more}>
<p class="what">{escape(MENU[c.name].what)}</p>
<dl class="facts" data-part="facts">{part["facts"]}</dl>
{given}
<div class="beside{" wide" * (c.picture[1] > WIDE)}">
<div class="picture" data-part="picture">{part["picture"]}</div>
<div class="source">
{code(c.own, f"the code of {c.name}", part="own")}
{fold}
</div>
</div>
</div>"""


def controls() -> str:
    """The filters, which need the script; without it all blocks are shown."""
    names = "".join(
        f'<button type="button" aria-pressed="false" data-family="{escape(title)}">'
        f"{escape(title)}</button>"
        for title in FAMILIES
    )
    return f"""\
<div class="filters" hidden>
<label>Filter by name, idea, paper or author <input type="search" class="words"></label>
<div class="families" role="group" aria-label="Families">{names}</div>
<p class="found" role="status"></p>
</div>"""


def shown_width(path: Path) -> int:
    """How many pixels wide a drawing is shown: its letters a little smaller than the text."""
    points = re.findall(r'width="(\d+)pt"', path.read_text(encoding="utf-8"))[0]
    return int(points) * 3 // 4


def each(name: str, settings: Iterable[Switched], folder: Path,
         address: str) -> Iterator[tuple[Switched, Shown | str]]:  # fmt: skip
    """(switched, what is shown of it, or why the block refuses it); equal pictures are one file."""
    drawn: dict[bytes, Path] = {}
    for i, switched in enumerate(settings):
        path = folder / (f"{name}-{i}.svg" if i else f"{name}.svg")
        try:
            c = card_of(name, switched, path, address)
        except ValueError as error:
            if len(switched.chosen) < 2:
                raise
            yield switched, str(error)
            continue
        first = drawn.setdefault(path.read_bytes(), path)
        if first != path:
            path.unlink()
        yield switched, c._replace(picture=(f"{address}/{first.name}", c.picture[1]))


def card(name: str, folder: Path, address: str) -> str:
    """The card of a block; writes what its switches show, NAME.js and pictures, into folder."""
    settings = combinations(name)
    calls = [*each(name, settings, folder, address)]
    needs: dict[str, int] = {}
    made: dict[str, dict[str, str | int]] = {}
    for switched, c in calls:
        key = json.dumps(switched.chosen, sort_keys=True, separators=(",", ":"))
        if isinstance(c, str):
            made[key] = {"refused": c}
            continue
        part = switched_parts(c)
        number = needs.setdefault(part.pop("needs"), len(needs))
        made[key] = part | {"needs": number, "wide": int(c.picture[1] > WIDE)}
    data = json.dumps({"calls": made, "needs": [*needs]})
    script = f"(window.calls ??= {{}})[{json.dumps(name)}] = {data};\n"
    (folder / f"{name}.js").write_text(script, encoding="utf-8")
    keras.backend.clear_session(free_memory=False)
    first = next(c for _, c in calls if isinstance(c, Shown))  # at the defaults
    return markup(first, settings, f"{address}/{name}.js")


def gallery_page(folder: Path, address: str) -> str:
    """The gallery as Markdown; its pictures and what its switches show are written into folder.

    address: of the folder on the site.  Takes minutes: every call is built, drawn and cut.
    """
    said = raw(code(text(["letters"]), "the letters"))
    lines = [raw(controls()), "## The letters\n", LETTERS, said]
    for title in FAMILIES:
        lines.append(f"## {title}\n")
        for name in (n for n in MENU if family(n) == title):
            lines += [
                f"### {name}\n",
                raw(card(name, folder, address)),
                f"{{py:func}}`convbook.blocks.{name}` in the reference.\n",
            ]
    return "\n".join(lines)
