"""The menu of convbook blocks: a row and an example for each block.

The rows are plain data: importing this module does not import Keras.
"""

import inspect
import math
import re
from collections import namedtuple
from typing import TYPE_CHECKING, Any

from convbook.tables import aligned

if TYPE_CHECKING:
    import keras

# args: the arguments of the example; its first names are the inputs, which have these shapes.
Row = namedtuple("Row", "what paper year args shapes", defaults=("x", ((32, 32, 32),)))
CELL = "h_prev, h", ((32, 32, 32), (32, 32, 32))

AT35, AT17, AT8 = (("x", ((n, n, c),)) for n, c in ((35, 192), (17, 768), (8, 1280)))

MENU = {
    # The article's blocks, in its order and its bare form.
    "bottleneck": Row("1x1 down, 3x3, 1x1 up", "ResNet", 2015),
    "naive_inception_module": Row("1x1, 3x3, 5x5, max pool side by side", "GoogLeNet", 2014),
    "inception_module": Row("the same after 1x1 bottlenecks", "GoogLeNet", 2014),
    "residual_block": Row("bottleneck with a shortcut", "ResNet", 2015),
    "resnext_block": Row("c bottlenecks summed, with a shortcut", "ResNeXt", 2016),
    "dense_block": Row("each layer reads all before it", "DenseNet", 2016),
    "se_block": Row("squeeze-and-excitation", "SENet", 2017, "x, 32"),
    "normal_cell": Row("NASNet-A's normal cell, bare", "NASNet", 2017, "x1, x2", CELL[1]),
    "inv_residual_block": Row("1x1 up, separable 3x3 down, shortcut", "MobileNetV2", 2018),
    # As the papers have them.
    "basic_block": Row("two 3x3 with a shortcut", "ResNet", 2015, "x, 32"),
    "bottleneck_block": Row("1x1, 3x3, 1x1 with a shortcut", "ResNet", 2015, "x, 32"),
    "shortcut_path": Row("shortcuts A, B and C", "ResNet", 2015, "x, 64, 2"),
    "blurpool": Row("a fixed blur, then every second pixel", "BlurPool", 2019),
    "blur_block": Row("ResNet's, blurred where it strides", "BlurPool", 2019, "x, 64, 2"),
    "pyramid_block": Row("norm first and last, a little wider", "PyramidNet", 2016, "x, 48"),
    "preact_block": Row("norm and relu come first", "Identity Mappings", 2016, "x, 32"),
    "activation_order_block": Row("five orders of norm and relu", "Identity Mappings", 2016),
    "shortcut_variant_block": Row("scaled, gated and other shortcuts", "Identity Mappings", 2016),
    "stochastic_depth": Row(
        "branch left out at random per mini-batch",
        "Stochastic Depth",
        2016,
        "x, lambda x: keras.layers.Conv2D(32, 3, padding='same')(x)",
    ),
    "drop_path": Row("branch left out at random per sample", "FractalNet", 2016),
    "aggregate": Row("c paths, in three equal forms", "ResNeXt", 2016, "x, 32"),
    "resnext_bottleneck_block": Row("c paths with a shortcut", "ResNeXt", 2016, "x, 32"),
    "resnext_two_layer_block": Row("c paths of two layers", "ResNeXt", 2016),
    "bam_block": Row("channels and places weighed at once", "BAM", 2018),
    "cbam_block": Row("channels weighed, then places", "CBAM", 2018),
    "global_context_block": Row("a weighed mean of all places added", "GCNet", 2019),
    "eca_block": Row("channels weighed by their neighbours", "ECA-Net", 2019),
    "coordinate_block": Row("rows and columns weighed", "Coord Attention", 2021),
    "selective_kernel": Row("two kernels, chosen for each channel", "SKNet", 2019, "x, 32"),
    "sk_block": Row("ResNeXt's with a chosen kernel", "SKNet", 2019, "x, 64"),
    "sk_basic_block": Row("two 3x3, the first chosen", "SKNet", 2019, "x, 32"),
    "senet_block": Row(
        "SENet-154's: halved 1x1, 3x3 projection", "SENet", 2017, "x, 256, 2", ((32, 32, 256),)
    ),
    "transition_block": Row("compression and mean pool", "DenseNet", 2016),
    "aux_head": Row("auxiliary classifier", "GoogLeNet", 2014, "x", ((14, 14, 512),)),
    "bn_inception_module": Row(
        "two 3x3 in place of the 5x5",
        "BN-Inception",
        2015,
        "x, (64, 64, 64, 64, 96, 32)",
        ((28, 28, 192),),
    ),
    "parallel": Row(
        "paths of convolutions and pools, as data",
        "Inception",
        2015,
        "x, [(1, 32)], [(1, 16), (3, 32)], ['avg', (1, 16)]",
    ),
    "inception_v3_a": Row("1x1, 5x5, two 3x3, mean", "Inception v3", 2015, *AT35),
    "inception_v3_b": Row("1x7 and 7x1 pairs", "Inception v3", 2015, *AT17),
    "inception_v3_c": Row("paths that split", "Inception v3", 2015, *AT8),
    "inception_v3_reduction_a": Row("35x35 to 17x17", "Inception v3", 2015, *AT35),
    "inception_v3_reduction_b": Row("17x17 to 8x8", "Inception v3", 2015, *AT17),
    "aux_head_v3": Row("auxiliary classifier", "Inception v3", 2015, *AT17),
    "grid_reduction": Row("3x3/2 beside a max pool", "Inception v3", 2015),
    "inception_v4_stem": Row("299x299 to 35x35", "Inception v4", 2016, "x", ((299, 299, 3),)),
    "inception_v4_a": Row("1x1, 3x3, two 3x3, mean", "Inception v4", 2016, *AT35),
    "inception_v4_b": Row("1x7 and 7x1, one and two pairs", "Inception v4", 2016, *AT17),
    "inception_v4_c": Row("paths that split", "Inception v4", 2016, *AT8),
    "reduction_a": Row("35x35 to 17x17", "Inception v4", 2016, "x", ((35, 35, 384),)),
    "reduction_b": Row("17x17 to 8x8", "Inception v4", 2016, "x", ((17, 17, 1024),)),
    "inception_resnet_block": Row("several paths, scaled, added", "Inception-ResNet", 2016),
    "inception_resnet_reduction_b": Row("17x17 to 8x8", "Inception-ResNet", 2016, *AT17),
    "extreme_inception": Row("1x1, then a kernel for each channel", "Xception", 2016),
    "xception_block": Row("separable 3x3s with a shortcut", "Xception", 2016, "x, 64, 2"),
    "mobilenet_block": Row("depthwise 3x3, then 1x1", "MobileNet", 2017),
    "inverted_residual_block": Row("1x1 up, depthwise, 1x1 down", "MobileNetV2", 2018, "x, 32"),
    "mobilenet_v3_block": Row("inverted, squeezed, hard swish", "MobileNetV3", 2019, "x, 32"),
    "mbconv_block": Row("inverted, squeezed, swish", "EfficientNet", 2019, "x, 32"),
    "fused_mbconv_block": Row("MBConv with one 3x3 for two", "EfficientNetV2", 2021, "x, 32"),
    "channel_shuffle": Row("channels dealt out over the groups", "ShuffleNet", 2017),
    "shufflenet_unit": Row(
        "grouped 1x1, shuffle, depthwise 3x3", "ShuffleNet", 2017, "x, 240", ((28, 28, 240),)
    ),
    "regnet_block": Row("1x1, 3x3 in groups of a width, 1x1", "RegNet", 2020, "x, 32"),
    "regnetz_block": Row("RegNet's turned inside out, squeezed", "RegNetZ", 2021, "x, 32"),
    "splat_conv": Row("halves, chosen for each channel", "ResNeSt", 2020, "x, 64"),
    "resnest_block": Row("ResNet's with split attention", "ResNeSt", 2020, "x, 64"),
    "ghost_module": Row("1x1, and depthwise ghosts of it", "GhostNet", 2019, "x, 64"),
    "ghost_bottleneck": Row("one ghost module up, one down, and x", "GhostNet", 2019, "x, 32"),
    "mobileone_block": Row("branches, later depthwise 3x3 and 1x1", "MobileOne", 2022, "x, 64"),
    "ws_conv": Row("a kernel of mean 0 and variance 1", "Weight Standard", 2019, "x, 64"),
    "nf_block": Row("no norm: standardised, scaled kernels", "NFNet", 2021, "x, 256"),
    "repvgg_block": Row("3x3, 1x1 and x, which are one 3x3 later", "RepVGG", 2021, "x, 32"),
    "res2net_block": Row("parts, each 3x3 reads the one before", "Res2Net", 2019, "x, 32"),
    "fuse_block": Row(
        "maps of other sizes added to x",
        "HRNet",
        2019,
        "x, finer=[x1], coarser=[x2]",
        ((32, 32, 32), (64, 64, 16), (16, 16, 64)),
    ),
    "osa_block": Row("3x3s in a row, joined once", "VoVNet", 2019, "x, 64, width=32"),
    "ese_block": Row("squeeze-and-excitation in one layer", "VoVNetV2", 2019),
    "leaky_bottleneck": Row("a bottleneck with leaky relus", "CSPNet", 2019, "x, 32"),
    "leaky_conv": Row("a convolution, a norm, a leaky relu", "Darknet-53", 2018, "x, 64"),
    "dark_block": Row("1x1 down, 3x3 up, and x", "Darknet-53", 2018, "x, 32"),
    "csp_stage": Row("half goes through blocks, half around", "CSPNet", 2019, "x, 64"),
    "uib_block": Row("a depthwise before, one between, or none", "MobileNetV4", 2024, "x, 32"),
    "dpn_block": Row("an addition and a join, side by side", "DPN", 2017, "x, 24, growth=8"),
    "dla_block": Row("3x3, 3x3, its shortcut a max and 1x1", "DLA", 2017, "x, 32"),
    "dla_root": Row("maps joined, 1x1, relu", "DLA", 2017, "x, 32"),
    "dla_tree": Row("blocks whose ends meet at roots", "DLA", 2017, "x, 32, b=2"),
    "convnext_block": Row("depthwise 7x7, 1x1 up, 1x1 down", "ConvNeXt", 2022),
    "convnext_v2_block": Row("ConvNeXt's with its responses normalised", "ConvNeXt V2", 2023),
    "pconv": Row("3x3 of a part of the channels", "FasterNet", 2023),
    "fasternet_block": Row("3x3 of a part, 1x1 up, 1x1 down", "FasterNet", 2023),
    "inception_dwconv": Row("depthwise 3x3, 1x11, 11x1 of parts", "InceptionNeXt", 2023),
    "inceptionnext_block": Row("parts depthwise, 1x1 up, 1x1 down", "InceptionNeXt", 2023),
    "shufflenet_v2_unit": Row("half is convolved, all is shuffled", "ShuffleNet V2", 2018, "x, 32"),
    "fire_module": Row("1x1 squeeze, 1x1 and 3x3 expand", "SqueezeNet", 2016),
    "nasnet_normal_cell": Row("NASNet-A's normal cell", "NASNet", 2017, *CELL),
    "nasnet_reduction_cell": Row("NASNet-A's reduction cell", "NASNet", 2017, *CELL),
    "amoebanet_normal_cell": Row("AmoebaNet-A's normal cell", "AmoebaNet", 2018, *CELL),
    "amoebanet_reduction_cell": Row("AmoebaNet-A's reduction cell", "AmoebaNet", 2018, *CELL),
    "cell": Row(
        "any cell, from its rows as data",
        "NASNet",
        2017,
        "h_prev, h, 32, rows=[('sep3', 'h', 'none', 'h_prev'), ('max3', 0, 'avg3', 'h')],"
        " used=[0, 1]",
        CELL[1],
    ),
    "cell_op": Row("one operation of a cell", "NASNet", 2017, "x, 'sep5', 32"),
    "factorized_reduction": Row("half the size, from two shifted halves", "NASNet", 2017, "x, 64"),
    # Single ideas.
    "subsample": Row("a trainable mean of each window", "LeNet-5", 1998),
    "partial_conv": Row("each map reads some of the maps", "LeNet-5", 1998, "x", ((14, 14, 6),)),
    "radial_basis": Row("distance to fixed codes", "LeNet-5", 1998, "x", ((84,),)),
    "mlpconv": Row("a perceptron at every position", "Network in Network", 2013),
    "small_kernels": Row("3x3s in place of one large kernel", "VGG", 2014),
    "asymmetric_pair": Row("1xk then kx1", "Inception v3", 2015),
    "multi_size": Row("kernels of several sizes", "GoogLeNet", 2014),
    "spatial_sepconv": Row("kx1 then 1xk, on each channel", "", ""),
    "grouped_sepconv": Row("depthwise, then grouped 1x1", "ShuffleNet", 2017),
    "dilated_stack": Row("3x3s at dilation 1, 2 and 5", "Hybrid Dilated", 2017),
    "maxout": Row("the largest of c convolutions", "Maxout", 2013),
    "dense_as_conv": Row("a dense layer slid over the image", "OverFeat", 2013, "x, 32"),
    "local_conv": Row("own kernels at each place", "LeCun", 1989, "x", ((8, 8, 32),)),
    "tiled_conv": Row("kernels that take turns", "Tiled CNN", 2010, "x", ((8, 8, 32),)),
    "lrn": Row("each value over its channel neighbours", "AlexNet", 2012),
    "refinement_head": Row("labels refined step by step", "Recurrent CNN", 2013),
}


def example(name: str, source: dict[str, Any] | None = None) -> "keras.Model":
    """The keras.Model of the call that the menu shows for the block name.

    source: names to take the block from, in place of this package.  Raises ValueError for a name
    that is not on the menu.
    """
    if name not in MENU:
        raise ValueError(f"name={name!r}: name must be one of {', '.join(MENU)}")
    args, shapes = MENU[name].args, MENU[name].shapes
    return called(f"{name}({args})", shapes, source)


def called(call: str, shapes: tuple[tuple[int, ...], ...],
           source: dict[str, Any] | None = None) -> "keras.Model":  # fmt: skip
    """The keras.Model of a call such as basic_block(x, 32), on inputs of these shapes."""
    import keras

    from convbook import blocks

    name, _, args = call.removesuffix(")").partition("(")
    inputs = dict(zip(re.findall(r"\b[a-z]\w*\b(?!=)", args), shapes, strict=False))
    inputs = {n: keras.Input(shape, name=n) for n, shape in inputs.items()}
    names = {**(vars(blocks) if source is None else source), "keras": keras, **inputs}
    return keras.Model([*inputs.values()], eval(call, names), name=name)


def menu() -> str:
    """The menu as text: name, what it is, paper, year, trainable weights; then the letters."""
    import keras

    from convbook.blocks import layers

    rows = [("block", "what it is", "paper", "year", "weights")]
    for name, row in MENU.items():
        with keras.StatelessScope(initialize_variables=False):  # only their shapes are read
            weights = sum(math.prod(v.shape) for v in example(name).trainable_variables)
        rows.append((name, row.what, row.paper, str(row.year), f"{weights:,}"))
    lines = aligned(rows, left=range(4), gap=" ")
    paragraphs = (inspect.getdoc(layers) or "").split("\n\n")
    letters = next(text for text in paragraphs if text.lstrip().startswith("x  "))
    return "\n".join([*lines, "", letters, ""])
