"""GoogLeNet.  Going Deeper with Convolutions, arXiv:1409.4842."""

from collections.abc import Sequence
from typing import Literal

from convbook.architectures.common import Features, Net, Ratio, gates, pooled, ratios
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.inception import aux_head, inception_module
from convbook.blocks.layers import conv, dwconv, maxpool
from convbook.blocks.lrn import lrn
from convbook.blocks.types import Norm, Tensor

# Table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj of modules 3a to 5b.
TABLE = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)
BN_TORCH = {"momentum": 0.99, "epsilon": 1e-3}  # torchvision's, trained in TensorFlow


Response = Literal["paper", "caffe"]
RESPONSES = {"paper": (2.0, 1e-4), "caffe": (1.0, 1e-4 / 5)}  # k and alpha of LRN


def stem(x: Tensor, n: Norm, separable: bool, response: Response) -> Tensor:
    """7x7/2 64 -> pool -> 1x1 64 -> 3x3 192, with LRN where there is no batch norm.

    separable: the first convolution is depthwise with multiplier 8, then 1x1, as Table 1 counts it.
    """
    if separable:
        x = conv(dwconv(x, k=7, s=2, p=3, a=None, bias=False, multiplier=8), 64, k=1)
    else:
        x = conv(x, 64, k=7, s=2, p=3, n=n)
    pool = tap(maxpool(x, k=3, s=2, p="ceil"), "stem_pool1")
    bias, alpha = RESPONSES[response]
    x = pool if n else lrn(pool, bias=bias, alpha=alpha)
    m = conv(conv(x, 64, k=1, n=n), 192, k=3, n=n)
    return m if n else lrn(m, bias=bias, alpha=alpha)


def body(x: Tensor, table: Sequence[Sequence[tuple[int, ...]]], n: Norm, k: int, last: int, *,
         aux: bool | None = None, se: Ratio = None, drop_path: float | None = None,
         separable: bool = False, response: Response = "paper") -> Features:  # fmt: skip
    """Stem, then nine Inception modules in three stages with pooling before each stage.

    x (N, H, W, C) -> (N, H/32, W/32, 1024).

    Args:
        table: Table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
        n: batch norm or None.
        k: the large kernel.
        last: the kernel of the last pool (2 in Torch).
        aux: also returns the features of the heads after 4a and 4d.
        response: LRN's constants; Caffe's k is 1, and it divides alpha by n.
    """
    x = stem(x, n, separable, response)
    heads = []
    gate, ratio = gates(sum(map(len, table)), None, drop_path), ratios(se, len(table))
    for i, rows in enumerate(table, 1):
        x = maxpool(x, k=last if i == 3 else 3, s=2, p="ceil")
        x = tap(x, "stem" if i == 1 else f"stage{i - 1}_pool")
        r = next(ratio)
        for j, row in enumerate(rows, 1):
            x = tap(inception_module(x, row, n=n, se=r, k=k, gate=next(gate)), f"stage{i}_block{j}")
            if aux and (i, j) in ((2, 1), (2, 4)):
                heads.append(tap(aux_head(x, classes=None, n=n), f"aux{1 if j == 1 else 2}"))
        x = tap(x, f"stage{i}")
    return [x, *heads] if aux else x


def head(x: Tensor, classes: int) -> Tensor:
    return pooled(x, classes, rate=0.4)


VARIANTS = {
    "with_two_aux_heads": {"options": {"aux": True}},
    "separable_first_conv": {"options": {"separable": True}},
    "torchvision_style": {"table": (TABLE, BN_TORCH, 3, 2)},
}
STYLES = {"paper": {}, "caffe": dict(response="caffe")}
OPTIONS = dict(aux=None, se=None, drop_path=None, response="paper")
NETS = {
    "googlenet": Net(
        body, (TABLE, None, 5, 3), options=OPTIONS, styles=STYLES, variants=VARIANTS, head=head
    )
}
ALIASES = {"inception_v1": "googlenet"}
