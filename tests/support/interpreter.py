"""run(code, ...): Python code in a process of its own, which has nothing of ours yet.

It is a fork of an interpreter that has imported Keras and its backend once for all such runs of a
pytest worker, four seconds of processor time each.  Tests of what happens while these are imported
start a Python themselves; with PLAIN_KERAS=1, so do all.
"""

import atexit
import gc
import json
import os
import subprocess
import sys
import tempfile
import traceback
from functools import cache
from types import ModuleType, SimpleNamespace


@cache
def warm():
    """The interpreter that is forked."""
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    server = subprocess.Popen([sys.executable, __file__], **pipes)
    atexit.register(server.kill)
    return server


def run(code, *arguments, cwd=None, env=None):
    """How python -c CODE ARGUMENT ... ended: its returncode, stdout and stderr."""
    arguments = [str(argument) for argument in arguments]
    if "PLAIN_KERAS" in os.environ:
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env)
    told = {"code": code, "arguments": arguments, "cwd": str(cwd or os.getcwd())}
    server = warm()
    print(json.dumps(told | {"env": env or dict(os.environ)}), file=server.stdin, flush=True)
    return SimpleNamespace(**json.loads(server.stdout.readline()))


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


def forked(told):
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if not child:
            null = os.open(os.devnull, os.O_RDONLY)
            for ours, theirs in ((null, 0), (out.fileno(), 1), (err.fileno(), 2)):
                os.dup2(ours, theirs)
            code = 70
            try:
                code = execute(**told)
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said = [file.seek(0) or file.read() for file in (out, err)]
    return {"returncode": code, "stdout": said[0], "stderr": said[1]}


def main():
    import keras  # noqa: F401

    gc.collect()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a fork prints does not disturb the answers
    for line in sys.stdin:
        print(json.dumps(forked(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
