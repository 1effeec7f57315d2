"""A network of each family answers the same on TensorFlow, JAX and PyTorch."""

import numpy as np
import pytest
from cases import fill
from keras import layers, ops
from proofs.prove import sized

from convbook import architectures
from convbook.architectures.catalog import FAMILIES

NAMES = """
lenet5 alexnet_grouped vgg_A_LRN nin_cifar10 googlenet bn_inception inception_v3
inception_v4 inception_resnet_v1 xception resnet20_cifar preresnet18 resnext29_32x4d_cifar
stochastic_depth_resnet110_cifar se_resnet50 densenet_cifar_BC_L100_k12
squeezenet_v1_0_complex_bypass nasnet_a_mobile amoebanet_a_mobile_4_50 pnasnet5_mobile
mobilenet_v2_0.35_224 shufflenet_v1_g3_1x shufflenet_v2_0.5x efficientnet_b0 convnext_v2_atto
mobilenet_v3_small_1.0_224 regnet_y_200mf repvgg_a0 mobileone_s4 ghostnet_0.5x res2next50 zfnet
wide_resnet50_2 resnet18d nfnet_f0 hrnet_w18_small blur_resnet18 resnest14 pyramidnet110_a48_cifar
efficientnet_v2_b0 mnasnet_small mobilenet_v4_conv_small ese_vovnet19b_dw
cspdarknet53 cspresnet50 fasternet_t0 inceptionnext_atto dla46_c dpn68b
bam_resnet18 cbam_resnet18 eca_resnet50d sk_resnet18
"""


def test_a_network_of_each_family_is_here():
    assert [family for family in FAMILIES if not {*NAMES.split()} & {*family.NETS}] == []


@pytest.mark.parametrize("name", NAMES.split())
def test_same_logits(name, same_on_all):
    """The same weights give the same logits, relative to the largest one."""
    model = fill(architectures.create(name, sized(name), 10))
    for layer in model.layers:
        if isinstance(layer, layers.DepthwiseConv2D):  # reads one channel, where fill counts all
            layer.kernel.assign(layer.kernel * layer.kernel.shape[2] ** 0.5)
    x = np.random.default_rng(0).normal(size=(2, *sized(name))).astype("float32")
    y = ops.convert_to_numpy(model(x))
    assert np.ptp(y, axis=0).max() > 1e-3 * np.abs(y).max() > 0  # the images give different answers
    names = "\n".join(w.path for w in model.weights).encode()
    same_on_all(y / np.abs(y).max(), np.frombuffer(names, "uint8"), atol=1e-4)
