"""Convolution, pooling and norms in plain NumPy, by their definitions, and tools to compare a model
with them."""

import re

import keras
import numpy as np
from cases import fill
from keras import layers

IMAGES = np.random.default_rng(0).normal(size=(3, 8, 8, 8)).astype("float32")


def pair(v):
    return tuple(v) if isinstance(v, (tuple, list)) else (v, v)


def extent(k, d=1):
    """Rows that a kernel of k rows at dilation d covers."""
    return d * (k - 1) + 1


def out_size(size, k, s, p, d=1):
    """Output rows for input rows: 'same' ceil(W/S), else floor((W + 2P - K)/S) + 1; 'ceil' too,
    with the quotient rounded up."""
    if p == "same":
        return -(-size // s)
    if p == "ceil":
        return -((extent(k, d) - size) // s) + 1
    return (size + 2 * (0 if p == "valid" else p) - extent(k, d)) // s + 1


def sides(size, k, s, p, d=1):
    """Rows of padding before and after."""
    if p == "same":
        total = max((out_size(size, k, s, p) - 1) * s + extent(k, d) - size, 0)
        return total // 2, total - total // 2
    if p == "ceil":
        return 0, (out_size(size, k, s, p) - 1) * s + k - size
    return (0, 0) if p == "valid" else (p, p)


def letters(k, s, p, d=1):
    """The letters of the rows, and those of the columns."""
    return zip(pair(k), pair(s), pair(p), pair(d), strict=True)


def windows(x, k, s, p, d=1, value=0.0):
    """x (N, H, W, C) -> (N, H', W', k, k, C): the inputs of each output position."""
    around = [sides(n, *row) for n, row in zip(x.shape[1:3], letters(k, s, p, d), strict=True)]
    x = np.pad(x, [(0, 0), *around, (0, 0)], constant_values=value)
    (kh, kw), (sh, sw), (dh, dw) = map(pair, (k, s, d))
    rows = range(0, x.shape[1] - extent(kh, dh) + 1, sh)
    cols = range(0, x.shape[2] - extent(kw, dw) + 1, sw)
    reads = [
        [x[:, i : i + extent(kh, dh) : dh, j : j + extent(kw, dw) : dw] for j in cols] for i in rows
    ]
    return np.moveaxis(np.array(reads), 2, 0)


def convolve(x, kernel, s=1, p="same", d=1, g=1):
    """x (N, H, W, C), kernel (k, k, C/g, f) -> (N, H', W', f)."""
    reads = windows(x, kernel.shape[:2], s, p, d)
    groups = zip(np.split(reads, g, axis=-1), np.split(kernel, g, axis=-1), strict=True)
    return np.concatenate([np.einsum("nhwijc,ijcf->nhwf", r, w) for r, w in groups], axis=-1)


def batch_norm(x, gamma, beta, mean, variance, eps):
    return gamma * (x - mean) / np.sqrt(variance + eps) + beta


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def built(block, /, *args, channels=8, **kwargs):
    x = keras.Input((8, 8, channels))
    return fill(keras.Model(x, block(x, *args, **kwargs)))


def made(model, *kinds):
    """The model's layers of this kind in order of creation, read from Keras' names; of several
    kinds, in order of the graph."""
    found = [layer for layer in model.layers if isinstance(layer, kinds)]
    if len({type(layer) for layer in found}) > 1:
        return found
    return sorted(found, key=lambda layer: int((re.findall(r"_(\d+)$", layer.name) or [0])[0]))


def convs(model):
    return made(model, layers.Conv2D)


def norms(model):
    return made(model, layers.BatchNormalization)


def applied(layer, x, p=1):
    """A convolution or norm layer by its definition; p is the padding of 3x3 kernels."""
    if isinstance(layer, layers.BatchNormalization):
        return batch_norm(x, *layer.get_weights(), layer.epsilon)
    kernel, *bias = layer.get_weights()
    y = convolve(x, kernel, layer.strides, p if kernel.shape[0] == 3 else 0, 1, layer.groups)
    return y + bias[0] if bias else y


def excited(model, x):
    """Squeeze-and-excitation with the model's two dense layers.  SENet, equations 2 to 4."""
    (w1, b1), (w2, b2) = (layer.get_weights() for layer in made(model, layers.Dense))
    weights = sigmoid(relu(x.mean((1, 2)) @ w1 + b1) @ w2 + b2)
    return x * weights[:, None, None]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def kinds(model):
    """A chain of layers in short, such as 'conv BN relu add'."""
    names = {"Conv2D": "conv", "BatchNormalization": "BN", "Add": "add", "GroupedConv2D": "gconv"}
    names |= {"StandardizedConv2D": "std"}
    names |= {"DepthwiseConv2D": "dw", "SeparableConv2D": "sep", "ChannelShuffle": "shuffle"}
    names |= {"Dropout": "drop", "AveragePooling2D": "mean", "MaxPooling2D": "max"}
    return " ".join(
        layer.activation.__name__
        if isinstance(layer, layers.Activation)
        else names.get(type(layer).__name__, type(layer).__name__)
        for layer in model.layers[1:]
    )
