"""Networks that nobody here wrote: the graphs that the onnx package brings, with random weights.

from_model compares the answers with onnxruntime's.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from convbook import architectures
from convbook.architectures.weights import from_model

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
SIZE = {"input_shape": (224, 224, 3)}


def filled(name, folder):
    """The path of a graph whose constants have become weights."""
    model = onnx.load(LIGHT / f"light_{name}.onnx")
    graph, rng = model.graph, np.random.default_rng(0)
    shapes = {t.name: tuple(numpy_helper.to_array(t)) for t in graph.initializer}
    scales = set()
    for node in graph.node:
        if node.op_type == "BatchNormalization":
            scales |= {node.input[1], node.input[4]}
    for node in [n for n in graph.node if n.op_type == "ConstantOfShape"]:
        out, shape = node.output[0], shapes[node.input[0]]
        if out in scales:
            value = rng.uniform(0.5, 1.5, shape)
        elif len(shape) == 1:
            value = rng.normal(0, 0.1, shape)
        else:
            value = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
        graph.initializer.append(numpy_helper.from_array(value.astype("float32"), out))
        graph.node.remove(node)
    model.ir_version = 8  # in which weights need not be inputs
    onnx.save(model, folder / f"{name}.onnx")
    return folder / f"{name}.onnx"


@pytest.mark.parametrize(
    ("graph", "name", "options"),
    [
        ("densenet121", "densenet121", {}),
        ("resnet50", "resnet50", {"stride_on": "3x3"}),
        ("squeezenet", "squeezenet_v1_1", SIZE),
        ("vgg19", "vgg_E", {}),
    ],
)
def test_the_same_network(graph, name, options, tmp_path):
    from_model(architectures.create(name, **options), filled(graph, tmp_path))


@pytest.mark.parametrize(
    ("graph", "name", "options", "words"),
    [
        ("resnet50", "resnet50", {}, "stride"),
        ("bvlc_alexnet", "alexnet", SIZE | {"style": "caffe"}, "max pool with pads"),
        ("inception_v1", "googlenet", {}, "max pool with pads"),
        ("inception_v2", "bn_inception", {"style": "torch"}, "counts its padding True, there Fa"),
        ("zfnet512", "zfnet_wide", {}, "convolution with pads"),
        (
            "shufflenet",
            "shufflenet_v1_g4_1x",
            {},
            "Reshape, an operation that convbook cannot read",
        ),
    ],
)
def test_another_is_refused(graph, name, options, words, tmp_path):
    model = architectures.create(name, **options)
    before = model.get_weights()
    with pytest.raises(ValueError, match=words):
        from_model(model, filled(graph, tmp_path))
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_onnx_model(tmp_path):
    (tmp_path / "a.onnx").write_text("nothing")
    with pytest.raises(ValueError, match=r"a\.onnx is not an ONNX model"):
        from_model(architectures.create("lenet5"), tmp_path / "a.onnx")
