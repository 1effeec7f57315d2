"""Weights of other libraries give their outputs; an error names the entry that does not fit."""

import json
import re
import sys
import warnings
from itertools import combinations
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from cases import undrawn
from keras import layers
from places import DATA

from convbook import architectures
from convbook.architectures import catalog, weights
from convbook.architectures.weights import convert, loading, origin, states, torch_names
from convbook.architectures.weights.patterns import layer_of
from convbook.architectures.weights.published import APPLICATIONS, published_row
from convbook.gallery import ledger

GOLDEN = DATA / "golden"
LIBRARIES = {"tv": "torchvision", "timm": "timm", "pcv": "pytorchcv"}
# Squeeze-and-excitation amplifies rounding under these weights: see the README there.
DOUBLE = {"timm-legacy_seresnet50-double", "timm-seresnet50", "tv-efficientnet_b0"}
DOUBLE |= {"tv-efficientnet_v2_s", "timm-tf_efficientnetv2_b0", "timm-semnasnet_075"}
DOUBLE |= {"timm-regnety_002", "tv-mobilenet_v3_small", "timm-tf_mobilenetv3_small_075"}
DOUBLE |= {"pcv-bam_resnet50", "pcv-cbam_resnet50", "timm-ecaresnet50d", "timm-skresnet18"}
DOUBLE |= {"pcv-wrn16_10_cifar10", "timm-resnest50d"}
DOUBLE |= {f"timm-resnest50d_{setting}" for setting in ("1s4x24d", "4s2x40d")}
DOUBLE |= {"pcv-regnety002", "pcv-mnasnet_a1", "pcv-efficientnet_b0b"}
DOUBLE |= {"timm-efficientnetv2_rw_s", "timm-ecaresnetlight", "timm-regnety_640"}
DOUBLE |= {"timm-repvgg_d2se"}
# Big ones are of names and shapes alone
FILES = [file.stem for file in sorted(GOLDEN.glob("*.npz")) if "logits" in np.load(file)]
FILES.remove("timm-legacy_seresnet50")  # its answers are off by 1.5e-4: compared below


def published_name(file):
    """timm/resnet50 of timm-resnet50."""
    library, _, name = file.removesuffix("-double").partition("-")
    return f"{LIBRARIES[library]}/{name}"


def network(file, shape):
    """Our network for a file, by the table of what is published."""
    name, options = weights.published()[published_name(file)]
    return architectures.create(name, input_shape=shape, **options)


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
    return np.abs(np.asarray(model(x)) - logits).max() / np.abs(logits).max()


def golden_error(file):
    """How far our logits are from a file's, relative to the largest."""
    state, x, logits = golden(file)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64" if file in DOUBLE else "float32")
    try:
        with undrawn:
            model = network(file, x.shape[1:])
        assert weights.from_torch(model, state) is model
        return float(difference(model, x, logits))
    finally:
        keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize("file", FILES)
def test_the_same_weights_give_the_same_logits(file):
    error = golden_error(file)
    assert error < 1e-4
    assert error < 10 * max(
        ledger.stored_ledger()["golden"][published_name(file)], 1e-7
    )  # not stale


@pytest.mark.parametrize(
    "file",
    [
        *("timm-nasnetalarge", "timm-pnasnet5large", "pcv-inceptionresnetv2", "pcv-inceptionv4"),
        *("timm-inception_v4", "tv-resnext101_32x8d", "tv-vgg11_bn", "tv-vgg16"),
        *("timm-legacy_seresnet50-double", "timm-dm_nfnet_f6", "timm-convnext_xlarge"),
        *("timm-efficientnetv2_rw_s", "timm-tf_efficientnetv2_xl", "timm-tf_efficientnet_l2"),
        *("timm-ecaresnet269d", "timm-seresnet152d", "timm-repvgg_d2se"),
        *("tv-regnet_y_128gf", "timm-regnety_2560"),
    ],
)
def test_the_entries_of_a_big_network_are_its_weights(file, monkeypatch):
    """Every weight gets an entry of its shape; make test-slow compares the outputs."""
    data, given = np.load(GOLDEN / f"{file}.npz"), []
    shapes = [json.loads(str(shape)) for shape in data["shapes"]]
    state = {str(n): np.broadcast_to(0.0, s) for n, s in zip(data["names"], shapes, strict=True)}
    with keras.StatelessScope(initialize_variables=False):
        model = network(file, tuple(map(int, data["input_shape"][1:])))
    monkeypatch.setattr(
        keras.Variable, "assign", lambda self, value: given.append((self.path, value.shape))
    )
    weights.from_torch(model, state)
    assert sorted(given) == sorted((w.path, tuple(w.shape)) for w in model.weights)


def test_answers_in_single_precision_that_are_off():
    """Why one file is not compared: timm itself, in double precision, is 1.5e-4 from it."""
    single, double = (golden(f"timm-legacy_seresnet50{i}") for i in ("", "-double"))
    for entry, value in single[0].items():
        np.testing.assert_array_equal(value, double[0][entry])
    np.testing.assert_array_equal(single[1], double[1])
    assert 1e-4 < np.abs(single[2] - double[2]).max() / np.abs(double[2]).max() < 2e-4


def test_gates_take_the_same_names():
    """With survival 1, gates do not change the outputs."""
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
        (twice, r"stem_conv1/kernel already has its entry"),
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
    with pytest.raises(ValueError, match="shortcut='B'; the model has shortcut='A'"):
        weights.from_torch(architectures.create("resnet20"), state)


def tiny():
    return keras.Sequential([keras.Input((4,)), layers.Dense(2, name="x")])


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "state={}: state must be a mapping of names to arrays, not empty"),
        ({1: np.ones(2)}, "state has an entry 1: the names of entries must be text"),
        ({"a.bias": None}, "state['a.bias'] is of <class 'NoneType'>: it must be an array"),
        ({"a.bias": "abc"}, "state['a.bias'] is of <class 'str'>: it must be an array of numbers"),
    ],
)
def test_what_is_no_state_is_refused_by_its_entry(state, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        weights.from_torch(tiny(), state)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weights.from_torch(None, {}), "model=None: model must be a keras.Model"),
        (lambda: weights.from_keras(None, tiny()), "model=None: model must be a keras.Model"),
        (lambda: weights.from_keras(tiny(), None), "source=None: source must be a keras.Model"),
        (lambda: weights.from_keras(tiny(), "a.keras"), "source='a.keras': source must be a keras"),
    ],
)
def test_what_is_no_model_is_refused_by_its_argument(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


def test_of_without_weights_makes_the_network_of_that_row():
    """So that from_torch can load the row's weights from a state."""
    with keras.StatelessScope(initialize_variables=False):
        model = architectures.create("resnet20", of="pytorchcv/resnet20_cifar10")
    assert origin.MADE[model].options["shortcut"] == "B"
    assert origin.MADE[model].options == {
        **origin.MADE[architectures.create("resnet20")].options,
        "shortcut": "B",
    }


def test_heads_that_a_model_does_not_have_are_left_out():
    model = architectures.create("inception_v3", aux=True, style="torch")
    entries = {"AuxLogits.fc.weight": (1000, 768), "AuxLogits.fc.bias": (1000,)}
    for i, shape in enumerate([(128, 768, 1, 1), (768, 128, 5, 5)]):
        entries[f"AuxLogits.conv{i}.conv.weight"] = shape
        for role in ("weight", "bias", "running_mean", "running_var"):
            entries[f"AuxLogits.conv{i}.bn.{role}"] = shape[:1]
    state, _, _ = golden("timm-inception_v3")
    heads = {k: np.full(v, i, "float32") for i, (k, v) in enumerate(entries.items())}
    weights.from_torch(model, state | heads)
    for entry, layer in (("fc", "logits"), ("conv1.bn", "bn2")):
        found = architectures.get_layer(model, f"aux1_{layer}").weights[0]
        assert (np.asarray(found) == heads[f"AuxLogits.{entry}.weight"].flat[0]).all()
    with pytest.raises(ValueError, match="no entry for aux1"):
        weights.from_torch(model, state)
    assert weights.from_torch(architectures.create("inception_v3", style="torch"), state | heads)


def test_projections_that_no_network_reads_are_left_out():
    """The authors' files of DLA have one for each tree: level3's, level4's, of two levels here."""
    state, x, logits = golden("timm-dla34")
    first = {f"level{i}.project.{k}.weight": np.ones(3, "float32") for i in (3, 4) for k in (0, 1)}
    assert not first.keys() & state.keys()
    model = weights.from_torch(network("timm-dla34", x.shape[1:]), first | state)
    assert difference(model, x, logits) < 1e-4
    with pytest.raises(ValueError, match=r"level5\.project\.2"):
        weights.from_torch(model, state | {"level5.project.2.weight": np.ones(3, "float32")})


def test_published_names_are_networks_and_options_of_ours():
    for name, options in weights.published().values():
        options = {k: v for k, v in options.items() if k != "classes"}
        catalog.choose(name, catalog.NETS[name], options)
    for name, (builder, _, options) in APPLICATIONS.items():
        catalog.choose(name, catalog.NETS[name], dict(options))
        assert callable(getattr(keras.applications, builder))
    assert weights.published()["timm/resnet50"] == ("resnet50", {"stride_on": "3x3"})
    assert "torchvision/googlenet" in weights.published()
    assert "pytorchcv/resnet110_cifar10" in weights.published()


def test_a_published_row_is_found_by_its_name():
    assert published_row("timm/resnet50") == ("resnet50", {"stride_on": "3x3"})
    for of, message in (
        ("torchvision/resnet5", "of='torchvision/resnet5': of must be .*torchvision/resnet50"),
        (["timm/resnet50"], r"of=\['timm/resnet50'\]: of must be .*timm/resnet50"),
        (None, "of=None: of must be .*weights.published"),
    ):
        with pytest.raises(ValueError, match=message):
            published_row(of)


def randomise(model):
    """Weights and statistics of a size that neither vanish nor grow through a deep net."""
    r = np.random.default_rng(0)
    for w in model.weights:
        if "normalization/" in w.path and "batch" not in w.path:
            continue  # of EfficientNet's preparation of images
        shape = tuple(w.shape)
        if w.name == "moving_variance":
            value = r.uniform(0.5, 1.5, shape)
        elif w.name == "gamma":
            value = r.uniform(0.7, 1.3, shape)
        elif len(shape) == 1:
            value = r.normal(0, 0.1, shape)
        else:
            value = r.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape)
        w.assign(value)
    return model


TWINS = [
    *[(name, 32) for name in ("vgg_D", "vgg_E", "resnet50", "resnet101", "resnet152")],
    *[(name, 33) for name in ("preresnet50", "preresnet101", "preresnet152")],
    *[("inception_v3", 75), ("inception_resnet_v2", 75), ("xception", 71)],
    *[(name, 32) for name in ("densenet121", "densenet169", "densenet201")],
    *[("mobilenet_v1_1.0_224", 32), ("mobilenet_v1_0.25_224", 64)],
    *[("mobilenet_v2_1.0_224", 33), ("mobilenet_v2_1.4_224", 32), ("mobilenet_v2_0.35_224", 64)],
    *[("nasnet_a_mobile", 64), ("nasnet_a_large", 64), ("efficientnet_b0", 33)],
    *[("mobilenet_v3_small_1.0_224", 33), ("mobilenet_v3_large_0.75_224", 32)],
    ("mobilenet_v3_small_minimalistic_1.0_224", 33),
    ("mobilenet_v3_large_minimalistic_1.0_224", 32),
    *[("efficientnet_v2_b0", 33), ("convnext_tiny", 33)],
]


@pytest.mark.parametrize(("name", "size"), TWINS)
def test_keras_applications_give_the_same_logits(name, size):
    builder, arguments, options = APPLICATIONS[name]
    arguments = arguments | dict(weights=None, input_shape=(size, size, 3), classes=7)
    with undrawn:
        source = getattr(keras.applications, builder)(**arguments, classifier_activation=None)
        model = architectures.create(name, (size, size, 3), 7, **options)
    x = np.random.default_rng(1).standard_normal((2, size, size, 3)).astype("float32")
    assert weights.from_keras(model, randomise(source)) is model
    scales = [m.scale for m in source.layers if isinstance(m, layers.Rescaling)]  # within its net
    assert difference(model, x * np.prod(scales), np.asarray(source(x))) < 1e-5


def test_what_does_not_fit_of_keras_is_refused_whole():
    make = keras.applications.MobileNet
    shape = dict(weights=None, input_shape=(32, 32, 3))
    model = architectures.create("mobilenet_v1_1.0_224", (32, 32, 3), 7, style="keras")
    before = model.get_weights()
    for source, message in (
        (make(**shape, classes=8), r"conv_preds.kernel.*logits/kernel \(1024, 7\) takes"),
        (make(**shape, alpha=0.5, classes=7), r"'conv1.kernel'.*stem_conv1/kernel"),
        (make(**shape, include_top=False), "no entry for logits/kernel"),
        (keras.applications.VGG16(**shape, classes=7), "has no stage1_conv1"),
        (
            tiny(),
            "'x.kernel'.*no such row; source must be of keras.applications: from_model takes",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            weights.from_keras(model, source)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_imagenet_is_what_keras_applications_publishes(monkeypatch):
    source = randomise(keras.applications.MobileNet(weights=None, input_shape=(128, 128, 3)))
    monkeypatch.setattr(keras.applications, "MobileNet", lambda weights, **_: source)
    model = architectures.create("mobilenet_v1_1.0_128", weights="imagenet", a="softmax")
    x = np.random.default_rng(1).standard_normal((1, 128, 128, 3)).astype("float32")
    assert difference(model, x, np.asarray(source(x))) < 1e-5
    body = architectures.create("mobilenet_v1_1.0_128", (64, 64, 3), weights="imagenet", top=False)
    kernel = source.get_layer("conv_pw_13").kernel
    np.testing.assert_array_equal(body.get_layer("stage5_block2_conv1").kernel, kernel)
    with pytest.raises(ValueError, match=r"input_shape=.*3 channels"):
        architectures.create("mobilenet_v1_1.0_128", (64, 64, 1), weights="imagenet", top=False)


def test_imagenet_says_what_it_lacks(monkeypatch):
    def offline(**_):
        raise Exception("URL fetch failure on https://")

    monkeypatch.setattr(keras.applications, "MobileNet", offline)
    with pytest.raises(ValueError, match=r"no connection\?.*URL fetch failure"):
        architectures.create("mobilenet", weights="imagenet")
    with pytest.raises(
        ValueError, match=r"keras.applications has no shufflenet_v1_g3_1x; it has vgg"
    ):
        architectures.create("shufflenet", weights="imagenet")
    with pytest.raises(ValueError, match="style='paper': weights='imagenet' need style='keras'"):
        architectures.create("mobilenet", weights="imagenet", style="paper")


def test_safetensors_are_read_without_pytorch(tmp_path, monkeypatch):
    numpy = pytest.importorskip("safetensors.numpy")
    state, x, logits = golden("pcv-resnet20_cifar10")
    path = tmp_path / "weights.safetensors"
    numpy.save_file(state, path)
    model = architectures.create("resnet20", shortcut="B", weights=path)
    assert difference(model, x, logits) < 1e-4
    body = architectures.create("resnet20", shortcut="B", weights=str(path), top=False)
    expected = model.get_layer("stage3").output
    expected = keras.Model(model.input, expected)(x)
    np.testing.assert_allclose(np.asarray(body(x)), np.asarray(expected), rtol=1e-6)
    path.write_bytes(b"no header")
    with pytest.raises(ValueError, match=r"weights=.*cannot be read"):
        architectures.create("resnet20", shortcut="B", weights=path)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ValueError, match="needs the package safetensors"):
        architectures.create("resnet20", shortcut="B", weights=path)


def test_weights_from_the_hub(monkeypatch):
    state, x, logits = golden("timm-resnet50")
    asked = []
    hub = SimpleNamespace(hf_hub_download=lambda *a: asked.append(a) or "file")
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    monkeypatch.setattr(loading, "safetensors", lambda path: state)
    model = architectures.create("resnet50", weights="timm/resnet50.tv_in1k")
    assert asked == [("timm/resnet50.tv_in1k", "model.safetensors")]
    assert difference(model, x, logits) < 1e-4  # the stride is in the 3x3 without being asked

    def offline(*_):
        raise OSError("no network")

    hub.hf_hub_download = offline
    for name, message in (
        ("timm/resnet50.tv_in1k", "hub cannot be reached.*no network"),
        ("timm/resnet50", "the tag of its weights"),
        ("timm/resnet5.tv_in1k", "no network for timm/resnet5; .*timm/resnet50"),
        ("timm/resnet18.tv_in1k", "weights of resnet18, not of resnet50"),
        ("weights.pth", "weights must be None, 'imagenet'"),
    ):
        with pytest.raises(ValueError, match=message):
            architectures.create("resnet50", weights=name)
    with pytest.raises(ValueError, match=r"stride_on='1x1': weights=.*need stride_on='3x3'"):
        architectures.create("resnet50", weights="timm/resnet50.tv_in1k", stride_on="1x1")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match="needs the package huggingface_hub"):
        architectures.create("resnet50", weights="timm/resnet50.tv_in1k")


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
    wanted, ours = convert.layout(layer, layer.weights[0], w.ndim)
    assert wanted == shape
    layer.set_weights([ours(w)])
    y = np.asarray(layer(x.transpose(0, 2, 3, 1).astype("float32")))
    w = w.reshape(*shape, *(1,) * (4 - w.ndim))
    np.testing.assert_allclose(y.transpose(0, 3, 1, 2), torch_conv(x, w, groups), atol=1e-5)


def test_dense_layer_after_a_flatten():
    """PyTorch flattens (C, H, W), and we (H, W, C)."""
    i = keras.Input((3, 5, 4))
    x = layers.Dropout(0.5)(layers.Flatten()(i))
    model = keras.Model(i, layers.Dense(6, use_bias=False, name="fc6")(x))
    r = np.random.default_rng(0)
    x, w = r.normal(size=(2, 4, 3, 5)), r.normal(size=(6, 60))
    grids = convert.flattened(model)
    assert grids == {"fc6": (3, 5, 4)}
    wanted, ours = convert.layout(model.layers[-1], model.weights[0], 2, grids["fc6"])
    assert wanted == w.shape
    model.set_weights([ours(w)])
    y = model(x.transpose(0, 2, 3, 1).astype("float32"))
    np.testing.assert_allclose(y, x.reshape(2, -1) @ w.T, rtol=1e-4, atol=1e-5)


def test_a_row_of_names_reads_as_it_says():
    rows = {
        "stem": "first",
        "layer<stage>.<block-1>.<kind><i>": "stage<stage>_block<block>_<kind><i>",
        "(?:fc|head.fc)": "logits",
    }
    for module, layer in (
        ("layer2.0.conv3", "stage2_block1_conv3"),
        ("layer10.22.bn1", "stage10_block23_bn1"),
        ("stem", "first"),
        ("head.fc", "logits"),
        ("layer2x0.conv3", None),  # a dot is a dot
        ("layer2.0.pool3", None),
        ("fc ", None),
    ):
        assert layer_of(module, rows) == layer


def test_options_that_a_librarys_weights_need_are_asked_for():
    """Shapes would fit but outputs would differ, because 'same' pads differently from PyTorch."""
    state, x, logits = golden("tv-mobilenet_v2")
    model = architectures.create("mobilenet_v2", x.shape[1:])
    before = model.get_weights()
    asked = (
        r"are those of torchvision/mobilenet_v2, with eps=1e-05, p=1; the model has eps=0.001,.*"
        r"create\('mobilenet_v2_1.0_224', style='torch'\) or of='torchvision/mobilenet_v2'"
    )
    for of in (None, "torchvision/mobilenet_v2"):
        with pytest.raises(ValueError, match=asked):
            weights.from_torch(model, state, of=of)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    off = difference(weights.from_torch(model, state, of="own"), x, logits)
    right = architectures.create("mobilenet_v2", x.shape[1:], of="torchvision/mobilenet_v2")
    weights.from_torch(right, state, of="torchvision/mobilenet_v2")
    assert difference(right, x, logits) < 1e-4 < 1e-2 < off


@pytest.mark.parametrize(
    "file", ["timm-darknet53", "timm-cspresnet50", "timm-resnetblur50", "pcv-nasnet_4a1056"]
)
def test_a_variant_without_weights_of_its_own_is_asked_for(file):
    """Slopes, pools and blurs: the shapes fit, and the answers would not."""
    data = np.load(GOLDEN / f"{file}.npz")
    shapes = [json.loads(str(shape)) for shape in data["shapes"]]
    state = {str(n): np.broadcast_to(0.0, s) for n, s in zip(data["names"], shapes, strict=True)}
    name, options = weights.published()[published_name(file)]
    given, shape = {} if options else {"style": "torch"}, tuple(data["input_shape"][1:])
    with keras.StatelessScope(initialize_variables=False):
        model = architectures.create(name, shape, **given)
        right = architectures.create(name, shape, **options)
    (key, value), *_ = [*options.items(), ("pool_p", None)]
    call = ", ".join([repr(name), *[f"{key}={value!r}"] * bool(options)])
    message = rf"are those of {published_name(file)}, with {key}={value!r}; .*create\({call}\)"
    with pytest.raises(ValueError, match=message):
        weights.from_torch(model, state)
    origin.refuse_other_options(
        right, next(k for k in torch_names.TABLES if LIBRARIES[file.split("-")[0]] in k)
    )


def resnet18_of_timm():
    """{name: array of zeros} of timm's resnet18 and resnetblur18."""
    shapes, c = {"conv1": (64, 3, 7, 7), "bn1": (64,), "fc": (10, 512)}, 64
    for i in range(8):
        f, there = 64 * 2 ** (i // 2), f"layer{i // 2 + 1}.{i % 2}"
        for j, before in ((1, c), (2, f)):
            shapes |= {f"{there}.conv{j}": (f, before, 3, 3), f"{there}.bn{j}": (f,)}
        if c != f:
            shapes |= {f"{there}.downsample.0": (f, c, 1, 1), f"{there}.downsample.1": (f,)}
        c = f
    state = {f"{there}.weight": np.zeros(shape) for there, shape in shapes.items()}
    for there, shape in shapes.items():
        roles = ("bias", "running_mean", "running_var") if len(shape) == 1 else ()
        state |= {f"{there}.{role}": np.zeros(shape) for role in roles}
    return state | {"fc.bias": np.zeros(10)}


def test_a_network_without_a_row_needs_what_its_kin_has():
    state, size = resnet18_of_timm(), (32, 32, 3)
    asked = (
        r"those of timm/resnetblur50's family, all with variant='timm'; the model has "
        r"variant=None: give create\('blur_resnet18', variant='timm'\); of='own' takes"
    )
    model = architectures.create("blur_resnet18", size, 10)
    with pytest.raises(ValueError, match=asked):
        weights.from_torch(model, state)
    assert weights.from_torch(model, state, of="own") is model
    right = architectures.create("blur_resnet18", size, 10, variant="timm")
    assert weights.from_torch(right, state) is right
    naming = "timm MobileNetV2, MnasNet and EfficientNet"
    with pytest.raises(ValueError, match=r"create\('mnasnet_b1_0.5', style='torch'\); of='own'"):
        origin.refuse_other_options(architectures.create("mnasnet_b1_0.5", size, 10), naming)
    origin.refuse_other_options(
        architectures.create("mnasnet_b1_0.5", size, 10, style="torch"), naming
    )
    keras_naming = "keras.applications DenseNet"
    with pytest.raises(ValueError, match=r"create\('densenet264', style='keras'\)$"):
        origin.refuse_other_options(architectures.create("densenet264", size, 10), keras_naming)


def test_rows_that_differ_in_what_no_weight_shows_are_named():
    naming = "timm MobileNetV2, MnasNet and EfficientNet"
    model = architectures.create("efficientnet_b0", (32, 32, 3), 10)
    said = (
        "as those of timm/tf_efficientnet_b0; those of timm/efficientnet_b0 have the same, with "
        "eps=1e-05, p=1: of='timm/tf_efficientnet_b0' or of='timm/efficientnet_b0'"
    )
    with pytest.warns(UserWarning, match=said):
        origin.refuse_other_options(model, naming)
    with warnings.catch_warnings(action="error"):
        origin.refuse_other_options(model, naming, "timm/tf_efficientnet_b0")
        resnet = architectures.create("resnet50", (32, 32, 3), 10, stride_on="3x3")
        origin.refuse_other_options(resnet, "torchvision and timm ResNet")
        origin.refuse_other_options(
            architectures.create("regnet_x_400mf", (32, 32, 3)), "torchvision and timm RegNet"
        )


def entries(key):
    """The names and shapes of the state of a published row, from its golden file; else None."""
    library, _, name = key.partition("/")
    short = {long: short for short, long in LIBRARIES.items()}[library]
    file = GOLDEN / f"{short}-{name}.npz"
    return [np.load(file)[part].tolist() for part in ("names", "shapes")] if file.exists() else None


def test_networks_that_weights_do_not_tell_apart_are_known():
    """Those of one body, with as many weights, whose names in a library are not seen to differ."""
    of_a_kind = {}
    for key, (name, _) in weights.published().items():
        counts = catalog.all_facts().get(name, {}).get("computed", {})
        library, body = key.partition("/")[0], catalog.NETS[name].body
        kind = library, body, counts.get("trainable", name), counts.get("bn_channels")
        of_a_kind.setdefault(kind, {})[name] = key
    found = []
    for keys in of_a_kind.values():
        for one, other in combinations(sorted(keys), 2):
            a, b = entries(keys[one]), entries(keys[other])
            if a is None or b is None or a == b:
                found.append({one, other})
    assert sorted(map(sorted, found)) == sorted(map(sorted, origin.ALIKE))


def test_a_network_that_no_weight_tells_from_another_is_named():
    """SqueezeNet's bypasses have no weights: those of either fit the other, with other answers."""
    state, x, logits = golden("pcv-squeezeresnet_v1_0")
    other = architectures.create("squeezenet_v1_0", x.shape[1:], style="torch")
    said = (
        "as those of pytorchcv/squeezenet_v1_0; those of pytorchcv/squeezeresnet_v1_0 have the "
        "same, with name='squeezenet_v1_0_simple_bypass': of='pytorchcv/squeezenet_v1_0' or of="
    )
    with pytest.warns(UserWarning, match=said):
        weights.from_torch(other, state)
    assert difference(other, x, logits) > 1e-2
    with pytest.raises(ValueError, match="weights of squeezenet_v1_0_simple_bypass, not of"):
        weights.from_torch(other, state, of="pytorchcv/squeezeresnet_v1_0")
    with warnings.catch_warnings(action="error"):
        weights.from_torch(other, state, of="pytorchcv/squeezenet_v1_0")


def folded_in_timm(model):
    """{timm's name: array} of a folded RepVGG or MobileOne, whose halves are modules there."""
    state = {}
    for layer in (layer for layer in model.layers if layer.weights):
        name, halves = layer.name, "mobileone" in model.name
        there = "stem.reparam_conv" if name.startswith("stem") else "head.fc"
        if name.startswith("stage"):
            i, j = (int(v) - 1 for v in re.findall(r"stage(\d+)_block(\d+)", name)[0])
            j = 2 * j + ("dwconv" not in name) if halves else j
            there = f"stages.{i}.{j}.reparam_conv"
        kernel, bias = layer.get_weights()
        order = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (3, 2, 0, 1)
        kernel = kernel.transpose(order) if kernel.ndim == 4 else kernel.T
        state |= {f"{there}.weight": kernel, f"{there}.bias": bias}
    return state


@pytest.mark.parametrize("name", ["repvgg_a0", "repvgg_b1g4", "mobileone_s0", "mobileone_s1"])
def test_a_folded_network_takes_the_state_of_one(name):
    size = (32, 32, 3)
    whole, again = (architectures.create(name, size, 10) for _ in range(2))
    source, target = architectures.fold(whole), architectures.fold(again)
    state = folded_in_timm(source)
    assert weights.from_torch(target, state) is target
    for a, b in zip(source.get_weights(), target.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    said = "the state is of the folded network; load it into architectures.fold"
    with pytest.raises(ValueError, match=rf"'stem.reparam_conv.bias'.*: {said}"):
        weights.from_torch(whole, state)
    authors = {
        f"stage0.rbr_reparam.{role}": v for role, v in zip("ab", state.values(), strict=False)
    }
    with pytest.raises(ValueError, match=said):
        weights.from_torch(target, authors)


def test_the_row_that_weights_are_of():
    state, _, _ = golden("pcv-resnet20_cifar10")
    model = architectures.create("resnet20", of="pytorchcv/resnet20_cifar10")
    assert weights.from_torch(model, state, of="pytorchcv/resnet20_cifar10") is model
    for of, message in (
        ("pytorchcv/resnet56_cifar10", "of='pytorchcv/resnet56_cifar10': these are weights of"),
        ("pytorchcv/resnet21", "of='pytorchcv/resnet21': of must be"),
        ("timm/resnet18", "of shape .*naming of .*timm"),
    ):
        with pytest.raises(ValueError, match=message):
            weights.from_torch(model, state, of=of)
    hundred = architectures.create("resnet20", of="pytorchcv/resnet20_cifar100")
    assert hundred.output_shape == (None, 100)
    ten = architectures.create("resnet20", of="pytorchcv/resnet20_cifar100", classes=7)
    assert ten.output_shape == (None, 7)
    for given, message in (
        (dict(of="torchvision/resnet50"), "of=.*these are weights of resnet50, not of resnet20"),
        (
            dict(of="pytorchcv/resnet20_cifar10", shortcut="A"),
            "shortcut='A': of=.* need shortcut='B'",
        ),
        (dict(of="own", weights="imagenet"), "of='own': of must be None"),
    ):
        with pytest.raises(ValueError, match=message):
            architectures.create("resnet20", **given)


def test_weights_of_keras_need_its_style():
    source = keras.applications.MobileNet(weights=None, input_shape=(32, 32, 3), classes=7)
    model = architectures.create("mobilenet", (32, 32, 3), 7)
    asked = r"keras.applications/MobileNet, with .*create\('mobilenet_v1_1.0_224', style='keras'\)"
    with pytest.raises(ValueError, match=asked):
        weights.from_keras(model, source)


@pytest.mark.parametrize("file", FILES)
def test_the_naming_of_a_published_row_is_found(file):
    """The table with most rows for a state is one that may be of this row's library."""
    names = [str(name) for name in np.load(GOLDEN / f"{file}.npz")["names"]][::7]
    state = dict.fromkeys(names)
    nearest = [
        label
        for label, rows in torch_names.TABLES.items()
        if convert.complete_targets(convert.translated(state, rows, convert.ROLES))
    ]
    assert nearest
    assert all(origin.names_published(label, published_name(file)) for label in nearest)


@pytest.fixture(scope="module")
def loaded():
    """A network with the weights of a state, and another of the same kind."""
    model, other = (architectures.create("resnet20", shortcut="B") for _ in range(2))
    return weights.from_torch(model, golden("pcv-resnet20_cifar10")[0]), other


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model."])
@pytest.mark.parametrize("around", [None, *states.AROUND])
def test_what_is_around_a_state_is_taken_off_and_said(prefix, around, loaded):
    (state, _, _), (model, other) = golden("pcv-resnet20_cifar10"), loaded
    other.set_weights([np.zeros_like(w) for w in model.get_weights()])
    checkpoint = {f"{prefix}{name}": value for name, value in state.items()}
    checkpoint = {around: checkpoint, "epoch": 3} if around else checkpoint
    with pytest.warns(UserWarning, match=f"taken .*without .{prefix.split('.')[0]}.") as said:
        weights.from_torch(other, checkpoint)
    assert len(said) == 1
    assert around is None or f"of its entry {around!r}" in str(said[0].message)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class Parameter:
    """As PyTorch's: NumPy cannot read it before it is detached, on the CPU and in float32."""

    def __init__(self, value, steps=("detach", "cpu", "float")):
        self.value, self.steps = value, steps

    def __array__(self, dtype=None, copy=None):
        if self.steps:
            raise (RuntimeError if self.steps[0] == "detach" else TypeError)(self.steps[0])
        return np.asarray(self.value, dtype)

    def __getattr__(self, name):
        if name not in ("detach", "cpu", "float"):
            raise AttributeError(name)
        return lambda: Parameter(self.value, [step for step in self.steps if step != name])


def test_parameters_that_numpy_cannot_read_are_taken():
    state, _, _ = golden("pcv-resnet20_cifar10")
    plain, other = (architectures.create("resnet20", shortcut="B") for _ in range(2))
    weights.from_torch(plain, state)
    weights.from_torch(other, {name: Parameter(value) for name, value in state.items()})
    for a, b in zip(plain.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_prefix_of_some_names_is_no_prefix():
    state, _, _ = golden("pcv-resnet20_cifar10")
    state["module.output.bias"] = state.pop("output.bias")
    with pytest.raises(ValueError, match=r"'module.output.bias'.*no such row"):
        weights.from_torch(architectures.create("resnet20", shortcut="B"), state)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(value, tmp_path):
    state, _, _ = golden("pcv-resnet20_cifar10")
    state["features.stage2.unit1.body.conv1.bn.running_var"][3] = value
    model = architectures.create("resnet20", shortcut="B")
    with pytest.raises(ValueError, match=r"unit1.body.conv1.bn.running_var'.*finite"):
        weights.from_torch(model, state)
    model.get_layer("stage1_block1_b2_bn1").beta.assign(np.full(16, value))
    model.save(tmp_path / "net.keras")
    with pytest.raises(ValueError, match="stage1_block1_b2_bn1/beta has values"):
        architectures.create("resnet20", shortcut="B", weights=tmp_path / "net.keras")


def test_a_head_of_other_classes_is_left_out_of_a_body(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    state, x, _ = golden("pcv-resnet20_cifar10")
    whole = weights.from_torch(architectures.create("resnet20", shortcut="B"), state)
    expected = keras.Model(whole.input, whole.get_layer("stage3").output)(x)
    state["output.weight"], state["output.bias"] = np.zeros((7, 64), "float32"), np.zeros(7)
    numpy.save_file(state, tmp_path / "seven.safetensors")
    given = dict(shortcut="B", weights=tmp_path / "seven.safetensors")
    body = architectures.create("resnet20", top=False, **given)
    np.testing.assert_allclose(np.asarray(body(x)), np.asarray(expected), rtol=1e-6)
    with pytest.raises(ValueError, match=r"output\.(weight|bias).*logits/(kernel|bias)"):
        architectures.create("resnet20", **given)


def test_a_first_kernel_for_images_of_other_channels():
    """One channel gives the output of three equal ones; six, of each channel twice."""
    state, x, _ = golden("pcv-resnet20_cifar10")
    model = weights.from_torch(architectures.create("resnet20", shortcut="B"), state)
    grey = x[..., :1]
    for channels, image in ((1, grey), (6, np.concatenate([x, x], -1))):
        other = architectures.create("resnet20", (32, 32, channels), shortcut="B")
        with pytest.raises(ValueError, match=r"input_shape=.*weights have 3 channels; adapt_chann"):
            weights.from_torch(other, state)
        weights.from_torch(other, state, adapt_channels=True)
        same = np.repeat(grey, 3, -1) if channels == 1 else x
        np.testing.assert_allclose(np.asarray(other(image)), np.asarray(model(same)), atol=1e-4)
    with pytest.raises(ValueError, match=r"adapt_channels=True: .*another library"):
        architectures.create("resnet20", adapt_channels=True)


def test_a_body_of_keras_nested_in_another_model():
    make = keras.applications.MobileNet
    body = randomise(make(weights=None, input_shape=(32, 32, 3), include_top=False))
    nested = keras.Sequential([keras.Input((32, 32, 3)), body, layers.Flatten(), layers.Dense(2)])
    model = architectures.create("mobilenet", (32, 32, 3), top=False, style="keras")
    x = np.random.default_rng(1).standard_normal((1, 32, 32, 3)).astype("float32")
    assert difference(weights.from_keras(model, nested), x, np.asarray(body(x))) < 1e-5


def test_files_of_ours_that_do_not_fit_name_the_first_weight(tmp_path):
    lenet, resnet = architectures.create("lenet5"), architectures.create("resnet20")
    for model in (lenet, resnet):
        model.save(tmp_path / f"{model.name}.keras")
        model.save_weights(tmp_path / f"{model.name}.weights.h5")
    for end in (".keras", ".weights.h5"):
        for name, file, given, message in (
            ("resnet20", lenet, {}, "it has no stem_conv1"),
            (
                "resnet20",
                resnet,
                {"classes": 7},
                r"logits/kernel is \(64, 7\) here and \(64, 10\) in it",
            ),
            ("resnet32", resnet, {}, "it has no stage1_block4_b2_conv1"),
        ):
            with pytest.raises(ValueError, match=f"does not fit.*: {message}"):
                architectures.create(name, weights=tmp_path / f"{file.name}{end}", **given)


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (0, "'features.1.weight'.* does not fit: vgg_D has no stage1_bn1 weight"),
        (1, "'features.1.weight'.*torchvision VGG [CD], .*state has batch norms, and vgg_D has"),
    ],
)
def test_the_naming_that_fits_nearest_is_named(first, words):
    """VGG with batch norms into VGG D without; and its modules counted from 1, as nobody does."""
    shapes, n, before = {}, first, 3
    for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, *(512, 512, 512, 0) * 2):
        if width:
            shapes[f"features.{n}.weight"] = (width, before, 3, 3)
            shapes[f"features.{n}.bias"] = (width,)
            for role in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"features.{n + 1}.{role}"] = (width,)
        n, before = n + (3 if width else 1), width or before
    state = {name: np.zeros(shape, "float32") for name, shape in shapes.items()}
    with pytest.raises(ValueError, match=words):
        weights.from_torch(architectures.create("vgg_D", (32, 32, 3), top=False), state)


def caffes_lrn(x):
    """torch.nn.LocalResponseNorm(5), which is Caffe's, as its page defines it, in float64."""
    squares = np.pad(x.astype("float64") ** 2, [(0, 0)] * 3 + [(2, 2)])
    mean = sum(squares[..., i : i + x.shape[-1]] for i in range(5)) / 5
    return x / (1 + 1e-4 * mean) ** 0.75


@pytest.mark.parametrize("name", ["alexnet", "googlenet"])
def test_caffes_local_response(name):
    """k = 1 and alpha / n, on activations large enough to tell them from the paper's."""
    x = np.random.default_rng(0).normal(0, 60, (1, 95, 95, 3)).astype("float32")
    model = architectures.create(name, (95, 95, 3), top=False, style="caffe")
    paper = architectures.create(name, (95, 95, 3), top=False)
    paper.set_weights(model.get_weights())
    first = next(layer for layer in model.layers if "response" in layer.name)
    read, made = keras.Model(model.input, [first.input, first.output])(x)
    np.testing.assert_allclose(made, caffes_lrn(np.asarray(read)), rtol=1e-5, atol=1e-5)
    papers = keras.Model(paper.input, paper.get_layer(first.name).output)(x)
    assert np.abs(np.asarray(papers) - made).max() > 0.1 * np.abs(made).max()


def test_caffes_pools_overhang():
    """Of 95 pixels: 22, then 10, 4, 1 without overhang, and 11, 5, 2 with it."""
    for given, size in ({}, 1), ({"style": "caffe"}, 2):
        body = architectures.create("alexnet", (95, 95, 3), top=False, **given)
        assert body.output_shape == (None, size, size, 256)
