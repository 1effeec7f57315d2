"""AmoebaNet-A.  Regularized Evolution for Image Classifier Search, arXiv:1802.01548."""

from convbook.architectures.nasnet import AUX, cifar, imagenet
from convbook.blocks.nasnet import AMOEBANET_A_NORMAL, AMOEBANET_A_REDUCTION

CELLS = AMOEBANET_A_NORMAL, AMOEBANET_A_REDUCTION

# (N, F): cells per stage and filters of the first; the stem follows the authors' code, 32 filters.
NETS = {
    "amoebanet_a_6_190": imagenet(CELLS, 6, 190, 32, 331, {}),
    "amoebanet_a_6_448": imagenet(
        CELLS, 6, 448, 32, 299, AUX | {"at_331": {"shape": (331, 331, 3)}}, scale=0.4
    ),
    "amoebanet_a_cifar_6_32": cifar(CELLS, 6, 32),
    "amoebanet_a_cifar_6_36": cifar(CELLS, 6, 36),
    "amoebanet_a_mobile_4_50": imagenet(CELLS, 4, 50, 32, 224, {}),
}
ALIASES = {"amoebanet": "amoebanet_a_6_190", "amoebanet_mobile": "amoebanet_a_mobile_4_50"}
