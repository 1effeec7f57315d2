"""Squeeze-and-excitation, DenseNet, mobile, Inception and Xception blocks in detail."""

import numpy as np
import pytest
from keras import layers
from reference import (
    IMAGES,
    applied,
    built,
    close,
    convolve,
    convs,
    excited,
    kinds,
    made,
    norms,
    relu,
)

from convbook import blocks
from convbook.blocks import BN


def test_squeeze_and_excitation():
    model = built(blocks.se_block, r=4)
    close(model(IMAGES), excited(model, IMAGES))
    assert [layer.units for layer in made(model, layers.Dense)] == [2, 8]


def test_squeeze_and_excitation_in_a_residual_block():
    """The branch is weighted before the addition."""
    model = built(blocks.basic_block, 8, se=4)
    (c1, c2), (n1, n2) = convs(model), norms(model)
    m = applied(n2, applied(c2, relu(applied(n1, applied(c1, IMAGES)))))
    close(model(IMAGES), relu(IMAGES + excited(model, m)))
    for block in (blocks.bottleneck_block, blocks.resnext_bottleneck_block):
        paths = dict(c=2, width=2) if block is blocks.resnext_bottleneck_block else {}
        model = built(block, 8, se=2, **paths)
        (add,), (scale,) = made(model, layers.Add), made(model, layers.Multiply)
        assert add.input[1] is scale.output
        assert scale.input[0] is norms(model)[-1].output
    model = built(blocks.preact_block, 8, se=4)
    (c1, c2), (n1, n2) = convs(model), norms(model)
    m = applied(c2, relu(applied(n2, applied(c1, relu(applied(n1, IMAGES))))))
    close(model(IMAGES), IMAGES + excited(model, m))


def test_squeeze_and_excitation_on_an_inception_module():
    """The whole concatenation is weighted."""
    row = (4, 3, 8, 2, 4, 4)
    plain, model = built(blocks.inception_module, row), built(blocks.inception_module, row, se=4)
    for mine, theirs in zip(convs(plain), convs(model), strict=True):
        mine.set_weights(theirs.get_weights())
    close(model(IMAGES), excited(model, plain(IMAGES).numpy()))


def test_densenet_layer_and_transition():
    """x, BN relu 1x1 rf, BN relu 3x3 f; then BN relu 1x1 C/r, 2x2 mean."""
    model = built(blocks.dense_block, 4, 2, n=BN, r=4)
    c, n, x = convs(model), norms(model), IMAGES
    for i in (0, 2):
        m = applied(c[i], relu(applied(n[i], x)))
        x = np.concatenate([x, applied(c[i + 1], relu(applied(n[i + 1], m)))], -1)
    close(model(IMAGES), x)
    assert [layer.filters for layer in c] == [16, 4, 16, 4]
    model = built(blocks.transition_block)
    (conv,), (norm,) = convs(model), norms(model)
    y = applied(conv, relu(applied(norm, IMAGES)))
    close(model(IMAGES), y.reshape(3, 4, 2, 4, 2, 4).mean((2, 4)))
    dropped = built(blocks.dense_block, 4, 2, n=BN, rate=0.2)
    assert [layer.rate for layer in made(dropped, layers.Dropout)] == [0.2, 0.2]


@pytest.mark.parametrize(
    ("block", "args", "kwargs", "chain"),
    [
        (blocks.mobilenet_block, (8,), {}, "dw BN relu conv BN relu"),
        (blocks.mobilenet_block, (8, 2), {"a": "relu6"}, "dw BN relu6 conv BN relu6"),
        (blocks.inv_residual_block, (8,), {}, "conv sep add"),
        (blocks.inverted_residual_block, (8,), {}, "conv BN relu6 dw BN relu6 conv BN add"),
        (blocks.inverted_residual_block, (8,), {"r": 1}, "dw BN relu6 conv BN add"),
        (blocks.inverted_residual_block, (8, 2), {}, "conv BN relu6 dw BN relu6 conv BN"),
        (blocks.inverted_residual_block, (9,), {}, "conv BN relu6 dw BN relu6 conv BN"),
        (
            blocks.inverted_residual_block,
            (8,),
            {"se": 2, "a": "silu"},
            "conv BN silu dw BN silu GlobalAveragePooling2D Dense Dense Multiply conv BN add",
        ),
        (
            blocks.mobilenet_v3_block,
            (9,),
            {},
            "conv BN hard_silu dw BN hard_silu GlobalAveragePooling2D Dense Dense Multiply conv BN",
        ),
        (blocks.mobilenet_v3_block, (8,), {"width": 8, "se": None}, "dw BN hard_silu conv BN add"),
        (
            blocks.mbconv_block,
            (8,),
            {"r": 1},
            "dw BN silu GlobalAveragePooling2D Dense Dense Multiply conv BN add",
        ),
        (blocks.fused_mbconv_block, (8,), {}, "conv BN silu conv BN add"),
        (blocks.fused_mbconv_block, (8,), {"r": 1}, "conv BN silu add"),
        (
            blocks.fused_mbconv_block,
            (8,),
            {"r": 1, "project": True},
            "conv BN silu conv BN add",
        ),
        (
            blocks.fused_mbconv_block,
            (9,),
            {"se": 2},
            "conv BN silu GlobalAveragePooling2D Dense Dense Multiply conv BN",
        ),
        (blocks.uib_block, (8,), {}, "dw BN conv BN relu dw BN relu conv BN add"),
        (
            blocks.fused_mbconv_block,
            (8, 2),
            {"antialias": "avg"},
            "conv BN silu mean conv BN",
        ),
        (
            blocks.uib_block,
            (8, 2),
            {"antialias": "blur"},
            "dw BN conv BN relu dw BN relu ZeroPadding2D mean mean conv BN",
        ),
        (blocks.uib_block, (8,), {"first": None}, "conv BN relu dw BN relu conv BN add"),
        (blocks.uib_block, (9,), {"k": None}, "dw BN conv BN relu conv BN"),
        (blocks.uib_block, (8,), {"first": None, "k": None}, "conv BN relu conv BN add"),
        (
            blocks.regnet_block,
            (8,),
            {"width": 4, "se": 2},
            "conv BN relu gconv BN relu GlobalAveragePooling2D Dense Dense Multiply conv BN add "
            "relu",
        ),
        (
            blocks.regnetz_block,
            (8,),
            {},
            "conv BN silu gconv BN silu GlobalAveragePooling2D Dense Dense Multiply conv BN add",
        ),
        (
            blocks.regnetz_block,
            (8, 2),
            {"se": None},
            "conv BN silu ZeroPadding2D gconv BN silu conv BN",
        ),
        (
            blocks.pyramid_block,
            (9, 2),
            {},
            "BN ZeroPadding2D conv BN relu mean conv BN add",
        ),
        (
            blocks.blur_block,
            (9, 2),
            {"r": 3},
            "conv BN relu conv BN relu BlurPool2D BlurPool2D conv conv BN BN add relu",
        ),
        (blocks.repvgg_block, (9,), {}, "conv conv BN BN add relu"),
        (blocks.mobileone_block, (9,), {}, "dw dw BN BN BN add relu conv BN relu"),
        (
            blocks.splat_conv,
            (8,),
            {},
            "gconv BN relu add GlobalAveragePooling2D Dense BN relu Dense Reshape Softmax Multiply "
            "Multiply add",
        ),
        (blocks.ghost_module, (8,), {}, "conv BN relu dw BN relu Concatenate"),
        (
            blocks.ghost_bottleneck,
            (8,),
            {"se": 4},
            "conv BN relu dw BN relu Concatenate GlobalAveragePooling2D Dense Dense Multiply conv "
            "BN dw BN Concatenate add",
        ),
        (
            blocks.ghost_bottleneck,
            (10, 2),
            {},
            "conv BN relu dw BN relu Concatenate ZeroPadding2D dw BN ZeroPadding2D conv dw BN BN "
            "dw conv BN BN Concatenate add",
        ),
        (
            blocks.res2net_block,
            (8,),
            {"c": 3, "width": 2},
            "conv BN relu conv BN relu add conv BN relu Concatenate conv BN add relu",
        ),
        (
            blocks.osa_block,
            (8,),
            {"b": 2, "ese": True, "identity": True},
            "conv BN relu conv BN relu Concatenate conv BN relu GlobalAveragePooling2D Dense "
            "Multiply add",
        ),
        (
            blocks.dpn_block,
            (8,),
            {"growth": 2, "width": 4, "g": 2},
            "BN relu conv BN relu gconv BN BN relu relu conv conv add Concatenate",
        ),
        (blocks.dla_block, (8,), {}, "conv BN relu conv BN add relu"),
        (
            blocks.dla_block,
            (8,),
            {"width": 4, "g": 2},
            "conv BN relu gconv BN relu conv BN add relu",
        ),
        (
            blocks.dla_block,
            (8,),
            {"width": 2, "c": 3},
            "conv BN relu conv BN relu add conv BN relu Concatenate conv BN add relu",
        ),
        (blocks.dla_root, (8,), {"shortcut": True}, "Concatenate conv BN add relu"),
        (
            blocks.dla_tree,
            (8,),
            {"b": 2, "block": lambda x, f, s=1: blocks.conv(x, f, s=s)},
            "conv conv Concatenate conv BN relu conv conv Concatenate conv BN relu",
        ),
        (
            blocks.nf_block,
            (8,),
            {"width": 2},
            "gelu Rescaling std gelu Rescaling std gelu Rescaling std gelu Rescaling std "
            "GlobalAveragePooling2D Dense Dense Multiply SkipInit Rescaling add",
        ),
        (
            blocks.nf_block,
            (16, 2),
            {"width": 8, "a": "relu", "se": None},
            "relu Rescaling std relu Rescaling std relu Rescaling std relu Rescaling std mean "
            "SkipInit std Rescaling add",
        ),
        (blocks.ws_conv, (8,), {"n": BN}, "std BN relu"),
        (
            blocks.leaky_bottleneck,
            (8,),
            {"g": 2},
            "conv BN LeakyReLU gconv BN LeakyReLU conv BN add LeakyReLU",
        ),
        (blocks.dark_block, (8,), {}, "conv BN LeakyReLU conv BN LeakyReLU add"),
        (
            blocks.csp_stage,
            (8,),
            {"block": lambda m: blocks.conv(m, 4)},
            "ZeroPadding2D conv BN LeakyReLU conv BN LeakyReLU conv conv BN LeakyReLU Concatenate "
            "conv BN LeakyReLU",
        ),
        (blocks.inceptionnext_block, (), {}, "dw dw dw Concatenate BN conv conv LayerScale add"),
        (blocks.fasternet_block, (), {}, "conv Concatenate conv BN relu conv add"),
        (blocks.shufflenet_unit, (8,), {"g": 2}, "gconv BN relu shuffle dw BN gconv BN add relu"),
        (
            blocks.shufflenet_unit,
            (8,),
            {"g": 2, "first_g": 1},
            "conv BN relu shuffle dw BN gconv BN add relu",
        ),
        (
            blocks.shufflenet_v2_unit,
            (8,),
            {},
            "conv BN relu dw BN conv BN relu Concatenate shuffle",
        ),
        (blocks.xception_block, (8,), {"b": 3}, "relu sep BN relu sep BN relu sep BN add"),
        (blocks.xception_block, (8,), {"lead": False}, "sep BN relu sep BN add"),
        (blocks.extreme_inception, (8,), {}, "conv dw BN relu"),
        (blocks.extreme_inception, (8,), {"first": "depthwise"}, "dw conv BN relu"),
        (blocks.grouped_sepconv, (8,), {"n": BN}, "dw BN relu gconv BN relu"),
        (blocks.spatial_sepconv, (), {}, "dw dw"),
        (blocks.mlpconv, ((8, 8, 8),), {}, "conv conv conv"),
        (blocks.asymmetric_pair, (8,), {"n": BN}, "conv BN relu conv BN relu"),
        (blocks.small_kernels, (8,), {"k": 7}, "conv conv conv"),
        (blocks.dense_block, (8, 1), {"n": BN, "r": 4}, "BN relu conv BN relu conv Concatenate"),
        (blocks.transition_block, (), {"rate": 0.2}, "BN relu conv drop mean"),
    ],
)
def test_order_of_layers(block, args, kwargs, chain):
    assert kinds(built(block, *args, **kwargs)) == chain


def test_activations_inside():
    """Layers are linear exactly where the paper says so."""

    def inside(block, *args, **kwargs):
        found = made(built(block, *args, **kwargs), layers.Conv2D, layers.DepthwiseConv2D)
        found = {c.activation.__name__ for c in found}
        return found.pop() if len(found) == 1 else found

    assert inside(blocks.mlpconv, (8, 8)) == "relu"
    assert inside(blocks.maxout, 8) == "linear"
    assert [layer.activation.__name__ for layer in built(blocks.spatial_sepconv).layers[1:]] == [
        "linear",
        "relu",
    ]
    for first in ("1x1", "depthwise"):
        for middle in ("relu", None):
            model = built(blocks.extreme_inception, 8, first=first, middle=middle)
            inner = model.layers[1]
            assert inner.activation.__name__ == (middle or "linear")


def test_xception_shortcut_and_pool():
    """3x3/2 max at the end of the branch, 1x1/2 with BN on the shortcut."""
    model = built(blocks.xception_block, 12, 2)
    (conv,) = [c for c in convs(model) if isinstance(c, layers.Conv2D)]
    (pool,), (add,) = made(model, layers.MaxPooling2D), made(model, layers.Add)
    assert (conv.strides, pool.strides, pool.pool_size) == ((2, 2), (2, 2), (3, 3))
    assert add.input[1] is pool.output
    assert add.input[0] is norms(model)[0].output


def test_inception_resnet_scales_its_branch():
    """relu(x + 0.2 (paths, concatenated, 1x1 with a bias)); a=None leaves the relu out."""
    paths = [[(1, 4)], [(1, 4), ((1, 3), 6)]]
    for a, last in (("relu", relu), (None, lambda x: x)):
        model = built(blocks.inception_resnet_block, paths=paths, scale=0.2, n=None, a=a)
        one, two, three, end = convs(model)
        m = relu(applied(two, IMAGES))
        m = relu(convolve(m, *three.get_weights()[:1]) + three.get_weights()[1])
        m = applied(end, np.concatenate([relu(applied(one, IMAGES)), m], -1))
        close(model(IMAGES), last(IMAGES + 0.2 * m))


def test_fire_module_bypass():
    """The input is added unchanged ('simple'), or through a linear 1x1 ('complex')."""
    model = built(blocks.fire_module, 8, r=4)
    simple = built(blocks.fire_module, 8, r=4, bypass="simple")
    simple.set_weights(model.get_weights())
    close(simple(IMAGES), IMAGES + model(IMAGES))
    complex_ = built(blocks.fire_module, 8, r=4, bypass="complex")
    for mine, theirs in zip(convs(model), convs(complex_)[:3], strict=True):
        mine.set_weights(theirs.get_weights())
    close(complex_(IMAGES), applied(convs(complex_)[3], IMAGES) + model(IMAGES))
