"""The house: imports run one way, functions stay short, and the whole stays small."""

import ast
import io
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("blocks", "architectures", "gallery", "training", "benchmarks", "notebooks")
FILES = [p for room in ROOMS for p in sorted((ROOT / room).rglob("*.py"))]
MAY_IMPORT = {  # beside the standard library and Keras
    "blocks": {"blocks"},
    "architectures": {"blocks", "architectures", "numpy"},
    "gallery": {"blocks", "architectures", "gallery"},
    "training": {"blocks", "architectures", "training"},
    "benchmarks": set(ROOMS) - {"gallery", "notebooks"},
    "notebooks": set(ROOMS) | {"beside"},
}
LAZILY = {"tensorflow"}  # its own calls, in the function that needs them, behind a backend check
HANDS_ON = {"blocks/__main__.py", "architectures/__main__.py"}  # commands that gallery carries out
SKIPPED = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)


def functions(tree):
    return [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


def docstring_lines(node):
    """The lines of the docstring of a module, class or function."""
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return set(range(first.lineno, first.end_lineno + 1))
    return set()


def code_lines(source):
    """The lines that are neither blank, comment nor docstring."""
    tree, lines = ast.parse(source), set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SKIPPED:
            lines |= set(range(token.start[0], token.end[0] + 1))
    nodes = [tree, *functions(tree), *(n for n in ast.walk(tree) if isinstance(n, ast.ClassDef))]
    return lines.difference(*map(docstring_lines, nodes))


def imported(tree):
    """The top names of what a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


def test_code_lines_are_counted_as_said():
    text = '"""A\ndocstring."""\n\nx = 1  # 1\n# 2\ndef f():\n    """No."""\n    return """a\nb"""'
    assert code_lines(text) == {4, 6, 8, 9}


def test_blocks_and_architectures_are_under_3000_lines():
    files = [p for p in FILES if p.relative_to(ROOT).parts[0] in ROOMS[:2]]
    assert len(files) > 50
    assert sum(len(code_lines(p.read_text())) for p in files) < 3000


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_one_way_and_functions_are_short(path):
    tree, name = ast.parse(path.read_text()), str(path.relative_to(ROOT))
    room = name.split("/")[0]
    allowed = MAY_IMPORT[room] | {"keras"} | ({"gallery"} if name in HANDS_ON else set())
    if room in ROOMS[:2]:
        first, anywhere = (
            {n for n in imported(part) if n not in sys.stdlib_module_names}
            for part in (ast.Module(top(tree), []), tree)
        )
        assert first <= allowed
        assert anywhere <= allowed | LAZILY
    assert set(imported(tree)) & set(ROOMS) <= allowed
    lengths = {
        f.name: f.end_lineno - f.lineno + 1 - len(docstring_lines(f)) for f in functions(tree)
    }
    assert not {name: n for name, n in lengths.items() if n > 30}


def top(tree):
    """The statements of a module outside functions."""
    return [n for n in tree.body if not isinstance(n, (ast.FunctionDef, ast.ClassDef))]
