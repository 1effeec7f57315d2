"""BN-Inception (Inception v2), arXiv:1502.03167, and SE-Inception, arXiv:1709.01507."""

from collections.abc import Sequence
from typing import Any

from convbook.architectures.common import Net, Ratio, gates, ratios
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.inception import bn_inception_module
from convbook.blocks.layers import BN, conv, maxpool, sepconv
from convbook.blocks.types import Padding, PoolPadding, Tensor

# Figure 5: #1x1, #3x3 reduce, #3x3, double #3x3 reduce, double #3x3, pool proj; pool; stride.
# Modules 4c and 4d are 608 wide by their printed rows, but 576 by their output size, which needs a
# pool projection of 96.
TABLE = (
    (
        ((64, 64, 64, 64, 96, 32), "avg", 1),
        ((64, 64, 96, 64, 96, 64), "avg", 1),
        ((0, 128, 160, 64, 96, 0), "max", 2),
    ),
    (
        ((224, 64, 96, 96, 128, 128), "avg", 1),
        ((192, 96, 128, 96, 128, 128), "avg", 1),
        ((160, 128, 160, 128, 160, 128), "avg", 1),
        ((96, 128, 192, 160, 192, 128), "avg", 1),
        ((0, 128, 192, 192, 256, 0), "max", 2),
    ),
    (((352, 192, 320, 160, 224, 128), "avg", 1), ((352, 192, 320, 192, 224, 128), "max", 1)),
)
NARROW = {(160, 128, 160, 128, 160, 128): 96, (96, 128, 192, 160, 192, 128): 96}
TABLE_576 = tuple(
    tuple(((*row[:-1], NARROW.get(row, row[-1])), pool, s) for row, pool, s in stage)
    for stage in TABLE
)


def body(x: Tensor, table: Sequence[Any], separable: bool = False, *, eps: float = 1e-5,
         bias: bool | None = None, se: Ratio = None, drop_path: float | None = None,
         p: Padding = "same", pool_p: PoolPadding = "same",
         max_p: PoolPadding = "same") -> Tensor:  # fmt: skip
    """Ten Inception modules in three stages; each stage but the last ends with stride 2.

    x (N, H, W, C) -> (N, H/32, W/32, 1024).

    Args:
        table: Figure 5: #1x1, #3x3 reduce, #3x3, double #3x3 reduce, double #3x3, pool proj; pool;
            stride.
        separable: the first 7x7 is depthwise with multiplier 8, then 1x1, as in the paper's
            appendix and TF-slim.
    """
    n, rest = BN | {"epsilon": eps}, dict(p=p, pool_p=pool_p, max_p=max_p, bias=bias)
    if separable:
        x = sepconv(x, 64, k=7, s=2, n=n, multiplier=8)
    else:
        x = conv(x, 64, k=7, s=2, p=3 if p == 1 else p, n=n, bias=bias)
    x = tap(maxpool(x, k=3, s=2, p=max_p), "stem_pool1")
    x = conv(conv(x, 64, k=1, n=n, bias=bias), 192, k=3, n=n, bias=bias)
    x = tap(maxpool(x, k=3, s=2, p=max_p), "stem")
    gate, ratio = gates(sum(map(len, table)), None, drop_path), ratios(se, len(table))
    for i, stage in enumerate(table, 1):
        r = next(ratio)
        for j, (row, pool, s) in enumerate(stage, 1):
            letters = dict(rest, pool=pool, n=n, se=r, gate=next(gate))
            x = tap(bn_inception_module(x, row, s, **letters), f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return x


OPTIONS = dict(eps=1e-5, bias=None, se=None, drop_path=None)
# pytorchcv pads on both sides, its average pooling counts the padding, its max pooling overhangs.
STYLES = {"paper": {}, "torch": {"p": 1, "pool_p": 1, "max_p": "ceil"}}
VARIANTS = {
    "conv_bias": {"options": {"bias": True}},
    "width_576": {"table": (TABLE_576,)},
    "width_576_separable_stem": {"table": (TABLE_576, True)},
}
NETS = {
    "bn_inception": Net(body, (TABLE,), options=OPTIONS, variants=VARIANTS, styles=STYLES),
    "se_inception_bn": Net(body, (TABLE,), options=OPTIONS | {"se": 16}, styles=STYLES),
}
ALIASES = {"inception_v2": "bn_inception", "se_inception": "se_inception_bn"}
