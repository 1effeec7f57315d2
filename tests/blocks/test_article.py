"""The first group of blocks is what the article "History of convolutional blocks in simple code"
writes: its code, here in plain keras.layers, gives the same layers, weights and outputs."""

import keras
import numpy as np
import pytest
from cases import fill
from keras import layers
from keras.layers import add, concatenate, multiply

from convbook import blocks


def conv(x, f, k=3, s=1, p="same", d=1, a="relu"):
    return layers.Conv2D(
        filters=f, kernel_size=k, strides=s, padding=p, dilation_rate=d, activation=a
    )(x)


def dense(x, f, a="relu"):
    return layers.Dense(f, activation=a)(x)


def maxpool(x, k=2, s=2, p="same"):
    return layers.MaxPooling2D(pool_size=k, strides=s, padding=p)(x)


def avgpool(x, k=2, s=2, p="same"):
    return layers.AveragePooling2D(pool_size=k, strides=s, padding=p)(x)


def gavgpool(x):
    return layers.GlobalAveragePooling2D()(x)


def sepconv(x, f, k=3, s=1, p="same", d=1, a="relu"):
    return layers.SeparableConv2D(
        filters=f, kernel_size=k, strides=s, padding=p, dilation_rate=d, activation=a
    )(x)


def bottleneck(x, f=32, r=4):
    x = conv(x, f // r, k=1)
    x = conv(x, f // r, k=3)
    return conv(x, f, k=1)


def naive_inception_module(x, f=32):
    a = conv(x, f, k=1)
    b = conv(x, f, k=3)
    c = conv(x, f, k=5)
    d = maxpool(x, k=3, s=1)
    return concatenate([a, b, c, d])


def inception_module(x, f=32, r=4):
    a = conv(x, f, k=1)
    b = conv(x, f // 3, k=1)
    b = conv(b, f, k=3)
    c = conv(x, f // r, k=1)
    c = conv(c, f, k=5)
    d = maxpool(x, k=3, s=1)
    d = conv(d, f, k=1)
    return concatenate([a, b, c, d])


def residual_block(x, f=32, r=4):
    m = conv(x, f // r, k=1)
    m = conv(m, f // r, k=3)
    m = conv(m, f, k=1)
    return add([x, m])


def resnext_block(x, f=32, r=2, c=4):
    l = []
    for _ in range(c):
        m = conv(x, f // (c * r), k=1)
        m = conv(m, f // (c * r), k=3)
        m = conv(m, f, k=1)
        l.append(m)
    m = add(l)
    return add([x, m])


def dense_block(x, f=32, d=5):
    l = x
    for _ in range(d):
        x = conv(l, f)
        l = concatenate([l, x])
    return l


def se_block(x, f, rate=16):
    m = gavgpool(x)
    m = dense(m, f // rate)
    m = dense(m, f, a="sigmoid")
    return multiply([x, m])


def normal_cell(x1, x2, f=32):
    a1 = sepconv(x1, f, k=3)
    a2 = sepconv(x1, f, k=5)
    a = add([a1, a2])
    b1 = avgpool(x1, k=3, s=1)
    b2 = avgpool(x1, k=3, s=1)
    b = add([b1, b2])
    c2 = avgpool(x2, k=3, s=1)
    c = add([x1, c2])
    d1 = sepconv(x2, f, k=5)
    d2 = sepconv(x1, f, k=3)
    d = add([d1, d2])
    e2 = sepconv(x2, f, k=3)
    e = add([x2, e2])
    return concatenate([a, b, c, d, e])


def inv_residual_block(x, f=32, r=4):
    m = conv(x, f * r, k=1)
    m = sepconv(m, f, a="linear")
    return add([m, x])


CALLS = [  # the article's function, its arguments after the input, the input's channels
    (conv, (24,), 8),
    (conv, (24, 5, 2, "valid", 1, "tanh"), 8),
    (conv, (24, 3, 1, "same", 2, None), 8),
    (sepconv, (24,), 8),
    (sepconv, (24, 5, 2, "valid", 1, "tanh"), 8),
    (maxpool, (), 8),
    (maxpool, (3, 1, "valid"), 8),
    (avgpool, (), 8),
    (avgpool, (3, 1, "valid"), 8),
    (gavgpool, (), 8),
    (dense, (24,), 8),
    (dense, (24, "sigmoid"), 8),
    (bottleneck, (), 16),
    (bottleneck, (24, 2), 16),
    (naive_inception_module, (), 16),
    (naive_inception_module, (12,), 16),
    (inception_module, (), 16),
    (inception_module, (24, 6), 16),
    (residual_block, (), 32),
    (residual_block, (24, 2), 24),
    (resnext_block, (), 32),
    (resnext_block, (24, 2, 3), 24),
    (dense_block, (), 16),
    (dense_block, (12, 3), 16),
    (se_block, (32,), 32),
    (se_block, (24, 4), 24),
    (normal_cell, (), 32),
    (normal_cell, (24,), 24),
    (inv_residual_block, (), 32),
    (inv_residual_block, (24, 2), 24),
]


def model(block, args, channels):
    inputs = [keras.Input((9, 8, channels)) for _ in range(1 + (block.__name__ == "normal_cell"))]
    return keras.Model(inputs, block(*inputs, *args))


def described(model):
    """Every layer's type, all its configuration but the name, and the shapes of its weights."""
    for layer in model.layers:
        config = {k: v for k, v in layer.get_config().items() if k != "name"}
        yield type(layer), config, [tuple(v.shape) for v in layer.weights]


@pytest.mark.parametrize(
    ("block", "args", "channels"), CALLS, ids=[f"{c[0].__name__}{c[1]}" for c in CALLS]
)
def test_same_layers_weights_and_outputs(block, args, channels):
    ours = model(getattr(blocks, block.__name__), args, channels)
    theirs = model(block, args, channels)
    assert list(described(ours)) == list(described(theirs))
    assert [v.shape for v in ours.weights] == [v.shape for v in theirs.weights]
    theirs.set_weights(fill(ours).get_weights())
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(2, *i.shape[1:])).astype("float32") for i in ours.inputs]
    np.testing.assert_array_equal(ours(x), theirs(x))


def test_article_by_keyword():
    """The article's keywords work too, except for two letters that have another name here."""
    x = keras.Input((8, 8, 32))
    assert blocks.conv(x, f=8, k=3, s=2, p="same", d=1, a="relu").shape == (None, 4, 4, 8)
    assert blocks.dense_block(x, f=4, b=2).shape[-1] == 40
    assert blocks.se_block(x, f=32, r=8).shape == x.shape
    with pytest.raises(TypeError, match="rate"):
        blocks.se_block(x, 32, rate=8)
