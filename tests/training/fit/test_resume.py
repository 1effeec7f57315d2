"""An interrupted run resumes where it stopped; further options of a run."""

import csv
import errno
import json
import signal
from pathlib import Path

import files
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kills import compare
from test_weights import golden

from convbook.__main__ import main as convbook
from convbook.blocks import conv, gavgpool
from convbook.training import data
from convbook.training.commands import parse
from convbook.training.fit import checkpoints, run
from convbook.training.fit.job import prepare
from convbook.training.fit.resume import Keeper

SHORT = ["--batch-size", "384", "--epochs", "3", "--no-tensorboard"]  # nine steps
LENET = [*files.LENET, *SHORT]
RESNET = ["resnet20", "--size", "8", *SHORT]


def main(argv):
    return convbook(["train", *argv])


def ran(folder, *argv, code=0):
    assert main([*argv, "--out", str(folder)]) == code
    return folder


def weights(folder, name="model.keras"):
    return keras.models.load_model(folder / name).get_weights()


def equal(a, b):
    return all((x == y).all() for x, y in zip(a, b, strict=True))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run of LeNet-5."""
    return ran(tmp_path_factory.mktemp("runs") / "whole", *LENET)


@pytest.fixture
def stop_at(monkeypatch):
    """stop_at(step): SIGTERM in that step of the runs to come; of none, for None."""
    at = [None]

    def on_train_batch_begin(self, batch, logs=None):
        if self.info["step"] + batch - self.batch == at[0]:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Keeper, "on_train_batch_begin", on_train_batch_begin)
    return lambda step: at.__setitem__(0, step)


@given(st.integers(0, 40), st.integers(1, 40), st.integers(1, 9), st.integers(1, 6) | st.none())
@settings(max_examples=300, deadline=None)
def test_calls_of_fit_cover_every_step_once(start, steps, epoch, cut):
    at = start
    for first, n, size, last in run.spans(start, steps, epoch, cut):
        assert first == at
        assert n == at // epoch < last
        assert size == epoch or last == n + 1  # a part of an epoch is in a call of its own
        assert cut is None or not n < cut < last
        at += size * (last - n)
        assert at % epoch == 0 or at == steps
    assert at == max(start, steps)


@pytest.mark.parametrize("step", [1, 4, 6, 8])
def test_sigterm_saves_and_the_same_command_goes_on(step, whole, tmp_path, stop_at, capsys):
    """Stopped anywhere, it ends with the weights, history and best epoch of the whole run."""
    stop_at(step)
    ran(tmp_path, *LENET, code=128 + signal.SIGTERM)
    assert f"SIGTERM at step {step}: saved" in capsys.readouterr().err
    stop_at(None)
    ran(tmp_path, *LENET)
    assert f"resumes at step {step} of 9" in capsys.readouterr().out
    assert equal(weights(tmp_path), weights(whole))
    assert equal(weights(tmp_path, "best.keras"), weights(whole, "best.keras"))
    results = [json.loads((folder / "result.json").read_text()) for folder in (tmp_path, whole)]
    for key in ("test_accuracy", "val_accuracy", "best", "steps"):
        assert results[0][key] == results[1][key]
    rows = [list(csv.DictReader(open(folder / "history.csv"))) for folder in (tmp_path, whole)]  # noqa: SIM115
    for row, other in zip(*rows, strict=True):
        for key in set(row) - {"images_per_second"}:
            assert float(row[key]) == pytest.approx(float(other[key]), rel=1e-5), key


def test_what_counts_goes_on(tmp_path, stop_at):
    """Patience, best value and the rate of a plateau; every weight's average; the drawn gates."""
    argv = ["--recipe", "paper", "--option", "survival=0.5", "--set", "ema=0.5", "--patience", "2"]
    argv += ["--set", "schedule={'name':'plateau','factor':0.5,'patience':1}"]
    argv += ["--epochs", "5", "--lr", "1e-6"]  # learns nothing, so that patience ends
    kept = {}
    for folder, stops in (("whole", []), ("stopped", [4, 7])):
        for step in stops:
            stop_at(step)
            ran(tmp_path / folder, *RESNET, *argv, code=128 + signal.SIGTERM)
        stop_at(None)
        ran(tmp_path / folder, *RESNET, *argv)
        result = json.loads((tmp_path / folder / "result.json").read_text())
        last = checkpoints.written(tmp_path / folder / "checkpoints")[-1]
        arrays, info = checkpoints.read(last)
        kept[folder] = arrays, info, result["steps"], weights(tmp_path / folder)
    (arrays, info, steps, ends), (others, other, *_, found) = kept["whole"], kept["stopped"]
    assert info["counters"] == other["counters"]
    assert [set(c) for c in info["counters"]] == [
        {"wait", "best", "cooldown_counter"},
        {"wait", "best", "best_epoch", "stopped_epoch"},
    ]
    assert (steps, info["ended"]) == (9, True)  # of 15
    rates = [row["learning_rate"] for row in info["history"]]
    assert rates[-1] < rates[0]
    assert arrays.keys() == others.keys()
    assert all((arrays[k] == others[k]).all() for k in arrays)
    assert equal(ends, found)


def test_another_option_is_refused_by_name(whole, tmp_path, stop_at, capsys):
    stop_at(2)
    ran(tmp_path, *LENET, code=128 + signal.SIGTERM)
    stop_at(None)
    assert main([*LENET, "--lr", "0.5", "--out", str(tmp_path)]) == 2
    has = f"--lr 0.5: the run in {tmp_path} has 0.1 (0.01 without batch norm)"
    assert f"{has}; give the same, or another --out" in capsys.readouterr().err
    ran(tmp_path, *LENET, "--keep", "5", "--log-every", "4")  # may change
    said = capsys.readouterr().out
    assert "step 4/9" in said
    assert "step 5/9" not in said
    assert equal(weights(tmp_path), weights(whole))


def test_a_broken_checkpoint_is_named_and_the_one_before_it_used(whole, tmp_path, stop_at, capsys):
    stop_at(7)
    ran(tmp_path, *LENET, "--save-every", "5", "--keep", "9", code=128 + signal.SIGTERM)
    stop_at(None)
    *_, before, last = found = checkpoints.written(tmp_path / "checkpoints")
    assert [int(path.stem[5:]) for path in found] == [3, 5, 6, 7]
    last.write_bytes(last.read_bytes()[:-300])
    half = bytearray(before.read_bytes())
    half[len(half) // 2] ^= 1
    before.write_bytes(half)
    ran(tmp_path, *LENET)
    said = capsys.readouterr().out
    for path, why in ((last, "truncated or corrupt"), (before, "truncated or corrupt")):
        assert f"{path} is {why}" in said
    assert "resumes at step 5" in said
    assert equal(weights(tmp_path), weights(whole))


def test_where_every_checkpoint_is_broken_the_run_begins_anew(tmp_path):
    for step in (1, 2):
        (tmp_path / f"step-{step:09}.npz").write_bytes(b"")
    kept, words = checkpoints.latest(tmp_path, lambda info: {})
    ends = [line.split(": ")[1] for line in words]
    assert kept is None
    assert ends == ["falling back to the previous one", "starting again from the beginning"]


def test_a_checkpoint_that_does_not_fit_is_refused(whole, tmp_path, capsys):
    _, info = checkpoints.read(checkpoints.written(whole / "checkpoints")[-1])
    checkpoints.save(tmp_path / "checkpoints", 8, {"00000/other": np.zeros(3)}, info)
    ran(tmp_path, *LENET, code=2)
    assert "step-000000008.npz does not fit (00000/" in capsys.readouterr().err


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch, capsys, whole):
    """The disk is full at the end of epoch 2; the half-written file is deleted."""
    saved, save = [], np.savez

    def full(file, **arrays):
        if len(saved) == 2:  # before and after the validation of the first
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(file, **arrays)
        saved.append(file)

    monkeypatch.setattr(np, "savez", full)
    ran(tmp_path, *LENET, code=1)
    assert "step-000000006.npz cannot be written: No space left" in capsys.readouterr().err
    monkeypatch.undo()
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-000000003.npz"]
    ran(tmp_path, *LENET)
    assert "resumes at step 3 of 9" in capsys.readouterr().out
    assert equal(weights(tmp_path), weights(whole))


def test_a_loss_that_is_not_finite_stops(tmp_path, capsys):
    """It says at which step, and which checkpoint is the last good one."""
    argv = [
        *LENET,
        "--set",
        "schedule={'name':'rates','shares':[1,1e12],'each':[1],'unit':'epochs'}",
    ]
    ran(tmp_path, *argv, code=1)
    said = capsys.readouterr().err
    assert "the loss is" in said
    assert "at step" in said
    last = checkpoints.written(tmp_path / "checkpoints")[-1]
    assert str(last) in said
    assert all(np.isfinite(a).all() for a in checkpoints.read(last)[0].values())


def test_the_moving_average_is_what_is_saved(tmp_path):
    """A short average is close to the last weights, a long one is not; none equals them."""
    paper = ["lenet5", *SHORT]  # whose steps are longer
    plain = weights(ran(tmp_path / "plain", *paper))
    near, far = (
        weights(ran(tmp_path / ema, *paper, "--set", f"ema={ema}")) for ema in ("0.001", "0.9")
    )

    def apart(a, b):
        return max(np.abs(x - y).max() for x, y in zip(a, b, strict=True))

    assert 0 < apart(near, plain) < 1e-3 < apart(far, plain)


def test_the_moving_average_is_validated_and_is_the_best(tmp_path):
    """After one epoch best.keras has the weights of model.keras, whose loss is that of history."""
    argv = ["--epochs", "1", "--set", "ema=0.9"]
    ran(tmp_path, *files.LENET, *SHORT[:2], *argv, "--no-tensorboard")
    assert equal(weights(tmp_path, "best.keras"), weights(tmp_path))
    model, val = (
        keras.models.load_model(tmp_path / "model.keras"),
        data.load_data("digits", 32, 1).val,
    )
    recipe = json.loads((tmp_path / "result.json").read_text())["recipe"]
    loss = keras.losses.CategoricalCrossentropy(True, recipe["label_smoothing"])
    expected = float(loss(np.eye(10)[val.y], model.predict(val.x, verbose=0)))
    for w in model.trainable_weights:
        if w.name == "kernel":
            expected += recipe["weight_decay"] / 2 * float((w.numpy() ** 2).sum())
    (row,) = csv.DictReader((tmp_path / "history.csv").read_text().splitlines())
    assert float(row["val_loss"]) == pytest.approx(expected, rel=1e-5)


def test_accumulation_is_the_whole_batch(whole, tmp_path):
    """Parts of a batch one after the other; LeNet-5 has no batch norm to see them."""
    parts = weights(ran(tmp_path, *LENET, "--accumulate", "4"))
    for a, b in zip(parts, weights(whole), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_auxiliary_heads(tmp_path):
    """They are trained with the recipe's weight, and are not in what is saved."""
    options = parse([*LENET, "--out", str(tmp_path)])
    job = prepare(options)
    i = keras.Input((32, 32, 1))
    x = conv(i, 4, s=4)
    near = keras.layers.Dense(10, name="aux1_logits")(gavgpool(x))
    far = keras.layers.Dense(10, name="logits")(gavgpool(conv(x, 8, s=2)))
    job = job._replace(model=keras.Model(i, [far, near]))
    job.recipe["aux_weights"] = [0.3]
    first = [w.copy() for w in job.model.get_layer("aux1_logits").get_weights()]
    result = run.train(job, tmp_path)
    assert not equal(first, job.model.get_layer("aux1_logits").get_weights())
    row = list(csv.DictReader(open(tmp_path / "history.csv")))[-1]  # noqa: SIM115
    heads = float(row["logits_loss"]) + 0.3 * float(row["aux1_logits_loss"])
    kernels = [keras.ops.convert_to_numpy(w) for w in job.model.trainable_weights if w.ndim > 1]
    penalty = sum(5e-4 / 2 * (w**2).sum() for w in kernels)
    assert float(row["loss"]) == pytest.approx(heads + penalty, rel=2e-2)
    assert float(row["val_accuracy"]) == pytest.approx(result["val_accuracy"])
    saved = keras.models.load_model(tmp_path / "model.keras")
    assert len(saved.outputs) == 1
    assert "aux1_logits" not in [layer.name for layer in saved.layers]


def moved(folder, first):
    """The names of the layers with weights that are not those of the model first."""
    last = keras.models.load_model(folder / "model.keras")
    pairs = [(layer, first.get_layer(layer.name)) for layer in last.layers if layer.weights]
    return {a.name for a, b in pairs if not equal(a.get_weights(), b.get_weights())}


def test_fine_tuning(tmp_path, stop_at, capsys):
    """A trained body with a new head: frozen, or frozen up to a stage and later not."""
    ran(tmp_path / "first", *RESNET)
    path = str(tmp_path / "first" / "model.keras")
    first = keras.models.load_model(path)
    layers = {layer.name for layer in first.layers if layer.weights}
    argv = [*RESNET, "--init-from", path, "--init-only", "^st"]
    ran(tmp_path / "body", *argv, "--freeze", "body")
    assert "initialized from scratch: logits" in capsys.readouterr().out
    assert moved(tmp_path / "body", first) == {"logits"}
    ran(tmp_path / "stage", *argv, "--freeze", "stage2")
    late = {name for name in layers if name.startswith("stage3")} | {"logits"}
    assert moved(tmp_path / "stage", first) == late
    argv += ["--freeze", "stage2", "--unfreeze", "1"]
    ran(tmp_path / "later", *argv)
    assert moved(tmp_path / "later", first) == layers
    for step in (3, 5):  # at the end of the frozen phase, and after it
        stop_at(step)
        ran(tmp_path / "resumed", *argv, code=128 + signal.SIGTERM)
    stop_at(None)
    ran(tmp_path / "resumed", *argv)
    assert equal(weights(tmp_path / "resumed"), weights(tmp_path / "later"))


def test_a_deeper_net_begins_from_a_shallower_one(tmp_path, capsys):
    ran(tmp_path / "20", *RESNET)
    path = str(tmp_path / "20" / "model.keras")
    argv = ["resnet32", *RESNET[1:], "--init-from", path, "--out", str(tmp_path / "32")]
    job = prepare(parse(argv))
    said = capsys.readouterr().out
    assert "stage1_block4_b2_conv1" in said  # initialized from scratch
    shallow = keras.models.load_model(path)
    for name in ("stem_conv1", "stage3_block3_b2_bn2", "logits"):
        assert equal(job.model.get_layer(name).get_weights(), shallow.get_layer(name).get_weights())
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "other.keras")
    for other, why in (("other.keras", "no layer has the name"), ("none", "there is no such file")):
        with pytest.raises(ValueError, match=why):
            prepare(parse([*RESNET, "--init-from", str(tmp_path / other)]))


def test_a_folder_with_files_that_cannot_be_read(tmp_path, capsys, monkeypatch):
    """Refused by name; with --skip-broken trained without them, and listed."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    files.folder(tmp_path / "photos", {"cat": 12, "dog": 12})
    broken = tmp_path / "photos" / "cat" / "0.jpg"
    broken.write_bytes(broken.read_bytes()[:-100])
    (tmp_path / "photos" / "dog" / "note.jpg").write_text("no image")
    argv = ["resnet20", "--data", f"folder:{tmp_path}/photos", "--size", "16", "--recipe", "paper"]
    argv += ["--epochs", "1", "--batch-size", "8", "--no-tensorboard", "--out", str(tmp_path / "a")]
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert f"{broken}: a JPEG that is truncated or corrupt" in said
    assert not (tmp_path / "a").exists()
    assert main([*argv, "--skip-broken"]) == 0
    assert "2 images left out: see" in capsys.readouterr().out
    with open(tmp_path / "a" / "skipped.csv") as file:
        rows = list(csv.DictReader(file))
    assert {Path(row["file"]).name for row in rows} == {"0.jpg", "note.jpg"}
    result = json.loads((tmp_path / "a" / "result.json").read_text())
    assert result["classes"] == ["cat", "dog"]
    assert len(result["statistics"]["mean"]) == 3


def test_a_librarys_weights_but_for_the_head(tmp_path, capsys):
    """The same as for imagenet and timm/NAME.TAG, but without a download."""
    numpy = pytest.importorskip("safetensors.numpy")
    state, _, _ = golden("pcv-resnet20_cifar10")
    numpy.save_file(
        {k: np.ascontiguousarray(v) for k, v in state.items()}, tmp_path / "w.safetensors"
    )
    argv = ["--option", "shortcut=B", "--weights", str(tmp_path / "w.safetensors")]
    argv += ["--of", "pytorchcv/resnet20_cifar10"]
    model = prepare(parse([*RESNET, *argv])).model
    assert "initialized from scratch: logits\n" in capsys.readouterr().out
    stem = np.transpose(state["features.init_block.conv.weight"], (2, 3, 1, 0))
    assert (model.get_layer("stem_conv1").get_weights()[0] == stem).all()
    assert np.abs(model.get_layer("logits").get_weights()[0] - state["output.weight"].T).max() > 0.1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--freeze", "stage9"], "--freeze 'stage9': must be body or one of stem, stage1"),
        (["--unfreeze", "2"], "nothing is frozen without it"),
        (["--weights", "imagenet"], "weights='imagenet': keras.applications has no resnet20"),
        (["--weights", "x", "--init-from", "y"], "give one of the two"),
        (["--lr", "0.1", "--set", "lr=0.5"], "--lr 0.1 and --set lr=0.5: give one of the two"),
        (["--set", "moment=0.5"], "moment=0.5: a recipe has no such field; it has"),
        (["--accumulate", "5"], "must be a multiple of 5"),
        (["--data", "folder:/none/there"], "name a folder for the results with --out"),
        (["--workers", "a:1,b:2"], "--workers without --index"),
        (["--steps", "3"], "give one of the two"),
    ],
)
def test_what_cannot_be_is_said_before_time_is_spent(argv, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*RESNET, *argv]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_recipes_are_printed(capsys):
    assert convbook(["recipes", "resnet50"]) == 0
    said = capsys.readouterr().out
    assert "weight_decay" in said
    assert "0.0001" in said
    assert convbook(["recipes"]) == 0
    assert "resnet50" in capsys.readouterr().out
    assert convbook(["recipes", "resnet21"]) == 2


@pytest.mark.parametrize(("kills", "workers"), [(2, 1), (1, 2)])
def test_killed_runs_end_bit_for_bit_alike(tmp_path, kills, workers):
    """SIGKILL at random steps; python tests/apart/kills.py does it twenty times."""
    assert len(compare(Path(tmp_path), kills, workers, seed=1)) == kills
