"""Weights of any Keras model of the same network, matched by the structure of the two graphs."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from cases import fill
from keras import layers, ops

from convbook import architectures
from convbook.architectures.graph import onnx_graph
from convbook.architectures.graph.onnx_graph import OnnxReader
from convbook.architectures.weights import from_keras, from_model
from convbook.architectures.weights.published import APPLICATIONS

NAMES = ["mobilenet_v2_0.35_224", "densenet121", "xception", "inception_resnet_v2"]


@pytest.mark.parametrize("name", NAMES)
def test_as_by_the_table_of_names(name):
    function, arguments, options = APPLICATIONS[name]
    source = fill(getattr(keras.applications, function)(weights=None, **dict(arguments)))
    by_names = from_keras(architectures.create(name, **options), source)
    by_structure = from_model(architectures.create(name, **options), source)
    for a, b in zip(by_names.get_weights(), by_structure.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# Another's network, of our ResNet-20: a stem, a block with identity, a strided one, a head


def ours(**options):
    return architectures.create("resnet20", **options)


def block(x, f, s, eps, a, bias, same):
    m = x if same else layers.ZeroPadding2D(1)(x)
    m = layers.Conv2D(f, 3, s, padding="same" if same else "valid", use_bias=bias)(m)
    m = layers.BatchNormalization(epsilon=eps)(m)
    m = (
        layers.Activation(a)(m)
        if isinstance(a, str)
        else type(a).from_config(a.get_config() | {"name": None})(m)
    )
    m = layers.Conv2D(f, 3, padding="same", use_bias=False)(m)
    m = layers.BatchNormalization(epsilon=eps)(m)
    if s > 1 or x.shape[-1] != f:
        x = layers.AveragePooling2D(1, s)(x)
        x = ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, f - x.shape[-1])))
    return layers.ReLU()(m + x)


class Doubled(layers.BatchNormalization):
    """A norm whose outputs differ from those of its class."""

    def call(self, x, training=None, mask=None):
        return 2 * super().call(x, training=training)


def theirs(eps=1e-5, a="relu", stride=2, n=3, kernel=3, bias=False, end="softmax", norm=None,
           nested=False, shift=0, same=False):  # fmt: skip
    x = keras.Input((32, 32, 3), name="pixels")
    m = layers.Conv2D(16, kernel, padding="same", use_bias=False, name="first")(x)
    m = ops.relu((norm or layers.BatchNormalization)(epsilon=eps)(m))
    for i, f in enumerate((16, 32, 64)):
        for j in range(n):
            m = block(m, f, stride if i and not j else 1, eps, a, bias, same)
    m = ops.mean(m, (1, 2)) if not shift else ops.mean(m[:, shift:], (1, 2))
    if nested:
        body = keras.Model(x, m, name="body")
        x = keras.Input((32, 32, 3))
        m = layers.Dropout(0.3)(body(x))
    return fill(keras.Model(x, layers.Dense(10, activation=end)(m)))


@pytest.mark.parametrize("options", [{}, {"end": None}, {"nested": True}, {"bias": True}], ids=str)
def test_however_it_is_written(options):
    source = theirs(**options)
    model = from_model(ours(), source)
    x = np.random.default_rng(1).standard_normal((2, 32, 32, 3)).astype("float32")
    outputs = model(x) if "end" in options else ops.softmax(model(x))
    np.testing.assert_allclose(outputs, source(x), atol=1e-5)


def test_probabilities_from_logits():
    """Either side may end in a softmax."""
    source = theirs(end=None)
    model = from_model(ours(), source)
    i = keras.Input((32, 32, 3))
    for end in (layers.Softmax(), ops.softmax):
        again = from_model(keras.Model(i, end(ours()(i))), source)
        for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


REFUSED = [
    ({"a": keras.layers.ReLU(max_value=20)}, "relu"),
    ({"a": keras.layers.ReLU(negative_slope=0.1)}, "relu"),
    ({"eps": 1e-3}, "differ: batch norm with eps 1e-05, there 0.001"),
    ({"a": "silu"}, "stage1_block1_relu1|relu"),
    ({"n": 2}, "stage1_block3"),
    ({"kernel": 5}, r"kernel \(3, 3\), there \(5, 5\)"),
    ({"stride": 1}, "stage2_block1"),
    ({"shift": 1}, "global mean"),
    ({"same": True}, r"pads \(\(1, 0\), \(1, 0\)\), there \(\(0, 1\), \(0, 1\)\)"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_differs_is_named(options, words):
    model = ours()
    before = model.get_weights()
    with pytest.raises(ValueError, match=words):
        from_model(model, theirs(**options))
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (None, r"its outputs differ by .*, first after stem_bn1"),
        ("softmax", "the input of .* differs by"),
    ],
)
def test_a_load_whose_answers_differ_is_undone(end, words):
    """Outputs show what no option shows; if a softmax gives 0 and 1, its inputs do."""
    model = ours()
    before = model.get_weights()
    with pytest.raises(ValueError, match=words):
        from_model(model, theirs(norm=Doubled, end=end))
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_values_that_are_no_numbers():
    source = theirs()
    source.weights[0].assign(np.full(source.weights[0].shape, np.nan))
    with pytest.raises(ValueError, match="not finite"):
        from_model(ours(), source)


def test_a_source_that_scales_its_input():
    x = keras.Input((32, 32, 3))
    source = keras.Model(x, theirs()(layers.Rescaling(1 / 255, name="scaled")(x)))
    with pytest.raises(ValueError, match="scales its input in layer 'scaled'"):
        from_model(ours(), source)


@pytest.mark.parametrize("source", [None, "resnet20.keras"], ids=str)
def test_no_model(source):
    with pytest.raises(ValueError, match="source must be a functional"):
        from_model(ours(), source)


def test_other_sizes():
    with pytest.raises(
        ValueError, match=r"input_shape=\(64, 64, 3\): it must be that of the source, \(32, 32, 3\)"
    ):
        from_model(ours(input_shape=(64, 64, 3)), theirs())


# ONNX graphs, of which only tests/apart/others reads files, with the onnx package


def onnx_node(kind, entries, output):
    own = dict(op_type=kind, input=entries.split(), output=[output], attribute=[], name=output)
    return SimpleNamespace(**own)


def read_onnx(nodes, shapes, values):
    """The nodes of a graph from x to y, as they are read."""
    graph = SimpleNamespace(node=nodes, output=[SimpleNamespace(name="y")])
    own = dict(path="a.onnx", entry=SimpleNamespace(name="x"), values=values, shapes=shapes)
    return OnnxReader(SimpleNamespace(proto=SimpleNamespace(graph=graph), **own)).graph.nodes


def test_an_onnx_graph_is_read_as_a_keras_model_is():
    """A product and a sum belong to the norm before, a flattening has our order of pixels."""
    rng = np.random.default_rng(0)
    drawn = dict(k=(2, 3, 3, 3), g=2, b=2, m=2, v=2, times=(2, 1, 1), plus=(2, 1, 1), w=(12, 5))
    values = {name: rng.normal(size=shape) for name, shape in drawn.items()}
    nodes = [
        onnx_node("Conv", "x k", "c"),
        onnx_node("BatchNormalization", "c g b m v", "n"),
        onnx_node("Mul", "n times", "t"),
        onnx_node("Add", "t plus", "p"),
        onnx_node("Dropout", "p", "d"),
        onnx_node("Flatten", "d", "f"),
        onnx_node("MatMul", "f w", "y"),
    ]
    maps = dict.fromkeys("cntpd", (1, 2, 2, 3))
    shapes = dict(x=(1, 3, 4, 5), f=(1, 12), y=(1, 5)) | maps
    conv, norm, flat, dense = read_onnx(nodes, shapes, values)
    kinds = [node.kind for node in (conv, norm, flat, dense)]
    assert kinds == ["convolution", "batch norm", "flatten", "dense"]
    assert conv.fields == dict(channels=3, filters=2, groups=1, kernel=(3, 3), stride=(1, 1),
                               dilation=(1, 1), pads=((0, 0), (0, 0)))  # fmt: skip
    kernel = conv.weights["kernel"][0]
    np.testing.assert_array_equal(kernel, values["k"].transpose(2, 3, 1, 0))
    times, plus = values["times"].ravel(), values["plus"].ravel()
    np.testing.assert_allclose(norm.weights["gamma"][0], values["g"] * times)
    np.testing.assert_allclose(norm.weights["beta"][0], values["b"] * times + plus)
    x = rng.normal(size=(2, 3, 2))  # rows, columns, channels
    ours, theirs = x.ravel() @ dense.weights["kernel"][0], x.transpose(2, 0, 1).ravel()
    np.testing.assert_allclose(ours, theirs @ values["w"])


def test_onnx_defaults_of_local_response_norm(monkeypatch):
    """The operators' standard: alpha 1e-4, divided by the size; beta 0.75, bias 1."""
    monkeypatch.setattr(onnx_graph, "attribute", lambda a: a.value)
    node = onnx_node("LRN", "x", "y")
    node.attribute = [SimpleNamespace(name="size", value=5)]
    shapes = dict.fromkeys("xy", (1, 3, 4, 5))
    (norm,) = read_onnx([node], shapes, {})
    assert norm.fields == dict(size=5, alpha=pytest.approx(2e-5), beta=0.75, bias=1.0)


def test_onnx_of_unknown_sizes_is_refused():
    nodes, values = [onnx_node("Conv", "x k", "y")], {"k": np.zeros((2, 3, 1, 1))}
    for y in ({}, {"y": (1, 2, 0, 4)}):
        with pytest.raises(
            ValueError, match="size of 'y': export the network with images of a fixed size"
        ):
            read_onnx(nodes, {"x": (1, 3, 4, 4)} | y, values)
    (conv,) = read_onnx(nodes, {"x": (1, 3, 4, 4), "y": (1, 2, 4, 4)}, values)
    assert conv.kind == "convolution"
    (dense,) = read_onnx(nodes, {"x": (1, 3, 1, 1), "y": (1, 2, 1, 1)}, values)
    assert (dense.kind, dense.fields) == ("dense", dict(channels=3, units=2))
