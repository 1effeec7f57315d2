"""What is installed is one package, convbook, and works wherever it is called from."""

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell
from places import ROOT
from test_guides import fences, programs

import notebooks.__main__ as notebooks

FOLDERS = {
    "convbook": "package",
    "convbook/blocks": "blocks",
    "convbook/architectures": "architectures",
    "convbook/gallery": "gallery",
    "convbook/training": "training",
    "convbook/beside": "notebooks/beside",
}
# Of the program that asks what it got; -S leaves out site-packages' .pth files, and so the checkout
IMPORTED = """
import json, sys
import convbook.architectures, convbook.blocks, convbook.gallery, convbook.training.recipes
from importlib.util import find_spec
model = convbook.architectures.create("resnet20")
print(json.dumps({
    "files": [of.__file__ for name, of in sys.modules.items() if name.split(".")[0] == "convbook"],
    "trainable": sum(w.shape.num_elements() for w in model.trainable_weights),
    "finders": [str(finder) for finder in sys.meta_path],
}))
"""


def python(*arguments, **options):
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def plain(folder, cwd, *arguments):
    """python, without the installed cookbook but with what it depends on; folder goes first."""
    paths = [str(folder), *{sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}]
    return python(
        "-S", *arguments, cwd=cwd, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    )


def files(folder):
    found = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder) for file in found if "__pycache__" not in file.parts}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """What setuptools reads of the checkout, where no earlier build has left anything."""
    folder = tmp_path_factory.mktemp("source")
    for name in FOLDERS.values():
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    python("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder, source)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def site(wheel):
    """A folder with nothing but the installed wheel."""
    python("-m", "pip", "install", "--no-deps", "--target", wheel.parent / "site", wheel)
    return wheel.parent / "site"


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """A folder of another project, whose packages are called as our folders are."""
    folder = tmp_path_factory.mktemp("strange")
    for name in (*FOLDERS.values(), "benchmarks", "docs", "notebooks", "tests"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "__init__.py").write_text("raise ImportError('of another project')\n")
    return folder


@pytest.fixture(params=["a project with our folders' names", "the checkout"])
def cwd(request, strange):
    return ROOT if request.param == "the checkout" else strange


def test_has_one_root(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    info = next(name.split("/")[0] for name in names if name.endswith("/METADATA"))
    assert {name.split("/")[0] for name in names} == {"convbook", info}
    assert zipfile.ZipFile(wheel).read(f"{info}/top_level.txt").split() == [b"convbook"]


def test_has_every_file_and_no_other(site):
    expected = set()
    for package, name in FOLDERS.items():
        expected |= {Path(package) / file for file in files(ROOT / name)}
    assert {"facts.json", "ledger.json", "py.typed", "recipes.json"} <= {p.name for p in expected}
    assert {Path("convbook") / file for file in files(site / "convbook")} == expected


def test_is_what_runs(site, cwd):
    """All of convbook comes from the wheel; a network of it has the paper's weights."""
    found = json.loads(plain(site, cwd, "-c", IMPORTED).splitlines()[-1])
    assert not [finder for finder in found["finders"] if "ditable" in finder]
    assert len(found["files"]) > 50
    assert all(Path(file).is_relative_to(site / "convbook") for file in found["files"])
    assert found["trainable"] == 269_722


@pytest.mark.parametrize("command", ["-m convbook", "bin/convbook"])
def test_its_command_runs(site, cwd, command):
    command = [site / command] if "/" in command else command.split()
    assert "def bottleneck(" in plain(site, cwd, *command, "show", "bottleneck")


@pytest.fixture
def shell(site, tmp_path):
    """begin(line): a process of a command in an empty folder, where convbook is the wheel's."""
    begun = []
    (tmp_path / "bin").mkdir()
    for name, program in (("python", ""), ("convbook", str(site / "bin" / "convbook"))):
        script = tmp_path / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S {program} "$@"\n')
        script.chmod(0o755)
    paths = [str(site), *{sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    env["PATH"] = os.pathsep.join([str(tmp_path / "bin"), env["PATH"]])
    (tmp_path / "empty").mkdir()

    def begin(line):
        options = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
        begun.append(
            subprocess.Popen(["bash", "-c", f"exec {line}"], cwd=tmp_path / "empty", **options)
        )
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.wait()
        process.stdout.close()


def needed(line):
    """The package that a command of the guide needs and that is not installed, or None."""
    needs = {"onnx": ("tf2onnx", "onnxruntime"), "server.py": ("tf2onnx", "onnxruntime")}
    needs |= {"ask.py": ("tf2onnx", "onnxruntime"), "small.py": ("ai_edge_litert",)}
    words = set(line.split())
    packages = [package for word, of in needs.items() if word in words for package in of]
    return next((package for package in packages if not find_spec(package)), None)


def test_the_whole_way(shell, tmp_path):
    """Every file and command of the guide, in its order, in a folder that is empty before."""
    page = ROOT / "docs" / "guides" / "whole_way.md"
    for name, text in programs(page).items():
        (tmp_path / "empty" / name).write_text(text)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    printed = {}
    lines = [line for _, text in fences(page, "bash") for line in text.splitlines()]
    for line in (line for line in lines if not needed(line)):
        process = shell(line.replace("8000", port))
        if "server.py" in line:
            assert process.stdout.readline().startswith("answers at ")
            continue
        out = process.communicate()[0]
        assert process.returncode == 0, f"{line}: {out}"
        printed.setdefault(line.split()[1], []).append(out)
    assert "china" in printed["predict"][0]
    assert float(printed["own.py"][0].split("differ by ")[1].split()[0]) < 1e-4
    assert all({*json.loads(out)} == {"china", "flower"} for out in printed.get("ask.py", ()))
    assert all(out.split()[-2] in ("china", "flower") for out in printed.get("small.py", ()))


@pytest.fixture
def kernel(site, tmp_path, monkeypatch):
    """The name of a Jupyter kernel where convbook is the wheel's and nothing else of ours is."""
    folder = tmp_path / "kernels" / "wheel"
    folder.mkdir(parents=True)
    paths = [str(site), *{sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}]
    spec = {
        "argv": [sys.executable, "-S", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "env": {"PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"},
        "display_name": "wheel",
        "language": "python",
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    return "wheel"


WHERE = """
import importlib.util, os
print(importlib.util.find_spec("convbook").origin, importlib.util.find_spec("notebooks"))
print(os.listdir())"""


@pytest.mark.parametrize("name", notebooks.notebook_names())
def test_a_notebook_runs_where_only_the_wheel_is(name, kernel, site, monkeypatch):
    """It runs in an empty folder, with its claims and the solutions of its exercises."""
    text_of = notebooks.text_of

    def located(name):
        notebook = text_of(name)
        notebook.cells.insert(0, new_code_cell(WHERE, id="where"))
        return notebook

    monkeypatch.setattr(notebooks, "text_of", located)
    ran = notebooks.run(name, 600, kernel)
    where = ran.cells[0].outputs[0].text.splitlines()
    assert where == [f"{site / 'convbook' / '__init__.py'} None", "[]"]
    assert not list(notebooks.faults(ran))


def test_an_editable_install_has_the_same_root(source, strange, tmp_path):
    """The folders of the checkout are parts of convbook, and not importable by their own names."""
    build = "from setuptools import build_meta; build_meta.build_editable({!r})"
    python("-c", build.format(str(tmp_path)), cwd=source)
    (found,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(found).extractall(tmp_path / "site")
    names = [package.replace("/", ".") for package in FOLDERS]
    code = f"""
import site, sys
from importlib.util import find_spec
del sys.path[0]
site.addsitedir({str(tmp_path / "site")!r})
print(*(find_spec(name).origin for name in {names}))
print(*(find_spec(name) for name in {[*FOLDERS.values()]}))
"""
    first, others = python("-S", "-c", code, cwd=strange).splitlines()
    assert first.split() == [str(source / name / "__init__.py") for name in FOLDERS.values()]
    assert others.split() == ["None"] * len(FOLDERS)
