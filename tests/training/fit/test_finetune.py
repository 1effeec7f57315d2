"""The recipe for your own images: good for a few of them, given only size and epochs."""

import json

import files
import keras
import numpy as np
import pytest

from convbook.__main__ import main as convbook
from convbook.training import data
from convbook.training.commands import parse
from convbook.training.fit import report
from convbook.training.fit.compiled import compiled
from convbook.training.fit.effects import without_effect
from convbook.training.fit.job import prepare

NET = ["resnet20", "--size", "16", "--no-tensorboard"]


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """--data of two classes, 20 images each: 25 to train on."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    files.folder(tmp_path / "photos", {"cat": 20, "dog": 20})
    return f"folder:{tmp_path}/photos"


def weights(path):
    return keras.models.load_model(path).get_weights()


def test_the_best_epoch_is_kept_and_reported(photos, tmp_path, capsys, monkeypatch):
    """It is kept even if the run was stopped after it and resumed without best.keras."""
    out = tmp_path / "run"
    argv = ["train", *NET, "--data", photos, "--epochs", "3", "--out", str(out)]
    argv += ["--set", "schedule={'name':'rates','shares':[1,500],'each':[0.35],'unit':'runs'}"]

    def full(*options):
        raise OSError("no space left on device")

    monkeypatch.setattr(report, "write", full)
    assert convbook(argv) == 1
    monkeypatch.undo()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    best = weights(out / "best.keras")
    (out / "best.keras").unlink()
    capsys.readouterr()
    assert convbook(argv) == 0
    result, said = json.loads((out / "result.json").read_text()), capsys.readouterr().out
    assert result["best"]["epoch"] < 3  # at 500 times the rate nothing gets better
    assert f"of the best epoch, {result['best']['epoch']} (" in said
    assert result["val_accuracy"] == result["best"]["val_accuracy"]
    kept = weights(out / "model.keras")
    assert all((a == b).all() for a, b in zip(kept, best, strict=True))
    images = data.load_data(photos, 16, 3).test
    job = prepare(parse([*argv[1:-2], "--out", "x"]))
    batches = data.batches(
        *(images, len(images), 2),
        short=job.recipe["evaluation"]["resize"],
        augmentation=job.recipe["augmentation"],
        statistics=job.statistics,
    )
    (x, y), *_ = batches.as_numpy_iterator()
    logits = keras.models.load_model(out / "model.keras").predict(x, verbose=0)
    right = float(np.mean(logits.argmax(-1) == y.argmax(-1)))
    assert result["test_accuracy"] == pytest.approx(right)
    assert result["last"]["epoch"] == 3


def test_a_batch_that_fits(photos):
    """At least six steps per epoch, unless the options say otherwise."""
    job = prepare(parse([*NET, "--data", photos, "--epochs", "2", "--out", "x"]))
    assert (job.recipe["batch_size"], job.epoch, job.steps) == (4, 7, 14)
    assert isinstance(compiled(job).optimizer, keras.optimizers.Adam)
    argv = [*NET, "--data", photos, "--epochs", "2", "--out", "x", "--batch-size", "8"]
    assert prepare(parse(argv)).epoch == 4


def test_the_head_first(photos, tmp_path):
    """With weights: 0.3 of the run, then all at a tenth of the rate, unless asked otherwise."""
    keras.utils.set_random_seed(0)
    first = tmp_path / "first.keras"
    prepare(parse([*NET, "--data", photos, "--out", "x"])).model.save(first)
    argv = [*NET, "--data", photos, "--epochs", "10", "--out", "x", "--init-from", str(first)]
    job = prepare(parse(argv))
    assert (job.options.freeze, job.options.unfreeze) == ("body", 3)
    head = compiled(job, "body")
    assert [w.path for w in head.trainable_weights] == ["logits/kernel", "logits/bias"]
    rates = []
    for stage in ("body", None):
        optimizer = compiled(job, stage).optimizer
        optimizer.iterations.assign(20)
        rates.append(float(optimizer.learning_rate))
    assert rates[1] == pytest.approx(rates[0] / 10)
    every = prepare(parse([*argv, "--freeze", "stage2"]))
    assert (every.options.unfreeze, every.recipe["head_first"]) == (None, None)


def test_what_went_wrong_is_said():
    """In a line each: chance, of all images or of all classes alike; a loss that rose."""

    class Job:
        recipe = {"class_weights": None}

        class data:
            classes = 4
            test = data.Split(np.zeros((32, 1, 1, 1)), np.arange(32) % 4)

    rose = [{"loss": 1.0}, {"loss": 2.5}]
    near, loss = report.remarks(Job, {"test_accuracy": 0.28}, rose)
    assert near.startswith("test accuracy 28.00% is near chance, 25.00%")
    assert loss == "the training loss rose from 1 to 2.5: try a lower --lr"
    assert report.remarks(Job, {"test_accuracy": 0.9}, rose[::-1]) == []
    Job.recipe = {"class_weights": "balanced"}
    result = {"test_accuracy": 0.28, "test_balanced_accuracy": 0.9}
    assert report.remarks(Job, result, rose[::-1]) == []
    (alike,) = report.remarks(Job, result | {"test_balanced_accuracy": 0.3}, rose[::-1])
    assert alike.startswith("test balanced accuracy 30.00% is near chance, 25.00%")
    Job.recipe, Job.data.classes = {"class_weights": None}, 2
    Job.data.test = data.Split(np.zeros((5, 1, 1, 1)), np.arange(5) % 2)
    (few,) = report.remarks(Job, {"test_accuracy": 1.0}, rose[::-1])
    assert few.startswith("5 test images: too few to tell test accuracy 100.00% from chance")


@pytest.mark.parametrize(
    ("balanced", "words"), [(0.79, ", 79.00% balanced over the classes"), (0.795, ""), (None, "")]
)
def test_a_balanced_accuracy_is_said_where_it_is_another(balanced, words):
    result = {"test_accuracy": 0.8, "test_balanced_accuracy": balanced, "kept": "last"}
    assert report.accuracies(result) == f"test accuracy 80.00%{words}"


def test_of_the_best_epoch_nothing_is_said_if_it_is_the_last():
    last = {"epoch": 3, "test_accuracy": 0.7}
    result = {"test_accuracy": 0.8, "kept": "best", "last": last}
    assert report.accuracies(result | {"best": {"epoch": 3}}) == "test accuracy 80.00%"
    said = "with the weights of the best epoch, 2 (70.00% after the last, 3)"
    assert report.accuracies(result | {"best": {"epoch": 2}}) == f"test accuracy 80.00% {said}"


def test_a_run_too_short_for_its_schedule_is_said(photos):
    argv = [*NET, "--data", photos, "--batch-size", "5", "--out", "x", "--epochs"]
    short, paper = (
        prepare(parse([*argv, "4", "--recipe", r])).recipe["words"] for r in ("modern", "paper")
    )
    assert any("its rise of 25 steps is cut to 10" in line for line in short)
    assert any("20 steps are too few for the schedule" in line for line in paper)
    assert not any("too few" in line for line in prepare(parse([*argv, "4"])).recipe["words"])


IDLE = {  # what is given: why it changes nothing
    "--no-synchronize": "there is only one device",
    "--patience 2": "the run has 2 epochs",
    "--unfreeze 2": "the run has 2 epochs",
    "--save-every 7": "each epoch of 7 steps ends with a checkpoint anyway",
    "--log-every 99": "the run ends after 14 steps",
    "--set decays=all": "the weight decay is 0",
    "--set lr_without_norm=0.1": "the network has batch norm",
    "--set nesterov=True": "Adam has none",
}


def test_what_has_no_effect_is_said(photos):
    argv = [*NET, "--data", photos, "--epochs", "2", "--out", "x", "--freeze", "stage2"]
    given = [word for each in IDLE for word in each.split()] + ["--set", "weight_decay=0"]
    adam = ["--recipe", "digits", "--batch-size", "4", "--set", "optimizer=Adam"]
    job = prepare(parse([*argv, *adam, "--set", "momentum_form=caffe", *given]))
    lines = {f"{what} has no effect: {why}" for what, why in IDLE.items()}
    assert {*without_effect(job)} == lines
    job = prepare(parse([*argv, *adam, "--set", "momentum_form=caffe", "--set", "drop_path=0.1"]))
    assert without_effect(job) == []
    # At step 10 of 14, and at the last
    job = prepare(parse([*argv, *adam[:4], "--save-every", "10", "--log-every", "14"]))
    assert without_effect(job) == []
    job = prepare(parse([*argv, *adam[:4], "--option", "drop_path=0.2", "--set", "drop_path=0.1"]))
    why = "--option drop_path is given"
    assert without_effect(job) == [f"--set drop_path=0.1 has no effect: {why}"]


@pytest.mark.parametrize("counts", [{"cat": 4, "dog": 4}, {"cat": 4, "dog": 5}])
def test_class_weights_of_equal_classes_are_said(counts, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    for part in ("train", "val", "test"):
        files.folder(tmp_path / "photos" / part, counts, seed=len(part) * 100)
    argv = [*NET, "--data", f"folder:{tmp_path}/photos", "--out", "x"]
    job = prepare(parse([*argv, "--class-weights", "balanced"]))
    line = "--class-weights balanced has no effect: all classes have the same number of images"
    assert without_effect(job) == [line] * (counts["dog"] == 4)


def test_dropout_is_as_given(photos):
    """The rates of the network's own layers, in order; the dropped paths are left as they are."""
    argv = ["nin_cifar10", "--size", "32", "--data", photos, "--out", "x"]
    job = prepare(parse([*argv, "--set", "dropout=[0.1,0.2]"]))
    kinds = [each for each in job.model.layers if isinstance(each, keras.layers.Dropout)]
    assert [each.rate for each in kinds] == [0.1, 0.2]
    with pytest.raises(ValueError, match=r"dropout=\[0.1\]: must be 2 rates, .*\(0.5, 0.5\)"):
        prepare(parse([*argv, "--set", "dropout=[0.1]"]))


def test_a_frozen_body_leaves_something_to_train(photos):
    with pytest.raises(ValueError, match="--freeze 'body': nothing is left to train"):
        prepare(parse(["lenet5", "--out", "x", "--freeze", "body"]))
    with pytest.raises(
        ValueError, match="--skip-broken works only with your own files; --data digits"
    ):
        prepare(parse(["lenet5", "--out", "x", "--skip-broken"]))


def test_adamw_decays_beside_the_step(photos):
    """Only kernels decay, and the decay is not part of the gradient."""
    argv = [*NET, "--data", photos, "--out", "x", "--set", "optimizer=AdamW"]
    argv += ["--set", "weight_decay=0.1", "--lr", "0.5", "--set", "schedule={'name':'constant'}"]
    model = compiled(prepare(parse(argv)))
    assert model.losses == []
    kept = model.get_weights()
    zeros = [0 * w for w in model.trainable_variables]
    model.optimizer.apply(zeros)
    for w, now, before in zip(model.weights, model.get_weights(), kept, strict=True):
        rate = 1 - 0.5 * 0.1 if w.trainable and w.name == "kernel" else 1
        np.testing.assert_allclose(now, before * rate, rtol=1e-6)
