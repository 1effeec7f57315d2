"""Processes of benchmarks/sides/worker.py that train on request, as a side of a comparison."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from convbook.training.devices.cluster import here

ROOT = Path(__file__).parents[2]


class Processes:
    """One process, or several workers, that train together and end with the block."""

    def __init__(self, job, workers=1):
        job = {"replicas": 1, "together": True} | job | {"workers": here(workers)}
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed at the end of the block
        self.running = [self.begun(job, i) for i in range(workers)]

    def begun(self, job, index):
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("TF_CONFIG", "SLURM"))}
        keep.pop("TF_NUM_INTRAOP_THREADS", None)  # it would override the job's threads
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        keep |= {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
        command = [sys.executable, "-m", "benchmarks.sides.worker", json.dumps(job), str(index)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=keep, stdin=pipe, stdout=pipe, stderr=self.log, text=True
        )

    def step(self):
        """Trains the job's steps on all; (loss, seconds).  Raises RuntimeError if one ends."""
        try:
            for process in self.running:
                print(file=process.stdin, flush=True)
        except BrokenPipeError:
            pass  # it has ended; the next lines report it
        lines = [self.answer(process) for process in self.running]
        losses, seconds = zip(*(map(float, line.split()[1:]) for line in lines), strict=True)
        return losses[0], max(seconds)

    def seconds(self):
        """A side of a comparison: trains the job's steps."""
        return self.step()[1]

    def answer(self, process):
        """The next line that begins with loss; TensorFlow prints other lines."""
        for line in process.stdout:
            if line.startswith("loss "):
                return line
        self.log.seek(0)
        raise RuntimeError(f"a worker ended: {self.log.read()[-2000:]}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in self.running:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self.log.close()
