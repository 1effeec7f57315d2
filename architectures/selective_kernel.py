"""SKNet and SK-ResNet: ResNeXt and ResNet that choose their kernels.  arXiv:1903.06586."""

from convbook.architectures import resnet
from convbook.architectures.common import Net
from convbook.blocks.selective_kernel import sk_basic_block, sk_block


def net(depth: int) -> Net:
    """SKNet with ResNet's depths; below 50 layers timm's SK-ResNet."""
    _, f, depths = resnet.IMAGENET[depth]
    block = sk_basic_block if depth < 50 else sk_block
    table = (block, f, depths, resnet.IMAGENET_STEM)
    return Net(resnet.body, table, options=resnet.RESIDUAL | {"pool": 1}, styles=resnet.STYLES)


NETS = {f"sk_resnet{depth}": net(depth) for depth in (18, 34)}
NETS |= {f"sknet{depth}": net(depth) for depth in (50, 101, 152)}
ALIASES: dict[str, str] = {}
