"""MBConv, the mobile inverted bottleneck of EfficientNet, and fused, of V2.

arXiv:1905.11946, arXiv:2104.00298.
"""

from keras import layers

from convbook.blocks.blurpool import thinned
from convbook.blocks.checks import checked, require
from convbook.blocks.layers import BN_TF, conv
from convbook.blocks.mobilenet import inverted_residual_block, keeps
from convbook.blocks.se import se_block
from convbook.blocks.types import Act, Antialias, Gate, Map, Norm, Padding, Pair, Tensor, Whole


@checked
def mbconv_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 6, k: Whole = 3, p: Padding = "same",
                 n: Norm = BN_TF, a: Act = "silu", se: Whole | None = 4,
                 gate: Gate = None) -> Tensor:  # fmt: skip
    """1x1 rC n silu -> kxk/s depthwise n silu -> squeeze-and-excitation of C/4 -> 1x1 f n, + x.

    x (N, H, W, C) -> (N, H/s, W/s, f), + x where the shape stays.  EfficientNet, arXiv:1905.11946,
    Table 1; with r=1 the first 1x1 is left out, as in the authors' code.

    Args:
        a: after the first 1x1, the depthwise and the squeeze; 'relu6' in EfficientNet-Lite.
        p: 'same', or Torch's padding: 1 for a 3x3, 2 for a 5x5.
        se: the ratio of the squeeze-and-excitation, of C to its width; None for none, as in
            EfficientNet-Lite.
        gate: a function such as drop_path; gate(x, branch) returns what is added to x.  A block
            that adds nothing has no gate.
    """
    return inverted_residual_block(x, f, s, r=r, k=k, p=p, n=n, a=a, se=se, gate=gate)


@checked
def fused_mbconv_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 4, k: Whole = 3,
                       p: Padding = "same", n: Norm = BN_TF, a: Act = "silu",
                       se: Whole | None = None, project: bool = False,
                       antialias: Antialias = None, gate: Gate = None) -> Tensor:  # fmt: skip
    """kxk/s rC n silu -> 1x1 f n, + x where the shape stays: MBConv with one kxk for two layers.

    x (N, H, W, C) -> (N, H/s, W/s, f).  EfficientNetV2, arXiv:2104.00298, Figure 2; with r=1 the
    1x1 is left out and the block is kxk/s f n silu, + x, as in the authors' code.

    Args:
        a: after the kxk and inside the squeeze.
        p: 'same', or Torch's padding: 1 for a 3x3, 2 for a 5x5.
        se: the ratio of a squeeze-and-excitation after the kxk, of C to its width, as in the
            figure; None for none, as in all of the paper's networks.
        project: keeps the 1x1 with r=1 too, as in the figure and in timm's first EfficientNetV2.
        antialias: in place of the stride, as in timm's MobileNetV4: after the kxk a 2x2 mean
            ('avg') or a 3x3 binomial with zeros around it ('blur'), of every second pixel.
        gate: a function such as drop_path; gate(x, branch) returns what is added to x.  A block
            that adds nothing has no gate.
    """
    require(keeps(p, k), p=p, right=f"'same' or {k // 2}, which keep the size with k={k}")
    require(s in (1, 2) or antialias is None, s=s, right="1 or 2 with antialias")
    blurred = antialias is not None and s != 1
    channels, project = x.shape[-1], project or r > 1
    require(se is None or se <= channels, se=se, right=f"None or a ratio from 1 to C={channels}")

    def branch(x):
        m = conv(x, r * channels if project else f, k=k, s=1 if blurred else s, p=p, n=n, a=a)
        m = thinned(m, s, antialias) if blurred else m
        m = se_block(m, width=channels // se, a=a) if se else m
        return conv(m, f, k=1, n=n, a=None) if project else m

    m = branch(x) if gate is None or s != 1 or channels != f else gate(x, branch)
    return layers.add([x, m]) if s == 1 and channels == f else m
