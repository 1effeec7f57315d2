"""ResNeXt: its forms are equal, shown by copying weights from one to another."""

import numpy as np
import pytest
from reference import (
    IMAGES,
    built,
    close,
    convs,
    norms,
    relu,
)

from convbook import blocks
from convbook.blocks import BN


def forms(n, c=4):
    """The three forms of aggregate with the weights of the sum of paths, moved across."""
    args = dict(channels=8, f=16, s=2, c=c, width=3, n=n)
    models = [built(blocks.aggregate, form=form, **args) for form in ("sum", "concat", "grouped")]
    return models, [move(models[0], model) for model in models[1:]]


def joined(several, axis):
    """Weights of several layers as one layer's; biases and moments are vectors."""
    lists = zip(*[layer.get_weights() for layer in several], strict=True)
    return [np.concatenate(w, axis if w[0].ndim == 4 else 0) for w in lists]


def move(paths, other):
    """Sets the weights of another form of aggregate from the sum of paths."""
    c, n = convs(paths), norms(paths)
    both = 2 * len(c) // 3  # 1x1 and 3x3 of each path, before its last
    first, second, last = c[0:both:2], c[1:both:2], c[both:]
    if len(convs(other)) == 3:
        convs(other)[0].set_weights(joined(first, 3))
        convs(other)[1].set_weights(joined(second, 3))
        if n:
            norms(other)[0].set_weights(joined(n[0:both:2], 0))
            norms(other)[1].set_weights(joined(n[1:both:2], 0))
    else:
        for mine, theirs in zip(convs(other)[:both], c[:both], strict=True):
            mine.set_weights(theirs.get_weights())
        for mine, theirs in zip(norms(other)[:both], n[:both], strict=True):
            mine.set_weights(theirs.get_weights())
    kernel = joined(last, 2)[:1]
    bias = [] if n else [sum(layer.bias.numpy() for layer in last)]
    convs(other)[-1].set_weights(kernel + bias)
    if n:
        norms(other)[-1].set_weights(n[-1].get_weights())


@pytest.mark.parametrize("c", [1, 2, 4])
@pytest.mark.parametrize("n", [None, BN], ids=["biases", "BN"])
def test_resnext_forms_are_equal(n, c):
    """ResNeXt, Figure 3: in inference, in training, and in the moments that training leaves."""
    (paths, *others), _ = forms(n, c)
    for model in others:
        close(model(IMAGES), paths(IMAGES))
    expected = paths(IMAGES, training=True)
    for model in others:
        close(model(IMAGES, training=True), expected)
    if n:
        moments = [joined(norms(paths)[i : 2 * c : 2], 0)[2:] for i in (0, 1)]
        for model in others:
            found = norms(model)
            found = [joined(found[i:-1:2], 0)[2:] for i in (0, 1)]
            for one, other in zip(found, moments, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_resnext_paths_are_paths():
    """Each of the c paths has its own narrow 3x3: it is the grouped form that is block-diagonal."""
    (paths, concat, grouped), _ = forms(BN)
    shapes = [[tuple(c.kernel.shape) for c in convs(m)] for m in (paths, concat, grouped)]
    assert shapes[0] == [(1, 1, 8, 3), (3, 3, 3, 3)] * 4 + [(1, 1, 3, 16)] * 4
    assert shapes[1] == [(1, 1, 8, 3), (3, 3, 3, 3)] * 4 + [(1, 1, 12, 16)]
    assert shapes[2] == [(1, 1, 8, 12), (3, 3, 3, 12), (1, 1, 12, 16)]
    assert [c.groups for c in convs(grouped)] == [1, 4, 1]


@pytest.mark.parametrize("form", ["sum", "concat", "grouped"])
def test_resnext_block_is_aggregate_and_shortcut(form):
    model = built(blocks.resnext_bottleneck_block, 8, c=4, width=3, form=form, shortcut="B")
    inner = built(blocks.aggregate, 8, c=4, width=3, form=form)
    inner.set_weights(model.get_weights())
    close(model(IMAGES), relu(IMAGES + inner(IMAGES)))


@pytest.mark.parametrize("n", [None, BN], ids=["biases", "BN"])
def test_resnext_two_layer_forms_are_equal(n):
    """ResNeXt, Figure 4: c paths of two layers are one wide dense block."""
    paths, wide = (
        built(blocks.resnext_two_layer_block, 8, c=4, width=3, n=n, form=form)
        for form in ("sum", "dense")
    )
    c, m = convs(paths), norms(paths)
    convs(wide)[0].set_weights(joined(c[0::2], 3))
    bias = [] if n else [sum(layer.bias.numpy() for layer in c[1::2])]
    convs(wide)[1].set_weights(joined(c[1::2], 2)[:1] + bias)
    if n:
        norms(wide)[0].set_weights(joined(m[:4], 0))
        norms(wide)[1].set_weights(m[4].get_weights())
    for training in (False, True):
        close(wide(IMAGES, training=training), paths(IMAGES, training=training))
    if n:
        close(np.concatenate(norms(wide)[0].get_weights()), np.concatenate(joined(m[:4], 0)))
