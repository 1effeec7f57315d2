"""A small network of each family learns; for all networks, the stored table is checked."""

import ast
import json
import re
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest
from proofs import __main__ as command
from proofs import table
from proofs.digest import closure, code, digest
from proofs.graph import graph
from proofs.prove import (
    CANCELLED,
    CLASSES,
    LAST_BIAS,
    digits,
    failures,
    fit,
    prove_all,
    rated,
    sized,
    small,
    still,
)

from convbook.architectures import bn_inception, create, googlenet, inception_v4
from convbook.architectures.catalog import FAMILIES, NETS, build
from convbook.blocks.layers import BN, conv, gavgpool

# A member of each family: as published where that is quick; else the public body and head on a
# shorter table, {name: {position in the table: what stands there instead}}.
WHOLE = ("lenet5", "alexnet_grouped", "vgg_A", "nin_imagenet", "resnet20_cifar", "preresnet18")
WHOLE += ("squeezenet_v1_0", "mobilenet_v1_0.25_224", "zfnet", "resnet18d")
SHORT = {
    "googlenet": {0: tuple(stage[:1] for stage in googlenet.TABLE)},
    "bn_inception": {0: tuple(stage[-2:] for stage in bn_inception.TABLE)},
    "inception_v3": {0: (32,), 1: (128,), 2: 1},
    "inception_v4": {0: tuple((module, 1, end) for module, _, end in inception_v4.TABLE)},
    "inception_resnet_v1": {1: (1, 1, 1)},
    "xception": {1: 1},
    "resnext50_32x4d": {2: (1, 1, 1, 1)},
    "wide_resnet50_2": {2: (1, 1, 1, 1)},
    "blur_resnet18": {2: (1, 1, 1, 1)},
    "pyramidnet110_a48_cifar": {0: ((18, 20), (22, 24), (26, 28))},
    "stochastic_depth_resnet110_cifar": {2: (3, 3, 3)},
    "se_resnet50": {2: (1, 1, 1, 1)},
    "densenet_cifar_BC_L100_k12": {0: (2, 2, 2)},
    "nasnet_a_mobile": {1: 1},
    "amoebanet_a_mobile_4_50": {1: 1},
    "pnasnet5_mobile": {1: 1},
    "mobilenet_v2_0.35_224": {0: ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 1, 2))},
    "mnasnet_small": {0: ((1, 3, 8, 1, 1, None), (3, 5, 16, 2, 2, 4))},
    "mobilenet_v3_small_1.0_224": {
        0: (((3, 16, 16, 4, "relu", 2),), ((5, 72, 24, None, "hard_silu", 2),)),
        1: 96,
    },
    "efficientnet_b0": {0: ((1, 3, 16, 1, 1), (6, 5, 24, 2, 2))},
    "efficientnet_v2_b0": {0: ((True, 1, 16, 1, 1), (False, 4, 24, 2, 2))},
    "shufflenet_v1_g3_1x": {0: ((240, 2), (480, 2), (960, 2))},
    "shufflenet_v2_1x": {1: (2, 2, 2)},
    "regnet_y_200mf": {0: ((1, 24, 8), (1, 56, 8))},
    "cbam_resnet18": {2: (1, 1, 1, 1)},
    "sk_resnet18": {2: (1, 1, 1, 1)},
    "repvgg_a0": {0: ((1, 24), (2, 48))},
    "mobileone_s0": {0: ((1, 24, 0), (2, 48, 1))},
    "resnest14": {1: (1, 1), 2: 16},
    "ghostnet_0.5x": {0: (((3, 16, 16, None),), ((5, 48, 24, 4), (3, 72, 24, None)))},
    "nfnet_f0": {0: (1, 2), 1: (16, 32), 2: (8, 16), 3: 32, 4: 8},
    "hrnet_w18_small": {0: 8, 2: 64, 3: ((1, 1), (1, 1), (1, 1))},
    "res2next50": {2: (1, 2, 1, 1)},
    "ese_vovnet19b_dw": {1: (16, 16), 2: (32, 64), 4: (1, 2)},
    "dla34": {0: (1, 2, 1, 1), 1: (16, 16, 24, 32)},
    "dpn68": {1: 16, 2: 16, 3: 4, 4: (1, 2, 1, 1), 5: (4, 4, 4, 8)},
    "cspdarknet53": {0: (1, 2)},
    "cspresnet50": {0: (1, 2), 1: 16, 2: 16},
    "mobilenet_v4_conv_small": {
        0: ((32, (5, 5, 3), (None, 3, 2)), (48, (3, None, 4), (None, None, 2))),
    },
    "convnext_v2_atto": {1: (1, 1, 1, 1)},
    "inceptionnext_atto": {0: (1, 1, 1, 1)},
    "fasternet_t0": {0: (1, 1, 1, 1)},
}
MEMBERS = [*WHOLE, *SHORT]
BATCHES = 6  # each is loaded by one fresh interpreter, which takes seconds to start


def shorter(name):
    """The network called name on its shorter table, at the smallest input for ten classes."""
    row = NETS[name]
    rows = tuple(SHORT[name].get(i, part) for i, part in enumerate(row.table))
    return build(name, replace(row, table=rows, shape=sized(name), classes=CLASSES), True, None)


def test_a_member_of_each_family():
    assert [sum(name in family.NETS for name in MEMBERS) for family in FAMILIES] == [1] * len(
        FAMILIES
    )


@pytest.mark.parametrize("names", [MEMBERS[i::BATCHES] for i in range(BATCHES)], ids=" ".join)
def test_fits_digits_and_answers_the_same_after_loading_and_export(names):
    rows = prove_all({name: partial(shorter if name in SHORT else small, name) for name in names})
    assert {name: rows[name]["failures"] for name in names} == {name: [] for name in names}


def test_a_weight_without_use_is_found():
    """A bias before batch norm moves by rounding, a branch times zero not at all."""
    x = keras.Input((8, 8, 1))
    m = conv(x, 8, n=BN, bias=True)
    lost = 0 * conv(m, 8, n=BN)
    m = conv(m, 8, n=BN)
    model = keras.Model(x, keras.layers.Dense(CLASSES)(gavgpool(m + lost)))
    before = [keras.ops.convert_to_numpy(w) for w in model.weights]
    fit(model, *digits((8, 8, 1)), 1e-2)
    useless = {"conv2d/bias", "conv2d_1/kernel"}
    useless |= {f"batch_normalization_1/{part}" for part in ("gamma", "beta")}
    assert {*still(model, before)} == useless


@pytest.mark.parametrize("net", sorted({net for net, _ in CANCELLED}))
def test_a_bias_that_may_stand_still_is_cancelled(net):
    """Random values for it do not change the body's output in training; another bias does."""
    whole = {"scale": 1.0} if net.startswith("inceptionnext") else {}  # else 1e-6
    model = create(net, sized(net), top=False, **whole)
    x, _ = digits(sized(net))
    expected = keras.ops.convert_to_numpy(model(x, training=True))

    def change(path):
        bias = next(w for w in model.weights if w.path == path)
        before = keras.ops.convert_to_numpy(bias)
        bias.assign(before + np.random.default_rng(0).normal(size=before.shape))
        found = keras.ops.convert_to_numpy(model(x, training=True))
        bias.assign(before)
        return np.abs(found - expected).max() / np.abs(expected).max()

    for path in sorted(path for name, path in CANCELLED if name == net):
        beside = path.replace("block10", "block9")  # a module before
        beside = re.sub("b2_b2_b2_dense1|b2_b2_b1_conv.", "b2_b2_b1_conv4", beside)  # BAM's last
        beside = re.sub("_b[234]_dwconv1|_conv2", "_conv1", beside)  # before the block's gelu
        beside = beside.replace("stem_", "stage1_block1_b2_")
        if net.startswith("hrnet"):
            beside = path.replace("conv1/bias", "bn1/beta")  # of the norm after it
        assert beside != path
        assert change(path) < 1e-4, path
        assert change(beside) > 1e-2, beside


def test_a_row_that_falls_short_says_in_what():
    good = dict(steps=9, loss=0.04, still=[], weights=2, moved=2, loaded=0.0, exported=1e-6)
    assert not failures(good)
    for worse, said in (
        (dict(steps=None, loss=0.06), "0.060"),
        (dict(still=["conv/bias"], moved=1), "conv/bias"),
        (dict(loaded=2e-4), "loaded"),
        (dict(exported=float("inf")), "exported"),
    ):
        (found,) = failures(good | worse)
        assert said in found


def test_a_digest_is_of_code_alone():
    one, same, other = (
        code(ast.parse(text))
        for text in (
            'def f(x):\n    """Twice."""\n    return 2 * x',
            '"""A."""\n\ndef f(x):\n    return (2 * x)  # twice\n',
            "def f(x):\n    return 3 * x",
        )
    )
    assert one == same != other


def test_a_digest_covers_what_builds_a_network():
    names = closure("architectures.stochastic_depth")
    assert {"architectures.resnet", "architectures.common", "blocks.resnet", "blocks.se"} <= names
    assert "blocks.shufflenet" not in names
    assert digest("resnet18") == digest("resnet50") != digest("vgg_A")
    assert digest("resnet20") == digest("resnet20_cifar")


def test_a_graph_is_of_what_is_trained(monkeypatch):
    """The digest repeats; it changes with an initial value, or with the code of our layers."""
    names = "lenet5", "squeezenet_v1_1", "alexnet_grouped"
    first = {name: graph(name) for name in names}
    assert {name: graph(name) for name in reversed(names)} == first
    assert len({*first.values()}) == 3

    def changed():
        return {name for name in names if graph(name) != first[name]}

    with monkeypatch.context() as patch:
        patch.setitem(LAST_BIAS, "squeezenet", 0.5)
        assert changed() == {"squeezenet_v1_1"}
    with monkeypatch.context() as patch:
        patch.setattr("proofs.graph.of_module", lambda module: module)
        assert changed() == {"lenet5", "alexnet_grouped"}


def test_a_network_that_other_code_makes_keeps_its_proof(monkeypatch, capsys):
    """A network with another graph, or whose row failed, does not keep its proof."""
    rows = {"lenet5": dict(failures=[], digest="another", graph=graph("lenet5"), loss=0.04)}
    monkeypatch.setattr(command, "kept", lambda: rows)
    monkeypatch.setattr("proofs.prove.prove", lambda name: dict(failures=[], loss=0.01))

    def loss():
        command.one("lenet5")
        row = json.loads(capsys.readouterr().out)
        assert (row["digest"], row["graph"]) == (digest("lenet5"), graph("lenet5"))
        return row["loss"]

    assert loss() == 0.04
    rows["lenet5"]["graph"] = "another"
    assert loss() == 0.01
    rows["lenet5"] |= dict(graph=graph("lenet5"), failures=["the loss is 2"])
    assert loss() == 0.01
    rows.clear()
    assert loss() == 0.01


def test_rows_that_do_not_hold_are_found():
    rows = {
        name: dict(failures=[], digest=digest(name), input=[*sized(name)], rate=rated(name))
        for name in table.wanted()
    }
    assert not table.stale(rows)
    rows["vgg_A"]["digest"], rows["vgg_B"]["failures"] = "another", ["the loss is 2"]
    rows["vgg_D"]["rate"] = 1.0
    del rows["vgg_C"]
    found = table.stale(rows | {"vgg_X": {}})
    assert {*found} == {f"vgg_{letter}" for letter in "ABCDX"}


def test_every_network_has_been_proven():
    """Every network has a row of some version of its code; make proofs renews older rows."""
    left_out = {*NETS} - {*table.wanted()}
    assert left_out == {"amoebanet_a_6_448", *table.SCALED}
    assert {*table.stale(table.kept()).values()} <= {"its code has changed"}


def test_the_table_is_that_of_the_rows():
    assert table.TABLE.read_text(encoding="utf-8") == table.markdown(table.kept())
