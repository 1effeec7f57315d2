"""Names of weights in PyTorch's libraries: a table of rows for each library and family.

How a row reads: see patterns.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from convbook.architectures import (
    efficientnet,
    mnasnet,
    mobilenet_v2,
    mobilenet_v3,
    mobilenet_v4,
    squeezenet,
    vgg,
)
from convbook.architectures.mobilenet_v3 import staged
from convbook.architectures.mobileone import DEPTHS
from convbook.architectures.weights.patterns import UNREAD, Rows, counted, within

BODY = {"body.conv<i>.<kind>": "b2_<kind><i>", "(?:body.)?se.(?:conv|fc)<i>": "b2_b2_dense<i>"}
BODY |= {"cbam.ch_gate.mlp.fc<i>": "b2_b2_dense<i>", "cbam.sp_gate.conv.<kind>": "b2_b2_<kind>1"}
PCV_UNITS = {"features.stage<stage>.unit<block>": "stage<stage>_block<block>"}
PCV_STEM = {"features.init_block.(?:conv.)?<kind>": "stem_<kind>1", "output(?:.fc)?": "logits"}
# Of SENet-154, Xception and the Inceptions:
PCV_STEM |= {"features.init_block.conv<i>.<kind>": "stem_<kind><i>"}

# A unit that projects has its first batch norm before the shortcut leaves.
PREACT_FIRST = {"body.conv1.bn": "bn1", "body.conv2.bn": "b2_bn1", "body.conv3.bn": "b2_bn2"}
PREACT_FIRST |= {"body.conv<i>.conv": "b2_conv<i>", "identity_conv": "b1_conv1"}
PREACT_STEM = PCV_STEM | {"features.init_block": "stem_conv1", "features.post_activ.bn": "last_bn1"}


def preact(*plain: int) -> Rows:
    """plain: the stages whose first unit does not project."""
    first = {f"features.stage{i}.unit1": f"stage{i}_block1" for i in plain}
    rest = within({"features.stage<stage>.unit1": "stage<stage>_block1"}, PREACT_FIRST)
    return PREACT_STEM | within(first, BODY) | rest | within(PCV_UNITS, BODY)


def vgg_convs(stages: Iterable[tuple[int, ...]], normed: bool = False) -> Rows:
    """features.N: N counts convolutions, batch norms if normed, relus and pools."""
    rows, n = {}, 0
    for i, kernels in enumerate(stages, 1):
        for j in range(1, len(kernels) + 1):
            rows[f"features.{n}"] = f"stage{i}_conv{j}"
            if normed:
                rows[f"features.{n + 1}"] = f"stage{i}_bn{j}"
            n += 3 if normed else 2
        n += 1
    return rows


VGG_HEADS = {
    "torchvision": {"classifier.0": "head_dense1", "classifier.3": "head_dense2"}
    | {"classifier.6": "logits"},
    "timm": {"pre_logits.fc<i>": "head_dense<i>", "head.fc": "logits"},
}


def fires(groups: Iterable[tuple[int, ...]]) -> Rows:
    """features.N: N counts Fire modules and pools, from 3."""
    rows: Rows = {}
    n = 3
    for i, group in enumerate(groups, 1):
        rows |= counted("features.", f"stage{i}_block", len(group), n)
        n += len(group) + 1
    return rows


def squeeze(groups: Iterable[tuple[int, ...]]) -> Rows:
    rows = {"squeeze": "conv1", "expand1x1": "b1_conv1", "expand3x3": "b2_conv1"}
    stem = {"features.0": "stem_conv1", "classifier.1": "head_conv1"}
    return stem | within(fires(groups), rows)


def inverted(table: Iterable[tuple[int, int, int, int]]) -> Rows:
    """features.N: N counts blocks; a block without expansion lacks its first 1x1."""
    rows, n = {"features.0.0": "stem_conv1", "features.0.1": "stem_bn1"}, 0
    full = {"conv.0.0": "conv1", "conv.0.1": "bn1", "conv.1.0": "dwconv1", "conv.1.1": "bn2"}
    full |= {"conv.2": "conv2", "conv.3": "bn3"}
    bare = {"conv.0.0": "dwconv1", "conv.0.1": "bn1", "conv.1": "conv1", "conv.2": "bn2"}
    for i, (t, _, depth, _) in enumerate(table, 1):
        for j in range(1, depth + 1):
            n, path = n + 1, f"stage{i}_block{j}" + "_b2" * (j > 1)
            rows |= within({f"features.{n}": path}, full if t > 1 else bare)
    last = {f"features.{n + 1}.0": "last_conv1", f"features.{n + 1}.1": "last_bn1"}
    return rows | last | {"classifier.1": "logits"}


def timm_inverted(*adding: int) -> Rows:
    """timm's MobileNets, MnasNets and EfficientNets: a block's modules by what they do.

    The first stage has no expansion, and its further blocks, which EfficientNet-B1 has, add;
    adding: the stages whose first block adds.
    """
    rows = {"conv_stem": "stem_conv1", "bn1": "stem_bn1", "conv_head": "last_conv1"}
    rows |= {"bn2": "last_bn1", "classifier": "logits"}
    weighed = {"se.conv_reduce": "b2_dense1", "se.conv_expand": "b2_dense2"}
    bare = {"conv_dw": "dwconv1", "bn<i>": "bn<i>", "conv_pw": "conv1", **weighed}
    full = {"conv_pw": "conv1", "bn<i>": "bn<i>", "conv_dw": "dwconv1", "conv_pwl": "conv2"}
    full |= weighed
    rows |= within({"blocks.0.0": "stage1_block1"}, bare)
    for i in adding:
        rows |= within({f"blocks.{i - 1}.0": f"stage{i}_block1_b2"}, full if i > 1 else bare)
    rows |= within({"blocks.0.<block-1>": "stage1_block<block>_b2"}, bare)
    rows |= within({"blocks.<stage-1>.0": "stage<stage>_block1"}, full)
    return rows | within({"blocks.<stage-1>.<block-1>": "stage<stage>_block<block>_b2"}, full)


def efficientnet_pytorch(depths: Iterable[int]) -> Rows:
    """EfficientNet-PyTorch's: blocks are counted through; the first stage has no expansion."""
    rows = {"_conv_stem": "stem_conv1", "_bn0": "stem_bn1", "_fc": "logits"}
    rows |= {"_conv_head": "last_conv1", "_bn1": "last_bn1"}
    bare = {"_depthwise_conv": "dwconv1", "_bn<i>": "bn<i>", "_project_conv": "conv1"}
    bare |= {"_se_reduce": "b2_dense1", "_se_expand": "b2_dense2"}
    full = bare | {"_expand_conv": "conv1", "_bn<i-1>": "bn<i>", "_project_conv": "conv2"}
    del full["_bn<i>"]
    n = 0
    for i, depth in enumerate(depths, 1):
        for j in range(1, depth + 1):
            path = f"stage{i}_block{j}" + "_b2" * (j > 1)
            rows |= within({f"_blocks.{n}": path}, full if i > 1 else bare)
            n += 1
    return rows


def pcv_inverted(table: Iterable[Sequence[Any]], first: int) -> Rows:
    """pytorchcv's MnasNets and EfficientNets, whose stages begin where the stride is 2.

    first: its number of our first stage, whose blocks have no expansion; 0: the stem has its block.
    """
    rows = {"features.init_block.conv2": "stage1_block1"} if not first else {}
    rows = PCV_STEM | within(rows, SEPARABLE)
    rows |= {"features.final_block.(?:conv2.)?<kind>": "last_<kind>1"}
    full = {"se.conv<i>": "b2_dense<i>"}
    for i, there in enumerate(("(?:exp_conv|conv1)", "(?:dw_conv|conv2)", "(?:pw_conv|conv3)"), 1):
        full |= {f"{there}.bn": f"bn{i}", f"{there}.conv": ("conv1", "dwconv1", "conv2")[i - 1]}
    stage, unit = first, 0
    for i, (_, _, _, depth, s, *_) in enumerate(table, 1):
        stage, unit = (stage + 1, 0) if s == 2 else (stage, unit)
        for j in range(1, depth + 1):
            unit += first > 0 or i > 1
            here = f"stage{i}_block{j}" + "_b2" * (j > 1)
            block = {f"features.stage{stage}.unit{unit}": here}
            rows |= within(block, full if i > 1 else SEPARABLE | full)
    return rows | within({"features.final_block.conv1": "stage7_block1"}, full)


def torchvision_mbconv() -> Rows:
    """torchvision's EfficientNet: a block's parts in a row, one less in the first stage."""
    rows = {"features.0.0": "stem_conv1", "features.0.1": "stem_bn1", "classifier.1": "logits"}
    rows |= {"features.8.0": "last_conv1", "features.8.1": "last_bn1"}
    bare = {"0.0": "dwconv1", "0.1": "bn1", "1.fc<i>": "b2_dense<i>", "2.0": "conv1", "2.1": "bn2"}
    full = {"0.0": "conv1", "0.1": "bn1", "1.0": "dwconv1", "1.1": "bn2", "2.fc<i>": "b2_dense<i>"}
    full |= {"3.0": "conv2", "3.1": "bn3"}
    first, rest = "features.<stage>.0.block", "features.<stage>.<block-1>.block"
    rows |= within({"features.1.0.block": "stage1_block1"}, bare)
    rows |= within({"features.1.<block-1>.block": "stage1_block<block>_b2"}, bare)
    rows |= within({first: "stage<stage>_block1"}, full)
    return rows | within({rest: "stage<stage>_block<block>_b2"}, full)


def stages(paths: Iterable[tuple[str, Rows]], first: str) -> Rows:
    """Rows of EfficientNetV2's stages: (path of a block there, its parts); first: the first block.

    Blocks after a stage's first add.
    """
    rows: Rows = {}
    for i, (there, layers) in enumerate(paths, 1):
        begin = first if i == 1 else f"stage{i}_block1"
        rows |= within({there.replace("<block-1>", "0"): begin}, layers)
        rows |= within({there: f"stage{i}_block<block>_b2"}, layers)
    return rows


def timm_v2(first: str, project: bool = False) -> Rows:
    """project: its first S and M, of a 1x1 in the first stage."""
    rows = {"conv_stem": "stem_conv1", "bn1": "stem_bn1", "conv_head": "last_conv1"}
    rows |= {"bn2": "last_bn1", "classifier": "logits"}
    bare = {"conv": "conv1", "bn1": "bn1"}
    fused = {"conv_exp": "conv1", "bn<i>": "bn<i>", "conv_pwl": "conv2"}
    full = {"conv_pw": "conv1", "bn<i>": "bn<i>", "conv_dw": "dwconv1", "conv_pwl": "conv2"}
    full |= {"se.conv_reduce": "b2_dense1", "se.conv_expand": "b2_dense2"}
    by_stage = enumerate((fused if project else bare, fused, fused, *4 * (full,)))
    return rows | stages(((f"blocks.{i}.<block-1>", part) for i, part in by_stage), first)


def torchvision_v2() -> Rows:
    """A block's parts in a row; the last convolution stands after six stages, or after seven."""
    rows = {"features.0.0": "stem_conv1", "features.0.1": "stem_bn1", "classifier.1": "logits"}
    rows |= {"features.[78].0": "last_conv1", "features.[78].1": "last_bn1"}
    bare = {"0.0": "conv1", "0.1": "bn1"}
    fused = bare | {"1.0": "conv2", "1.1": "bn2"}
    full = bare | {"1.0": "dwconv1", "1.1": "bn2", "2.fc<i>": "b2_dense<i>"}
    full |= {"3.0": "conv2", "3.1": "bn3"}
    by_stage = enumerate((bare, fused, fused, *4 * (full,)), 1)
    paths = ((f"features.{i}.<block-1>.block", part) for i, part in by_stage)
    return rows | stages(paths, "stage1_block1_b2")


def timm_v4(table: Iterable[Sequence[Any]], pairs: int) -> Rows:
    """timm's MobileNetV4: pairs of convolutions or one fused MBConv, then UIBs by their parts."""
    rows = {"conv_stem": "stem_conv1", "bn1": "stem_bn1", "conv_head": "head_conv1"}
    rows |= {"norm_head": "head_bn1", "classifier": "logits"}
    rows |= {"blocks.4.0.conv": "last_conv1", "blocks.4.0.bn1": "last_bn1"}
    for i in range(pairs):
        for j in (0, 1):
            there, here = f"blocks.{i}.{j}", f"stage{i + 1}"
            rows |= {f"{there}.conv": f"{here}_conv{j + 1}", f"{there}.bn1": f"{here}_bn{j + 1}"}
    fused = {"conv_exp": "conv1", "bn<i>": "bn<i>", "conv_pwl": "conv2"}
    rows |= within({"blocks.0.0": "stage1"}, fused) if not pairs else {}
    for i, (_, *blocks) in enumerate(table, max(pairs, 1)):
        for j, (first, k, _) in enumerate(blocks):
            path = f"stage{i + 1}_block{j + 1}" + "_b2" * (j > 0)
            modules = ["dw_start"] * bool(first) + ["pw_exp"] + ["dw_mid"] * bool(k) + ["pw_proj"]
            count = {"dw": 0, "pw": 0}
            for m, part in enumerate(modules, 1):
                kind = part[:2]
                count[kind] += 1
                layer = f"{'dwconv' if kind == 'dw' else 'conv'}{count[kind]}"
                there = f"blocks.{i}.{j}.{part}"
                rows |= {f"{there}.conv": f"{path}_{layer}", f"{there}.bn": f"{path}_bn{m}"}
    return rows


def torchvision_mnasnet() -> Rows:
    """layers.N: the stem, the separable convolution's parts, six stages, the last convolution."""
    rows = {"layers.0": "stem_conv1", "layers.1": "stem_bn1", "classifier.1": "logits"}
    rows |= {"layers.3": "stage1_block1_dwconv1", "layers.4": "stage1_block1_bn1"}
    rows |= {"layers.6": "stage1_block1_conv1", "layers.7": "stage1_block1_bn2"}
    rows |= {"layers.14": "last_conv1", "layers.15": "last_bn1"}
    layers = {"layers.0": "conv1", "layers.1": "bn1", "layers.3": "dwconv1", "layers.4": "bn2"}
    layers |= {"layers.6": "conv2", "layers.7": "bn3"}
    for i in range(2, 8):
        rows |= within({f"layers.{i + 6}.0": f"stage{i}_block1"}, layers)
        rows |= within({f"layers.{i + 6}.<block-1>": f"stage{i}_block<block>_b2"}, layers)
    return rows


def torchvision_v3(table: Iterable[Sequence[Any]]) -> Rows:
    """torchvision's MobileNetV3: features.N counts blocks, and their parts those that are there."""
    rows, n, c = {"features.0.0": "stem_conv1", "features.0.1": "stem_bn1"}, 0, 16
    for i, j, (_, width, f, se, _, s) in staged(table):
        n, path = n + 1, f"stage{i}_block{j}" + "_b2" * (s == 1 and c == f)
        modules = ["conv1"] * (width != c) + ["dwconv1"] + ["se"] * bool(se)
        modules += ["conv2" if width != c else "conv1"]
        norms = 0
        for m, part in enumerate(modules):
            there = f"features.{n}.block.{m}"
            norms += part != "se"
            rows |= {f"{there}.0": f"{path}_{part}", f"{there}.1": f"{path}_bn{norms}"}
            rows |= {f"{there}.fc<i>": f"{path}_b2_dense<i>"} if part == "se" else {}
        c = f
    rows |= {f"features.{n + 1}.0": "last_conv1", f"features.{n + 1}.1": "last_bn1"}
    return rows | {"classifier.0": "head_dense1", "classifier.3": "logits"}


def timm_v3(table: Iterable[Sequence[Any]]) -> Rows:
    """timm's MobileNetV3, whose large one's first block adds, and whose last convolution is a block
    too."""
    rows, c = {"conv_stem": "stem_conv1", "bn1": "stem_bn1", "conv_head": "head_dense1"}, 16
    rows |= {"classifier": "logits"}
    weighed = {"se.conv_reduce": "b2_dense1", "se.conv_expand": "b2_dense2", "bn<i>": "bn<i>"}
    bare = weighed | {"conv_dw": "dwconv1", "conv_pw": "conv1"}
    full = weighed | {"conv_pw": "conv1", "conv_dw": "dwconv1", "conv_pwl": "conv2"}
    for i, j, (_, width, f, _, _, s) in staged(table):
        path = f"stage{i}_block{j}" + "_b2" * (s == 1 and c == f)
        rows |= within({f"blocks.{i - 1}.{j - 1}": path}, full if width != c else bare)
        c = f
    return rows | {f"blocks.{i}.0.conv": "last_conv1", f"blocks.{i}.0.bn1": "last_bn1"}


def xception() -> Rows:
    """A block's modules count relus; the first block has no leading one."""
    stem = {"conv1": "stem_conv1", "bn1": "stem_bn1", "conv2": "stem_conv2", "bn2": "stem_bn2"}
    ends = {"skip": "b1_conv1", "skipbn": "b1_bn1"}
    last = {"(?:fc|last_linear)": "logits"}
    for i in (1, 2):
        last[f"conv{i + 2}.conv1"] = f"stage3_sepconv{i}.depthwise_kernel"
        last[f"conv{i + 2}.pointwise"] = f"stage3_sepconv{i}.pointwise_kernel"
        last[f"bn{i + 2}"] = f"stage3_bn{i}"

    def layers(first):
        rows = {}
        for i in (1, 2, 3):
            n = first + 3 * (i - 1)
            rows[f"rep.{n}.conv1"] = f"b2_sepconv{i}.depthwise_kernel"
            rows[f"rep.{n}.pointwise"] = f"b2_sepconv{i}.pointwise_kernel"
            rows[f"rep.{n + 1}"] = f"b2_bn{i}"
        return rows | ends

    blocks = {"block2": "stage1_block2", "block3": "stage1_block3", "block12": "stage3_block1"}
    blocks |= counted("block", "stage2_block", 8, 4)
    return stem | within({"block1": "stage1_block1"}, layers(0)) | within(blocks, layers(1)) | last


def pcv_xception() -> Rows:
    blocks = {f"features.stage{i}.unit1": f"stage1_block{i}" for i in (1, 2, 3)}
    blocks |= counted("features.stage3.unit", "stage2_block", 8, 2)
    blocks |= {"features.stage4.unit1": "stage3_block1"}
    separable = {"conv.dw_conv": "sepconv<i>.depthwise_kernel", "bn": "bn<i>"}
    separable |= {"conv.pw_conv": "sepconv<i>.pointwise_kernel"}
    rows = {f"body.block<i>.{part}": f"b2_{layer}" for part, layer in separable.items()}
    rows |= {"identity_conv.<kind>": "b1_<kind>1"}
    there = "features.final_block.conv<i>"
    last = {f"{there}.{part}": f"stage3_{layer}" for part, layer in separable.items()}
    return PCV_STEM | within(blocks, rows) | last


# Inception v3's modules name their paths by kernel.
V3_STEM = {"1a_3x3": "pool1_<kind>1", "2a_3x3": "pool1_<kind>2", "2b_3x3": "pool1_<kind>3"}
V3_STEM |= {"3b_1x1": "<kind>1", "4a_3x3": "<kind>2"}
V3_A = {
    "branch1x1.<kind>": "b1_<kind>1",
    "branch5x5_<i>.<kind>": "b2_<kind><i>",
    "branch3x3dbl_<i>.<kind>": "b3_<kind><i>",
}
V3_A |= {"branch_pool.<kind>": "b4_<kind>1"}
V3_B = {
    "branch1x1.<kind>": "b1_<kind>1",
    "branch7x7_<i>.<kind>": "b2_<kind><i>",
    "branch7x7dbl_<i>.<kind>": "b3_<kind><i>",
}
V3_B |= {"branch_pool.<kind>": "b4_<kind>1"}
V3_C = {
    "branch1x1.<kind>": "b1_<kind>1",
    "branch3x3_1.<kind>": "b2_<kind>1",
    "branch3x3dbl_<i>.<kind>": "b3_<kind><i>",
}
V3_C |= {f"branch3x3_2{i}.<kind>": f"b2_{b}_<kind>1" for i, b in (("a", "b1"), ("b", "b2"))}
V3_C |= {f"branch3x3dbl_3{i}.<kind>": f"b3_{b}_<kind>1" for i, b in (("a", "b1"), ("b", "b2"))}
V3_C |= {"branch_pool.<kind>": "b4_<kind>1"}
V3_REDUCTIONS = (
    {"branch3x3.<kind>": "b1_<kind>1", "branch3x3dbl_<i>.<kind>": "b2_<kind><i>"},
    {"branch3x3_<i>.<kind>": "b1_<kind><i>", "branch7x7x3_<i>.<kind>": "b2_<kind><i>"},
)

# Inception v4's and Inception-ResNet's count paths and their convolutions.
PATHS = {
    "branch3.1.<kind>": "b4_<kind>1",
    "branch0.<kind>": "b1_<kind>1",
    "branch<path-1>.<i-1>.<kind>": "b<path>_<kind><i>",
}
V4_C = {f"branch1_1{i}.<kind>": f"b2_{b}_<kind>1" for i, b in (("a", "b1"), ("b", "b2"))}
V4_C |= {f"branch2_3{i}.<kind>": f"b3_{b}_<kind>1" for i, b in (("a", "b1"), ("b", "b2"))}
V4_C |= {"branch<path-1>_<i-1>.<kind>": "b<path>_<kind><i>", **PATHS}
V4_STEM = {
    "<i-1>.<kind>": "<kind><i>",
    "3.conv.<kind>": "b2_<kind>1",
    "5.conv.<kind>": "b1_<kind>3",
}
V4_STEM = {f"features.{i}": j for i, j in V4_STEM.items()}
RESIDUAL = {
    "branch0.<kind>": "b2_b1_<kind>1",
    "branch<path-1>.<i-1>.<kind>": "b2_b<path>_<kind><i>",
    "conv2d": "b2_conv1",
}

# pytorchcv's Inceptions: the first unit of stages 2 and 3 is the reduction before.
PCV_PATHS = {
    "branch<path>.conv.<kind>": "b<path>_<kind>1",
    "branch<path>.conv_list.conv<i>.<kind>": "b<path>_<kind><i>",
}
PCV_PATHS |= {
    "branch<path>.conv1x3.<kind>": "b<path>_b1_<kind>1",
    "branch<path>.conv3x1.<kind>": "b<path>_b2_<kind>1",
}
PCV_PATHS = {f"branches.{i}": j for i, j in PCV_PATHS.items()}


def pcv_inception(depths: Iterable[int], stem: Rows, rows: Rows) -> Rows:
    blocks = {"features.stage1.unit<block>": "stage1_block<block>"}
    reductions = {f"features.stage{i}.unit1": f"stage{i}_reduction" for i in (2, 3)}
    for i, depth in enumerate(depths, 2):
        blocks |= counted(f"features.stage{i}.unit", f"stage{i}_block", depth, 2)
    rest = within(reductions, PCV_PATHS) | within(blocks, rows)
    rest |= {"output.fc": "logits"}
    return {f"features.init_block.{i}": f"stem_{j}" for i, j in stem.items()} | rest


V3_PCV = {f"conv{i}.<kind>": j for i, j in enumerate(V3_STEM.values(), 1)}
V4_PCV = {"conv<i>.<kind>": "<kind><i>", "block1.branches.branch2.conv.<kind>": "b2_<kind>1"}
V4_PCV |= {"block2.branches.branch1.conv_list.conv<i>.<kind>": "b1_<kind><i>"}
V4_PCV |= {
    f"block2.branches.branch2.conv_list.conv{i}.<kind>": f"b2_<kind>{i + 1}" for i in range(1, 5)
}
V4_PCV |= {"block3.branches.branch1.conv.<kind>": "b1_<kind>3"}
RESIDUAL_PCV = {i: f"b2_{j}" for i, j in PCV_PATHS.items()} | {"conv": "b2_conv1"}
V2_PCV = {"conv<i>.<kind>": "pool2_<kind><i>"} | {f"block.{i}": j for i, j in PCV_PATHS.items()}

# BN-Inception: pytorchcv's stages begin with the module that strides.
MODULE = {
    "branch1.<kind>": "b1_<kind>1",
    "branch<path>.conv<i>.<kind>": "b<path>_<kind><i>",
    "branch4.conv.<kind>": "b4_<kind>1",
}
MODULE = {f"branches.{i}": j for i, j in MODULE.items()}
BNI = {
    "features.stage1.unit<block>": "stage1_block<block>",
    "features.stage2.unit1": "stage1_block3",
}
BNI |= counted("features.stage2.unit", "stage2_block", 4, 2)
BNI |= {"features.stage3.unit1": "stage2_block5"}
BNI |= counted("features.stage3.unit", "stage3_block", 2, 2)


# NASNet-A and PNASNet-5: the rows of a cell, and what prepares its inputs; pytorchcv's and timm's.
def separable(convs: Sequence[int] = (1, 2), norms: Sequence[int] = (1, 2)) -> Rows:
    """Rows of the two convolutions of an operation of a cell, which have these numbers here."""
    rows = {}
    for i, (conv, bn) in enumerate(zip(convs, norms, strict=True), 1):
        for short, part in (("dw", "depthwise"), ("pw", "pointwise")):
            there = f"(?:conv{i}.conv.{short}_conv|separable_{i}.{part}_conv2d)"
            rows[there] = f"sepconv{conv}.{part}_kernel"
        rows[f"(?:conv{i}.bn|bn_sep_{i})"] = f"bn{bn}"
    return rows


def operations(paths: Rows, layers: Rows) -> Rows:
    """paths: {row and side of the operation: its path here}."""
    return within({f"comb(?:_iter_)?{i}": path for i, path in paths.items()}, layers)


def inputs(path: str, h: tuple[int, int], h_prev: tuple[int, int]) -> Rows:
    """h, h_prev: numbers here of the layers that prepare them; path: that of h_prev's."""
    rows = {"conv_?1x1.conv": f"conv{h[0]}", "conv_?1x1.bn": f"bn{h[1]}"}
    for name in ("conv1x1_prev", "conv_prev_1x1"):
        rows |= {f"{name}.conv": f"{path}conv{h_prev[0]}", f"{name}.bn": f"{path}bn{h_prev[1]}"}
    rows["(?:path.|conv_prev_1x1.)?path_?<i>.conv"] = f"{path}b<i>_conv1"
    return rows | {"(?:path.bn|(?:conv_prev_1x1.)?final_path_bn)": f"{path}bn{h_prev[1]}"}


def cells(depth: int, reductions: bool) -> Rows:
    """{cell: cell}; pytorchcv's stages begin with the reduction, where there is one."""
    blocks = {"features.stem1_unit": "stem_cell1", "cell_stem_0": "stem_cell1"}
    blocks |= {"features.stem2_unit": "stem_cell2", "cell_stem_1": "stem_cell2"}
    if not reductions:
        blocks |= {"features.stage1.unit1": "stem_cell2"}
    for i in (1, 2, 3):
        first = 1 + (i > 1 if reductions else i == 1)
        blocks |= counted(f"features.stage{i}.unit", f"stage{i}_block", depth, first)
        blocks |= counted("cell_", f"stage{i}_block", depth, (i - 1) * depth)
        if reductions and i > 1:
            there = f"(?:features.stage{i}.unit1|reduction_cell_{i - 2})"
            blocks[there] = f"reduction{i - 1}"
    return blocks


NORMAL = {"0_left": "b2_b1", "0_right": "b2_b2", "1_left": "b3_b1", "1_right": "b3_b2"}
NORMAL = operations(NORMAL | {"4_left": "b6_b1"}, separable()) | inputs("", (1, 2), (2, 1))
PNASNET = {"0_left": "b1_b1", "1_left": "b2_b1", "2_left": "b1", "2_right": "b2"}
PNASNET = operations(PNASNET | {"3_left": "b4_b1", "4_left": "b5_b1"}, separable())
PNASNET |= operations({"0_right": "b1_b2", "4_right": "b5_b2"}, {"<kind>": "<kind>1"})
PNASNET |= inputs("", (1, 1), (2, 2))
CELL_STEM = PCV_STEM | {"conv_?0.<kind>": "stem_<kind>1", "last_linear": "logits"}


def reduction(prepared: int) -> Rows:
    """prepared: batch norms that h_prev has had before the cell's first row."""
    rows = operations({"0_left": "b1", "2_right": "b2_b2", "4_left": "b4_b1"}, separable())
    for i, pair in ((0, (1, 2)), (1, (3, 4))):  # both read h_prev and end in the second state
        norms = [n + prepared for n in pair]
        rows |= operations({f"{i}_right": "b2"}, separable(pair, norms))
    return rows | inputs("b2_", (1, 1), (1, 1))


def nasnet(depth: int) -> Rows:
    blocks: dict[str, Rows] = {"normal": {}, "reduction": {}, "first": {}}
    for there, here in cells(depth, True).items():
        kind = "reduction" if "stage" not in here else "normal"
        blocks["first" if here == "stem_cell1" else kind][there] = here
    rows = within(blocks["first"], reduction(0)) | within(blocks["reduction"], reduction(1))
    return CELL_STEM | rows | within(blocks["normal"], NORMAL)


RESNET = {"<kind><i>": "b2_<kind><i>", "downsample.0": "b1_conv1", "downsample.1": "b1_bn1"}
SE_RESNET = RESNET | {"se_module.fc<i>": "b2_b2_dense<i>"}
RESNET |= {"se.fc<i>": "b2_b2_dense<i>"}
RESNET_BLOCKS = {"layer<stage>.<block-1>": "stage<stage>_block<block>"}
BEHIND_A_MEAN = {"<kind><i>": "b2_<kind><i>"}
BEHIND_A_MEAN |= {"downsample.1": "b1_conv1", "downsample.2": "b1_bn1"}
STEM_D = {"conv1.0": "stem_conv1", "conv1.1": "stem_bn1", "conv1.3": "stem_conv2"}
STEM_D |= {"conv1.4": "stem_bn2", "conv1.6": "stem_conv3", "bn1": "stem_bn3"}
BEHIND_A_MEAN |= {"se.conv": "b2_b2_conv1d1", "se.fc<i>": "b2_b2_dense<i>"}  # ECA, SE
BAM = {"bam.ch_att.init_fc.fc": "b2_b2_b2_dense1", "bam.ch_att.init_fc.bn": "b2_b2_b2_bn1"}
BAM |= {"bam.ch_att.final_fc": "b2_b2_b2_dense2", "bam.sp_att.final_conv": "b2_b2_b1_conv4"}
BAM |= {"bam.sp_att.init_conv.<kind>": "b2_b2_b1_<kind>1"}
BAM |= {f"bam.sp_att.dil_convs.conv{i}.<kind>": f"b2_b2_b1_<kind>{i + 1}" for i in (1, 2)}
BAM |= {f"res_unit.{there}": here for there, here in BODY.items()}
BAM |= {"res_unit.identity_conv.<kind>": "b1_<kind>1"}
DENSE_UNIT = {"conv<i>": "b2_conv<i>", "norm<i>": "b2_bn<i>"}
FIRE = {"squeeze.conv": "conv1", "expand1x1.conv": "b1_conv1", "expand3x3.conv": "b2_conv1"}
BYPASSED = {f"features.stage{i}.unit{j}": f"stage{i}_block{j}_b2" for i, j in squeezenet.KEPT}
PCV_SQUEEZE = {"features.init_block.conv": "stem_conv1", "output.final_conv": "head_conv1"}
SEPARABLE = {"dw_conv.conv": "dwconv1", "dw_conv.bn": "bn1", "pw_conv.conv": "conv1"}
SEPARABLE |= {"pw_conv.bn": "bn2"}
V2_UNIT = {"downsample.conv": "b1_conv1", "norm1": "bn1", "norm2": "b2_bn1", "norm3": "b2_bn2"}
GOOGLE = {
    "conv1.<kind>": "stem_pool1_<kind>1",
    "conv2.<kind>": "stem_<kind>1",
    "conv3.<kind>": "stem_<kind>2",
}
GOOGLE |= {
    "aux<aux>.conv.<kind>": "aux<aux>_<kind>1",
    "aux<aux>.fc1": "aux<aux>_dense1",
    "aux<aux>.fc2": "aux<aux>_logits",
}
GOOGLE_STAGES = {3: "ab", 4: "abcde", 5: "ab"}
GOOGLE_BLOCKS = {
    f"inception{i}{j}": f"stage{i - 2}_block{n}"
    for i, letters in GOOGLE_STAGES.items()
    for n, j in enumerate(letters, 1)
}
SHUFFLE = {"compress_<kind>1": "<kind>1", "dw_conv2": "dwconv1", "dw_bn2": "bn2"}
SHUFFLE |= {"expand_conv3": "conv2", "expand_bn3": "bn3"}
SHUFFLE_V2 = {"dw_conv4": "b1_dwconv1", "dw_bn4": "b1_bn1", "expand_conv5": "b1_conv1"}
SHUFFLE_V2 |= {"expand_bn5": "b1_bn2"} | {i: f"b2_{j}" for i, j in SHUFFLE.items()}
SHUFFLE_V2B = {"shortcut_dconv.conv": "b1_dwconv1", "shortcut_dconv.bn": "b1_bn1"}
SHUFFLE_V2B |= {"shortcut_conv.conv": "b1_conv1", "shortcut_conv.bn": "b1_bn2"}
SHUFFLE_V2B |= {"conv1.<kind>": "b2_<kind>1", "dconv.conv": "b2_dwconv1", "dconv.bn": "b2_bn2"}
SHUFFLE_V2B |= {"conv2.conv": "b2_conv2", "conv2.bn": "b2_bn3"}
# torchvision's unit counts the layers of its two paths.
SPLIT = {"branch1.0": "b1_dwconv1", "branch1.1": "b1_bn1", "branch1.2": "b1_conv1"}
SPLIT |= {"branch1.3": "b1_bn2", "branch2.0": "b2_conv1", "branch2.1": "b2_bn1"}
SPLIT |= {"branch2.3": "b2_dwconv1", "branch2.4": "b2_bn2", "branch2.5": "b2_conv2"}
SPLIT |= {"branch2.6": "b2_bn3"}
CONVNEXT = {"(?:conv_dw|block.0)": "dwconv1", "(?:norm|block.2)": "ln1"}
CONVNEXT |= {"(?:mlp.fc1|block.3)": "conv1", "(?:mlp.fc2|block.5)": "conv2"}
CONVNEXT |= {"mlp.grn": "globalresponsenorm1"}
CONVNEXT = {there: f"_b2_{here}" for there, here in CONVNEXT.items()}


def regnet() -> Rows:
    """torchvision's trunk_output.block1 has block1-0, block1-1...; timm's s1 has b1, b2..."""
    rows = {"stem.0": "stem_conv1", "stem.1": "stem_bn1", "stem.<kind>": "stem_<kind>1"}
    rows |= {"(?:head.)?fc": "logits"}
    torchvision = {"proj.0": "b1_conv1", "proj.1": "b1_bn1", "f.se.fc<i>": "b2_b2_dense<i>"}
    for i, letter in enumerate("abc", 1):
        torchvision |= {f"f.{letter}.0": f"b2_conv{i}", f"f.{letter}.1": f"b2_bn{i}"}
    for i in range(1, 5):
        block = {f"trunk_output.block{i}.block{i}-<block-1>": f"stage{i}_block<block>"}
        rows |= within(block, torchvision)
    timm = {"conv<i>.<kind>": "b2_<kind><i>", "se.fc<i>": "b2_b2_dense<i>"}
    timm |= {"downsample.<kind>": "b1_<kind>1"}
    return rows | within({"s<stage>.b<block>": "stage<stage>_block<block>"}, timm)


def sk_resnet(deep: bool) -> Rows:
    """timm's; deep: bottlenecks, whose second convolution is the SK convolution, else the first."""
    kernel, last, n = ("conv2", "conv3", 2) if deep else ("conv1", "conv2", 1)
    rows = {f"{kernel}.paths.<path-1>.<kind>": "b2_b<path>_<kind>1"}
    rows |= {f"{kernel}.attn.fc_reduce": "b2_dense1", f"{kernel}.attn.bn": f"b2_bn{n}"}
    rows |= {f"{kernel}.attn.fc_select": "b2_dense2", f"{last}.conv": f"b2_conv{n}"}
    rows |= {f"{last}.bn": f"b2_bn{n + 1}", "conv1.<kind>": "b2_<kind>1"}
    rows |= {"downsample.0": "b1_conv1", "downsample.1": "b1_bn1"}
    return {"<kind><i>": "stem_<kind><i>", **within(RESNET_BLOCKS, rows), "fc": "logits"}


def resnest() -> Rows:
    """timm's, whose second convolution is the split attention."""
    rows = {"conv2.fc<i>": "b2_dense<i>", "conv2.conv": "b2_conv2", "conv2.bn0": "b2_bn2"}
    rows |= {"conv2.bn1": "b2_bn3", "bn3": "b2_bn4", "<kind><i>": "b2_<kind><i>"}
    rows |= {"downsample.1": "b1_conv1", "downsample.2": "b1_bn1"}
    return STEM_D | within(RESNET_BLOCKS, rows) | {"fc": "logits"}


def resnest_fast(radix: int) -> Rows:
    """timm's, whose dense layers are 1x1s in groups; a single split has them in a gate."""
    names = {"conv2.fc1": "b2_conv3", "conv2.fc2": "b2_conv4", "conv3": "b2_conv5"}
    if radix == 1:
        names = {"conv2.fc<i>": "b2_b2_conv<i>", "conv2.bn1": "b2_b2_bn1", "bn3": "b2_bn3"}
    return within(RESNET_BLOCKS, names) | resnest() | within(RESNET_BLOCKS, names)


def pcv_resnest() -> Rows:
    rows = {"body.conv2.conv.<kind>": "b2_<kind>2", "body.conv2.att.conv<i>": "b2_dense<i>"}
    rows |= {"body.conv2.att.bn": "b2_bn3", "body.conv3.bn": "b2_bn4"}
    rows |= {"body.conv<i>.<kind>": "b2_<kind><i>", "identity_block.conv.<kind>": "b1_<kind>1"}
    stem = {"features.init_block.conv<i>.<kind>": "stem_<kind><i>", "output.fc": "logits"}
    return stem | within(PCV_UNITS, rows)


def repvgg() -> Rows:
    """timm's: each branch by what it is."""
    blocks = {"stem": "stem", "stages.<stage-1>.<block-1>": "stage<stage>_block<block>"}
    branches = {"conv_kxk.<kind>": "b1_<kind>1", "conv_1x1.<kind>": "b2_<kind>1"}
    branches |= {"identity": "b3_bn1", "reparam_conv": "b1_conv1"}  # the last one if folded
    branches |= {"attn.fc<i>": "b2_dense<i>"}
    return within(blocks, branches) | {"head.fc": "logits"}


def mobileone(b: int) -> Rows:
    """timm's, of b convolutions in each half of a block, which are two modules there."""
    rows = within({"stem": "stem"}, {"conv_kxk.0.<kind>": "b1_<kind>1"})
    rows |= within({"stem": "stem"}, {"conv_scale.<kind>": "b2_<kind>1"}) | {"head.fc": "logits"}
    rows["stem.reparam_conv"] = "stem_b1_conv1"  # of the folded network
    first = {"conv_kxk.<i-1>.conv": "b<i>_dwconv1", "conv_kxk.<i-1>.bn": "b<i>_bn1"}
    first |= {"conv_scale.conv": f"b{b + 1}_dwconv1", "conv_scale.bn": f"b{b + 1}_bn1"}
    first |= {"identity": f"b{b + 2}_bn1", "attn.fc<i>": "b2_dense<i>"}
    first["reparam_conv"] = "b1_dwconv1"
    second = {"conv_kxk.<i-1>.conv": "b<i>_conv1", "conv_kxk.<i-1>.bn": "b<i>_bn2"}
    second |= {"identity": f"b{b + 1}_bn2", "reparam_conv": "b1_conv1"}
    second |= {f"attn.fc{i}": f"b2_dense{i + 2}" for i in (1, 2)}
    alone = {"conv_kxk.0.<kind>": "<kind>1", "reparam_conv": "conv1"}  # nothing is added
    alone |= second | alone
    for j in range(1, max(DEPTHS) + 1):
        there, here = "stages.<stage-1>", f"stage<stage>_block{j}"
        rows |= within({f"{there}.{2 * j - 2}": here}, first)
        rows |= within({f"{there}.{2 * j - 1}": here}, alone if b == j == 1 else second)
    return rows


def ghostnet() -> Rows:
    """timm's: a stage's first block, which has stride 2, and those after it count as stages."""
    rows = {"conv_stem": "stem_conv1", "bn1": "stem_bn1", "blocks.9.0.conv": "last_conv1"}
    rows |= {"blocks.9.0.bn1": "last_bn1", "conv_head": "head_dense1", "classifier": "logits"}
    halved = {"conv_dw": "b2_dwconv1", "bn_dw": "b2_bn2", "ghost2.primary_conv.1": "b2_bn3"}
    module = {"se.conv_reduce": "b2_b2_dense1", "se.conv_expand": "b2_b2_dense2"}
    module |= {"shortcut.0": "b1_dwconv1", "shortcut.1": "b1_bn1"}
    module |= {"shortcut.2": "b1_conv1", "shortcut.3": "b1_bn2"}
    module |= {"ghost<i>.primary_conv.0": "b2_conv<i>", "ghost<i>.primary_conv.1": "b2_bn<i>"}
    module |= {"ghost<i>.cheap_operation.0": "b2_b2_dwconv<i>"}
    module |= {"ghost<i>.cheap_operation.1": "b2_b2_bn<i>"}
    rows |= within({"blocks.0.<block-1>": "stage1_block<block>"}, module)
    for i in range(2, 6):
        rows |= within({f"blocks.{2 * i - 3}.0": f"stage{i}_block1"}, halved | module)
        rows |= within(counted(f"blocks.{2 * i - 2}.", f"stage{i}_block", 6, -1), module)
    return rows


def nfnet() -> Rows:
    """timm's; the gain of a branch is a parameter of the block itself."""
    rows = {"stem.conv<i>": "stem_conv<i>", "final_conv": "last_conv1", "head.fc": "logits"}
    layers = {"downsample.conv": "b1_conv1", "conv1": "b2_conv1", "conv2": "b2_conv2"}
    layers |= {"conv2b": "b2_conv3", "conv3": "b2_conv4", "attn_last.fc<i>": "b2_b2_dense<i>"}
    there, here = "stages.<stage-1>.<block-1>", "stage<stage>_block<block>"
    return rows | within({there: here}, layers) | {there: f"{here}_b2_skipinit1"}


def hrnet() -> Rows:
    """timm's: a module's fuse_layers.TO.FROM, which is a list where the map there is finer."""
    rows = {"<kind><i>": "stem_<kind><i>", "classifier": "logits"}
    rows |= within({"layer1.<block-1>": "stage1_block<block>"}, RESNET)
    inside = within({"branches.<branch-1>.<block-1>": "branch<branch>_block<block>"}, RESNET)
    moved = {"fuse_layers.<to-1>.<from-1>": "fuse<to>_b<from>_{kind}1"}
    moved["fuse_layers.<to-1>.<from-1>.<i-1>"] = "fuse<to>_b<from>_{kind}<i>"
    inside |= by_place(moved)
    rows |= within({"stage<stage>.<module-1>": "stage<stage>_module<module>"}, inside)
    for i in (1, 2, 3):
        here = f"stage{i + 1}_transition<to>_{{kind}}1"
        rows |= by_place({f"transition{i}.<to-1>": here, f"transition{i}.<to-1>.0": here})
    rows |= within({"incre_modules.0.0": "join1"}, RESNET)
    for i in (2, 3, 4):
        rows |= within({f"incre_modules.{i - 1}.0": f"join{i}_b1"}, RESNET)
        rows |= by_place({f"downsamp_modules.{i - 2}": f"join{i}_b2_{{kind}}1"})
    return rows | by_place({"final_layer": "last_{kind}1"})


def by_place(rows: Rows) -> Rows:
    """Of modules that are a convolution at 0 and a norm at 1."""
    kinds = enumerate(("conv", "bn"))
    return {f"{a}.{i}": b.format(kind=kind) for i, kind in kinds for a, b in rows.items()}


def pcv_hrnet() -> Rows:
    """pytorchcv's; its stage 1 has two maps."""
    unit = BODY | {"identity_conv.<kind>": "b1_<kind>1"}
    there = "features.init_block.subblocks.block<block>"
    rows = PCV_STEM | within({there: "stage1_block<block>"}, unit)
    inside = within({"branches.branch<branch>.unit<block>": "branch<branch>_block<block>"}, unit)
    inside["fuse_layers.layer<to>.block<from>.conv.<kind>"] = "fuse<to>_b<from>_<kind>1"
    inside["fuse_layers.layer<to>.block<from>.subblock<i>.<kind>"] = "fuse<to>_b<from>_<kind><i>"
    there = "features.stage<stage-1>.layers.block<module>"
    rows |= within({there: "stage<stage>_module<module>"}, inside)
    there = "features.stage<stage-1>.transition.block<to>"
    rows[f"{there}(?:.subblock1)?.<kind>"] = "stage<stage>_transition<to>_<kind>1"
    rows |= within({"features.final_block.inc_blocks.block1": "join1"}, unit)
    rows |= within({"features.final_block.inc_blocks.block<join>": "join<join>_b1"}, unit)
    rows["features.final_block.down_blocks.block<i-1>.<kind>"] = "join<i>_b2_<kind>1"
    return rows | {"features.final_block.final_layer.<kind>": "last_<kind>1"}


def convnext(overlapping: bool = False) -> Rows:
    """torchvision's features.N: stages at odd N, what halves the grid before them at even N."""
    rows = {"(?:stem.0|features.0.0)": "stem_conv1", "norm_pre": "last_ln1"}
    second = {"stem.1": "stem_conv2", "stem.2": "stem_ln1"}
    rows |= second if overlapping else {"(?:stem.1|features.0.1)": "stem_ln1"}
    rows |= {"(?:head.norm|classifier.0)": "head_ln1", "(?:head.fc|classifier.2)": "logits"}
    for i in range(4):
        here = f"stage{i + 1}_block"
        there = f"(?:stages.{i}.downsample|features.{2 * i})"
        rows |= {f"{there}.0": f"{here}1_ln1", f"{there}.1": f"{here}1_conv1"}
        there = f"(?:stages.{i}.blocks|features.{2 * i + 1}).<block-1>"
        rows |= {f"{there}.{k}": f"{here}<block>{v}" for k, v in CONVNEXT.items()}
        rows[there] = f"{here}<block>_b2_layerscale1"
    return rows


def ladder(c: int, at: str) -> tuple[Rows, Rows]:
    """A stage's first block, whose c parts but the last are branches, and others, where only the
    first and the last are; at: the branch within the block."""
    ends = {"<kind>1": f"{at}_<kind>1"}  # it has no conv2
    first = {"<kind>s.<i-1>": f"{at}_b<i>_<kind>1", "<kind>3": f"{at}_<kind>2", **ends}
    rest = {f"<kind>s.{i - 1}": f"{at}_b{i}_<kind>1" for i in (1, c - 1)}
    rest |= {"<kind>s.<i-1>": f"{at}_<kind><i>", "<kind>3": f"{at}_<kind>{max(c - 1, 2)}", **ends}
    return first, rest


def res2net(c: int, d: bool = False) -> Rows:
    """timm's, of c parts; d: as ResNet-D."""
    shortcut = {k: v for k, v in (BEHIND_A_MEAN if d else RESNET).items() if "downsample" in k}
    first, rest = (block | shortcut for block in ladder(c, "b2"))
    rows = within({"layer<stage>.0": "stage<stage>_block1"}, first) | within(RESNET_BLOCKS, rest)
    return (STEM_D if d else {"<kind><i>": "stem_<kind><i>"}) | rows | {"fc": "logits"}


def vovnet(b: int, separable: bool = False) -> Rows:
    """timm's V2, of b 3x3s a module, the last of which only the concatenation reads."""
    rows = {"stem.<i>.conv_dw": "stem_sepconv<i>.depthwise_kernel", "head.fc": "logits"}
    rows |= {"stem.<i>.conv_pw": "stem_sepconv<i>.pointwise_kernel"}
    rows |= {"stem.<i-1>.<kind>": "stem_<kind><i>"}
    last, conv, norm = f"b{b + 1}_", f"conv_mid.{b - 1}", f"bn{b + separable}"
    module = {f"{conv}.<kind>": f"{last}<kind>1", "conv_reduction.<kind>": "<kind>1"}
    for short, part in (("dw", "depthwise"), ("pw", "pointwise")):
        module[f"{conv}.conv_{short}"] = f"{last}sepconv1.{part}_kernel"
        module[f"conv_mid.<i-1>.conv_{short}"] = f"sepconv<i>.{part}_kernel"
    module |= {f"conv_mid.{i}.bn": f"bn{i + 1 + separable}" for i in range(b - 1)}
    module |= {"conv_mid.<i-1>.conv": "conv<i>", "attn.fc": "b2_dense1"}
    module |= {"conv_concat.conv": "conv2" if separable else f"conv{b}", "conv_concat.bn": norm}
    stage, block = "stages.<stage-1>.blocks", "stage<stage>_block"
    rows |= within({f"{stage}.0": f"{block}1"}, module)  # which adds nothing
    return rows | within({f"{stage}.<block-1>": f"{block}<block>_b2"}, module)


def fasternet() -> Rows:
    """timm's; what halves the grid is in a stage's first block."""
    rows = {"patch_embed.proj": "stem_conv1", "patch_embed.norm": "stem_bn1"}
    rows |= {"conv_head": "head_dense1", "classifier": "logits"}
    rows["stages.<stage-1>.downsample.reduction"] = "stage<stage>_block1_conv1"
    rows["stages.<stage-1>.downsample.norm"] = "stage<stage>_block1_bn1"
    block = {"spatial_mixing.partial_conv3": "b1_conv1", "mlp.0": "conv1", "mlp.1": "bn1"}
    block |= {"mlp.3": "conv2"}
    there = "stages.<stage-1>.blocks.<block-1>"
    return rows | within({there: "stage<stage>_block<block>_b2"}, block)


def inceptionnext() -> Rows:
    """timm's; what halves the grid is in a stage's first block."""
    rows = {"stem.0": "stem_conv1", "stem.1": "stem_bn1", "head.fc1": "head_dense1"}
    rows |= {"head.norm": "head_ln1", "head.fc2": "logits"}
    rows["stages.<stage-1>.downsample.0"] = "stage<stage>_block1_bn1"
    rows["stages.<stage-1>.downsample.1"] = "stage<stage>_block1_conv1"
    there, here = "stages.<stage-1>.blocks.<block-1>", "stage<stage>_block<block>_b2"
    block = {"norm": "bn1", "mlp.fc<i>": "conv<i>"}
    for i, shape in enumerate(("hw", "w", "h"), 2):
        block[f"token_mixer.dwconv_{shape}"] = f"b{i}_dwconv1"
    return rows | within({there: here}, block) | {there: f"{here}_layerscale1"}


def pairs(b: int, tree: str = "", first: int = 1) -> dict[str, int]:
    """{a tree of one level in DLA's tree of b: the number of its first block}."""
    if b == 1:
        return {tree: first}
    half = 2 ** (b - 1)
    return pairs(b - 1, f"{tree}.tree1", first) | pairs(b - 1, f"{tree}.tree2", first + half)


def dla(levels: Sequence[int], stage: Callable[[int], str], block: Rows, top: Rows,
        start: Rows | None = None) -> Rows:  # fmt: skip
    """stage: the library's module of a stage; block, top and start: within a block, beside the two,
    and within a stage's first block if it differs."""
    rows: Rows = {}
    for i, b in enumerate(levels, 3):
        for tree, first in pairs(b).items():
            for j in (1, 2):
                here = f"stage{i}_block{first + j - 1}"
                within_it = start if start and first + j == 2 else block
                rows |= within({f"{stage(i)}{tree}.tree{j}": here}, within_it)
            at = {"block": f"stage{i}_block{first}_b2", "root": f"stage{i}_root{first // 2 + 1}"}
            rows |= {f"{stage(i)}{tree}.{k}": v.format(**at) for k, v in top.items()}
    return rows


def timm_dla(levels: Sequence[int], root: str, c: int | None = None) -> Rows:
    """The authors' files have projections of larger trees too, which their network never reads; c:
    the parts of Res2Net's."""
    first = [f"level{i}{'.tree1' * j}" for i, b in enumerate(levels, 2) for j in range(b - 1)]
    rows = {f"{tree}.project.(?:0|1)": UNREAD for tree in first}
    rows |= {"base_layer.0": "stem_conv1", "base_layer.1": "stem_bn1", "fc": "logits"}
    rows |= {"level<stage-1>.0": "stage<stage>_conv1", "level<stage-1>.1": "stage<stage>_bn1"}
    top = {"project.0": "{block}_conv1", "project.1": "{block}_bn1"}
    top |= {f"root.{kind}": f"{root}_{kind}1" for kind in ("conv", "bn")}
    start, block = ladder(c, "b1") if c else (None, {"<kind><i>": "b1_<kind><i>"})
    return rows | dla(levels, lambda i: f"level{i - 1}", block, top, start)


def pcv_dla(levels: Sequence[int], root: str) -> Rows:
    rows = {"features.init_block.conv1.<kind>": "stem_<kind>1", "output": "logits"}
    rows |= {f"features.init_block.conv{i + 1}.<kind>": f"stage{i}_<kind>1" for i in (1, 2)}
    top = {f"tree1.project_conv.{kind}": f"{{block}}_{kind}1" for kind in ("conv", "bn")}
    top |= {f"root.conv.{kind}": f"{root}_{kind}1" for kind in ("conv", "bn")}
    block = {"body.conv<i>.<kind>": "b1_<kind><i>"}
    return rows | dla(levels, lambda i: f"features.stage{i - 2}", block, top)


DLA = {"34 and DLA-46": ((1, 2, 2, 1), "{root}"), "60": ((1, 2, 3, 1), "{root}")}
DLA |= {"102": ((1, 3, 4, 1), "{root}_b1"), "169": ((2, 3, 5, 1), "{root}_b1")}
# A block that projects does so last: its batch norm and its convolution are the fourth.
DPN = {"features.conv1_1.<kind>": "stem_<kind>1", "features.conv5_bn_ac.bn": "last_bn1"}
DPN |= {"classifier": "logits"}
DPN_BOTH = {"c1x1_a.<kind>": "<kind>1", "c3x3_b.<kind>": "<kind>2"}
DPN_BLOCK = DPN_BOTH | {"c1x1_w_s(?:1|2).<kind>": "<kind>4", "c1x1_c.<kind>": "<kind>3"}
# If the last 1x1 is split in two, both come after the projection.
DPN_BOTH |= {"c1x1_c1": "b1_b2_conv1", "c1x1_c2": "b3_conv1"}
SPLIT_FIRST = DPN_BOTH | {"c1x1_w_s(?:1|2).<kind>": "<kind>3", "c1x1_c.bn": "bn4"}
SPLIT_BLOCK = DPN_BOTH | {"c1x1_c.bn": "bn3"}
DPN_STAGES = {f"features.conv{i + 1}_<block>": f"stage{i}_block<block>" for i in range(1, 5)}
DPN_FIRST = {f"features.conv{i + 1}_1": f"stage{i}_block1" for i in range(1, 5)}
DPN_SPLIT = DPN | within(DPN_FIRST, SPLIT_FIRST) | within(DPN_STAGES, SPLIT_BLOCK)
DPN |= within(DPN_STAGES, DPN_BLOCK)
PCV_DPN = {"features.init_block.<kind>": "stem_<kind>1", "output.classifier": "logits"}
PCV_DPN |= {"features.final_block.activ.bn": "last_bn1"}
PCV_SPLIT = {"conv3a": "b1_b2_conv1", "conv3b": "b3_conv1", "conv<i>.<kind>": "<kind><i>"}
PCV_FIRST = PCV_SPLIT | {"conv_proj.<kind>": "<kind>3", "preactiv.bn": "bn4"}
PCV_SPLIT = within({"features.stage<stage>.unit1": "stage<stage>_block1"}, PCV_FIRST) | within(
    PCV_UNITS, PCV_SPLIT | {"preactiv.bn": "bn3"}
)
PCV_SPLIT = PCV_DPN | PCV_SPLIT
PCV_DPN |= within(PCV_UNITS, {"conv_proj.<kind>": "<kind>4", "conv<i>.<kind>": "<kind><i>"})


DARK = {"stem.conv1.<kind>": "stem_<kind>1", "head.fc": "logits"}  # timm's
DARK |= within(
    {"stages.<stage-1>": "stage<stage>"},
    {
        "blocks.<block-1>.conv<i>.<kind>": "block<block>_b2_<kind><i>",
        "conv_down.<kind>": "block1_<kind>1",
        "conv_exp.<kind>": "block1_<kind>2",
        "conv_transition_b.<kind>": "b2_<kind>1",
        "conv_transition.<kind>": "<kind>1",
    },
)
CSP_RESNET = {"stages.0.conv_exp.<kind>": "stage1_block1_<kind>1"} | DARK  # nothing halves it
PCV_DARK = PCV_STEM | {"features.stage<stage>.unit1.<kind>": "stage<stage>_block1_<kind>1"}
for i in range(1, 9):
    unit, block = f"features.stage<stage>.unit{i + 1}", f"stage<stage>_block{i}_b2"
    PCV_DARK |= {f"{unit}.conv<i>.<kind>": f"{block}_<kind><i>"}


TABLES = {
    "torchvision and timm ResNet": {
        "<kind><i>": "stem_<kind><i>",
        **within(RESNET_BLOCKS, RESNET),
        "fc": "logits",
    },
    "timm legacy SENet": {
        "layer0.<kind><i>": "stem_<kind><i>",
        **within(RESNET_BLOCKS, SE_RESNET),
        "last_linear": "logits",
    },
    "timm ECA-ResNet light": {
        "<kind><i>": "stem_<kind><i>",
        **within(RESNET_BLOCKS, BEHIND_A_MEAN),
        "fc": "logits",
    },
    "timm ResNet-D": {
        **STEM_D,
        "fc": "logits",
        **within({"layer<stage>.<block-1>": "stage<stage>_block<block>"}, BEHIND_A_MEAN),
    },
    "pytorchcv ResNet": PCV_STEM
    | within(PCV_UNITS, BODY | {"identity_(?:conv|block.conv).<kind>": "b1_<kind>1"}),
    "pytorchcv BAM-ResNet": PCV_STEM | within(PCV_UNITS, BAM),
    "pytorchcv pre-activation ResNet with bottlenecks": preact(),
    "pytorchcv pre-activation ResNet": preact(1),
    "pytorchcv PyramidNet": PREACT_STEM
    | PCV_STEM
    | within(PCV_UNITS, {"body.conv<i>.<kind>": "b2_<kind><i>", "bn": "b2_bn3"}),
    "timm pre-activation ResNet": {
        "stem.conv": "stem_conv1",
        **within(
            {"stages.<stage-1>.blocks.0": "stage<stage>_block1"},
            V2_UNIT | {"conv<i>": "b2_conv<i>"},
        ),
        **within(
            {"stages.<stage-1>.blocks.<block-1>": "stage<stage>_block<block>"},
            {"norm<i>": "b2_bn<i>", "conv<i>": "b2_conv<i>"},
        ),
        "norm": "last_bn1",
        "head.fc": "logits",
    },
    "torchvision and timm DenseNet": {
        "features.conv0": "stem_conv1",
        "features.norm0": "stem_bn1",
        **within(
            {"features.denseblock<stage>.denselayer<block>": "stage<stage>_block<block>"},
            DENSE_UNIT,
        ),
        "features.transition<transition>.conv": "transition<transition>_conv1",
        "features.transition<transition>.norm": "transition<transition>_bn1",
        "features.norm5": "last_bn1",
        "classifier": "logits",
    },
    "pytorchcv DenseNet": {
        **PREACT_STEM,
        **within(PCV_UNITS, {"conv<i>.<kind>": "b2_<kind><i>", "conv.<kind>": "b2_<kind>1"}),
        **{
            f"features.stage{i}.trans{i}.conv.<kind>": f"transition{i - 1}_<kind>1"
            for i in (2, 3, 4)
        },
    },
    **{
        f"{library} VGG {letter}{' with batch norm' * normed}": vgg_convs(stages, normed) | head
        for library, head in VGG_HEADS.items()
        for letter, stages in vgg.TABLE.items()
        for normed in (False, True)
    },
    "torchvision AlexNet": {
        **{f"features.{n}": f"stage{i}_conv1" for i, n in enumerate((0, 3, 6, 8, 10), 1)},
        "classifier.1": "head_dense1",
        "classifier.4": "head_dense2",
        "classifier.6": "logits",
    },
    "pytorchcv AlexNet": {
        **{
            f"features.stage{stage}.unit{unit}.conv": f"stage{i}_conv1"
            for i, (stage, unit) in enumerate(((1, 1), (2, 1), (3, 1), (3, 2), (3, 3)), 1)
        },
        "output.fc1.fc": "head_dense1",
        "output.fc2.fc": "head_dense2",
        "output.fc3": "logits",
    },
    "pytorchcv VGG": {
        "features.stage<stage>.unit<i>.<kind>": "stage<stage>_<kind><i>",
        "output.fc<i>.fc": "head_dense<i>",
        "output.fc3": "logits",
    },
    "torchvision SqueezeNet 1.0": squeeze(squeezenet.V1_0[1:]),
    "torchvision SqueezeNet 1.1": squeeze(squeezenet.V1_1[1:]),
    "torchvision MobileNetV2": inverted(mobilenet_v2.V2),
    "pytorchcv SqueezeNet": PCV_SQUEEZE | within(PCV_UNITS, FIRE),
    "pytorchcv SqueezeResNet": PCV_SQUEEZE | within(BYPASSED | PCV_UNITS, FIRE),
    "timm MobileNetV2, MnasNet and EfficientNet": timm_inverted(),
    "torchvision EfficientNet": torchvision_mbconv(),
    **{
        f"pytorchcv MnasNet {letter}": pcv_inverted(table, 0)
        for letter, table in {"A1": mnasnet.A1, "B1": mnasnet.B1}.items()
    },
    **{
        f"pytorchcv EfficientNet B{i}": pcv_inverted(net.table[0], 1)
        for i, net in enumerate(list(efficientnet.NETS.values())[:8])
    },
    "EfficientNet-PyTorch B0 and Lite0": efficientnet_pytorch(row[3] for row in efficientnet.TABLE),
    "timm EfficientNetV2": timm_v2("stage1_block1_b2"),
    "timm EfficientNetV2 B": timm_v2("stage1_block1"),
    "timm EfficientNetV2 rw": timm_v2("stage1_block1_b2", project=True),
    "torchvision EfficientNetV2": torchvision_v2(),
    "torchvision MnasNet": torchvision_mnasnet(),
    "timm MnasNet small": timm_inverted(1, 5),
    "timm MobileNetV4 small": timm_v4(mobilenet_v4.S, 2),
    "timm MobileNetV4 medium": timm_v4(mobilenet_v4.M, 0),
    "timm MobileNetV4 large": timm_v4(mobilenet_v4.L, 0),
    "torchvision MobileNetV3 large": torchvision_v3(mobilenet_v3.LARGE),
    "torchvision MobileNetV3 small": torchvision_v3(mobilenet_v3.SMALL),
    "timm MobileNetV3 large": timm_v3(mobilenet_v3.LARGE),
    "timm MobileNetV3 small": timm_v3(mobilenet_v3.SMALL),
    "pytorchcv MobileNet": PCV_STEM | within(PCV_UNITS, SEPARABLE),
    "timm MobileNet": {
        "conv_stem": "stem_conv1",
        "bn1": "stem_bn1",
        **within(
            {"blocks.<stage-1>.<block-1>": "stage<stage>_block<block>"},
            {"conv_dw": "dwconv1", "bn<i>": "bn<i>", "conv_pw": "conv1"},
        ),
        "classifier": "logits",
    },
    "torchvision GoogLeNet": {
        **GOOGLE,
        **within(
            GOOGLE_BLOCKS,
            {
                "branch4.1.<kind>": "b4_<kind>1",
                "branch1.<kind>": "b1_<kind>1",
                "branch<path>.<i-1>.<kind>": "b<path>_<kind><i>",
            },
        ),
        "fc": "logits",
    },
    "timm legacy Xception": xception(),
    "pytorchcv Xception": pcv_xception(),
    "pytorchcv Inception v3": pcv_inception((4, 2), V3_PCV, PCV_PATHS),
    "pytorchcv Inception v4": pcv_inception((7, 3), V4_PCV, PCV_PATHS),
    "pytorchcv Inception-ResNet v1": {
        **pcv_inception((10, 6), {"conv<i>.<kind>": "<kind><i>"}, RESIDUAL_PCV),
        "output.fc1": "head_dense1",
        "output.bn": "head_bn1",
        "output.fc2": "logits",
    },
    "pytorchcv Inception-ResNet v2": {
        "features.final_conv.<kind>": "stage4_<kind>1",
        **pcv_inception((20, 10), V2_PCV, RESIDUAL_PCV),
    },
    "torchvision and timm Inception v3": {
        **{f"Conv2d_{i}.<kind>": f"stem_{j}" for i, j in V3_STEM.items()},
        **within({f"Mixed_5{j}": f"stage1_block{i}" for i, j in enumerate("bcd", 1)}, V3_A),
        **within({"Mixed_6a": "stage2_reduction"}, V3_REDUCTIONS[0]),
        **within({f"Mixed_6{j}": f"stage2_block{i}" for i, j in enumerate("bcde", 1)}, V3_B),
        **within({"Mixed_7a": "stage3_reduction"}, V3_REDUCTIONS[1]),
        **within({f"Mixed_7{j}": f"stage3_block{i}" for i, j in enumerate("bc", 1)}, V3_C),
        "AuxLogits.conv<i-1>.<kind>": "aux1_<kind><i>",
        "AuxLogits.fc": "aux1_logits",
        "fc": "logits",
    },
    "timm Inception v4": {
        **within({"features.4": "stem"}, {"branch0.<i-1>.<kind>": "b1_<kind><i>"}),
        **{f"features.4.branch1.{i}.<kind>": f"stem_b2_<kind>{i + 2}" for i in range(4)},
        **{i: f"stem_{j}" for i, j in V4_STEM.items()},
        **within(counted("features.", "stage1_block", 4, 6), PATHS),
        **within({"features.10": "stage2_reduction", "features.18": "stage3_reduction"}, PATHS),
        **within(counted("features.", "stage2_block", 7, 11), PATHS),
        **within(counted("features.", "stage3_block", 3, 19), V4_C),
        "last_linear": "logits",
    },
    "timm Inception-ResNet v2": {
        **{
            f"conv2d_{j}.<kind>": f"stem_pool2_<kind>{i}"
            for i, j in enumerate(("1a", "2a", "2b", "3b", "4a"), 1)
        },
        **within({"mixed_5b": "stem"}, PATHS),
        **within({"mixed_6a": "stage2_reduction", "mixed_7a": "stage3_reduction"}, PATHS),
        **within(
            {
                "repeat.<block-1>": "stage1_block<block>",
                "repeat_1.<block-1>": "stage2_block<block>",
            },
            RESIDUAL,
        ),
        **within(
            {"repeat_2.<block-1>": "stage3_block<block>", "block8": "stage3_block10"}, RESIDUAL
        ),
        "conv2d_7b.<kind>": "stage4_<kind>1",
        "classif": "logits",
    },
    "pytorchcv BN-Inception": {
        "features.init_block.conv1.<kind>": "stem_pool1_<kind>1",
        "features.init_block.conv2.conv<i>.<kind>": "stem_<kind><i>",
        **within(BNI, MODULE),
        "output": "logits",
    },
    "pytorchcv NIN": {
        "features.stage3.unit<i>.conv": "head_conv<i>",
        "features.stage<stage>.unit<i>.conv": "stage<stage>_conv<i>",
        "output.final_conv.conv": "head_conv3",
    },
    "pytorchcv ShuffleNet": {
        **PCV_STEM,
        **within({"features.stage<stage>.unit1": "stage<stage>_block1_b1"}, SHUFFLE),
        **within({"features.stage<stage>.unit<block>": "stage<stage>_block<block>_b2"}, SHUFFLE),
    },
    "torchvision and timm RegNet": regnet(),
    "timm SK-ResNet": sk_resnet(deep=False),
    "timm SK-ResNeXt": sk_resnet(deep=True),
    "timm ResNeSt": resnest(),
    "timm ResNeSt, fast": resnest_fast(4),
    "timm ResNeSt, fast of one split": resnest_fast(1),
    "pytorchcv ResNeSt": pcv_resnest(),
    "timm RepVGG": repvgg(),
    "timm MobileOne S0": mobileone(4),
    "timm MobileOne": mobileone(1),
    "timm GhostNet": ghostnet(),
    "timm NFNet": nfnet(),
    "timm HRNet": hrnet(),
    "pytorchcv HRNet": pcv_hrnet(),
    "torchvision and timm ConvNeXt": convnext(),
    "timm ConvNeXt with overlapping stems": convnext(overlapping=True),
    "timm FasterNet": fasternet(),
    "timm InceptionNeXt": inceptionnext(),
    **{f"timm Res2Net of {c} parts": res2net(c) for c in (2, 4, 6, 8)},
    "timm Res2Net-D": res2net(4, d=True),
    "timm VoVNetV2": vovnet(5),
    "timm VoVNetV2 with separable convolutions": vovnet(3, separable=True),
    "timm DPN": DPN,
    "timm DPN-68b": DPN_SPLIT,
    "pytorchcv DPN": PCV_DPN,
    "pytorchcv DPN-68b": PCV_SPLIT,
    **{f"timm DLA-{name}": timm_dla(*row) for name, row in DLA.items()},
    "timm DLA-60, of 4 parts": timm_dla(*DLA["60"], c=4),
    **{f"pytorchcv DLA-{name}": pcv_dla(*row) for name, row in DLA.items()},
    "timm Darknet-53 and CSPDarknet-53": DARK,
    "timm CSPResNet": CSP_RESNET,
    "pytorchcv Darknet-53": PCV_DARK,
    "torchvision ShuffleNet V2": {
        "conv1.0": "stem_conv1",
        "conv1.1": "stem_bn1",
        **within({f"stage{i + 1}.<block-1>": f"stage{i}_block<block>" for i in (1, 2, 3)}, SPLIT),
        "conv5.0": "last_conv1",
        "conv5.1": "last_bn1",
        "fc": "logits",
    },
    "pytorchcv ShuffleNet V2": {
        **PCV_STEM,
        **within({"features.stage<stage>.unit<block>": "stage<stage>_block<block>"}, SHUFFLE_V2),
        "features.final_block.<kind>": "last_<kind>1",
    },
    "pytorchcv ShuffleNet V2 b": {
        **PCV_STEM,
        **within({"features.stage<stage>.unit<block>": "stage<stage>_block<block>"}, SHUFFLE_V2B),
        "features.final_block.<kind>": "last_<kind>1",
    },
    "pytorchcv NASNet-A 4 @ 1056": nasnet(4),
    "timm and pytorchcv NASNet-A 6 @ 4032": nasnet(6),
    "timm and pytorchcv PNASNet-5": CELL_STEM | within(cells(4, False), PNASNET),
}
