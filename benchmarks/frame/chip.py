"""The chip: its name, its precision, its arithmetic and memory limits."""

import math
import re
import sys
import time
from collections import namedtuple
from statistics import median

import keras
from keras import ops

from convbook.architectures.graph.arithmetic import kernels, multiply_adds
from convbook.architectures.graph.calls import calls
from convbook.architectures.graph.measure import Walk

PRECISIONS = ("float32", "tf32", "bfloat16")
# TFLOP/s in float32, TF32 and bfloat16 for dense matrices, and GB/s, recalled from NVIDIA's data
# sheets (which print TF32 and bfloat16 with sparsity, twice as much): look them up before quoting
PEAKS = {
    "H200 NVL": (60, 417.5, 835.5, 4800),
    "H200": (67, 494.5, 989.5, 4800),
    "H100 NVL": (60, 417.5, 835.5, 3900),
    "H100 PCIe": (51, 378, 756, 2000),
    "H100 80GB HBM3": (67, 494.5, 989.5, 3350),
    "A100-SXM4-80GB": (19.5, 156, 312, 2039),
    "A100 80GB PCIe": (19.5, 156, 312, 1935),
    "A100": (19.5, 156, 312, 1555),
    "L40S": (91.6, 183, 362, 864),
    "L4": (30.3, 60, 121, 300),
    "A10": (31.2, 62.5, 125, 600),
}
# flops {precision: multiplications and additions per second}, bandwidth in bytes per second
Chip = namedtuple("Chip", "name source flops bandwidth")
Layer = namedtuple("Layer", "macs maps kernel")  # numbers: in input and output, in weights


def name():
    """The name of the GPU that Keras' backend runs on; empty without a GPU."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return device.device_kind if device.platform in ("gpu", "cuda", "rocm") else ""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else ""


def allow_tf32(allowed):
    """Sets whether products of float32 numbers may use TF32, with its 10-bit fraction.

    On GPUs that have it, TensorFlow and JAX use it by default; PyTorch uses it in convolutions but
    not in matrix products.  On JAX this recompiles networks.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(allowed)
    if backend == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", None if allowed else "highest")
    if torch := sys.modules.get("torch"):
        torch.backends.cuda.matmul.allow_tf32 = allowed
        torch.backends.cudnn.allow_tf32 = allowed


def chip(precisions, side):
    """The Chip, from its data sheet; if PEAKS lacks it, measured.  side: of the matrices."""
    gpu = name()
    for part, (*flops, bandwidth) in PEAKS.items():
        if re.search(rf"\b{part}\b", gpu):
            flops = {p: f * 1e12 for p, f in zip(PRECISIONS, flops, strict=True)}
            return Chip(gpu, "data sheet", flops, bandwidth * 1e9)
    flops = {p: 2 * side**3 / seconds(p, side, ops.matmul) for p in precisions}
    copied = 2 * 4 * side**2 / seconds("float32", side, lambda x, _: ops.negative(x))
    return Chip(gpu or "CPU", "measured", flops, copied)


def spelled(chip):
    flops = ", ".join(f"{f / 1e12:.3g} TFLOP/s in {p}" for p, f in chip.flops.items())
    source = {"data sheet": "by its data sheet", "measured": "measured"}[chip.source]
    return f"{chip.name}: {flops}, {chip.bandwidth / 1e9:.4g} GB/s, {source}"


def seconds(precision, side, work, times=10):
    """The median time of work on two square matrices; each call reads the previous result."""
    allow_tf32(precision != "float32")
    dtype = "bfloat16" if precision == "bfloat16" else "float32"
    x = ops.cast(keras.random.normal((side, side), stddev=side**-0.5), dtype)
    seen = []
    for _ in range(4):
        y, start = x, time.perf_counter()
        for _ in range(times):
            y = work(y, x)
        ops.convert_to_numpy(ops.cast(y[0, 0], "float32"))  # waits for the work
        seen.append((time.perf_counter() - start) / times)
    return median(seen[1:])


def layers(model):
    """A Layer for each convolution and dense layer of the model, for one image."""
    known, each = Walk(model).known, []
    for op, ins, outs in calls(model):
        read, (made, *_) = ([known[id(x)][0] for x in xs] for xs in (ins, outs))
        if count := multiply_adds(op, read, made, ()):
            kernel = sum(math.prod(w.shape) for w in kernels(op))
            each.append(Layer(count, math.prod(read[0][1:]) + math.prod(made[1:]), kernel))
    return each


def least(model_layers, chip, precision, batch, training):
    """A lower bound for the seconds of an image: the sum over the layers.

    Each layer takes the longer of two times: its arithmetic, or reading its input and kernel and
    writing its output once; everything else is fused into these.  Training does each three times,
    forward and for both gradients, which read and write the same three arrays.
    """
    size, flops = 2 if precision == "bfloat16" else 4, chip.flops[precision]
    each = (
        max(2 * m * batch / flops, (maps * batch + kernel) * size / chip.bandwidth)
        for m, maps, kernel in model_layers
    )
    return (3 if training else 1) * sum(each) / batch
