"""NASNet, AmoebaNet and PNASNet cells: the tables, and what cell makes of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import fill
from keras import layers
from reference import IMAGES, applied, built, close, convs, kinds, made, norms, relu, windows

from convbook import blocks
from convbook.blocks import BN_TF

# The authors' code (tensorflow/models slim and tensorflow/tpu), state by state: left + right.
AUTHORS = {
    "NASNET_A_NORMAL": (
        "sep5(h) + sep3(h_prev), sep5(h_prev) + sep3(h_prev), avg3(h) + none(h_prev), "
        "avg3(h_prev) + avg3(h_prev), sep3(h) + none(h)",
        "h_prev comb0 comb1 comb2 comb3 comb4",
    ),
    "NASNET_A_REDUCTION": (
        "sep5(h) + sep7(h_prev), max3(h) + sep7(h_prev), avg3(h) + sep5(h_prev), "
        "none(comb1) + avg3(comb0), sep3(comb0) + max3(h)",
        "comb1 comb2 comb3 comb4",
    ),
    "AMOEBANET_A_NORMAL": (
        "avg3(h) + max3(h), sep3(h_prev) + none(h_prev), none(h) + avg3(h_prev), "
        "sep3(h) + sep5(comb0), avg3(comb3) + sep3(h)",
        "h_prev comb1 comb2 comb4",
    ),
    "AMOEBANET_A_REDUCTION": (
        "sep3(h_prev) + avg3(h), max3(h) + sep7(comb0), max3(h_prev) + max3(h), "
        "sep3(comb2) + 1x7_7x1(h), avg3(h_prev) + sep7(h)",
        "comb0 comb1 comb2 comb3 comb4",
    ),
    "PNASNET_5": (
        "sep5(h_prev) + max3(h_prev), sep7(h) + max3(h), sep5(h) + sep3(h), "
        "sep3(comb2) + max3(h), sep3(h_prev) + none(h)",
        "comb0 comb1 comb2 comb3 comb4",
    ),
}


@pytest.mark.parametrize("name", AUTHORS)
def test_tables_are_the_authors(name):
    rows, used = getattr(blocks, name)
    written = [
        f"{op1}({i1 if isinstance(i1, str) else f'comb{i1}'})"
        f" + {op2}({i2 if isinstance(i2, str) else f'comb{i2}'})"
        for op1, i1, op2, i2 in rows
    ]
    states = [i if isinstance(i, str) else f"comb{i}" for i in used]
    assert (", ".join(written), " ".join(states)) == AUTHORS[name]


def norm(x):
    return layers.BatchNormalization(momentum=0.9997, epsilon=1e-3)(x)


def fit(x, f, s=1):
    return norm(layers.Conv2D(f, 1, s, use_bias=False)(layers.ReLU()(x)))


def sep(x, f, k, s=1):
    for stride in (s, 1):
        x = layers.SeparableConv2D(f, k, stride, "same", use_bias=False)(layers.ReLU()(x))
        x = norm(x)
    return x


def avg(x, s=1):
    return layers.AveragePooling2D(3, s, "same")(x)


def biggest(x, s=1):
    return layers.MaxPooling2D(3, s, "same")(x)


def normal(p, h, f):
    """NASNet-A's normal cell, written out without a table."""
    p, h = fit(p, f), fit(h, f)
    a = layers.add([sep(h, f, 5), sep(p, f, 3)])
    b = layers.add([sep(p, f, 5), sep(p, f, 3)])
    c = layers.add([avg(h), p])
    d = layers.add([avg(p), avg(p)])
    e = layers.add([sep(h, f, 3), h])
    return layers.concatenate([p, a, b, c, d, e])


def reduction(p, h, f):
    """NASNet-A's reduction cell: only what reads p or h has a stride."""
    p, h = fit(p, f), fit(h, f)
    a = layers.add([sep(h, f, 5, 2), sep(p, f, 7, 2)])
    b = layers.add([biggest(h, 2), sep(p, f, 7, 2)])
    c = layers.add([avg(h, 2), sep(p, f, 5, 2)])
    d = layers.add([b, avg(a)])
    e = layers.add([sep(a, f, 3), biggest(h, 2)])
    return layers.concatenate([b, c, d, e])


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize(
    ("cell", "plain"),
    [(blocks.nasnet_normal_cell, normal), (blocks.nasnet_reduction_cell, reduction)],
)
def test_cell_is_the_cell_written_out(cell, plain, size):
    inputs = [keras.Input((size, size, c)) for c in (6, 12)]
    ours, theirs = keras.Model(inputs, cell(*inputs, 4)), keras.Model(inputs, plain(*inputs, 4))
    fill(ours)
    for kind in (layers.Conv2D, layers.SeparableConv2D, layers.BatchNormalization):
        for mine, other in zip(made(ours, kind), made(theirs, kind), strict=True):
            other.set_weights(mine.get_weights())
            if kind is layers.BatchNormalization:
                assert (mine.momentum, mine.epsilon) == (0.9997, 1e-3)
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(2, size, size, c)).astype("float32") for c in (6, 12)]
    for training in (False, True):
        close(ours(x, training=training), theirs(x, training=training))


@pytest.mark.parametrize(
    "cell",
    [
        blocks.nasnet_normal_cell,
        blocks.nasnet_reduction_cell,
        blocks.amoebanet_normal_cell,
        blocks.amoebanet_reduction_cell,
    ],
)
def test_one_topology_for_all_sizes(cell):
    """Odd, even and unknown sizes give the same layers, also where h_prev is twice as large."""

    def chain(height, width):
        shapes = [(n and 2 * n, m and 2 * m, 6) for n, m in [(height, width)]]
        inputs = [keras.Input(shape) for shape in (*shapes, (height, width, 12))]
        model = keras.Model(inputs, cell(*inputs, 4, s_prev=2))
        return kinds(model), [tuple(v.shape) for v in model.weights]

    assert chain(8, 8) == chain(7, 7) == chain(7, 8) == chain(None, None)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 8), (7, 9)])
def test_factorized_reduction(height, width):
    """The second path reads one pixel down and right of the first, and zeros beyond the image."""
    x = np.random.default_rng(0).normal(size=(2, height, width, 6)).astype("float32")
    i = keras.Input((height, width, 6))
    model = fill(keras.Model(i, blocks.factorized_reduction(i, 8)))
    first, second = (c.get_weights()[0][0, 0] for c in convs(model))
    shifted = np.pad(relu(x), [(0, 0), (0, 1), (0, 1), (0, 0)])[:, 1:, 1:]
    y = np.concatenate([relu(x)[:, ::2, ::2] @ first, shifted[:, ::2, ::2] @ second], -1)
    close(model(x), applied(norms(model)[0], y))


def test_factorized_reduction_to_an_odd_number():
    """Both halves are rounded down, and a channel of zeros is added, as in AmoebaNet's code."""
    model = built(blocks.factorized_reduction, 7)
    assert [c.filters for c in convs(model)] == [3, 3]
    gamma, beta, mean, variance = norms(model)[0].get_weights()
    zeros = beta - gamma * mean / np.sqrt(variance + 1e-3)
    close(model(IMAGES)[..., 6], np.full((3, 4, 4), zeros[6]))


@pytest.mark.parametrize(
    ("op", "s", "chain"),
    [
        ("sep3", 1, "relu sep BN relu sep BN"),
        ("avg3", 2, "mean"),
        ("max3", 1, "max"),
        ("none", 1, ""),
        ("none", 2, "relu conv BN"),
        ("1x7_7x1", 2, " ".join(["relu conv BN"] * 4)),
    ],
)
def test_operations(op, s, chain):
    model = built(blocks.cell_op, op, 8, s)
    assert kinds(model) == chain
    assert model.output.shape == (None, 8 // s, 8 // s, 8)
    assert all((n.momentum, n.epsilon) == tuple(BN_TF.values()) for n in norms(model))
    if op == "1x7_7x1":
        found = [(c.kernel_size, c.strides, c.filters) for c in convs(model)]
        ends = [((1, 1), (1, 1), 2), ((1, 1), (1, 1), 8)]
        assert found == [ends[0], ((1, 7), (1, 2), 2), ((7, 1), (2, 1), 2), ends[1]]
    if op == "sep3":
        strided = built(blocks.cell_op, op, 8, 2)
        assert [c.strides for c in made(strided, layers.SeparableConv2D)] == [(2, 2), (1, 1)]


def test_gate_leaves_identities_alone():
    """A gate acts on 8 of the normal cell's 10 operations, and on 9 of the reduction cell's."""

    def gate(x, op):
        return layers.Dropout(0.5)(op(x))

    for cell, count in ((blocks.nasnet_normal_cell, 8), (blocks.nasnet_reduction_cell, 9)):
        x = keras.Input((8, 8, 4))
        model = keras.Model(x, cell(x, x, 4, gate=gate))
        assert len(made(model, layers.Dropout)) == count


POOLS = ["same", "zeros", "zeros in means"]


@pytest.mark.parametrize("pool_p", POOLS)
@pytest.mark.parametrize("op", ["avg3", "max3"])
def test_zeros_of_strided_pools(op, pool_p):
    """'same' pads without counting; 'zeros' puts zeros there, in means only or in maxima too.

    At even sizes at the far end, at odd sizes at both ends, as 'same'; known or not.
    """
    for height, width in ((8, 8), (8, 9), (7, 8), (9, 7), (1, 2)):
        x = np.random.default_rng(0).normal(size=(2, height, width, 4)).astype("float32") - 3
        counts = pool_p == "zeros" or (op == "avg3" and pool_p == "zeros in means")
        reads = windows(x, 3, 2, "same", value=0.0 if counts else np.nan)
        expected = np.nanmean(reads, (3, 4)) if op == "avg3" else np.nanmax(reads, (3, 4))
        for shape in ((height, width, 4), (None, None, 4)):
            i = keras.Input(shape)
            model = keras.Model(i, blocks.cell_op(i, op, 4, 2, pool_p=pool_p))
            close(model(x), expected)
            assert model.compute_output_shape(x.shape) == expected.shape


@pytest.mark.parametrize("pool_p", POOLS)
def test_cells_of_unknown_size_answer_as_those_of_known(pool_p):
    rows, used = blocks.NASNET_A_REDUCTION

    def build(height, width):
        i = keras.Input((height, width, 6))
        x = blocks.cell(None, i, 4, 2, rows=rows, used=used, pool_p=pool_p)
        x = blocks.cell(i, x, 4, 2, rows=rows, used=used, s_prev=2, pool_p=pool_p)
        return fill(keras.Model(i, x))

    free = build(None, None)
    traced = tf.function(free, input_signature=[tf.TensorSpec((None, None, None, 6))])
    for height, width in ((8, 8), (9, 9), (8, 7), (7, 10)):
        x = np.random.default_rng(0).normal(size=(2, height, width, 6)).astype("float32")
        known = build(height, width)(x)
        close(free(x), known)
        close(traced(x), known)


def test_same_padding_is_saved(tmp_path):
    i = keras.Input((None, None, 4))
    model = keras.Model(i, blocks.cell_op(i, "avg3", 4, 2, pool_p="zeros"))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(IMAGES[..., :4]), model(IMAGES[..., :4]))
