"""Where a training step spends its time, by kind of layer.

Ours is the network as the trainer runs it, theirs that of keras.applications.  Every layer runs
alone, forward and gradient, as often as the network calls it, on a random input of its size.  In
the whole network TensorFlow fuses some of them, so the sum is not the time of a step: compare only
the kinds of layers.
"""

import time
from collections import Counter, defaultdict
from inspect import signature
from statistics import median

import keras

from benchmarks.sides import nets
from convbook.architectures.graph.calls import calls

OPTIONS = {
    "pairs": (11, 2, "runs of each layer"),
    "nets": ("resnet50,densenet121,inception_v3", "mobilenet_v1_0.25_224", "names of ours"),
    "batch": (4, 1, "images a step"),
    "size": (128, 32, "pixels of a side; 0 for each net's own"),
}


def kind(op):
    """The kind of a layer: its class, with the kernel of a convolution."""
    k = getattr(op, "kernel_size", None)
    name = type(op).__name__.replace("GroupedConv2D", "Conv2D").removeprefix("Fused")
    return f"{name} {'x'.join(map(str, k))}" if k else name


def same_work(call):
    """What makes layers take the same time: kind, stride and shapes."""
    op, ins, outs = call
    letters = [getattr(op, key, None) for key in ("strides", "groups", "padding", "use_bias")]
    return kind(op), str(letters), str([tuple(x.shape) for x in (*ins, *outs)])


def seconds(call, batch, runs):
    """The median time of one call, forward and gradient, compiled as part of a graph."""
    import tensorflow as tf

    op, ins, _ = call
    layer = isinstance(op, keras.layers.Layer)
    several = layer and len(ins) > 1
    letters = {"training": True} if layer and "training" in signature(op.call).parameters else {}
    xs = [tf.random.normal((batch, *x.shape[1:])) for x in ins]

    @tf.function(jit_compile=False)
    def work():
        with tf.GradientTape() as tape:
            tape.watch(xs)
            y = op(xs, **letters) if several else op(*xs, **letters)
        sources = [*xs, *(w.value for w in getattr(op, "trainable_weights", ()))]
        return [g for g in tape.gradient(y, sources) if g is not None]

    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def by_kind(model, batch, runs):
    """{kind: (total seconds, calls)}."""
    graph, seen = [c for c in calls(model) if c.inputs], {}
    often = Counter(map(same_work, graph))
    for call in graph:
        if same_work(call) not in seen:
            seen[same_work(call)] = seconds(call, batch, runs)
    sums, times = defaultdict(float), Counter(kind(call.op) for call in graph)
    for work, n in often.items():
        sums[work[0]] += n * seen[work]
    return {name: (sums[name], times[name]) for name in sums}


def run(options):
    for name in nets.twins(options.nets):
        size = nets.size_of(name, options.size)
        models = nets.ours(name, size), nets.twin(name, size)
        nets.fuse(models[0])
        ours, theirs = (by_kind(model, options.batch, options.pairs) for model in models)
        for each in sorted({*ours, *theirs}, key=lambda k: -ours.get(k, (0,))[0]):
            a, b = ours.get(each, (0.0, 0)), theirs.get(each, (0.0, 0))
            row = {"what": f"{name} {each}", "against": "keras.applications"}
            row |= {"pairs": options.pairs, "seconds": [a[0], b[0]], "calls": [a[1], b[1]]}
            yield row | {"note": f"{a[1]} and {b[1]} calls"}
        nets.fresh()
