"""ResNets with stochastic depth, arXiv:1603.09382: ResNet's rows with survival=0.5."""

from convbook.architectures import resnet

HALF = {"survival": 0.5}  # p_L, decaying linearly from 1: section 5
NETS = {
    "stochastic_depth_resnet110_cifar": resnet.cifar(
        110, resnet.RESIDUAL | {"shortcut": "A"} | HALF
    ),
    "stochastic_depth_resnet1202_cifar": resnet.cifar(
        1202, resnet.RESIDUAL | {"shortcut": "A"} | HALF
    ),
    # The authors used the network of fb.resnet.torch, with the stride in the 3x3.
    "stochastic_depth_resnet152": resnet.imagenet(
        152, resnet.BOTTLENECK | {"stride_on": "3x3"} | HALF
    ),
}
ALIASES: dict[str, str] = {}
