"""A fork of an interpreter that has imported Keras ends as an interpreter of its own."""

import os
import subprocess

import interpreter
import pytest
from places import ROOT, finding

CODE = """
import os, sys
import places
assert not [name for name in sys.modules if name.split(".")[0] == "convbook"]
assert __name__ == "__main__" and os.getcwd() == sys.argv[1]
print(sys.argv[0], sys.argv[2:], os.environ["OWN"], places.ROOT)
print("aside", file=sys.stderr)
"""


@pytest.fixture(params=["a fork", "a Python"])
def run(request, monkeypatch):
    if request.param == "a fork":
        monkeypatch.delenv("FRESH", raising=False)
    else:
        monkeypatch.setenv("FRESH", "1")
    return interpreter.run


def test_code_finds_its_arguments_folder_and_environment(run, tmp_path):
    done = run(CODE, tmp_path, 3, "b c", cwd=tmp_path, env=finding() | {"OWN": "mine"})
    assert (done.returncode, done.stderr) == (0, "aside\n")
    assert done.stdout == f"-c ['3', 'b c'] mine {ROOT}\n"
    assert "OWN" not in os.environ
    assert run("import os; print('OWN' in os.environ)").stdout == "False\n"


def test_its_end_is_that_of_a_python(run):
    for code, returncode, error in (
        ("x = 1", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit('words')", 1, "words\n"),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
    ):
        done = run(code)
        assert (done.returncode, done.stdout, done.stderr) == (returncode, "", error), code
    done = run("def f():\n    1 / 0\nf()")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert run("import keras; print(keras.ops.sum([1.0, 2.0]).numpy())").stdout == "3.0\n"


def test_two_run_at_once_and_can_be_killed(run):
    code = "import sys, time; print(sys.argv[1], flush=True); time.sleep(float(sys.argv[1]))"
    long, short = interpreter.Started(code, 60), interpreter.Started(code, 0)
    assert (short.wait(50), short.stdout) == (0, "0\n")
    with pytest.raises((TimeoutError, subprocess.TimeoutExpired)):
        long.wait(0.1)
    long.kill()
    assert (long.wait(), long.returncode, long.stdout) == (-9, -9, "60\n")
