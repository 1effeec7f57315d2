"""Private names of Keras: in architectures/graph/private.py alone, each doing what it says."""

import ast
import inspect
import tempfile
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from places import ROOT

from convbook.architectures.graph import private
from convbook.blocks.stochastic_depth import stochastic_depth

HOME = ROOT / "architectures" / "graph" / "private.py"
OF_TESTS = ROOT / "tests" / "support" / "private.py"
ROOMS = ("package", "blocks", "architectures", "gallery", "training", "benchmarks", "notebooks")
FILES = [
    path
    for room in (*ROOMS, "tests")
    for path in sorted((ROOT / room).rglob("*.py"))
    if path not in (HOME, OF_TESTS)
]
# Public, say Python's documentation and IPython's
PUBLIC = {"_replace", "_asdict", "_fields", "_make", "_exit", "_repr_mimebundle_"}
MODULES = ("keras.src", "tensorflow.python")  # where Keras and TensorFlow keep what is not public
USED = [
    "_called",
    "_flatten_layers",
    "_functional",
    "_get_variable_index",
    "_inbound_nodes",
    "_keras_history",
    "_nodes_by_depth",
    "_outbound_nodes",
    "_path",
    "__class__",
]
# Public names that guides leave out: an operation without its wrapper, and a layer's convolution,
# which Keras' own layers override too
LITTLE_KNOWN = {
    "Conv2DBackpropFilter": {"blocks/grouped.py"},
    "Conv2DBackpropInput": {"blocks/grouped.py"},
    "FusedBatchNormV3": {"training/devices/norms.py"},
    "ImageProjectiveTransformV3": {"training/data/augment/place.py"},
    "TFRecordDatasetV2": {"training/data/splits.py"},
    "convolution_op": {
        *("blocks/grouped.py", "blocks/recompute.py", "blocks/standardized.py"),
        "training/devices/strided.py",
    },
}


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def own(tree):
    """The private names that a file itself gives to its classes and their objects."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                targets = line.targets if isinstance(line, ast.Assign) else [line]
                yield from (getattr(t, "id", getattr(t, "name", None)) for t in targets)
                yield getattr(getattr(line, "target", None), "id", None)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                    yield target.attr


def private_names(tree):
    """Private attributes that are read, set or asked for, and classes that are exchanged."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            exchanged = node.attr == "__class__" and isinstance(node.ctx, ast.Store)
            if is_private(node.attr) or exchanged:
                yield node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr"):
            for name in ast.walk(node.args[1]):
                if isinstance(name, ast.Constant) and is_private(str(name.value)):
                    yield name.value


def private_modules(tree):
    """Private modules of Keras and TensorFlow, imported or named in a text that is no prose."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            named = [node.module or ""]
        elif isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute):
            named = [ast.unparse(node)]
        elif isinstance(node, ast.Constant) and " " not in str(node.value):
            named = [str(node.value)]
        else:
            continue
        yield from (
            name for name in named if f"{name}.".startswith(tuple(f"{m}." for m in MODULES))
        )


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_other_file_uses_a_private_name(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not {*private_names(tree)} - {*own(tree)} - PUBLIC
    assert path == Path(__file__) or not [*private_modules(tree)]


def test_the_private_names_are_these():
    assert {*private_names(ast.parse(HOME.read_text(encoding="utf-8")))} == {*USED}


def test_what_guides_leave_out_is_used_in_these_files():
    found = defaultdict(set)
    for path in FILES:
        if not path.is_relative_to(ROOT / "tests"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                name = getattr(node, "attr", getattr(node, "name", None))
                raw = isinstance(node, ast.Attribute) and ".raw_ops" in ast.unparse(node.value)
                if raw or name == "convolution_op":
                    found[name].add(path.relative_to(ROOT).as_posix())
    assert found == LITTLE_KNOWN


def test_the_walk_finds_what_it_looks_for():
    lines = "x._a", "x._b = 1", "getattr(x, '_c')", "x.__class__ = y", "x.__class__", "x.d"
    found = {*private_names(ast.parse("\n".join(lines)))}
    assert found == {"_a", "_b", "_c", "__class__"}
    lines = (
        *("import keras.src.ops", "from tensorflow.python import eager", "f('keras.src.ops.add')"),
        *("keras.src.backend", "from keras import src_of", "'keras.src is private'"),
    )
    assert len({*private_modules(ast.parse("\n".join(lines)))}) == 5


def twice():
    """(input, layer, its first output, its second, the model)."""
    x, layer = keras.Input((4,)), layers.Dense(4)
    first = layer(x)
    second = layer(first)
    return x, layer, first, second, keras.Model(x, second)


def nodes_by_depth():
    _, layer, _, _, model = twice()
    nodes = private.nodes_by_depth(model)
    assert [node.operation for depth in (2, 1, 0) for node in nodes[depth]] == [
        model.layers[0],
        layer,
        layer,
    ]
    sequential = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    assert len(private.nodes_by_depth(sequential)) == 2
    assert private.nodes_by_depth(keras.Sequential([layers.Dense(2)])) is None


def maker():
    x, layer, first, _, model = twice()
    assert private.maker(first) is layer
    assert private.maker(x) is model.layers[0]


def node_of():
    x, _, first, second, _ = twice()
    assert private.node_of(first).input_tensors == [x]
    assert private.node_of(second).input_tensors == [first]


def node_lists():
    x, layer, first, second, _ = twice()
    calls, readers = private.node_lists(layer)
    assert calls == [private.node_of(first), private.node_of(second)]
    assert readers == [private.node_of(second)]
    layer(x)
    del calls[2:]  # they are the lists of Keras, not copies
    assert len(private.node_lists(layer)[0]) == 2


def layers_within():
    x = keras.Input((4, 4, 2))
    y = stochastic_depth(x, layers.BatchNormalization(name="inner"), survival=0.5)
    model = keras.Model(x, y)
    names = [layer.name for layer in private.layers_within(model)]
    assert names[0] == model.name
    assert "inner" in names
    add = keras.ops.add(x, x)
    assert private.layers_within(private.maker(add)) == [private.maker(add)]


def is_keras_own():
    class Doubled(layers.Dense):
        pass

    assert private.is_keras_own(layers.Dense(2))
    assert not private.is_keras_own(Doubled(2))


def set_path():
    _, layer, *_ = twice()
    private.set_path(layer.kernel, "other/kernel")
    assert layer.kernel.path == "other/kernel"


def slot_of():
    _, layer, *_, model = twice()
    optimizer = keras.optimizers.SGD(momentum=0.9)
    optimizer.build(model.trainable_weights)
    for v in (layer.kernel, layer.bias):
        assert optimizer.momentums[private.slot_of(optimizer, v)].shape == v.shape


def as_called():
    model = twice()[-1]
    with tempfile.TemporaryDirectory() as folder:
        to = dict(filepath=f"{folder}/model.onnx", format="onnx", verbose=False)
        with pytest.raises(ValueError, match="never called"):
            model.export(**to)
        with suppress(ImportError):  # tf2onnx may be missing
            private.as_called(model).export(**to)


def change_class():
    class Doubled(layers.Dense):
        def call(self, inputs, training=None):
            return 2 * super().call(inputs)

    _, layer, _, _, model = twice()
    x, kernel = np.ones((1, 4), "float32"), layer.kernel
    before = model(x)
    private.change_class(layer, Doubled)
    assert model.layers[1] is layer
    assert layer.kernel is kernel
    np.testing.assert_allclose(model(x), 4 * before, rtol=1e-6)


CHECKS = nodes_by_depth, maker, node_of, node_lists, layers_within, set_path, slot_of, as_called
CHECKS += change_class, is_keras_own


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_each_does_what_it_says_on_this_keras(check):
    check()


def test_each_has_a_check():
    functions = dict(inspect.getmembers(private, inspect.isfunction))
    assert {*functions} == {check.__name__ for check in CHECKS}
