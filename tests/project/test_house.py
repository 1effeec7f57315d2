"""House rules: imports go one way, through convbook, and a name stands for one thing."""

import ast
import re
import sys
import tomllib
from collections import defaultdict

import pytest
from places import ROOT

INSTALLED = ("blocks", "architectures", "gallery", "training")  # folders that are convbook.FOLDER
ROOMS = ("package", *INSTALLED, "benchmarks", "notebooks")  # package is convbook itself
FILES = [p for room in ROOMS for p in sorted((ROOT / room).rglob("*.py"))]
MAY_IMPORT = {  # of our own rooms
    "package": {"package"},
    "blocks": {"blocks"},
    "architectures": {"package", "blocks", "architectures"},
    "gallery": {"package", "blocks", "architectures", "gallery"},
    "training": {"package", "blocks", "architectures", "training"},
    "benchmarks": {*ROOMS} - {"gallery", "notebooks"},
    "notebooks": {*ROOMS},
}
OTHERS = {  # beside the standard library, of the rooms that stay lean
    "package": set(),  # help and refusals answer at once
    "blocks": {"keras"},
    "architectures": {"keras", "numpy"},
}
LAZILY = {  # in the function that needs it
    "package": {"keras", "tensorflow", *INSTALLED},  # which carry the commands out
    "blocks": {"tensorflow"},  # its own calls, after a check of the backend
    "architectures": {"tensorflow", "onnx", "onnxruntime"},
}
# Words that say little: each names at most one function, or the reader asks which is meant
COMMON_WORDS = [
    "check",
    "found",
    "held",
    "kept",
    "known",
    "line",
    "lines",
    "load",
    "names",
    "of",
    "own",
    "page",
    "parts",
    "printed",
    "refuse",
    "row",
    "rows",
    "said",
    "seen",
    "shown",
    "table",
    "text",
    "told",
    "whole",
]
# Distributions that are called otherwise than what is imported
DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow"}


def functions(tree):
    return [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


def imported(tree):
    """What a file imports: rooms of ours, and the top names of all else."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (room(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (room(f"{node.module}.{alias.name}") for alias in node.names)


def room(name):
    """The room of a dotted name; its top name where it is none of ours."""
    top, second, *_ = [*name.split("."), ""]
    if top == "convbook":
        return {"beside": "notebooks"}.get(second, second if second in INSTALLED else "package")
    return f"{top}, but not through convbook" if top in ("package", *INSTALLED) else top


def top(tree):
    """The statements of a module outside functions."""
    return [n for n in tree.body if not isinstance(n, (ast.FunctionDef, ast.ClassDef))]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import convbook", {"package"}),
        ("from convbook import blocks, names", {"blocks", "package"}),
        ("from convbook.blocks.layers import conv", {"blocks"}),
        ("import convbook.training.fit.run", {"training"}),
        ("from convbook.beside import lab", {"notebooks"}),
        ("import keras.ops, benchmarks.build", {"keras", "benchmarks"}),
        ("from blocks import conv", {"blocks, but not through convbook"}),
    ],
)
def test_an_import_names_its_room(line, expected):
    assert {*imported(ast.parse(line))} == expected


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_one_way(path):
    tree, room = ast.parse(path.read_text()), path.relative_to(ROOT).parts[0]
    first, anywhere = (
        {*imported(part)} - sys.stdlib_module_names for part in (ast.Module(top(tree), []), tree)
    )
    if room in OTHERS:
        allowed = MAY_IMPORT[room] | OTHERS[room]
        assert first <= allowed
        assert anywhere <= allowed | LAZILY[room]
    else:
        ours = {name for name in anywhere if name.split(",")[0] in ROOMS}
        assert ours <= MAY_IMPORT[room]


def test_one_file_opens_the_facts():
    """names.all_facts reads them; the rest of the house, and the tests, ask it."""
    opening = {
        path.relative_to(ROOT).as_posix()
        for path in [*FILES, *(ROOT / "tests").rglob("*.py")]
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        for given in [*call.args, *(keyword.value for keyword in call.keywords)]
        if isinstance(given, ast.Constant) and str(given.value)[-10:] == "facts.json"
    }
    assert opening == {"package/names.py"}


def test_a_common_word_names_one_function():
    """Apart from commands, whose functions have the name that is typed, and from notebooks."""
    places = defaultdict(list)
    for path in FILES:
        if path.is_relative_to(ROOT / "notebooks" / "source"):
            continue
        for node in functions(ast.parse(path.read_text(encoding="utf-8"))):
            if [argument.arg for argument in node.args.args] != ["parser"]:
                places[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not {word: places[word] for word in COMMON_WORDS if len(places[word]) > 1}


def test_a_letter_of_a_block_means_one_thing():
    for path in sorted((ROOT / "blocks").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in functions(tree):
            given = {argument.arg for argument in ast.walk(node) if isinstance(argument, ast.arg)}
            set_here = {
                name.id
                for name in ast.walk(node)
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
            }
            assert not (set_here & {*"abcgr"}) - given, f"{path.name}: {node.name}"


def test_an_install_brings_what_is_imported():
    """All packages that the code imports are among the dependencies, or the optional ones."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for_users = ("draw", "weights", "onnx", "export", "tfds")
    requirements = project["dependencies"] + [
        line for extra in for_users for line in project["optional-dependencies"][extra]
    ]
    declared = {re.match(r"[\w-]+", line)[0] for line in requirements}
    files = [p for p in FILES if p.relative_to(ROOT).parts[0] in ("package", *INSTALLED)]
    found = {name for p in files for name in imported(ast.parse(p.read_text()))}
    others = found - {"package", *INSTALLED} - sys.stdlib_module_names
    assert {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in others} <= declared
