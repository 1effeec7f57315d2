"""SqueezeNet, arXiv:1602.07360; 1.1 is the authors' repository's."""

from typing import Any, Literal

from keras import layers

from convbook.architectures.common import Net, maps_head
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.layers import conv, maxpool
from convbook.blocks.squeezenet import fire_module
from convbook.blocks.types import PoolPadding, Tensor

# Table 1: conv1 (filters, kernel), then fire modules by their width; a 3x3/2 max pool before each
# group.  Input 227: the printed 224 does not give conv1's 111 x 111.
V1_0 = ((96, 7), (128, 128, 256), (256, 384, 384, 512), (512,))
KEPT = ((1, 2), (2, 1), (2, 3), (3, 1))  # modules with a simple bypass
V1_1 = ((64, 3), (128, 128), (256, 256), (384, 384, 512, 512))


def body(x: Tensor, first: tuple[int, int], *groups: tuple[int, ...],
         bypass: Literal["simple", "complex"] | None = None,
         pool: PoolPadding = "valid") -> Tensor:  # fmt: skip
    """conv1 and eight Fire modules.

    x (N, 227, 227, 3) -> (N, 13, 13, 512).

    Args:
        groups: widths of the fire modules; pooling precedes each group.
        bypass: 'simple' adds x around the modules that keep the width, 'complex' also a 1x1 of x
            around the others (Figure 2).
    """
    x = tap(conv(x, first[0], k=first[1], s=2, p="valid"), "stem")
    for i, group in enumerate(groups, 1):
        x = tap(maxpool(x, k=3, s=2, p=pool), f"stage{i}_pool")
        for j, f in enumerate(group, 1):
            wider = bypass if bypass == "complex" else None
            x = fire_module(x, f, bypass=bypass and ("simple" if f == x.shape[-1] else wider))
            x = tap(x, f"stage{i}_block{j}")
        x = tap(x, f"stage{i}")
    return x


def head(x: Tensor, classes: int) -> Tensor:
    """Dropout -> 1x1 classes, relu -> global mean: no dense layer."""
    return maps_head(conv(layers.Dropout(0.5)(x), classes, k=1))


STYLES = {"paper": {}, "torch": {"pool": "ceil"}}


def net(table: tuple[tuple[int, ...], ...], **options: Any) -> Net:
    return Net(body, table, (227, 227, 3), options=options, styles=STYLES, head=head)


NETS = {
    "squeezenet_v1_0": net(V1_0),
    "squeezenet_v1_0_simple_bypass": net(V1_0, bypass="simple"),
    "squeezenet_v1_0_complex_bypass": net(V1_0, bypass="complex"),
    "squeezenet_v1_1": net(V1_1, pool="ceil"),
}
ALIASES = {"squeezenet": "squeezenet_v1_0", "squeezenet1_1": "squeezenet_v1_1"}
