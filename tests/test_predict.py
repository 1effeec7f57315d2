"""convbook predict: what it prints of images that it was and was not trained for."""

import json
import re

import keras
import numpy as np
import pytest

from convbook.__main__ import main as convbook
from convbook.blocks import conv, dense
from convbook.training import data
from tests.files import jpeg, picture, png

NAMES = ["ant", "bee", "cat", "dog", "eel", "fox"]


def main(argv):
    return convbook(["predict", *argv])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network of six classes, the images it is asked about, and what it should say."""
    root = tmp_path_factory.mktemp("run")
    keras.utils.set_random_seed(0)
    i = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(conv(i, 4, k=3, p="valid"))
    model = keras.Model(i, dense(x, 6, a=None))
    model.set_weights([3 * w for w in model.get_weights()])
    model.save(root / "model.keras")
    for k in range(3):
        (root / f"{k}.png").write_bytes(png(picture(k)))
    (root / "grey.jpg").write_bytes(jpeg(picture(3)[..., :1]))
    (root / "cut.jpg").write_bytes(jpeg(picture(4))[:-200])
    (root / "text.png").write_bytes(b"no image")
    return root


def expected(run, numbers, mean=0.0):
    """Probabilities of the centre of images, of short side 8 here."""
    part = data.Files([str(run / f"{k}.png") for k in numbers], [0] * len(numbers), 8, 3)
    x = np.concatenate([x for x, _ in data.batches(part, 2, 1).as_numpy_iterator()])
    e = np.exp(keras.models.load_model(run / "model.keras").predict_on_batch(x - mean))
    return e / e.sum(-1, keepdims=True)


def test_names_and_probabilities(run, capsys):
    """Of result.json, beside the normalisation by the mean of the training images."""
    mean = [0.3, 0.4, 0.5]
    told = dict(options={}, recipe=dict(augmentation=[["subtract_mean", {}]]), classes=NAMES)
    told |= dict(statistics=dict(mean=mean, std=[1, 1, 1]))
    (run / "result.json").write_text(json.dumps(told))
    try:
        assert main([str(run / f) for f in ("model.keras", "0.png", "2.png", "grey.jpg")]) == 0
    finally:
        (run / "result.json").unlink()
    first, second, grey = capsys.readouterr().out.splitlines()
    for line, p in zip((first, second), expected(run, [0, 2], np.float32(mean)), strict=True):
        order = p.argsort()[::-1][:5]
        assert line.split(".png: ")[1] == ", ".join(f"{NAMES[c]} {p[c]:.1%}" for c in order)
    assert "grey.jpg: " in grey


def test_without_result_json(run, capsys):
    """Classes by number; as many as asked for."""
    assert main([str(run / "model.keras"), str(run / "1.png"), "--top", "2"]) == 0
    word, line = capsys.readouterr().out.splitlines()
    assert word.startswith("no result.json beside the model")
    a, b = expected(run, [1])[0].argsort()[::-1][:2]
    assert re.findall(r"class (\d) [\d.]+%", line) == [str(a), str(b)]


def test_broken_files_are_named_and_the_others_answered(run, capsys):
    files = ("text.png", "1.png", "cut.jpg", "none.png", "0.png")
    assert main([str(run / f) for f in ("model.keras", *files)]) == 1
    told = capsys.readouterr()
    assert [line.split(": ")[0][-5:] for line in told.out.splitlines()[1:]] == ["1.png", "0.png"]
    text, cut, none = told.err.splitlines()
    assert text.endswith("text.png: neither JPEG nor PNG")
    assert cut.endswith("cut.jpg: a JPEG that is truncated or corrupt")
    assert none.endswith("none.png: not found")
    assert main([str(run / f) for f in ("model.keras", "text.png")]) == 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["{run}/gone.keras", "{run}/0.png"], "gone.keras: there is no such file"),
        (["{run}/text.png", "{run}/0.png"], "text.png cannot be loaded by Keras"),
        (["{run}/two.keras", "{run}/0.png"], "takes images of 2 channels: images have 1 or 3"),
        (["{run}/lambda.keras", "{run}/0.png"], "lambda.keras cannot be loaded by Keras"),
        (["{run}/model.keras"], "IMAGE"),
        (["{run}/model.keras", "{run}/0.png", "--top", "0"], "--top: '0' is not a whole number"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(argv, words, run, capsys):
    for name, channels in (("two", 2), ("lambda", 3)):
        if not (run / f"{name}.keras").exists():
            i = keras.Input((8, 8, channels))
            x = keras.layers.Lambda(lambda x: 2 * x)(i) if name == "lambda" else i
            keras.Model(i, dense(keras.layers.Flatten()(x), 3)).save(run / f"{name}.keras")
    assert main([arg.format(run=run) for arg in argv]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
