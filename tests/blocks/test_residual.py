"""Residual blocks, before and after activation, against NumPy."""

import keras
import numpy as np
import pytest
from keras import layers
from reference import (
    IMAGES,
    applied,
    built,
    close,
    convs,
    kinds,
    made,
    norms,
    relu,
    sigmoid,
)

from convbook import blocks


def test_shortcuts():
    """A: every second pixel and zero channels; B: a projection where the shape changes; C: one
    everywhere; D: as B, of means where the grid is halved."""
    path = blocks.shortcut_path
    for shortcut in "ABD":
        assert path(IMAGES, 8, shortcut=shortcut) is IMAGES
    zeros = np.zeros((3, 4, 4, 5), "float32")
    half = IMAGES[:, ::2, ::2]
    np.testing.assert_array_equal(path(IMAGES, 8, 2, shortcut="A"), half)
    np.testing.assert_array_equal(
        path(IMAGES, 13, 2, shortcut="A"), np.concatenate([half, zeros], -1)
    )
    np.testing.assert_array_equal(path(IMAGES, 8, (2, 1), shortcut="A"), IMAGES[:, ::2])
    for f, s, shortcut in ((13, 1, "B"), (8, 2, "B"), (13, 2, "B"), (8, 1, "C"), (13, 2, "C")):
        model = built(path, f, s, shortcut=shortcut)
        (conv,), (norm,) = convs(model), norms(model)
        assert (conv.kernel_size, conv.strides, conv.use_bias) == ((1, 1), (s, s), False)
        close(model(IMAGES), applied(norm, applied(conv, IMAGES)))
        assert kinds(model) == "conv BN"
    model = built(path, 13, 2, shortcut="D")
    (conv,), (norm,) = convs(model), norms(model)
    means = IMAGES.reshape(3, 4, 2, 4, 2, 8).mean((2, 4))
    close(model(IMAGES), applied(norm, applied(conv, means)))
    assert kinds(model) == "mean conv BN"
    assert kinds(built(path, 13, shortcut="D")) == "conv BN"


@pytest.mark.parametrize("block", [blocks.basic_block, blocks.preact_block])
def test_a_stride_of_one_both_ways_is_no_stride(block):
    i = keras.Input((8, 8, 4))
    made = [[type(m).__name__ for m in keras.Model(i, block(i, 4, s)).layers] for s in (1, (1, 1))]
    assert made[0] == made[1]


@pytest.mark.parametrize("shortcut", ["A", "B", "C", None])
@pytest.mark.parametrize(("f", "s"), [(8, 1), (12, 2)])
def test_basic_block(f, s, shortcut):
    """relu(shortcut + BN conv relu BN conv), padded by one pixel on each side also at stride 2."""
    model = built(blocks.basic_block, f, s, shortcut=shortcut)
    (c1, c2, *c3), (n1, n2, *n3) = convs(model), norms(model)
    m = applied(n2, applied(c2, relu(applied(n1, applied(c1, IMAGES)))))
    if shortcut is not None:
        x = IMAGES[:, ::s, ::s]
        x = (
            np.pad(x, [(0, 0)] * 3 + [(0, f - 8)])
            if not c3
            else applied(n3[0], applied(c3[0], IMAGES))
        )
        m = x + m
    close(model(IMAGES), relu(m))
    assert len(c3) == len(n3) == (shortcut == "C" or (shortcut == "B" and s == 2))
    assert len(made(model, layers.Add)) == (shortcut is not None)


@pytest.mark.parametrize("stride_on", ["1x1", "3x3"])
def test_stride_of_a_bottleneck(stride_on):
    """In the first 1x1 (paper) or the 3x3 (Torch), and always in the projection."""
    steps = [(2, 2), (1, 1), (1, 1)] if stride_on == "1x1" else [(1, 1), (2, 2), (1, 1)]
    model = built(blocks.bottleneck_block, 16, 2, stride_on=stride_on)
    assert [c.strides for c in convs(model)] == [*steps, (2, 2)]
    assert [c.kernel_size[0] for c in convs(model)] == [1, 3, 1, 1]
    c, n = convs(model), norms(model)
    m = relu(applied(n[0], applied(c[0], IMAGES)))
    m = relu(applied(n[1], applied(c[1], m)))
    m = applied(n[2], applied(c[2], m)) + applied(n[3], applied(c[3], IMAGES))
    close(model(IMAGES), relu(m))
    model = built(blocks.preact_block, 16, 2, r=4, stride_on=stride_on)
    assert [c.strides for c in convs(model)] == [*steps, (2, 2)]
    for form in ("sum", "concat", "grouped"):
        model = built(blocks.resnext_bottleneck_block, 16, 2, c=2, width=4, form=form)
        strided = [c.kernel_size[0] for c in convs(model) if c.strides == (2, 2)]
        assert sorted(strided) == [1] + [3] * (1 if form == "grouped" else 2)


@pytest.mark.parametrize("r", [None, 4])
def test_preact_identity(r):
    """x + conv relu BN conv relu BN x: after the sum there is neither a norm nor a relu."""
    model = built(blocks.preact_block, 8, r=r)
    m = IMAGES
    for conv, norm in zip(convs(model), norms(model), strict=True):
        m = applied(conv, relu(applied(norm, m)))
    close(model(IMAGES), IMAGES + m)
    assert len(convs(model)) == (3 if r else 2)


def test_preact_projection_reads_the_activated():
    """One BN and relu before both the branch and the projection; none before shortcut A."""
    model = built(blocks.preact_block, 12, 2)
    (c1, c2, projection), (n1, n2) = convs(model), norms(model)
    x = relu(applied(n1, IMAGES))
    close(
        model(IMAGES),
        applied(projection, x) + applied(c2, relu(applied(n2, applied(c1, x)))),
    )
    model = built(blocks.preact_block, 12, 2, shortcut="A")
    (c1, c2), (n1, n2) = convs(model), norms(model)
    x = relu(applied(n1, IMAGES))
    raw = np.pad(IMAGES[:, ::2, ::2], [(0, 0)] * 3 + [(0, 4)])
    close(model(IMAGES), raw + applied(c2, relu(applied(n2, applied(c1, x)))))
    model = built(blocks.preact_block, 12, 2, shortcut=None)
    assert not made(model, layers.Add)


@pytest.mark.parametrize(
    ("order", "chain"),
    [
        ("original", "conv BN relu conv BN add relu"),
        ("BN after addition", "conv BN relu conv add BN relu"),
        ("ReLU before addition", "conv BN relu conv BN relu add"),
        ("ReLU-only pre-activation", "relu conv BN relu conv BN add"),
        ("full pre-activation", "BN relu conv BN relu conv add"),
    ],
)
def test_orders_of_figure_4(order, chain):
    """Identity Mappings, Figure 4; the other end of the addition is the input itself."""
    model = built(blocks.activation_order_block, 8, order=order)
    assert kinds(model) == chain
    (add,) = made(model, layers.Add)
    assert add.input[0] is model.inputs[0]
    assert not any(c.use_bias for c in convs(model))


@pytest.mark.parametrize(
    "variant",
    ["original", "constant scaling", "exclusive gating", "shortcut-only gating", "conv shortcut"],
)
def test_variants_of_figure_2(variant):
    """Identity Mappings, Figure 2 and equations: (1 - g) x + g F, (1 - g) x + F, half of both."""
    model = built(blocks.shortcut_variant_block, 8, variant=variant)
    (c1, c2, *c3), (n1, n2, *n3) = convs(model), norms(model)
    x, m = IMAGES, applied(n2, applied(c2, relu(applied(n1, applied(c1, IMAGES)))))
    if variant == "constant scaling":
        x, m = 0.5 * x, 0.5 * m
    elif variant == "conv shortcut":
        x = applied(n3[0], applied(c3[0], x))
    elif variant != "original":
        g = sigmoid(applied(c3[0], x))
        x, m = (1 - g) * x, g * m if variant == "exclusive gating" else m
    close(model(IMAGES), relu(x + m))


def test_gate_and_dropout_of_figure_2():
    x = keras.Input((8, 8, 8))
    for variant in ("exclusive gating", "shortcut-only gating"):
        model = keras.Model(x, blocks.shortcut_variant_block(x, 8, variant=variant))
        np.testing.assert_array_equal(convs(model)[-1].bias, np.full(8, -6.0))
    model = built(blocks.shortcut_variant_block, 8, variant="dropout shortcut")
    (dropout,) = made(model, layers.Dropout)
    (add,) = made(model, layers.Add)
    assert dropout.rate == 0.5
    assert dropout.input is model.inputs[0]
    assert add.input[0] is dropout.output
