"""run(code, ...): Python code in a process of its own, which has nothing of ours yet.

It is a fork of an interpreter that has imported Keras and its backend once for all such runs of a
pytest worker, four seconds of processor time each.  Tests of what happens while these are imported
start a Python themselves; with FRESH=1 all tests do.
"""

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from functools import cache
from types import ModuleType


@cache
def warm():
    """The interpreter that is forked."""
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    server = subprocess.Popen([sys.executable, __file__], **pipes)
    atexit.register(server.kill)
    return server


def answer_to(**request):
    """What the interpreter answers."""
    server = warm()
    print(json.dumps(request), file=server.stdin, flush=True)
    return json.loads(server.stdout.readline())


def python(code, arguments, **where):
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen([sys.executable, "-c", code, *arguments], **pipes, **where)


class Started:
    """A process that was begun: as Popen, with its output once it has ended."""

    def __init__(self, code, *arguments, cwd=None, env=None):
        request = {"arguments": [str(a) for a in arguments], "cwd": str(cwd or os.getcwd())}
        request |= {"code": code, "env": env or dict(os.environ)}
        plain = "FRESH" in os.environ
        self.process = python(**request) if plain else None
        self.pid = self.process.pid if plain else answer_to(**request)
        self.returncode = self.stdout = self.stderr = None

    def wait(self, limit=None):
        if self.returncode is None and self.process:
            self.stdout, self.stderr = self.process.communicate(timeout=limit)
            self.returncode = self.process.returncode
        elif self.returncode is None:
            end = answer_to(pid=self.pid, limit=limit)
            if end is None:
                raise TimeoutError(f"no end within {limit} s")
            self.returncode, self.stdout, self.stderr = end
        return self.returncode

    def kill(self):
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


def run(code, *arguments, cwd=None, env=None):
    """How python -c CODE ARGUMENT ... ended: its returncode, stdout and stderr."""
    process = Started(code, *arguments, cwd=cwd, env=env)
    process.wait()
    return process


def execute(code, arguments, cwd, env):
    """The exit code of code, as python -c runs it, with its traceback where it fails."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["-c", *arguments]
    sys.path[:1] = ["", *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
    main = sys.modules["__main__"] = ModuleType("__main__")
    try:
        exec(compile(code, "<string>", "exec"), vars(main))
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def forked(request):
    """(id, files) of a fork that executes a request; the files take its output."""
    files = [tempfile.TemporaryFile("w+") for _ in range(2)]  # noqa: SIM115
    child = os.fork()
    if child:
        return child, files
    null = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((null, 0), (files[0].fileno(), 1), (files[1].fileno(), 2)):
        os.dup2(ours, theirs)
    code = 70
    try:
        code = execute(**request)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def waited(child, files, limit):
    """(exit code, stdout, stderr) of a fork; None if it takes longer than limit seconds."""
    began, done = time.monotonic(), 0
    while not done:
        done, status = os.waitpid(child, os.WNOHANG if limit else 0)
        if not done and time.monotonic() - began > limit:
            return None
        time.sleep(0 if done else 0.02)
    outputs = []
    for file in files:
        file.seek(0)
        outputs.append(file.read())
        file.close()
    return os.waitstatus_to_exitcode(status), *outputs


def main():
    import keras  # noqa: F401

    gc.collect()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a fork prints does not disturb the answers
    running = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "pid" in request:
            child = request["pid"]
            answer = waited(child, running[child], request["limit"])
        else:
            answer, files = forked(request)
            running[answer] = files
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
