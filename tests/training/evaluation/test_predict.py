"""convbook predict: what it prints for images it was and was not trained for."""

import json
import os
import re

import keras
import numpy as np
import pretrained
import pytest
from files import jpeg, picture, png

from convbook import architectures
from convbook.__main__ import main as convbook
from convbook.architectures import weights
from convbook.blocks import conv, dense
from convbook.training import data

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
    (root / "empty").mkdir()
    return root


def expected(run, numbers, mean=0.0):
    """Probabilities of the centre of images, of short side 8 here."""
    part = data.Files([str(run / f"{k}.png") for k in numbers], [0] * len(numbers), 8, 3)
    x = np.concatenate([x for x, _ in data.batches(part, 2, 1).as_numpy_iterator()])
    e = np.exp(keras.models.load_model(run / "model.keras").predict_on_batch(x - mean))
    return e / e.sum(-1, keepdims=True)


def test_names_and_probabilities(run, capsys):
    """Names and the mean of the training images come from result.json."""
    mean = [0.3, 0.4, 0.5]
    result = dict(options={}, recipe=dict(augmentation=[["subtract_mean", {}]]), classes=NAMES)
    result |= dict(statistics=dict(mean=mean, std=[1, 1, 1]))
    (run / "result.json").write_text(json.dumps(result))
    try:
        assert main([str(run / f) for f in ("model.keras", "0.png", "2.png", "grey.jpg")]) == 0
    finally:
        (run / "result.json").unlink()
    word, first, second, grey = capsys.readouterr().out.splitlines()
    assert word == f"images prepared as in the training of {run}/model.keras"
    for line, p in zip((first, second), expected(run, [0, 2], np.float32(mean)), strict=True):
        order = p.argsort()[::-1][:5]
        assert line.split(".png: ")[1] == ", ".join(f"{NAMES[c]} {p[c]:.1%}" for c in order)
    assert "grey.jpg: " in grey


def test_a_runs_folder_stands_for_its_model(run, plain, capsys):
    said = []
    for model in (run / "model.keras", run):
        assert main([str(model), str(run / "0.png"), *plain]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


PLAIN = dict(short=8, crop=8, first="crop")  # values from 0 to 1 as they are


@pytest.fixture
def plain(run):
    """Options for a bare file."""
    path = run / "plain.json"
    path.write_text(json.dumps(PLAIN))
    return ["--preparation", str(path)]


def test_a_bare_file_with_a_preparation(run, plain, capsys):
    """Classes have numbers instead of names; as many are printed as requested."""
    assert main([str(run / "model.keras"), str(run / "1.png"), "--top", "2", *plain]) == 0
    word, line = capsys.readouterr().out.splitlines()
    assert word.startswith(f"images prepared as for --preparation {run}/plain.json: short side 8")
    a, b = expected(run, [1])[0].argsort()[::-1][:2]
    assert re.findall(r"class (\d) [\d.]+%", line) == [str(a), str(b)]


def test_folders_patterns_and_json(run, plain, tmp_path, capsys):
    (tmp_path / "in" / ".hidden").mkdir(parents=True)
    for name in ("b.png", "a.png", ".hidden/c.png"):
        (tmp_path / "in" / name).write_bytes((run / "0.png").read_bytes())
    images = [str(tmp_path / "in"), str(run / "[12].png"), str(run / "none*.png")]
    assert main([str(run / "model.keras"), *images, "--json", "--top", "1", *plain]) == 1
    document = json.loads(capsys.readouterr().out)
    seen = {each["image"]: each for each in document["images"]}
    names = [f"{tmp_path}/in/a.png", f"{tmp_path}/in/b.png", f"{run}/1.png", f"{run}/2.png"]
    assert [*seen] == [*names, f"{run}/none*.png"]
    assert seen[f"{run}/none*.png"]["error"] == "not found"
    for name, p in zip(names[1:], expected(run, [0, 1, 2]), strict=True):
        ((best),) = seen[name]["classes"]
        assert best["number"] == p.argmax()
        assert best["name"] == f"class {p.argmax()}"
        np.testing.assert_allclose(best["probability"], p.max(), rtol=1e-5)
    assert document["preparation"].startswith("images prepared as for --preparation")


def test_what_a_folder_holds_and_nobody_can_read_is_named(run, plain, tmp_path, capsys):
    (tmp_path / "a.png").write_bytes((run / "0.png").read_bytes())
    os.mkfifo(tmp_path / "pipe.png")
    assert main([str(run / "model.keras"), str(tmp_path), *plain]) == 1
    out, err = capsys.readouterr()
    assert f"{tmp_path}/a.png: class" in out
    assert err == f"{tmp_path}/pipe.png: a pipe, not a regular file\n"


def test_answers_that_are_not_finite_are_an_error(run, plain, capsys):
    model = keras.models.load_model(run / "model.keras")
    model.layers[-1].bias.assign([np.nan] * 6)
    model.save(run / "nan.keras")
    assert main([str(run / "nan.keras"), str(run / "1.png"), *plain]) == 2
    said = f"returns numbers that are not finite for {run / '1.png'}: predict with an earlier"
    assert said in capsys.readouterr().err


SEEN = {"coffee.png": "espresso", "chelsea.png": "Egyptian cat", "china.jpg": "dome"}


@pytest.mark.parametrize("ending", ["keras", "weights.h5"])
def test_a_network_by_name_with_trained_weights(ending, tmp_path, capsys):
    """A bare file, and one that says how images are prepared for it."""
    model = architectures.create("squeezenet_v1_1")
    weights.from_torch(model, pretrained.squeezenet())
    path, options = tmp_path / f"squeezenet.{ending}", ["--preparation", "caffe"]
    if ending == "keras":
        known = weights.Preparation(**pretrained.PREPARATION)
        weights.prepared(model, known, weights.class_names("imagenet")).save(path)
        options = []
    else:
        model.save_weights(path)
    images = [str(pretrained.path_of(name)) for name in SEEN]
    assert main(["squeezenet_v1_1", "--weights", str(path), *images, *options, "--top", "1"]) == 0
    word, *lines = capsys.readouterr().out.splitlines()
    assert "short side 256, centre 227 x 227, bilinear, BGR, values from 0 to 255" in word
    for line, what in zip(lines, SEEN.values(), strict=True):
        assert f": {what} " in line


def test_broken_files_are_named_and_the_others_answered(run, plain, capsys):
    files = ("text.png", "1.png", "cut.jpg", "none.png", "0.png")
    assert main([*(str(run / f) for f in ("model.keras", *files)), *plain]) == 1
    printed = capsys.readouterr()
    assert [line.split(": ")[0][-5:] for line in printed.out.splitlines()[1:]] == ["1.png", "0.png"]
    text, cut, none = printed.err.splitlines()
    assert text.endswith("text.png: neither JPEG nor PNG")
    assert cut.endswith("cut.jpg: a JPEG that is truncated or corrupt")
    assert none.endswith("none.png: not found")
    assert main([*(str(run / f) for f in ("model.keras", "text.png")), *plain]) == 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["{run}/gone.keras", "{run}/0.png"], "gone.keras: there is no such file"),
        (["{run}/empty", "{run}/0.png"], "empty: this folder has no model.keras"),
        (["{run}/text.png", "{run}/0.png"], "text.png: MODEL must be a run's folder"),
        (["{run}/two.keras", "{run}/0.png", "--preparation", "tf"], "{run}/two.keras takes 2"),
        (["{run}/model.keras", "{run}/0.png"], "does not say how to prepare its images; give"),
        (["resnet20", "{run}/0.png"], "no such file; resnet20 is a network: give --weights"),
        (["resnet20", "{run}/0.png", "--weights", "{run}/gone.keras"], "gone.keras"),
        (["resnot20", "{run}/0.png", "--weights", "{run}/model.keras"], "nearest: resnet20"),
        (["{run}/model.keras", "{run}/0.png", "--of", "timm/resnet51"], "as timm/resnet50"),
        (
            ["{run}/model.keras", "{run}/0.png", "--preparation", "mean"],
            "must be caffe",
        ),
        (["{run}/model.keras", "{run}", "--of", "timm/a", "--preparation", "tf"], "one of the two"),
        (["{run}/lambda.keras", "{run}/0.png"], "lambda.keras cannot be loaded by Keras"),
        (["{run}/model.keras"], "IMAGE"),
        (["{run}/model.keras", ""], "IMAGE '': name image files"),
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
    assert words.format(run=run) in error
