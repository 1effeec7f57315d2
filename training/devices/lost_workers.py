"""The other workers of a run: a bounded wait for them at the start, and which of them was lost."""

import contextlib
import faulthandler
import re
import socket
import time
from collections.abc import Iterator

from convbook.training.devices.cluster import Cluster

EVERY = 10.0  # seconds between two lines that say which workers this one waits for
ENDING = 5.0  # seconds in which the port of a killed process may still answer


def listens(worker: str, seconds: float = 2.0) -> bool:
    """Whether a process listens at "host:port"."""
    host, port = apart(worker)
    try:
        socket.create_connection((host, port), seconds).close()
    except OSError:
        return False
    return True


def apart(worker: str) -> tuple[str, int]:
    host, _, port = worker.rpartition(":")
    return host.strip("[]"), int(port)


class WorkerLost(RuntimeError):
    """Another worker died or cannot be reached; its message names which."""


@contextlib.contextmanager
def meeting(cluster: Cluster, seconds: float = 300.0) -> Iterator[None]:
    """Around the making of the strategy: raises WorkerLost if not all workers start in seconds.

    TensorFlow itself would wait forever and ignore signals and threads (it holds the GIL).  So all
    workers meet first, at the ports that TensorFlow then uses; if one dies in between, the process
    still ends within seconds, with exit code 1.
    """
    wait(cluster, seconds)
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def wait(cluster: Cluster, seconds: float) -> None:
    """Waits until every other worker answers; this one answers at its own port meanwhile."""
    _, port = apart(cluster.workers[cluster.index])
    missing = set(range(len(cluster.workers))) - {cluster.index}
    begun = said = time.monotonic()
    with listening(cluster.name(cluster.index), port):
        while missing := {i for i in missing if not listens(cluster.workers[i])}:
            now = time.monotonic()
            who = " and ".join(map(cluster.name, sorted(missing)))
            if now > begun + seconds:
                raise WorkerLost(f"{who} did not start within {seconds:g} s")
            if now > said + EVERY:
                said = now
                print(f"waiting for {who}: {begun + seconds - now:.0f} s left", flush=True)
            time.sleep(0.2)


def listening(name: str, port: int) -> socket.socket:
    try:
        return socket.create_server(("", port), backlog=1024)
    except OSError as error:
        raise ValueError(f"{name}: could not open its port on this machine: {error}") from None


@contextlib.contextmanager
def watched(cluster: Cluster) -> Iterator[None]:
    """Around joint work of the workers: raises WorkerLost in place of TensorFlow's error.

    TensorFlow's own heartbeat ends a wait for a lost worker within 10 to 20 seconds.
    """
    import tensorflow as tf

    lost = (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.DeadlineExceededError,
        tf.errors.FailedPreconditionError,
        tf.errors.CancelledError,
        tf.errors.InternalError,
    )
    try:
        yield
    except lost as error:
        gone = missed(cluster, error.message)
        if not gone:
            raise
        who = " and ".join(map(cluster.name, gone))
        said = "died or cannot be reached: run the same command on every worker again"
        raise WorkerLost(f"{who} {said}") from error


def missed(cluster: Cluster, message: str) -> list[int]:
    """The indices of the workers that TensorFlow's message means, or that no longer answer."""
    others = [i for i in range(len(cluster.workers)) if i != cluster.index]
    named = re.search(r"stopped sending heartbeats\):((?:\s*/job:\S+)+)", message)
    if named:
        silent = {int(i) for i in re.findall(r"/task:(\d+)", named[1])}
        return sorted(silent & set(others))
    # Of several, the one that failed first: others may have ended since, for the same reason.
    broken = re.search(r"remote target /job:\w+/replica:\d+/task:(\d+)", message)
    gone: list[int] = []
    end = time.monotonic() + (ENDING if broken else 0)
    while not gone:
        gone = [i for i in others if not listens(cluster.workers[i])]
        if broken and int(broken[1]) in gone:
            return [int(broken[1])]
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    # The chief collects the heartbeats: if it hangs, nothing else notices.
    return gone or ([0] if "CoordinationService" in message and cluster.index else [])
