"""Weights of other libraries: the same answers as theirs, and refusals that name the entry."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import architectures
from architectures import weights

GOLDEN = Path(__file__).parent / "data" / "golden"
# What answers a library's network, and the network and options that are wired as it is.
FILES = {
    "pcv-resnet18": ("resnet18", {}),
    "pcv-resnet50": ("resnet50", {}),
    "timm-resnet50": ("resnet50", {"stride_on": "3x3"}),
    "pcv-resnet20_cifar10": ("resnet20", {"shortcut": "B"}),
}


def golden(file):
    """(state, x, logits) of a file: weights and input follow from its seed, see its README."""
    data = np.load(GOLDEN / f"{file}.npz")
    seed, state = int(data["seed"]), {}
    for i, (name, shape) in enumerate(zip(data["names"], data["shapes"], strict=True)):
        r, shape = np.random.default_rng([seed, i]), json.loads(str(shape))
        if name.endswith("running_mean"):
            value = r.normal(0, 0.1, shape)
        elif name.endswith("running_var"):
            value = r.uniform(0.5, 1.5, shape)
        elif len(shape) > 1:
            value = r.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
        else:
            value = (
                r.uniform(0.7, 1.3, shape) if name.endswith("weight") else r.normal(0, 0.1, shape)
            )
        state[str(name)] = value.astype("float32")
    x = np.random.default_rng([seed, 10**6]).standard_normal(tuple(data["input_shape"]))
    return state, x.astype("float32"), data["logits"]


def difference(model, x, logits):
    return np.abs(model.predict(x, verbose=0) - logits).max() / np.abs(logits).max()


@pytest.mark.parametrize("file", FILES)
def test_the_same_weights_give_the_same_logits(file):
    state, x, logits = golden(file)
    name, options = FILES[file]
    model = architectures.create(name, **options)
    assert weights.from_torch(model, state) is model
    assert difference(model, x, logits) < 1e-4


def test_gates_take_the_same_names():
    """At survival 1 the gates change nothing."""
    state, x, logits = golden("pcv-resnet20_cifar10")
    model = architectures.create("resnet20", shortcut="B", survival=1.0)
    assert difference(weights.from_torch(model, state), x, logits) < 1e-4


def test_order_and_bookkeeping_do_not_matter():
    state, x, logits = golden("pcv-resnet20_cifar10")
    state = dict(reversed(state.items()))
    state["features.init_block.bn.num_batches_tracked"] = np.array(7)
    model = architectures.create("resnet20", shortcut="B")
    assert difference(weights.from_torch(model, state), x, logits) < 1e-4


def lacking(state):
    del state["features.stage1.unit2.body.conv1.bn.bias"]


def unknown(state):
    state["features.stage1.unit2.extra.weight"] = np.zeros(3)


def twice(state):
    state["features.init_block.conv.conv.weight"] = state["features.init_block.conv.weight"]


def too_deep(state):
    state["features.stage1.unit4.body.conv1.conv.weight"] = np.zeros((16, 16, 3, 3))


def narrow(state):
    state["output.weight"] = np.zeros((7, 64))


def turned(state):
    state["output.weight"] = state["output.weight"].T


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lacking, r"stage1_block2_b2_bn1/beta \(16,\)"),
        (unknown, r"features.stage1.unit2.extra.weight.*\(3,\).*pytorchcv"),
        (twice, r"stem_conv1/kernel has its entry already"),
        (too_deep, r"unit4.body.conv1.conv.weight.*has no stage1_block4_b2_conv1"),
        (narrow, r"'output.weight'.*\(7, 64\).*logits/kernel \(64, 10\) takes \(10, 64\)"),
        (turned, r"'output.weight'.*\(64, 10\).*takes \(10, 64\)"),
    ],
)
def test_what_does_not_fit_is_refused_whole(spoil, message):
    state, _, _ = golden("pcv-resnet20_cifar10")
    model = architectures.create("resnet20", shortcut="B")
    before = model.get_weights()
    spoil(state)
    with pytest.raises(ValueError, match=message):
        weights.from_torch(model, state)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_networks_weights_are_refused():
    state, _, _ = golden("pcv-resnet20_cifar10")
    with pytest.raises(ValueError, match="stage2_block1_b1_conv1"):  # option A has no projections
        weights.from_torch(architectures.create("resnet20"), state)
    with pytest.raises(ValueError, match="state="):
        weights.from_torch(architectures.create("resnet20"), {})


def torch_conv(x, w, groups):
    """Convolution of x (N, C, H, W) by w (O, C / groups, kh, kw) as PyTorch defines it, valid."""
    n, _, h, width = x.shape
    o, per, kh, kw = w.shape
    y = np.zeros((n, o, h - kh + 1, width - kw + 1))
    for j in range(o):
        first = j // (o // groups) * per
        for i in range(kh):
            for k in range(kw):
                part = x[:, first : first + per, i : i + y.shape[2], k : k + y.shape[3]]
                y[:, j] += np.einsum("nchw,c->nhw", part, w[j, :, i, k])
    return y


@pytest.mark.parametrize(
    ("layer", "shape", "groups"),
    [
        (layers.Conv2D(6, (3, 2), use_bias=False), (6, 4, 3, 2), 1),
        (layers.Conv2D(6, 3, groups=2, use_bias=False), (6, 2, 3, 3), 2),
        (layers.DepthwiseConv2D((2, 3), depth_multiplier=3, use_bias=False), (12, 1, 2, 3), 4),
        (layers.Conv2D(6, 1, use_bias=False), (6, 4), 1),
        (layers.Dense(6, use_bias=False), (6, 4, 1, 1), 1),
        (layers.Dense(6, use_bias=False), (6, 4), 1),
    ],
)
def test_layouts(layer, shape, groups):
    """Each layer of ours, with its weights from PyTorch's layout, computes what PyTorch's does."""
    r = np.random.default_rng(0)
    x, w = r.normal(size=(2, 4, 5, 5)), r.normal(size=shape)
    y = layer(x.transpose(0, 2, 3, 1).astype("float32"))
    wanted, ours = weights.layout(layer, layer.weights[0], w.ndim)
    assert wanted == shape
    layer.set_weights([ours(w)])
    y = np.asarray(layer(x.transpose(0, 2, 3, 1).astype("float32")))
    w = w.reshape(*shape, *(1,) * (4 - w.ndim))
    np.testing.assert_allclose(y.transpose(0, 3, 1, 2), torch_conv(x, w, groups), atol=1e-5)


def test_dense_layer_behind_a_flatten():
    """PyTorch flattens (C, H, W), and we (H, W, C)."""
    i = keras.Input((3, 5, 4))
    x = layers.Dropout(0.5)(layers.Flatten()(i))
    model = keras.Model(i, layers.Dense(6, use_bias=False, name="fc6")(x))
    r = np.random.default_rng(0)
    x, w = r.normal(size=(2, 4, 3, 5)), r.normal(size=(6, 60))
    grids = weights.flattened(model)
    assert grids == {"fc6": (3, 5, 4)}
    wanted, ours = weights.layout(model.layers[-1], model.weights[0], 2, grids["fc6"])
    assert wanted == w.shape
    model.set_weights([ours(w)])
    y = model(x.transpose(0, 2, 3, 1).astype("float32"))
    np.testing.assert_allclose(y, x.reshape(2, -1) @ w.T, rtol=1e-4, atol=1e-5)
