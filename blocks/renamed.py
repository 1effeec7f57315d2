"""Layers and functions that files saved by earlier versions name otherwise, and that mean the same.

A loaded model that is saved again has the names of today.
"""

from convbook.blocks.grouped import GroupedConv2D
from convbook.blocks.legacy import known_as
from convbook.blocks.lenet import RadialBasis, Subsample, squash
from convbook.blocks.local import LocallyConnected2D, TiledConv2D
from convbook.blocks.lrn import LocalResponseNorm
from convbook.blocks.recompute import Recompute
from convbook.blocks.shufflenet import ChannelShuffle

known_as(
    "blocks",
    ChannelShuffle,
    GroupedConv2D,
    LocalResponseNorm,
    LocallyConnected2D,
    RadialBasis,
    Recompute,
    Subsample,
    TiledConv2D,
    squash,
)
