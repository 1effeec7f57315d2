"""Benchmarks run alone, and experiments beside no benchmark."""

import os
import subprocess
import sys
import tempfile

import pytest

from benchmarks.__main__ import main
from convbook.beside import bake_off, claims, lab
from convbook.undisturbed import undisturbed

pytest.importorskip("fcntl")
HELD = """
import sys
from convbook.undisturbed import undisturbed
with undisturbed(sys.argv[1], alone=sys.argv[2] == "alone"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def other(folder):
    """Another process that holds the lock until its input ends, or it is killed."""
    begun = []

    def begin(what, how):
        pipe, env = subprocess.PIPE, os.environ | {"TMPDIR": str(folder)}
        command = [sys.executable, "-c", HELD, what, how]
        begun.append(subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, text=True))
        assert begun[-1].stdout.readline() == "held\n"
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def refusal(run):
    with pytest.raises(SystemExit) as caught:
        run()
    assert caught.value.code.endswith("Wait until that ends, then run this command again.")
    return caught.value.code


def test_no_benchmark_starts_beside_experiments_or_another_benchmark(other, monkeypatch):
    monkeypatch.setattr("benchmarks.__main__.carry_out", lambda *asked: pytest.fail("it ran"))
    first, second = other("claims depth", "shared"), other("lab paths", "shared")
    text = refusal(lambda: main(["depth", "--pairs", "1"]))
    assert text.startswith(
        "python -m benchmarks depth --pairs 1 did not start beside "
        f"claims depth (process {first.pid}) and lab paths (process {second.pid}), because"
    )
    first.kill()
    first.wait()
    assert f"beside lab paths (process {second.pid}), " in refusal(lambda: main(["depth"]))
    second.communicate("")
    third = other("fold", "alone")
    assert f"beside fold (process {third.pid}), " in refusal(lambda: main(["depth"]))
    with pytest.raises(pytest.fail.Exception, match="it ran"):
        main(["depth", "--quick"])
    third.communicate("")
    with pytest.raises(pytest.fail.Exception, match="it ran"):
        main(["depth"])


@pytest.mark.parametrize(
    ("experiment", "of", "argv"),
    [(claims, "try_claim", ["depth"]), (lab, "run", ["paths"]), (bake_off, "run_all", None)],
    ids=["claims", "lab", "bake_off"],
)
def test_experiments_start_beside_each_other_but_beside_no_benchmark(
    experiment, of, argv, other, monkeypatch
):
    ran = []
    monkeypatch.setattr(experiment, of, lambda *asked: ran.append(asked))
    given, said = ((argv,), f" {argv[0]}") if argv else ((), "")
    benchmark = other("python -m benchmarks fold", "alone")
    assert refusal(lambda: experiment.main(*given)).startswith(
        f"python -m {experiment.__name__}{said} did not start beside "
        f"python -m benchmarks fold (process {benchmark.pid}), because"
    )
    assert not ran
    benchmark.communicate("")
    other("claims", "shared")
    experiment.main(*given)
    assert len(ran) == 1


def test_a_system_without_such_locks_refuses_nothing(other, monkeypatch):
    other("fold", "alone")
    monkeypatch.setattr("convbook.undisturbed.fcntl", None)
    with undisturbed("depth", alone=True):
        pass
