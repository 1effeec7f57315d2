"""The machines of a run: which workers there are, and which of them this is.

Three ways to start the same command on every machine:

    convbook train NAME --workers a:2222,b:2222 --index 0        (--index 1 on b)
    TF_CONFIG='{"cluster": {"worker": [...]}, "task": {"type": "worker", "index": 0}}' convbook ...
    srun --ntasks-per-node=1 convbook train NAME                 (in a Slurm job)

Nothing here imports TensorFlow: find() is for before it starts.
"""

import json
import os
import re
import socket
from collections import namedtuple
from collections.abc import Mapping, MutableMapping, Sequence
from itertools import product


class Cluster(namedtuple("Cluster", "workers index")):
    """workers ("host:port", ...), the chief first; index: which of them this process is."""

    @property
    def is_chief(self) -> bool:
        return self.index == 0

    def name(self, index: int) -> str:
        return f"worker {index} ({self.workers[index]})"


def find(workers: str | None = None, index: int | None = None,
         environ: MutableMapping[str, str] = os.environ) -> Cluster | None:  # fmt: skip
    """The Cluster that --workers and --index, TF_CONFIG or Slurm name, in this order; None for one
    process alone.  Sets TF_CONFIG of environ to it, so call it before TensorFlow starts.

    workers: "host:port,host:port" or None.  Raises ValueError for what names no cluster.
    """
    if workers is not None or index is not None:
        found = of_options(workers, index)
    elif environ.get("TF_CONFIG", "").strip():
        found = of_tf_config(environ["TF_CONFIG"])
    elif int(environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        found = of_slurm(environ)
    else:
        return None
    if len(found.workers) == 1:
        environ.pop("TF_CONFIG", None)
        return None
    task = {"type": "worker", "index": found.index}
    environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": found.workers}, "task": task})
    return found


def checked(workers: Sequence[str], index: int, source: str) -> Cluster:
    """A Cluster, or ValueError that starts with source."""
    for worker in workers:
        host, _, port = str(worker).rpartition(":")
        if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError(f"{source}: {worker!r} is not HOST:PORT with a port below 65536")
        if list(workers).count(worker) > 1:
            raise ValueError(
                f"{source}: {worker} is listed twice; each worker needs its own address"
            )
    if type(index) is not int or not 0 <= index < len(workers):
        last = len(workers) - 1
        raise ValueError(f"{source}: index {index!r} must be from 0 to {last}, one for each worker")
    return Cluster(tuple(workers), index)


def of_options(workers: str | None, index: int | None) -> Cluster:
    if workers is None or index is None:
        there, missing = ("--index", "--workers") if workers is None else ("--workers", "--index")
        raise ValueError(f"{there} without {missing}: give both, or neither")
    return checked([w.strip() for w in workers.split(",")], index, f"--workers {workers!r}")


def of_tf_config(text: str) -> Cluster:
    """Workers as TF_CONFIG lists them; of "chief" and "worker", the chief is the first."""
    try:
        said = json.loads(text)
        jobs, task, index = said["cluster"], said["task"]["type"], int(said["task"]["index"])
        jobs = {name: list(jobs[name]) for name in jobs}
    except (ValueError, KeyError, TypeError) as error:
        form = '{"cluster": {"worker": ["a:2222", ...]}, "task": {"type": "worker", "index": 0}}'
        raise ValueError(f"TF_CONFIG {text!r} must have the form {form}: {error!r}") from None
    if task not in jobs or set(jobs) - {"chief", "worker"}:
        names = ", ".join([*jobs, task])
        raise ValueError(
            f"TF_CONFIG: tasks {names}: must be chief and worker, one of which is this task"
        )
    if not 0 <= index < len(jobs[task]):
        raise ValueError(
            f"TF_CONFIG: {task} {index}: the cluster has only {len(jobs[task])} of these"
        )
    chiefs = jobs.get("chief", [])
    index += len(chiefs) if task == "worker" else 0
    return checked(chiefs + jobs.get("worker", []), index, "TF_CONFIG")


def of_slurm(environ: Mapping[str, str]) -> Cluster:
    """One worker for each task of the srun step, from the variables that srun sets.

    Ports are those that srun --resv-ports reserved, else from 20000 on, by the job's number.
    """
    try:
        nodes = hosts(environ["SLURM_STEP_NODELIST"])
        tasks = counts(environ["SLURM_STEP_TASKS_PER_NODE"])
        rank, job = int(environ["SLURM_PROCID"]), int(environ.get("SLURM_JOB_ID", 0))
        reserved = re.match(r"\d+", environ.get("SLURM_STEP_RESV_PORTS", ""))
    except (KeyError, ValueError, AttributeError) as error:
        raise ValueError(f"Slurm's environment cannot be read ({error}): use --workers") from None
    first = int(reserved[0]) if reserved else 20000 + job % 1000 * 16
    places = [(node, i) for node, n in zip(nodes, tasks, strict=False) for i in range(n)]
    found = checked([f"{node}:{first + i}" for node, i in places], rank, "Slurm")
    here = environ.get("SLURMD_NODENAME", places[rank][0])
    if len(nodes) != len(tasks) or here != places[rank][0]:
        raise ValueError(
            f"Slurm: task {rank} is on {here}, not on {places[rank][0]}: start the tasks"
            " with srun --distribution=block"
        )
    return found


def hosts(text: str) -> list[str]:
    """The hosts of Slurm's list: "a[08-10,12],b" -> a08, a09, a10, a12, b."""
    names: list[str] = []
    for pattern in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text):  # at commas outside brackets
        choices = []
        for plain, spans in re.findall(r"([^\[]+)|\[([^\]]*)\]", pattern):
            if plain:
                choices.append([plain])
            else:
                choices.append([n for span in spans.split(",") for n in numbers(span)])
        names += map("".join, product(*choices))
    return names


def numbers(span: str) -> list[str]:
    """ "08-10" -> 08, 09, 10, with their leading zeros; "12" -> 12."""
    first, _, last = span.partition("-")
    return [str(n).zfill(len(first)) for n in range(int(first), int(last or first) + 1)]


def counts(text: str) -> list[int]:
    """Tasks on each node, as Slurm writes them: "2(x3),1" -> 2, 2, 2, 1."""
    found = []
    for part in text.split(","):
        read = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if read is None:
            raise ValueError(f"{part!r} is not a number of tasks")
        found += [int(read[1])] * int(read[2] or 1)
    return found


def here(n: int) -> tuple[str, ...]:
    """("localhost:port", ...) of n workers of this machine, at ports that are free now."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(n)]
    found = [f"localhost:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return tuple(found)
