"""DenseNet.  Densely Connected Convolutional Networks, arXiv:1608.06993."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.densenet import dense_block, transition_block
from convbook.blocks.layers import BN, act, conv, maxpool, norm
from convbook.blocks.recompute import recomputed
from convbook.blocks.types import Tensor

# Table 1: layers in each dense block, growth rate 32; and wider nets of the memory-efficient
# report, arXiv:1707.06990.
IMAGENET = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32), 264: (6, 12, 64, 48)}
# Table 2: depth and growth rate, plain and with bottleneck and compression (BC).
CIFAR = ((40, 12), (100, 12), (100, 24))
CIFAR_BC = ((100, 12), (250, 24), (190, 40))


def body(x: Tensor, depths: Sequence[int], f: int, bottleneck: int | None, compression: int,
         stem: int | Literal["imagenet"], *, eps: float = 1e-5, rate: float = 0.0,
         recompute: bool = False) -> Tensor:  # fmt: skip
    """Dense blocks with transitions between them, then batch norm and relu.

    x (N, H, W, C) -> (N, H/32, W/32, C'), or with the CIFAR stem, a bare 3x3, (N, H/4, W/4, C').

    Args:
        depths: layers in each dense block.
        f: growth rate.
        rate: dropout after each convolution, 0.2 in the paper's nets for data sets without
            augmentation.
        recompute: see dense_block.
    """
    n = BN | {"epsilon": eps}
    if stem == "imagenet":
        x = tap(conv(x, 2 * f, k=7, s=2, p=3, n=n), "stem")
        x = maxpool(x, k=3, s=2, p=1)
    else:
        x = tap(conv(x, stem, k=3, a=None, bias=False, init="he_uniform"), "stem")
    for i, b in enumerate(depths, 1):
        stage = partial(dense_layers, i=i, b=b, f=f, n=n, r=bottleneck, rate=rate)
        x = tap(recomputed(x, stage) if recompute else stage(x), f"stage{i}")
        if i < len(depths):
            x = tap(transition_block(x, r=compression, n=n, rate=rate), f"transition{i}")
    return tap(act(norm(x, n), "relu"), "last")


def dense_layers(x: Tensor, i: int, b: int, **letters: Any) -> Tensor:
    """The dense block of stage i, with a tap after each of its b layers."""
    for j in range(1, b + 1):
        x = tap(dense_block(x, b=1, **letters), f"stage{i}_block{j}")
    return x


OPTIONS = dict(eps=1e-5, rate=0.0, recompute=False)
STYLES = {"paper": {}, "torch": {}, "keras": {"eps": 1.001e-5}}


def imagenet(depth: Sequence[int], f: int = 32, **variants: Any) -> Net:
    return Net(
        body, (depth, f, 4, 2, "imagenet"), options=OPTIONS, variants=variants, styles=STYLES
    )


def cifar(depth: int, f: int, bc: bool) -> Net:
    """depth = 3 b + 4 layers, or 3 * 2 b + 4 with bottleneck; stem 16 or, with BC, 2 f filters."""
    b = (depth - 4) // (6 if bc else 3)
    table = ((b, b, b), f, 4 if bc else None, 2 if bc else 1, 2 * f if bc else 16)
    return Net(body, table, (32, 32, 3), 10, OPTIONS, styles=STYLES)


K48 = {"table": (IMAGENET[264], 48, 4, 2, "imagenet")}
NETS = {f"densenet{depth}": imagenet(IMAGENET[depth]) for depth in (121, 169, 201)}
NETS["densenet264"] = imagenet(IMAGENET[264], k48=K48)
NETS["densenet232_k48"] = imagenet((6, 32, 48, 28), 48)
NETS |= {f"densenet_cifar_L{depth}_k{f}": cifar(depth, f, False) for depth, f in CIFAR}
NETS |= {f"densenet_cifar_BC_L{depth}_k{f}": cifar(depth, f, True) for depth, f in CIFAR_BC}
ALIASES = {"densenet40": "densenet_cifar_L40_k12", "densenet100_bc": "densenet_cifar_BC_L100_k12"}
