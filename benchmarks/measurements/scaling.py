"""Step time against batch, size and depth, and what distribution itself costs.

A picture shows the time of a step and the straight line of the multiply-adds through the largest
case.  Distribution is measured at equal total work on the same cores.  One device in one process is
compared with 2 virtual devices in one process, and with 2 workers with half of the threads each.
"""

from benchmarks.frame import kept
from benchmarks.frame.pairs import Differs, alone, clocked, compare
from benchmarks.sides import KerasNet
from benchmarks.sides.nets import fresh
from benchmarks.sides.processes import Processes
from convbook import architectures

OPTIONS = {
    "pairs": (11, 2, "timed pairs, or steps where there is no other side"),
    "batches": ("8,16,32,64,128", "2", "images a step, with commas"),
    "sizes": ("32,48,64,96,128", "32", "pixels of a side"),
    "depths": ("20,32,44,56,110", "20", "layers of the CIFAR ResNet"),
    "batch": (32, 2, "images a step where size or depth change"),
    "net": ("resnet20_cifar", "lenet5", "the network that is distributed"),
    "total": (128, 4, "images a step of all devices together"),
    "steps": (10, 2, "steps that are timed together, distributed"),
}
OVERHEAD = 1.1  # the target


def run(options):
    seen = []
    for row in sweep(options):
        seen.append(row)
        yield row
    if options.out:
        yield {"what": "picture", "note": picture(seen, options.out)}
    yield from distributed(options)


def numbers(text):
    return [int(part) for part in text.split(",")]


def sweep(options):
    """A row for each batch, size and depth of a ResNet for CIFAR."""
    points = [("batch", b, 20, 32, b) for b in numbers(options.batches)]
    points += [("size", s, 20, s, options.batch) for s in numbers(options.sizes)]
    points += [("depth", d, d, 32, options.batch) for d in numbers(options.depths)]
    seen = {}
    for along, at, *net in points:
        if tuple(net) not in seen:
            seen[tuple(net)] = steps(*net, options.pairs)
        macs, times = seen[tuple(net)]
        yield alone(f"{along} {at}", times, along=along, at=at, macs=macs)


def steps(depth, size, batch, times):
    """(multiply-adds of a forward step, seconds of each step)."""
    fresh()
    net = KerasNet(architectures.create(f"resnet{depth}_cifar", (size, size, 3)), batch)
    step = clocked(net.step)
    step()
    return net.macs * batch, [step() for _ in range(times)]


def picture(rows, out):
    """Draws step time against batch, size and depth beside OUT; returns its name."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for ax, along in zip(axes, ("batch", "size", "depth"), strict=True):
        part = sorted((row for row in rows if row["along"] == along), key=lambda r: r["at"])
        at, slope = [row["at"] for row in part], part[-1]["seconds"] / part[-1]["macs"]
        low, high = zip(*(row["interval"] for row in part), strict=True)
        ax.fill_between(at, low, high, alpha=0.3)
        ax.plot(at, [row["seconds"] for row in part], "o-", label="step")
        ax.plot(at, [slope * row["macs"] for row in part], "k:", label="multiply-adds")
        ax.set(xlabel=along, ylabel="seconds", ylim=0, title=f"step time against {along}")
        ax.legend()
    return kept.picture(figure, out)


def distributed(options):
    """Rows of two virtual devices and of two workers, each against one device.

    The target is for distribution itself, with each batch norm on the batch of its own replica.
    The trainer's default, the batch of all replicas, costs two rounds of messages per norm.
    """
    threads = kept.cores()
    job = dict(net=options.net, batch=options.total, steps=options.steps, threads=threads)
    halves = {"threads": max(1, threads // 2)}
    with Processes(job) as one:
        expected, _ = one.step()
        for what, more, workers in (
            ("2 virtual devices", {"replicas": 2}, 1),
            ("2 worker processes", halves, 2),
        ):
            for together in (False, True):
                with Processes(job | more | {"together": together}, workers) as two:
                    known = agreement(expected, two.step()[0]) | {"batch": options.total}
                    target = None if together else OVERHEAD
                    name = what + ", one batch norm" * together
                    sides = two.seconds, one.seconds
                    row = compare(name, *sides, options.pairs, "1 device", target, **known)
                    speed = options.total * options.steps / row["seconds"][0]
                    yield row | {"steps": options.steps, "note": f"{speed:.0f} images/s"}


def agreement(a, b):
    """{difference} of two losses after the same steps.  Raises Differs."""
    difference = abs(a - b) / abs(a)
    if not difference <= 1e-3:
        raise Differs(f"losses of {a} and {b} after the same steps: not the same training")
    return {"difference": difference}
