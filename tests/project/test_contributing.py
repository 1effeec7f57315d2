"""docs/contributing.md works as written: followed in a copy, it gives a block that passes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
STEP = re.compile(
    r"^In (?:the new file )?`(?P<file>[^`]+)`"
    r"(?:, (?P<where>above|below|in place of) the line that begins with `(?P<line>[^`]+)`)?:\n\n"
    r"```python\n(?P<code>.*?)^```$",
    re.M | re.S,
)
STEPS = [found.groupdict() for found in STEP.finditer(PAGE)]
CHECKS = re.search(r"^## 9\. The checks\n\n```bash\n(.*?)^```$", PAGE, re.M | re.S)[1]
LINES = CHECKS.replace("\\\n", " ").splitlines()
FOLDERS = ("blocks", "architectures", "gallery", "training")


def follow(step, root):
    """Does one step of the page in the copy at root."""
    path, code = root / step["file"], step["code"]
    if step["line"] is None:
        assert not path.exists(), f"{path} is not new"
        path.write_text(code, encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    found = [i for i, line in enumerate(lines) if line.strip().startswith(step["line"].strip())]
    assert len(found) == 1, f"{step['file']}: {len(found)} lines begin with {step['line']}"
    start = found[0] + (step["where"] == "below")
    lines[start : found[0] + (step["where"] != "above")] = [code]
    path.write_text("".join(lines), encoding="utf-8")


def files():
    """The files of a clone, and files that are not committed yet."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    run = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode:
        pytest.skip("not a clone: git does not list the files")
    return [name for name in run.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the repository in which the page was followed."""
    root = tmp_path_factory.mktemp("clone")
    for name in files():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name)
    for step in STEPS:
        follow(step, root)
    return root


@pytest.fixture(scope="module")
def run(copy, tmp_path_factory):
    """Runs a line of the page in the copy, with a package convbook made of its folders."""
    packages = tmp_path_factory.mktemp("packages")
    package = packages / "convbook"
    package.mkdir()
    for path in [*(copy / "package").iterdir(), *(copy / folder for folder in FOLDERS)]:
        (package / path.name).symlink_to(path)
    commands = Path(sys.executable).parent
    env = os.environ | {"PYTHONPATH": str(packages), "PATH": f"{commands}:{os.environ['PATH']}"}

    def run(line):
        done = subprocess.run(
            line, shell=True, cwd=copy, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout

    return run


def test_the_page_has_its_steps():
    touched = [step["file"] for step in STEPS]
    assert len(touched) == 8
    assert {"blocks/wide.py", "blocks/__init__.py", "gallery/menu.py", "gallery/find.py",
            "gallery/site/cards.py", "tests/support/cases.py", "tests/blocks/test_block_errors.py",
            } == {*touched}  # fmt: skip


def test_the_targets_of_make_are_there():
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M)
    named = re.findall(r"(?:^|`)make ([\w./-]+)", PAGE, re.M)
    assert {*named} - {".venv/made"} <= {*targets}
    assert {"format", "test", "docs"} <= {*named}


def test_what_is_written_is_formatted(run):
    changed = " ".join(sorted({step["file"] for step in STEPS}))
    run(f"python -m ruff check {changed}")
    run(f"python -m ruff format --check {changed}")


def test_the_block_is_shown(run):
    text = run("convbook show wide_block")
    assert "def wide_block(x, f=32, *, n=BN):" in text
    assert "Dropout" not in text
    assert "layers.Dropout(" in run("convbook show wide_block rate=0.25")


def test_the_block_is_found(run):
    assert run("convbook find zagoruyko").split()[0] == "wide_block"
    assert "wide_block" in run("convbook find --all skip")


def test_what_is_shown_is_the_block(run, copy):
    paste = "i = keras.Input((32, 32, 32)); print(keras.Model(i, wide_block(i)).count_params())"
    text = f"{run('convbook show wide_block')}\n\nimport keras\n{paste}\n"
    (copy / "pasted.py").write_text(text, encoding="utf-8")
    assert int(run("python -I pasted.py")) == 2 * 9 * 32 * 32 + 2 * 4 * 32


@pytest.mark.parametrize("line", LINES)
def test_every_check_passes(line, run, copy):
    said = run(line)
    if "pytest" in line:
        assert re.search(r"\b[1-9]\d* passed", said), said
    if line.startswith("convbook draw"):
        assert (copy / "wide_block.png").stat().st_size > 1000
