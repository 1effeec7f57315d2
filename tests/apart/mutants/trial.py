"""Trial: a copy of the repository in which mutants are tried, one after the other."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .related import all_tests, stem_of, tiers, words
from .sample import ROOT, Place, text

MOST = 30  # tests of each tier
SECONDS = 20  # of processors, for each tier
LIMIT = 600  # seconds of the clock, after which a test hangs: many, where others compute too
SLOW = ("tensorflow", "keras", "hypothesis", "PIL.Image", "libcst", "sklearn.datasets")  # to import
PACKAGES = ("blocks", "architectures", "gallery", "training", "notebooks/beside")


class Trial:
    """The copy, a process with TensorFlow that pytest is forked from, and what passes unchanged."""

    def __init__(self, folder: Path):
        self.root = root = folder / "copy"
        copy(root)
        self.passes: set[str] = set()  # tests that do, alone and without a mutant
        self.fails: set[str] = set()
        self.writes = 1_000_000_000
        env = os.environ | {"PYTHONPATH": f"{packages(root)}:{root}", "CI": "1"}
        env |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1", "MPLBACKEND": "agg"}
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.warm: Any = subprocess.Popen(
            [sys.executable, ROOT / "tests/apart/mutants/warm.py", *imported()],
            cwd=root,
            env=env,
            text=True,
            **pipes,
        )

    def ask(self, tests: list[str], **choice: Any) -> dict[str, Any]:
        self.warm.stdin.write(json.dumps({"tests": tests} | choice) + "\n")
        self.warm.stdin.flush()
        return json.loads(self.warm.stdout.readline())

    def outcome(self, place: Place, more: int = 1) -> dict[str, Any]:
        """What became of a mutant: caught by which test, or that it survived how many.

        more: times the usual time and number of tests.
        """
        choice = {"words": [*words(place), stem_of(place)], "most": MOST * more}
        choice |= {"seconds": SECONDS * more, "limit": LIMIT, "module": module_of(place)}
        count, seconds = 0, 0.0
        slow: set[str] = set()  # tests that do not hang twice
        for tests in tiers(place):
            functions = [f"{test.file}::{test.name}" for test in tests]
            while functions:
                without = sorted(self.fails | slow)
                found = self.ask_with(place, functions, without=without, **choice)
                count, seconds = count + found["ran"], seconds + found["seconds"]
                how = "hangs" if found["code"] is None else "caught"
                test = found["running"] or file_of(functions) if how == "hangs" else found["failed"]
                if test is None:
                    break
                if self.passes_unchanged(test):
                    if how == "hangs" and self.ask_with(place, [test], limit=LIMIT)["code"] == 0:
                        slow.add(test)
                        continue
                    return {"outcome": how, "by": test, "tests": count, "seconds": round(seconds)}
                if "::" not in test:  # a file that cannot be collected
                    functions = [name for name in functions if file_of([name]) != test]
        return {"outcome": "survived", "by": None, "tests": count, "seconds": round(seconds)}

    def ask_with(self, place: Place, tests: list[str], **choice: Any) -> dict[str, Any]:
        """What becomes of tests with a mutant."""
        self.write(place.path, place.mutant.source())
        found = self.ask(tests, **choice)
        self.write(place.path, text(place.path))
        return found

    def passes_unchanged(self, test: str) -> bool:
        """Whether a test passes without the mutant, alone and within the limit; of a file that
        could not be collected, whether one of its tests does."""
        if test not in self.passes | self.fails:
            found = self.ask([test], limit=LIMIT, most=None if "::" in test else 1)
            if found["code"] == 0:
                self.passes.add(test)
            else:
                self.fails.add(test)
                print(f"left out, as it fails or hangs without a bug: {test}", flush=True)
        return test in self.passes

    def write(self, path: str, source: str) -> None:
        """Writes a file of the copy, each time of another date, so that Python compiles it."""
        self.writes += 1
        (self.root / path).write_text(source, encoding="utf-8")
        os.utime(self.root / path, (self.writes, self.writes))

    def __enter__(self) -> "Trial":
        return self

    def __exit__(self, *_: object) -> None:
        self.warm.terminate()
        self.warm.wait()


def module_of(place: Place) -> str:
    """As Python imports it."""
    return ".".join(["convbook", *Path(place.path).with_suffix("").parts])


def file_of(functions: list[str]) -> str:
    return functions[0].split("::")[0]


def imported() -> list[str]:
    """Of the modules that take long to import those that the tests use."""
    tests = " ".join(text(file) for file in all_tests())
    return [name for name in SLOW if name.split(".")[0] in tests]


def copy(root: Path) -> None:
    """What a clone has, and what is not committed yet, with its commits."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    (root / ".venv").symlink_to(sys.prefix)
    for command in ("init -q", "add -A", "-c user.name=x -c user.email=x@x commit -qm copy"):
        subprocess.run(["git", *command.split()], cwd=root, check=True, capture_output=True)


def packages(root: Path) -> Path:
    """A folder for PYTHONPATH in which convbook is made of the folders of a copy."""
    folder = Path(tempfile.mkdtemp(dir=root.parent))
    (folder / "convbook").mkdir()
    for path in [*root.glob("package/*"), *(root / name for name in PACKAGES)]:
        (folder / "convbook" / path.name).symlink_to(path)
    return folder
