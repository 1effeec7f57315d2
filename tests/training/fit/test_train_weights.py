"""convbook train --weights: images prepared for the weights, from training to deployment."""

import json

import files
import interpreter
import keras
import numpy as np
import pretrained
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

import convbook
from convbook import architectures
from convbook.__main__ import main
from convbook.architectures import weights
from convbook.training import data
from convbook.training.commands import parse
from convbook.training.fit.inputs import held_out, training_data
from convbook.training.fit.job import prepare

NET = ["squeezenet_v1_1", "--size", "64", "--no-tensorboard", "--epochs", "1"]
CAFFE = weights.Preparation(**pretrained.PREPARATION).at(64)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A file of SqueezeNet's weights, without the preparation of images."""
    model = architectures.create("squeezenet_v1_1", input_shape=(64, 64, 3))
    weights.from_torch(model, pretrained.squeezenet())
    model.save(path := tmp_path_factory.mktemp("bare") / "w.keras")
    model.save_weights(path.with_name("w.weights.h5"))
    return path


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """--data of two classes; PNGs, so that every pixel is known."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    files.folder(tmp_path / "photos", {"cat": 20, "dog": 20}, files.png, "png")
    return f"folder:{tmp_path}/photos"


def job(photos, *options):
    return prepare(parse([*NET, "--data", photos, "--out", "x", *map(str, options)]))


def test_images_are_those_of_the_weights_from_training_to_test(photos, bare, capsys):
    """Every pixel equals that of the Preparation; in training, after the recipe's crop."""
    found = job(photos, "--weights", bare, "--preparation", "caffe")
    (words,) = [w for w in found.recipe["words"] if w.startswith("images prepared as")]
    assert words.startswith(
        "images prepared as for --preparation caffe: short side 73, centre 64 x 64"
    )
    own = found.model.preparation
    assert (own.order, own.mean, own.first) == ("BGR", CAFFE.mean, "crop")
    for part in (found.data.val, found.data.test):
        x = np.concatenate([x for x, _ in held_out(found, part)[0].as_numpy_iterator()])
        for path, seen in zip(part.paths, x, strict=True):
            expected = own(np.asarray(Image.open(path).convert("RGB")))
            np.testing.assert_allclose(seen, expected, atol=1e-3)
    found.recipe["augmentation"][:2] = []  # a crop and a flip
    (x, _), *_ = training_data(found, 0).as_numpy_iterator()
    plain = np.concatenate(
        [x for x, _ in data.batches(found.data.train, 64, 2, short=64).as_numpy_iterator()]
    )
    undone = (x + CAFFE.mean)[..., ::-1] / 255
    off = np.abs(undone[:, None] - plain[None]).max((2, 3, 4))
    assert (off.min(1) < 1e-5).all()


def test_a_row_a_file_that_says_it_and_a_run(photos, bare, tmp_path):
    """A published row, a saved model and a run bring their preparation; a bare file has --of."""
    known = weights.prepared_as("torchvision/squeezenet1_1").preparation.at(64)
    found = job(photos, "--weights", bare, "--of", "torchvision/squeezenet1_1").model
    assert (found.preparation.mean, found.preparation.short) == (known.mean, known.short)
    assert found.class_names == ("cat", "dog")
    prepared = weights.prepared(keras.models.load_model(bare), CAFFE)
    prepared.save(tmp_path / "prepared.keras")
    assert job(photos, "--weights", tmp_path / "prepared.keras").model.preparation.order == "BGR"
    run = ["train", *NET, "--data", photos, "--out", str(tmp_path / "run")]
    assert main([*run, "--seed", "1"]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    (tmp_path / "run" / "deployed.keras").unlink()
    again = job(photos, "--weights", tmp_path / "run" / "best.keras").model.preparation
    np.testing.assert_allclose(again.mean, result["statistics"]["mean"])
    np.testing.assert_allclose(again.std, result["statistics"]["std"])


def test_a_model_of_ones_own_brings_what_it_knows(photos, tmp_path):
    """Or, from a function, is another model once a recipe normalises for it."""
    model = architectures.create("resnet20", input_shape=(16, 16, 3), classes=2)
    known = weights.Preparation(18, 16, order="BGR", scale=1.0, mean=(1, 2, 3))
    weights.prepared(model, known).save(path := tmp_path / "own.keras")
    found = prepare(parse([str(path), "--data", photos, "--out", "x"]))
    assert found.model.preparation.mean == (1.0, 2.0, 3.0)
    assert found.recipe["evaluation"]["resize"] == 18
    text = f"import convbook\ndef build():\n    return convbook.load({str(path)!r})\n"
    (tmp_path / "own.py").write_text(text)
    argv = [f"{tmp_path}/own.py:build", "--size", "16", "--data", photos, "--out", "x"]
    found = prepare(parse(argv))
    assert "standardise" in dict(found.recipe["augmentation"])
    assert not hasattr(found.model, "preparation")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "does not say how to prepare its images; give --of LIBRARY/NAME, or --prep"),
        (["--of", "own"], "does not say how to prepare its images; give --of LIBRARY/NAME"),
        (["--preparation", "mean"], "preparation='mean': preparation must be caffe, tf, torch"),
        (["--preparation", "tf", "--of", "timm/a"], "--of and --preparation: give one of the two"),
    ],
)
def test_a_bare_file_is_refused_until_it_is_said(options, words, photos, bare, capsys):
    """train refuses it before it starts, as predict and evaluate do."""
    argv = ["train", *NET, "--data", photos, "--weights", str(bare), *options, "--out", "x"]
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error


def test_without_weights_there_is_no_preparation(photos, capsys):
    assert main(["train", *NET, "--data", photos, "--preparation", "tf", "--out", "x"]) == 2
    assert "--preparation tf: give --weights too" in capsys.readouterr().err


def test_grey_images_and_weights_of_colours(photos, bare, tmp_path, capsys):
    path = tmp_path / "grey.json"
    path.write_text(json.dumps(dict(short=64, crop=64, order="grey", mean=[0], std=[1])))
    argv = ["train", *NET, "--data", photos, "--weights", str(bare), "--out", "x"]
    assert main([*argv, "--preparation", str(path)]) == 2
    assert "prepares images of 1 channels" in capsys.readouterr().err


FRESH = """
import sys
import keras
import numpy as np
model = keras.models.load_model(sys.argv[1])
images = np.load(sys.argv[2])
np.savez(sys.argv[3], called=model(images), predicted=model.predict(images, verbose=0))
assert not [name for name in sys.modules if name.startswith("convbook")]
"""


def test_what_a_run_leaves_knows_its_images(photos, bare, tmp_path, capsys):
    """predict and evaluate by themselves; deployed.keras where this package is not."""
    out = tmp_path / "run"
    argv = ["train", *NET, "--data", photos, "--out", str(out)]
    assert main([*argv, "--weights", str(bare), "--preparation", "caffe"]) == 0
    result = json.loads((out / "result.json").read_text())
    assert result["recipe"]["evaluation"]["resize"] == 73
    model = convbook.load(out / "model.keras")
    assert model.preparation.mean == convbook.load(out / "best.keras").preparation.mean
    (out / "result.json").rename(tmp_path / "elsewhere.json")  # the file alone says it
    capsys.readouterr()
    assert main(["evaluate", str(out / "model.keras"), "--data", photos]) == 0
    said = json.loads((out / "evaluation-centre-test" / "evaluation.json").read_text())
    assert said["top_1"] == pytest.approx(result["test_accuracy"])
    assert said["classes"] == ["cat", "dog"]
    assert f"images prepared as for {out}/model.keras: short side 73" in said["words"][0]
    # 146 x 146: the square is the image, and 128 x 128 of it become 64 x 64
    images = np.random.default_rng(0).integers(0, 256, (3, 146, 146, 3), "uint8")
    np.save(tmp_path / "images.npy", images)
    command = [out / "deployed.keras", tmp_path / "images.npy", tmp_path / "answers.npz"]
    done = interpreter.run(FRESH, *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    expected = keras.ops.softmax(model(model.preparation(images)))
    for found in np.load(tmp_path / "answers.npz").values():
        np.testing.assert_allclose(found, expected, atol=1e-5)


def softmax_of(model, prepared):
    return keras.ops.convert_to_numpy(keras.ops.softmax(model(prepared)))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet20", {}),
        ("resnet20", dict(survival=0.5)),
        ("resnext29_32x4d_cifar", {}),
        ("resnet20", dict(input_shape=(32, 32, 1))),
    ],
)
def test_deployed_answers_as_the_network(name, options):
    """Gates become what they are in inference, grouped convolutions Keras' own; no weight moves."""
    model = architectures.create(name, classes=5, **options)
    _, side, _, c = model.input_shape
    rng = np.random.default_rng(0)
    known = weights.Preparation(
        *(side + 4, side, "bicubic"),
        order="BGR" if c == 3 else "grey",
        mean=rng.uniform(0.3, 0.6, c),
        std=rng.uniform(0.2, 0.4, c),
    )
    found = weights.deployed(model, known)
    before = [w.numpy() for w in found.weights]
    images = rng.integers(0, 256, (2, side + 4, side + 4, c), "uint8")
    np.testing.assert_allclose(found(images), softmax_of(model, known(images)), atol=1e-5)
    assert all((w.numpy() == old).all() for w, old in zip(found.weights, before, strict=True))


def test_deployed_takes_photographs_of_any_size(bare):
    """The centre is resized differently from the library, but the first class is the same."""
    model = architectures.create("squeezenet_v1_1")
    weights.from_torch(model, pretrained.squeezenet())
    known = weights.Preparation(**pretrained.PREPARATION)
    model = weights.prepared(model, known, weights.class_names("imagenet"))
    found, names = weights.deployed(model), model.class_names
    for photograph, name in (("coffee.png", "espresso"), ("chelsea.png", "Egyptian cat")):
        x = pretrained.photograph(photograph)[None]
        assert names[int(np.argmax(found(x)))] == name
        assert np.abs(found(x) - softmax_of(model, known(x))).max() < 0.05


def test_deployed_has_one_softmax():
    """No second softmax is added if the network, or a nested model, ends in one."""
    known = weights.Preparation(20, 16)
    inner = architectures.create("resnet20", input_shape=(16, 16, 3), classes=3)
    x = keras.Input((16, 16, 3))
    images = np.random.default_rng(0).integers(0, 256, (2, 20, 20, 3), "uint8")
    expected = softmax_of(inner, known(images))
    layer = keras.Model(x, keras.layers.Softmax()(inner(x)))
    nested = keras.Model(x, keras.layers.Activation("linear")(layer(x)))
    for model in (layer, nested, keras.Model(x, keras.ops.softmax(inner(x)))):
        np.testing.assert_allclose(weights.deployed(model, known)(images), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["coffee.png", "china.jpg"])
def test_an_odd_margin_is_cut_in_the_middle(name):
    """73 pixels to 64: half a pixel aside, values would be 0.02 off on average."""
    known = weights.Preparation(73, 64, first="crop")
    model = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Identity()])
    found = weights.deployed(model, known)
    x = pretrained.photograph(name)[None].astype("float32")
    images = keras.Model(found.input, found.get_layer("normalised").output)(x)
    assert np.abs(images - known(x)).mean() < 0.01


@pytest.mark.parametrize(
    ("name", "known", "words"),
    [
        ("resnet20", None, "preparation=None: preparation must be a Preparation, as the model"),
        (
            "shufflenet_v1_g3_0.25x",
            CAFFE,
            "channelshuffle1, a ChannelShuffle, which is no layer of Keras",
        ),
    ],
)
def test_what_cannot_be_deployed_is_refused(name, known, words):
    with pytest.raises(ValueError, match=words):
        weights.deployed(architectures.create(name), known)


PHOTOGRAPHS = "astronaut.png chelsea.png coffee.png rocket.jpg hubble_deep_field.jpg ihc.png"
PHOTOGRAPHS += " retina.jpg china.jpg flower.jpg"


def halves(root):
    """--data of squares of nine photographs, from left halves to train, from right ones to test."""
    rng = np.random.default_rng(0)
    for name in PHOTOGRAPHS.split():
        x = pretrained.photograph(name)
        middle = x.shape[1] // 2
        for part, half in (("train", x[:, :middle]), ("test", x[:, middle:])):
            (folder := root / part / name.split(".")[0]).mkdir(parents=True)
            for k in range(8):
                i, j = (int(rng.integers(0, side - 127)) for side in half.shape[:2])
                Image.fromarray(half[i : i + 128, j : j + 128]).save(folder / f"{k}.png")
    return f"folder:{root}"


def linear(root, model):
    """The test accuracy of a linear classifier of the body's features, by scikit-learn."""
    body = keras.Model(model.input, model.get_layer("stage3").output)
    known = weights.Preparation(**pretrained.PREPARATION)
    found = {}
    for part in ("train", "test"):
        paths = sorted((root / part).glob("*/*.png"))
        x = np.stack([known(np.asarray(Image.open(path))) for path in paths])
        found[part] = body.predict(x, verbose=0).mean((1, 2)), [path.parent.name for path in paths]
    scale = found["train"][0].std()
    (x, y), (seen, labels) = ((x / scale, y) for x, y in found.values())
    return LogisticRegression(max_iter=3000).fit(x, y).score(seen, labels)


def test_a_frozen_body_is_worth_what_its_own_preparation_gives(tmp_path, monkeypatch):
    """With it, a run is as accurate as a linear classifier; without it, clearly less."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    model = architectures.create("squeezenet_v1_1")
    weights.from_torch(model, pretrained.squeezenet())
    model.save(path := tmp_path / "w.keras")
    argv = ["train", "squeezenet_v1_1", "--data", halves(tmp_path / "halves"), "--size", "227"]
    argv += ["--epochs", "12", "--lr", "0.004", "--freeze", "body", "--no-tensorboard"]
    accuracy = {}
    for name, options in (
        ("own", ["--weights", str(path), "--preparation", "caffe"]),
        ("plain", ["--init-from", str(path), "--init-only", "stem|stage"]),
    ):
        assert main([*argv, *options, "--out", str(tmp_path / name)]) == 0
        result = json.loads((tmp_path / name / "result.json").read_text())
        accuracy[name] = result["test_accuracy"]
    assert accuracy["own"] >= linear(tmp_path / "halves", model) - 0.05
    assert accuracy["own"] >= accuracy["plain"] + 0.1
