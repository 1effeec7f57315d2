"""VoVNet, and V2 with shortcuts and attention.  arXiv:1904.09730 and arXiv:1911.06667."""

from collections.abc import Sequence
from typing import NamedTuple

from convbook.architectures.common import Net
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import BN, conv, maxpool, sepconv
from convbook.blocks.types import Tensor
from convbook.blocks.vovnet import osa_block

WIDE = (128, 160, 192, 224), (256, 512, 768, 1024)  # of the 3x3s and the ends of four stages


class Row(NamedTuple):
    """A network: filters of the stem, widths and filters of the stages, 3x3s of a module, modules
    of each stage; whether V2, and whether the 3x3s are separable."""

    stem: tuple[int, int, int]
    widths: tuple[int, ...]
    filters: tuple[int, ...]
    b: int
    depths: tuple[int, ...]
    v2: bool = False
    separable: bool = False


# As in timm and in the authors' code (VoVNet.pytorch and vovnet-detectron2).
NAMED = {
    "vovnet39": Row((64, 64, 128), *WIDE, 5, (1, 1, 2, 2)),
    "vovnet57": Row((64, 64, 128), *WIDE, 5, (1, 1, 4, 3)),
    "ese_vovnet19b_dw": Row((64, 64, 64), *WIDE, 3, (1, 1, 1, 1), True, True),
    "ese_vovnet39b": Row((64, 64, 128), *WIDE, 5, (1, 1, 2, 2), True),
    "ese_vovnet57b": Row((64, 64, 128), *WIDE, 5, (1, 1, 4, 3), True),
    "ese_vovnet99b": Row((64, 64, 128), *WIDE, 5, (1, 3, 9, 3), True),
}


def body(x: Tensor, stem: Sequence[int], widths: Sequence[int], filters: Sequence[int], b: int,
         depths: Sequence[int], v2: bool, separable: bool, *,
         eps: float = 1e-5) -> Tensor:  # fmt: skip
    """3x3/2 -> 3x3 -> 3x3/2 -> four stages of modules, with a 3x3/2 max between two.

    x (N, H, W, C) -> (N, H/32, W/32, the last of the filters).

    Args:
        v2: every module of a stage except the first adds its input; the last has ese_block, as in
            timm (in the authors' code, every module has it).
    """
    n = BN | {"epsilon": eps}
    x = conv(x, stem[0], k=3, s=2, p=1, n=n)
    for f, s in zip(stem[1:], (1, 2), strict=True):
        x = (sepconv if separable else conv)(x, f, k=3, s=s, p=1, n=n)
    x = tap(x, "stem")
    for i, (width, f, depth) in enumerate(zip(widths, filters, depths, strict=True), 1):
        x = maxpool(x, k=3, s=2, p="ceil") if i > 1 else x
        for j in range(1, depth + 1):
            add, weigh = v2 and j > 1, v2 and j == depth
            x = osa_block(x, f, width=width, b=b, n=n, separable=separable, ese=weigh, identity=add)
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return x


NETS = {name: Net(body, row, options={"eps": 1e-5}) for name, row in NAMED.items()}
ALIASES = {"vovnet": "vovnet39", "ese_vovnet": "ese_vovnet39b"}
