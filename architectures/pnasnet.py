"""PNASNet-5.  Progressive Neural Architecture Search, arXiv:1712.00559."""

from convbook.architectures.nasnet import imagenet
from convbook.blocks.nasnet import PNASNET_5

CELLS = PNASNET_5, None

NETS = {
    "pnasnet5_large": imagenet(CELLS, 4, 216, 96, 331, {}),
    "pnasnet5_mobile": imagenet(CELLS, 3, 54, 32, 224, {}),
}
ALIASES = {"pnasnet5": "pnasnet5_large"}
