"""The notebooks are what a run of their text gave, in the form that a reader knows; `make
notebooks` runs them, and so proves their claims."""

import ast
import json
import re

import nbformat
import pytest

import notebooks.__main__ as runner
from convbook import beside
from convbook.beside import results
from convbook.beside.exercises import TRY
from convbook.gallery.draw import WIDEST

OWN = {
    "01_convolution_arithmetic",
    "02_variants_of_convolution",
    "03_applications",
    "23_bake_off",
    "24_lab",
    "25_training_at_scale",
}
FORM = [
    "The question",
    "The block",
    "The table",
    "The claim, shown",
    "Exercises",
    "Copy it",
    "Cite",
]
MEGABYTES = 30  # of 60 for the repository
NAMES = runner.notebook_names()


def kept(name):
    return nbformat.read(runner.HERE / f"{name}.ipynb", 4)


def words(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("name", NAMES)
def test_kept_is_a_run_of_the_text(name):
    text, notebook = runner.text_of(name), kept(name)
    nbformat.validate(notebook)
    assert notebook.metadata["code"] == text.metadata["code"], f"python -m notebooks {name}"
    assert runner.words(notebook) == runner.words(text), f"python -m notebooks --prose {name}"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [*range(1, len(code) + 1)]
    assert not any(o.output_type == "error" for cell in code for o in cell.outputs)
    assert not list(runner.faults(notebook))


@pytest.mark.parametrize("name", sorted({*NAMES} - OWN))
def test_a_papers_notebook_has_the_form_of_all(name):
    notebook = kept(name)
    text = words(notebook)
    assert [part for part in re.findall(r"^## (.*)$", text, re.M) if part in FORM] == FORM
    assert "https://arxiv.org/abs/" in text or "https://doi.org/" in text
    assert "> **Paper**" in text
    assert "```bibtex" in text
    assert "convbook show" in text
    assert text.count("<details>") >= 2
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    shown = {k for c in notebook.cells for o in c.get("outputs", ()) for k in o.get("data", {})}
    assert "image/svg+xml" in shown
    assert re.search(r"^ *assert ", code, re.M)
    for call in ("code(", "picture(", "table("):
        assert call in code


@pytest.mark.parametrize("name", NAMES)
def test_links_to_the_docs_resolve(name):
    text = "\n".join(
        [words(kept(name))]
        + [
            o.data.get("text/markdown", "")
            for c in kept(name).cells
            for o in c.get("outputs", ())
            if "data" in o
        ]
    )
    for path, _, anchor in re.findall(r"\]\((\.\./[^)#]+|[^):/#]+\.ipynb)(#([^)]+))?\)", text):
        assert (runner.HERE / path).exists(), path
        if anchor and path.endswith(".md"):
            written = (runner.HERE / path).read_text(encoding="utf-8")
            headings = re.findall(r"^#+ (.*)$", written, re.M)
            assert anchor in [beside.anchor(heading) for heading in headings], anchor


def exercises(notebook):
    return [c for c in notebook.cells if "exercise" in c.metadata.get("tags", ())]


@pytest.mark.parametrize("name", [name for name in NAMES if exercises(kept(name))])
def test_each_exercise_has_a_blank_cell_before_its_solution(name):
    notebook = kept(name)
    assert words(notebook).count("<details>") == len(exercises(notebook))
    for cell in exercises(notebook):
        assert re.fullmatch(r'answer = \.\.\.  # .+\ncheck\(answer, "[0-9a-f]{8}"\)', cell.source)
        assert [output.data["text/markdown"] for output in cell.outputs] == [TRY]
        following = notebook.cells[notebook.cells.index(cell) + 1]
        assert following.source.startswith("<details>")


def test_a_result_that_two_places_keep_is_the_same():
    """Notebook 15 plots a benchmark, but the wheel has no benchmarks, so there are two copies."""
    kept = runner.HERE.parent / "benchmarks" / "results" / "memory.json"
    assert results.kept("memory") == json.loads(kept.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_has_a_dark_form(name):
    outputs = [o.get("data", {}) for c in kept(name).cells for o in c.get("outputs", ())]
    pictures = [data["image/svg+xml"] for data in outputs if "image/svg+xml" in data]
    assert not [svg for svg in pictures if "(prefers-color-scheme: dark)" not in svg]


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_fits_a_page(name):
    outputs = [o.get("data", {}) for c in kept(name).cells for o in c.get("outputs", ())]
    pictures = [data["image/svg+xml"] for data in outputs if "image/svg+xml" in data]
    widths = [float(re.search(r'<svg[^>]* width="([\d.]+)pt"', svg)[1]) for svg in pictures]
    assert not [width for width in widths if width > WIDEST]


TABLE = re.compile(r"^\| (.*) \|\n\| ---.*\|\n((?:\| .* \|\n?)+)", re.M)
CORRECT = re.compile("accuracy|test error")


def shares(markdown):
    """(head, cells) of the columns of accuracies and errors in a Markdown text."""
    for head, body in TABLE.findall(markdown):
        rows = [row.strip("| ").split(" | ") for row in body.splitlines()]
        for i, name in enumerate(head.split(" | ")):
            if CORRECT.search(name):
                yield name, [row[i] for row in rows]


@pytest.mark.parametrize("name", NAMES)
def test_accuracies_are_in_percent(name):
    """As in the prose: tables and the labels of axes say so, and no cell is a share."""
    notebook = kept(name)
    outputs = [o.get("data", {}) for c in notebook.cells for o in c.get("outputs", ())]
    for text in (o.get("text/markdown", "") for o in outputs):
        for head, cells in shares(text):
            assert "%" in head or "in %" in text or all("%" in cell for cell in cells), head
            assert not [cell for cell in cells if re.match(r"0\.\d{2}", cell)], head
    source = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    for label in re.findall(r'[xy]label(?:=|\()"([^"]*)"', source):
        assert not CORRECT.search(label) or "%" in label, label


@pytest.mark.parametrize("name", NAMES)
def test_no_open_cell_only_asserts(name):
    """A claim stands with the output that shows it, or folded."""
    for cell in kept(name).cells:
        if cell.cell_type == "code" and "hide-input" not in cell.metadata.get("tags", ()):
            kinds = {type(node) for node in ast.parse(cell.source).body}
            assert not kinds <= {ast.Assert, ast.Import, ast.ImportFrom}, cell.source


def test_all_fit_in_the_repository():
    size = sum(path.stat().st_size for path in runner.HERE.rglob("*.ipynb"))
    assert size < MEGABYTES * 2**20


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of notebooks of its own."""
    (tmp_path / "source").mkdir()
    monkeypatch.setattr(runner, "HERE", tmp_path)
    return tmp_path


def write(folder, *cells):
    (folder / "source" / "a.py").write_text("\n\n".join(cells), encoding="utf-8")


def test_a_run_is_kept_until_the_text_changes(folder):
    write(folder, "# %%\nprint(1 + 1)")
    assert [*runner.stale()] == ["a"]
    runner.one("a", 60)
    assert [*runner.stale()] == []
    assert nbformat.read(folder / "a.ipynb", 4).cells[0].outputs[0].text == "2\n"
    write(folder, "# %%\nprint(1 + 2)")
    assert [*runner.stale()] == ["a"]


def test_new_prose_needs_no_run_and_new_code_does(folder, capsys):
    write(folder, "# %% [markdown]\n# Before it", "# %%\nprint(1 + 1)")
    runner.one("a", 60)
    write(folder, "# %% [markdown]\n# After it", "# %%\nprint(1 + 1)")
    assert runner.main(["--prose"]) == 0
    prose, _, code = nbformat.read(folder / "a.ipynb", 4).cells
    assert (prose.source, code.outputs[0].text, code.execution_count) == ("After it", "2\n", 2)
    assert capsys.readouterr().out == "1 written: a\n"
    write(folder, "# %% [markdown]\n# After it", "# %%\nprint(1 + 2)")
    with pytest.raises(SystemExit, match="code changed"):
        runner.main(["--prose"])
    assert [*runner.stale()] == ["a"]


BESIDE = "# %%\nfrom convbook.beside import grid, picture"
CELLS = [
    "# %%\ndef shown(x):\n    return grid([], [x])",
    "# %%\nshown([1])",
    "# %%\nx = [1 + 1]\nassert x == [2]",
    '# %%\npicture(x, "words")',
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("10_resnet", [True, True, True, True, False, True]),  # the first is setup
        ("01_convolution_arithmetic", [True, True, False, False, False, True]),
    ],
)
def test_what_calls_the_harness_stands_folded(name, expected, folder):
    (folder / "source" / f"{name}.py").write_text("\n\n".join([BESIDE, *CELLS]), encoding="utf-8")
    text = runner.text_of(name)
    nbformat.validate(text)
    cells = [c.metadata for c in text.cells]
    assert ["hide-input" in cell.get("tags", ()) for cell in cells] == expected  # MyST-NB
    assert [cell.get("cellView") == "form" for cell in cells] == expected  # Colab
    assert [cell.get("jupyter") == {"source_hidden": True} for cell in cells] == expected


def test_another_fold_needs_no_run(folder):
    write(folder, "# %%\nprint(1 + 1)")
    runner.one("a", 60)
    write(folder, '# %% tags=["hide-input"]\nprint(1 + 1)')
    assert [*runner.stale()] == ["a"]
    before = nbformat.read(folder / "a.ipynb", 4)
    assert runner.main(["--prose"]) == 0
    after = nbformat.read(folder / "a.ipynb", 4)
    assert after.cells[0].metadata["tags"] == ["hide-input"]
    assert after.cells[0].outputs == before.cells[0].outputs
    assert after.metadata == before.metadata
    write(folder, "# %%\nprint(1 + 1)")
    runner.main(["--prose"])
    assert "tags" not in nbformat.read(folder / "a.ipynb", 4).cells[0].metadata


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["# %%\nassert 1 == 2"], "AssertionError"),
        (
            [
                "# %%\nx = 1",
                "# %% [markdown]\n# <details>\n# ```python\n# assert x == 2\n# ```\n# </details>",
            ],
            "x == 2",
        ),
        (
            [
                "# %%\nfrom convbook.beside.exercises import check, fingerprint",
                '# %% tags=["exercise"]\nanswer = ...\ncheck(answer, fingerprint(3))',
                "# %% [markdown]\n# <details>\n# ```python\n# answer = 4\n# ```\n# </details>",
            ],
            "the solution's answer is 4: 4b227777",
        ),
        (["# %%\nprint('line\\n' * 61)"], "more than 60 lines"),
        (["# %%\nimport sys; print('no', file=sys.stderr)"], "stderr: no"),
        (
            [
                "# %%\nfrom IPython.display import SVG\n"
                "SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>')"
            ],
            "without words",
        ),
    ],
    ids=["a claim", "a solution", "an answer", "length", "stderr", "words"],
)
def test_a_run_with_faults_writes_nothing(folder, cells, said):
    write(folder, *cells)
    with pytest.raises((Exception, SystemExit), match=said):
        runner.one("a", 60)
    assert not (folder / "a.ipynb").exists()


def setup(monkeypatch, tmp_path, address):
    """The first cells of a notebook of a project with this address."""
    monkeypatch.setattr(runner, "PROJECT", tmp_path / "pyproject.toml")
    runner.PROJECT.write_text(f'[tool.notebooks]\nrepository = "{address}"\n', encoding="utf-8")
    return runner.first_cells("10_resnet")


def without_convbook(cell, monkeypatch):
    """Runs a cell where convbook is not installed -> the commands that it would run."""
    ran = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("subprocess.run", lambda command, check: ran.append(command))
    exec(cell.source, {})
    return ran


def test_the_first_cell_asks_for_what_is_missing(monkeypatch, tmp_path):
    (cell,) = setup(monkeypatch, tmp_path, "")
    exec(cell.source, {})  # convbook is there: nothing to do, nothing said
    with pytest.raises(ImportError, match=r"type pip install '\.\[notebooks\]'"):
        without_convbook(cell, monkeypatch)


def test_a_public_address_gives_a_badge_and_an_install(monkeypatch, tmp_path, capsys):
    badge, cell = setup(monkeypatch, tmp_path, "https://github.com/someone/cookbook")
    assert "google.com/github/someone/cookbook/blob/main/notebooks/10_resnet.ipynb" in badge.source
    (command,) = without_convbook(cell, monkeypatch)
    wanted = "keras-block-cookbook[notebooks] @ git+https://github.com/someone/cookbook"
    assert command[-1] == wanted
    assert "installing it from git+https://github.com/someone" in capsys.readouterr().out
