"""A built wheel has all that the packages need, and works where the checkout is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = "blocks", "gallery", "architectures", "training"


def python(*arguments, **options):
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with nothing but the installed wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    python("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    python("-m", "pip", "install", "--no-deps", "--target", folder / "site", wheel)
    return folder / "site"


def run(site, *arguments):
    return python(*arguments, cwd=site.parent, env=os.environ | {"PYTHONPATH": str(site)})


def files(root, package):
    found = (file for file in (root / package).rglob("*") if file.is_file())
    return {file.relative_to(root) for file in found if "__pycache__" not in file.parts}


@pytest.mark.parametrize("package", PACKAGES)
def test_holds_every_file(site, package):
    assert files(site, package) == files(ROOT, package) != set()


def test_packages_are_imported_from_it(site):
    lines = [f"import {package}; print({package}.__file__)" for package in PACKAGES]
    found = [Path(line) for line in run(site, "-c", "\n".join(lines)).split()]
    assert found == [site / package / "__init__.py" for package in PACKAGES]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("blocks show bottleneck", "def bottleneck("),
        ("architectures", "25557032"),
        ("architectures resnet20", "269722"),
    ],
)
def test_commands_run(site, arguments, expected):
    assert expected in run(site, "-m", *arguments.split()).replace(",", "")
