"""Optimizers, weight decay and initial weights: against PyTorch, TensorFlow 1 and by hand."""

import json

import interpreter
import keras
import numpy as np
import pytest
import tensorflow as tf
from places import ROOT

from convbook.training.recipes import optimizers, recipe
from convbook.training.recipes.decay import decay, undecayed
from convbook.training.recipes.initial import initialise
from convbook.training.recipes.optimizers import TensorFlowRMSprop, TorchSGD
from convbook.training.recipes.schedules import piecewise

# Made by sgd_torch.py beside it: torch.optim.SGD on the mean squared error of x w + b, decay 0.5
TORCH = json.loads((ROOT / "tests/data/sgd_torch.json").read_text())
X, Y = np.float32(TORCH["x"]), np.float32(TORCH["y"])
RUNS = pytest.mark.parametrize("run", TORCH["runs"], ids=lambda r: f"{r['nesterov']}-{r['decays']}")


def changing():
    """PyTorch's rates: 0.1 for three steps, 0.01 for two, then 0.05."""
    rates = piecewise([3, 5], [0.1, 0.01, 0.05])
    assert [round(float(rates(i)), 7) for i in range(len(TORCH["rates"]))] == TORCH["rates"]
    return rates


def steps(optimizer, decays, n=7):
    """The two weights and the bias after each of n steps."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.set_weights([np.float32([[0.4], [-0.7]]), np.float32([1])])
    decay(model, 0.5, decays)
    model.compile(optimizer, "mse", jit_compile=False)
    seen = []
    for _ in range(n):
        model.train_on_batch(X, Y)
        seen.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    return np.stack(seen)


def by_caffe(nesterov, decays, rates):
    """The same, v = m v - lr (g + lambda w), w = w + v, in float64."""
    x, y = np.float64(TORCH["x"]), np.float64(TORCH["y"])[:, 0]
    x = np.concatenate([x, np.ones((len(x), 1))], 1)
    w, v, seen = np.array([0.4, -0.7, 1]), np.zeros(3), []
    rate = 0.5 * np.array([1, 1, decays == "all"])
    for lr in rates:
        g = 2 * x.T @ (x @ w - y) / len(y) + rate * w
        v = 0.9 * v - lr * g
        w = w + (0.9 * v - lr * g if nesterov else v)
        seen.append(w)
    return np.stack(seen)


@RUNS
def test_torch_sgd_gives_the_weights_of_pytorch(run):
    """Coupled decay, momentum plain and Nesterov's, and a rate that falls and rises."""
    seen = steps(TorchSGD(changing(), 0.9, run["nesterov"]), run["decays"])
    np.testing.assert_allclose(seen, run["weights"], rtol=1e-6, atol=1e-6)


@RUNS
def test_keras_sgd_gives_the_weights_of_caffe(run):
    """They are PyTorch's as long as the rate stays, and differ once it changes."""
    seen = steps(keras.optimizers.SGD(changing(), 0.9, run["nesterov"]), run["decays"])
    caffe = by_caffe(run["nesterov"], run["decays"], TORCH["rates"])
    np.testing.assert_allclose(seen, caffe, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(seen[:3], run["weights"][:3], rtol=1e-6, atol=1e-6)
    assert np.abs(seen[3:] - run["weights"][3:]).max(1).min() > 0.05


@pytest.mark.parametrize("decays", ["kernels", "all"])
def test_adamw_gives_the_weights_of_pytorch(decays):
    """The recipe's, with its decay beside the step, at a rate that falls and rises."""
    fields = dict(momentum=0.8, rho=0.95, epsilon=1e-6, weight_decay=0.5, decays=decays)
    made = recipe("convnext_tiny", "imagenet", **fields) | {"ema": None}
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.set_weights([np.float32([[0.4], [-0.7]]), np.float32([1])])
    optimizer = optimizers.build(made, changing())
    optimizer.exclude_from_weight_decay(undecayed(model, decays))
    model.compile(optimizer, "mse", jit_compile=False)
    for expected in TORCH["adamw"][decays]:
        model.train_on_batch(X, Y)
        seen = np.concatenate([w.ravel() for w in model.get_weights()])
        np.testing.assert_allclose(seen, expected, rtol=2e-6, atol=2e-6)


def test_decay_of_the_optimizer_is_another():
    """Keras' SGD(weight_decay=) is decoupled: not PyTorch's."""
    plain = keras.optimizers.SGD(changing(), 0.9, weight_decay=0.5)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.set_weights([np.float32([[0.4], [-0.7]]), np.float32([1])])
    model.compile(plain, "mse", jit_compile=False)
    for _ in range(3):
        model.train_on_batch(X, Y)
    weights = np.concatenate([w.ravel() for w in model.get_weights()])
    assert np.abs(weights - TORCH["runs"][1]["weights"][2]).max() > 0.05


def test_no_momentum():
    for kind in (TorchSGD, keras.optimizers.SGD):
        seen = steps(kind(0.1, 0.0), "kernels", 2)
        x, w = np.concatenate([X, np.ones((3, 1))], 1), np.array([0.4, -0.7, 1])
        for now in seen:
            w = w - 0.1 * (2 * x.T @ (x @ w - Y[:, 0]) / 3 + 0.5 * w * [1, 1, 0])
            np.testing.assert_allclose(now, w, rtol=1e-5)


@pytest.mark.parametrize(("momentum", "epsilon"), [(0.9, 1.0), (0.0, 0.1)])
def test_rmsprop_gives_the_weights_of_tensorflow_1(momentum, epsilon):
    """Five steps with gradients of 0.1 to 30, against tf.compat.v1.train.RMSPropOptimizer."""
    begin = np.float32([1.0, -2.0, 0.5])
    g = np.float32([[0.1, 3, -30], [0.2, -1, 10], [0.3, 0.5, 5], [-0.4, 2, 1], [0.1, 1, 0]])
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        w = tf.compat.v1.get_variable("w", initializer=begin)
        fed = tf.compat.v1.placeholder(tf.float32, 3)
        made = tf.compat.v1.train.RMSPropOptimizer(0.05, 0.9, momentum, epsilon)
        step = made.apply_gradients([(fed, w)])
        session.run(tf.compat.v1.global_variables_initializer())
        expected = [(session.run(step, {fed: row}), session.run(w))[1] for row in g]
    ours, v = TensorFlowRMSprop(0.05, 0.9, momentum, epsilon), keras.Variable(begin)
    keras_own, other = keras.optimizers.RMSprop(0.05, 0.9, momentum, epsilon), keras.Variable(begin)
    for row, right in zip(g, expected, strict=True):
        ours.apply([row], [v])
        keras_own.apply([row], [other])
        np.testing.assert_allclose(v.numpy(), right, rtol=1e-6)
    assert np.abs(other.numpy() - right).max() > 1e-3  # it begins its averages at 0


@pytest.mark.parametrize("kind", [TorchSGD, TensorFlowRMSprop])
def test_configuration(kind):
    """The optimizer is saved by its name, and made again from its configuration."""
    made = kind(learning_rate=0.25, momentum=0.8)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(made))
    assert type(again) is kind
    assert again.get_config() == made.get_config()


def test_the_velocity_of_a_variable_on_two_devices():
    """TorchSGD in one step of two replicas gives what it gives on one device."""
    code = """
import keras, numpy as np, tensorflow as tf
from convbook.training.recipes.optimizers import TorchSGD
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
def train(devices):
    with devices.scope():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
        model.set_weights([np.full(w.shape, 0.3 + i) for i, w in enumerate(model.weights)])
        model.compile(TorchSGD(0.01, 0.9, nesterov=True), "mse", jit_compile=False)
    x = np.arange(32.0).reshape(16, 2) / 32
    model.fit(x, x[:, :1], batch_size=4, epochs=2, shuffle=False, verbose=0)
    return np.concatenate([w.ravel() for w in model.get_weights()])
one = train(tf.distribute.get_strategy())
two = train(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
print(abs(one - two).max() / abs(one).max())
"""
    done = interpreter.run(code, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-6


def test_build():
    """The optimizer, its clipping and its moving average are the recipe's; form by form."""
    made = optimizers.build(recipe("inception_v3", "imagenet"), 0.045)
    assert type(made) is TensorFlowRMSprop
    assert (made.rho, made.epsilon, made.global_clipnorm) == (0.9, 1.0, 2.0)
    assert (made.use_ema, made.ema_momentum) == (True, 0.9999)
    made = optimizers.build(recipe("densenet121", "imagenet"), 0.1)
    assert type(made) is TorchSGD
    assert (made.momentum, made.nesterov, made.use_ema) == (0.9, True, False)
    assert type(optimizers.build(recipe("vgg_A", "imagenet"), 0.1)) is keras.optimizers.SGD
    with pytest.raises(ValueError, match="momentum_form='torch': momentum_form must be caffe"):
        recipe("inception_v3", "imagenet", momentum_form="torch")
    other = recipe("inception_v3", "imagenet") | {"momentum_form": "torch"}
    with pytest.raises(ValueError, match="'RMSprop torch': must be one of SGD caffe"):
        optimizers.build(other, 0.1)


def net():
    """A network with a depthwise and a separable convolution, batch norm and a bias."""
    layers = [
        keras.Input((8, 8, 3)),
        keras.layers.Conv2D(4, 3, use_bias=False, name="conv"),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.DepthwiseConv2D(3, use_bias=False, name="depthwise"),
        keras.layers.SeparableConv2D(6, 3, use_bias=False, name="separable"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(10, name="dense"),
    ]
    return keras.Sequential(layers)


KERNELS = {"conv/kernel", "depthwise/kernel", "dense/kernel"}
KERNELS |= {f"separable/{part}_kernel" for part in ("depthwise", "pointwise")}
DEPTHWISE = {"depthwise/kernel", "separable/depthwise_kernel"}
REST = {"norm/gamma", "norm/beta", "dense/bias"}


@pytest.mark.parametrize(
    ("decays", "expected"),
    [
        ("kernels", KERNELS),
        ("kernels_but_depthwise", KERNELS - DEPTHWISE),
        ("all", KERNELS | REST),
    ],
)
def test_what_is_decayed(decays, expected):
    model = net()
    decay(model, 1e-4, decays)
    assert {"/".join(w.path.split("/")[-2:]) for w in model.weights if w.regularizer} == expected
    decay(other := net(), 0.0, decays)
    assert not any(w.regularizer for w in other.weights)
    with pytest.raises(ValueError, match="decays='biases': decays must be one of kernels"):
        decay(model, 1e-4, "biases")


def test_initial_weights():
    """Deviations and limits are as given, biases 1 if requested, depthwise kernels unchanged."""
    i = keras.Input((64,))
    x = keras.layers.Dense(512, name="first")(i)
    x = keras.layers.Dense(400, name="second")(x)
    model = keras.Model(i, keras.layers.Dense(300, name="last")(x))
    normal = {"name": "RandomNormal", "variance": 0.01}
    initializer = {"name": "FanInUniform", "scale": 2.4}
    initialise(model, {"kernel": normal, "last": initializer, "ones": ["second"]})
    first, one, second, ones, last, none = model.get_weights()
    for w in (first, second):
        assert abs(w.std() - 0.1) < 0.002
    assert first.ravel()[0] != second.ravel()[0]
    assert 0.99 * 2.4 / 400 < np.abs(last).max() <= 2.4 / 400
    assert (ones == 1).all()
    assert not one.any()
    assert not none.any()
    model = net()
    before = {w.path: w.numpy() for w in model.weights}
    initialise(model, None)
    assert all((before[w.path] == w.numpy()).all() for w in model.weights)
    initialise(model, {"kernel": {"name": "HeNormal"}})
    changed = {w.path for w in model.weights if (before[w.path] != w.numpy()).any()}
    assert {"/".join(p.split("/")[-2:]) for p in changed} == KERNELS - DEPTHWISE
