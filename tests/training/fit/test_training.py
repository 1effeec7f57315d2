"""The trainer: what it refuses, which files it leaves, and that it computes as the papers say."""

import argparse
import csv
import json
import math
import os

import files
import interpreter
import keras
import numpy as np
import pytest
import tensorflow as tf
from places import ROOT

from convbook.__main__ import main as convbook
from convbook.blocks import BN, basic_block, conv, dense, gavgpool
from convbook.gallery import show
from convbook.training import data
from convbook.training.commands import parse
from convbook.training.data.augment import affine
from convbook.training.devices import norms
from convbook.training.fit import report
from convbook.training.fit import run as running
from convbook.training.fit.compiled import compiled
from convbook.training.fit.folder import finished
from convbook.training.fit.job import prepare, settle
from convbook.training.recipes.decay import decay

SHORT = ["--epochs", "2", "--batch-size", "32"]
LENET = [*files.LENET, *SHORT]
FILES = ["best.keras", "checkpoints", "curves.png", "history.csv", "model.keras"]
FILES += ["passport.json", "result.json", "tensorboard"]


def main(argv):
    return convbook(["train", *argv])


def options(*argv):
    """The options of a run of few steps; batches hold a third of the training images."""
    return parse([*argv, "--epochs", "2", "--batch-size", "384"])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a finished run of the paper's LeNet-5."""
    folder = tmp_path_factory.mktemp("runs") / "made" / "lenet5"
    assert main(["lenet5", *SHORT, "--seed", "3", "--out", str(folder)]) == 0
    return folder


def test_a_run_leaves_its_files(run):
    assert sorted(os.listdir(run)) == FILES
    assert (run / "curves.png").read_bytes()[:4] == b"\x89PNG"
    result = json.loads((run / "result.json").read_text())
    assert 0.3 < result["test_accuracy"] <= 1
    assert 0.3 < result["val_accuracy"] <= 1
    assert result["seed"] == result["options"]["seed"] == 3
    assert result["parameters"] == 60_000
    assert result["images_per_second"] > 0
    assert result["versions"]["keras"] == keras.__version__
    assert result["options"]["model"] == "lenet5"
    assert result["recipe"]["augmentation"][0][1]["rotation"] > 0
    with open(run / "history.csv") as file:
        _, line = csv.DictReader(file)
    assert line["epoch"] == "2"
    assert float(line["val_accuracy"]) == result["val_accuracy"]
    assert float(line["images_per_second"]) == result["images_per_second"]  # the first traced too
    assert {"loss", "accuracy", "val_loss", "learning_rate", "images_per_second"} <= set(line)


def test_the_saved_model_needs_only_blocks(run):
    """Safe mode in a fresh interpreter, without the trainer, gives the recorded accuracies."""
    code = """
import sys, keras, convbook.blocks, numpy as np
folder, images = sys.argv[1:]
model = keras.models.load_model(folder + "/model.keras")
images = np.load(images)
for part in ("val", "test"):
    found = model.predict(images[part + "_x"], verbose=0).argmax(-1)
    print(float(np.mean(found == images[part + "_y"])))
others = ("convbook.training", "convbook.architectures")
print([name for name in sys.modules if name.startswith(others)])
print(model.compiled, model.losses)
"""
    parts = data.load_data("digits", 32, 1)
    images = {f"{p}_{a}": getattr(getattr(parts, p), a) for p in ("val", "test") for a in "xy"}
    np.savez(run.parent / "images.npz", **images)
    done = interpreter.run(code, run, run.parent / "images.npz", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    val, test, foreign, state = done.stdout.splitlines()
    result = json.loads((run / "result.json").read_text())
    assert float(val) == pytest.approx(result["val_accuracy"], abs=1e-6)
    assert float(test) == pytest.approx(result["test_accuracy"], abs=1e-6)
    assert foreign == "[]"
    assert state == "False []"


def test_a_finished_folder_is_left_alone(run, capsys):
    before = {name: (run / name).stat() for name in FILES}
    assert main(["lenet5", *SHORT, "--seed", "3", "--out", str(run)]) == 0
    assert "finished run (lenet5 on digits, seed 3)" in capsys.readouterr().out
    assert sorted(os.listdir(run)) == FILES
    assert {name: (run / name).stat().st_mtime_ns for name in FILES} == {
        name: stat.st_mtime_ns for name, stat in before.items()
    }


def test_the_same_seed_gives_the_same_weights(tmp_path):
    def weights(seed, folder):
        assert main([*LENET, "--seed", seed, "--out", str(tmp_path / folder)]) == 0
        return keras.models.load_model(tmp_path / folder / "model.keras").get_weights()

    first = weights("3", "first")
    for a, b in zip(first, weights("3", "again"), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first[0] != weights("4", "other")[0]).any()


def test_a_run_that_breaks_leaves_no_result(tmp_path, monkeypatch, capsys):
    def full(*args):
        raise OSError("no space left on device")

    monkeypatch.setattr(report, "draw_curves", full)
    assert main([*LENET, "--out", str(tmp_path)]) == 1
    assert "no space left on device" in capsys.readouterr().err
    assert finished(tmp_path) is None
    assert not set(os.listdir(tmp_path)) & {"result.json", "curves.png"}
    monkeypatch.undo()
    assert main([*LENET, "--out", str(tmp_path)]) == 0
    assert sorted(os.listdir(tmp_path)) == FILES
    assert "resumes at step 72 of 72" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["resnet21"], "nearest: resnet"),
        (["lenet5", "--data", "letters"], "'letters': --data must be one of digits"),
        (["lenet5", "--out", ""], "--out is empty"),
        (["lenet5", "--out", "{file}/x"], "cannot be written"),
        (["lenet5", "--out", "{file}"], "cannot be written"),
        (["lenet5", "--batch-size", "1150"], "only 1149 images"),
        (["lenet5", "--size", "8"], "at least 32 x 32"),
        (["lenet5", "--epochs", "0"], "'0' is not a whole number"),
        (["lenet5", "--lr", "nan"], "'nan' is not a number above 0"),
        (["lenet5", "--seed", "-1"], "--seed"),
        (["lenet5", "--precision", "half"], "--precision"),
        (["lenet5", "--option", "aux=True"], "--option aux"),
        (["lenet5", "--option", "survival"], "'survival' is not NAME=VALUE"),
        ([], "NAME"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(argv, words, tmp_path, monkeypatch, capsys):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "train", lambda *a: pytest.fail("time was spent"))
    assert main([arg.format(file=file) for arg in argv]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("gpus", "precision", "peak"),
    [
        (["NVIDIA A100-SXM4-80GB"], "mixed_float16", 156e12),
        (["Tesla T4"], "mixed_bfloat16", 32.5e12),
        (["NVIDIA H200"] * 8, "mixed_bfloat16", 8 * 495e12),
        (["NVIDIA A100-SXM4-80GB"], "float32", None),  # the peaks are those of 16 bits
        (["NVIDIA A100-SXM4-80GB", "GeForce"], "mixed_float16", None),
        ([], "mixed_float16", None),
    ],
)
def test_share_of_peak(gpus, precision, peak, monkeypatch):
    """Forward, and backward to maps and to weights: three times the multiply-adds of inference."""
    named = lambda name: {"device_name": name}  # noqa: E731
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", named)
    i = keras.Input((8, 8, 3))
    model = keras.Model(i, conv(i, 4, k=3, bias=False))
    found = report.share_of_peak(model, 1e6, precision)
    macs = 8 * 8 * 3 * 3 * 3 * 4
    assert found == (None if peak is None else pytest.approx(3 * macs * 1e6 / peak, rel=1e-12))


def test_sizes_and_channels():
    """Defaults are the paper's, 64 where that is larger; grey is repeated."""
    for name, shape in (
        ("lenet5", (32, 32, 1)),
        ("resnet20", (32, 32, 3)),
        ("resnet18", (64, 64, 3)),
    ):
        job = prepare(options(name))
        assert job.model.input_shape[1:] == job.data.train.x.shape[1:] == shape
    assert (job.data.train.x[..., :1] == job.data.train.x).all()


def test_split():
    """1,149 to train, 288 to choose, 360 to test: disjoint, all there, every class in each."""
    _, y = data.digits()
    train, val, test = data.split(y)
    assert [len(train), len(val), len(test)] == [1149, 288, 360]
    assert sorted([*train, *val, *test]) == list(range(1797))
    for part in (train, val, test):
        shares = np.bincount(y[part]) / len(part)
        np.testing.assert_allclose(shares, np.bincount(y) / len(y), atol=0.005)


def test_images():
    """In [0, 1], each beside its own label."""
    x, y = data.digits()
    parts = data.load_data("digits", 8, 3)
    for part, index in zip(parts[:3], data.split(y), strict=True):
        np.testing.assert_allclose(part.x, np.repeat(x[index], 3, -1), atol=1e-6)
        np.testing.assert_array_equal(part.y, y[index])
    assert (x.min(), x.max(), parts.classes) == (0, 1, 10)


def stream(batch, steps, seed=0, **augmentation):
    """Training batches of ten images, as arrays."""
    options = argparse.Namespace(batch_size=batch, seed=seed, augmentation={"affine": augmentation})
    return list(data.training_batches(small(10), steps, 3, options).as_numpy_iterator())


def small(n):
    """n images of 2 x 2 pixels that say which image they are; the label is the number mod 3."""
    x = np.broadcast_to(np.arange(n, dtype="float32")[:, None, None, None], (n, 2, 2, 1))
    return data.Split(x, np.arange(n) % 3)


def test_training_batches():
    """Full batches; every pass over the images takes each once, in its own order."""
    batches = stream(4, 10)
    assert {x.shape for x, _ in batches} == {(4, 2, 2, 1)}
    taken = np.concatenate([x[:, 0, 0, 0] for x, _ in batches]).reshape(4, 10)
    assert (np.sort(taken) == np.arange(10)).all()
    assert len({tuple(row) for row in taken}) == 4
    labels = np.concatenate([y for _, y in batches])
    np.testing.assert_array_equal(labels, np.eye(3)[taken.ravel().astype(int) % 3])


def test_training_batches_depend_on_the_seed_and_the_step_alone():
    def images(steps, seed):
        return np.stack([x for x, _ in stream(4, steps, seed, rotation=30, shear=0.1)])

    first = images(5, seed=0)
    np.testing.assert_array_equal(first, images(9, seed=0)[:5])
    assert (first != images(5, seed=1)).any()


def test_batches():
    """Every example once, in order; the last batch is what is left."""
    batches = list(data.batches(small(10), 4, 3).as_numpy_iterator())
    assert [len(x) for x, _ in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), small(10).x)


def spots(n, row, column, size=33):
    """n images of a single white pixel, row and column counted from the centre."""
    x = np.zeros((n, size, size, 1), "float32")
    x[:, size // 2 + row, size // 2 + column] = 1
    return x


def centres(x):
    """Rows and columns of the centres of mass, counted from the centre of the images."""
    x, away = np.asarray(x)[..., 0], np.arange(x.shape[1]) - x.shape[1] // 2
    mass = x.sum((1, 2))
    return [np.einsum(f"bij,{i}->b", x, away) / mass for i in "ij"]


def test_affine_moves_as_far_as_it_says():
    """Nothing to do is the identity; the range of shifts is filled, evenly, and never left."""
    x = spots(500, 0, 0)
    np.testing.assert_array_equal(affine(x, [0, 1]), x)
    rows, columns = centres(affine(x, [0, 1], shift=0.25))
    for away in (rows, columns):
        assert 8 < np.abs(away).max() <= 8.25 + 1e-4
        assert abs(away.mean()) < 0.7
        assert abs(away.std() - 8.25 / math.sqrt(3)) < 0.3
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.15


def test_affine_turns_by_the_angle_it_says():
    """A pixel off the centre keeps its distance; the angles fill the range."""
    rows, columns = centres(affine(spots(500, 0, 12), [0, 1], rotation=30))
    np.testing.assert_allclose(np.hypot(rows, columns), 12, atol=0.5)
    angles = np.degrees(np.arctan2(rows, columns))
    assert 28 < angles.max() < 32
    assert -32 < angles.min() < -28


def test_affine_slants_and_zooms_as_it_says():
    """A pixel above the centre moves sideways by the slope; zoom moves it away or nearer."""
    rows, columns = centres(affine(spots(500, -10, 0), [0, 1], shear=0.3))
    np.testing.assert_allclose(rows, -10, atol=0.01)
    assert 2.8 < np.abs(columns).max() < 3.2
    rows, columns = centres(affine(spots(500, -8, 0), [0, 1], zoom=0.2))
    np.testing.assert_allclose(columns, 0, atol=0.01)
    assert abs(np.log(rows / -8).min() + 0.2) < 0.05
    assert abs(np.log(rows / -8).max() - 0.2) < 0.05


def test_the_learning_rate_suits_the_network():
    """Ten times less without batch norm, unless given."""
    for argv, lr in ((["resnet20"], 0.1), (["lenet5"], 0.01), (["lenet5", "--lr", "0.5"], 0.5)):
        chosen = options(*argv)
        prepare(chosen)
        assert chosen.lr == lr


def test_batch_norm_follows_a_short_run():
    """Inception's moving averages span thousands of steps, more than these runs have."""
    model = prepare(options("mobilenet_v2")).model
    assert {layer.momentum for layer in norms.batch_norms(model)} == {0.9}


def test_label_smoothing():
    """The loss that is minimised has targets 0.91 and 0.01 at 0.1, arXiv:1512.00567, section 7."""
    job = prepare(options("lenet5"))
    loss = compiled(job).loss
    logits = np.random.default_rng(0).standard_normal((1, 10)).astype("float32")
    log_p = logits - np.log(np.exp(logits).sum())
    target = np.full(10, 0.01)
    target[7] = 0.91
    expected = -(target * log_p).sum()
    np.testing.assert_allclose(loss(np.eye(10)[[7]], logits), expected, rtol=1e-5)


def test_decay_is_the_papers():
    """Coupled momentum SGD by hand: v = m v - lr (g + lambda w), w = w + v; nothing for biases."""
    x, y = np.float32([[1, 2], [3, -1]]), np.float32([[1], [2]])
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    decay(model, 0.5)
    model.compile(keras.optimizers.SGD(0.1, 0.9), "mse", jit_compile=False)
    w, b = (a.copy() for a in model.get_weights())
    b += 1
    model.set_weights([w, b])
    vw, vb = np.zeros_like(w), np.zeros_like(b)
    for _ in range(4):
        model.train_on_batch(x, y)
        error = 2 * (x @ w + b - y) / len(y)
        vw = 0.9 * vw - 0.1 * (x.T @ error + 0.5 * w)
        vb = 0.9 * vb - 0.1 * error.sum(0)
        w, b = w + vw, b + vb
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], b, rtol=1e-5)


def test_decay_is_on_kernels_and_is_not_saved():
    model = prepare(options("resnet20", "--option", "survival=0.8")).model
    decay(model, 1e-4)
    decayed = {w.name for w in model.trainable_weights if w.regularizer}
    free = {w.name for w in model.trainable_weights if not w.regularizer}
    assert decayed == {"kernel"}
    assert free == {"bias", "gamma", "beta"}
    assert '"L2"' not in model.to_json()


@pytest.fixture(scope="session")
def two_cpus():
    """One for all tests: of two MirroredStrategy objects the second takes the first's keys."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def residual_net():
    """A small residual network on 8 x 8 pixels, all of it in Keras' default precision."""
    i = keras.Input((8, 8, 3))
    x = conv(i, 8, n=BN)
    x = basic_block(x, 16, s=2, shortcut="A")
    return keras.Model(i, dense(gavgpool(x), 10, a=None))


@pytest.fixture
def train(monkeypatch, tmp_path_factory):
    """trained(devices): the weights after six steps in float64, history.csv and result.json."""
    keras.config.set_floatx("float64")

    def train(devices):
        chosen = options("resnet20", "--size", "8", "--no-tensorboard")
        job = prepare(chosen, devices)
        keras.utils.set_random_seed(0)
        keras.config.set_dtype_policy("float64")
        with devices.scope():
            job = job._replace(model=residual_net())
        kept = {}

        def write(folder, model, history, result):
            kept.update(written=(history, result))
            return result

        monkeypatch.setattr(report, "write", write)
        folder = tmp_path_factory.mktemp("trained")
        running.train(job, folder)
        rows, result = kept["written"]
        return job.model, {key: [row[key] for row in rows] for key in rows[0]}, result

    yield train
    keras.config.set_floatx("float32")


def apart(model, other):
    """The distance of the weights of two models, against their size."""
    pairs = list(zip(model.get_weights(), other.get_weights(), strict=True))
    return math.sqrt(
        sum(((a - b) ** 2).sum() for a, b in pairs) / sum((a**2).sum() for a, _ in pairs)
    )


def test_two_devices_give_the_weights_of_one(train, two_cpus):
    """Up to rounding, with synchronised batch norm; validation and test count each image once."""
    one, history, result = train(tf.distribute.get_strategy())
    two, two_history, two_result = train(two_cpus)
    assert apart(one, two) < 1e-12
    for key in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(two_history[key], history[key], rtol=1e-6)
    assert two_result["test_accuracy"] == pytest.approx(result["test_accuracy"], abs=1e-6)
    layers = norms.batch_norms(two)
    assert len(layers) == 3
    assert not any(l.synchronized for l in layers)  # so that the saved model loads on any backend


def test_gates_with_synchronised_batch_norm_are_refused_on_several_devices():
    """Pasted gates are refused too; a layer of another library with the same name is not."""
    job = prepare(options("resnet20", "--option", "survival=0.8"))
    config = job.model.get_config()
    exec(show.text(["stochastic_depth"]), {})
    pasted = keras.Model.from_config(config)

    class StochasticDepth(keras.layers.Layer):
        def call(self, x):
            return x

    i = keras.Input((32, 32, 3))
    other = keras.Model(i, keras.layers.BatchNormalization()(StochasticDepth()(i)))
    for model in (job.model, pasted):
        settle(job.options, job.recipe, model, several=False)
        with pytest.raises(ValueError, match="--option survival: batch norm cannot be synchronis"):
            settle(job.options, job.recipe, model, several=True)
    settle(job.options, job.recipe, other, several=True)


def test_plain_batch_norm_on_two_devices_differs(train, two_cpus, monkeypatch):
    """They differ by design: each device normalises by its own half of the batch."""
    one, *_ = train(tf.distribute.get_strategy())
    monkeypatch.setattr(norms, "synchronize", lambda model, on: None)
    two, *_ = train(two_cpus)
    assert apart(one, two) > 1e-4


def test_synchronize_sees_into_layers():
    """Batch norms inside a stochastic depth gate, which model.layers does not show."""
    model = prepare(options("resnet20", "--option", "survival=0.8")).model
    norms.synchronize(model)
    found = norms.batch_norms(model)
    assert len(found) == 19
    assert all(l.synchronized for l in found)


@pytest.mark.parametrize("left", [0, 1, 3])
def test_evaluation_on_two_devices_counts_every_example_once(left, two_cpus):
    """Even if the last batch has fewer images than there are devices."""
    n = 16 + left
    rng = np.random.default_rng(0)
    part = data.Split(rng.random((n, 2, 2, 1), "float32"), rng.integers(0, 3, n))

    def evaluated(devices):
        keras.utils.set_random_seed(0)
        with devices.scope():
            flat = [keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
            model = keras.Sequential(flat)
            loss = keras.losses.CategoricalCrossentropy(from_logits=True)
            model.compile("sgd", loss, metrics=["accuracy"], jit_compile=False)
        return model.evaluate(data.batches(part, 8, 3), verbose=0)

    one, two = evaluated(tf.distribute.get_strategy()), evaluated(two_cpus)
    np.testing.assert_allclose(two, one, rtol=1e-6)


def test_a_batch_must_divide_among_the_devices(two_cpus):
    with pytest.raises(ValueError, match="multiple of 2, for 2 devices"):
        prepare(parse(["lenet5", "--batch-size", "5"]), two_cpus)


def test_mixed_precision(tmp_path):
    """The net trains in bfloat16 with float32 logits, and the saved model loads."""
    argv = ["resnet20", "--size", "8", "--precision", "mixed_bfloat16", "--batch-size", "1149"]
    assert main([*argv, "--epochs", "1", "--out", str(tmp_path)]) == 0
    model = keras.models.load_model(tmp_path / "model.keras")
    assert model.layers[1].compute_dtype == "bfloat16"
    assert model.output.dtype == "float32"
