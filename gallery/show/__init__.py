"""python -m blocks show NAME: one text that stands alone, cut from the tested source by ast."""

import ast
import importlib.util
import symtable
from functools import cache
from itertools import pairwise
from pathlib import Path

from convbook.gallery.show.shake import shake

PACKAGE = "blocks"


@cache
def snippet(name):
    """The source of the public function or layer name, after all it needs; imports only Keras.

    Helpers come without the options that nothing in the text uses (see shake); all the rest,
    comments and docstrings included, is as in the files of this package.  Raises ValueError if
    name needs two things that have the same name in two files.
    """
    whole, imports = closure(name, {})
    texts = whole
    while shorter := shake(texts, name, whole):
        texts, imports = closure(name, shorter)
    parts = [part for part in (imports, *texts.values()) if part]
    text = parts[0]
    for before, part in pairwise(parts):
        apart = is_definition(before) or is_definition(part)
        text += "\n" * (3 if apart else 2 if before == imports else 1) + part
    return text + "\n"


def is_definition(text):
    return isinstance(ast.parse(text).body[0], (ast.FunctionDef, ast.ClassDef))


def closure(name, edited):
    """({name: source} of what name needs, each after its own needs; the import lines as text).

    edited: sources in place of those in the files.
    """
    texts, homes, imports = {}, {}, set()

    def visit(module, name):
        while isinstance(found := definitions(module).get(name), tuple):
            module, name = found
        if found is None or found.startswith(("import ", "from ")):
            imports.update([found] if found else [])
        elif name not in homes:
            homes[name] = module
            text = edited.get(name, found)
            for other in needs(text):
                visit(module, other)
            texts[name] = text
        elif homes[name] != module:
            raise ValueError(f"{name} is in both {module} and {homes[name]}: rename one of them")

    visit(PACKAGE, name)
    return texts, merged(imports)


@cache
def definitions(module):
    """{name: its source, its import line, or its (module, name) in this package} of a module."""
    source = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
    lines, found = source.splitlines(), {}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            ours = isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == PACKAGE
            for alias in node.names:
                line = ast.unparse(type(node)(**{**vars(node), "names": [alias]}))
                found[alias.asname or alias.name] = (node.module, alias.name) if ours else line
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Assign)):
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) - 1
            while first and lines[first - 1].startswith("#"):
                first -= 1
            for target in getattr(node, "targets", [node]):
                name = getattr(target, "name", getattr(target, "id", None))
                found[name] = "\n".join(lines[first : node.end_lineno])
    return found


def needs(text):
    """The names that text takes from its module, in order; its own is among them."""

    def walk(table):
        top = table.get_type() == "module"
        yield from (s.get_name() for s in table.get_symbols() if s.is_global() or top)
        for child in table.get_children():
            yield from walk(child)

    return dict.fromkeys(walk(symtable.symtable(text, "", "exec")))


def merged(imports):
    """Import lines as one text, one line a module."""
    whole = sorted(line for line in imports if line.startswith("import "))
    froms = {}
    for line in sorted(imports - {*whole}):
        module, name = line.split(" import ")
        froms.setdefault(module, []).append(name)
    return "\n".join(whole + [f"{m} import {', '.join(names)}" for m, names in froms.items()])


def highlighted(text):
    """text in colours for a terminal, if Pygments is installed."""
    try:
        from pygments import formatters, highlight, lexers
    except ImportError:
        return text
    return highlight(text, lexers.PythonLexer(), formatters.TerminalFormatter())
