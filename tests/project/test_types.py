"""Types: hints on all functions, in which a type checker finds a wrong call before it runs."""

import importlib
import inspect
import re
import subprocess
import sys
import tomllib

import pytest
from places import ROOT

TOLD = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
PLACES = {package: ROOT / place for package, place in TOLD["package-dir"].items()}
FILES = {
    ".".join([package, *file.relative_to(place).with_suffix("").parts]): file
    for package, place in PLACES.items()
    for file in sorted(place.rglob("*.py"))
}
# Hints are for what models and programs are built from, not for what notebooks set beside a paper
MODULES = [name.removesuffix(".__init__") for name in FILES if ".beside." not in name]
# A line that must be reported ends in the code of mypy's error; all others must not be.
CALLS = """
from functools import partial
import keras
from convbook import architectures, blocks
x = keras.KerasTensor((None, 32, 32, 64))
blocks.conv(x, 64, 3, 1, "same", 1, "relu", g=2, n=blocks.GN, bias=True)
blocks.conv(x, "64")  # arg-type
blocks.conv("x", 64)  # arg-type
blocks.conv(x, 64, k=(3, 3), s=(2, 1), p=(1, 0), a=keras.activations.gelu)
blocks.conv(x, 64, k="3")  # arg-type
blocks.conv(x, 64, kernel=3)  # call-arg
blocks.conv(x, 64, 3, 1, "same", 1, "relu", 2)  # call-arg
blocks.conv(x, 64, n=blocks.BN | {"epsilon": 1e-3})
blocks.conv(x, 64, n="BN")  # arg-type
blocks.conv(x, 64, bias="no")  # arg-type
blocks.conv()  # call-arg
blocks.basic_block(x, 64, 2, n=blocks.GN, se=16, gate=blocks.drop_path, shortcut=None, bias=True)
blocks.basic_block(x, 64, 1, blocks.BN)  # call-arg
blocks.basic_block(x, 64, se="16")  # arg-type
blocks.basic_block(x, 64, shortcut="E")  # arg-type
blocks.basic_block(x, 64, survival=0.5)  # call-arg
blocks.basic_block(x, 64, gate=partial(blocks.stochastic_depth, survival=0.8))
blocks.basic_block(x, 64, gate=0.5)  # arg-type
blocks.bottleneck_block(x, 256, r=4, stride_on="3x3", shortcut="C")
blocks.bottleneck_block(x, 256, stride_on="2x2")  # arg-type
blocks.bottleneck_block(x, 256, gates=None)  # call-arg
blocks.resnext_bottleneck_block(x, 256, c=32, width=4, se=16)
blocks.resnext_bottleneck_block(x, 256, bias="A")  # arg-type
blocks.nasnet_normal_cell(None, x, 32, s_prev=1, gate=lambda x, op: op(x))
blocks.nasnet_normal_cell(x, 32)  # arg-type
blocks.drop_path(x, lambda x: x, survival=0.9)
blocks.drop_path(x, lambda x: x, 0.9)  # call-arg
blocks.inception_module(x, (64, 96, 128, 16, 32, 32), se=None)
width: int = blocks.dense(x, 10)  # assignment
model = architectures.create("resnet20", name="left", input_shape=(None, None, 3), classes=7)
architectures.create("resnet20", variant="option_B", survival=0.5, weights="imagenet")
architectures.create(20)  # arg-type
architectures.create("resnet20", input_shape=32)  # arg-type
architectures.create("resnet20", classes="ten")  # arg-type
architectures.measure(model).macs
architectures.measure("resnet20")  # arg-type
architectures.fold(model).summary()
architectures.get_layer(model, "stage1").output
architectures.get_layer(model, 1)  # arg-type
"""


def laid_out(folder):
    """The packages in folder, as an install has them."""
    for name, file in FILES.items():
        at = folder.joinpath(*name.split(".")).with_suffix(".py")
        at.parent.mkdir(parents=True, exist_ok=True)
        at.symlink_to(file)


def test_wrong_calls_are_found(tmp_path):
    """A type checker finds wrong calls in a user's code, with the project's own settings."""
    laid_out(tmp_path)
    (tmp_path / "calls.py").write_text(CALLS)
    expected = {}
    for i, line in enumerate(CALLS.splitlines(), 1):
        if found := re.search(r"  # ([a-z-]+)$", line):
            expected[i] = found[1]
    command = [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml"]
    command += ["--cache-dir", tmp_path / "cache", "--follow-imports", "silent", "calls.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    found = re.findall(r"^calls\.py:(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.M)
    assert {int(i): code for i, code in found} == expected, done.stdout


def hinted(f):
    """Whether all parameters of a function and what it returns have hints."""
    signature = inspect.signature(f)
    each = [p.annotation for p in signature.parameters.values() if p.name not in ("self", "cls")]
    made = [signature.return_annotation] * (f.__name__ != "__init__")
    return inspect.Signature.empty not in [*each, *made]


@pytest.mark.parametrize("name", MODULES)
def test_functions_have_hints(name):
    module = importlib.import_module(name)
    own = [of for of in vars(module).values() if getattr(of, "__module__", None) == name]
    functions = [of for of in map(inspect.unwrap, own) if inspect.isfunction(of)]
    starts = [c.__init__ for c in own if inspect.isclass(c) and inspect.isfunction(c.__init__)]
    functions += [f for f in starts if f.__module__ == name and f.__qualname__.count(".") == 1]
    public = [f for f in functions if not f.__name__.startswith("_") or f.__name__ == "__init__"]
    assert [f.__qualname__ for f in public if not hinted(f)] == []


@pytest.mark.parametrize("name", TOLD["packages"])
def test_packages_say_what_they_offer(name):
    module = importlib.import_module(name)
    assert module.__all__ == [*dict.fromkeys(module.__all__)]
    for key in module.__all__:
        assert hasattr(module, key) or importlib.import_module(f"{name}.{key}")
