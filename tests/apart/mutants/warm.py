"""python warm.py NAME ...: pytest in forks of a process that has imported these, nothing of ours.

It runs in the copy of the source, reads requests as lines of JSON and answers each with one.  Tests
run up to the first that fails.  TensorFlow starts its threads with the
first operation, which only forks run.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
import time

import pytest

OPTIONS = ["-q", "-x", "-p", "no:cacheprovider", "-m", "not slow and not texts"]


class Chosen:
    """A plugin of pytest: chooses cases, tells which runs, stops when time is up.

    Those whose names have one of words come first, or the name of a network if module has some,
    and one case of each test before two.
    """

    def __init__(self, log, words=(), module="", most=None, seconds=None, without=()):
        self.log, self.words, self.module, self.most = log, words, module, most
        self.seconds, self.without = seconds, without

    @pytest.hookimpl(trylast=True)  # after -m
    def pytest_collection_modifyitems(self, items):
        cases, turns = {}, {}
        words = [*getattr(sys.modules.get(self.module), "NETS", ())] or self.words
        for i, item in enumerate(items):
            named = any(word in item.name for word in words)
            case = cases[item.function] = cases.get(item.function, -1) + 1
            turns[item.nodeid] = (not named, case, i)
        first = sorted(items, key=lambda item: turns[item.nodeid])[: self.most]
        items[:] = [item for item in first if item.nodeid not in self.without]

    def pytest_runtest_logstart(self, nodeid):
        self.tell(running=nodeid)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.tell(failed=report.nodeid)

    def pytest_collectreport(self, report):
        if report.failed:
            self.tell(failed=report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item):
        spent = sum(os.times()[:4])  # of processors, with those that the tests started
        if self.seconds and spent > self.seconds:
            item.session.shouldstop = "time is up"

    def tell(self, **event):
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")


def forked(arguments, log, limit):
    """The exit code of pytest in a fork, None if nothing came to its log for limit seconds; and how
    many seconds it took."""
    child = os.fork()
    if not child:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        output = os.open(os.devnull, os.O_WRONLY)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = 70
        try:
            code = int(pytest.main(arguments[0], plugins=[arguments[1]]))
        finally:
            os._exit(code)
    signal.signal(signal.SIGTERM, lambda *_: (left_over(child), os._exit(143)))
    began, ended = time.monotonic(), False
    while not ended and time.time() - os.stat(log).st_mtime < limit:
        time.sleep(0.02)
        ended, status = os.waitpid(child, os.WNOHANG)
    left_over(child)
    if not ended:
        os.waitpid(child, 0)
    return (os.waitstatus_to_exitcode(status) if ended else None), time.monotonic() - began


def left_over(group):
    """Ends what a fork has started and left, as the run of a trainer that hangs."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def answer(tests, limit, **choice):
    with tempfile.NamedTemporaryFile() as log:
        plugin = Chosen(log.name, **choice)
        code, seconds = forked(([*OPTIONS, *tests], plugin), log.name, limit)
        events = [json.loads(line) for line in log.read().splitlines()]
    failed = [event["failed"] for event in events if "failed" in event]
    running = [event["running"] for event in events if "running" in event]
    return {
        "code": code,
        "seconds": seconds,
        "failed": failed[0] if failed else None,
        "running": running[-1] if running else None,
        "ran": len(running),
    }


def main():
    for name in sys.argv[1:]:
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints does not disturb the answers
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
