"""The sides of the comparison of runtimes: a network's files, and the runtime of each.

A side takes Files and images (N, H, W, C); each call computes their outputs on all cores.
"""

import hashlib
import json
import tempfile
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from benchmarks.frame.kept import cores
from benchmarks.sides.gpu import TimmNet
from convbook.training.export import formats, int8

SHOWN = 8  # noise images to calibrate int8: they do not affect times
PACKAGES = ("tensorflow", "ai-edge-litert", "tf2onnx", "onnx", "onnxruntime", "openvino")


class Files:
    """A folded network and its files, each written on first use and kept for the next run.

    Another graph, or other versions of the packages, use another folder.
    """

    def __init__(self, model, folder):
        self.network = formats.inference_form(model)
        int8.mark_ends(self.network)
        known = self.network.to_json() + json.dumps(versions())
        key = hashlib.sha256(known.encode()).hexdigest()[:16]
        self.folder = Path(folder) / f"{model.name}-{key}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, name, make):
        """The path of a file; make(path) writes it if it is missing."""
        path = self.folder / name
        if not path.exists():
            make(aside := path.with_name(f"aside-{name}"))
            aside.rename(path)
        return str(path)

    def litert(self, batch, precision="float32"):
        return self.path(
            f"{precision}-{batch}.tflite", partial(self.write_litert, batch, precision)
        )

    def write_litert(self, batch, precision, path):
        quantized = partial(int8.converted, images=partial(self.calibration_batches, batch))
        convert = {"float32": formats.in_float32, "int8": quantized}[precision]
        with tempfile.TemporaryDirectory() as folder:
            raw = formats.signature(self.network, None, batch)
            formats.archive(self.network, folder, {"serve": raw})
            path.write_bytes(convert(folder))

    def calibration_batches(self, batch):
        shape = (batch, *self.network.input_shape[1:])
        for seed in range(-(-SHOWN // batch)):
            yield [np.random.default_rng(seed).normal(size=shape).astype("float32")]

    def onnx(self, precision="float32"):
        if precision == "float32":
            return self.path(
                "float32.onnx", lambda path: formats.onnx(self.network, None, [], path)
            )
        return self.path("int8.onnx", self.write_onnx_int8)

    def write_onnx_int8(self, path):
        """Weights per channel, signed; outputs of layers unsigned."""
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

        shown = ({"images": x} for (x,) in self.calibration_batches(1))
        reader = type("Reader", (), {"get_next": lambda _: next(shown, None)})()
        letters = dict(weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8)
        letters |= dict(quant_format=QuantFormat.QDQ, per_channel=True)
        quantize_static(self.onnx(), path, reader, **letters)


def versions():
    """{package: version} of those that write and run files."""
    return {name: version(name) for name in PACKAGES if find_spec(name.replace("-", "_"))}


def in_tensorflow(call, x):
    """As one graph, without XLA."""
    spec = tf.TensorSpec(x.shape, "float32")
    call = tf.function(call, jit_compile=False, autograph=False).get_concrete_function(spec)
    x = tf.constant(x)
    return lambda: call(x).numpy()


def by_tensorflow(files, x, precision):
    return in_tensorflow(formats.with_constants(files.network), x)


def with_variables(network, x):
    return in_tensorflow(lambda x: network(x, training=False), x)


def by_litert(files, x, precision):
    from ai_edge_litert.interpreter import Interpreter

    try:
        run = allocated(Interpreter(files.litert(1, precision), num_threads=cores()), x)
    except (RuntimeError, ValueError):  # a reshape has a fixed batch of 1
        run = allocated(Interpreter(files.litert(len(x), precision), num_threads=cores()), x)
    (first,), (last,) = ([d["index"] for d in each] for each in details(run))

    def side():
        run.set_tensor(first, x)
        run.invoke()
        return run.get_tensor(last)

    side()
    return side


def allocated(run, x):
    """An interpreter for a batch, after one warm-up run."""
    ((first,), _) = details(run)
    run.resize_tensor_input(first["index"], x.shape)
    run.allocate_tensors()
    run.invoke()
    return run


def details(run):
    return run.get_input_details(), run.get_output_details()


def by_onnxruntime(files, x, precision):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = cores(), 3
    session = onnxruntime.InferenceSession(files.onnx(precision), settings)
    return lambda: session.run(None, {"images": x})[0]


def by_openvino(files, x, precision):
    """In float32; its default would be bfloat16."""
    import openvino

    core = openvino.Core()
    model = core.read_model(files.onnx(precision))
    model.reshape(x.shape)
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": cores()}
    run = core.compile_model(model, "CPU", settings | {"PERFORMANCE_HINT": "LATENCY"})
    return lambda: run([x], share_inputs=True)[0]


def by_torch(module, x):
    """timm's module, in channels_last, under torch.compile."""
    net = TimmNet(module, x.shape[1], len(x), "float32", True)
    net.x = net.tensor(x)

    def side():
        net.predict()
        return net.out.numpy()

    return side


class Runtime(NamedTuple):
    """A runtime: the packages needed to write and run its file, and its side."""

    packages: tuple[str, ...]
    side: Any
    precisions: tuple[str, ...] = ("float32", "int8")

    def missing(self):
        """The first package that is not installed, or None."""
        absent = (name for name in self.packages if not find_spec(name.replace("-", "_")))
        return next(absent, None)


ONNX = ("tf2onnx", "onnx", "onnxruntime")  # the last one checks and quantises the file
RUNTIMES = {
    "TensorFlow": Runtime((), by_tensorflow, ("float32",)),
    "LiteRT": Runtime(("ai-edge-litert",), by_litert),
    "onnxruntime": Runtime(ONNX, by_onnxruntime),
    "OpenVINO": Runtime((*ONNX, "openvino"), by_openvino),
}
