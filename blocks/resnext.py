"""Aggregated transformations: many equal paths.  ResNeXt, arXiv:1611.05431."""

from keras import layers

from convbook.blocks.layers import BN, conv, norm
from convbook.blocks.resnet import join
from convbook.blocks.se import se_block


def resnext_block(x, f=32, r=2, c=4):
    """x + the sum of c paths 1x1 f/(cr) -> 3x3 f/(cr) -> 1x1 f, each with bias and relu.

    x (N, H, W, f) -> the same shape.  arXiv:1611.05431, Figure 3a, in its barest form; the paper's
    own, with batch norm and a linear end of the paths, is resnext_bottleneck_block.
    """
    paths = []
    for _ in range(c):
        m = conv(x, f // (c * r), k=1)
        m = conv(m, f // (c * r), k=3)
        paths.append(conv(m, f, k=1))
    return layers.add([x, layers.add(paths) if c > 1 else paths[0]])


def aggregate(x, f, s=1, c=32, width=4, n=BN, form="grouped"):
    """c paths 1x1 width -> 3x3/s width -> 1x1 f, summed, in one of three equal forms.

    x (N, H, W, C) -> (N, H/s, W/s, f), no activation at the end.  arXiv:1611.05431, Figure 3:
    form 'sum' (a), 'concat' (b: the paths' 3x3 concatenated, one 1x1) or 'grouped' (c: 1x1 c width
    -> 3x3 in c groups -> 1x1 f; the authors' code).
    """
    if form == "grouped":
        m = conv(x, c * width, k=1, n=n)
        m = conv(m, c * width, k=3, s=s, p=1, g=c, n=n)
        return conv(m, f, k=1, n=n, a=None)
    paths = [conv(conv(x, width, k=1, n=n), width, k=3, s=s, p=1, n=n) for _ in range(c)]
    if form == "concat":
        return conv(layers.concatenate(paths), f, k=1, n=n, a=None)
    if form == "sum":
        paths = [conv(m, f, k=1, a=None, bias=n is None) for m in paths]
        return norm(layers.add(paths), n)
    raise ValueError(f"form={form!r}: form must be 'sum', 'concat' or 'grouped'")


def resnext_bottleneck_block(
    x, f, s=1, c=32, width=4, n=BN, shortcut="B", form="grouped", se=None, gate=None
):
    """c paths 1x1 width -> 3x3/s width -> 1x1 f, summed, + shortcut, relu.

    x (N, H, W, C) -> (N, H/s, W/s, f).  arXiv:1611.05431, Figure 3 (form: see aggregate) and
    Table 1; width is the paper's d.  The stride is in the 3x3, as in the authors' Torch code.
    shortcut, se, gate: see resnet.basic_block.
    """

    def branch(x):
        m = aggregate(x, f, s, c, width, n, form)
        return se_block(m, f, se) if se else m

    return join(x, branch, f, s, n, shortcut, gate=gate)


def resnext_two_layer_block(x, f=32, c=4, width=8, n=BN, form="sum"):
    """c paths 3x3 width -> 3x3 f, summed, + x, relu: with two layers cardinality adds nothing.

    x (N, H, W, f) -> the same shape.  arXiv:1611.05431, Figure 4: form 'sum' (left) equals the
    wide dense block 3x3 c width -> 3x3 f, form 'dense' (right).
    """

    def branch(x):
        if form == "dense":
            return conv(conv(x, c * width, n=n), f, n=n, a=None)
        paths = [conv(conv(x, width, n=n), f, a=None, bias=n is None) for _ in range(c)]
        return norm(layers.add(paths), n)

    if form not in ("sum", "dense"):
        raise ValueError(f"form={form!r}: form must be 'sum' or 'dense'")
    return join(x, branch, f, 1, n, "B")
