"""Every ValueError of the block files, each raised once: none is written that no call reaches."""

import ast
import inspect
import traceback
from pathlib import Path

import keras
import pytest

from convbook import blocks
from convbook.blocks import graph

CALLS = [  # a call, and what its message must say: the argument, its value, what would be right
    (lambda x: blocks.conv(x, 0), "f=0: f must be a whole number"),
    (lambda x: blocks.norm(x, "BN"), "n='BN': n must be None or keywords"),
    (lambda x: blocks.shortcut_path(x, 8, shortcut="D"), "shortcut='D': shortcut must be 'A', 'B'"),
    (lambda x: blocks.shortcut_path(x, 4, shortcut="A"), "f=4: f must be at least C=8"),
    (
        lambda x: blocks.bottleneck_block(x, 8, stride_on="5x5"),
        "stride_on='5x5': stride_on must be '1x1' or '3x3'",
    ),
    (lambda x: blocks.aggregate(x, 8, form="d"), "form='d': form must be 'sum', 'concat' or"),
    (
        lambda x: blocks.resnext_two_layer_block(x, 8, form="concat"),
        "form='concat': form must be 'sum' or 'dense'",
    ),
    (lambda x: blocks.activation_order_block(x, 8, "f"), "order='f': order must be a caption"),
    (lambda x: blocks.shortcut_variant_block(x, 8, "g"), "variant='g': variant must be a caption"),
    (
        lambda x: blocks.dense_block(x, 8, recompute=True),
        "n=None: with recompute, n must be batch norm, such as BN",
    ),
    (lambda x: blocks.fire_module(x, 8, bypass=1), "bypass=1: bypass must be None, 'simple' or"),
    (lambda x: blocks.channel_shuffle(x, 3), "g=3: g must be a divisor of C=8"),
    (
        lambda x: blocks.shufflenet_unit(x, 8, g=2, order="paper"),
        "order='paper': order must be 'shortcut first' or 'branch first'",
    ),
    (
        lambda x: blocks.extreme_inception(x, first="3x3"),
        "first='3x3': first must be '1x1' or 'depthwise'",
    ),
    (lambda x: blocks.small_kernels(x, k=4), "k=4: k must be an odd whole number of at least 3"),
    (
        lambda x: blocks.aux_head(keras.Input((None, 14, 8))),
        "x=(None, None, 14, 8): x must have known H and W",
    ),
    (lambda x: blocks.se_block(x, r=16), "r=16: r must be a ratio from 1 to f=8"),
    (lambda x: blocks.partial_conv(x, ((0, 8),)), "table="),
    (lambda x: blocks.radial_basis(x, [[1, -1]]), "codes: each must have the length 8"),
    (lambda x: blocks.lrn(x, size=4), "size=4: size must be an odd whole number of channels"),
    (lambda x: blocks.local_conv(x, 0), "filters=0: filters must be a whole number of at least 1"),
    (
        lambda x: blocks.local_conv(keras.Input((None, 8, 8))),
        "x=(None, None, 8, 8): x must have known H, W and C",
    ),
    (
        lambda x: blocks.cell_op(x, "sep4", 8),
        "op='sep4': op must be 'sep3', 'sep5', 'sep7', 'avg3'",
    ),
    (
        lambda x: blocks.cell_op(x, "avg3", 8, 2, pool_p="none"),
        "pool_p='none': pool_p must be 'same', 'zeros' or 'zeros in means'",
    ),
    (
        lambda x: blocks.stochastic_depth(x, lambda x: x, 0),
        "survival=0: survival must be a probability in (0, 1]",
    ),
    (lambda x: blocks.drop_path(x, 1.5), "survival=1.5: survival must be a probability in (0, 1]"),
    (lambda x: blocks.survivals(3, 0.5, "cosine"), "decay='cosine': decay must be 'linear' or"),
    (
        lambda x: graph.calls(keras.Sequential()),
        "model must be a functional keras.Model with known",
    ),
]
MORE = [  # the same lines by other ways
    (lambda x: blocks.preact_block(x, 8, shortcut="D"), "shortcut='D'"),
    (lambda x: blocks.preact_block(x, 8, r=4, stride_on=3), "stride_on=3"),
    (lambda x: blocks.basic_block(x, 8, shortcut="no"), "shortcut='no'"),
    (lambda x: blocks.resnext_bottleneck_block(x, 8, form="grouped "), "form='grouped '"),
    (lambda x: blocks.resnext_bottleneck_block(x, 8, c=3, width=0), "f=0"),
    (lambda x: blocks.shufflenet_unit(x, 8, g=3), "g=3: g must be a divisor of f=2"),
    (lambda x: blocks.fire_module(x, 4), "f=0"),
    (lambda x: blocks.small_kernels(x, k=1), "k=1"),
    (lambda x: blocks.mlpconv(x, (8, -1)), "f=-1"),
    (lambda x: blocks.tiled_conv(x, 8, tiles=0), "tiles=0: tiles must be a whole number"),
    (
        lambda x: blocks.tiled_conv(x, 8, k=(3, 3)),
        "kernel_size=(3, 3): kernel_size must be a whole",
    ),
    (lambda x: blocks.local_conv(x, 8, s=0.5), "strides=0.5: strides must be a whole number"),
    (lambda x: blocks.stochastic_depth(x, lambda x: x, 1.1), "survival=1.1"),
    (lambda x: blocks.stochastic_depth(x, lambda x: blocks.conv(x, 7)), "incompatible shapes"),
    (lambda x: blocks.basic_block(x, 8, shortcut=None, gate=blocks.stochastic_depth), "or, plain"),
    (lambda x: blocks.drop_path(x, 0), "survival=0: survival must be a probability"),
    (lambda x: blocks.grid_reduction(x, p="ful"), "p='ful': p must be 'same'"),
    (lambda x: blocks.refinement_head(x, 0), "f=0"),
    (lambda x: blocks.spatial_sepconv(x, 0), "k=(0, 1)"),
]


def raised(call, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the message is checked below
        call(keras.Input((8, 8, 8)))
    assert message in str(caught.value)
    return caught.value


@pytest.mark.parametrize(("call", "message"), MORE, ids=[message for _, message in MORE])
def test_message(call, message):
    raised(call, message)


def test_every_value_error_is_raised():
    """Each call raises a line of its own, and together they are all the lines that there are."""
    home = Path(inspect.getfile(blocks)).parent
    families = {
        Path(inspect.getfile(getattr(blocks, n)))
        for n in blocks.__all__
        if callable(getattr(blocks, n))
    }
    written = set()
    for file in families | {Path(inspect.getfile(graph))}:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and "ValueError" in ast.unparse(node):
                written.add((file.relative_to(home).name, node.lineno))
    found = []
    for call, message in CALLS:
        frames = traceback.extract_tb(raised(call, message).__traceback__)
        found.append((Path(frames[-1].filename).name, frames[-1].lineno))
    assert sorted(found) == sorted(written)
