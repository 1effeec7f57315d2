"""Where a folded net spends its time in TensorFlow on a CPU, by operation.

The graph is frozen and rewritten by TensorFlow: _FusedConv2D is a convolution with its bias and
activation, and _Mkl marks what oneDNN runs.  Seconds are sums over the operations of one image,
which may overlap; the rest of a call is overhead between operations.

In MobileNetV2 every bias, activation and sum is part of a convolution, so no operation is left to
remove.  LiteRT and onnxruntime are faster because of the convolutions themselves.  RepVGG's one
path is 22 convolutions and little else: what it saves are its branches' 1x1s, norms and sums.
"""

from collections import defaultdict
from statistics import median

import tensorflow as tf

from benchmarks.measurements.deploy import shift
from benchmarks.sides import images, nets
from convbook import architectures
from convbook.training.export import formats

OPTIONS = {
    "pairs": (11, 2, "runs of each net"),
    "nets": ("mobilenet_v2_1.0_224,repvgg_a0", "mobilenet_v2_0.35_224", "names, with commas"),
    "batch": (1, 1, "images at a time"),
    "size": (0, 32, "pixels of a side; 0 for each net's own"),
}


def run(options):
    for name in options.nets.split(","):
        size = nets.size_of(name, options.size)
        model = architectures.create(name, (size, size, 3))
        shift(model)
        network = formats.inference_form(model)
        x, _ = images(options.batch, size)
        times, often = by_operation(network, x, options.pairs)
        whole = sum(map(median, times.values()))
        for kind in sorted(times, key=lambda kind: -median(times[kind])):
            seconds = median(times[kind])
            note = f"{often[kind]} of them, {seconds / whole:.0%}"
            yield {"what": f"{name} {kind}", "seconds": seconds, "note": note}


def by_operation(network, x, runs):
    """({operation: [total seconds per run]}, {operation: number})."""
    spec = tf.TensorSpec(x.shape, "float32")
    call = formats.with_constants(network).get_concrete_function(spec)
    v1 = tf.compat.v1
    times, often = defaultdict(list), {}
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        given = v1.placeholder("float32", x.shape)
        (answer,) = tf.nest.flatten(laid_open(call, given))
        settings = v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE)
        for i in range(runs + 3):
            said = v1.RunMetadata()
            session.run(answer, {given: x}, settings, said)
            found = defaultdict(list)
            for device in said.step_stats.dev_stats:
                for node in device.node_stats:
                    kind = node.timeline_label.partition(" = ")[2].partition("(")[0]
                    spent = node.op_end_rel_micros - node.op_start_rel_micros
                    found[kind or node.node_name].append(spent / 1e6)
            if i >= 3:  # TensorFlow rewrites the graph in the first runs
                for kind, each in found.items():
                    times[kind].append(sum(each))
                    often[kind] = len(each)
    return times, often


def laid_open(call, x):
    """The output of a concrete function for x, with its operations inlined in this graph."""
    known = call.graph.as_graph_def()
    return tf.graph_util.import_graph_def(
        known, {call.inputs[0].op.name: x}, [call.outputs[0].name], name=""
    )
