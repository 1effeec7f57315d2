"""Convolutional blocks for the Keras functional API: functions from tensor to tensor, to copy.

`convbook blocks` lists them, `convbook show NAME` prints one with all it needs.  The letters are
explained in convbook.blocks.layers.
"""

import sys

from convbook.blocks import legacy, renamed  # noqa: F401  (known to Keras from here on)
from convbook.blocks.attention import (
    bam_block,
    cbam_block,
    coordinate_block,
    eca_block,
    global_context_block,
)
from convbook.blocks.blurpool import BlurPool2D, blur_block, blurpool
from convbook.blocks.convnext import (
    GlobalResponseNorm,
    LayerScale,
    convnext_block,
    convnext_v2_block,
)
from convbook.blocks.csp import csp_stage, dark_block, leaky_bottleneck, leaky_conv
from convbook.blocks.densenet import dense_block, transition_block
from convbook.blocks.dla import dla_block, dla_root, dla_tree
from convbook.blocks.dpn import dpn_block
from convbook.blocks.fasternet import fasternet_block, pconv
from convbook.blocks.ghostnet import ghost_bottleneck, ghost_module
from convbook.blocks.grouped import GroupedConv2D
from convbook.blocks.hrnet import fuse_block
from convbook.blocks.inception import (
    aux_head,
    bn_inception_module,
    grid_reduction,
    inception_module,
    naive_inception_module,
    parallel,
)
from convbook.blocks.inception_v3 import (
    aux_head_v3,
    inception_v3_a,
    inception_v3_b,
    inception_v3_c,
    inception_v3_reduction_a,
    inception_v3_reduction_b,
)
from convbook.blocks.inception_v4 import (
    inception_resnet_block,
    inception_resnet_reduction_b,
    inception_v4_a,
    inception_v4_b,
    inception_v4_c,
    inception_v4_stem,
    reduction_a,
    reduction_b,
)
from convbook.blocks.inceptionnext import inception_dwconv, inceptionnext_block
from convbook.blocks.kernels import (
    asymmetric_pair,
    dense_as_conv,
    dilated_stack,
    grouped_sepconv,
    maxout,
    multi_size,
    small_kernels,
    spatial_sepconv,
)
from convbook.blocks.layers import (
    BN,
    BN_TF,
    GN,
    LN,
    act,
    avgpool,
    conv,
    dense,
    dwconv,
    gavgpool,
    maxpool,
    norm,
    pad,
    sepconv,
)
from convbook.blocks.lenet import partial_conv, radial_basis, subsample
from convbook.blocks.local import LocallyConnected2D, TiledConv2D, local_conv, tiled_conv
from convbook.blocks.lrn import LocalResponseNorm, lrn
from convbook.blocks.mbconv import fused_mbconv_block, mbconv_block
from convbook.blocks.mobilenet import (
    inv_residual_block,
    inverted_residual_block,
    mobilenet_block,
    mobilenet_v3_block,
)
from convbook.blocks.mobileone import mobileone_block
from convbook.blocks.nasnet import (
    AMOEBANET_A_NORMAL,
    AMOEBANET_A_REDUCTION,
    NASNET_A_NORMAL,
    NASNET_A_REDUCTION,
    PNASNET_5,
    amoebanet_normal_cell,
    amoebanet_reduction_cell,
    cell,
    cell_op,
    factorized_reduction,
    nasnet_normal_cell,
    nasnet_reduction_cell,
    normal_cell,
)
from convbook.blocks.nfnet import SkipInit, nf_block
from convbook.blocks.nin import mlpconv
from convbook.blocks.preresnet import activation_order_block, preact_block, shortcut_variant_block
from convbook.blocks.pyramidnet import pyramid_block
from convbook.blocks.refine import refinement_head
from convbook.blocks.regnet import regnet_block, regnetz_block
from convbook.blocks.repvgg import repvgg_block
from convbook.blocks.res2net import res2net_block
from convbook.blocks.resnest import resnest_block, splat_conv
from convbook.blocks.resnet import (
    basic_block,
    bottleneck,
    bottleneck_block,
    residual_block,
    shortcut_path,
)
from convbook.blocks.resnext import (
    aggregate,
    resnext_block,
    resnext_bottleneck_block,
    resnext_two_layer_block,
)
from convbook.blocks.se import se_block, senet_block
from convbook.blocks.selective_kernel import selective_kernel, sk_basic_block, sk_block
from convbook.blocks.shufflenet import ChannelShuffle, channel_shuffle, shufflenet_unit
from convbook.blocks.shufflenet_v2 import shufflenet_v2_unit
from convbook.blocks.squeezenet import fire_module
from convbook.blocks.standardized import StandardizedConv2D, ws_conv
from convbook.blocks.stochastic_depth import StochasticDepth, drop_path, stochastic_depth, survivals
from convbook.blocks.uib import uib_block
from convbook.blocks.vovnet import ese_block, osa_block
from convbook.blocks.xception import extreme_inception, xception_block

# Keras recurses once a layer when it builds, clones or loads a graph: ResNet-1202 needs over 1,000.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 10_000))

__all__ = [
    "AMOEBANET_A_NORMAL",
    "AMOEBANET_A_REDUCTION",
    "BN",
    "BN_TF",
    "GN",
    "LN",
    "NASNET_A_NORMAL",
    "NASNET_A_REDUCTION",
    "PNASNET_5",
    "BlurPool2D",
    "ChannelShuffle",
    "GlobalResponseNorm",
    "GroupedConv2D",
    "LayerScale",
    "LocalResponseNorm",
    "LocallyConnected2D",
    "SkipInit",
    "StandardizedConv2D",
    "StochasticDepth",
    "TiledConv2D",
    "act",
    "activation_order_block",
    "aggregate",
    "amoebanet_normal_cell",
    "amoebanet_reduction_cell",
    "asymmetric_pair",
    "aux_head",
    "aux_head_v3",
    "avgpool",
    "bam_block",
    "basic_block",
    "blur_block",
    "blurpool",
    "bn_inception_module",
    "bottleneck",
    "bottleneck_block",
    "cbam_block",
    "cell",
    "cell_op",
    "channel_shuffle",
    "conv",
    "convnext_block",
    "convnext_v2_block",
    "coordinate_block",
    "csp_stage",
    "dark_block",
    "dense",
    "dense_as_conv",
    "dense_block",
    "dilated_stack",
    "dla_block",
    "dla_root",
    "dla_tree",
    "dpn_block",
    "drop_path",
    "dwconv",
    "eca_block",
    "ese_block",
    "extreme_inception",
    "factorized_reduction",
    "fasternet_block",
    "fire_module",
    "fuse_block",
    "fused_mbconv_block",
    "gavgpool",
    "ghost_bottleneck",
    "ghost_module",
    "global_context_block",
    "grid_reduction",
    "grouped_sepconv",
    "inception_dwconv",
    "inception_module",
    "inception_resnet_block",
    "inception_resnet_reduction_b",
    "inception_v3_a",
    "inception_v3_b",
    "inception_v3_c",
    "inception_v3_reduction_a",
    "inception_v3_reduction_b",
    "inception_v4_a",
    "inception_v4_b",
    "inception_v4_c",
    "inception_v4_stem",
    "inceptionnext_block",
    "inv_residual_block",
    "inverted_residual_block",
    "leaky_bottleneck",
    "leaky_conv",
    "local_conv",
    "lrn",
    "maxout",
    "maxpool",
    "mbconv_block",
    "mlpconv",
    "mobilenet_block",
    "mobileone_block",
    "mobilenet_v3_block",
    "multi_size",
    "naive_inception_module",
    "nasnet_normal_cell",
    "nasnet_reduction_cell",
    "nf_block",
    "norm",
    "normal_cell",
    "osa_block",
    "pad",
    "parallel",
    "partial_conv",
    "pconv",
    "preact_block",
    "pyramid_block",
    "radial_basis",
    "reduction_a",
    "reduction_b",
    "refinement_head",
    "regnet_block",
    "regnetz_block",
    "repvgg_block",
    "res2net_block",
    "residual_block",
    "resnest_block",
    "resnext_block",
    "resnext_bottleneck_block",
    "resnext_two_layer_block",
    "se_block",
    "selective_kernel",
    "senet_block",
    "sepconv",
    "shortcut_path",
    "shortcut_variant_block",
    "shufflenet_unit",
    "shufflenet_v2_unit",
    "sk_basic_block",
    "sk_block",
    "small_kernels",
    "spatial_sepconv",
    "splat_conv",
    "ws_conv",
    "stochastic_depth",
    "subsample",
    "survivals",
    "tiled_conv",
    "transition_block",
    "uib_block",
    "xception_block",
]
