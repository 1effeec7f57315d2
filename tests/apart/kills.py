"""python tests/apart/kills.py [KILLS [WORKERS]]: a run that is killed ends as one left alone.

Each life of the run is ended with SIGKILL at a random step, within it or soon after; the last one
reaches its end.  The weights must then be bit-identical to those of a run without a kill.
"""

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

import convbook.blocks  # noqa: F401 -- its layers are in what is loaded
from convbook.training.devices.cluster import here

ROOT = Path(__file__).parents[2]
# Random all along: stochastic depth or drop path, mixup and CutMix; and a moving average.
RUN = [
    *("resnet20", "--size", "8", "--recipe", "modern", "--epochs", "3", "--batch-size", "144"),
    *("--save-every", "3", "--log-every", "1", "--deterministic", "--no-tensorboard"),
]
STEPS = 24


def begin(out, workers):
    """The processes of a run; the output of the chief is to be read."""
    names = ",".join(here(workers))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TF_CONFIG", "SLURM"))}
    environment |= {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    started = []
    for i in range(workers):
        place = ["--workers", names, "--index", str(i)] if workers > 1 else []
        gate = "survival=0.8" if workers == 1 else "drop_path=0.2"
        options = [*RUN, "--option", gate, *place, "--out", str(out)]
        command = [sys.executable, "-u", "-m", "convbook", "train", *options]
        log = subprocess.PIPE if i == 0 else subprocess.DEVNULL
        pipes = dict(stdout=log, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment)
        started.append(subprocess.Popen(command, **pipes))
    return started


def live(out, until, workers=1, delay=0.0):
    """(exit code, last step, output) of a life, which is killed once it has printed step until."""
    processes, step, lines = begin(out, workers), 0, []
    try:
        for line in processes[0].stdout:
            lines.append(line)
            if found := re.match(r"step (\d+)/", line):
                step = int(found[1])
            if until is not None and step >= until:
                time.sleep(delay)  # so that it may be caught writing
                break
        else:
            return processes[0].wait(), step, "".join(lines)
    finally:
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
            if process.stdout:
                process.stdout.close()
    return -signal.SIGKILL, step, "".join(lines)


def weights(out):
    return keras.models.load_model(Path(out) / "model.keras").get_weights()


def killed(out, kills, workers=1, seed=0):
    """The steps at which a run was killed, before it was let to end."""
    draw, steps = random.Random(seed), []
    for at in sorted(draw.choices(range(1, STEPS), k=kills)):
        code, step, said = live(out, at, workers, draw.random() / 10)
        assert code == -signal.SIGKILL, said
        assert steps == [] or steps[-1] < 3 or "resumes at step" in said, said
        steps.append(step)
        print(f"killed at step {step}", flush=True)
    code, step, said = live(out, None, workers)
    assert (code, step) == (0, STEPS), said
    assert kills == 0 or "resumes at step" in said
    return steps


def compare(folder, kills, workers=1, seed=0):
    """Raises AssertionError unless a killed run ends with the weights of one that was not."""
    steps = killed(folder / "killed", kills, workers, seed)
    killed(folder / "whole", 0, workers)
    for a, b in zip(weights(folder / "killed"), weights(folder / "whole"), strict=True):
        np.testing.assert_array_equal(a, b)
    return steps


if __name__ == "__main__":
    kills, workers = [*map(int, sys.argv[1:]), *(20, 1)[len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as folder:
        steps = compare(Path(folder), kills, workers)
    print(f"{len(steps)} kills, at steps {steps}: equal to the bit")
