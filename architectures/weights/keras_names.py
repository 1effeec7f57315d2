"""Names of layers in keras.applications: tables of rows, see patterns.

Layers with automatic names, such as conv2d_17 or batch_normalization_17, are auto.conv1, auto.bn1
and so on here, in the order in which keras.applications created them.
"""

from collections.abc import Iterable, Sequence
from string import ascii_lowercase
from typing import Any

from convbook.architectures.mobilenet import V1
from convbook.architectures.mobilenet_v2 import V2
from convbook.architectures.mobilenet_v3 import LARGE, SMALL, staged
from convbook.architectures.weights.patterns import Rows, counted

HEAD = {"predictions": "logits"}


def made(*pairs: tuple[str, str]) -> Rows:
    """Rows of unnamed convolutions with their batch norms: (block, layers) in the order made.

    A layer b2_1 is both b2_conv1 and b2_bn1 of the block.
    """
    rows = [
        f"{block}_{layer[:-1]}<kind>{layer[-1]}"
        for block, layers in pairs
        for layer in layers.split()
    ]
    return {f"auto.<kind>{i}": row for i, row in enumerate(rows, 1)}


def blocks(stage: str, depth: int, layers: str) -> list[tuple[str, str]]:
    return [(f"{stage}_block{j}", layers) for j in range(1, depth + 1)]


def resnet() -> Rows:
    stages = counted("conv", "stage", 4, 2)
    first = {
        f"{a}_block<block>_0_<kind>": f"{b}_block<block>_b1_<kind>1" for a, b in stages.items()
    }
    rest = {
        f"{a}_block<block>_<i>_<kind>": f"{b}_block<block>_b2_<kind><i>" for a, b in stages.items()
    }
    return {"conv1_<kind>": "stem_<kind>1", **first, **rest, **HEAD}


def resnet_v2() -> Rows:
    """The first unit of a stage projects, so that its first batch norm is before the shortcut."""
    rows = {"conv1_conv": "stem_conv1", "post_bn": "last_bn1", **HEAD}
    for i in range(1, 5):
        first, rest = f"stage{i}_block1_", f"stage{i}_block<block>_b2_"
        there = f"conv{i + 1}_block"
        rows |= {f"{there}1_preact_bn": f"{first}bn1", f"{there}1_0_conv": f"{first}b1_conv1"}
        rows |= {
            f"{there}1_<i>_bn": f"{first}b2_bn<i>",
            f"{there}<block>_<i>_conv": f"{rest}conv<i>",
        }
        rows |= {f"{there}<block>_preact_bn": f"{rest}bn1"}
        rows |= {f"{there}<block>_{j}_bn": f"{rest}bn{j + 1}" for j in (1, 2)}
    return rows


def densenet() -> Rows:
    rows = {"conv1_<kind>": "stem_<kind>1", "bn": "last_bn1", **HEAD}
    for i in range(1, 5):
        for j in (1, 2):
            rows[f"conv{i + 1}_block<block>_{j - 1}_bn"] = f"stage{i}_block<block>_b2_bn{j}"
        rows[f"conv{i + 1}_block<block>_<i>_conv"] = f"stage{i}_block<block>_b2_conv<i>"
        rows[f"pool{i + 1}_<kind>"] = f"transition{i}_<kind>1"
    return rows


def mobilenet_v1() -> Rows:
    rows, i, j = {"conv1": "stem_conv1", "conv1_bn": "stem_bn1", "conv_preds": "logits"}, 1, 0
    for n, (_, s) in enumerate(V1, 1):
        i, j = (i + 1, 1) if s == 2 else (i, j + 1)
        for part, layer, bn in (("dw", "dwconv1", "bn1"), ("pw", "conv1", "bn2")):
            rows[f"conv_{part}_{n}"] = f"stage{i}_block{j}_{layer}"
            rows[f"conv_{part}_{n}_bn"] = f"stage{i}_block{j}_{bn}"
    return rows


def mobilenet_v2() -> Rows:
    rows, n = {"Conv1": "stem_conv1", "bn_Conv1": "stem_bn1", "Conv_1": "last_conv1"}, 0
    rows |= {"Conv_1_bn": "last_bn1", **HEAD}
    full = {
        "expand": ("conv1", "bn1"),
        "depthwise": ("dwconv1", "bn2"),
        "project": ("conv2", "bn3"),
    }
    bare = {"depthwise": ("dwconv1", "bn1"), "project": ("conv1", "bn2")}
    for i, (t, _, depth, _) in enumerate(V2, 1):
        for j in range(1, depth + 1):
            there, here = f"block_{n}" if n else "expanded_conv", f"stage{i}_block{j}"
            for part, (layer, bn) in (full if t > 1 else bare).items():
                rows[f"{there}_{part}"] = here + "_b2" * (j > 1) + f"_{layer}"
                rows[f"{there}_{part}_BN"] = here + "_b2" * (j > 1) + f"_{bn}"
            n += 1
    return rows


def efficientnet() -> Rows:
    """block2a is the first block of stage 2; the first stage has no expansion."""
    rows = {"stem_conv": "stem_conv1", "stem_bn": "stem_bn1", **HEAD}
    rows |= {"top_conv": "last_conv1", "top_bn": "last_bn1"}
    shared = {"dwconv": "dwconv1", "se_reduce": "b2_dense1", "se_expand": "b2_dense2"}
    bare = shared | {"bn": "bn1", "project_conv": "conv1", "project_bn": "bn2"}
    full = shared | {"expand_conv": "conv1", "expand_bn": "bn1", "bn": "bn2"}
    full |= {"project_conv": "conv2", "project_bn": "bn3"}
    for j, letter in enumerate(ascii_lowercase[:MOST], 1):
        for there, here, layers in (("1", "1", bare), ("<stage>", "<stage>", full)):
            path = f"stage{here}_block{j}" + "_b2" * (j > 1)
            rows |= {f"block{there}{letter}_{k}": f"{path}_{v}" for k, v in layers.items()}
    return rows


def mobilenet_v3(table: Iterable[Sequence[Any]]) -> Rows:
    """Blocks are counted through; where the expansion is 1 its 1x1 is left out."""
    rows, n, c = {"conv": "stem_conv1", "conv_bn": "stem_bn1", "conv_1": "last_conv1"}, 0, 16
    rows |= {"conv_1_bn": "last_bn1", "conv_2": "head_dense1", "logits": "logits"}
    for i, j, (_, width, f, _, _, s) in staged(table):
        there = f"expanded_conv_{n}" if n else "expanded_conv"
        path = f"stage{i}_block{j}" + "_b2" * (s == 1 and c == f)
        first = ["expand"] * (width != c)
        for m, (part, layer) in enumerate(
            zip([*first, "depthwise", "project"], [*["conv1"] * len(first), "dwconv1", ""]), 1
        ):
            layer = layer or f"conv{len(first) + 1}"
            rows |= {f"{there}_{part}": f"{path}_{layer}", f"{there}_{part}_bn": f"{path}_bn{m}"}
        rows[f"{there}_squeeze_excite_conv"] = f"{path}_b2_dense1"
        rows[f"{there}_squeeze_excite_conv_1"] = f"{path}_b2_dense2"
        n, c = n + 1, f
    return rows


def efficientnet_v2(first: str) -> Rows:
    """Stages 1 to 3 are fused, the first without a 1x1; first: its first block, which may add."""
    rows = {"stem_conv": "stem_conv1", "stem_bn": "stem_bn1", **HEAD}
    rows |= {"top_conv": "last_conv1", "top_bn": "last_bn1"}
    bare = {"project_conv": "conv1", "project_bn": "bn1"}
    fused = {"expand_conv": "conv1", "expand_bn": "bn1", "project_conv": "conv2"}
    full = fused | {"dwconv2": "dwconv1", "bn": "bn2", "project_bn": "bn3"}
    full |= {"se_reduce": "b2_dense1", "se_expand": "b2_dense2"}
    fused = fused | {"project_bn": "bn2"}
    for i, layers in enumerate((bare, fused, fused, *4 * (full,)), 1):
        for j, letter in enumerate(ascii_lowercase, 1):
            path = f"stage{i}_block{j}" + "_b2" * (j > 1)
            path = first if i == j == 1 else path
            rows |= {f"block{i}{letter}_{k}": f"{path}_{v}" for k, v in layers.items()}
    return rows


MOST = 13  # blocks of a stage of B7


def xception() -> Rows:
    """Blocks are counted through the flows; the projections have no name."""
    here = {1: "stem", 13: "stage3_block1_b2", 14: "stage3"}
    here |= {i + 1: f"stage1_block{i}_b2" for i in (1, 2, 3)}
    here |= {i + 4: f"stage2_block{i}_b2" for i in range(1, 9)}
    rows = {f"block{i}_{k}conv<i>": f"{b}_{k}conv<i>" for i, b in here.items() for k in ("sep", "")}
    rows |= {f"block{i}_(?:sep)?conv<i>_bn": f"{b}_bn<i>" for i, b in here.items()}
    projected = [(f"stage{i}_block{j}_b1", "1") for i, j in ((1, 1), (1, 2), (1, 3), (3, 1))]
    return rows | made(*projected) | HEAD


def inception_v3() -> Rows:
    a = "b1_1 b2_1 b2_2 b3_1 b3_2 b3_3 b4_1"
    b = "b1_1 b2_1 b2_2 b2_3 b3_1 b3_2 b3_3 b3_4 b3_5 b4_1"
    c = "b1_1 b2_1 b2_b1_1 b2_b2_1 b3_1 b3_2 b3_b1_1 b3_b2_1 b4_1"
    pairs = [("stem", "pool1_1 pool1_2 pool1_3 1 2"), *blocks("stage1", 3, a)]
    pairs += [("stage2_reduction", "b1_1 b2_1 b2_2 b2_3"), *blocks("stage2", 4, b)]
    pairs += [("stage3_reduction", "b1_1 b1_2 b2_1 b2_2 b2_3 b2_4"), *blocks("stage3", 2, c)]
    return made(*pairs) | HEAD


def inception_resnet_v2() -> Rows:
    a, b = "b2_b1_1 b2_b2_1 b2_b2_2 b2_b3_1 b2_b3_2 b2_b3_3", "b2_b1_1 b2_b2_1 b2_b2_2"
    stem = "pool2_1 pool2_2 pool2_3 pool2_4 pool2_5 b1_1 b2_1 b2_2 b3_1 b3_2 b3_3 b4_1"
    pairs = [("stem", stem), *blocks("stage1", 10, a)]
    pairs += [("stage2_reduction", "b1_1 b2_1 b2_2 b2_3")]
    pairs += blocks("stage2", 20, f"{b} b2_b2_3")
    pairs += [("stage3_reduction", "b1_1 b1_2 b2_1 b2_2 b3_1 b3_2 b3_3")]
    pairs += blocks("stage3", 10, f"{b} b2_b2_3")
    ends = {"block35": "stage1", "block17": "stage2", "block8": "stage3"}
    ends = {f"{i}_<block>_conv": f"{j}_block<block>_b2_conv1" for i, j in ends.items()}
    return made(*pairs) | ends | {"conv_7b": "stage4_conv1", "conv_7b_bn": "stage4_bn1"} | HEAD


def nasnet(depth: int) -> Rows:
    """Names end in the cell: stem_1, stem_2, then numbers; the first reduction has taken one."""
    rows = {"stem_conv1": "stem_conv1", "stem_bn1": "stem_bn1", **HEAD}
    paths = {"left1": "b2_b1", "right1": "b2_b2", "left2": "b3_b1", "right2": "b3_b2"}
    normal = {there: (f"{b}_", 0, 0) for there, b in (paths | {"left5": "b6_b1"}).items()}
    for i in range(3):
        for j in range(depth):
            n, cell = i * depth + bool(i) + j, f"stage{i + 1}_block{j + 1}"
            rows |= nasnet_cell("normal", n, cell, normal, ("conv1", "bn2"))
            rows |= {
                f"adjust_conv_projection_{n}": f"{cell}_conv2",
                f"adjust_bn_{n}": f"{cell}_bn1",
            }
            rows[f"adjust_conv_<path>_{n}"] = f"{cell}_b<path>_conv1"
    cells = {"stem_1": "stem_cell1", "stem_2": "stem_cell2"}
    for there, cell in (cells | {f"reduce_{i * depth}": f"reduction{i}" for i in (1, 2)}).items():
        p = int(cell != "stem_cell1")  # batch norms that h_prev has had
        ops = {"left1": ("b1_", 0, 0), "right1": ("b2_", 0, p), "right2": ("b2_", 2, 2 + p)}
        ops |= {"right3": ("b2_b2_", 0, 0), "left4": ("b4_b1_", 0, 0)}
        rows |= nasnet_cell("reduction", there, cell, ops, ("conv1", "bn1"))
        rows |= {
            f"adjust_conv_projection_{there}": f"{cell}_b2_conv1",
            f"adjust_bn_{there}": f"{cell}_b2_bn1",
        }
        rows[f"adjust_conv_<path>_{there}"] = f"{cell}_b2_b<path>_conv1"
    return rows


def nasnet_cell(
    kind: str, n: int | str, cell: str, ops: dict[str, tuple[str, int, int]], first: tuple[str, str]
) -> Rows:
    """ops: {name there: (path here, how far its convolutions and its batch norms are shifted)}."""
    rows = {f"{kind}_conv_1_{n}": f"{cell}_{first[0]}", f"{kind}_bn_1_{n}": f"{cell}_{first[1]}"}
    for there, (path, convs, bns) in ops.items():
        for i in (1, 2):
            op = f"{kind}_{there}_{n}"
            rows[f"separable_conv_{i}_{op}"] = f"{cell}_{path}sepconv{i + convs}"
            rows[f"separable_conv_{i}_bn_{op}"] = f"{cell}_{path}bn{i + bns}"
    return rows


def convnext() -> Rows:
    """Names begin with the model's."""
    own = "convnext_[a-z]+"
    rows = {f"{own}_stem_conv": "stem_conv1", f"{own}_stem_layernorm": "stem_ln1"}
    rows |= {f"{own}_head_layernorm": "head_ln1", f"{own}_head_dense": "logits"}
    layers = {"depthwise_conv": "dwconv1", "layernorm": "ln1", "layer_scale": "layerscale1"}
    layers |= {"pointwise_conv_<i>": "conv<i>"}
    for there, here in layers.items():
        block = f"{own}_stage_<stage-1>_block_<block-1>_{there}"
        rows[block] = f"stage<stage>_block<block>_b2_{here}"
    for i in range(3):
        rows[f"{own}_downsampling_layernorm_{i}"] = f"stage{i + 2}_block1_ln1"
        rows[f"{own}_downsampling_conv_{i}"] = f"stage{i + 2}_block1_conv1"
    return rows


TABLES = {
    "keras.applications VGG": {
        "block<stage>_conv<i>": "stage<stage>_conv<i>",
        "fc<i>": "head_dense<i>",
        **HEAD,
    },
    "keras.applications ResNet": resnet(),
    "keras.applications ResNetV2": resnet_v2(),
    "keras.applications InceptionV3": inception_v3(),
    "keras.applications InceptionResNetV2": inception_resnet_v2(),
    "keras.applications Xception": xception(),
    "keras.applications MobileNet": mobilenet_v1(),
    "keras.applications MobileNetV2": mobilenet_v2(),
    "keras.applications EfficientNet": efficientnet(),
    "keras.applications EfficientNetV2": efficientnet_v2("stage1_block1_b2"),
    "keras.applications EfficientNetV2B": efficientnet_v2("stage1_block1"),
    "keras.applications MobileNetV3Large": mobilenet_v3(LARGE),
    "keras.applications MobileNetV3Small": mobilenet_v3(SMALL),
    "keras.applications DenseNet": densenet(),
    "keras.applications ConvNeXt": convnext(),
    "keras.applications NASNetMobile": nasnet(4),
    "keras.applications NASNetLarge": nasnet(6),
}
