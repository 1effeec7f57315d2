"""Inception v3.  Rethinking the Inception Architecture for Computer Vision, arXiv:1512.00567."""

from collections.abc import Sequence

from convbook.architectures.common import Features, Keywords, Net, gates, pooled
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.inception_v3 import (
    aux_head_v3,
    inception_v3_a,
    inception_v3_b,
    inception_v3_c,
    inception_v3_reduction_a,
    inception_v3_reduction_b,
)
from convbook.blocks.layers import BN_TF, conv, maxpool
from convbook.blocks.types import Norm, Padding, PoolPadding, Tensor

# The authors' code (TF-slim): width of each A module's pool projection, of each B module's 7x7
# paths, number of C modules.
TABLE = ((32, 64, 64), (128, 160, 160, 192), 2)
BN_KERAS = BN_TF | {"scale": False}  # keras.applications' batch norms have no gamma


def stem(x: Tensor, n: Norm, p: Padding) -> Tensor:
    """3x3/2 32 -> 3x3 32 -> 3x3 64 -> pool -> 1x1 80 -> 3x3 192 -> pool: the code's, not Table 1's.

    x (N, 299, 299, 3) -> (N, 35, 35, 192).
    """
    x = conv(conv(x, 32, k=3, s=2, p=p, n=n), 32, k=3, p=p, n=n)
    x = tap(maxpool(conv(x, 64, k=3, n=n), k=3, s=2, p=p), "stem_pool1")
    x = conv(conv(x, 80, k=1, n=n), 192, k=3, p=p, n=n)
    return tap(maxpool(x, k=3, s=2, p=p), "stem")


def body(x: Tensor, f_a: Sequence[int], f_b: Sequence[int], depth_c: int, *, n: Keywords = BN_TF,
         eps: float = 1e-3, aux: bool | None = None, drop_path: float | None = None,
         pool_p: PoolPadding = "same", p: Padding = "valid") -> Features:  # fmt: skip
    """Modules A at 35x35, B at 17x17, C at 8x8, reductions between.

    x (N, 299, 299, 3) -> (N, 8, 8, 2048).

    Args:
        f_a: the authors' code: width of each A module's pool projection.
        f_b: the authors' code: width of each B module's 7x7 paths.
        aux: also returns the features of the head after the last B.
    """
    n, heads = n | {"epsilon": eps}, []
    gate = gates(len(f_a) + len(f_b) + depth_c, None, drop_path)
    x = stem(x, n, p)
    for j, f in enumerate(f_a, 1):
        x = tap(inception_v3_a(x, f, n=n, pool_p=pool_p, gate=next(gate)), f"stage1_block{j}")
    x = tap(inception_v3_reduction_a(tap(x, "stage1"), n=n, p=p), "stage2_reduction")
    for j, f in enumerate(f_b, 1):
        x = tap(inception_v3_b(x, f, n=n, pool_p=pool_p, gate=next(gate)), f"stage2_block{j}")
    x = tap(x, "stage2")
    if aux:
        heads = [tap(aux_head_v3(x, classes=None, n=n), "aux1")]
    x = tap(inception_v3_reduction_b(x, n=n, p=p), "stage3_reduction")
    for j in range(1, depth_c + 1):
        x = tap(inception_v3_c(x, n=n, pool_p=pool_p, gate=next(gate)), f"stage3_block{j}")
    x = tap(x, "stage3")
    return [x, *heads] if aux else x


def head(x: Tensor, classes: int) -> Tensor:
    """TF-slim's: the dropout keeps 0.8."""
    return pooled(x, classes, rate=0.2)


OPTIONS = dict(eps=1e-3, aux=None, drop_path=None)
VARIANTS = {"with_aux": {"options": {"aux": True}}, "keras": {"options": {"n": BN_KERAS}}}
STYLES = {"paper": {}, "torch": {"pool_p": 1}, "keras": {"n": BN_KERAS}}
NETS = {
    "inception_v3": Net(
        body, TABLE, (299, 299, 3), options=OPTIONS, variants=VARIANTS, styles=STYLES, head=head
    )
}
ALIASES: dict[str, str] = {}
