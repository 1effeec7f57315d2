"""convbook train with your own model: a file, a function, and an object in Python."""

import json

import files
import keras
import numpy as np
import pytest
from keras import layers

import convbook
from convbook.__main__ import main as command
from convbook.training.commands import asked, parse

SHORT = dict(epochs=2, tensorboard=False)
OWN = """
import keras
from keras import layers

def build(input_shape, classes, width=4):
    x = keras.Input(input_shape)
    m = layers.Conv2D(width, 3, 2, activation="relu")(x)
    return keras.Model(x, layers.Dense(classes)(layers.GlobalAveragePooling2D()(m)))

def of_depth(depth, classes):
    return build((16, 16, 3), classes, depth)

def no_model(classes):
    return classes

def breaks():
    return nothing
"""


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Two classes that differ in brightness, 20 images each."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    files.folder(tmp_path / "photos", {"cat": 20, "dog": 20})
    return f"folder:{tmp_path}/photos"


def small(classes=2, side=16, a=None, first=()):
    x = m = keras.Input((side, side, 3))
    for layer in first:
        m = layer(m)
    m = layers.Conv2D(4, 3, 2, activation="relu")(m)
    m = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(m))
    return keras.Model(x, layers.Dense(classes, activation=a)(m), name="small")


def printed(capsys):
    return capsys.readouterr().err.strip()


def test_accumulated_steps_run_in_parts(photos, tmp_path):
    """Batch norm sees each part: its mean moves twice as often from 0."""
    moved = []
    for parts in (1, 2):
        keras.utils.set_random_seed(0)
        model = small()
        options = SHORT | dict(epochs=1, batch_size=8, accumulate=parts, lr=1e-9)
        convbook.train(model, photos, out=tmp_path / str(parts), **options)
        moved.append(np.abs(model.layers[2].moving_mean.numpy()).mean())
    assert moved[1] > 1.5 * moved[0]


@pytest.mark.parametrize("a", [None, "softmax"])
def test_a_model_at_hand_is_trained_in_place(a, photos, tmp_path):
    model = small(a=a)
    before = model.get_weights()
    run = convbook.train(model, photos, out=tmp_path / "run", **SHORT)
    assert run.model is model
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    saved = convbook.load(tmp_path / "run" / "model.keras")
    x = np.random.default_rng(0).random((2, 16, 16, 3), "float32")
    np.testing.assert_allclose(saved(x), model(x), atol=1e-6)
    assert (a == "softmax") == bool(np.allclose(np.sum(model(x), -1), 1))
    assert run.result == json.loads((tmp_path / "run" / "result.json").read_text())


def test_the_same_call_gives_the_finished_run(photos, tmp_path):
    first = convbook.train(small(), photos, out=tmp_path / "run", **SHORT)
    another = small()
    again = convbook.train(another, photos, out=tmp_path / "run", **SHORT)
    assert again.model is another
    for a, b in zip(first.model.get_weights(), another.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    wider = keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Flatten(), layers.Dense(2)], name="small"
    )
    with pytest.raises(ValueError, match=r"model small .*has small"):
        convbook.train(wider, photos, out=tmp_path / "run", **SHORT)


def test_probabilities_and_logits_learn_the_same(photos, tmp_path):
    """The loss fits the model's output, be it probabilities or logits."""
    results = []
    for a in (None, "softmax"):
        keras.utils.set_random_seed(3)
        run = convbook.train(small(a=a), photos, out=tmp_path / f"run{a}", **SHORT)
        results.append(run.model.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_a_call_is_a_command_line():
    """Flags that are on, off and as they are anyway; pairs; what is None stays the recipe's."""
    given = dict(tensorboard=False, synchronize=True, skip_broken=True, seed=3, patience=None)
    call = asked("lenet5", "folder:x", **given, option={"style": "torch"}, recipe={"lr": 0.3})
    line = "lenet5 --data folder:x --no-tensorboard --skip-broken --seed 3 --set lr=0.3"
    assert vars(call) == vars(parse([*line.split(), "--option", "style='torch'"]))
    usual = parse(["lenet5", "--data", "folder:x"])
    for flag in ("tensorboard", "skip_broken"):
        assert getattr(call, flag) is not getattr(usual, flag)
    with pytest.raises(ValueError, match="tensorboard=1: must be True or False"):
        asked("lenet5", "digits", tensorboard=1)


def test_a_function_of_a_file(photos, tmp_path, capsys):
    (tmp_path / "mine.py").write_text(OWN)
    argv = ["train", "mine.py:build", "--data", photos, "--epochs", "1", "--size", "16"]
    argv += ["--no-tensorboard", "--out", "run"]
    assert command([*argv, "--option", "width=6"]) == 0
    model = convbook.load(tmp_path / "run" / "model.keras")
    assert model.input_shape == (None, 16, 16, 3)
    assert model.weights[0].shape[-1] == 6
    capsys.readouterr()
    assert command([*argv, "--option", "width=6"]) == 0  # finished
    (tmp_path / "mine.py").write_text(OWN + "\n")
    assert command([*argv, "--option", "width=6"]) == 2
    assert "model mine.py:build" in printed(capsys)


def test_a_saved_model_goes_on_from_its_weights(photos, tmp_path):
    model = small()
    model.save(tmp_path / "mine.keras")
    slow = {"like": "modern", "lr": 1e-30, "batch_size": 8}
    run = convbook.train("mine.keras", photos, slow, out="run", **SHORT)
    for ours, theirs in zip(run.model.trainable_weights, model.trainable_weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


REFUSED = [
    (["mine.py"], "name the function that makes the network, mine.py:build"),
    (["gone.keras"], "gone.keras: there is no such file"),
    (["mine.py:other"], "mine.py has no function 'other'"),
    (["mine.py:no_model"], "must be a functional or Sequential keras.Model"),
    (["torn.py:build"], "torn.py, line 2: SyntaxError: "),
    (["binary.py:build"], "binary.py: "),
    (
        ["mine.py:breaks"],
        f"mine.py, line {len(OWN.splitlines())}: NameError: name 'nothing' is not",
    ),
    (["lacks.py:build"], "lacks.py, line 1: ModuleNotFoundError: No module named 'no_such_module'"),
    (["mine.py:build", "--option", "depth=2"], "--option depth: mine.py:build takes input_shape"),
    (["mine.py:of_depth"], "mine.py:of_depth needs depth: give --option depth=VALUE"),
    (["mine.py:build", "--weights", "imagenet"], "--weights imagenet: mine.py:build is your own"),
    (["mine.py:build", "--recipe", "paper"], "has no paper"),
    (["three.keras"], "three.keras returns (None, 3): must be (None, 2)"),
    (["three.keras", "--option", "width=3"], "three.keras is already built"),
    (["three.keras", "--size", "32"], "--size 32: three.keras reads 16 x 16; leave --size out"),
    (["scaled.keras"], "'rescaling' scales its input"),
    (["nested.keras"], "'rescaling' scales its input"),
    (["three.keras", "--precision", "mixed_float16"], "(None, 3)"),
    (["text.keras"], "must be a saved functional or Sequential keras.Model"),
]


@pytest.mark.parametrize(("argv", "words"), REFUSED, ids=[" ".join(argv) for argv, _ in REFUSED])
def test_refused(argv, words, photos, tmp_path, capsys):
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "binary.py").write_bytes(b"\0\1")
    (tmp_path / "torn.py").write_text("import keras\ndef build(:\n")
    (tmp_path / "lacks.py").write_text("import no_such_module\n")
    (tmp_path / "text.keras").write_text("no archive")
    small(3).save(tmp_path / "three.keras")
    small(first=[layers.Rescaling(1 / 255, name="rescaling")]).save(tmp_path / "scaled.keras")
    inner = small(first=[layers.Rescaling(1 / 255, name="rescaling")])
    x = keras.Input((16, 16, 3))
    keras.Model(x, layers.Dense(2)(inner(x))).save(tmp_path / "nested.keras")
    more = [] if "--size" in argv or "three" in argv[0] else ["--size", "16"]
    assert command(["train", *argv, "--data", photos, "--epochs", "1", *more, "--out", "run"]) == 2
    assert words in printed(capsys)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (dict(depth=3), "depth=3: train has no such option; it has "),
        (dict(batch_size=0), "--batch-size: '0' is not a whole number"),
        (dict(jit="yes"), "jit='yes': must be True or False"),
        (
            dict(recipe={"like": "modern", "speed": 3}, out="a"),
            "speed=3: a recipe has no such field; it has",
        ),
        (dict(precision="float16"), "--precision: invalid choice"),
    ],
    ids=str,
)
def test_calls_that_cannot_be(given, words, photos):
    with pytest.raises((ValueError), match=words):
        convbook.train("resnet20", photos, **SHORT | given)


def test_no_model():
    with pytest.raises(ValueError, match="functional or Sequential"):
        convbook.train(keras.Sequential([layers.Dense(3)], name="late"), "digits")


def test_freeze_without_stages(photos, tmp_path):
    model = small()
    before = [w.numpy() for w in model.weights]
    convbook.train(model, photos, freeze="body", out=tmp_path / "run", **SHORT)
    changed = [(w.numpy() != b).any() for w, b in zip(model.weights, before, strict=True)]
    assert changed == [False] * 6 + [True, True]
    assert len(model.trainable_weights) == 6


def test_a_rescaling_further_in_is_no_scaling_of_images(photos, tmp_path):
    x = keras.Input((16, 16, 3))
    m = layers.Conv2D(4, 3)(x)
    m = layers.GlobalAveragePooling2D()(layers.add([m, layers.Rescaling(0.1)(m)]))
    model = keras.Model(x, layers.Dense(2)(m), name="scaled")
    convbook.train(model, photos, out=tmp_path / "run", **SHORT)


def test_layers_that_are_frozen_stay_so(photos, tmp_path):
    """Layers stay frozen in a nested model too, and if the head is trained first."""
    body = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(4, 3), layers.Flatten()])
    body.trainable = False
    model = keras.Sequential([keras.Input((16, 16, 3)), body, layers.Dense(2)], name="frozen")
    before = [w.numpy() for w in body.weights]
    head = model.layers[-1].get_weights()
    convbook.train(model, photos, "finetune", out=tmp_path / "run", **SHORT)
    assert all((w.numpy() == b).all() for w, b in zip(body.weights, before, strict=True))
    assert any((a != b).any() for a, b in zip(model.layers[-1].get_weights(), head, strict=True))
    assert not body.trainable


def test_a_model_at_hand_stays_as_it_is_but_for_its_weights(photos, tmp_path):
    """So the same call resumes its run, even if the model has no name of its own."""
    keras.backend.clear_session()
    model = keras.Sequential([*small().layers])
    before = model.to_json()
    convbook.train(model, photos, out=tmp_path / "run", **SHORT)
    assert model.to_json() == before
    assert all(w.regularizer is None for w in model.trainable_weights)
    convbook.train(model, photos, out=tmp_path / "run", **SHORT)
    another = keras.Sequential([*small().layers])
    assert another.name != model.name
    convbook.train(another, photos, out=tmp_path / "run", **SHORT)


def wired(skip):
    """Four equal convolutions, and a sum of the last and another."""
    maps = [keras.Input((16, 16, 3))]
    for _ in range(4):
        maps.append(layers.Conv2D(3, 3, padding="same")(maps[-1]))
    m = layers.GlobalAveragePooling2D()(layers.add([maps[4], maps[skip]]))
    return keras.Model(maps[0], layers.Dense(2)(m), name="wired")


def test_another_wiring_is_another_network(photos, tmp_path):
    convbook.train(wired(1), photos, out=tmp_path / "run", **SHORT)
    convbook.train(wired(1), photos, out=tmp_path / "run", **SHORT)
    with pytest.raises(ValueError, match="model wired"):
        convbook.train(wired(2), photos, out=tmp_path / "run", **SHORT)


def test_a_file_finds_what_lies_beside_it(photos, tmp_path):
    (tmp_path / "wide.py").write_text("WIDTH = 5\n")
    text = OWN.replace("width=4", "width=wide.WIDTH").replace(
        "import keras\n", "import keras, wide\n", 1
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "mine.py").write_text(text)
    run = convbook.train("mine.py:build", photos, out="run", size=16, epochs=1, tensorboard=False)
    assert run.model.weights[0].shape[-1] == 5


def test_workers_and_a_model_at_hand():
    with pytest.raises(ValueError, match=r"give FILE\.py:FUNCTION"):
        convbook.train(small(10), "digits", workers="localhost:1,localhost:2", index=0)
