"""Inception-ResNet v1 and v2, arXiv:1602.07261."""

from typing import Any

from keras import layers

from convbook.architectures.common import Keywords, Net, gates, logits, pooled
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.inception import parallel
from convbook.blocks.inception_v4 import (
    inception_resnet_block,
    inception_resnet_reduction_b,
    inception_v4_stem,
    reduction_a,
)
from convbook.blocks.layers import BN_TF, conv, dense, gavgpool, maxpool, norm
from convbook.blocks.types import Norm, PoolPadding, Tensor

SCALES = (0.17, 0.10, 0.20)  # of the residuals of A, B, C: the authors' code
# Stem, numbers of residual modules A, B, C, widths of the two reductions and of a last 1x1.
V1 = ("v1", (5, 10, 5), (192, 192, 256, 384), (256, 256, 256), None)  # Figures 14, 10 to 15
V1_PCV = ("v1", (5, 10, 6), *V1[2:4], 0)  # pytorchcv's, after facenet: six C, the last unscaled
V2 = ("v2", (10, 20, 10), (256, 256, 384, 384), (256, 288, 320), 1536)  # the authors' code
V2_DRAWN = ("v4", (5, 10, 5), (256, 256, 384, 384), (256, 288, 320), None)  # Figures 15 to 19


def stem(x: Tensor, name: str, n: Norm) -> Tensor:
    """x (N, 299, 299, 3) -> (N, 35, 35, 256) for v1, 384 for v4's, 320 for v2 as released."""
    if name == "v4":
        return inception_v4_stem(x, n=n)
    x = conv(conv(x, 32, k=3, s=2, p="valid", n=n), 32, k=3, p="valid", n=n)
    x = maxpool(conv(x, 64, k=3, n=n), k=3, s=2, p="valid")
    x = conv(conv(x, 80, k=1, n=n), 192, k=3, p="valid", n=n)
    if name == "v1":
        return conv(x, 256, k=3, s=2, p="valid", n=n)
    return tap(maxpool(x, k=3, s=2, p="valid"), "stem_pool2")


def body(x: Tensor, stem_of: str, depths: tuple[int, ...], f_a: tuple[int, ...],
         f_b: tuple[int, ...], last: int | None, *, n: Keywords = BN_TF, eps: float = 1e-3,
         survival: float | None = None, drop_path: float | None = None,
         pool_p: PoolPadding = "same") -> Tensor:  # fmt: skip
    """Stem, residual modules A at 35x35, B at 17x17, C at 8x8, reductions between.

    x (N, 299, 299, 3) -> (N, 8, 8, 1792) for v1, 2144 for v2 as drawn, 1536 as released.
    """
    n, paths = n | {"epsilon": eps}, "v1" if stem_of == "v1" else "v2"
    gate = gates(sum(depths), survival, drop_path)
    x = stem(x, stem_of, n)
    if stem_of == "v2":
        mixed = [(1, 96)], [(1, 48), (5, 64)], [(1, 64), (3, 96), (3, 96)], ["avg", (1, 64)]
        x = parallel(x, *mixed, n=n, pool_p=pool_p)
    x = tap(x, "stem")
    for i, (depth, scale) in enumerate(zip(depths, SCALES, strict=True), 1):
        kind = f"{paths} {'ABC'[i - 1]}"
        in_full = int(last is not None and i == 3)
        for j in range(1, depth + 1 - in_full):
            x = inception_resnet_block(x, paths=kind, scale=scale, n=n, gate=next(gate))
            x = tap(x, f"stage{i}_block{j}")
        if in_full:  # The released v2 adds its last C unscaled, without a relu.
            x = inception_resnet_block(x, paths=kind, scale=1.0, n=n, a=None, gate=next(gate))
            x = tap(x, f"stage{i}_block{depth}")
        x = tap(x, f"stage{i}")
        if i == 1:
            x = tap(reduction_a(x, f_a, n=n), "stage2_reduction")
        elif i == 2:
            x = tap(inception_resnet_reduction_b(x, f_b, n=n), "stage3_reduction")
    return tap(conv(x, last, k=1, n=n), "stage4") if last else x


def head(x: Tensor, classes: int) -> Tensor:
    return pooled(x, classes, rate=0.2)


def head_512(x: Tensor, classes: int) -> Tensor:
    """Global mean -> dropout -> dense 512, batch norm -> dense: pytorchcv's v1."""
    x = layers.Dropout(0.2)(gavgpool(x))
    x = norm(dense(x, 512, a=None, bias=False), BN_TF)
    return logits(x, classes)


OPTIONS = dict(eps=1e-3, survival=None, drop_path=None)
STYLES = {"paper": {}, "torch": {"pool_p": 1}, "keras": {"n": BN_TF | {"scale": False}}}


def net(table: tuple[Any, ...], **variants: Any) -> Net:
    return Net(body, table, (299, 299, 3), 1000, OPTIONS, variants, STYLES, head)


NETS = {
    "inception_resnet_v1": net(V1, pytorchcv={"table": V1_PCV, "head": head_512}),
    "inception_resnet_v2": net(V2, paper_figures_literal={"table": V2_DRAWN}),
}
ALIASES: dict[str, str] = {}
