"""VGG.  Very Deep Convolutional Networks for Large-Scale Image Recognition, arXiv:1409.1556."""

from collections.abc import Sequence
from typing import Any

from convbook.architectures.common import Net, dense_head
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN, conv, maxpool
from convbook.blocks.lrn import lrn
from convbook.blocks.types import Tensor

WIDTHS = (64, 128, 256, 512, 512)
# Table 1: kernels of the convolutions in each stage.
TABLE = {
    "A": ((3,), (3,), (3, 3), (3, 3), (3, 3)),
    "B": ((3, 3), (3, 3), (3, 3), (3, 3), (3, 3)),
    "C": ((3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1)),
    "D": ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3)),
    "E": ((3, 3), (3, 3), (3, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 3)),
}


def body(x: Tensor, stages: Sequence[tuple[int, ...]], respond: bool, *, eps: float | None = None,
         bias: bool | None = None) -> Tensor:  # fmt: skip
    """Stages of 3x3 convolutions with relu, a 2x2 max pool after each stage.

    x (N, H, W, C) -> (N, H/32, W/32, 512).

    Args:
        stages: Table 1: kernels of the convolutions in each stage.
        respond: LRN after the first convolution (A-LRN).
        eps: of batch norm after every convolution; None for none, as in the paper.
    """
    n = None if eps is None else BN | {"epsilon": eps}
    for i, (f, kernels) in enumerate(zip(WIDTHS, stages, strict=True), 1):
        for j, k in enumerate(kernels, 1):
            x = conv(x, f, k=k, n=n, bias=bias)
            x = tap(lrn(x), "stage1_lrn1") if respond and i == j == 1 else x
        x = tap(maxpool(x, k=2, s=2, p="valid"), f"stage{i}")
    return x


def net(letter: str, respond: bool = False, **more: Any) -> Net:
    return Net(body, (TABLE[letter], respond), head=dense_head, **more)


NETS = {f"vgg_{letter}": net(letter) for letter in "A"}
NETS |= {"vgg_A_LRN": net("A", respond=True), **{f"vgg_{letter}": net(letter) for letter in "BCDE"}}
# The paper has no batch norm; in torchvision's networks the convolutions before it keep biases.
NORMED: dict[str, Any] = dict(
    options={"eps": 1e-5, "bias": None}, variants={"conv_bias": {"options": {"bias": True}}}
)
NETS |= {f"vgg_{letter}_BN": net(letter, **NORMED) for letter in "ABDE"}
DEPTHS = {"vgg11": "vgg_A", "vgg13": "vgg_B", "vgg16": "vgg_D", "vgg19": "vgg_E"}
ALIASES = DEPTHS | {f"{depth}_bn": f"{name}_BN" for depth, name in DEPTHS.items()}
