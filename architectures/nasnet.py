"""NASNet-A.  Learning Transferable Architectures for Image Recognition, arXiv:1707.07012."""

from typing import Any

from convbook.architectures.common import Features, Net, gates, pooled
from convbook.architectures.graph.layer_names import tap
from convbook.blocks.inception_v3 import aux_head_v3
from convbook.blocks.layers import BN_TF, act, conv
from convbook.blocks.nasnet import NASNET_A_NORMAL, NASNET_A_REDUCTION, PoolOf, cell
from convbook.blocks.types import Tensor

Table = tuple[Any, Any]  # rows of a cell, and the states that it concatenates
Cells = tuple[Table, Table | None]  # a normal cell and, if there is one, a reduction cell

CELLS = NASNET_A_NORMAL, NASNET_A_REDUCTION


def plan(
    normal: Table, reduction: Table | None, depth: int, f: int, stem: str
) -> list[tuple[Table, int, int, str]]:
    """The cells in order: (rows and used states, filters, stride, name).

    Section 3, Figure 2; TF-slim's code.  Three stages of normal cells; a reduction cell precedes
    the second and the third, which have twice the filters of the previous stage; for ImageNet
    (stem 'imagenet') two more precede the first.  Without a reduction cell, the first normal cell
    of a stage has the stride.
    """
    halving = reduction or normal
    stem_cells = [(halving, f // 4, 2, "stem_cell1"), (halving, f // 2, 2, "stem_cell2")]
    cells = stem_cells if stem == "imagenet" else []
    for i, width in enumerate((f, 2 * f, 4 * f), 1):
        names = [f"stage{i}_block{j}" for j in range(1, depth + 1)]
        if i > 1:
            name = f"reduction{i - 1}" if reduction else names.pop(0)
            cells.append((halving, width, 2, name))
        cells += [(normal, width, 1, name) for name in names]
    return cells


def body(x: Tensor, tables: Cells, depth: int, f: int, stem: str, first: int, *,
         skip: bool = False, scale: float = 1, eps: float = 1e-3, aux: bool | None = None,
         drop_path: float | None = None, pool_p: PoolOf = "same") -> Features:  # fmt: skip
    """A 3x3, then the cells in order, relu.

    x (N, H, W, C) -> (N, H/32, W/32, C'), with the CIFAR stem (N, H/4, W/4, C').

    Args:
        skip: a cell after a reduction also reads the cell before the last two, not the last
            (NASNet-A large).
        aux: also returns the features of a head on the second stage, scale times as wide.
        drop_path: probability of the last cell, growing linearly from the first.
    """
    n, cells = BN_TF | {"epsilon": eps}, plan(*tables, depth, f, stem)
    stride, p = (2, "valid") if stem == "imagenet" else (1, "same")
    h_prev, h = None, tap(conv(x, first, k=3, n=n, a=None, s=stride, p=p), "stem")
    heads, s_prev = [], 1  # h_prev is s_prev times as large as h
    gate = gates(len(cells), None, drop_path)
    # Each cell with its filters and stride, NASNet's Figure 2.
    for (rows, used), width, s, name in cells:
        reduces = s == 2 and width > f  # and is not in the stem
        if aux and reduces and width == 4 * f:
            widths = int(128 * scale), int(768 * scale)
            heads = [tap(aux_head_v3(act(h, "relu"), classes=None, f=widths, k=None, n=n), "aux1")]
        letters = dict(rows=rows, used=used, s_prev=s_prev, n=n, gate=next(gate), pool_p=pool_p)
        before = h_prev if skip and reduces else h
        h_prev, h, s_prev = before, tap(cell(h_prev, h, width, s, **letters), name), s
    h = tap(act(h, "relu"), "last")
    return [h, *heads] if aux else h


def head(x: Tensor, classes: int) -> Tensor:
    return pooled(x, classes, rate=0.5)


OPTIONS = dict(eps=1e-3, aux=None, drop_path=None)
# keras.applications counts the padding of all pooling with a stride, timm that of averages only.
STYLES = {"paper": {}, "keras": {"pool_p": "zeros"}, "torch": {"pool_p": "zeros in means"}}
AUX = {"with_aux": {"options": {"aux": True}}}


def imagenet(cells: Cells, depth: int, f: int, first: int, size: int,
             variants: dict[str, Any] = AUX, **options: Any) -> Net:  # fmt: skip
    table = (cells, depth, f, "imagenet", first)
    return Net(body, table, (size, size, 3), 1000, OPTIONS | options, variants, STYLES, head)


def cifar(cells: Cells, depth: int, f: int, **variants: Any) -> Net:
    table = (cells, depth, f, "cifar", 3 * f)
    return Net(body, table, (32, 32, 3), 10, OPTIONS, variants, STYLES, head)


NETS = {
    "nasnet_a_mobile": imagenet(CELLS, 4, 44, 32, 224),
    "nasnet_a_large": imagenet(CELLS, 6, 168, 96, 331, skip=True),
    "nasnet_a_cifar_6at768": cifar(CELLS, 6, 32),
    "nasnet_a_cifar_7at2304": cifar(CELLS, 7, 96, N6={"table": (CELLS, 6, 96, "cifar", 288)}),
}
ALIASES = {"nasnet_mobile": "nasnet_a_mobile", "nasnet_large": "nasnet_a_large"}
