"""MBConv, the mobile inverted bottleneck of EfficientNet.  arXiv:1905.11946."""

from convbook.blocks.checks import checked
from convbook.blocks.layers import BN_TF
from convbook.blocks.mobilenet import inverted_residual_block
from convbook.blocks.types import Act, Gate, Map, Norm, Padding, Pair, Tensor, Whole


@checked
def mbconv_block(x: Map, f: Whole, s: Pair = 1, *, r: Whole = 6, k: Whole = 3, p: Padding = "same",
                 n: Norm = BN_TF, a: Act = "silu", se: Whole | None = 4,
                 gate: Gate = None) -> Tensor:  # fmt: skip
    """1x1 rC n silu -> kxk/s depthwise n silu -> squeeze-and-excitation of C/4 -> 1x1 f n, + x.

    x (N, H, W, C) -> (N, H/s, W/s, f), + x where the shape stays.  EfficientNet, arXiv:1905.11946,
    Table 1; with r=1 the first 1x1 is left out, as in the authors' code.

    Args:
        a: after the first 1x1, the depthwise and the squeeze; 'relu6' in EfficientNet-Lite.
        p: 'same', or 1 of a 3x3 and 2 of a 5x5, as Torch pads.
        se: the ratio of the squeeze-and-excitation, of C to its width; None for none, as in
            EfficientNet-Lite.
        gate: gate(x, branch) is what is added to x, such as drop_path; a block that adds nothing
            has no gate.
    """
    return inverted_residual_block(x, f, s, r=r, k=k, p=p, n=n, a=a, se=se, gate=gate)
