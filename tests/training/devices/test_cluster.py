"""How a run finds its workers, and which one is named when one is lost."""

import json
import re
import socket

import pytest
import tensorflow as tf

from convbook.training.devices import lost_workers
from convbook.training.devices.cluster import Cluster, find, here, hosts
from convbook.training.devices.lost_workers import WorkerLost, watched

AB = ("a:2222", "b:2222")


def tf_config(jobs, kind="worker", index=0):
    return {"TF_CONFIG": json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})}


def slurm(rank, nodes="n[1-2]", tasks="1(x2)", **more):
    return {
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": nodes,
        "SLURM_STEP_TASKS_PER_NODE": tasks,
        "SLURM_PROCID": str(rank),
        "SLURM_JOB_ID": "1234567",
        **more,
    }


def test_options():
    environ = {}
    found = find("a:2222, b:2222", 1, environ)
    assert (found.workers, found.index, found.is_chief) == (AB, 1, False)
    said = {"cluster": {"worker": list(AB)}, "task": {"type": "worker", "index": 1}}
    assert json.loads(environ["TF_CONFIG"]) == said
    assert find(environ=environ) == found  # as the next process reads it


def test_options_come_before_tf_config_before_slurm():
    config = tf_config({"worker": ["c:1", "d:1"]})
    assert find(",".join(AB), 0, {**config, **slurm(0)}).workers == AB
    assert find(environ={**config, **slurm(0)}).workers == ("c:1", "d:1")


@pytest.mark.parametrize(
    "environ", [{}, {"SLURM_STEP_NUM_TASKS": "1"}, tf_config({"worker": ["a:1"]})]
)
def test_one_process_is_no_cluster(environ):
    assert find(environ=environ) is None
    assert "TF_CONFIG" not in environ  # else TensorFlow would start a server


def test_the_chief_of_tf_config_is_the_first():
    jobs = {"worker": ["b:2222"], "chief": ["a:2222"]}
    assert find(environ=tf_config(jobs, "worker")) == Cluster(AB, 1)
    assert find(environ=tf_config(jobs, "chief")) == Cluster(AB, 0)


@pytest.mark.parametrize(
    ("environ", "workers"),
    [
        (slurm(1), ("n1:29072", "n2:29072")),
        (slurm(1, "x", "2"), ("x:29072", "x:29073")),
        (slurm(0, SLURM_STEP_RESV_PORTS="12000-12003"), ("n1:12000", "n2:12000")),
    ],
)
def test_slurm(environ, workers):
    found = find(environ=environ)
    assert (found.workers, found.index) == (workers, int(environ["SLURM_PROCID"]))


def test_hosts_of_slurm():
    assert hosts("a[08-10,12]-ib,b,c3") == ["a08-ib", "a09-ib", "a10-ib", "a12-ib", "b", "c3"]
    assert hosts("r[1-2]n[1,3]") == ["r1n1", "r1n3", "r2n1", "r2n3"]


@pytest.mark.parametrize(
    ("workers", "index", "environ", "message"),
    [
        ("a:1,b:1", 2, {}, "index 2 must be from 0 to 1"),
        ("a:1,b:1", -1, {}, "index -1 must be from 0 to 1"),
        ("a:1,a:1", 0, {}, "a:1 is listed twice"),
        ("a:1,b", 0, {}, "'b' is not HOST:PORT"),
        ("a:1,b:70000", 0, {}, "'b:70000' is not HOST:PORT"),
        ("a:1,b:1", None, {}, "--workers without --index"),
        (None, 1, {}, "--index without --workers"),
        (None, None, {"TF_CONFIG": "{oops"}, "'{oops' must have the form"),
        (None, None, {"TF_CONFIG": "[]"}, "must have the form"),
        (None, None, tf_config({"worker": AB}, index=2), "worker 2: the cluster has only 2"),
        (None, None, tf_config({"worker": AB, "ps": ["c:1"]}), "must be chief and worker"),
        (None, None, tf_config({"worker": AB}, "chief"), "tasks worker, chief: must be"),
        (None, None, slurm(0, tasks="two"), "Slurm's environment cannot be read"),
        (None, None, slurm(7), "Slurm: index 7 must be from 0 to 1"),
        (None, None, slurm(1, SLURMD_NODENAME="n1"), "task 1 is on n1, not on n2"),
        (None, None, {"SLURM_STEP_NUM_TASKS": "2"}, "SLURM_STEP_NODELIST"),
    ],
)
def test_what_names_no_cluster(workers, index, environ, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        find(workers, index, dict(environ))


UNHEALTHY = """Collective ops is aborted by: Error reported from /job:worker/task:1: The following \
tasks are unhealthy (stopped sending heartbeats):
/job:worker/replica:0/task:1
The tasks have crashed."""
HEARTBEAT = "Deadline Exceeded\n\nRPC: /tensorflow.CoordinationService/Heartbeat"


@pytest.mark.parametrize(
    ("error", "index", "listening", "lost"),
    [
        (tf.errors.UnavailableError(None, None, UNHEALTHY), 0, True, 1),
        (tf.errors.UnavailableError(None, None, "Connection refused"), 0, False, 1),
        (tf.errors.DeadlineExceededError(None, None, HEARTBEAT), 1, True, 0),
    ],
)
def test_a_lost_worker_is_named(error, index, listening, lost):
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
        if not listening:
            server.close()
        found = Cluster((f"localhost:{port}", f"127.0.0.1:{port}"), index)
        with pytest.raises(WorkerLost) as raised, watched(found):
            raise error
    assert str(raised.value).startswith(f"{found.name(lost)} died or cannot be reached")
    assert raised.value.__cause__ is error


def test_of_several_that_are_gone_the_first_is_named():
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
    found = Cluster(tuple(f"{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]")), 2)
    reset = "reset by peer from remote target /job:worker/replica:0/task:1 while calling"
    with pytest.raises(WorkerLost, match=r"^worker 1 \(127.0.0.1:\d+\) died"), watched(found):
        raise tf.errors.UnavailableError(None, None, reset)


def test_the_lost_worker_is_the_one_that_ceases_to_answer(monkeypatch):
    """TensorFlow may report a lost connection before the worker's port is closed."""
    found, asked = Cluster(here(3), 2), []

    def listens(worker):
        asked.append(worker)
        return worker != found.workers[1] or len(asked) < 5

    monkeypatch.setattr(lost_workers, "listens", listens)
    said = "Connection reset by peer: remote target /job:worker/replica:0/task:1 while calling"
    assert lost_workers.missed(found, said) == [1]
    assert len(asked) == 6  # the others, three times
    monkeypatch.setattr(lost_workers, "ENDING", 0.2)
    monkeypatch.setattr(lost_workers, "listens", lambda worker: True)
    assert lost_workers.missed(found, said) == []
    assert lost_workers.missed(found, f"CoordinationService: {said}") == [0]
    monkeypatch.setattr(lost_workers, "listens", lambda worker: worker != found.workers[0])
    assert lost_workers.missed(found, said) == [0]  # the other reports what it met itself


def test_other_errors_stay_what_they_are():
    with socket.create_server(("localhost", 0)) as server:
        worker = f"localhost:{server.getsockname()[1]}"
        error = tf.errors.InternalError(None, None, "out of memory")
        with pytest.raises(tf.errors.InternalError), watched(Cluster((worker, worker), 0)):
            raise error
