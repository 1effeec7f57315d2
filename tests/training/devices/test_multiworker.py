"""Several workers, each a process of its own here, train as one device does (see workers.py)."""

import json
import re
import signal
import socket
import subprocess
import sys

import interpreter
import numpy as np
import pytest
from places import ROOT, finding

from convbook.training.devices import lost_workers
from convbook.training.devices.cluster import Cluster, here
from convbook.training.devices.lost_workers import WorkerLost, listening, meeting

LIMIT = 300  # seconds: only what hangs takes so long


def begin(job, index):
    environment = {k: v for k, v in finding().items() if not k.startswith(("TF_CONFIG", "SLURM"))}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    code = "import sys, workers; workers.main(workers.json.loads(sys.argv[1]), int(sys.argv[2]))"
    return interpreter.Started(code, json.dumps(job), index, env=environment)


def run(folder, workers, **job):
    """(exit codes, logs) of the processes of a job, begun again if a free port was taken since."""
    for _ in range(3):
        names = here(workers)
        job |= {"workers": names, "out": str(folder), "seconds": LIMIT / 3}
        running = [begin(job, i) for i in range(workers)]
        try:
            codes = [process.wait(LIMIT) for process in running]
        finally:
            for process in running:
                process.kill()  # TensorFlow takes SIGTERM for itself
        logs = [process.stdout + process.stderr for process in running]
        if not any("Address already in use" in log for log in logs):
            break
    return codes, logs, names


def train(folder, workers, **job):
    """The output and the arrays of each worker: see the end of train in workers.py."""
    folder.mkdir()
    codes, logs, _ = run(folder, workers, task="train", **job)
    assert not any(codes), "\n".join(logs)
    said = [json.loads((folder / f"{i}.json").read_text()) for i in range(workers)]
    arrays = [list(np.load(folder / f"{i}.npz").values()) for i in range(workers)]
    return said, arrays


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The output and the arrays of one device."""
    (one,), (arrays,) = train(tmp_path_factory.mktemp("alone") / "one", 1)
    return one, arrays


SEVERAL = {
    "two devices": dict(workers=1, replicas=2),
    "two workers": dict(workers=2),
    "three workers": dict(workers=3),
}


@pytest.mark.parametrize("label", SEVERAL)
def test_workers_are_one_device(label, alone, tmp_path):
    """Two and three workers, and two devices of one process, end as one device does: losses, logs,
    weights with the batch norms' statistics, every validation image once, in the order it had.
    So they do with a batch in two parts (training/devices/accumulate.py)."""
    one, arrays = alone
    assert one["history"]["val_images"] == [47, 47]
    assert one["history"]["loss"][0] > one["history"]["loss"][1]
    said, others = train(tmp_path / "several", **SEVERAL[label])
    assert [s.pop("chief") for s in said] == [True, False, False][: len(said)]
    assert [path.name for path in (tmp_path / "several").glob("*.keras")] == ["0.keras"]
    assert all(s == said[0] for s in said), "workers must see the same logs, to decide alike"
    for key in "history", "shares", "arrays":
        for name in one[key]:
            assert said[0][key][name] == pytest.approx(one[key][name], rel=1e-5), (key, name)
    losses = [[step["loss"] for step in s["steps"]] for s in (one, said[0])]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for other in others:
        for a, b in zip(other, others[0], strict=True):
            np.testing.assert_array_equal(a, b)
    for a, b in zip(arrays[:-1], others[0][:-1], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(others[0][-1], arrays[-1], atol=1e-3)
    skipped, scale, moved, kept = said[0]["overflow"]
    assert (skipped, scale, kept) == (0, 4, 4)
    assert 1e-4 < moved < 1  # false for NaN


@pytest.mark.parametrize("dies", [0, 1])
def test_a_killed_worker_ends_the_other(tmp_path, dies):
    codes, logs, names = run(tmp_path, 2, task="die", dies=dies)
    assert codes[dies] == -signal.SIGKILL, logs[dies]
    assert codes[1 - dies] == 1
    assert f"WorkerLost: worker {dies} ({names[dies]}) died or cannot be reached" in logs[1 - dies]


@pytest.mark.parametrize("there", [0, 1])
def test_a_worker_that_never_comes_ends_the_other(there, monkeypatch, capsys):
    monkeypatch.setattr(lost_workers, "EVERY", 0.1)
    found = Cluster(here(3), there)
    other = 1 - there
    with socket.create_server(("", int(found.workers[other].partition(":")[2]))):
        message = f"worker 2 ({found.workers[2]}) did not start within 0.5 s"
        with pytest.raises(WorkerLost, match=re.escape(message)), meeting(found, 0.5):
            raise AssertionError("met")
        waits = f"waiting for worker 2 ({found.workers[2]}): 0 s left"
        assert waits in capsys.readouterr().out.splitlines()
        with pytest.raises(ValueError, match=f"worker {other} .* could not open its port"):
            listening(found.name(other), int(found.workers[other].partition(":")[2]))


def test_what_waits_in_tensorflow_is_ended():
    """A worker that was met and died before TensorFlow met it: ctypes.pythonapi keeps the GIL, as
    TensorFlow does there."""
    first, second = here(2)
    code = (
        "import ctypes\n"
        "from convbook.training.devices.cluster import Cluster\n"
        "from convbook.training.devices.lost_workers import *\n"
        f"with meeting(Cluster({(first, second)}, 0), 1):\n"
        "    ctypes.PyDLL(None).sleep(200)"
    )
    with socket.create_server(("", int(second.partition(":")[2]))):
        command = [sys.executable, "-c", code]
        ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=100)
    assert ended.returncode == 1
    assert "Timeout (0:00:01)!" in ended.stderr
