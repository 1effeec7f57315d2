"""convbook compare: the table and the picture of several runs."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from convbook.__main__ import main as convbook
from convbook.tables import aligned
from convbook.training.comparison.compare import columns, draw, read_run
from convbook.training.comparison.run_table import comparison, flat

COLUMNS = "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,images_per_second"


def main(argv):
    return convbook(["compare", *argv])


def run(at, epochs, result=True, recipe=(), **options):
    """A folder with a history, of which the accuracy grows and falls again, and a result."""
    at.mkdir(parents=True)
    rows = [(i, 9 - i, f"0.{i}", 10 - i, f"0.{min(i, 6 - i)}5", 0.1, 100 + i) for i in range(1, 6)]
    lines = [",".join(map(str, row)) for row in rows[:epochs]]
    (at / "history.csv").write_text("\r\n".join([COLUMNS, *lines]) + "\r\n")
    if result:
        content = dict(
            test_accuracy=0.9123,
            val_accuracy=0.15,
            seconds=61.7,
            images_per_second=102.5,
            parameters=272474,
            options=dict(model="resnet20", seed=0, out=str(at), option={}) | options,
            recipe=dict(
                name="digits",
                label_smoothing=0.1,
                words=[str(at)],
                augmentation=[["flip", {}], ["pad_crop", {"p": 4}]],
            )
            | dict(recipe),
        )
        (at / "result.json").write_text(json.dumps(content))
    return str(at)


def cells(runs):
    return {row[0]: row[1:] for row in comparison([read_run(r) for r in runs])}


def test_the_table_shows_what_differs_and_what_came_of_it(tmp_path, capsys):
    other = dict(label_smoothing=0.0, augmentation=[["pad_crop", {"p": 2}]])
    a = run(tmp_path / "a", 5)
    b = run(tmp_path / "b", 3, seed=1, option={"survival": 0.5}, recipe=other)
    found = cells([a, b])
    assert found == {
        "": ["a", "b"],
        "state": ["finished, 5 epochs", "finished, 3 epochs"],
        "label_smoothing": ["0.1", "0.0"],
        "augmentation.flip": ["yes", "-"],
        "augmentation.pad_crop.p": ["4", "2"],
        "seed": ["0", "1"],
        "option.survival": ["-", "0.5"],
        "test accuracy": ["91.23%", "91.23%"],
        "validation accuracy": ["15.00%", "35.00%"],
        "best validation accuracy": ["35.00%, epoch 3", "35.00%, epoch 3"],
        "seconds": ["62", "62"],
        "images per second": ["102.5", "102.5"],
        "parameters": ["272,474", "272,474"],
    }
    assert main([a, b]) == 0
    assert capsys.readouterr().out.splitlines() == aligned([[k, *v] for k, v in found.items()])


def test_a_run_that_has_not_ended_is_shown_as_far_as_it_is(tmp_path, capsys):
    a, b = run(tmp_path / "a", 5), run(tmp_path / "b", 2, result=False)
    with open(tmp_path / "b" / "history.csv", "a") as file:
        file.write("3,6.0,0.3,7")  # cut off while it was written
    found = cells([a, b])
    assert found["state"] == ["finished, 5 epochs", "unfinished, 2 epochs"]
    assert found["test accuracy"] == ["91.23%", "-"]
    assert found["validation accuracy"] == ["15.00%", "25.00%"]
    assert found["images per second"] == ["102.5", "102.0"]
    assert not {"seed", "option", "augmentation.flip"} & set(found)
    assert main([a, b, "--plot", str(tmp_path / "both.png")]) == 0
    assert "unfinished, 2 epochs" in capsys.readouterr().out
    assert (tmp_path / "both.png").read_bytes()[:4] == b"\x89PNG"


def test_runs_of_the_same_name_are_told_apart(tmp_path):
    a, b = run(tmp_path / "x" / "r", 1), run(tmp_path / "y" / "r", 1)
    assert cells([a, b])[""] == [a, b]


def test_a_long_value_is_cut(tmp_path):
    """Values are cut at 30 characters, so that a table of several runs fits a screen."""
    a, b = run(tmp_path / "a", 1, data="x" * 30), run(tmp_path / "b", 1, data="x" * 31)
    assert cells([a, b])["data"] == ["x" * 30, "x" * 27 + "..."]


def test_nested_options():
    assert flat({"a": {"b": 1, "c": {}}, "d": [["x", {}], ["y", {"z": [1, 2]}]], "e": []}) == {
        "a.b": 1,
        "d.x": True,
        "d.y.z": [1, 2],
        "e": [],
    }


def test_curves(tmp_path, monkeypatch):
    """Each run has its colour: loss and error of validation, and of training dashed."""
    a, b = run(tmp_path / "a", 5), run(tmp_path / "b", 2, result=False)
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *p, **k: drawn.append(self))
    draw(tmp_path / "c.png", [read_run(a), read_run(b)])
    loss, error = drawn[0].axes
    data = [(l.get_linestyle(), l.get_color(), len(l.get_xdata())) for l in loss.lines]
    assert data == [("-", "C0", 5), ("--", "C0", 5), ("-", "C1", 2), ("--", "C1", 2)]
    np.testing.assert_allclose(loss.lines[1].get_ydata(), [8, 7, 6, 5, 4])
    np.testing.assert_allclose(error.lines[0].get_ydata(), [85, 75, 65, 75, 85])
    assert [t.get_text() for t in loss.get_legend().get_texts()] == ["a", "b, unfinished"]


def test_history_with_gaps():
    found = columns("epoch,loss\n1,nan\n2,\n3,0.")
    assert found["epoch"] == [1, 2]
    assert np.isnan(found["loss"]).all()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["{tmp}/none"], "none': there is no such folder; give the folder of a run"),
        (["{tmp}/bad"], "bad/result.json cannot be read: "),
        ([""], "'': there is no such folder; give the folder of a run"),
        (["{tmp}/a", "--plot", "{tmp}/none/x.png"], "x.png' cannot be written"),
        (["{tmp}/a", "--plot", "{tmp}/x.tax"], "x.tax' cannot be written"),
        ([], "required: RUN"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(argv, words, tmp_path, capsys):
    run(tmp_path / "a", 2)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "result.json").write_text("{")
    assert main([arg.format(tmp=tmp_path) for arg in argv]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
