"""What belongs to one run: a folder, a checkpoint or a worker of another is refused by name."""

import json
import os
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import files
import keras
import pytest
import tensorflow as tf
from places import ROOT

from convbook.__main__ import main as convbook
from convbook.training.commands import parse
from convbook.training.devices.cluster import Cluster, here
from convbook.training.fit import checkpoints, fingerprint
from convbook.training.fit.folder import reserved
from convbook.training.fit.job import of_finished
from convbook.training.fit.resume import Keeper

RECIPE = ["--recipe", "digits", "--size", "32", "--epochs", "2", "--no-tensorboard"]
RUN = [*files.LENET, *RECIPE, "--batch-size", "5"]  # two steps an epoch


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """--data of two classes with eight images each."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    files.folder(tmp_path / "photos", {"cat": 8, "dog": 8})
    return tmp_path / "photos"


def train(photos, out, *argv):
    return convbook(["train", *RUN, "--data", f"folder:{photos}", "--out", str(out), *argv])


def weights(out, name="model.keras"):
    return keras.models.load_model(out / name).get_weights()


def equal(a, b):
    return all((x == y).all() for x, y in zip(a, b, strict=True))


def remove(photos):
    for path in sorted((photos / "dog").iterdir())[:1]:
        path.unlink()


def add_class(photos):
    shutil.copytree(photos / "dog", photos / "eel")


def rename(photos):
    (photos / "dog").rename(photos / "wolf")


def change(photos):
    """Two images change places: as many images of the same classes, other ones."""
    one, other = sorted((photos / "dog").iterdir())[:2]
    pixels = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(pixels)


CHANGES = {
    remove: "--data: images 15: {of} 16",
    add_class: "--data: classes eel: {of} none of these",
    rename: "--data: classes wolf: {of} dog",
    change: "--data: the images to train on differ: {of} others",
}


@pytest.fixture
def stopped(monkeypatch):
    """stopped(where): SIGTERM and SIGINT, in the keeper's method of that name."""

    def stop(where):
        def raised(*args):
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(Keeper, where, raised, raising=False)

    return stop


def test_a_run_goes_on_with_the_same_data_alone(photos, tmp_path, stopped, monkeypatch, capsys):
    """Stopped in its first validation, by two signals: the epoch is kept.  At another path the
    same images are the same data; changed ones are refused, and leave the folder as it is."""
    assert train(photos, tmp_path / "whole") == 0
    out = tmp_path / "run"
    with monkeypatch.context():
        stopped("on_test_begin")
        assert train(photos, out) == 128 + signal.SIGTERM
    monkeypatch.delattr(Keeper, "on_test_begin", raising=False)
    assert "SIGTERM at step 2: saved" in capsys.readouterr().err
    found = [out / "passport.json", *(out / "checkpoints").iterdir()]
    kept = {p: p.read_bytes() for p in found}
    for i, (changed, words) in enumerate(CHANGES.items()):
        other = tmp_path / f"other{i}"
        shutil.copytree(photos, other)
        changed(other)
        assert train(other, out) == 2
        assert words.format(of=f"the run in {out} has") in capsys.readouterr().err
    assert {p: p.read_bytes() for p in kept} == kept
    assert {*(out / "checkpoints").iterdir()} == {*found[1:]}
    photos.rename(tmp_path / "moved")
    assert train(tmp_path / "moved", out) == 0
    assert "resumes at step 2 of 4" in capsys.readouterr().out
    for name in ("model.keras", "best.keras"):
        assert equal(weights(out, name), weights(tmp_path / "whole", name))
    results = [json.loads((tmp_path / p / "result.json").read_text()) for p in ("run", "whole")]
    for key in ("test_accuracy", "val_accuracy", "best", "steps", "fingerprint"):
        assert results[0][key] == results[1][key], key


def test_a_finished_folder_is_of_one_run(photos, tmp_path, capsys):
    out = tmp_path / "run"
    assert train(photos, out) == 0
    assert train(photos, out) == 0
    assert "nothing to do" in capsys.readouterr().out
    of = f"the run in {out} has"
    for argv, words in (
        (["--lr", "0.5"], f"--lr 0.5: {of} 0.1 (0.01 without batch norm)"),
        (["--seed", "4"], f"--seed 4: {of} 0"),
        (["--set", "momentum=0.5"], "--set optimizer"),
        (["--data", "digits"], f"--data: classes 0, 1, 2: {of} cat, dog"),
    ):
        assert train(photos, out, *argv) == 2
        assert words in capsys.readouterr().err
    other = [
        "train",
        "resnet20",
        *RECIPE,
        "--batch-size",
        "5",
        "--data",
        f"folder:{photos}",
        "--out",
        str(out),
    ]
    assert convbook(other) == 2
    assert f"model resnet20: {of} lenet5" in capsys.readouterr().err
    small = ("history.csv", "curves.png", "passport.json")
    whats = dict.fromkeys(small, "has changed since the run ended")
    whats |= dict.fromkeys(("best.keras", "model.keras", "result.json"), "is damaged")
    for name, what in whats.items():
        whole = (out / name).read_bytes()
        (out / name).write_bytes(whole[: len(whole) // 2])
        assert train(photos, out) == 2
        said = capsys.readouterr().err
        assert f"{out / name} {what}" in said
        assert "delete it" in said if name == "best.keras" else "delete result.json" in said
        if name != "result.json":
            (out / name).write_bytes(whole)
            assert train(photos, out) == 0
    (out / "history.csv").write_text("cut")
    (out / "result.json").unlink()
    assert train(photos, out) == 0
    assert "resumes at step 4 of 4" in capsys.readouterr().out
    assert weights(out)
    assert (out / "history.csv").read_text().startswith("epoch,")


def test_of_equally_accurate_epochs_the_one_of_less_loss_is_the_best():
    """Of epochs with equal accuracy and loss, the first is the best."""
    info = dict(best=None, history=[])
    keeper = SimpleNamespace(info=info, of_best=dict, chief=False)
    best = []
    for accuracy, loss in [(0.5, 2.0), (0.5, 3.0), (0.5, 1.0), (0.5, 1.0), (0.4, 0.5), (0.6, 9.0)]:
        Keeper.on_test_end(keeper, dict(accuracy=accuracy, loss=loss))
        info["history"].append({})
        best.append(info["best"]["epoch"])
    assert best == [1, 1, 3, 3, 3, 6]
    assert info["best"]["val_accuracy"] == 0.6


def test_two_runs_do_not_share_a_folder(photos, tmp_path, capsys):
    out = tmp_path / "run"
    out.mkdir()
    with reserved(out):
        assert train(photos, out) == 2
    said = capsys.readouterr().err
    assert f"process {os.getpid()}" in said
    assert "is writing to it; wait, or name another folder" in said
    assert not list(out.iterdir())


def test_the_oldest_checkpoints_go(tmp_path):
    """The oldest by age, not by step, are deleted, never the one just written."""
    for i, step in enumerate((900, 901, 3, 2)):
        path = checkpoints.save(tmp_path, step, {}, {}, keep=2)
        assert path.exists()
        os.utime(path, (i + 1, i + 1))
    assert [p.name[-7:] for p in checkpoints.written(tmp_path)] == ["002.npz", "003.npz"]


OTHERS = {
    "--lr 0.5": ["--lr", "0.5"],
    "--seed 1": ["--seed", "1"],
    "--precision mixed_bfloat16": ["--precision", "mixed_bfloat16"],
    "--batch-size 4": ["--batch-size", "4"],
    "--epochs 3": ["--epochs", "3"],
    "--synchronize false": ["--no-synchronize"],
    "--set label_smoothing 0.3": ["--set", "label_smoothing=0.3"],
    "--recipe modern": ["--recipe", "modern"],
    "--data: classes 0, 1, 2": ["--data", "digits"],
}


def test_every_difference_has_its_name(photos):
    def found(*argv):
        return of_finished(parse([*RUN, "--data", f"folder:{photos}", "--out", "x", *argv]))

    own = found()
    assert own == found("--keep", "9", "--log-every", "3", "--out", "y", "--skip-broken")
    for words, argv in OTHERS.items():
        name, here, _ = next(fingerprint.differences(found(*argv), own))
        if argv[0] == "--recipe":
            assert words in [" ".join(d[:2]) for d in fingerprint.differences(found(*argv), own)]
        else:
            assert f"{name} {here}" == words


class Devices:
    """Those of two workers, as TensorFlow's strategies have them, without a second process."""

    def __init__(self, other, each=1):
        self.other, self.each = json.dumps(other), each

    def run(self, function):
        return function()

    def gather(self, sent, axis):
        other = tf.constant([*self.other.encode(), ord("\n")], sent.dtype)
        return tf.concat([sent] * self.each + [other] * self.each, axis)


@pytest.mark.parametrize("each", [1, 2])
def test_a_worker_that_found_something_else_is_named(each, photos):
    """Every worker raises it, for any number of devices; its own error comes first."""

    def found(*argv):
        return of_finished(parse([*RUN, "--data", f"folder:{photos}", "--out", "x", *argv]))

    own, cluster = found(), Cluster(("a:1", "b:2"), 0)
    fingerprint.agreed(Devices(own, each), cluster, own)
    others = {
        r"worker 1 \(b:2\): --lr 0.5: the chief has 0.1.*; give all workers the same": found(
            "--lr", "0.5"
        ),
        r"worker 1 \(b:2\) cannot train: no space": {"error": "no space"},
        r"different code: \{.*\} on worker 1 \(b:2\), .* install the same": own
        | {"code": {"keras": "4"}},
    }
    for words, other in others.items():
        with pytest.raises(ValueError, match=words):
            fingerprint.agreed(Devices(other, each), cluster, own)
    with pytest.raises(ValueError, match="my own"):
        fingerprint.agreed(Devices(own, each), cluster, ValueError("my own"))


def workers(data, out, *argv, run=(*RUN, "--batch-size", "4")):
    """(exit codes, what each says) of two workers, the second with argv besides."""
    names = ",".join(here(2))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TF_CONFIG", "SLURM"))}
    environment |= {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    running = []
    for i, more in enumerate(((), argv)):
        options = [*run, "--data", data, "--workers", names]
        options += ["--index", str(i), "--out", str(out), *more]
        command = [sys.executable, "-m", "convbook", "train", *options]
        pipes = dict(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        running.append(subprocess.Popen(command, env=environment, **pipes))
    said = [process.communicate(timeout=300)[1] for process in running]
    return [process.returncode for process in running], said


def test_workers_resume_from_one_folder(tmp_path):
    """If only the chief has the checkpoints, the others would start again: all refuse."""
    run = [*files.LENET, "--batch-size", "384", "--epochs", "1", "--no-tensorboard"]
    codes, said = workers("digits", tmp_path / "run", run=run)
    assert codes == [0, 0], "\n".join(said)
    (tmp_path / "run" / "result.json").unlink()
    codes, said = workers("digits", tmp_path / "run", "--out", f"{tmp_path}/other", run=run)
    assert codes == [2, 2], said
    assert all("resumes at step 0, the chief from step" in each for each in said)


@pytest.mark.parametrize("difference", ["lr", "precision", "batch", "fewer", "none"])
def test_workers_must_agree(difference, photos, tmp_path):
    """Both workers name the difference, before a folder is made."""
    argv, words = {
        "lr": (["--lr", "0.5"], "--lr 0.5: the chief has 0.1"),
        "precision": (["--precision", "mixed_float16"], "--precision mixed_float16: the chief has"),
        "batch": (["--batch-size", "6"], "--batch-size 6: the chief has 4"),
        "fewer": (["--data", f"folder:{tmp_path}/fewer"], "images 15: the chief has 16"),
        "none": (["--data", f"folder:{tmp_path}/none"], "none"),
    }[difference]
    shutil.copytree(photos, tmp_path / "fewer")
    remove(tmp_path / "fewer")
    codes, said = workers(f"folder:{photos}", tmp_path / "run", *argv)
    assert codes == [2, 2], said
    assert "worker 1 (localhost" in said[0]
    assert all(words in each for each in said)
    assert not (tmp_path / "run").exists()
