"""Compare two networks line by line: the code, data or graph of one beside the other's."""

import ast
import difflib
import re
from collections import namedtuple
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from html import escape
from typing import Any

import keras

from convbook import blocks
from convbook.architectures.catalog import NETS
from convbook.architectures.common import dense_head, maps_head
from convbook.gallery import show
from convbook.gallery.show.library import Own
from convbook.gallery.site.words import paths

# old, new: 'blocks.resnet:basic_block', a definition; 'resnet50', a row of the catalog; or
# 'basic_block(x, 64)', the graph of that call, of a block or head, on an x of this shape.
Comparison = namedtuple("Comparison", "old new shape", defaults=((56, 56, 64),))
HEADS = {head.__name__: head for head in (dense_head, maps_head)}
Pieces = list[tuple[bool, str]]  # of a line: (changed, text)
CONTEXT = 2  # unchanged lines shown around a change


def definition(module: str, name: str) -> list[str]:
    """The lines of a definition as `convbook show` has it, without its docstring."""
    texts = show.installed()
    own = texts.library.find(f"convbook.{module}", name)
    if not isinstance(own, Own):
        raise ValueError(f"name={name!r}: name must be one that {module} defines")
    return own_lines(show.formatted(texts.part(own).source), name)


def own_lines(text: str, name: str) -> list[str]:
    """The lines of the definition of name in text, without its docstring and without empty ones."""
    node = next(node for node in ast.parse(text).body if name in defined(node))
    lines = text.splitlines()
    if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
        first, last = node.body[0].lineno, node.body[0].end_lineno or 0
        lines[first - 1 : last] = [""] * (last - first + 1)
    return [line for line in lines[node.lineno - 1 : node.end_lineno] if line.strip()]


def defined(node: ast.stmt) -> list[str]:
    """The names of a statement's definition or assignment."""
    return [getattr(of, "name", getattr(of, "id", "")) for of in getattr(node, "targets", [node])]


def written(value: Any) -> str:
    """A value as a reader would write it: functions by name."""
    if isinstance(value, partial):
        given = [f"{k}={written(v)}" for k, v in value.keywords.items()]
        return f"{written(value.func)}({', '.join(given)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(written, value))}{',' * (len(value) == 1)})"
    return value.__name__ if callable(value) else repr(value)


def catalog_row(name: str) -> list[str]:
    """The row of the catalog, a line for each field and each option that is chosen."""
    net = NETS[name]
    kept = [f.name for f in fields(net) if f.name not in ("options", "variants", "styles")]
    said = [f"{key} = {written(getattr(net, key))}" for key in kept]
    chosen = sorted((k, v) for k, v in net.options.items() if v is not None)
    return said + [f"{key} = {written(value)}" for key, value in chosen]


def graph(call: str, shape: tuple[int, ...]) -> list[str]:
    """The paths of the graph that a call of blocks makes of x."""
    x = keras.Input(shape, name="x")
    return paths(keras.Model(x, eval(call, {**HEADS, **vars(blocks), "x": x})))


def side(spec: str, shape: tuple[int, ...]) -> list[str]:
    """The lines that stand for one side of a Comparison."""
    if "(" in spec:
        return graph(spec, shape)
    return definition(*spec.split(":")) if ":" in spec else catalog_row(spec)


def label(spec: str) -> str:
    """What is compared, for the reader."""
    module, _, name = spec.partition(":")
    if "(" in spec:
        return f"graph of {spec}"
    return f"{name} in {module.replace('.', '/')}.py" if name else f'row of create("{spec}")'


def changes(old: Sequence[str], new: Sequence[str]) -> list[tuple[str, str, Pieces]]:
    """[(sign, text, [(changed, piece)])]: the changed lines and some around, '…' between groups."""
    lines: list[tuple[str, str, Pieces]] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        lines += [("…", "", [])] if lines or group[0][1] else []
        for kind, i, j, k, n in group:
            if kind == "equal":
                lines += [(" ", text, [(False, text)]) for text in old[i:j]]
                continue
            was, now = marked(old[i:j], new[k:n])
            lines += [("-", text, pieces) for text, pieces in zip(old[i:j], was, strict=True)]
            lines += [("+", text, pieces) for text, pieces in zip(new[k:n], now, strict=True)]
    return lines


def marked(old: Sequence[str], new: Sequence[str]) -> tuple[list[Pieces], list[Pieces]]:
    """The lines of both in pieces (changed, text): word by word where lines are as many."""
    if len(old) != len(new):
        return [[(False, text)] for text in old], [[(False, text)] for text in new]
    was: list[Pieces] = []
    now: list[Pieces] = []
    for before, after in zip(old, new, strict=True):
        a, b = (re.findall(r"\w+|\s+|[^\w\s]", text) for text in (before, after))
        codes = difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
        was.append([(c != "equal", "".join(a[i:j])) for c, i, j, _, _ in codes if j > i])
        now.append([(c != "equal", "".join(b[k:n])) for c, _, _, k, n in codes if n > k])
    return was, now


def markup(comparison: Comparison) -> str:
    """A Comparison as HTML: removed lines, added lines, and between them what stayed."""
    old, new, shape = comparison
    tags = {"-": "del", "+": "ins", " ": "span", "…": "span"}
    lines = []
    for sign, _, pieces in changes(side(old, shape), side(new, shape)):
        text = "".join(f"<mark>{escape(p)}</mark>" if c else escape(p) for c, p in pieces)
        lines.append(f"<{tags[sign]}>{sign} {text}</{tags[sign]}>")
    return f"""\
<figure class="diff"><figcaption><del>{escape(label(old))}</del> <ins>{escape(label(new))}</ins>\
</figcaption>
<pre><code>{"".join(lines)}</code></pre></figure>"""
