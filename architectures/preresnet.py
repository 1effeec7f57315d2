"""Pre-activation ResNets.  Identity Mappings in Deep Residual Networks, arXiv:1603.05027."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from convbook.architectures import resnet
from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.architectures.resnet import stages
from convbook.blocks.layers import BN, act, conv, maxpool, norm, pad
from convbook.blocks.preresnet import preact_block
from convbook.blocks.resnet import bottleneck_block
from convbook.blocks.types import Tensor

# Width after the first stage, blocks per stage, ratio of the bottleneck (None: two 3x3).
IMAGENET = {
    18: (64, (2, 2, 2, 2), None),
    34: (64, (3, 4, 6, 3), None),
    50: (256, (3, 4, 6, 3), 4),
    101: (256, (3, 4, 23, 3), 4),
    152: (256, (3, 8, 36, 3), 4),
    200: (256, (3, 24, 36, 3), 4),
}
CIFAR = {110: (16, None), 164: (64, 4), 1001: (64, 4)}  # width, ratio; sections 3 and 4


def body(x: Tensor, f: int, depths: Sequence[int], r: int | None, stem: tuple[int, int, int],
         stem_n: bool, *, eps: float = 1e-5, keras: bool = False,
         **letters: Any) -> Tensor:  # fmt: skip
    """Units with batch norm and relu before each convolution, and both once more at the end.

    x (N, H, W, C) -> (N, H/32, W/32, 8f), or with the CIFAR stem (N, H/4, W/4, 4f).

    Args:
        depths: units in each stage.
        stem: kernel, stride and filters of the first convolution.
        stem_n: whether batch norm and relu come after it, which the paper's text leaves open.
        keras: keras.applications' ResNetV2, with biases, the stride in the last unit of a stage,
            and pooling that reads padded zeros.
    """
    n, (k, s, width) = BN | {"epsilon": eps}, stem
    if stem_n:
        x = tap(conv(x, width, k=k, s=s, p=k // 2, n=n), "stem")
    else:
        x = tap(conv(x, width, k=k, s=s, p=k // 2, a=None, bias=keras), "stem")
    if s == 2:
        x = maxpool(pad(x, 1) if keras else x, k=3, s=2, p="valid" if keras else 1)
    letters |= {"bias": True, "late": True} if keras else {}
    x = stages(x, partial(preact_block, r=r), f, depths, n=n, **letters)
    return tap(act(norm(x, n), "relu"), "last")


OPTIONS = dict(eps=1e-5, shortcut="B", se=None, survival=None, drop_path=None)
DEEP = OPTIONS | {"stride_on": "1x1"}


def imagenet(depth: int) -> Net:
    f, depths, r = IMAGENET[depth]
    table = (f, depths, r, resnet.IMAGENET_STEM)
    torch = {"table": (*table, False), "options": {"stride_on": "3x3"}}
    variants = {"no_stem_bn_stride3x3": torch} if r else {}
    if r and depth < 200:
        keras = {"keras": True, "eps": 1.001e-5, "stride_on": "3x3"}
        variants["keras"] = torch | {"options": keras}
    return Net(body, (*table, True), options=DEEP if r else OPTIONS, variants=variants)


def cifar(depth: int) -> Net:
    """Section 4: 16 filters in the stem, no batch norm after it, as in the authors' Torch code."""
    f, r = CIFAR[depth]
    depths, stem = 3 * ((depth - 2) // (9 if r else 6),), (3, 1, 16)
    # The same depth and widths with ResNet's own unit, as in the paper's Table 3.
    original = {"body": resnet.body, "table": (bottleneck_block, f, depths, stem)}
    variants = {"original_unit": original} if r else {}
    options = DEEP if r else OPTIONS | {"shortcut": "A"}
    return Net(body, (f, depths, r, stem, False), (32, 32, 3), 10, options, variants)


NETS = {f"preresnet{depth}": imagenet(depth) for depth in IMAGENET}
NETS |= {f"preresnet{depth}_cifar": cifar(depth) for depth in CIFAR}
ALIASES = {f"preresnet{depth}": f"preresnet{depth}_cifar" for depth in CIFAR}
ALIASES |= {f"resnet{depth}v2": f"preresnet{depth}" for depth in IMAGENET}
