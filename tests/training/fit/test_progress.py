"""What a run prints: its plan, its duration, its progress, what to type next."""

import re
import shlex
import sys
from pathlib import Path

import files
import keras
import pytest

from convbook.__main__ import main, parsed
from convbook.training.fit import progress


def shown(capsys, folder, *more):
    """What a short run shows, as lines."""
    short = [*files.LENET, "--epochs", "2", "--batch-size", "384", "--no-tensorboard"]
    assert main(["train", *short, "--out", str(folder), *more]) == 0
    return capsys.readouterr().out.splitlines()


def steps(lines):
    """The steps that lines of their own speak of."""
    return [line.split()[1] for line in lines if line.startswith("step ")]


def test_a_run_says_what_it_will_do_how_long_it_takes_and_what_to_type_next(tmp_path, capsys):
    folder = tmp_path / "my run"
    lines = shown(capsys, folder)
    assert steps(lines) == []  # it takes no half minute
    counts = "1,149 images to train, 288 to validate, 360 to test"
    assert f"lenet5 on digits: {counts}; 2 epochs of 3 steps; into {folder}" in lines
    (left,) = [line for line in lines if line.endswith("for the 3 steps left")]
    assert re.fullmatch(r"about [\d.]+ (seconds|minutes|hours) for the 3 steps left", left)
    head, *commands = lines[-4:]
    assert head == "next:"
    for command, line in zip(("evaluate", "predict", "compare"), commands, strict=True):
        program, *argv = shlex.split(line)
        assert Path(program).name == "convbook"
        options = parsed(argv[0], argv[1:])[1]
        assert argv[0] == command
        assert str(folder) in str(options)


def test_images_per_second_are_those_of_the_steps_without_validation(monkeypatch):
    clock = iter([10.0, 14.0])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    pace, logs = progress.Pace(32), {}
    pace.set_model(model)
    pace.on_epoch_begin(0)
    for batch in range(3):
        pace.on_train_batch_end(batch)
    pace.on_test_begin()
    pace.on_epoch_end(0, logs)
    assert logs["images_per_second"] == 32 * 3 / 4


def test_without_a_terminal_a_line_comes_every_half_minute(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(progress, "HALF_A_MINUTE", 0.0)
    assert steps(shown(capsys, tmp_path / "run")) == [f"{i}/6" for i in range(1, 7)]


def test_a_line_comes_as_often_as_asked(tmp_path, capsys):
    assert steps(shown(capsys, tmp_path / "run", "--log-every", "4")) == ["4/6"]


def test_on_a_terminal_a_bar_moves(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(progress, "HALF_A_MINUTE", 0.0)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = shown(capsys, tmp_path / "run")
    assert steps(lines) == []
    assert any("━" in line for line in lines)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (4.4, "4 seconds"),
        (89, "89 seconds"),
        (90, "2 minutes"),
        (170, "3 minutes"),
        (5399, "90 minutes"),
        (5400, "1.5 hours"),
        (9000, "2.5 hours"),
    ],
)
def test_durations_have_the_unit_that_suits(seconds, text):
    assert progress.duration(seconds) == text
