"""The layers of layers.py follow their formulas, for random letters."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import fill, undrawn
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from keras import layers
from reference import batch_norm, convolve, letters, out_size, pair, relu, windows

from convbook import blocks
from convbook.blocks import BN, BN_TF, GN, LN, avgpool, conv, dense, dwconv, maxpool, norm, sepconv

few = settings(max_examples=100, derandomize=True, deadline=None, database=None)


def or_pair(one):
    return one | st.tuples(one, one)


sizes = st.tuples(st.integers(5, 11), st.integers(5, 11))
kernels, strides = or_pair(st.integers(1, 4)), or_pair(st.integers(1, 3))
dilations = or_pair(st.integers(1, 3))
paddings = st.sampled_from(["same", "valid"]) | or_pair(st.integers(0, 2))
norms = st.sampled_from([None, BN, BN_TF, {"groups": 2}])


def fits(size, k, s, p, d=1):
    """Leaves out what Keras refuses: strides with dilations, windows larger than the image."""
    assume(max(pair(s)) == 1 or max(pair(d)) == 1)
    found = tuple(out_size(n, *row) for n, row in zip(size, letters(k, s, p, d), strict=True))
    assume(min(found) >= 1)
    return found


def built(block, size, c, *args, **kwargs):
    x = keras.Input((*size, c))
    with undrawn:
        return fill(keras.Model(x, block(x, *args, **kwargs)))


def shaped(block, size, c, *args, **kwargs):
    """The built model, whose weights have shapes but no values."""
    with keras.StatelessScope(initialize_variables=False):
        x = keras.Input((*size, c))
        return keras.Model(x, block(x, *args, **kwargs))


def count(model, *names):
    return sum(int(np.prod(v.shape)) for v in model.weights if v.name in names)


def image(model, seed=0):
    shape = [n or 5 for n in model.input.shape[1:]]
    return np.random.default_rng(seed).normal(size=(2, *shape)).astype("float32")


def macs(model):
    """Multiply-adds of one image as TensorFlow's own profiler counts them."""
    profiler = tf.compat.v1.profiler
    spec = tf.TensorSpec((1, *model.input.shape[1:]))
    graph = tf.function(model, autograph=False).get_concrete_function(spec).graph
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation())
    return profiler.profile(graph, options=options.with_empty_output().build()).total_float_ops / 2


@few
@given(
    sizes,
    kernels,
    strides,
    paddings,
    dilations,
    st.sampled_from([1, 2, 4]),
    norms,
    st.sampled_from([None, True, False]),
    st.booleans(),
    st.sampled_from([4, 8]),
)
def test_conv_size_and_weights(size, k, s, p, d, g, n, bias, pre, f):
    """W' = floor((W + 2P - K) / S) + 1, or ceil(W / S); C K K f / g weights; f biases."""
    out = fits(size, k, s, p, d)
    model = shaped(conv, size, 4, f, k, s, p, d, g=g, n=n, bias=bias, pre=pre)
    kh, kw = pair(k)
    assert model.output.shape == (None, *out, f)
    assert count(model, "kernel") == 4 * kh * kw * f // g
    assert count(model, "bias") == (f if (n is None if bias is None else bias) else 0)
    assert count(model, "gamma", "beta") == (0 if n is None else 2 * (4 if pre else f))


@few
@given(
    sizes,
    kernels,
    strides,
    paddings,
    dilations,
    norms,
    st.booleans(),
    st.integers(1, 3),
)
def test_separable_size_and_weights(size, k, s, p, d, n, depthwise, m):
    """A depthwise convolution has m C K K weights, a separable one m C K K + m C f."""
    out, (kh, kw) = fits(size, k, s, p, d), pair(k)
    if depthwise:
        model, f = shaped(dwconv, size, 4, k, s, p, d, n=n, multiplier=m), 4 * m
        weights = f * kh * kw
    else:
        model, f = shaped(sepconv, size, 4, 6, k, s, p, d, n=n, multiplier=m), 6
        weights = 4 * m * kh * kw + 4 * m * 6
    assert model.output.shape == (None, *out, f)
    assert count(model, "kernel", "depthwise_kernel", "pointwise_kernel") == weights
    assert count(model, "bias") == (f if n is None else 0)
    assert count(model, "gamma") == (0 if n is None else f)


@few
@given(sizes, kernels, strides, paddings, st.sampled_from([1, 2]))
def test_multiply_adds(size, k, s, p, g):
    """C K K f H' W' / g for a convolution, C K K H' W' depthwise, and C f H' W' pointwise."""
    (h, w), (kh, kw) = fits(size, k, s, p), pair(k)
    plain = dict(a=None, bias=False)
    dense_macs = 4 * kh * kw * 6 * h * w
    assert macs(built(conv, size, 4, 6, k, s, p, g=g, **plain)) == dense_macs / g
    if pair(s)[0] == pair(s)[1]:
        depthwise = 4 * kh * kw * h * w
        assert macs(built(dwconv, size, 4, k, s, p, **plain)) == depthwise
        assert macs(built(sepconv, size, 4, 6, k, s, p, **plain)) == depthwise + 4 * 6 * h * w


@few
@given(sizes, kernels, dilations)
def test_multiply_adds_when_dilated(size, k, d):
    """With ones, each multiply-add adds 1; dilation changes only the number of outputs."""
    (h, w), (kh, kw) = fits(size, k, 1, "valid", d), pair(k)
    model = built(conv, size, 4, 6, k, 1, "valid", d, a=None, bias=False)
    model.set_weights([np.ones(v.shape) for v in model.weights])
    assert np.sum(model(np.ones((1, *size, 4)))) == 4 * kh * kw * 6 * h * w


@few
@given(st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_dense(c, f, bias):
    x = keras.Input((c,))
    model = keras.Model(x, dense(x, f, None, bias=bias))
    assert model.output.shape == (None, f)
    assert (count(model, "kernel"), count(model, "bias")) == (c * f, f * bias)
    assert bias or macs(model) == c * f


@few
@given(sizes, kernels, strides, paddings, dilations, st.sampled_from([1, 2]))
def test_convolutions_by_definition(size, k, s, p, d, g):
    """Every padding puts its zeros where the definition does, for dense, grouped and depthwise."""
    fits(size, k, s, p, d)
    model = built(conv, size, 4, 6, k, s, p, d, None, g=g)
    x, (kernel, bias) = image(model), model.get_weights()
    expected = convolve(x, kernel, s, p, d, g) + bias
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-4)
    model = built(dwconv, size, 4, k, s, p, d, None, multiplier=2)
    kernel, bias = model.get_weights()
    kernel = kernel.reshape(*kernel.shape[:2], 1, 8)
    np.testing.assert_allclose(
        model(x), convolve(x, kernel, s, p, d, 4) + bias, rtol=1e-4, atol=1e-4
    )


@few
@given(sizes, kernels, strides, paddings | st.just("ceil"))
def test_pools_by_definition(size, k, s, p):
    """A maximum never sees padding; a mean counts the zeros of an int p, and no other padding."""
    if p == "ceil":
        assume(all(i >= j for i, j in zip(pair(k), pair(s), strict=True)))
    assume(
        p in ("same", "valid", "ceil")
        or all(2 * i <= j for i, j in zip(pair(p), pair(k), strict=True))
    )
    out = fits(size, k, s, p)
    model = built(maxpool, size, 3, k, s, p)
    x = image(model) - 9  # a maximum that took in a zero would be zero
    assert model.output.shape == (None, *out, 3)
    assert not model.weights
    np.testing.assert_array_equal(model(x), windows(x, k, s, p, value=-np.inf).max((3, 4)))
    counts = not isinstance(p, str)
    reads = windows(x, k, s, p, value=0.0 if counts else np.nan)
    model = built(avgpool, size, 3, k, s, p)
    assert model.output.shape == (None, *out, 3)
    np.testing.assert_allclose(model(x), np.nanmean(reads, (3, 4)), rtol=1e-5)


def summed(pool, x, weights):
    """(pool of x, gradient of its weighted sum)."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = pool(x)
        loss = tf.reduce_sum(y * weights[:, : y.shape[1], : y.shape[2]])
    return y, tape.gradient(loss, x)


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (2, 3), (8, 7)])
@pytest.mark.parametrize("k", [2, 3, 4])
def test_a_maximum_is_that_of_padding_with_minus_infinity(k, size):
    """Bit-identical, its gradient too, also if pixels are equal; whole numbers add up exactly."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.integers(-4, 4, (2, *size, 3)), "float32")
    weights = rng.integers(1, 99, (2, 10, 10, 3)).astype("float32")
    for s in (1, 2, 3, 4):
        for p in ("ceil", *range(k // 2 + 1)):
            far = min(k, s) - 1 if p == "ceil" else p
            sides = (0 if p == "ceil" else p, far)
            if min(size) + sum(sides) < k:
                with pytest.raises(ValueError, match=r"x=.*: x must be of at least"):
                    maxpool(x, k, s, p)
                continue

            def plain(x, s=s, sides=sides):
                x = tf.pad(x, [(0, 0), sides, sides, (0, 0)], constant_values=-np.inf)
                return tf.nn.max_pool2d(x, k, s, "VALID")

            found = summed(lambda x, s=s, p=p: maxpool(x, k, s, p), x, weights)
            for one, other in zip(found, summed(plain, x, weights), strict=True):
                np.testing.assert_array_equal(one, other)


def test_a_padded_pool_can_be_quantised(tmp_path):
    """The whole pool can be quantised to 8 bits; padding with -inf could not."""
    if not hasattr(getattr(tf, "lite", None), "Interpreter"):
        pytest.skip("this TensorFlow has no LiteRT")
    x = keras.Input((8, 8, 3), batch_size=1)
    y = maxpool(conv(maxpool(conv(x, 4), 3, 2, p=1), 4), 3, 2, "ceil")
    model = fill(keras.Model(x, y))
    images = np.random.default_rng(0).normal(size=(16, 1, 8, 8, 3)).astype("float32")
    model.export(tmp_path / "model", verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "model"))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    small = tf.lite.Interpreter(model_content=converter.convert())
    small.allocate_tensors()
    (given,), (found,) = small.get_input_details(), small.get_output_details()
    for image in images:
        small.set_tensor(given["index"], image)
        small.invoke()
        expected = model(image).numpy()
        off = np.abs(small.get_tensor(found["index"]) - expected).max()
        assert off < 0.05 * np.abs(expected).max()


def test_ceil_pools_of_known_sizes():
    """GoogLeNet's 3x3/2 pools at 112 and 56 in Caffe, and SqueezeNet's at 113: none at 13."""
    for pool in (maxpool, avgpool):
        found = [pool(keras.Input((n, n, 1)), 3, 2, "ceil").shape[1] for n in (112, 56, 113, 13)]
        assert found == [56, 28, 56, 6]


@pytest.mark.parametrize("pool", [maxpool, avgpool])
def test_a_pool_may_be_as_large_as_its_map(pool):
    x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    expected = {maxpool: x.max(), avgpool: x.mean()}[pool]
    for p in ("valid", 0, "ceil"):
        np.testing.assert_array_equal(pool(x, 4, 1, p), [[[[expected]]]])


def test_ceil_windows_begin_inside():
    """If windows leave gaps, no window lies in the padding alone."""
    x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    for pool in (maxpool, avgpool):
        np.testing.assert_array_equal(np.squeeze(pool(x, 1, 2, "ceil")), [[0, 2], [8, 10]])
    np.testing.assert_array_equal(np.squeeze(maxpool(x, 1, 3, "ceil")), [[0, 3], [12, 15]])


def test_gavgpool():
    x = image(built(blocks.gavgpool, (5, 7), 3))
    np.testing.assert_allclose(blocks.gavgpool(x), x.mean((1, 2)), rtol=1e-5, atol=1e-6)


def test_pad():
    x = image(built(blocks.pad, (5, 6), 3, 1))
    np.testing.assert_array_equal(
        blocks.pad(x, (2, 1)), np.pad(x, [(0, 0), (2, 2), (1, 1), (0, 0)])
    )
    np.testing.assert_array_equal(
        blocks.pad(x, [(0, 1), (2, 3)]), np.pad(x, [(0, 0), (0, 1), (2, 3), (0, 0)])
    )


def kinds(model):
    return [type(layer) for layer in model.layers[1:]]


@pytest.mark.parametrize(("block", "pre"), [(conv, False), (conv, True), (sepconv, False)])
def test_both_orders(block, pre):
    """n and a come after the convolution, or before it, with the arithmetic of each order."""
    model = built(block, (5, 5), 4, 4, n=BN, **({"pre": True} if pre else {}))
    one = {conv: layers.Conv2D, sepconv: layers.SeparableConv2D}[block]
    around = [layers.BatchNormalization, layers.Activation]
    assert kinds(model) == ([*around, one] if pre else [one, *around])
    kernels = [v.numpy() for v in model.weights if v.name.endswith("kernel")]
    constants = [v.numpy() for v in model.weights if not v.name.endswith("kernel")]
    x = image(model)
    y = relu(batch_norm(x, *constants, 1e-5)) if pre else x
    if block is sepconv:
        y = convolve(y, kernels[0].reshape(3, 3, 1, 4), g=4)
    y = convolve(y, kernels[-1])
    y = y if pre else relu(batch_norm(y, *constants, 1e-5))
    np.testing.assert_allclose(model(x), y, rtol=1e-4, atol=1e-4)


def test_one_layer_without_norm():
    """Without a norm, the activation is part of the convolution, as in the article."""
    for block in (conv, sepconv, dwconv):
        args = () if block is dwconv else (4,)
        (layer,) = built(block, (5, 5), 4, *args).layers[1:]
        assert layer.activation is keras.activations.relu
        model = built(block, (5, 5), 4, *args, n=BN)
        assert kinds(model)[1:] == [layers.BatchNormalization, layers.Activation]
        assert model.layers[1].activation is keras.activations.linear
        assert len(built(block, (5, 5), 4, *args, n=BN, a=None).layers) == 3
        assert len(built(block, (5, 5), 4, *args, p=0).layers) == 3  # its padding is a layer
    assert len(built(conv, (5, 5), 4, 4, k=3, p=1).layers) == 2  # save where it is 'same'
    assert len(built(conv, (5, 5), 4, 4, k=(5, 3), d=(1, 2), p=2).layers) == 2


def test_activations():
    x = image(built(conv, (5, 5), 4, 4))
    np.testing.assert_array_equal(blocks.act(x, "relu"), relu(x))
    np.testing.assert_array_equal(blocks.act(x, keras.ops.square), x**2)
    assert blocks.act(x, None) is x
    assert blocks.act(x, "linear") is x
    assert norm(x, None) is x


def normalisations(n, kind):
    """The one layer of a kind that each letter with a normalisation n has."""
    for model in (
        built(norm, (5, 5), 4, n),
        built(conv, (5, 5), 4, 4, n=n),
        built(conv, (5, 5), 4, 4, n=n, pre=True),
        built(sepconv, (5, 5), 4, 4, n=n),
        built(dwconv, (5, 5), 4, n=n),
    ):
        (layer,) = [l for l in model.layers if isinstance(l, kind)]
        yield layer


@pytest.mark.parametrize(
    ("n", "momentum", "epsilon"),
    [(BN, 0.9, 1e-5), (BN_TF, 0.9997, 1e-3), ({"momentum": 0.5, "epsilon": 1e-2}, 0.5, 1e-2)],
)
def test_batch_norm_constants_arrive(n, momentum, epsilon):
    for layer in normalisations(n, layers.BatchNormalization):
        assert (layer.momentum, layer.epsilon) == (momentum, epsilon)


def test_a_norm_may_have_a_name():
    i = keras.Input((8, 8, 4))
    assert "mine" in [layer.name for layer in keras.Model(i, norm(i, {"name": "mine"})).layers]


def test_group_norm_constants_arrive():
    n = {"groups": 2, "epsilon": 1e-2, "center": False, "gamma_initializer": "zeros"}
    for layer in normalisations(n, layers.GroupNormalization):
        assert (layer.groups, layer.epsilon, layer.center) == (2, 1e-2, False)
        assert isinstance(layer.gamma_initializer, keras.initializers.Zeros)


def test_batch_norm_in_training():
    """Moments of the batch; moving statistics go 1 - momentum of the way to them."""
    model = built(norm, (5, 5), 4, BN)
    x = image(model)
    gamma, beta, mean, variance = model.get_weights()
    moments = x.mean((0, 1, 2)), x.var((0, 1, 2))
    y = model(x, training=True)
    np.testing.assert_allclose(y, batch_norm(x, gamma, beta, *moments, 1e-5), rtol=1e-4, atol=1e-4)
    for before, now, after in zip((mean, variance), moments, model.get_weights()[2:], strict=True):
        np.testing.assert_allclose(after, 0.9 * before + 0.1 * now, rtol=1e-4, atol=1e-5)


def test_group_norm():
    """Each image and group of channels is normalised by its own moments, in training or not."""
    model = built(conv, (5, 5), 4, 8, a=None, n={"groups": 2})
    x, (kernel, gamma, beta) = image(model), model.get_weights()
    y = convolve(x, kernel).reshape(2, 5, 5, 2, 4)
    moments = y.mean((1, 2, 4), keepdims=True), y.var((1, 2, 4), keepdims=True)
    y = batch_norm(y, 1, 0, *moments, 1e-3).reshape(2, 5, 5, 8) * gamma + beta
    for training in (False, True):
        np.testing.assert_allclose(model(x, training=training), y, rtol=1e-4, atol=1e-4)
    assert norm(keras.Input((5, 5, 64)), GN).shape == (None, 5, 5, 64)


def test_layer_norm():
    """Each pixel is normalised by the moments of its channels, in training or not."""
    model = built(conv, (5, 5), 4, 8, a=None, n=LN)
    x, (kernel, gamma, beta) = image(model), model.get_weights()
    y = convolve(x, kernel)
    moments = y.mean(-1, keepdims=True), y.var(-1, keepdims=True)
    y = batch_norm(y, gamma, beta, *moments, 1e-6)
    for training in (False, True):
        np.testing.assert_allclose(model(x, training=training), y, rtol=1e-4, atol=1e-4)
    assert norm(keras.Input((64,)), LN).shape == (None, 64)
    for axis in ((1, 2), [-1], ()):
        with pytest.raises(ValueError, match=r"^n=.*: n must be None or keywords"):
            norm(keras.Input((8, 8, 4)), {"axis": axis})


def test_initialisers():
    """He's variance with a norm, Glorot's uniform without one, or the given initialiser."""
    for block, names in (
        (conv, ["kernel_initializer"]),
        (dwconv, ["depthwise_initializer"]),
        (sepconv, ["depthwise_initializer", "pointwise_initializer"]),
    ):
        args = () if block is dwconv else (4,)
        for n, init, name in (
            (None, None, "GlorotUniform"),
            (BN, None, "HeUniform"),
            (None, "zeros", "Zeros"),
            (BN, "zeros", "Zeros"),
        ):
            layer = built(block, (5, 5), 4, *args, n=n, init=init).layers[1]
            assert [type(getattr(layer, key)).__name__ for key in names] == [name] * len(names)
    (layer,) = built(dense, (5, 5), 4, 4, init="zeros").layers[1:]
    assert not np.any(keras.layers.Dense.from_config(layer.get_config())(np.ones((1, 4))))


@pytest.mark.parametrize(
    ("call", "letter", "value", "right"),
    [
        (lambda x: conv(x, 0), "f", "0", "whole number"),
        (lambda x: conv(x, 2.5), "f", "2.5", "whole number"),
        (lambda x: conv(x, "8"), "f", "'8'", "whole number"),
        (lambda x: conv(x, 8, 0), "k", "0", "or a pair"),
        (lambda x: conv(x, 8, (3, 3, 3)), "k", r"\(3, 3, 3\)", "or a pair"),
        (lambda x: conv(x, 8, (3, 0.5)), "k", r"\(3, 0.5\)", "or a pair"),
        (lambda x: conv(x, 8, s=-1), "s", "-1", "or a pair"),
        (lambda x: conv(x, 8, d=0), "d", "0", "or a pair"),
        (lambda x: conv(x, 8, p="full"), "p", "'full'", "'same', 'valid'"),
        (lambda x: conv(x, 8, p=-1), "p", "-1", "'same', 'valid'"),
        (lambda x: conv(x, 8, p=(1, 2, 3)), "p", r"\(1, 2, 3\)", "'same', 'valid'"),
        (lambda x: conv(x, 8, a="rellu"), "a", "'rellu'", "'relu'"),
        (lambda x: conv(x, 8, a=3), "a", "3", "'relu'"),
        (lambda x: conv(x, 8, g=3), "g", "3", "divisor of f=8 and of C=4"),
        (lambda x: conv(x, 9, g=2), "g", "2", "divisor of f=9 and of C=4"),
        (lambda x: conv(x, 8, g=0), "g", "0", "whole number"),
        (lambda x: conv(x, 8, n="BN"), "n", "'BN'", "None or keywords"),
        (lambda x: conv(x, 8, n=True), "n", "True", "None or keywords"),
        (lambda x: conv(x, 8, n=32, pre=True), "n", "32", "None or keywords"),
        (lambda x: sepconv(x, 0), "f", "0", "whole number"),
        (lambda x: sepconv(x, 8, 0), "k", "0", "or a pair"),
        (lambda x: dwconv(x, s=0), "s", "0", "or a pair"),
        (lambda x: dwconv(x, a="swissh"), "a", "'swissh'", "'relu'"),
        (lambda x: conv(x, 8, s=2, d=2), "d", "2", "1 with s=2"),
        (lambda x: sepconv(x, 8, s=(1, 2), d=2), "d", "2", r"1 with s=\(1, 2\)"),
        (lambda x: dwconv(x, s=2, d=(1, 2)), "d", r"\(1, 2\)", "1 with s=2"),
        (lambda x: conv(x, 8, p="ceil"), "p", "'ceil'", "'same', 'valid'"),
        (lambda x: conv(x, True), "f", "True", "whole number"),
        (lambda x: conv(x, float("nan")), "f", "nan", "whole number"),
        (lambda x: conv(x, np.float32(8)), "f", r".*8\.0.*", "whole number"),
        (lambda x: conv(x, 8, bias="no"), "bias", "'no'", "True or False or None"),
        (lambda x: conv(x, 8, pre=1), "pre", "1", "True or False"),
        (lambda x: conv(x, 8, init="he"), "init", "'he'", "such as 'zeros'"),
        (lambda x: conv(x, 8, a="get"), "a", "'get'", "'relu'"),
        (lambda x: conv(x, 8, n={"groups": 3}), "n", r"\{'groups': 3\}", "divide C=8"),
        (lambda x: conv(x, 8, n={"groups": 0}), "n", r"\{'groups': 0\}", "divide C=8"),
        (lambda x: conv(x, 8, n=GN), "n", r"\{'groups': 32\}", "divide C=8"),
        (lambda x: norm(x, {"groups": 2.0}), "n", r"\{'groups': 2.0\}", "divide C=4"),
        (lambda x: blocks.pad(x, -1), "p", "-1", r"or \(\(top, bottom\)"),
        (lambda x: blocks.pad(x, [(0, 1), 2.5]), "p", r"\[\(0, 1\), 2.5\]", r"\(\(top, bottom\)"),
        (lambda x: conv(x, 8, 9, p="valid"), "x", r"\(None, 8, 8, 4\)", r"at least \(9, 9\)"),
        (lambda x: conv(x, 8, 3, d=(1, 5), p=1), "x", r"\(None, 8, 8, 4\)", r"at least \(1, 9\)"),
        (lambda x: sepconv(x, 8, (9, 3), p=0), "x", r"\(None, 8, 8, 4\)", r"at least \(9, 3\)"),
        (lambda x: dwconv(x, (3, 9), p="valid"), "x", r"\(None, 8, 8, 4\)", r"least \(3, 9\)"),
        (lambda x: maxpool(x, 9, p="valid"), "x", r"\(None, 8, 8, 4\)", r"at least \(9, 9\)"),
        (lambda x: avgpool(x, 13, 2, "ceil"), "x", r"\(None, 8, 8, 4\)", r"at least \(12, 12\)"),
        (lambda x: maxpool(x, 2, 2, p=2), "p", "2", "at most half of k=2"),
        (lambda x: maxpool(x, 3, 1, p=3), "p", "3", "at most half of k=3"),
        (lambda x: maxpool(x, (4, 3), p=(2, 2)), "p", r"\(2, 2\)", r"at most half of k=\(4, 3\)"),
        (lambda x: avgpool(x, 2, 2, p=2), "p", "2", "at most half of k=2"),
        (lambda x: maxpool(x, 0), "k", "0", "or a pair"),
        (lambda x: avgpool(x, s=0), "s", "0", "or a pair"),
        (lambda x: avgpool(x, p="caffe"), "p", "'caffe'", "'same', 'valid', 'ceil'"),
        (lambda x: conv(x[:, 0], 8), "x", r"\(None, 8, 4\)", "4D"),
        (lambda x: blocks.gavgpool(x[:, 0]), "x", r"\(None, 8, 4\)", "4D"),
        (lambda x: maxpool(keras.Input((8, 8, None))), "x", r"\(None, 8, 8, None\)", "known C"),
        (lambda x: dense(keras.Input((None,)), 8), "x", r"\(None, None\)", "known C"),
        (lambda x: norm(keras.Input((None,))), "x", r"\(None, None\)", "known C"),
        (lambda x: blocks.act("relu", "relu"), "x", "'relu'", "a tensor"),
        (lambda x: conv([1, 2], 8), "x", r"\[1, 2\]", "4D"),
    ],
)
def test_bad_letters(call, letter, value, right):
    """A ValueError names the letter, its value, and what would be right."""
    with pytest.raises(ValueError, match=f"^{letter}={value}: {letter} must be .*{right}"):
        call(keras.Input((8, 8, 4)))


@pytest.mark.parametrize("block", [conv, sepconv])
def test_channels_first_is_refused(block):
    before = keras.config.image_data_format()
    try:
        keras.config.set_image_data_format("channels_first")
        with pytest.raises(
            ValueError, match=r"^image_data_format='channels_first': .*'channels_last'"
        ):
            block(keras.Input((8, 8, 4)), 8)
    finally:
        keras.config.set_image_data_format(before)
    assert block(keras.Input((8, 8, 4)), 8).shape == (None, 8, 8, 8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: conv(x, 8, n={"momemtum": 0.9}), "momemtum"),
        (lambda x: conv(x, 8, n={"groups": 2, "momentum": 0.9}), "momentum"),
    ],
)
def test_what_keras_refuses_itself(call, message):
    """Keras itself refuses wrong keywords of its norms."""
    with pytest.raises(ValueError, match=message):
        call(keras.Input((8, 8, 4)))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: conv(x, 8, 3, 1, "same", 1, "relu", 2),
        lambda x: sepconv(x, 8, 3, 1, "same", 1, "relu", BN),
        lambda x: dwconv(x, 3, 1, "same", 1, "relu", BN),
        lambda x: maxpool(x, 2, 2, "same", 1),
        lambda x: avgpool(x, 2, 2, "same", 1),
        lambda x: dense(x, 8, "relu", True),
    ],
)
def test_what_is_ours_is_given_by_name(call):
    with pytest.raises(TypeError, match="positional"):
        call(keras.Input((8, 8, 4)))


@pytest.mark.parametrize("n", [BN, BN_TF, GN, LN])
def test_constants_cannot_be_changed(n):
    before, m = dict(n), n
    with pytest.raises(TypeError):
        m |= {"epsilon": 1e-2}
    with pytest.raises(TypeError):
        n["epsilon"] = 1e-2
    with pytest.raises(AttributeError):
        n.update(epsilon=1e-2)
    assert n == before
    assert n | {"epsilon": 1e-2} == {**before, "epsilon": 1e-2}


def test_what_is_good_is_taken():
    """Whole numbers of any type, lists as pairs, functions and names of activations."""
    x = keras.Input((None, None, 4))
    y = conv(x, np.int64(8), [3, 1], (1, 2), (1, 0), a=keras.activations.relu, g=4)
    assert keras.Model(x, y).compute_output_shape((1, 8, 8, 4)) == (1, 8, 4, 8)
    assert maxpool(x, p="ceil").shape == (None, None, None, 4)
    assert blocks.act(x, "relu6").shape == x.shape


@pytest.mark.parametrize(
    ("a", "formula"),
    [
        ("silu", lambda v: v / (1 + np.exp(-v))),
        ("hard_sigmoid", lambda v: np.clip(v / 6 + 0.5, 0, 1)),
        ("hard_silu", lambda v: v * np.clip(v / 6 + 0.5, 0, 1)),
        ("gelu", lambda v: v * np.vectorize(lambda i: (1 + math.erf(i / 2**0.5)) / 2)(v)),
    ],
)
def test_activations_of_2018_to_now(a, formula):
    """They work by name, and after a convolution."""
    x = np.linspace(-4, 4, 16).astype("float32").reshape(1, 4, 4, 1)
    np.testing.assert_allclose(blocks.act(x, a), formula(x), atol=1e-6)
    i = keras.Input((4, 4, 1))
    model = keras.Model(i, blocks.conv(i, 1, k=1, a=a, init="ones"))
    np.testing.assert_allclose(model(x), formula(x), atol=1e-6)
