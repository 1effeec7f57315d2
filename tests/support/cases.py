"""A table of small calls of every public block, each with its formulas for weights and sizes.

Nothing here imports TensorFlow, because the table also serves the other backends.
"""

from collections import namedtuple
from functools import cache, partial
from unittest.mock import patch

import keras
import numpy as np

from convbook import blocks
from convbook.blocks import BN, BN_TF, LN

FLAT = None
GROUPS = {"groups": 4}


def same(n):
    return n


def half(n):
    """'same' at stride 2, and a 3x3/2 padded by 1."""
    return -(-n // 2)


def floor(n):
    """2x2/2 without padding, and Caffe's 3x3/2 pool."""
    return n // 2


def valid(n):
    """3x3/2 without padding."""
    return (n - 3) // 2 + 1


# build: from the input tensors to the output tensor.  c: channels of the input, or of each input
# with its size as a multiple of n.  f: channels of the result.  weights, biases, bn, gn: kernel
# elements, biases, channels with batch norm, channels with group norm.  size: the output's height
# (or a pair: height, width) from the input's; FLAT is (N, f).  n: the input's height and width.
# fixed: H and W must be known.  noisy: a random layer acts in training.
Case = namedtuple(
    "Case",
    "name note build c f weights biases bn gn size n fixed noisy",
    defaults=(0, 0, 0, 0, same, 8, False, False),
)


def call(title, build):
    """The start of a case: "NAME what is special", a function of the input tensors."""
    name, _, note = title.partition(" ")
    return partial(Case, name, note, build)


def cell(h_prev, h, f, s, topology):
    rows, used = topology
    return blocks.cell(h_prev, h, f, s, rows=rows, used=used)


def separable(k, c, f):
    return k * k * c + c * f


def splits(c, f, radix, width):
    """Weights of a split attention: a 3x3 for each split, of its part of c; two dense layers."""
    return 9 * c * f + f * width + width * radix * f


def ghost(c, f):
    """Weights of a ghost module: 1x1 to half of f, a 3x3 for each of the other half."""
    return c * f // 2 + 9 * f // 2


def twice(ks, f):
    """Weights of NASNet's separable convolutions of sizes ks, each run twice, f -> f."""
    return sum(2 * separable(k, f, f) for k in ks)


def branch(x):
    return blocks.conv(x, 8, n=BN, a=None)


gate = partial(blocks.stochastic_depth, survival=0.8, seed=1)
path = partial(blocks.drop_path, survival=0.9, seed=1)


def depth_layer(x):
    inner = keras.Input(x.shape[1:], dtype=x.dtype)
    return blocks.StochasticDepth(keras.Model(inner, branch(inner)), 0.8, seed=2)(x)


VOCABULARY = [
    call("act relu", lambda x: blocks.act(x, "relu"))(8, 8),
    call("avgpool same", lambda x: blocks.avgpool(x))(8, 8, size=half),
    call("avgpool p=1", lambda x: blocks.avgpool(x, 3, 2, 1))(8, 8, size=half),
    call("avgpool ceil", lambda x: blocks.avgpool(x, 3, 2, "ceil"))(8, 8, size=floor),
    call("maxpool same", lambda x: blocks.maxpool(x))(8, 8, size=half),
    call("maxpool p=1", lambda x: blocks.maxpool(x, 3, 2, 1))(8, 8, size=half),
    call("maxpool ceil", lambda x: blocks.maxpool(x, 3, 2, "ceil"))(8, 8, size=floor),
    call("conv", lambda x: blocks.conv(x, 16))(8, 16, 9 * 8 * 16, biases=16),
    call("conv 5x3/2x1 BN", lambda x: blocks.conv(x, 16, (5, 3), (2, 1), n=BN))(
        8, 16, 15 * 8 * 16, bn=16, size=(half, same)
    ),
    call("conv BN relu 3x3/2 p=1 g=4", lambda x: blocks.conv(x, 16, 3, 2, 1, g=4, n=BN, pre=True))(
        8, 16, 9 * 8 * 16 // 4, bn=8, size=half
    ),
    call("conv d=2 GN bias", lambda x: blocks.conv(x, 16, d=2, n=GROUPS, bias=True))(
        8, 16, 9 * 8 * 16, biases=16, gn=16
    ),
    call("conv BN bias", lambda x: blocks.conv(x, 16, n=BN, bias=True))(
        8, 16, 9 * 8 * 16, biases=16, bn=16
    ),
    call("dense", lambda x: blocks.dense(x, 16))(8, 16, 8 * 16, biases=16),
    call("dwconv", lambda x: blocks.dwconv(x))(8, 8, 9 * 8, biases=8),
    call("dwconv 5x5/2 two each BN", lambda x: blocks.dwconv(x, 5, 2, 2, n=BN, multiplier=2))(
        8, 16, 25 * 16, bn=16, size=half
    ),
    call("gavgpool", lambda x: blocks.gavgpool(x))(8, 8, size=FLAT),
    call("norm BN", lambda x: blocks.norm(x, BN_TF))(8, 8, bn=8),
    call("norm GN", lambda x: blocks.norm(x, GROUPS))(8, 8, gn=8),
    call("norm LN", lambda x: blocks.norm(x, LN))(8, 8, gn=8),
    call("pad p=(2, 1)", lambda x: blocks.pad(x, (2, 1)))(
        8, 8, size=(lambda n: n + 4, lambda n: n + 2)
    ),
    call("sepconv", lambda x: blocks.sepconv(x, 16))(8, 16, separable(3, 8, 16), biases=16),
    call("sepconv BN relu 5x5/2", lambda x: blocks.sepconv(x, 16, 5, 2, n=BN))(
        8, 16, separable(5, 8, 16), bn=16, size=half
    ),
    call("GroupedConv2D g=4", lambda x: blocks.GroupedConv2D(16, 3, padding="same", groups=4)(x))(
        8, 16, 9 * 8 * 16 // 4, biases=16
    ),
]

RESNET = [
    call("bottleneck", lambda x: blocks.bottleneck(x))(8, 32, 64 + 576 + 256, biases=8 + 8 + 32),
    call("residual_block", lambda x: blocks.residual_block(x))(
        32, 32, 256 + 576 + 256, biases=8 + 8 + 32
    ),
    call("basic_block", lambda x: blocks.basic_block(x, 8))(8, 8, 2 * 9 * 64, bn=16),
    call("basic_block /2 B SE", lambda x: blocks.basic_block(x, 16, 2, se=4))(
        8, 16, 9 * 8 * 16 + 9 * 16 * 16 + 8 * 16 + 2 * 16 * 4, biases=4 + 16, bn=48, size=half
    ),
    call("basic_block /2 A bias", lambda x: blocks.basic_block(x, 16, 2, shortcut="A", bias=True))(
        8, 16, 9 * 8 * 16 + 9 * 16 * 16, biases=32, bn=32, size=half
    ),
    call("basic_block gate", lambda x: blocks.basic_block(x, 8, gate=gate))(
        8, 8, 2 * 9 * 64, bn=16, noisy=True
    ),
    call("bottleneck_block /2", lambda x: blocks.bottleneck_block(x, 16, 2))(
        8, 16, 8 * 4 + 9 * 4 * 4 + 4 * 16 + 8 * 16, bn=4 + 4 + 16 + 16, size=half
    ),
    call(
        "bottleneck_block /2 in the 3x3 C SE",
        lambda x: blocks.bottleneck_block(x, 16, 2, shortcut="C", stride_on="3x3", se=4),
    )(
        16,
        16,
        16 * 4 + 9 * 4 * 4 + 4 * 16 + 16 * 16 + 2 * 16 * 4,
        biases=4 + 16,
        bn=4 + 4 + 16 + 16,
        size=half,
    ),
    call("shortcut_path A", lambda x: blocks.shortcut_path(x, 12, 2, shortcut="A"))(
        8, 12, size=half
    ),
    call("shortcut_path B", lambda x: blocks.shortcut_path(x, 12, 2))(
        8, 12, 8 * 12, bn=12, size=half
    ),
    call("shortcut_path D", lambda x: blocks.shortcut_path(x, 12, 2, shortcut="D"))(
        8, 12, 8 * 12, bn=12, size=half
    ),
    call(
        "shortcut_path C without norm", lambda x: blocks.shortcut_path(x, 8, n=None, shortcut="C")
    )(8, 8, 8 * 8, biases=8),
    call("BlurPool2D", lambda x: blocks.BlurPool2D(4, 1)(x))(8, 8),
    call("blurpool", lambda x: blocks.blurpool(x))(8, 8, size=half),
    call("blurpool k=5 s=1", lambda x: blocks.blurpool(x, s=1, k=5))(8, 8),
    call("blur_block", lambda x: blocks.blur_block(x, 16))(
        8, 16, 8 * 4 + 9 * 4 * 4 + 4 * 16 + 8 * 16, bn=4 + 4 + 16 + 16
    ),
    call("blur_block /2 blur=2 SE", lambda x: blocks.blur_block(x, 16, 2, blur=2, se=4))(
        8,
        16,
        8 * 4 + 9 * 4 * 4 + 4 * 16 + 8 * 16 + 2 * 16 * 4,
        biases=4 + 16,
        bn=4 + 4 + 16 + 16,
        size=half,
    ),
    call("blur_block /2 r=None B", lambda x: blocks.blur_block(x, 16, 2, r=None, shortcut="B"))(
        8, 16, 9 * 8 * 16 + 9 * 16 * 16 + 8 * 16, bn=3 * 16, size=half
    ),
    call("pyramid_block", lambda x: blocks.pyramid_block(x, 12))(
        8, 12, 9 * 8 * 12 + 9 * 12 * 12, bn=8 + 12 + 12
    ),
    call("pyramid_block /2 r", lambda x: blocks.pyramid_block(x, 12, 2, r=4))(
        8, 12, 8 * 3 + 9 * 3 * 3 + 3 * 12, bn=8 + 3 + 3 + 12, size=half
    ),
    call("preact_block", lambda x: blocks.preact_block(x, 8))(8, 8, 2 * 9 * 64, bn=16),
    call(
        "preact_block /2 bottleneck SE",
        lambda x: blocks.preact_block(x, 16, 2, r=4, stride_on="3x3", se=4),
    )(
        8,
        16,
        8 * 4 + 9 * 4 * 4 + 4 * 16 + 8 * 16 + 2 * 16 * 4,
        biases=4 + 16,
        bn=8 + 4 + 4,
        size=half,
    ),
    call(
        "preact_block /2 A bias gate",
        lambda x: blocks.preact_block(x, 16, 2, shortcut="A", bias=True, gate=gate),
    )(8, 16, 9 * 8 * 16 + 9 * 16 * 16, biases=16, bn=8 + 16, size=half, noisy=True),
    *[
        call(
            f"activation_order_block {order}",
            lambda x, order=order: blocks.activation_order_block(x, 8, order=order),
        )(8, 8, 2 * 9 * 64, bn=16)
        for order in (
            "original",
            "BN after addition",
            "ReLU before addition",
            "ReLU-only pre-activation",
            "full pre-activation",
        )
    ],
    *[
        call(
            f"shortcut_variant_block {variant}",
            lambda x, variant=variant: blocks.shortcut_variant_block(x, 8, variant=variant),
        )(8, 8, 2 * 9 * 64 + more, biases=biases, bn=16 + bn, noisy=variant == "dropout shortcut")
        for variant, more, biases, bn in (
            ("original", 0, 0, 0),
            ("constant scaling", 0, 0, 0),
            ("exclusive gating", 64, 8, 0),
            ("shortcut-only gating", 64, 8, 0),
            ("conv shortcut", 64, 0, 8),
            ("dropout shortcut", 0, 0, 0),
        )
    ],
]

RESNEXT = [
    call("resnext_block", lambda x: blocks.resnext_block(x))(
        32, 32, 4 * (32 * 4 + 9 * 4 * 4 + 4 * 32), biases=4 * (4 + 4 + 32)
    ),
    *[
        call(
            f"aggregate {form}",
            lambda x, form=form: blocks.aggregate(x, 16, 2, c=4, width=3, form=form),
        )(8, 16, 4 * (8 * 3 + 9 * 3 * 3 + 3 * 16), bn=12 + 12 + 16, size=half)
        for form in ("sum", "concat", "grouped")
    ],
    call(
        "resnext_bottleneck_block /2 SE",
        lambda x: blocks.resnext_bottleneck_block(x, 16, 2, c=4, width=3, se=4),
    )(
        8,
        16,
        8 * 12 + 9 * 3 * 12 + 12 * 16 + 8 * 16 + 2 * 16 * 4,
        biases=4 + 16,
        bn=12 + 12 + 16 + 16,
        size=half,
    ),
    *[
        call(
            f"resnext_two_layer_block {form}",
            lambda x, form=form: blocks.resnext_two_layer_block(x, 16, c=4, width=3, form=form),
        )(16, 16, 4 * (9 * 16 * 3 + 9 * 3 * 16), bn=12 + 16)
        for form in ("sum", "dense")
    ],
]

DENSENET = [
    call("dense_block", lambda x: blocks.dense_block(x, 8, 3))(
        8, 32, sum(9 * (8 + 8 * i) * 8 for i in range(3)), biases=3 * 8
    ),
    call("dense_block BN", lambda x: blocks.dense_block(x, 8, 3, n=BN))(
        8, 32, sum(9 * (8 + 8 * i) * 8 for i in range(3)), bn=8 + 16 + 24
    ),
    call("dense_block B dropout", lambda x: blocks.dense_block(x, 4, 3, n=BN, r=4, rate=0.2))(
        8,
        20,
        sum((8 + 4 * i) * 16 + 9 * 16 * 4 for i in range(3)),
        bn=8 + 12 + 16 + 3 * 16,
        noisy=True,
    ),
    call("transition_block theta 1/2 dropout", lambda x: blocks.transition_block(x, rate=0.2))(
        12, 6, 12 * 6, bn=12, size=floor, noisy=True
    ),
    call("eca_block", lambda x: blocks.eca_block(x))(8, 8, 3),
    call("eca_block k=5", lambda x: blocks.eca_block(x, k=5))(8, 8, 5),
    call("bam_block", lambda x: blocks.bam_block(x))(
        32,
        32,
        2 * 32 * 2 + 32 * 2 + 2 * 9 * 2 * 2 + 2,
        biases=2 + 32 + 3 * 2 + 1,
        bn=32 + 1,
    ),
    call("bam_block product", lambda x: blocks.bam_block(x, r=4, d=2, form="product"))(
        8, 8, 2 * 8 * 2 + 8 * 2 + 2 * 9 * 2 * 2 + 2, biases=2 + 8 + 3 * 2 + 1, bn=4 * 2
    ),
    call("cbam_block", lambda x: blocks.cbam_block(x))(
        32, 32, 2 * 32 * 2 + 49 * 2, biases=2 + 32, bn=1
    ),
    call("cbam_block 3x3 without norm", lambda x: blocks.cbam_block(x, r=4, k=3, n=None))(
        8, 8, 2 * 8 * 2 + 9 * 2, biases=2 + 8 + 1
    ),
    call("global_context_block", lambda x: blocks.global_context_block(x, r=2))(
        8, 8, 8 + 2 * 8 * 4, biases=4 + 8, gn=4
    ),
    call("coordinate_block", lambda x: blocks.coordinate_block(x))(
        8, 8, 3 * 8 * 8, biases=2 * 8, bn=8, fixed=True
    ),
    call("coordinate_block r=2", lambda x: blocks.coordinate_block(x, r=2))(
        32, 32, 3 * 32 * 16, biases=2 * 32, bn=16, fixed=True
    ),
    call("basic_block ECA", lambda x: blocks.basic_block(x, 8, attention=blocks.eca_block))(
        8, 8, 2 * 9 * 64 + 3, bn=16
    ),
    call("selective_kernel", lambda x: blocks.selective_kernel(x, 32))(
        32, 32, 2 * 9 * 32 + 32 * 32 + 32 * 64, bn=2 * 32 + 32
    ),
    call(
        "selective_kernel /2 split",
        lambda x: blocks.selective_kernel(x, 16, 2, g=2, r=2, least=4, split=True),
    )(8, 16, 2 * 9 * 4 * 16 // 2 + 16 * 8 + 8 * 32, bn=2 * 16 + 8, size=half),
    call("sk_block", lambda x: blocks.sk_block(x, 32, g=2))(
        8,
        32,
        8 * 16 + 2 * 9 * 16 * 16 // 2 + 16 * 32 + 32 * 32 + 16 * 32 + 8 * 32,
        bn=16 + 2 * 16 + 32 + 2 * 32,
    ),
    call("sk_block /2 r=4 gate", lambda x: blocks.sk_block(x, 32, 2, r=4, g=1, gate=gate))(
        8,
        32,
        8 * 8 + 2 * 9 * 8 * 8 + 8 * 32 + 32 * 16 + 8 * 32 + 8 * 32,
        bn=8 + 2 * 8 + 32 + 2 * 32,
        size=half,
        noisy=True,
    ),
    call("sk_basic_block", lambda x: blocks.sk_basic_block(x, 8))(
        8, 8, 2 * 9 * 4 * 8 + 8 * 16 + 16 * 16 + 9 * 64, bn=2 * 8 + 16 + 8
    ),
    call("se_block", lambda x: blocks.se_block(x, 32))(32, 32, 2 * 32 * 2, biases=2 + 32),
    call("se_block width", lambda x: blocks.se_block(x, width=3, a="silu", weigh="hard_sigmoid"))(
        8, 8, 2 * 8 * 3, biases=3 + 8
    ),
    call("se_block r=4", lambda x: blocks.se_block(x, r=4))(8, 8, 2 * 8 * 2, biases=2 + 8),
]

INCEPTION = [
    call("naive_inception_module", lambda x: blocks.naive_inception_module(x))(
        8, 3 * 32 + 8, (1 + 9 + 25) * 8 * 32, biases=3 * 32
    ),
    call("inception_module", lambda x: blocks.inception_module(x))(
        8, 4 * 32, 8 * (32 + 10 + 8 + 32) + 9 * 10 * 32 + 25 * 8 * 32, biases=4 * 32 + 10 + 8
    ),
    call(
        "inception_module a row BN SE",
        lambda x: blocks.inception_module(x, (4, 3, 8, 2, 4, 4), n=BN_TF, se=4),
    )(
        8,
        20,
        8 * (4 + 3 + 2 + 4) + 9 * 3 * 8 + 25 * 2 * 4 + 2 * 20 * 5,
        biases=5 + 20,
        bn=4 + 3 + 8 + 2 + 4 + 4,
    ),
    call("aux_head", lambda x: blocks.aux_head(x, classes=10, f=8, units=32, rate=0.3))(
        8,
        10,
        8 * 8 + 4 * 4 * 8 * 32 + 32 * 10,
        biases=8 + 32 + 10,
        size=FLAT,
        n=14,
        fixed=True,
        noisy=True,
    ),
    call("grid_reduction", lambda x: blocks.grid_reduction(x))(
        8, 16, 9 * 8 * 8, biases=8, size=half
    ),
    call("grid_reduction 12 BN valid", lambda x: blocks.grid_reduction(x, 12, n=BN, p="valid"))(
        8, 20, 9 * 8 * 12, bn=12, size=valid
    ),
    call("inception_resnet_block v2 A", lambda x: blocks.inception_resnet_block(x))(
        8,
        8,
        3 * 8 * 32 + 9 * (32 * 32 + 32 * 48 + 48 * 64) + 128 * 8,
        biases=8,
        bn=4 * 32 + 48 + 64,
    ),
    call(
        "inception_resnet_block own paths, last",
        lambda x: blocks.inception_resnet_block(
            x, paths=[[(1, 4)], [(1, 4), ((1, 7), 6)]], scale=0.2, a=None
        ),
    )(8, 8, 8 * 4 + 8 * 4 + 7 * 4 * 6 + 10 * 8, biases=8, bn=4 + 4 + 6),
    call("reduction_a", lambda x: blocks.reduction_a(x, (4, 6, 8, 10)))(
        8, 10 + 8 + 8, 9 * 8 * 10 + 8 * 4 + 9 * 4 * 6 + 9 * 6 * 8, bn=10 + 4 + 6 + 8, size=valid
    ),
    call("reduction_b", lambda x: blocks.reduction_b(x, (4, 6, 8, 10)))(
        8,
        6 + 10 + 8,
        8 * 4 + 9 * 4 * 6 + 8 * 8 + 7 * 8 * 8 + 7 * 8 * 10 + 9 * 10 * 10,
        bn=4 + 6 + 8 + 8 + 10 + 10,
        size=valid,
    ),
]

KERNELS = [
    call("small_kernels 5", lambda x: blocks.small_kernels(x))(8, 32, 9 * (8 + 32) * 32, biases=64),
    call("small_kernels 7 BN", lambda x: blocks.small_kernels(x, 8, k=7, n=BN))(
        8, 8, 3 * 9 * 8 * 8, bn=24
    ),
    call("asymmetric_pair", lambda x: blocks.asymmetric_pair(x))(
        8, 32, 7 * (8 + 32) * 32, biases=2 * 32
    ),
    call("multi_size", lambda x: blocks.multi_size(x, 12))(8, 36, (1 + 9 + 25) * 8 * 12, biases=36),
    call("spatial_sepconv", lambda x: blocks.spatial_sepconv(x))(8, 8, 2 * 3 * 8, biases=8),
    call("spatial_sepconv 5/2", lambda x: blocks.spatial_sepconv(x, k=5, s=2))(
        8, 8, 2 * 5 * 8, biases=8, size=half
    ),
    call("grouped_sepconv", lambda x: blocks.grouped_sepconv(x))(
        16, 32, 9 * 16 + 16 * 32 // 4, biases=16 + 32
    ),
    call("grouped_sepconv g=2 BN", lambda x: blocks.grouped_sepconv(x, 8, g=2, n=BN))(
        8, 8, 9 * 8 + 8 * 8 // 2, bn=16
    ),
    call("dilated_stack 1 2 5", lambda x: blocks.dilated_stack(x, 8))(
        8, 8, 3 * 9 * 8 * 8, biases=24
    ),
    call("maxout", lambda x: blocks.maxout(x, 8))(8, 8, 2 * 9 * 8 * 8, biases=16),
    call("maxout c=3", lambda x: blocks.maxout(x, 8, c=3, k=1))(8, 8, 3 * 8 * 8, biases=24),
    call("dense_as_conv 7x7", lambda x: blocks.dense_as_conv(x, 16))(
        8, 16, 49 * 8 * 16, biases=16, size=lambda n: n - 6, n=9
    ),
    call("local_conv", lambda x: blocks.local_conv(x, 8))(
        4, 8, 6 * 6 * 9 * 4 * 8, biases=6 * 6 * 8, size=lambda n: n - 2, fixed=True
    ),
    call(
        "LocallyConnected2D /2", lambda x: blocks.LocallyConnected2D(8, 3, 2, activation="tanh")(x)
    )(4, 8, 3 * 3 * 9 * 4 * 8, biases=3 * 3 * 8, size=valid, fixed=True),
    call("tiled_conv", lambda x: blocks.tiled_conv(x, 8))(
        4, 8, 4 * 9 * 4 * 8, biases=4 * 8, size=lambda n: n - 2
    ),
    call("TiledConv2D /2, 3 tiles", lambda x: blocks.TiledConv2D(8, 3, 2, tiles=3)(x))(
        4, 8, 9 * 9 * 4 * 8, biases=9 * 8, size=valid
    ),
    call("lrn", lambda x: blocks.lrn(x))(8, 8),
    call("LocalResponseNorm 3", lambda x: blocks.LocalResponseNorm(3, 1.0, 0.5)(x))(8, 8),
    call("mlpconv", lambda x: blocks.mlpconv(x, (12, 10, 8)))(
        8, 8, 25 * 8 * 12 + 12 * 10 + 10 * 8, biases=30
    ),
    call("refinement_head", lambda x: blocks.refinement_head(x, 4, hidden=8))(
        6, 4, 9 * (6 * 8 + 8 * 4 + 4 * 8), biases=8 + 4
    ),
    call("fire_module", lambda x: blocks.fire_module(x, 32))(
        8, 32, 32 + 4 * 16 * 10, biases=4 + 32
    ),
    call("fire_module simple", lambda x: blocks.fire_module(x, 16, r=4, bypass="simple"))(
        16, 16, 16 * 4 + 4 * 8 * 10, biases=4 + 16
    ),
    call("fire_module complex", lambda x: blocks.fire_module(x, 16, r=4, bypass="complex"))(
        8, 16, 8 * 4 + 4 * 8 * 10 + 8 * 16, biases=4 + 16 + 16
    ),
]

MOBILE = [
    call("mobilenet_block /2", lambda x: blocks.mobilenet_block(x, 16, 2))(
        8, 16, separable(3, 8, 16), bn=8 + 16, size=half
    ),
    call("inv_residual_block", lambda x: blocks.inv_residual_block(x))(
        32, 32, 32 * 128 + separable(3, 128, 32), biases=128 + 32
    ),
    call("inverted_residual_block", lambda x: blocks.inverted_residual_block(x, 8))(
        8, 8, 8 * 48 + separable(3, 48, 8), bn=48 + 48 + 8
    ),
    call(
        "inverted_residual_block /2 r=1",
        lambda x: blocks.inverted_residual_block(x, 12, 2, r=1, p=1),
    )(8, 12, separable(3, 8, 12), bn=8 + 12, size=half),
    call(
        "inverted_residual_block 5x5 squeezed",
        lambda x: blocks.inverted_residual_block(x, 8, r=3, k=5, p=2, se=4),
    )(8, 8, 8 * 24 + separable(5, 24, 8) + 2 * 24 * 2, biases=2 + 24, bn=24 + 24 + 8),
    call("mobilenet_v3_block", lambda x: blocks.mobilenet_v3_block(x, 8))(
        8, 8, 8 * 48 + separable(3, 48, 8) + 2 * 48 * 16, biases=16 + 48, bn=48 + 48 + 8
    ),
    call(
        "mobilenet_v3_block 5x5/2, 20 wide, relu",
        lambda x: blocks.mobilenet_v3_block(x, 12, 2, width=20, k=5, p=2, a="relu", se=None),
    )(8, 12, 8 * 20 + separable(5, 20, 12), bn=20 + 20 + 12, size=half),
    call("mbconv_block", lambda x: blocks.mbconv_block(x, 8))(
        8, 8, 8 * 48 + separable(3, 48, 8) + 2 * 48 * 2, biases=2 + 48, bn=48 + 48 + 8
    ),
    call(
        "mbconv_block Lite 5x5/2",
        lambda x: blocks.mbconv_block(x, 12, 2, r=1, k=5, a="relu6", se=None),
    )(8, 12, separable(5, 8, 12), bn=8 + 12, size=half),
    call("fused_mbconv_block", lambda x: blocks.fused_mbconv_block(x, 8))(
        8, 8, 9 * 8 * 32 + 32 * 8, bn=32 + 8
    ),
    call("fused_mbconv_block /2 r=1", lambda x: blocks.fused_mbconv_block(x, 12, 2, r=1, p=1))(
        8, 12, 9 * 8 * 12, bn=12, size=half
    ),
    call("fused_mbconv_block r=1", lambda x: blocks.fused_mbconv_block(x, 8, r=1, project=True))(
        8, 8, 9 * 8 * 8 + 8 * 8, bn=8 + 8
    ),
    call("fused_mbconv_block 5x5 squeezed", lambda x: blocks.fused_mbconv_block(x, 8, k=5, se=4))(
        8, 8, 25 * 8 * 32 + 2 * 32 * 2 + 32 * 8, biases=2 + 32, bn=32 + 8
    ),
    call(
        "fused_mbconv_block /2 antialias",
        lambda x: blocks.fused_mbconv_block(x, 12, 2, antialias="avg"),
    )(8, 12, 9 * 8 * 32 + 32 * 12, bn=32 + 12, size=half),
    call("uib_block", lambda x: blocks.uib_block(x, 8))(
        8, 8, 9 * 8 + 8 * 32 + separable(3, 32, 8), bn=8 + 32 + 32 + 8
    ),
    call("uib_block 5x5/2 first alone", lambda x: blocks.uib_block(x, 12, 2, first=5, k=None, p=1))(
        8, 12, 25 * 8 + 8 * 32 + 32 * 12, bn=8 + 32 + 12, size=half
    ),
    call("uib_block /2 antialias", lambda x: blocks.uib_block(x, 12, 2, antialias="blur"))(
        8, 12, 9 * 8 + 8 * 32 + 9 * 32 + 32 * 12, bn=8 + 2 * 32 + 12, size=half
    ),
    call(
        "uib_block /2 first alone antialias",
        lambda x: blocks.uib_block(x, 12, 2, k=None, antialias="avg"),
    )(8, 12, 9 * 8 + 8 * 32 + 32 * 12, bn=8 + 32 + 12, size=half),
    call("uib_block none", lambda x: blocks.uib_block(x, 8, r=2, first=None, k=None))(
        8, 8, 2 * 8 * 16, bn=16 + 8
    ),
    call("channel_shuffle", lambda x: blocks.channel_shuffle(x))(8, 8),
    call("ChannelShuffle g=3", lambda x: blocks.ChannelShuffle(3)(x))(12, 12),
    call("shufflenet_unit", lambda x: blocks.shufflenet_unit(x, 24))(
        24, 24, 24 * 6 // 3 + 9 * 6 + 6 * 24 // 3, bn=6 + 6 + 24
    ),
    call("shufflenet_unit /2", lambda x: blocks.shufflenet_unit(x, 24, 2, first_g=1))(
        12, 24, 12 * 6 + 9 * 6 + 6 * 12 // 3, bn=6 + 6 + 12, size=half
    ),
    call("regnet_block", lambda x: blocks.regnet_block(x, 16, width=4))(
        16, 16, 2 * 16 * 16 + 9 * 16 * 4, bn=3 * 16
    ),
    call("regnet_block /2 se", lambda x: blocks.regnet_block(x, 24, 2, width=8, se=4))(
        16,
        24,
        16 * 24 + 9 * 24 * 8 + 2 * 24 * 4 + 24 * 24 + 16 * 24,
        biases=4 + 24,
        bn=4 * 24,
        size=half,
    ),
    call("regnet_block se rounds", lambda x: blocks.regnet_block(x, 8, width=4, se=3))(
        8, 8, 2 * 8 * 8 + 9 * 8 * 4 + 2 * 8 * 3, biases=3 + 8, bn=3 * 8
    ),
    call("regnet_block gate", lambda x: blocks.regnet_block(x, 16, width=8, n=GROUPS, gate=gate))(
        16, 16, 2 * 16 * 16 + 9 * 16 * 8, gn=3 * 16, noisy=True
    ),
    call("regnetz_block", lambda x: blocks.regnetz_block(x, 16))(
        16, 16, 2 * 16 * 64 + 9 * 64 * 8 + 2 * 64 * 4, biases=4 + 64, bn=2 * 64 + 16
    ),
    call("regnetz_block /2 no se", lambda x: blocks.regnetz_block(x, 24, 2, r=2, width=4, se=None))(
        16, 24, 16 * 48 + 9 * 48 * 4 + 48 * 24, bn=2 * 48 + 24, size=half
    ),
    call("regnetz_block gate", lambda x: blocks.regnetz_block(x, 16, se=8, n=GROUPS, gate=gate))(
        16,
        16,
        2 * 16 * 64 + 9 * 64 * 8 + 2 * 64 * 2,
        biases=2 + 64,
        gn=2 * 64 + 16,
        noisy=True,
    ),
    call("repvgg_block", lambda x: blocks.repvgg_block(x, 16))(
        16, 16, (9 + 1) * 16 * 16, bn=3 * 16
    ),
    call("repvgg_block /2", lambda x: blocks.repvgg_block(x, 16, 2))(
        16, 16, (9 + 1) * 16 * 16, bn=2 * 16, size=half
    ),
    call("repvgg_block g=4 wider", lambda x: blocks.repvgg_block(x, 24, g=4))(
        16, 24, (9 + 1) * 16 * 24 // 4, bn=2 * 24
    ),
    call("repvgg_block squeezed", lambda x: blocks.repvgg_block(x, 16, se=4))(
        16, 16, (9 + 1) * 16 * 16 + 2 * 16 * 4, biases=4 + 16, bn=3 * 16
    ),
    call("splat_conv", lambda x: blocks.splat_conv(x, 16))(
        8, 16, splits(8, 16, 2, 32), biases=2 * 16, bn=2 * 16 + 32
    ),
    call(
        "splat_conv /2 of 4",
        lambda x: blocks.splat_conv(x, 8, 2, radix=4, r=2, least=8),
    )(8, 8, splits(8, 8, 4, 16), biases=4 * 8, bn=4 * 8 + 16, size=half),
    call("resnest_block", lambda x: blocks.resnest_block(x, 16))(
        16, 16, 16 * 4 + splits(4, 4, 2, 32) + 4 * 16, biases=2 * 4, bn=4 + 2 * 4 + 32 + 16
    ),
    call("resnest_block /2 D", lambda x: blocks.resnest_block(x, 16, 2, r=2, shortcut="D"))(
        8,
        16,
        8 * 8 + splits(8, 8, 2, 32) + 8 * 16 + 8 * 16,
        biases=2 * 8,
        bn=8 + 2 * 8 + 32 + 16 + 16,
        size=half,
    ),
    call("splat_conv 1 split, 2 groups", lambda x: blocks.splat_conv(x, 8, radix=1, c=2))(
        8, 8, splits(8, 8, 1, 32) // 2, biases=8, bn=8 + 32
    ),
    call("splat_conv 2 groups", lambda x: blocks.splat_conv(x, 8, c=2))(
        8, 8, splits(8, 8, 2, 32) // 2, biases=2 * 8, bn=2 * 8 + 32
    ),
    call(
        "resnest_block /2, mean first, 2 groups 4 wide, 4 splits",
        lambda x: blocks.resnest_block(x, 16, 2, width=4, radix=4, c=2, early=True),
    )(
        8,
        16,
        8 * 8 + splits(8, 8, 4, 32) // 2 + 8 * 16 + 8 * 16,
        biases=4 * 8,
        bn=8 + 4 * 8 + 32 + 16 + 16,
        size=half,
    ),
    call("ghost_module", lambda x: blocks.ghost_module(x, 16))(8, 16, 8 * 8 + 9 * 8, bn=8 + 8),
    call("ghost_module r=3 k=3 5x5", lambda x: blocks.ghost_module(x, 18, r=3, k=3, cheap=5))(
        8, 18, 9 * 8 * 6 + 2 * 25 * 6, bn=6 + 12
    ),
    call("ghost_bottleneck", lambda x: blocks.ghost_bottleneck(x, 8))(
        8, 8, ghost(8, 48) + ghost(48, 8), bn=48 + 8
    ),
    call(
        "ghost_bottleneck 5x5/2, 20 wide, SE",
        lambda x: blocks.ghost_bottleneck(x, 12, 2, width=20, k=5, se=4),
    )(
        8,
        12,
        ghost(8, 20) + 25 * 20 + 2 * 20 * 8 + ghost(20, 12) + separable(5, 8, 12),
        biases=8 + 20,
        bn=20 + 20 + 12 + 8 + 12,
        size=half,
    ),
    call("mobileone_block", lambda x: blocks.mobileone_block(x, 16))(
        16, 16, (9 + 1) * 16 + 16 * 16, bn=(2 + 1) * 16 + (1 + 1) * 16
    ),
    call("mobileone_block /2 c=4", lambda x: blocks.mobileone_block(x, 24, 2, c=4))(
        16, 24, (4 * 9 + 1) * 16 + 4 * 16 * 24, bn=5 * 16 + 4 * 24, size=half
    ),
    call("mobileone_block SE", lambda x: blocks.mobileone_block(x, 24, se=4))(
        16,
        24,
        (9 + 1) * 16 + 16 * 24 + 2 * 16 * 4 + 2 * 24 * 6,
        biases=4 + 16 + 6 + 24,
        bn=3 * 16 + 24,
    ),
    call("res2net_block", lambda x: blocks.res2net_block(x, 16, width=8))(
        16, 16, 2 * 16 * 32 + 3 * 9 * 8 * 8, bn=32 + 3 * 8 + 16
    ),
    call(
        "res2net_block /2 g=2 SE", lambda x: blocks.res2net_block(x, 24, 2, c=3, width=4, g=2, se=4)
    )(
        16,
        24,
        16 * 12 + 2 * 9 * 4 * 2 + 12 * 24 + 16 * 24 + 2 * 24 * 6,
        biases=6 + 24,
        bn=12 + 2 * 4 + 24 + 24,
        size=half,
    ),
    call("res2net_block gate", lambda x: blocks.res2net_block(x, 16, c=2, width=4, gate=gate))(
        16, 16, 2 * 16 * 8 + 9 * 4 * 4, bn=8 + 4 + 16, noisy=True
    ),
    call("osa_block", lambda x: blocks.osa_block(x, 24, width=4, b=3))(
        16, 24, 9 * 16 * 4 + 2 * 9 * 4 * 4 + (16 + 3 * 4) * 24, bn=3 * 4 + 24
    ),
    call(
        "osa_block separable V2",
        lambda x: blocks.osa_block(x, 16, width=4, b=2, separable=True, ese=True, identity=True),
    )(
        16,
        16,
        16 * 4 + 2 * (9 * 4 + 4 * 4) + (16 + 2 * 4) * 16 + 16 * 16,
        biases=16,
        bn=3 * 4 + 16,
    ),
    call("dpn_block", lambda x: blocks.dpn_block(x, 12, growth=4, width=16, g=4))(
        8,
        12 + 3 * 4,
        8 * (12 + 2 * 4) + 8 * 16 + 9 * 16 * 16 // 4 + 16 * (12 + 4),
        bn=2 * 8 + 2 * 16,
    ),
    call("dpn_block x", lambda x: blocks.dpn_block(x, 4, growth=4, width=8, g=2))(
        8, 8 + 4, 8 * 8 + 9 * 8 * 8 // 2 + 8 * (4 + 4), bn=3 * 8
    ),
    call("dpn_block split", lambda x: blocks.dpn_block(x, 4, 2, width=8, g=2, split=True))(
        8,
        4 + 3 * 16,
        8 * (4 + 2 * 16) + 8 * 8 + 9 * 8 * 8 // 2 + 8 * 4 + 8 * 16,
        bn=4 * 8,
        size=half,
    ),
    call("fuse_block", lambda x, y, z: blocks.fuse_block(x, finer=[y], coarser=[z]))(
        ((8, 2), (4, 4), (12, 1)), 8, 9 * 4 * 8 + 12 * 8, bn=8 + 8, size=lambda n: 2 * n
    ),
    call("fuse_block finer", lambda x, y, z: blocks.fuse_block(x, finer=[y, z]))(
        ((8, 1), (4, 4), (6, 2)), 8, 9 * 4 * 4 + 9 * 4 * 8 + 9 * 6 * 8, bn=4 + 8 + 8
    ),
    call("fuse_block coarser", lambda x, y, z: blocks.fuse_block(x, coarser=[y, z]))(
        ((8, 4), (6, 2), (12, 1)), 8, 6 * 8 + 12 * 8, bn=8 + 8, size=lambda n: 4 * n
    ),
    call("dla_block", lambda x: blocks.dla_block(x, 16))(
        8, 16, 9 * 8 * 16 + 9 * 16 * 16 + 8 * 16, bn=3 * 16
    ),
    call("dla_block /2", lambda x: blocks.dla_block(x, 8, 2))(
        8, 8, 2 * 9 * 8 * 8, bn=2 * 8, size=half
    ),
    call("dla_block width g", lambda x: blocks.dla_block(x, 16, width=12, g=4))(
        8, 16, 8 * 12 + 9 * 12 * 12 // 4 + 12 * 16 + 8 * 16, bn=2 * 12 + 2 * 16
    ),
    call("dla_block c g", lambda x: blocks.dla_block(x, 16, width=4, c=4, g=2))(
        8, 16, 8 * 16 + 3 * 9 * 4 * 4 // 2 + 16 * 16 + 8 * 16, bn=16 + 3 * 4 + 2 * 16
    ),
    call("dla_block /2 c", lambda x: blocks.dla_block(x, 8, 2, width=4, c=2))(
        8, 8, 8 * 8 + 9 * 4 * 4 + 8 * 8, bn=8 + 4 + 8, size=half
    ),
    call("dla_root", lambda x: blocks.dla_root(x, 16))(8, 16, 8 * 16, bn=16),
    call("dla_root seen shortcut", lambda x: blocks.dla_root(x, 8, seen=[x], shortcut=True))(
        8, 8, (8 + 8) * 8, bn=8
    ),
    call("dla_tree", lambda x: blocks.dla_tree(x, 16, 2))(
        8,
        16,
        (9 * 8 + 9 * 16 + 8) * 16 + 2 * 9 * 16 * 16 + (16 + 16) * 16,
        bn=(3 + 2 + 1) * 16,
        size=half,
    ),
    call(
        "dla_tree b=2",
        lambda x: blocks.dla_tree(
            x, 16, b=2, seen=[x], root=partial(blocks.dla_root, shortcut=True)
        ),
    )(
        8,
        16,
        (9 * 8 + 9 * 16 + 8) * 16 + 3 * 2 * 9 * 16 * 16 + 2 * 16 * 16 + (16 + 16 + 8 + 16) * 16,
        bn=(3 + 3 * 2 + 2) * 16,
    ),
    call(
        "dla_tree b=3 block",
        lambda x: blocks.dla_tree(x, 8, b=3, block=lambda x, f, s=1: blocks.dwconv(x, n=None)),
    )(
        8,
        8,
        # Roots read two blocks; the second also the first, the fourth the second and the third
        8 * 9 * 8 + (4 * 2 + 1 + 2) * 8 * 8,
        biases=8 * 8,
        bn=4 * 8,
    ),
    call("leaky_conv", lambda x: blocks.leaky_conv(x, 24))(8, 24, 9 * 8 * 24, bn=24),
    call("leaky_conv slope", lambda x: blocks.leaky_conv(x, 24, 2, k=5, slope=0.01))(
        8, 24, 25 * 8 * 24, bn=24, size=half
    ),
    call("leaky_conv g", lambda x: blocks.leaky_conv(x, 24, g=4))(8, 24, 9 * 8 * 24 // 4, bn=24),
    call("leaky_bottleneck", lambda x: blocks.leaky_bottleneck(x, 16))(
        16, 16, 2 * 16 * 8 + 9 * 8 * 8, bn=8 + 8 + 16
    ),
    call("leaky_bottleneck r g", lambda x: blocks.leaky_bottleneck(x, 16, r=1, g=4, slope=0.01))(
        16, 16, 2 * 16 * 16 + 9 * 16 * 16 // 4, bn=3 * 16
    ),
    call("dark_block", lambda x: blocks.dark_block(x, 16))(16, 16, 16 * 8 + 9 * 8 * 16, bn=8 + 16),
    call("dark_block r", lambda x: blocks.dark_block(x, 16, r=1, slope=0.01))(
        16, 16, 16 * 16 + 9 * 16 * 16, bn=16 + 16
    ),
    call("csp_stage", lambda x: blocks.csp_stage(x, 16, b=2))(
        8,
        16,
        9 * 8 * 16 + 16 * 16 + 2 * (8 * 8 + 9 * 8 * 8) + 8 * 8 + (8 + 8) * 16,
        bn=16 + 16 + 2 * (8 + 8) + 8 + 16,
        size=half,
    ),
    call(
        "csp_stage block width",
        lambda x: blocks.csp_stage(
            x, 16, 1, block=lambda m: blocks.conv(m, 12, k=3), width=24, slope=0.01
        ),
    )(
        8,
        16,
        9 * 8 * 16 + 16 * 24 + 9 * 12 * 12 + 12 * 12 + (12 + 12) * 16,
        biases=12,
        bn=16 + 24 + 12 + 16,
    ),
    call("ese_block", lambda x: blocks.ese_block(x))(8, 8, 8 * 8, biases=8),
    call("LayerScale", lambda x: blocks.LayerScale(0.1)(x))(8, 8, biases=8),
    call("SkipInit", lambda x: blocks.SkipInit(0.1)(x))(8, 8, biases=1),
    call("StandardizedConv2D", lambda x: blocks.StandardizedConv2D(16, 3, padding="same")(x))(
        8, 16, 9 * 8 * 16, biases=16
    ),
    call("ws_conv", lambda x: blocks.ws_conv(x, 32))(8, 32, 9 * 8 * 32, gn=32),
    call(
        "ws_conv 5x5/2 g=4 BN",
        lambda x: blocks.ws_conv(x, 16, 2, k=5, g=4, n=BN),
    )(8, 16, 25 * 8 * 16 // 4, bn=16, size=half),
    call(
        "ws_conv gain p=1",
        lambda x: blocks.ws_conv(x, 16, 2, p=1, n=None, gain=True),
    )(8, 16, 9 * 8 * 16, biases=16 + 16, size=half),
    call("nf_block", lambda x: blocks.nf_block(x, 8, width=2))(
        8,
        8,
        8 * 4 + 2 * 9 * 4 * 2 + 4 * 8 + 2 * 8 * 4,
        biases=2 * (4 + 4 + 4 + 8) + (4 + 8) + 1,
    ),
    call("nf_block /2 wider, no SE", lambda x: blocks.nf_block(x, 16, 2, r=4, width=4, se=None))(
        8, 16, 8 * 4 + 2 * 9 * 4 * 4 + 4 * 16 + 8 * 16, biases=2 * (3 * 4 + 2 * 16) + 1, size=half
    ),
    call("nf_block path", lambda x: blocks.nf_block(x, 8, width=4, a="relu", gate=path))(
        8,
        8,
        8 * 4 + 2 * 9 * 4 * 4 + 4 * 8 + 2 * 8 * 4,
        biases=2 * (4 + 4 + 4 + 8) + (4 + 8) + 1,
        noisy=True,
    ),
    call("GlobalResponseNorm", lambda x: blocks.GlobalResponseNorm()(x))(8, 8, gn=8),
    call("convnext_block", lambda x: blocks.convnext_block(x))(
        8, 8, 49 * 8 + 2 * 8 * 32, biases=8 + 32 + 8 + 8, gn=8
    ),
    call(
        "convnext_block r=2 BN, not scaled",
        lambda x: blocks.convnext_block(x, r=2, n=BN, scale=None),
    )(8, 8, 49 * 8 + 2 * 8 * 16, biases=8 + 16 + 8, bn=8),
    call("convnext_block gate", lambda x: blocks.convnext_block(x, gate=gate))(
        8, 8, 49 * 8 + 2 * 8 * 32, biases=8 + 32 + 8 + 8, gn=8, noisy=True
    ),
    call("convnext_v2_block", lambda x: blocks.convnext_v2_block(x))(
        8, 8, 49 * 8 + 2 * 8 * 32, biases=8 + 32 + 8, gn=8 + 32
    ),
    call("convnext_v2_block path", lambda x: blocks.convnext_v2_block(x, r=2, gate=path))(
        8, 8, 49 * 8 + 2 * 8 * 16, biases=8 + 16 + 8, gn=8 + 16, noisy=True
    ),
    call("pconv", lambda x: blocks.pconv(x))(8, 8, 9 * 2 * 2),
    call("pconv half", lambda x: blocks.pconv(x, part=2))(8, 8, 9 * 4 * 4),
    call("fasternet_block", lambda x: blocks.fasternet_block(x))(
        8, 8, 9 * 2 * 2 + 2 * 8 * 16, bn=16
    ),
    call("fasternet_block r=3 half", lambda x: blocks.fasternet_block(x, r=3, part=2, a="gelu"))(
        8, 8, 9 * 4 * 4 + 2 * 8 * 24, bn=24
    ),
    call("fasternet_block gate", lambda x: blocks.fasternet_block(x, gate=gate))(
        8, 8, 9 * 2 * 2 + 2 * 8 * 16, bn=16, noisy=True
    ),
    call("inception_dwconv", lambda x: blocks.inception_dwconv(x))(8, 8, 9 + 11 + 11, biases=3),
    call("inception_dwconv k=5 part=4", lambda x: blocks.inception_dwconv(x, k=5, part=4))(
        8, 8, 2 * (9 + 5 + 5), biases=3 * 2
    ),
    call("inceptionnext_block", lambda x: blocks.inceptionnext_block(x))(
        8, 8, 9 + 11 + 11 + 2 * 8 * 32, biases=3 + 32 + 8 + 8, bn=8
    ),
    call(
        "inceptionnext_block r=3 k=5 part=4, not scaled",
        lambda x: blocks.inceptionnext_block(x, r=3, k=5, part=4, scale=None),
    )(8, 8, 2 * (9 + 5 + 5) + 2 * 8 * 24, biases=3 * 2 + 24 + 8, bn=8),
    call("inceptionnext_block gate", lambda x: blocks.inceptionnext_block(x, gate=gate))(
        8, 8, 9 + 11 + 11 + 2 * 8 * 32, biases=3 + 32 + 8 + 8, bn=8, noisy=True
    ),
    call("shufflenet_v2_unit", lambda x: blocks.shufflenet_v2_unit(x, 12))(
        12, 12, 6 * 6 + 9 * 6 + 6 * 6, bn=6 + 6 + 6
    ),
    call("shufflenet_v2_unit /2", lambda x: blocks.shufflenet_v2_unit(x, 20, 2))(
        8, 20, 8 * 10 + 9 * 10 + 10 * 10 + 9 * 8 + 8 * 10, bn=3 * 10 + 8 + 10, size=half
    ),
    call("extreme_inception", lambda x: blocks.extreme_inception(x, 16))(
        8, 16, 8 * 16 + 9 * 16, biases=16, bn=16
    ),
    call(
        "extreme_inception depthwise first, linear between",
        lambda x: blocks.extreme_inception(x, 16, middle=None, first="depthwise"),
    )(8, 16, 9 * 8 + 8 * 16, biases=8, bn=16),
    call(
        "xception_block /2", lambda x: blocks.xception_block(x, 16, 2, widths=(12, 16), lead=False)
    )(8, 16, separable(3, 8, 12) + separable(3, 12, 16) + 8 * 16, bn=12 + 16 + 16, size=half),
    call("xception_block middle flow", lambda x: blocks.xception_block(x, 8, b=3))(
        8, 8, 3 * separable(3, 8, 8), bn=24
    ),
    call("stochastic_depth", lambda x: gate(x, branch))(8, 8, 9 * 8 * 8, bn=8, noisy=True),
    call("StochasticDepth", depth_layer)(8, 8, 9 * 8 * 8, bn=8, noisy=True),
    call("drop_path", path)(8, 8, noisy=True),
]

TWO = ((8, 1), (8, 1))
NASNET = [
    call("normal_cell", lambda x1, x2: blocks.normal_cell(x1, x2, 8))(
        TWO, 40, (9 + 25 + 25 + 9 + 9) * 8 + 5 * 64, biases=40
    ),
    call("nasnet_normal_cell", lambda h_prev, h: blocks.nasnet_normal_cell(h_prev, h, 8))(
        ((8, 1), (12, 1)), 48, 12 * 8 + twice([5, 3, 5, 3, 3], 8), bn=8 + 80
    ),
    call(
        "nasnet_normal_cell after a reduction, drop path",
        lambda h_prev, h: blocks.nasnet_normal_cell(h_prev, h, 8, s_prev=2, gate=path),
    )(((6, 2), (12, 1)), 48, 6 * 8 + 12 * 8 + twice([5, 3, 5, 3, 3], 8), bn=8 + 8 + 80, noisy=True),
    call("nasnet_reduction_cell", lambda h_prev, h: blocks.nasnet_reduction_cell(h_prev, h, 8))(
        ((6, 1), (12, 1)),
        32,
        6 * 8 + 12 * 8 + twice([5, 7, 7, 5, 3], 8),
        bn=8 + 8 + 80,
        size=half,
        n=12,
    ),
    call("amoebanet_normal_cell", lambda h_prev, h: blocks.amoebanet_normal_cell(h_prev, h, 8))(
        ((6, 1), (12, 1)), 32, 6 * 8 + 12 * 8 + twice([3, 3, 5, 3], 8), bn=8 + 8 + 64
    ),
    call(
        "amoebanet_reduction_cell", lambda h_prev, h: blocks.amoebanet_reduction_cell(h_prev, h, 8)
    )(
        ((6, 1), (12, 1)),
        40,
        6 * 8 + 12 * 8 + twice([3, 7, 3, 7], 8) + 8 * 2 + 2 * 7 * 2 * 2 + 2 * 8,
        bn=8 + 8 + 64 + 2 + 2 + 2 + 8,
        size=half,
        n=12,
    ),
    call("cell PNASNet-5 /2", lambda h_prev, h: cell(h_prev, h, 8, 2, blocks.PNASNET_5))(
        TWO, 40, 8 * 8 + twice([5, 7, 5, 3, 3, 3], 8) + 8 * 8, bn=8 + 96 + 8, size=half, n=12
    ),
    call(
        "cell without h_prev /2",
        lambda h: cell(None, h, 8, 2, blocks.NASNET_A_REDUCTION),
    )(
        12,
        32,
        12 * 8
        + twice([5, 3], 8)
        + sum(separable(k, 12, 8) + separable(k, 8, 8) for k in (7, 7, 5)),
        bn=8 + 80,
        size=half,
        n=12,
    ),
    call("cell_op sep5/2", lambda x: blocks.cell_op(x, "sep5", 8, 2))(
        8, 8, twice([5], 8), bn=16, size=half
    ),
    call("cell_op none/2", lambda x: blocks.cell_op(x, "none", 8, 2))(8, 8, 8 * 8, bn=8, size=half),
    call("cell_op 1x7_7x1", lambda x: blocks.cell_op(x, "1x7_7x1", 8, 2))(
        8, 8, 8 * 2 + 2 * 7 * 2 * 2 + 2 * 8, bn=2 + 2 + 2 + 8, size=half
    ),
    call("factorized_reduction", lambda x: blocks.factorized_reduction(x, 8))(
        6, 8, 6 * 4 + 6 * 4, bn=8, size=half
    ),
]


def chain(*steps):
    """Kernel elements of a chain: channels, then (kernel elements, filters) of each step."""
    c, *steps = steps
    total = 0
    for k, f in steps:
        total, c = total + k * c * f, f
    return total


SPLIT_384, SPLIT_256 = 2 * 3 * 384 * 384, 2 * 3 * 384 * 256
LARGE = [
    call(
        "parallel",
        lambda x: blocks.parallel(x, [(1, 4)], [(1, 3), (3, 5)], ["max", (1, 2)], ["avg"]),
    )(8, 19, chain(8, (1, 4)) + chain(8, (1, 3), (9, 5)) + 8 * 2, bn=4 + 3 + 5 + 2),
    call(
        "parallel /2 that splits",
        lambda x: blocks.parallel(x, [(3, 4, 2), [[((1, 3), 2)], [((3, 1), 3)]]], [("max", 2)]),
    )(8, 13, 9 * 8 * 4 + 3 * 4 * 5, bn=4 + 5, size=valid),
    call("bn_inception_module", lambda x: blocks.bn_inception_module(x, (4, 2, 6, 2, 5, 3)))(
        8,
        18,
        8 * 4 + chain(8, (1, 2), (9, 6)) + chain(8, (1, 2), (9, 5), (9, 5)) + 8 * 3,
        bn=4 + 8 + 12 + 3,
    ),
    call(
        "bn_inception_module /2",
        lambda x: blocks.bn_inception_module(x, (0, 2, 6, 2, 5, 0), 2, pool="max"),
    )(8, 19, chain(8, (1, 2), (9, 6)) + chain(8, (1, 2), (9, 5), (9, 5)), bn=20, size=half),
    call("inception_v3_a", lambda x: blocks.inception_v3_a(x))(
        8,
        288,
        2 * 8 * 64 + chain(8, (1, 48), (25, 64)) + chain(8, (1, 64), (9, 96), (9, 96)),
        bn=2 * 64 + 48 + 64 + 64 + 96 + 96,
    ),
    call("inception_v3_reduction_a", lambda x: blocks.inception_v3_reduction_a(x))(
        8,
        488,
        9 * 8 * 384 + chain(8, (1, 64), (9, 96), (9, 96)),
        bn=384 + 64 + 96 + 96,
        size=valid,
    ),
    call("inception_v3_b", lambda x: blocks.inception_v3_b(x, 16))(
        8,
        768,
        2 * 8 * 192
        + chain(8, (1, 16), (7, 16), (7, 192))
        + chain(8, (1, 16), (7, 16), (7, 16), (7, 16), (7, 192)),
        bn=2 * 192 + 32 + 192 + 64 + 192,
    ),
    call("inception_v3_reduction_b", lambda x: blocks.inception_v3_reduction_b(x))(
        8,
        520,
        chain(8, (1, 192), (9, 320)) + chain(8, (1, 192), (7, 192), (7, 192), (9, 192)),
        bn=192 + 320 + 4 * 192,
        size=valid,
    ),
    call("inception_v3_c", lambda x: blocks.inception_v3_c(x))(
        8,
        2048,
        8 * 320 + 8 * 192 + 8 * 384 + chain(8, (1, 448), (9, 384)) + 2 * SPLIT_384,
        bn=320 + 192 + 384 + 768 + 448 + 384 + 768,
    ),
    call("aux_head_v3", lambda x: blocks.aux_head_v3(x, classes=10, f=(8, 16)))(
        8, 10, chain(8, (1, 8), (25, 16), (1, 10)), biases=10, bn=24, size=FLAT, n=17
    ),
    call("inception_v4_stem", lambda x: blocks.inception_v4_stem(x))(
        3,
        384,
        chain(3, (9, 32), (9, 32), (9, 64), (9, 96))
        + chain(160, (1, 64), (9, 96))
        + chain(160, (1, 64), (7, 64), (7, 64), (9, 96))
        + 9 * 192 * 192,
        bn=32 + 32 + 64 + 96 + 64 + 96 + 3 * 64 + 96 + 192,
        size=lambda n: valid(valid(valid(n) - 2) - 2),
        n=43,
    ),
    call("inception_v4_a", lambda x: blocks.inception_v4_a(x))(
        8,
        384,
        2 * 8 * 96 + chain(8, (1, 64), (9, 96)) + chain(8, (1, 64), (9, 96), (9, 96)),
        bn=2 * 96 + 64 + 96 + 64 + 96 + 96,
    ),
    call("inception_v4_b", lambda x: blocks.inception_v4_b(x))(
        8,
        1024,
        8 * 384
        + 8 * 128
        + chain(8, (1, 192), (7, 224), (7, 256))
        + chain(8, (1, 192), (7, 192), (7, 224), (7, 224), (7, 256)),
        bn=384 + 128 + 192 + 224 + 256 + 192 + 192 + 224 + 224 + 256,
    ),
    call("inception_v4_c", lambda x: blocks.inception_v4_c(x))(
        8,
        1536,
        2 * 8 * 256
        + 8 * 384
        + SPLIT_256
        + chain(8, (1, 384), (3, 448), (3, 512))
        + 2 * 3 * 512 * 256,
        bn=2 * 256 + 384 + 512 + 384 + 448 + 512 + 512,
    ),
    call(
        "inception_resnet_reduction_b",
        lambda x: blocks.inception_resnet_reduction_b(x, (4, 5, 6)),
    )(
        8,
        403,
        chain(8, (1, 4), (9, 384)) + chain(8, (1, 4), (9, 5)) + chain(8, (1, 4), (9, 5), (9, 6)),
        bn=4 + 384 + 4 + 5 + 4 + 5 + 6,
        size=valid,
    ),
    call("senet_block /2", lambda x: blocks.senet_block(x, 16, 2, c=4, width=2, se=4))(
        8,
        16,
        8 * 4 + 9 * 4 * 8 // 4 + 8 * 16 + 2 * 16 * 4 + 9 * 8 * 16,
        biases=4 + 16,
        bn=4 + 8 + 16 + 16,
        size=half,
    ),
]
LENET = [
    call("subsample", lambda x: blocks.subsample(x))(6, 6, 0, biases=12, size=floor),
    call("partial_conv", lambda x: blocks.partial_conv(x))(
        6, 16, 60 * 25, biases=16, size=lambda n: n - 4
    ),
]

CASES = VOCABULARY + RESNET + RESNEXT + DENSENET + INCEPTION + KERNELS + MOBILE + NASNET
CASES += LARGE + LENET
NAMES = [f"{case.name} {case.note}".strip().replace(" ", "_") for case in CASES]
# Public names that are not blocks: constants, tables, a list of numbers; radial_basis, with flat
# input, has its own tests.
NO_BLOCKS = {"BN", "BN_TF", "GN", "LN", "survivals", "radial_basis"} | {
    n for n in blocks.__all__ if n.isupper()
}


def shapes(case, height, width):
    """The shapes of the inputs (without N) at this height and width of the last input."""
    pairs = case.c if isinstance(case.c, tuple) else ((case.c, 1),)
    return [(height and height * times, width and width * times, c) for c, times in pairs]


def zeros(initializer, shape, dtype=None, **_):
    return keras.ops.zeros(shape, dtype)


# Draws no random weights if they are replaced: drawing takes a fifth of the build time
undrawn = patch.object(keras.initializers.VarianceScaling, "__call__", zeros)


def build(case, height, width):
    """The model of one case at this size, without values; None for an unknown size."""
    inputs = [keras.Input(shape) for shape in shapes(case, height, width)]
    with undrawn:
        return keras.Model(inputs, case.build(*inputs))


def output_shape(case, height, width):
    """The shape of the result for one image, by the case's formula."""
    if case.size is FLAT:
        return (case.f,)
    rows, cols = case.size if isinstance(case.size, tuple) else (case.size, case.size)
    return (rows(height), cols(width), case.f)


def images(case, height, width, batch=2, seed=0):
    """Random inputs of one case, NumPy arrays."""
    rng = np.random.default_rng(seed)
    inputs = [rng.normal(size=(batch, *s)) for s in shapes(case, height, width)]
    return [x.astype("float32") for x in inputs]


def fill(model, seed=0):
    """Gives the model's weights random values, the same on every backend; returns the model."""
    rng = np.random.default_rng(seed)
    for v in model.weights:
        if v.name in ("gamma", "gain", "moving_variance"):
            value = rng.uniform(0.5, 1.5, v.shape)
        else:
            fan = np.prod(v.shape[:-1]) if v.name.endswith("kernel") else 10
            value = rng.normal(size=v.shape) * (2 / fan) ** 0.5
        v.assign(value)
    return model


@cache
def cached(index, height, width):
    return build(CASES[index], height, width)


def model_of(index, height=None, width=None):
    """The model of case number index, built once, with weights from seed 0."""
    n = CASES[index].n
    return fill(cached(index, height or n, width or n))
