"""LeNet-5 and the ResNets: exact to the paper's tables, and every option of create."""

import json
from inspect import isfunction, signature

import interpreter
import keras
import numpy as np
import pytest
import tensorflow as tf
from measured import bare, figures
from test_weights import randomise

from convbook import architectures, load
from convbook.__main__ import main
from convbook.architectures import graph, lenet, resnet, weights
from convbook.architectures.catalog import ALIASES, NETS, OPTIONS, TYPES
from convbook.architectures.graph.layer_names import all_layers
from convbook.architectures.graph.private import maker
from convbook.blocks.checks import rule_of
from convbook.gallery.ledger import stored_ledger
from convbook.training.data.augment import plan

HERE = [*lenet.NETS, *resnet.NETS]
ROWS = [(name, v) for name in HERE for v in (None, *architectures.facts(name).get("variants", {}))]
SMALL = ["lenet5", "resnet20_cifar", "plain20_cifar", "resnet18", "resnet50"]
SIZES = {"lenet5": (32, 32, 1)}


def images(shape, n=2):
    return np.random.default_rng(0).standard_normal((n, *shape)).astype("float32")


def create(name, /, **options):
    """A small input, so that building and running are quick."""
    return architectures.create(name, **smaller(name, options))


def smaller(name, options):
    return {"input_shape": SIZES.get(name, (32, 32, 3)), "classes": 10} | options


def skeleton(name, /, **options):
    """Like create, but weights have no values and nothing is computed."""
    return bare(name, **smaller(name, options))


@pytest.mark.parametrize(
    ("name", "variant"),
    [(n, v) for n, v in ROWS if architectures.facts(n)],
)
def test_counts_and_sizes_are_the_papers(name, variant):
    """Weights, trainable, total, multiply-adds and every stage's output, as its table has them."""
    facts = architectures.facts(name)
    facts = facts["variants"][variant] if variant else facts
    model = bare(name, variant=variant)
    found, computed = architectures.measure(model), facts["computed"]
    theirs = [computed[key] for key in ("weights", "trainable", "total_keras_style", "macs")]
    assert [found[key] for key in ("weights", "trainable", "total", "macs")] == theirs
    assert model.count_params() == found.total
    sizes = [stage.output_shape[1:] for stage in found.stages.values()]
    assert [(1, 1)[: 3 - len(s)] + s for s in sizes] == [
        tuple(size) for _, size in facts["output_sizes_hwc"]
    ]
    assert variant or figures(model, facts) == stored_ledger()["ours"][name]


def test_plain_cifar_nets_weigh_what_option_a_does():
    for depth in (20, 56):
        plain, residual = (bare(f"{net}{depth}") for net in ("plain", "resnet"))
        assert plain.count_params() == residual.count_params()
        assert not [layer for layer in plain.layers if isinstance(layer, keras.layers.Add)]


def stage_weights(depth, stage):
    """Kernels of conv2_x ... conv5_x (1 ... 4), by hand from Table 1: blocks and projections."""
    block, f, depths = resnet.IMAGENET[depth]
    f, n = f * 2 ** (stage - 1), depths[stage - 1]
    c = f // 2 if stage > 1 else 64
    if block is resnet.basic_block:
        first, rest, channels = 9 * c * f + 9 * f * f, 18 * f * f, 2 * f
    else:
        m = f // 4
        first, rest, channels = c * m + 9 * m * m + m * f, 2 * f * m + 9 * m * m, 2 * m + f
    projection = c * f if c != f else 0
    bn = 2 * (n * channels + (f if projection else 0))
    return first + (n - 1) * rest + projection, bn


@pytest.mark.parametrize("depth", [18, 34, 50, 101])
def test_counts_of_each_stage(depth):
    stages = architectures.measure(bare(f"resnet{depth}")).stages
    assert list(stages) == ["stem", "stage1", "stage2", "stage3", "stage4", "head"]
    for i in (1, 2, 3, 4):
        weights, bn = stage_weights(depth, i)
        assert stages[f"stage{i}"].weights == weights
        assert stages[f"stage{i}"].trainable == weights + bn
        assert stages[f"stage{i}"].total == weights + 2 * bn
    width = stages["stage4"].output_shape[-1]
    assert stages["stem"].weights == 49 * 3 * 64
    assert stages["head"].trainable == width * 1000 + 1000


def labels(model):
    return [layer.name for layer in all_layers(model)], [w.path for w in model.weights]


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, {}) for name in SMALL]
    + [("resnet18", {"survival": 0.5}), ("resnet50", {"se": 16}), ("resnet18", {"drop_path": 0.2})],
)
def test_names_are_the_same_at_every_build(name, options):
    first = labels(skeleton(name, **options))
    skeleton("resnet18")  # moves Keras' own counters
    assert labels(create(name, **options)) == first
    layers, paths = first
    assert len(set(layers)) == len(layers)
    assert len(set(paths)) == len(paths)
    assert not [name for name in layers if "/" in name]
    assert {path.split("/")[0] for path in paths} <= set(layers)


def test_tensorflow_makes_weights_of_one_name():
    """One name is quicker; the weights are still separate, even in a graph that has only names."""
    model = create("resnet20_cifar")
    assert {w.value.name for w in model.weights} == {"variable:0"}
    before = model.get_weights()
    model.weights[0].assign(before[0] + 1)
    after = zip(before, model.get_weights(), strict=True)
    assert [np.array_equal(*pair) for pair in after] == [False, *[True] * (len(before) - 1)]
    with tf.Graph().as_default():
        names = [w.value.name for w in create("lenet5").weights]
    assert len({*names}) == len(names)


@pytest.mark.parametrize("name", SMALL[1:])
def test_taps(name):
    model = skeleton(name)
    depths = resnet.NETS[name].table[2]
    for i, depth in enumerate(depths, 1):
        last, stage = (model.get_layer(n).output for n in (f"stage{i}_block{depth}", f"stage{i}"))
        assert last.shape == stage.shape
        middle = keras.Model(model.input, stage)
        assert middle.output.shape == stage.shape
    assert model.get_layer("stem").output.shape[-1] == (64 if len(depths) == 4 else 16)
    assert model.get_layer("logits").output is model.output
    assert {n.split("_")[0] for n in labels(model)[0]} == {
        *("input", "stem", "head", "logits"),
        *(f"stage{i + 1}" for i in range(len(depths))),
    }


def test_names_within_a_block():
    names = labels(skeleton("resnet50", se=16))[0]
    assert "stage2_block1_b1_conv1" in names  # the projection
    assert [n for n in names if n.startswith("stage2_block1_b2") and "conv" in n] == [
        f"stage2_block1_b2_conv{i}" for i in (1, 2, 3)
    ]
    assert "stage2_block1_b2_b2_dense2" in names  # squeeze-and-excitation, on the branch
    assert "stage1_block2_conv2" in labels(skeleton("plain20"))[0]  # no branches


def test_gates_hide_nothing():
    gated, plain = skeleton("resnet20", survival=0.5), skeleton("resnet20")
    assert sorted(labels(gated)[1]) == sorted(labels(plain)[1])
    layer = architectures.get_layer(gated, "stage2_block3_b2_conv1")
    assert layer.kernel.shape == (3, 3, 32, 32)
    found, expected = architectures.measure(gated), architectures.measure(plain)
    for key in ("weights", "trainable", "total", "macs", "activation_bytes", "receptive_field"):
        assert found[key] == expected[key]
        assert [s[key] for s in found.stages.values()] == [s[key] for s in expected.stages.values()]
    with pytest.raises(ValueError, match="nearest: stage2_block3_b2_conv"):
        architectures.get_layer(gated, "stage2_block3_b2_conv9")


@pytest.mark.parametrize("name", SMALL)
def test_body_alone(name):
    whole, body = create(name), create(name, top=False, classes=None)
    last = whole.get_layer("stage5" if name == "lenet5" else f"stage{len(whole_stages(whole))}")
    assert body.output.shape == last.output.shape
    assert not [n for n in labels(body)[0] if n == "logits" or n.startswith("head")]
    free = create(name, top=False, input_shape=(None, None, body.input.shape[-1]))
    free.set_weights(body.get_weights())
    x = images(body.input.shape[1:])
    np.testing.assert_allclose(free(x), body(x), rtol=1e-5, atol=1e-5)


def whole_stages(model):
    return [s for s in architectures.measure(model).stages if s.startswith("stage")]


@pytest.mark.parametrize("name", SMALL[1:4])
def test_any_size(name):
    """Odd and even sizes, down to one pixel, through one model of unknown size."""
    free = create(name, input_shape=(None, None, 3))
    for height, width in ((33, 33), (40, 31), (1, 1), (2, 5)):
        x = images((height, width, 3))
        model = create(name, input_shape=(height, width, 3))
        model.set_weights(free.get_weights())
        y = free(x).numpy()
        assert np.isfinite(y).all()
        np.testing.assert_allclose(model(x), y, rtol=1e-4, atol=1e-5)
        assert model.count_params() == free.count_params()


def test_squeeze_and_excitation():
    facts = architectures.facts("se_resnet50")["computed"]
    found = architectures.measure(bare("resnet50", se=16))
    assert (found.trainable, found.macs) == (facts["trainable"], facts["macs"])
    plain, last = (architectures.measure(skeleton("resnet50", se=se)) for se in (None, (16, (4,))))
    more = {s: last.stages[s].trainable - plain.stages[s].trainable for s in plain.stages}
    ours = 3 * (2 * 2048 * 128 + 128 + 2048)  # three blocks of 2048 channels, two dense layers
    assert more == {**dict.fromkeys(plain.stages, 0), "stage4": ours}


def test_survival():
    """p_L decays linearly; p = 1 is the plain net; else inference weighs each branch by its p."""
    x = images((32, 32, 3))
    plain, sure, gated = (
        create("resnet20", **o) for o in ({}, {"survival": 1.0}, {"survival": 0.5})
    )
    gates = [layer for layer in gated.layers if hasattr(layer, "branch")]
    np.testing.assert_allclose([g.survival for g in gates], 1 - np.arange(1, 10) / 9 * 0.5)
    weights = {w.path: w for w in plain.weights}
    for model in (sure, gated):
        for w in model.weights:
            w.assign(weights[w.path])
    np.testing.assert_allclose(sure(x), plain(x), rtol=1e-5, atol=1e-5)
    read, made = keras.Model(gated.input, [gates[-1].input, gates[-1].output])(x)
    np.testing.assert_allclose(made, 0.5 * gates[-1].branch(read), rtol=1e-5)
    assert np.abs(gated(x) - plain(x)).max() > 1e-3


def test_drop_path():
    """The rate grows linearly with depth; samples are dropped only in training."""
    model, plain, x = create("resnet20", drop_path=0.9), create("resnet20"), images((32, 32, 3))
    rates = [m.rate for m in model.layers if isinstance(m, keras.layers.Dropout)]
    np.testing.assert_allclose(rates, np.arange(1, 10) / 10)
    model.set_weights(plain.get_weights())
    np.testing.assert_allclose(model(x), plain(x), rtol=1e-5, atol=1e-5)
    assert np.abs(model(x, training=True) - plain(x, training=True)).max() > 1e-3


def test_options_reach_the_blocks():
    norms = keras.layers.BatchNormalization
    for options, eps in (({}, 1e-5), ({"eps": 1e-4}, 1e-4), ({"style": "keras"}, 1.001e-5)):
        model = skeleton("resnet18", **options)
        assert {m.epsilon for m in model.layers if isinstance(m, norms)} == {eps}
    way = architectures.measure(skeleton("resnet50", stride_on="3x3", shortcut="C"))
    assert way.macs > architectures.measure(skeleton("resnet50", stride_on="3x3")).macs
    assert architectures.measure(skeleton("resnet50", aux=False, se=None)).trainable < way.trainable


@pytest.mark.parametrize(("name", "style"), [("resnet18", "keras"), ("densenet40", "keras")])
def test_what_a_user_gives_goes_before_a_style(name, style):
    assert "eps" in NETS[ALIASES.get(name, name)].styles[style]
    model = skeleton(name, style=style, eps=1e-2)
    norms = [m for m in model.layers if isinstance(m, keras.layers.BatchNormalization)]
    assert {m.epsilon for m in norms} == {1e-2}


DROPOUT = {  # before the logits, as architectures/facts.json has it
    "alexnet_grouped": [0.5, 0.5],
    "zfnet": [0.5, 0.5],
    "vgg_D": [0.5, 0.5],
    "googlenet": [0.4],
    "xception": [0.5],
    "resnet18": [],
    "squeezenet_v1_1": [0.5],
    "mnasnet_a1_1.0": [0.2],
    "mobilenet_v3_large_1.0_224": [0.2],
    **{
        f"efficientnet_b{i}": [rate]
        for i, rate in enumerate((0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5))
    },
    **{f"efficientnet_v2_{i}": [0.2] for i in ("s", "b0", "b1")},
    **{f"efficientnet_v2_{i}": [0.3] for i in ("m", "b2", "b3")},
    "efficientnet_v2_l": [0.4],
    **{f"nfnet_f{i}": [r] for i, r in enumerate((0.2, 0.3, 0.4, 0.4, 0.5, 0.5, 0.5))},
    "ghostnet_1.0x": [0.2],
    "mobilenet_v4_conv_small": [0.3],
    "mobilenet_v4_conv_small_0.5": [0.3],
    "mobilenet_v4_conv_medium": [0.2],
    "mobilenet_v4_conv_aa_large": [0.2],
}


@pytest.mark.parametrize("name", DROPOUT)
def test_dropout_before_the_logits(name):
    x = keras.Input((6, 6, 8))
    with keras.StatelessScope(initialize_variables=False):
        model = keras.Model(x, NETS[name].head(x, 10))
    found = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert found == DROPOUT[name]


def test_dropout_in_densenet_is_after_each_convolution_but_the_first():
    """Section 4.2: those of the transitions too, before the pool."""
    model = skeleton("densenet40", rate=0.2)
    rates = [m.rate for m in model.layers if isinstance(m, keras.layers.Dropout)]
    assert rates == [0.2] * (3 * 12 + 2)
    pools = [m for m in model.layers if isinstance(m, keras.layers.AveragePooling2D)]
    before = [maker(m.input) for m in pools]
    assert [type(m) for m in before] == [keras.layers.Dropout] * 2


@pytest.mark.parametrize("name", SMALL)
def test_probabilities(name):
    logits, chances = create(name), create(name, a="softmax")
    chances.set_weights(logits.get_weights())
    x = images(logits.input.shape[1:])
    np.testing.assert_allclose(chances(x), keras.ops.softmax(logits(x)), rtol=1e-4, atol=1e-6)
    assert chances.output_names == ["probabilities"]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", SMALL[:2])
def test_mixed_precision_answers_in_float32(name, policy):
    keras.config.set_dtype_policy(policy)
    model = create(name)
    x = images(model.input.shape[1:])
    y = model(x)
    assert y.dtype == "float32"
    assert model.get_layer("stage1").output.dtype == policy.removeprefix("mixed_")
    assert np.isfinite(y.numpy()).all()
    assert create(name, a="softmax")(x).dtype == "float32"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lenet5", {}),
        ("lenet5", {"variant": "c3_fully_connected_softmax"}),
        ("resnet20_cifar", {"survival": 0.5, "se": 16}),
        ("resnet50", {"drop_path": 0.1, "shortcut": "A"}),
    ],
)
def test_saving(name, options, tmp_path):
    """The whole model loads in safe mode with its names; create reads weights from either file."""
    model = create(name, **options)
    x = images(model.input.shape[1:])
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(x), model(x), rtol=1e-6, atol=1e-6)
    assert labels(loaded) == labels(model)
    for file in ("model.keras", "model.weights.h5"):
        again = create(name, weights=tmp_path / file, **options)
        np.testing.assert_allclose(again(x), model(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lenet5", {}),
        ("lenet5", {"variant": "c3_fully_connected_softmax"}),
        ("resnet20_cifar", {}),
        ("resnet20_cifar", {"shortcut": "B", "se": 4}),
        ("plain20_cifar", {}),
        ("resnet18", {}),
    ],
)
def test_every_weight_gets_a_real_gradient(name, options):
    """Every gradient is above 1e-4 of the largest in its layer."""
    model = create(name, **options)
    x, y = images(model.input.shape[1:], 8), np.arange(8)
    with tf.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy(True)(y, model(x, training=True))
    weights = model.trainable_weights
    largest, sizes = {}, {}
    for w, g in zip(weights, tape.gradient(loss, weights), strict=True):
        sizes[w.path] = float(np.abs(g).max())
        layer = w.path.split("/")[0]
        largest[layer] = max(largest.get(layer, 0), sizes[w.path])
    assert not [p for p, size in sizes.items() if not size > 1e-4 * largest[p.split("/")[0]]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet51",), "network='resnet51'.*resnet50"),
        (("resnet20", (8, 8)), r"input_shape=\(8, 8\).*rows, columns, channels"),
        (("resnet20", (0, 8, 3)), r"input_shape=\(0, 8, 3\)"),
        (("resnet20", (8, 8, None)), "input_shape"),
        (("lenet5", (16, 16, 1)), r"input_shape=\(16, 16, 1\).*at least 32 x 32"),
        (("lenet5", (64, 64, 1)), "input_shape.*32 x 32"),
        (("lenet5", (None, None, 1)), "input_shape.*32 x 32"),
        (("lenet5", None, 12), "classes=12.*c3_fully_connected_softmax"),
        (("resnet20", None, 0), "classes=0"),
    ],
)
def test_what_cannot_be_is_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        architectures.create(*arguments)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet20", {"aux": True}, "aux=True: resnet20_cifar has no aux; it has .*se.*survival"),
        ("lenet5", {"se": 16}, "se=16: lenet5 has no se; it has variant, a$"),
        ("vgg_A", {"se": 16}, "se=16: vgg_A has no se; it has a$"),
        ("resnet18", {"stride_on": "3x3"}, "no stride_on"),
        ("plain18", {"shortcut": "B"}, "no shortcut"),
        (
            "resnet18",
            {"variant": "option_Z"},
            "variant='option_Z': resnet18 has option_A, option_C",
        ),
        ("plain18", {"variant": "x"}, "no variants"),
        ("resnet18", {"style": "caffe"}, "style='caffe'.*paper, torch, keras"),
        ("resnet18", {"shortcut": "E"}, "shortcut='E'"),
        ("resnet50", {"stride_on": "5x5"}, "stride_on='5x5'"),
        ("resnet18", {"survival": 0.0}, "survival=0.0"),
        ("resnet18", {"survival": 0.5, "drop_path": 0.5}, "drop_path=0.5.*None.*survival=0.5"),
        ("resnet18", {"survival": "high"}, r"survival='high'.*a probability in \(0, 1\]"),
        ("resnet18", {"survival": float("nan")}, "survival=nan.*a probability"),
        ("resnet18", {"drop_path": 1.0}, "drop_path=1.0"),
        ("resnet18", {"drop_path": "low"}, "drop_path='low'"),
        ("resnet18", {"variant": {}}, r"variant=\{\}: resnet18 has option_A, option_C"),
        ("resnet18", {"style": ["keras"]}, r"style=\['keras'\]: resnet18 has paper"),
        ("resnet18", {"shortcut": {}}, r"shortcut=\{\}: shortcut must be 'A', 'B', 'C' or 'D'"),
        ("resnet18", {"bias": "yes"}, "bias='yes'.*True or False"),
        ("resnet18", {"pool": "ceiling"}, "pool='ceiling'.*'ceil'"),
        ("resnet18", {"se": (16, 3)}, r"se=\(16, 3\)"),
        ("resnet18", {"se": "16"}, "se='16'"),
        ("resnet18", {"eps": "tiny"}, "eps='tiny'"),
        ("densenet40", {"rate": -0.1}, "rate=-0.1"),
        ("densenet40", {"recompute": 1}, "recompute=1.*True or False"),
        ("googlenet", {"aux": "two"}, "aux='two'.*True or False"),
        ("squeezenet", {"bypass": "all"}, "bypass='all'"),
        ("mobilenet", {"p": -1}, "p=-1"),
        ("resnet18", {"a": {}}, r"a=\{\}"),
        ("resnet18", {"top": "no"}, "top='no'.*True or False"),
        ("resnet18", {"features": 1}, "features=1.*True or False"),
        ("resnet18", {"name": "left/right"}, "name='left/right'.*without a slash"),
        ("resnet18", {"name": 3}, "name=3"),
        ("resnet18", {"classes": True}, "classes=True"),
        ("resnet18", {"classes": 10**9}, "classes=1000000000: classes must be smaller"),
        ("resnet18", {"weights": {}}, r"weights=\{\}"),
        ("resnet18", {"se": (16, (5,))}, "se=.*stages from 1 to 4"),
        ("resnet18", {"se": 0.5}, "se=0.5"),
        ("resnet18", {"eps": 0.0}, "eps=0.0"),
        ("resnet18", {"a": "relu"}, "a='relu'"),
        ("resnet18", {"weights": "model.pth"}, "weights='model.pth'.*keras"),
        ("resnet18", {"weights": "nowhere.keras"}, "weights='nowhere.keras'"),
        ("resnet18", {"nonsense": 1}, "nonsense=1"),
    ],
)
def test_what_cannot_be_chosen_is_said(name, options, message):
    with pytest.raises(ValueError, match=message):
        create(name, **options)


def test_weights_of_another_network_are_refused(tmp_path):
    for file in ("model.keras", "model.weights.h5"):
        path = tmp_path / file
        model = create("resnet20")
        (model.save if file.endswith(".keras") else model.save_weights)(path)
        for name in ("resnet32", "resnet18", "lenet5"):
            with pytest.raises(ValueError, match="does not fit"):
                create(name, weights=path)


def test_every_option_of_every_network_has_its_type():
    options = {key for net in NETS.values() for key in net.options}
    options |= {key for net in NETS.values() for way in net.styles.values() for key in way}
    assert options - {"n", "a", "order", "pool_p", "max_p"} <= {*TYPES}
    for name, net in NETS.items():
        for key, value in net.options.items():
            if key not in OPTIONS or value not in (None, False):
                assert rule_of(TYPES[key]).test(value), (name, key, value)


def test_what_drops_a_path_for_a_sample_may_do_so_for_a_batch():
    """Networks have both options or none, except Inception's and those of cells."""
    modules = ("googlenet", "bn_inception", "se_inception_bn", "inception_v3", "inception_v4")
    cells = ("nasnet", "amoebanet", "pnasnet")
    for name, net in NETS.items():
        own = {"survival", "drop_path"} & {*net.options}
        assert len(own) != 1 or name.startswith((*modules, *cells)), name
    assert {"survival", "drop_path"} <= {*NETS["resnet18"].options}


def test_two_of_a_kind_in_one_model(tmp_path):
    """Named apart, saved and loaded; a layer of either is found by its network's name."""
    left, right = (create("resnet20", name=name) for name in ("left", "right"))
    assert (left.name, right.name) == ("left", "right")
    i = keras.Input((32, 32, 3))
    model = keras.Model(i, [left(i), right(i)])
    x = images((32, 32, 3))
    model.save(tmp_path / "two.keras")
    loaded = keras.saving.load_model(tmp_path / "two.keras")
    for y, z, net in zip(loaded(x), model(x), (left, right), strict=True):
        np.testing.assert_array_equal(y, z)
        np.testing.assert_allclose(y, net(x), rtol=1e-5, atol=1e-5)
    for net in (left, right):
        found = architectures.get_layer(model, f"{net.name}/stage3_block3_b2_conv2")
        assert found is net.get_layer("stage3_block3_b2_conv2")
    with pytest.raises(ValueError, match=r"name='stem'.*left/stem or right/stem"):
        architectures.get_layer(model, "stem")
    assert architectures.get_layer(model, "left") is left


def test_a_name_of_ones_own_takes_the_same_weights(tmp_path):
    model = create("resnet20")
    model.save(tmp_path / "model.keras")
    named = create("resnet20", name="mine", weights=tmp_path / "model.keras")
    for v, w in zip(model.get_weights(), named.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)


# Strides of the maps of features=True, for the beginning of a name; all others have IMAGENET's.
IMAGENET, CIFAR = [2, 4, 8, 16, 32], [1, 2, 4]
STRIDES = {
    "lenet5": CIFAR,
    "alexnet": [4, 8, 16, 32],
    **{f"convnext_{size}_ols": IMAGENET for size in ("atto", "femto", "pico", "nano")},
    "convnext": [4, 8, 16, 32],
    "fasternet": [4, 8, 16, 32],
    "inceptionnext": [4, 8, 16, 32],
    "nin_cifar10": CIFAR,
    "nin_imagenet": [4, 8, 16, 32],
    "vgg": [1, *IMAGENET],
    "dla": [1, *IMAGENET],
    "darknet53": [1, *IMAGENET],
    "cspdarknet53": [1, *IMAGENET],
    "squeezenet": [2, 4, 8, 16],
}


def strides_of(name):
    found = [strides for start, strides in STRIDES.items() if name.startswith(start)]
    return found[0] if found else CIFAR if "cifar" in name else IMAGENET


def test_create_says_whose_strides_are_their_own():
    said = "".join(c for c in architectures.create.__doc__.lower() if c.isalnum())
    families = {start.partition("_")[0] for start in STRIDES}
    names = {family: "networkinnetwork" if family == "nin" else family for family in families}
    assert not [family for family, name in names.items() if name not in said]


@pytest.mark.parametrize("name", [*NETS])
def test_features_of_every_network(name):
    """One map a stride, about as large as the input over it, whatever the size of the image."""
    net, strides = NETS[name], strides_of(name)
    model = bare(name, features=True, input_shape=(None, None, net.shape[-1]))
    found = model.compute_output_shape((1, *net.shape))
    assert len(found) == len(strides)
    trimmed = 18 if name == "lenet5" else 4  # what convolutions without padding take away
    for (_, rows, columns, _), s in zip(found, strides, strict=True):
        assert rows == columns
        assert 0 <= -(-net.shape[0] // s) - rows <= trimmed
    assert not [n for n in labels(model)[0] if n.startswith(("logits", "aux"))]


FEATURES = {  # a network, its options, and the layers whose outputs its features are
    "resnet18": ({"survival": 0.8}, ["stem", "stage1", "stage2", "stage3", "stage4"]),
    "resnet20_cifar": ({"drop_path": 0.2, "se": 4}, ["stage1", "stage2", "stage3"]),
    "vgg_A": (
        {},
        [
            *("stage1_conv1", "stage2_conv1", "stage3_conv2", "stage4_conv2"),
            "stage5_conv2",
            "stage5",
        ],
    ),
    "densenet_cifar_L40_k12": ({}, ["stage1", "stage2", "last"]),
    "lenet5": ({}, ["stage1", "stage3", "stage5"]),
    "googlenet": (
        {"aux": True},
        ["stem_pool1_conv1", "stem_localresponsenorm2", "stage1", "stage2", "stage3"],
    ),
    "mobilenet_v2_0.35_224": ({}, ["stage1", "stage2", "stage3", "stage5", "last"]),
}


@pytest.mark.parametrize("name", FEATURES)
def test_features_are_the_networks_own_maps(name, tmp_path):
    """The maps of a body whose weights are read from the whole network's file."""
    options, names = FEATURES[name]
    shape = (96, 96, 3) if name == "googlenet" else SIZES.get(name, (32, 32, 3))
    whole = create(name, input_shape=shape, **options)
    randomise(whole).save(tmp_path / "whole.keras")
    file = tmp_path / "whole.keras"
    model = create(name, input_shape=shape, features=True, weights=file, **options)
    assert model.output_names == names
    x = images(shape)
    wanted = keras.Model(whole.input, [whole.get_layer(n).output for n in names])(x)
    for y, z in zip(model(x), wanted, strict=True):
        np.testing.assert_allclose(y, z, rtol=1e-4, atol=1e-4)
    body = create(name, input_shape=shape, top=False, weights=file, **options)(x)
    body = body[0] if isinstance(body, list) else body
    np.testing.assert_allclose(model(x)[-1], body, rtol=1e-4, atol=1e-4)


def test_features_with_a_head_of_ones_own():
    """Any size gives as many maps, down to one pixel, and the head trains."""
    free = create("resnet18", features=True, input_shape=(None, None, 3), name="backbone")
    small = create("resnet18", features=True, input_shape=(8, 8, 3))
    assert [x.shape[1] for x in small.outputs] == [4, 2, 1, 1, 1]
    i = keras.Input((40, 56, 3))
    maps = [keras.layers.GlobalAveragePooling2D()(x) for x in free(i)]
    model = keras.Model(i, keras.layers.Dense(3)(keras.layers.concatenate(maps)))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    model.fit(images((40, 56, 3), 4), np.arange(4) % 3, verbose=0)
    assert (free.name, model.layers[1]) == ("backbone", free)


def test_names():
    assert architectures.names(aliases=False)[0] == "lenet5"
    assert {"resnet20", "resnet50", "lenet", "plain20"} <= set(architectures.names())
    assert architectures.create("resnet20").name == "resnet20_cifar"


def test_command_line(capsys):
    assert main(["nets"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["network", "other"]
    rows = [line.split() for line in lines[: lines.index("")]]
    assert [row[0] for row in rows] == architectures.names(aliases=False)
    assert {*ALIASES} <= {word.strip(",") for row in rows for word in row[1:]}
    assert main(["nets", "resnet20", "variant=option_B"]) == 0
    out = capsys.readouterr().out
    assert ["trainable", "272,474", "272,474"] in [line.split() for line in out.splitlines()]
    assert "conv1 32 x 32 x 16" in out
    assert "0.27M" in out
    assert main(["nets", "resnet2"]) == 2
    assert "nearest: resnet" in capsys.readouterr().err
    assert main(["nets", "lenet", "input_shape=8,8,1"]) == 2
    assert "at least 32 x 32" in capsys.readouterr().err


def run(code, *arguments):
    done = interpreter.run(code, *arguments)
    assert done.returncode == 0, done.stderr


def test_recursion_limit_is_never_lowered():
    run("import sys; sys.setrecursionlimit(77777); import convbook.blocks, convbook.architectures;"
        " assert sys.getrecursionlimit() == 77777")  # fmt: skip


def test_resnet_1202_in_a_fresh_interpreter(tmp_path):
    """It is built, saved, and loaded where only blocks is imported; no other model is as deep."""
    path = tmp_path / "model.keras"
    run(
        "import sys; from convbook import architectures as a; "
        "a.create('resnet1202').save(sys.argv[1])",
        path,
    )
    run(
        "import sys, convbook.blocks, keras; "
        "m = keras.saving.load_model(sys.argv[1], compile=False); "
        "assert m.count_params() == 19510906",
        path,
    )


def small():
    i = keras.Input((8, 8, 3))
    return keras.Model(i, keras.layers.Dense(2)(keras.layers.Flatten()(i)))


GOOD = {  # what a call needs before an argument can be wrong
    "model": small,
    "state": lambda: {"a": np.ones(3)},
    "source": small,
    "preparation": lambda: weights.Preparation(8, 8),
    "name": lambda: "input",
    "x": lambda: keras.Input((8, 8, 3)),
}
ROOMS = (architectures, weights, graph)
FUNCTIONS = {
    f.__name__: f for room in ROOMS for f in map(vars(room).get, room.__all__) if isfunction(f)
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - {"create", "published"}))
def test_every_argument_is_refused_by_its_name(name):
    """Of all public functions of networks: what no argument can be, first among good ones."""
    parameters = signature(FUNCTIONS[name]).parameters
    good = {key: make() for key, make in GOOD.items() if key in parameters}
    for key in parameters:
        for thing in (object(), np.ones((2, 3)), [None], 10**400):
            with pytest.raises(ValueError, match=rf"^{key}=.*: {key} must be [^\n]*$"):
                FUNCTIONS[name](**good | {key: thing})


def test_a_preparation_that_is_not_the_models_is_refused():
    grey = weights.Preparation(8, 8, order="grey", mean=[0.0], std=[1.0])
    with pytest.raises(ValueError, match=r"^preparation=.*: .* with 3 channels, as functional"):
        weights.prepared(small(), grey)
    with pytest.raises(ValueError, match=r"^class_names='ab': class_names must be None or a list"):
        weights.prepared(small(), None, "ab")  # two letters for two classes
    with pytest.raises(ValueError, match=r"^size=1\.5: size must be a whole number"):
        grey.at(1.5)
    with pytest.raises(ValueError, match=r"^order=\(2, 3\): order must be 'RGB'"):
        weights.Preparation(8, 8, order=np.ones((2, 3)))
    plain = weights.Preparation(np.int64(9), np.int32(8), scale=np.float32(0.5)).get_config()
    assert json.dumps([plain[key] for key in ("short", "crop", "scale")]) == "[9, 8, 0.5]"


@pytest.mark.parametrize("path", [None, 3, b"x", ["a.keras"]])
def test_only_a_path_is_loaded(path):
    with pytest.raises(ValueError, match=r"^path=.*: path must be the path of a .keras"):
        load(path)


@pytest.mark.parametrize("augmentation", [5, "flip", True, ["flip"], [("flip",)], np.ones((2, 2))])
def test_only_pairs_are_an_augmentation(augmentation):
    with pytest.raises(ValueError, match=r"^augmentation=.*: augmentation must be None, a dict"):
        plan(augmentation)
