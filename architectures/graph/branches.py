"""Merges added linear branches of one tensor into one convolution.  RepVGG, arXiv:2101.03697, 3.3.

A branch is a convolution, or the tensor itself; either may be scaled and shifted.  The convolution
whose window contains all other windows absorbs their kernels.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import layers

from convbook.blocks.grouped import GroupedConv2D
from convbook.blocks.types import Tensor

Pads = tuple[tuple[int, int], ...]  # zeros before and after, of rows and of columns
Affine = tuple[np.ndarray, np.ndarray]  # scale and shift of each channel: scale * x + shift
NONE: Pads = ((0, 0), (0, 0))
KINDS = (layers.Conv2D, GroupedConv2D, layers.DepthwiseConv2D)


class Branch(NamedTuple):
    """A summand: a convolution of x, or x itself with this scale and shift."""

    x: Tensor
    op: Any = None
    pads: Pads = NONE  # of layers before the convolution
    affine: Affine | None = None

    @property
    def size(self) -> tuple[int, ...]:
        return self.op.kernel_size if self.op else (1, 1)

    @property
    def zeros(self) -> Pads:
        """All zeros around x that the windows see."""
        same = self.op is not None and self.op.padding == "same"
        own = [((k - 1) // 2, k // 2) if same else (0, 0) for k in self.size]
        return tuple((a + c, b + d) for (a, b), (c, d) in zip(self.pads, own, strict=True))

    @property
    def reach(self) -> tuple[int, ...]:
        """Rows and columns of a window before the pixel of a 1x1, then those after it."""
        before = [a for a, _ in self.zeros]
        return *before, *(k - 1 - a for a, k in zip(before, self.size, strict=True))

    @property
    def grid(self) -> tuple[Any, ...]:
        """What branches must share: strides, and the extra pixels compared with a 1x1."""
        more = tuple(a + b - k + 1 for (a, b), k in zip(self.zeros, self.size, strict=True))
        return tuple(self.op.strides if self.op else (1, 1)), more


def is_simple(op: Any) -> bool:
    """Whether size and stride alone place the convolution's window, for every size of x."""
    if type(op) not in KINDS or tuple(op.dilation_rate) != (1, 1):
        return False
    if getattr(op, "depth_multiplier", 1) != 1:
        return False
    return op.padding == "valid" or all(
        s == 1 or k == 1 for s, k in zip(op.strides, op.kernel_size, strict=True)
    )


def widest(branches: Sequence[Branch]) -> Branch | None:
    """The added branch whose kernel can absorb all others; None if none can."""
    ops = [b.op for b in branches if b.op]
    if not (ops and branches[1:] and all(is_simple(op) and kind(op) == kind(ops[0]) for op in ops)):
        return None
    if any(b.x is not branches[0].x or b.grid != branches[0].grid for b in branches):
        return None
    most = tuple(map(max, zip(*(b.reach for b in branches), strict=True)))
    return next((b for b in branches if b.op and b.reach == most), None)


def kind(op: Any) -> tuple[bool, int]:
    return isinstance(op, layers.DepthwiseConv2D), getattr(op, "groups", 1)


def identity(op: Any, channels: int) -> np.ndarray:
    """The 1x1 kernel that leaves x as it is, for a convolution of the kind of op."""
    if isinstance(op, layers.DepthwiseConv2D):
        return np.ones((1, 1, channels, 1))
    return np.tile(np.eye(channels // op.groups), op.groups)[None, None]


def placed(kernel: np.ndarray, branch: Branch, own: Branch) -> np.ndarray:
    """The kernel of a branch, at its place in the window of own."""
    at = [a - b for a, b in zip(own.reach[:2], branch.reach[:2], strict=True)]
    whole = np.zeros((*own.size, *kernel.shape[2:]))
    rows, columns = (slice(n, n + k) for n, k in zip(at, branch.size, strict=True))
    whole[rows, columns] = kernel
    return whole
