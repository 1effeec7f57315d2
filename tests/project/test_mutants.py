"""make mutants: the bugs that it plants, which of them count as caught, and its page."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mutants.operators import mutants
from mutants.table import PAGE, counts, kept, page

ROOT = Path(__file__).parents[2]
TINY = """
def area(h, w):
    return h * w


def larger(a, b):
    return [a, b][a < b]


def alone(a, b):
    return a and b
"""
TESTS = """
from blocks import tiny


def test_wrong_without_a_bug_too():
    assert tiny.area(2, 3) == tiny.larger(1, 2) == 7


def test_area():
    assert tiny.area(2, 3) == 6


def test_larger():
    assert [tiny.larger(*pair) for pair in ((1, 2), (2, 1), (2, 2))] == [2, 2, 2]
"""
ENDLESS = """
def down(n, by):
    while n:
        n = n - by
    return n
"""


def planted(source):
    """The changed lines of all mutants, each with its operator."""
    lines = source.splitlines()
    for mutant in mutants(source):
        new = mutant.source().splitlines()
        (changed,) = [n for n, o in zip(new, lines, strict=True) if n != o]
        yield mutant.operator, changed.strip()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a < b", {("comparison", "return a <= b")}),
        ("a is not b", {("comparison", "return a is b")}),
        ("a // b", {("arithmetic", "return a * b")}),
        ("a or b", {("boolean", "return a and b")}),
        ("7", {("constant", "return 8"), ("constant", "return 6")}),
        ("0.25", {("constant", "return 0.5")}),
        ("True", {("constant", "return False")}),
        ("a if b else c", {("condition", "return a if (not (b)) else c")}),
        ("a if not b else c", {("condition", "return a if b else c")}),
        ("f(a, a, k=b)", {("dropped keyword", "return f(a, a)")}),
        ("f(a, b)", {("swapped arguments", "return f(b, a)")}),
        ("f(*a, b)", set()),
        ("isinstance(a, b)", set()),
        ("f(a, help=b + c, **d)", set()),
        ("'text'", set()),
        ("f'{a + b}'", set()),
    ],
)
def test_bugs_of_a_line(line, expected):
    assert {*planted(f"def g(a, b, c):\n    return {line}\n")} == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("def g(a=1): a", {("default", "def g(a=2): a")}),
        ("def g(a: f(1) = 0) -> 2: a", {("default", "def g(a: f(1) = 1) -> 2: a")}),
        ("def g():\n    'a' 'b'\n    f()", {("dropped statement", "pass")}),
        ("def g(a):\n    a += b", {("arithmetic", "a -= b"), ("dropped statement", "pass")}),
        ("def g(a):\n    a = f(a)", {("dropped statement", "pass")}),
        ("def g(a):\n    b = f(a)", set()),
        ("def g(a):\n    if a: f", {("condition", "if (not (a)): f")}),
        ("def g(a):\n    raise E(a + 1)", set()),
        ("def g(a):\n    require(a < b, a=a + 1)", {
            ("comparison", "require(a <= b, a=a + 1)"), ("dropped statement", "pass")}),
        ("A = 3 < b", {("comparison", "A = 3 <= b"), ("constant", "A = 4 < b"),
                       ("constant", "A = 2 < b")}),
        ("__all__ = [1]", set()),
        ("from a import b", set()),
        ("@f(1)\ndef g(): a", set()),
    ],
)  # fmt: skip
def test_bugs_of_lines(lines, expected):
    assert {*planted(lines + "\n")} == expected


def test_a_bug_has_the_name_of_its_function_table_or_method():
    source = "A = 1\n\n\nclass B:\n    a: int = 1\n\n    def c(self):\n        def d(): 1\n"
    assert {mutant.definition for mutant in mutants(source)} == {"A", "B", "B.c"}


def repository(root, source, tests, limit=900):
    """Makes a repository of one module and its tests; a function that runs make mutants in it."""
    shutil.copytree(ROOT / "tests/apart/mutants", root / "tests/apart/mutants")
    for folder in ("blocks", "docs", "tests/data"):
        (root / folder).mkdir()
    (root / "blocks" / "tiny.py").write_text(source)
    (root / "tests" / "test_tiny.py").write_text(tests)
    trial = root / "tests/apart/mutants/trial.py"
    trial.write_text(trial.read_text().replace("LIMIT = 600", f"LIMIT = {limit}"))
    for command in ("init -q", "-c user.name=x -c user.email=x@x commit -qm tiny --allow-empty"):
        subprocess.run(["git", *command.split()], cwd=root, check=True)

    def run(*arguments):
        """What is printed, and {function: what became of its bug}."""
        command = [sys.executable, "-m", "tests.apart.mutants", "10", *arguments]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        rows = json.loads((root / "tests/data/mutants.json").read_text())["rows"]
        return done.stdout, {row["definition"]: (row["outcome"], row["by"]) for row in rows}

    return run


def test_what_is_caught(tmp_path):
    """A bug that a test catches, one that is no bug, and one that only a later test catches."""
    run = repository(tmp_path, TINY, TESTS)
    said, found = run()
    expected = {
        "area": ("caught", "tests/test_tiny.py::test_area"),
        "larger": ("survived", None),
        "alone": ("survived", None),
    }
    assert found == expected
    assert "without a bug: tests/test_tiny.py::test_wrong_without_a_bug_too\n" in said
    assert said.endswith("1 of 3 bugs are caught, see docs/mutants.md\n")
    assert (tmp_path / "blocks" / "tiny.py").read_text() == TINY
    assert run()[0].startswith("0 of 3 bugs to try")
    with (tmp_path / "tests" / "test_tiny.py").open("a") as file:
        file.write("\n\ndef test_alone():\n    assert tiny.alone(1, 0) == 0\n")
    said, found = run("--survivors")
    assert said.startswith("2 of 3 bugs to try")
    assert found == expected | {"alone": ("caught", "tests/test_tiny.py::test_alone")}
    assert "`test_tiny.py::test_alone`" in (tmp_path / "docs" / "mutants.md").read_text()


def test_a_bug_that_never_ends_is_caught(tmp_path):
    tests = "from blocks import tiny\n\n\ndef test_down():\n    assert tiny.down(4, 2) == 0\n"
    _, found = repository(tmp_path, ENDLESS, tests, limit=30)()
    assert found == {"down": ("hangs", "tests/test_tiny.py::test_down")}


def test_the_page_is_of_the_kept_results_and_19_of_20_bugs_are_caught():
    found = kept()
    assert PAGE.read_text(encoding="utf-8") == page(found)
    made = counts(found["rows"])
    assert made["counted"] >= 60 - made["equivalent"]
    assert made["caught"] >= 0.95 * made["counted"]
    assert all(row["by"] for row in found["rows"] if row["outcome"] != "survived")


def test_what_is_no_bug_does_not_count():
    rows = [dict(outcome="caught", first="caught"), dict(outcome="caught", first="survived"),
            dict(outcome="survived", first="survived"),
            dict(outcome="survived", first="survived", equivalent="the same")]  # fmt: skip
    assert counts(rows) == dict(counted=3, caught=2, first=1, equivalent=1)
