"""The reference from docstrings: `<!-- members of PACKAGE -->` in a page becomes its members.

Public are the names of a package's __all__, and of a module without one the functions and classes
that it defines with a docstring.  Docstrings are plain text: `readable` makes reStructuredText.
napoleon reads sections such as Args:, too, but takes all else for reStructuredText already, where a
* or a | of an equation is markup.
"""

import ast
import inspect
import re
from importlib import import_module
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARK = re.compile(r"^<!-- members of ([\w. ]+) -->$", re.M)
ROW = re.compile(r"^(\S(?:[\w', ]*\w)?)\s{3,}(\S.*)$")  # of a table: what it names, three spaces
ITEM = re.compile(r"^[A-Za-z_][\w, ]{0,40}: ")  # a line that begins what is said of an argument
SPECIAL = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|(?P<shape>(?:\b[xy]\d? )?\(N(?:, |\))[^()]*\)?(?: -> \([^()]*\))?)"
    r"|(?P<arxiv>arXiv:(?P<number>\d{4}\.\d{4,5}))"
    r"|(?P<mark>[\\*`|_])"
)


def inline(text):
    """A line of plain text as reStructuredText: code, shapes and arXiv numbers marked, all else
    escaped."""

    def marked(found):
        if found["arxiv"]:
            return f"`{found['arxiv']} <https://arxiv.org/abs/{found['number']}>`__"
        if found["mark"]:
            return "\\" + found["mark"]
        return f"\\ ``{(found['code'] or found['shape']).strip()}``\\ "

    return SPECIAL.sub(marked, text)


def rows(lines):
    """[(name, text)] of the lines of a table in columns; None if they are none."""
    found = []
    for line in lines:
        if row := ROW.match(line):
            found.append([row[1], row[2]])
        elif found and line.startswith("   "):
            found[-1][1] += f" {line.strip()}"
        else:
            return None
    return found


def arguments(lines):
    """reStructuredText of the lines below Args:, a name and what is said of it at a time."""
    out = [":Arguments:"]
    for name, text in rows([re.sub(r"^    (\S+): +", r"\1   ", line) for line in lines]):
        out += [f"    ``{name}``", f"        {inline(text)}"]
    return out


def paragraph(lines):
    """reStructuredText of the lines of one paragraph."""
    if lines[0] == "Args:":
        return arguments(lines[1:])
    if all(line.startswith("    ") for line in lines):
        return ["::", "", *lines]
    if table := rows(lines):
        return [part for name, text in table for part in (f"``{name}``", f"    {inline(text)}")]
    said = lines[:1]
    for line in lines[1:]:
        if ITEM.match(line) or line.startswith(("- ", "x (N")):
            said.append(line)
        else:
            said[-1] += f" {line.strip()}"
    return [f"| {inline(line)}" for line in said]


def split(lines):
    """A paragraph; and a table on its own, that follows without a blank line between."""
    for i in range(1, len(lines)):
        if rows(lines[i:]):
            return [*paragraph(lines[:i]), "", *paragraph(lines[i:])]
    return paragraph(lines)


def restructured(lines):
    """reStructuredText of the lines of a docstring."""
    out = []
    for text, group in groupby(lines, key=lambda line: bool(line.strip())):
        if text:
            out += [*split([*group]), ""]
    return out


def readable(app, what, name, of, options, lines):
    lines[:] = restructured(lines)


def public(name):
    """{public name: object} of a package or module."""
    module = import_module(name)
    if hasattr(module, "__all__"):
        return {f"{name}.{key}": getattr(module, key) for key in module.__all__}
    return {
        f"{name}.{key}": of
        for key, of in vars(module).items()
        if key[0] != "_" and getattr(of, "__module__", None) == name and described(key, of)
    }


def described(key, of):
    """Whether a docstring was written for it: a named tuple makes its own."""
    return is_code(of) and not (of.__doc__ is None or of.__doc__.startswith(f"{key}("))


def constants(path):
    """{name: source} of what a file assigns, with the comments at the line's end."""
    text = path.read_text(encoding="utf-8")
    lines, found = text.split("\n"), {}
    for node in ast.parse(text).body:
        target = getattr(node, "target", None) or getattr(node, "targets", [None])[0]
        if isinstance(target, ast.Name):
            found[target.id] = lines[node.lineno - 1 : node.end_lineno]
    return found


def is_code(of):
    """Whether it is a function or a class, which know where they are written."""
    return inspect.isfunction(inspect.unwrap(of)) or inspect.isclass(of)


def short(key):
    return key.rpartition(".")[2]


def homes(name):
    """{file: {public name: object}}: where each member of a package is written."""
    found = {}
    for key, of in public(name).items():
        if inspect.ismodule(of):
            found |= homes(key)
            continue
        if is_code(of):
            home = of.__module__
        else:
            files = sorted(Path(import_module(name).__file__).parent.glob("*.py"))
            home = next(f"{name}.{p.stem}" for p in files if short(key) in constants(p))
        found.setdefault(home, {})[key] = of
    return found


def entry(key, of, home):
    """reStructuredText of one member."""
    if inspect.isfunction(inspect.unwrap(of)):
        return [f".. autofunction:: {key}"]
    if inspect.isclass(of):
        return [f".. autoclass:: {key}"]
    source = constants(Path(import_module(home).__file__))[short(key)]
    code = ["   .. code-block:: python", "", *(f"      {line}" for line in source)]
    return [f".. py:data:: {key}", "", *code]


def members(name):
    """Markdown of all members of a package, a heading for each of its files."""
    out = []
    for home, found in homes(name).items():
        module = import_module(home)
        path = Path(module.__file__).relative_to(ROOT).as_posix()
        title, _, more = inspect.getdoc(module).partition("\n\n")
        out += [f"## {path}", "", "```{eval-rst}"]
        out += restructured([*title.split("\n"), "", *more.split("\n")])
        for key, of in found.items():
            out += [*entry(key, of, home), ""]
        out += ["```", ""]
    return "\n".join(out)


def filled(app, page, text):
    """source-read: the marks of a page become members, whose files it then depends on."""
    for mark in MARK.finditer(text[0]):
        for package in mark[1].split():
            for home in (package, *homes(package)):
                app.env.note_dependency(import_module(home).__file__)
    names = lambda found: "\n".join(map(members, found[1].split()))  # noqa: E731
    text[0] = MARK.sub(names, text[0])


def read_in(app, module, name):
    """viewcode: what architectures offers of its graph has its source where graph is described.

    A file's source links back to one package alone; what is described without a module has none.
    """
    if not module:
        return None
    home = getattr(getattr(import_module(module), name.partition(".")[0], None), "__module__", "")
    elsewhere = module == "convbook.architectures" and home.startswith(f"{module}.graph.")
    return module if elsewhere else None


def setup(app):
    app.connect("viewcode-follow-imported", read_in)
    app.connect("source-read", filled)
    app.connect("autodoc-process-docstring", readable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
