"""Variants of one convolution, and layers of our own, against NumPy loops and TensorFlow."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from reference import IMAGES, applied, built, close, convolve, convs, kinds, made, norms, relu

from convbook import blocks
from convbook.blocks import BN


def test_maxout():
    """The output is the maximum of c linear convolutions."""
    model = built(blocks.maxout, 5, c=3)
    kernel, bias = model.get_weights()
    y = (convolve(IMAGES, kernel) + bias).reshape(3, 8, 8, 3, 5)
    close(model(IMAGES), y.max(3))


@pytest.mark.parametrize(
    ("block", "letters"),
    [
        (blocks.local_conv, dict(k=3, s=2)),
        (blocks.tiled_conv, dict(k=3, s=1, tiles=2)),
        (blocks.tiled_conv, dict(k=2, s=1, tiles=3)),
    ],
)
def test_unshared_kernels(block, letters):
    """The output at (i, j) has the kernel (i, j), or (i mod tiles, j mod tiles)."""
    model = built(block, 5, **letters)
    kernel, bias = model.get_weights()
    k, s = letters["k"], letters["s"]
    expected = np.zeros((3, *model.output.shape[1:]))
    for i in range(expected.shape[1]):
        for j in range(expected.shape[2]):
            a, b = i % kernel.shape[0], j % kernel.shape[1]
            window = IMAGES[:, i * s : i * s + k, j * s : j * s + k].reshape(3, -1)
            expected[:, i, j] = relu(window @ kernel[a, b] + bias[a, b])
    close(model(IMAGES), expected)


def test_one_tile_is_a_convolution():
    model, plain = built(blocks.tiled_conv, 5, tiles=1), built(blocks.conv, 5, p="valid")
    kernel, bias = model.get_weights()
    plain.set_weights([kernel.reshape(3, 3, 8, 5), bias.reshape(5)])
    close(model(IMAGES), plain(IMAGES))


def test_each_position_has_its_own_kernel():
    model = built(blocks.local_conv, 5, a=None)
    before = model(IMAGES).numpy()
    kernel, bias = model.get_weights()
    kernel[2, 4] += 1
    model.set_weights([kernel, bias])
    moved = np.abs(model(IMAGES) - before).max((0, 3)) > 0
    assert np.argwhere(moved).tolist() == [[2, 4]]


def test_unshared_kernels_start_as_those_of_a_convolution():
    """Glorot uniform of one kernel's fans: limit sqrt(6 / (9 C + 9 f)); no bias."""
    x = keras.Input((32, 32, 8))
    kernel, bias = keras.Model(x, blocks.local_conv(x, 8)).get_weights()
    assert abs(np.abs(kernel).max() / (6 / (9 * 8 + 9 * 8)) ** 0.5 - 1) < 1e-3
    assert abs(kernel.mean()) < 1e-3
    assert not bias.any()


@pytest.mark.parametrize(
    ("size", "bias", "alpha", "beta"), [(5, 2.0, 1e-4, 0.75), (3, 1.0, 0.5, 0.5)]
)
def test_local_response_normalisation(size, bias, alpha, beta):
    """alpha multiplies the sum of squares, which ends at the first and last channel."""
    y = blocks.lrn(IMAGES, size=size, bias=bias, alpha=alpha, beta=beta)
    r = size // 2
    theirs = tf.nn.local_response_normalization(IMAGES, r, bias, alpha, beta)
    np.testing.assert_allclose(y, theirs, rtol=1e-5)
    for c in range(8):
        total = (IMAGES[..., max(0, c - r) : c + r + 1] ** 2).sum(-1)
        np.testing.assert_allclose(
            y[..., c], IMAGES[..., c] / (bias + alpha * total) ** beta, rtol=1e-5
        )


@pytest.mark.parametrize("size", [1, 300, 60000])
def test_local_response_normalisation_of_large_values_in_float16(size):
    """Squares of 256 and more exceed float16's range, but the result equals that of float64."""
    keras.config.set_dtype_policy("mixed_float16")
    x = (size * np.random.default_rng(0).uniform(-1, 1, (2, 3, 3, 8))).astype("float16")
    i = keras.Input(x.shape[1:])
    y = keras.Model(i, blocks.lrn(i))(x)
    assert y.dtype == "float16"
    wide = np.pad(x.astype("float64"), [(0, 0)] * 3 + [(2, 2)])
    total = sum(wide[..., c : c + 8] ** 2 for c in range(5))
    np.testing.assert_allclose(y, x.astype("float64") / (2 + 1e-4 * total) ** 0.75, rtol=2e-3)


def test_local_response_normalisation_of_caffe_and_torch():
    """They divide alpha by size: alpha / size here gives the mean in place of the sum."""
    ones = np.ones((1, 1, 1, 9), "float32")
    y = blocks.lrn(ones, size=5, bias=1.0, alpha=2.0 / 5, beta=1.0)
    np.testing.assert_allclose(y[0, 0, 0, 4], 1 / (1 + 2.0 * np.mean([1] * 5)), rtol=1e-6)
    np.testing.assert_allclose(y[0, 0, 0, 0], 1 / (1 + 2.0 * 3 / 5), rtol=1e-6)


@pytest.mark.parametrize("g", [1, 2, 4, 8])
def test_channel_shuffle(g):
    """Channel i of group j goes to place i g + j; a shuffle by C / g brings it back."""
    y = blocks.channel_shuffle(IMAGES, g=g).numpy()
    expected = IMAGES.reshape(3, 8, 8, g, 8 // g).transpose(0, 1, 2, 4, 3).reshape(IMAGES.shape)
    np.testing.assert_array_equal(y, expected)
    for j in range(g):
        for i in range(8 // g):
            np.testing.assert_array_equal(y[..., i * g + j], IMAGES[..., j * 8 // g + i])
    np.testing.assert_array_equal(blocks.channel_shuffle(y, g=8 // g), IMAGES)


def test_shuffle_lets_the_groups_meet():
    """Two grouped convolutions in a row: each output reads one group, or with a shuffle all."""

    def reads(shuffle):
        x = keras.Input((1, 1, 8))
        y = blocks.conv(x, 8, 1, g=2, a=None)
        y = blocks.channel_shuffle(y, g=2) if shuffle else y
        model = keras.Model(x, blocks.conv(y, 8, 1, g=2, a=None))
        one = np.eye(8, dtype="float32").reshape(8, 1, 1, 8)
        return (np.abs(model(one) - model(0 * one)) > 0).reshape(8, 8).sum(0)

    assert reads(shuffle=False).tolist() == [4] * 8
    assert reads(shuffle=True).tolist() == [8] * 8


def test_shufflenet_concatenation():
    """3x3/2 mean first as in the paper, or last as in pytorchcv; it keeps the input's channels."""
    for order, mine in (("shortcut first", slice(0, 8)), ("branch first", slice(8, 16))):
        model = built(blocks.shufflenet_unit, 16, 2, g=2, order=order)
        mean = relu(blocks.avgpool(IMAGES, 3, 2, 1).numpy())
        close(model(IMAGES)[..., mine], mean)
    model = built(blocks.shufflenet_unit, 16, 2, g=2, first_g=1)
    assert kinds(model).split().count("gconv") == 1


def test_shufflenet_v2_keeps_half_of_its_channels():
    """Every second output channel is an unchanged input channel; the others are computed."""
    model = built(blocks.shufflenet_v2_unit, 8)
    kept, made = IMAGES[..., :4], np.array(IMAGES)
    made[..., :4] += 1
    close(model(IMAGES)[..., ::2], kept)
    close(model(made)[..., 1::2], model(IMAGES)[..., 1::2])
    model = built(blocks.shufflenet_v2_unit, 8, 2)
    assert kinds(model).split().count("dw") == 2


def view(d):
    """Which input pixels the middle output of a dilated stack reads: where its gradient is."""
    x = keras.Input((21, 21, 1))
    model = keras.Model(x, blocks.dilated_stack(x, 1, d=d))
    model.set_weights([np.ones(v.shape) * (v.name == "kernel") for v in model.weights])
    pixels = tf.ones((1, 21, 21, 1))
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        y = model(pixels)[0, 10, 10, 0]
    seen = tape.gradient(y, pixels).numpy()[0, :, :, 0] > 0
    rows, cols = np.where(seen.any(1))[0], np.where(seen.any(0))[0]
    return seen[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]


@pytest.mark.parametrize(("d", "share"), [((1, 2, 5), 1), ((1, 1, 1), 1), ((2, 2, 2), 49 / 169)])
def test_dilated_stack_and_its_holes(d, share):
    """(1, 2, 5) reads every pixel of its 17x17 view; (2, 2, 2) only one in four."""
    seen = view(d)
    assert seen.shape == (1 + 2 * sum(d),) * 2
    assert seen.mean() == share


def test_spatially_separable_kernels_have_rank_one():
    """The kernel that a single pixel shows is an outer product; the weights of Sobel give Sobel."""
    impulse = np.zeros((1, 8, 8, 8), "float32")
    impulse[0, 4, 4] = 1
    model = built(blocks.spatial_sepconv, k=5, a=None)
    column, row, _ = model.get_weights()
    answer = (model(impulse) - model(0 * impulse)).numpy()[0, 2:7, 2:7]
    for c in range(8):
        assert np.linalg.matrix_rank(answer[..., c], tol=1e-5) == 1
        close(answer[::-1, ::-1, c], np.outer(column[:, 0, c, 0], row[0, :, c, 0]))
    model = built(blocks.spatial_sepconv, a=None, channels=1)
    column, row = np.reshape([1, 2, 1], (3, 1, 1, 1)), np.reshape([-1, 0, 1], (1, 3, 1, 1))
    model.set_weights([column, row, np.zeros(1)])
    x = IMAGES[..., :1]
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], "float32").reshape(3, 3, 1, 1)
    close(model(x), convolve(x, sobel))


def test_dense_as_conv():
    """On its own window it equals the dense layer; on a larger image, that layer slid over it."""
    i = keras.Input((5, 5, 8))
    small = keras.Model(i, layers.Dense(6, "relu")(layers.Flatten()(i)))
    small.layers[-1].bias.assign(np.arange(6) / 6)
    x = keras.Input((None, None, 8))
    large = keras.Model(x, blocks.dense_as_conv(x, 6, k=5, weights=small.layers[-1].get_weights()))
    y = large(IMAGES)
    assert y.shape == (3, 4, 4, 6)
    for row in range(4):
        for col in range(4):
            close(y[:, row, col], small(IMAGES[:, row : row + 5, col : col + 5]))


def test_refinement_head_shares_its_kernels():
    """Y = V relu(U x + W Y), again and again with the same U, V and W; at first without Y."""
    for steps in (1, 2, 4):
        model = built(blocks.refinement_head, 5, steps=steps, hidden=6)
        u, v, *w = convs(model)
        y = applied(v, relu(applied(u, IMAGES)))
        for _ in range(steps - 1):
            y = applied(v, relu(applied(u, IMAGES) + applied(w[0], y)))
        close(model(IMAGES), y)
        assert len(w) == (steps > 1)  # one step never reads Y
        assert [c.use_bias for c in convs(model)] == [True, True, False][: 2 + len(w)]


def test_small_kernels_in_place_of_a_large():
    """Two 3x3 have 72 % of the weights of a 5x5, five 37 % of an 11x11; the same view."""
    for k, share in ((5, 18 / 25), (11, 45 / 121)):
        model = built(blocks.small_kernels, 8, k=k)
        weights = sum(c.kernel.shape[0] ** 2 * 64 for c in convs(model))
        assert weights / (k * k * 64) == share
        assert {c.kernel_size for c in convs(model)} == {(3, 3)}
        assert len(convs(model)) == (k - 1) // 2


def test_sizes_and_order_of_parallel_kernels():
    model = built(blocks.multi_size, 6)
    assert [c.kernel_size[0] for c in convs(model)] == [1, 3, 5]
    (concatenate,) = made(model, layers.Concatenate)
    assert concatenate.input == [c.output for c in convs(model)]
    pair = built(blocks.asymmetric_pair, 6)
    assert [c.kernel_size for c in convs(pair)] == [(1, 7), (7, 1)]


def test_grid_reduction():
    """Convolution first, then the pool; 'same' leaves out no row of an odd image."""
    model = built(blocks.grid_reduction, 12, n=BN)
    (conv,), (norm,), (pool,) = convs(model), norms(model), made(model, layers.MaxPooling2D)
    y = relu(applied(norm, convolve(IMAGES, conv.get_weights()[0], 2, "same")))
    close(model(IMAGES), np.concatenate([y, pool(IMAGES)], -1))
    assert (pool.pool_size, pool.strides) == ((3, 3), (2, 2))


def test_auxiliary_head():
    """GoogLeNet, section 5: 14x14x512 to 4x4x512, 4x4x128, 1024, 1000 logits."""
    x = keras.Input((14, 14, 512))
    model = keras.Model(x, blocks.aux_head(x))
    shapes = [layer.output.shape[1:] for layer in model.layers]
    assert shapes == [(14, 14, 512), (4, 4, 512), (4, 4, 128), (2048,), (1024,), (1024,), (1000,)]
    assert model.count_params() == 512 * 128 + 128 + 2048 * 1024 + 1024 + 1024 * 1000 + 1000
    (dropout,) = made(model, layers.Dropout)
    assert dropout.rate == 0.7
    assert model.layers[-1].activation.__name__ == "linear"


@pytest.mark.parametrize(
    ("block", "shape", "kwargs", "channels"),
    [  # Inception v4 and Inception-ResNet-v2, the widths of their tensors
        (blocks.reduction_a, (35, 35, 384), {}, 1024),
        (blocks.reduction_a, (35, 35, 256), {"f": (192, 192, 256, 384)}, 896),
        (blocks.reduction_a, (35, 35, 320), {"f": (256, 256, 384, 384)}, 1088),
        (blocks.reduction_b, (17, 17, 1024), {}, 1536),
    ],
)
def test_reductions_of_inception_v4(block, shape, kwargs, channels):
    size = (shape[0] - 1) // 2
    assert block(keras.Input(shape), **kwargs).shape == (None, size, size, channels)
