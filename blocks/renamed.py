"""Layers and functions with another name, but the same meaning, in files of earlier versions.

A loaded model that is saved again has today's names.
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
