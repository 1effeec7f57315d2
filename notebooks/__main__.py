"""python -m notebooks [NAME ...]: executes the notebooks, and writes those that changed.

The text of NAME is notebooks/source/NAME.py; notebooks/NAME.ipynb is what a run of it gave, with
a digest of the code that ran.  A run that fails, a claim that does not hold, and an output longer
than a screen write nothing.  Where only prose changed, or which cells are folded, --prose writes it
without a run.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from notebooks.folded import EXERCISE, FOLDED, fold

HERE = Path(__file__).parent
PROJECT = HERE.parent / "pyproject.toml"
SCREEN = 60  # lines of text in an output
# TensorFlow's own lines on stderr, which no Python code can turn off
NOISE = re.compile(r"^(WARNING: All log|I\d{4} |W\d{4} |To enable the following)", re.M)
SOLUTION = re.compile(r"<details>.*?</details>", re.S)
FIRST = "setup"  # the tag of the cell that SETUP becomes
SETUP = """\
# convbook is what this notebook computes with
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("convbook") is None:
    where = "{}"
    if not where:
        raise ImportError("convbook is missing: in a clone of it, type pip install '.[notebooks]'")
    print(f"convbook is missing: installing it from {{where}}")
    wanted = f"keras-block-cookbook[notebooks] @ {{where}}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", wanted], check=True)"""
# After the solution of an exercise: its own check
ASSERTED = """\
from convbook.beside.exercises import fingerprint
assert ({}).right, f"the solution's answer is {{answer!r}}: {{fingerprint(answer)}}\""""
FENCE = re.compile(r"```python\n(.*?)```", re.S)


def notebook_names():
    return sorted(path.stem for path in (HERE / "source").glob("*.py"))


def text_of(name):
    """The notebook as written, without outputs; cells are named by their place."""
    import jupytext

    notebook = jupytext.read(HERE / "source" / f"{name}.py")
    fold(notebook.cells, name)
    notebook.cells[1:1] = first_cells(name)
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{i:02}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = {"kernelspec": kernel, "code": digest(notebook)}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def repository():
    """The address that people clone, from pyproject.toml; empty while there is none."""
    return tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["notebooks"]["repository"]


def first_cells(name):
    """What stands under a title: the badge, if the project has an address, and SETUP."""
    from nbformat.v4 import new_code_cell, new_markdown_cell

    address = repository()
    where = f"git+{address}" if address else ""
    folded = FOLDED | {"tags": [FIRST, *FOLDED["tags"]]}
    cells = [new_code_cell(SETUP.format(where), metadata=folded)]
    if address:
        colab = "https://colab.research.google.com"
        at = address.replace("https://github.com", f"{colab}/github")
        link, badge = f"{at}/blob/main/notebooks/{name}.ipynb", f"{colab}/assets/colab-badge.svg"
        cells.insert(0, new_markdown_cell(f"[![Open in Colab]({badge})]({link})"))
    return cells


def digest(notebook):
    """Of all code that a run executes: its cells' and the solutions'."""
    cells = [c for c in code_cells(notebook) if FIRST not in c.metadata.get("tags", ())]
    cells += solutions(notebook)
    return hashlib.sha256("\0".join(cell.source for cell in cells).encode()).hexdigest()


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def solutions(notebook):
    """The code hidden in the exercises, as cells, each with the check of its exercise's answer."""
    from nbformat.v4 import new_code_cell

    found, asked = [], None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            asked = cell if EXERCISE in cell.metadata.get("tags", ()) else asked
            continue
        for part in SOLUTION.findall(cell.source):
            found += [new_code_cell(code) for code in FENCE.findall(part)]
            if asked:
                found.append(new_code_cell(ASSERTED.format(asked.source.splitlines()[-1])))
                asked = None
    return found


def run(name, limit, kernel="python3"):
    """The notebook with its outputs; the exercises' solutions are run too, and not kept."""
    from nbclient import NotebookClient

    notebook = text_of(name)
    count = len(notebook.cells)
    notebook.cells += solutions(notebook)
    with tempfile.TemporaryDirectory() as empty:  # a reader's folder has none of our files
        resources = {"metadata": {"path": empty}}
        client = NotebookClient(notebook, timeout=limit, kernel_name=kernel, resources=resources)
        client.execute()
    notebook.cells = [tidy(cell) for cell in notebook.cells[:count]]
    return notebook


def tidy(cell):
    """The cell without times and noise, its picture's words where MyST-NB looks for them."""
    cell.metadata.pop("execution", None)
    for output in cell.get("outputs", ()):
        if output.get("name") == "stderr":
            kept = [line for line in output.text.splitlines(True) if not NOISE.match(line)]
            output.text = "".join(kept)
        for image in output.get("metadata", {}).values():
            cell.metadata["mystnb"] = {"image": {"alt": image["alt"]}}
    if cell.cell_type == "code":
        cell.outputs = [o for o in cell.outputs if o.output_type != "stream" or o.text.strip()]
    return cell


def faults(notebook):
    """What is wrong with a notebook that ran: outputs of a reader who sees or hears them."""
    for i, cell in enumerate(notebook.cells):
        pictures = 0
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            text = output.get("text") or data.get("text/markdown") or data.get("text/plain") or ""
            if output.get("name") == "stderr":
                yield f"cell {i} writes to stderr: {text[:200]}"
            if len(text.splitlines()) > SCREEN:
                yield f"cell {i}: more than {SCREEN} lines"
            for kind in data:
                if kind.startswith("image/"):
                    pictures += 1
                    if not output.metadata.get(kind, {}).get("alt"):
                        yield f"cell {i}: a picture without words: beside.figure(fig, alt)"
        if pictures > 1:
            yield f"cell {i} shows {pictures} pictures: one for each cell"


def stale():
    """The notebooks whose text has changed since they were written."""
    import nbformat

    for name in notebook_names():
        path = HERE / f"{name}.ipynb"
        if not path.exists() or words(nbformat.read(path, 4)) != words(text_of(name)):
            yield name


def words(notebook):
    """All that an author wrote, which cells are folded, and the digest of the code that ran."""
    written = [(c.cell_type, c.id, c.source, *map(c.metadata.get, FOLDED)) for c in notebook.cells]
    return notebook.metadata.get("code"), written


def write_prose(name):
    """The notebook of the text as it is, with the outputs kept.  Raises SystemExit for new code."""
    import nbformat

    kept, text = nbformat.read(HERE / f"{name}.ipynb", 4), text_of(name)
    if kept.metadata.get("code") != text.metadata["code"]:
        raise SystemExit(f"{name}: its code changed too; type: python -m notebooks {name}")
    for cell, ran in zip(code_cells(text), code_cells(kept), strict=True):
        cell.update(outputs=[*map(drawn, ran.outputs)], execution_count=ran.execution_count)
        kept_words = {key: ran.metadata[key] for key in ("mystnb",) if key in ran.metadata}
        cell.metadata = cell.metadata | kept_words
    text.metadata = kept.metadata | text.metadata
    nbformat.write(text, HERE / f"{name}.ipynb")


def drawn(output):
    """An output as a run gives it today: a kept picture may lack a dark form, or be too wide."""
    data = output.get("data", {})
    if svg := data.get("image/svg+xml"):
        from convbook.beside import fitted
        from convbook.gallery.draw.dark import with_dark_form

        data["image/svg+xml"] = fitted(with_dark_form(svg))
    return output


def one(name, limit):
    """Runs a notebook, and writes it if its text changed.  Raises what a cell raises."""
    import nbformat

    changed = name in stale()
    notebook = run(name, limit)
    wrong = list(faults(notebook))
    if wrong:
        raise SystemExit("\n".join(wrong))
    if changed:
        nbformat.write(notebook, HERE / f"{name}.ipynb")


def apart(name, limit):
    """(seconds, what went wrong or "") of a notebook run in an interpreter of its own."""
    command = [sys.executable, "-m", "notebooks", "--one", "--limit", str(limit), name]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    start = time.monotonic()
    done = subprocess.run(
        command, cwd=HERE.parent, env=os.environ | quiet, capture_output=True, text=True
    )
    wrong = re.sub(r"\x1b\[[\d;]*m", "", done.stderr).strip() if done.returncode else ""
    return time.monotonic() - start, wrong[-2000:]


def asked(argv):
    parser = argparse.ArgumentParser("python -m notebooks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="notebooks (default: all)")
    parser.add_argument("--stale", action="store_true", help="only those whose text changed")
    parser.add_argument("--prose", action="store_true", help="write changed prose, run nothing")
    parser.add_argument("--jobs", type=int, default=1, help="notebooks at a time (1)")
    parser.add_argument("--limit", type=int, default=600, help="seconds for a cell (600)")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    unknown = sorted({*options.names} - {*notebook_names()})
    if unknown:
        parser.error(f"NAME: {', '.join(unknown)}: there is {', '.join(notebook_names())}")
    return options


def main(argv=None):
    options = asked(argv)
    if options.one:
        return one(*options.names, options.limit)
    todo, failed, start = options.names or notebook_names(), [], time.monotonic()
    if options.stale or options.prose:
        changed = {*stale()}
        todo = [name for name in todo if name in changed]
    if options.prose:
        for name in todo:
            write_prose(name)
        print(f"{len(todo)} written: {', '.join(todo)}")
        return 0
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = pool.map(lambda name: apart(name, options.limit), todo)
        for name, (seconds, wrong) in zip(todo, runs, strict=True):
            print(f"{name}: {wrong or f'{seconds:.0f} s'}", flush=True)
            failed += [name] if wrong else []
    ran, seconds = len(todo) - len(failed), time.monotonic() - start
    print(f"{ran} of {len(todo)} notebooks ran, {seconds:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
