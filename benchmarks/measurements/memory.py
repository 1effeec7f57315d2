"""DenseNet's peak memory and step time in training, with and without recompute.

DenseNets without bottlenecks for 32x32 images with growth 12, each form in its own process.  The
peak is the highest resident memory, minus that before fit.  If a plain net is too deep for the
whole batch, it trains on a quarter of it, and its peak counts four times.  arXiv:1707.06990.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras

from benchmarks.frame import kept
from benchmarks.frame.pairs import compare, skipped
from benchmarks.measurements.scaling import agreement, numbers
from benchmarks.sides import MOMENTUM, RATE, Clock, images
from convbook.architectures import catalog, densenet

OPTIONS = {
    "pairs": (11, 1, "timed pairs of steps, where both take the same batch"),
    "depths": ("40,64,100,160", "7,10", "layers of the nets, with commas"),
    "batch": (64, 4, "images a step"),
    "whole": (100, 7, "the deepest plain net that takes the whole batch"),
}
TARGETS = {100: (0.3, 1.1)}  # share of the plain net's peak and time, at this depth
STATUS, AGAINST = Path("/proc/self/status"), "the plain net"


def run(options):
    if not STATUS.exists():
        yield skipped("memory", f"needs {STATUS}, which Linux has")
        return
    seen = []
    for depth in numbers(options.depths):
        for row in both(depth, options):
            seen += [row] if "gigabytes" in row else []
            yield row
    if options.out:
        yield {"what": "picture", "note": picture(seen, options.out)}


def both(depth, options):
    """The rows of a depth: the peak, and the time of a step if both use the same batch."""
    times = 1 if depth <= options.whole else 4
    least, longest = TARGETS.get(depth, (None, None))
    job = {"depth": depth, "batch": options.batch, "recompute": True}
    plain = {"depth": depth, "batch": options.batch // times, "recompute": False}
    with Net(job) as ours, Net(plain) as theirs:
        sides = ours.step, theirs.step
        if times == 1:
            yield compare(f"depth {depth}: step", *sides, options.pairs, AGAINST, longest)
            agreement(ours.loss, theirs.loss)
        else:
            [step() for step in sides * 2]
        peaks = [ours.peak, times * theirs.peak]
    row = {"what": f"depth {depth}: peak", "against": AGAINST, "ratio": peaks[0] / peaks[1]}
    row["interval"] = [row["ratio"]] * 2  # measured once
    if least:
        row |= {"target": least, "met": row["ratio"] <= least}
    note = f"{peaks[0]:.2f} and {peaks[1]:.2f} GB at batch {options.batch}"
    note += f", the plain net's {times} times that at batch {options.batch // times}" * (times > 1)
    yield row | {"depth": depth, "gigabytes": peaks, "batch": options.batch, "note": note}


class Net:
    """A net in its own process, which trains a step on request and ends with the block."""

    def __init__(self, job):
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
        command = [sys.executable, "-m", "benchmarks.measurements.memory", json.dumps(job)]
        self.process = subprocess.Popen(
            command,
            env=environment,
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def step(self):
        """Trains a step and returns its seconds.  Raises RuntimeError if the process has ended."""
        print(file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith("step "):
                seconds, self.loss, self.peak = map(float, line.split()[1:])
                return seconds
        raise RuntimeError(f"the process of a net ended: {self.process.wait()}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate()


def resident(key):
    """Memory of this process in GB: VmRSS is in use now, VmHWM was at its highest."""
    return int(STATUS.read_text().split(f"{key}:")[1].split()[0]) * 1024 / 1e9


def picture(rows, out):
    """Draws the peaks against depth beside OUT; returns the picture's name."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
    depths, peaks = [r["depth"] for r in rows], zip(*(r["gigabytes"] for r in rows), strict=True)
    for label, values in zip(("recompute=True", "plain"), peaks, strict=True):
        ax.plot(depths, values, "o-", label=label)
    batch = rows[0]["batch"]
    ax.set(xlabel="depth", ylabel="GB", ylim=0, title=f"peak memory of training, batch {batch}")
    ax.legend()
    return kept.picture(figure, out)


def main(job):
    """Trains a step for each line on standard input, and prints its seconds, loss and peak."""
    keras.utils.set_random_seed(0)
    net = densenet.cifar(job["depth"], 12, False)
    net = replace(net, options=net.options | {"recompute": job["recompute"]})
    model = catalog.build("densenet", net, True, None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(RATE, MOMENTUM), loss, jit_compile=False)
    x, y = images(job["batch"], 32)
    before = resident("VmRSS")
    clock = Clock()
    for _ in sys.stdin:
        history = model.fit(x, y, batch_size=len(x), verbose=0, callbacks=[clock]).history
        print("step", clock.seconds, history["loss"][0], resident("VmHWM") - before, flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
