"""The reference: a page for every module, and docstrings that say shapes and sources, readable."""

import ast
import importlib.util
import inspect
import re

import pytest
from places import ROOT

from convbook import architectures, blocks
from convbook.training import data

SPEC = importlib.util.spec_from_file_location("api_pages", ROOT / "docs" / "_ext" / "api_pages.py")
api_pages = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(api_pages)
MARKED = [
    name
    for page in sorted((ROOT / "docs" / "reference").glob("*.md"))
    for names in api_pages.MARK.findall(page.read_text(encoding="utf-8"))
    for name in names.split()
]
# They keep the shape of x, whatever it is, or make no tensor.
ANY_SHAPE = {"act", "norm", "stochastic_depth", "StochasticDepth", "survivals"}
DEFINING = {"training.data", "training.data.augment", "training.recipes"}  # in their __init__
PAPER = re.compile(r"arXiv:\d{4}\.\d{4,5}|LeNet-5|AlexNet|Goodfellow|NASNet paper")
# A numbered place in a paper, or a file of the authors' code or of a library's.
PLACE = re.compile(
    r"(?:[Ff]igure|[Tt]able|[Ee]quation|[Ss]ection)s? \(?(?:\d|[IVX]+\b|[A-Z]\.\d)"
    r"|\b\w[\w/-]*\.(?:py|lua|cfg|prototxt)\b"
)


def test_every_module_is_on_one_page():
    """Those with __all__ as a whole; of training each file, whose functions have docstrings."""
    files = {module_of(p): p for p in (ROOT / "training").rglob("*.py")}
    rooms = {name for name, p in files.items() if p.stem == "__init__"} - DEFINING
    parts = {name for name in files if name.startswith("training.data.")}
    parts = {name for name in parts if not name.startswith("training.data.augment")}
    expected = {"blocks", "architectures", "architectures.graph"} | {*files} - rooms - parts
    assert sorted(MARKED) == sorted(f"convbook.{name}" for name in expected)


def module_of(path):
    """training.fit.run, of the path of run.py."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_public_names_are_those_of_the_packages():

    def of(package):
        return {f"{package.__name__}.{name}" for name in package.__all__}

    assert {*api_pages.public("convbook.blocks")} == of(blocks)
    homes = api_pages.homes("convbook.architectures")
    found = {name for members in homes.values() for name in members}
    weights = architectures.weights
    assert found == of(architectures) - {weights.__name__} | of(weights)
    assert {*api_pages.public("convbook.training.data")} == of(data)
    found = {n for n in MARKED if n.startswith("convbook.training.") for n in api_pages.public(n)}
    for path in sorted((ROOT / "training").rglob("*.py")):
        module = module_of(path)
        if module.startswith("training.data."):
            continue  # they are offered by training.data
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
                assert f"convbook.{module}.{node.name}" in found


@pytest.mark.parametrize("name", [n for n in blocks.__all__ if not n.isupper()])
def test_a_block_says_its_shapes_and_its_source(name):
    """The source in its own docstring or in that of its file.  The vocabulary has none, and a layer
    that of the function that calls it."""
    of = getattr(blocks, name)
    own, module = inspect.getdoc(of), inspect.getmodule(of)
    if name not in ANY_SHAPE:
        assert re.search(r"\(N,|the same shape", own)
    helper = module is blocks.layers or inspect.isclass(of)
    if not helper and name != "spatial_sepconv":  # older than any paper on networks
        assert PAPER.search(f"{own} {module.__doc__}")
        assert PLACE.search(own), f"{name}: the figure, table, equation or section, or the file"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x (N, H, W, C) -> (N, f).", "| \\ ``x (N, H, W, C) -> (N, f)``\\ ."),
        ("a_b, 2 * 3 and `c`", "| a\\_b, 2 \\* 3 and \\ ``c``\\ "),
        ("arXiv:1512.03385", "| `arXiv:1512.03385 <https://arxiv.org/abs/1512.03385>`__"),
        ("one\ntwo\nbias: three", "| one two\n| bias: three"),
        ("All:\none     of it\ntwo     and\n        more",
         "| All:\n\n``one``\n    of it\n``two``\n    and more"),
        ("    code(x)", "::\n\n    code(x)"),
        ("Args:\n    se: a ratio\n        (arXiv:1709.01507).\n    gate: of x.",
         ":Arguments:\n    ``se``\n        a ratio (`arXiv:1709.01507 <https://arxiv.org/abs/1709.01507>`__"
         ").\n    ``gate``\n        of x."),
    ],
)  # fmt: skip
def test_a_docstring_becomes_readable(text, expected):
    assert "\n".join(api_pages.restructured(text.split("\n"))).rstrip("\n") == expected
