"""What a public project promises beside its code: versions, the changelog, the workflows."""

import re
import shlex
import tomllib
from functools import partial

import keras
import pytest
import yaml
from keras import layers
from places import ROOT
from test_guides import TARGETS, accepted

from convbook import blocks

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
FORMS = sorted((ROOT / ".github").glob("**/*.yml"))
WORKFLOWS = [path for path in FORMS if path.parent.name == "workflows"]
DIFFS = [
    re.findall(r"^[+ ](.*)", text, re.M)
    for text in re.findall(r"^```diff\n(.*?)^```", CHANGELOG, re.M | re.S)
]
COMMANDS = [line for lines in DIFFS for line in lines if line.startswith("convbook ")]


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(path):
    return [step for job in read(path)["jobs"].values() for step in job.get("steps", ())]


def test_one_version():
    cited = read(ROOT / "CITATION.cff")
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", CHANGELOG, re.M)[1]
    assert PROJECT["version"] == newest == cited["version"]
    assert PROJECT["license"] == cited["license"]


def test_the_changelog_has_its_form():
    sections = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert {*re.findall(r"^### (.*)", CHANGELOG, re.M)} <= sections
    versions = [[*map(int, v.split("."))] for v in re.findall(r"^## \[([\d.]+)\]", CHANGELOG, re.M)]
    assert versions == sorted(versions, reverse=True)


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_of_the_changelog_are_accepted(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    accepted(shlex.split(line))


def test_code_of_the_changelog_runs(tmp_path, monkeypatch):
    """Each line of this version, after those above it."""
    monkeypatch.chdir(tmp_path)
    x = keras.Input((8, 8, 64))
    keras.Model(x, blocks.basic_block(x, 64)).save("saved_by_0_1_0.keras")
    offered = {name: getattr(blocks, name) for name in blocks.__all__}
    scope = offered | dict(
        keras=keras, layers=layers, partial=partial, residual=blocks.resnet.residual
    )
    scope |= dict(x=x, shortcut=x, branch=lambda x: blocks.conv(x, 64, a=None))
    for lines in DIFFS:
        code = "\n".join(line for line in lines if not line.startswith("convbook "))
        exec(compile(code, "CHANGELOG.md", "exec"), scope)
    assert scope["my_block"](x, 128, 2, shortcut="A", se=16).shape == (None, 4, 4, 128)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_every_form_and_workflow_says_what_it_is(path):
    assert read(path)["name"]


def test_workflows_call_targets_of_make():
    lines = [step["run"] for path in WORKFLOWS for step in steps(path) if "run" in step]
    made = [re.findall(r"[a-z][a-z-]*(?=\s|$)", line[4:].split("PYTHON=")[0])
            for line in lines if line.startswith("make ")]  # fmt: skip
    named = {target for targets in made for target in targets}
    assert {"lint", "test", "docs", "wheel"} <= named <= {*TARGETS}


def test_the_tests_run_on_every_python_that_is_named():
    jobs = read(ROOT / ".github" / "workflows" / "test.yml")["jobs"]
    found = [c.rpartition(" :: ")[2] for c in PROJECT["classifiers"] if "Python ::" in c]
    named = [version for version in found if "." in version]
    assert jobs["test"]["strategy"]["matrix"]["python-version"] == named
    assert PROJECT["requires-python"] == f">={named[0]}"
