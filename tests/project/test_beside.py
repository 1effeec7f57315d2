"""What notebooks show for a paper: a block's code with its equations, its table, its picture."""

import re

import keras
import numpy as np
import pytest
from matplotlib import pyplot as plt
from places import ROOT

from convbook import architectures, beside, blocks
from convbook.beside.exercises import TRY, fingerprint
from convbook.gallery.draw import WIDEST, draw


def test_code_is_the_block_cut_to_the_call_without_its_docstring():
    text = beside.code(blocks.basic_block, {"return": "y", "m = se_block": "s F(x)"}, se=16)
    assert (
        text
        == """\
```python
def basic_block(x, f, s=1, *, n=BN):
    m = conv(x, f, k=3, s=s, p=1, n=n)
    m = conv(m, f, k=3, p=1, n=n, a=None)
    m = se_block(m, r=16)
    if s != 1 or x.shape[-1] != f:
        x = conv(x, f, k=1, s=s, n=n, a=None)
    return act(layers.add([x, m]), "relu")
```

| line | equation |
| --- | --- |
| `return act(layers.add([x, m]), "relu")` | $y$ |
| `m = se_block(m, r=16)` | $s F(x)$ |"""
    )


def test_a_whole_block_has_its_options_but_no_types_and_checks():
    text = beside.code(blocks.activation_order_block, whole=True)
    assert text.startswith('```python\ndef activation_order_block(x, f=32, *, order="full pre-')
    assert 'if order == "BN after addition":' in text
    assert "require" not in text


def test_the_readme_begins_with_the_block_as_it_is_copied():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first = re.search(r"^```python\n(.*?)^```", readme, re.M | re.S)[1]
    assert first.endswith("\n".join(["", *beside.lines(blocks.basic_block), ""]))
    exec(first, scope := {})
    assert scope["basic_block"](keras.Input((8, 8, 4)), 6, 2).shape == (None, 4, 4, 6)


def test_code_of_another_function_is_as_it_is_written():
    def half(x: float) -> float:
        """Said in the text."""
        # a reason
        return x / 2

    text = "```python\ndef half(x):\n    # a reason\n    return x / 2\n```"
    assert beside.code(half) == text


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: beside.code(blocks.basic_block, longest=2), "6 lines; must be at most 2"),
        (lambda: beside.code(blocks.basic_block, {"x": "x"}), "'x' is in 5 lines"),
        (lambda: beside.code(blocks.basic_block, {"y =": "x"}), "'y =' is in 0 lines"),
        (lambda: beside.code(blocks.basic_block, ratio=16), "ratio: basic_block"),
        (lambda: beside.table("resnet50"), "25.5M of 1611.05431 differs from 25,557,032"),
    ],
)
def test_what_is_not_so_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_rows_of_a_table_add_up():
    model = architectures.create("densenet121")
    printed = architectures.facts("densenet121")["output_sizes_hwc"]
    rows = {stage: counts for stage, _, _, *counts in beside.stages(model, printed)}
    # A transition has a batch norm and a 1x1 of half the channels: here 256 of them, at 56 x 56.
    assert rows["transition1"] == [2 * 256 + 256 * 128, 56 * 56 * 256 * 128]
    # Six layers of growth 32, each a batch norm and 1x1 to 128, a batch norm and 3x3 to 32.
    widths = [64 + 32 * i for i in range(6)]
    assert rows["dense1"][0] == sum(2 * w + w * 128 + 2 * 128 + 9 * 128 * 32 for w in widths)
    found = architectures.measure(model)
    assert np.sum([*rows.values()], axis=0).tolist() == [found.trainable, found.macs]


def test_rows_of_one_size_take_one_layer_each():
    model = architectures.create("inception_v3")
    printed = architectures.facts("inception_v3")["output_sizes_hwc"]
    rows = {stage: counts for stage, _, _, *counts in beside.stages(model, printed)}
    assert rows["B2"] == rows["B3"]  # both 160 wide
    assert rows["B1"][0] < rows["B2"][0] < rows["B4"][0]  # 128, 160, 192 wide


def test_rows_end_where_they_are_told_to():
    i = keras.Input((8, 8, 3))
    a = keras.layers.Conv2D(4, 1, name="a")(i)
    b = keras.layers.Conv2D(4, 1, name="b")(a)
    model = keras.Model(i, keras.layers.Conv2D(4, 1, name="c")(b))
    printed = [("first", (8, 8, 4)), ("second", (8, 8, 4))]
    assert [row[3] for row in beside.stages(model, printed)] == [16, 40]
    assert [row[3] for row in beside.stages(model, printed, ["b", "c"])] == [36, 20]
    assert [row[3] for row in beside.stages(model, printed, ["a", "b"])] == [16, 20, 20]


def test_a_size_that_is_not_there_is_named():
    i = keras.Input((8, 8, 3))
    model = keras.Model(i, keras.layers.Conv2D(4, 1)(i))
    with pytest.raises(ValueError, match="second: the network has no 4 x 4 x 4"):
        list(beside.stages(model, [("first", (8, 8, 4)), ("second", (4, 4, 4))]))


def test_a_table_says_how_each_total_stands():
    text = beside.table("resnet50", ["resnet50: multiply-adds"])
    assert "| **total** |  |  | 25,557,032 | 3,857,973,248 |" in text
    assert "**3.8B** (Table 1); counted: 3,857,973,248 (truncated)" in text
    assert "(../docs/errata.md#resnet50-multiply-adds)" in text


def test_a_total_that_agrees_needs_no_errata():
    text = beside.table("regnet_x_200mf")
    assert "**2.7M** (Figure 15); counted: 2,684,792" in text


def test_numbers_stand_to_the_right():
    lines = beside.grid(["name", "count", "share"], [["a", 1234, 0.51239], ["b", 5, 2.0]])
    assert lines.split("\n") == [
        "| name | count | share |",
        "| --- | ---: | ---: |",
        "| a | 1,234 | 0.5124 |",
        "| b | 5 | 2 |",
    ]


def test_a_figure_carries_its_words_and_is_the_same_each_time():
    def drawn():
        fig, ax = plt.subplots()
        ax.plot([1, 2])
        return beside.figure(fig, "a line that rises")

    data, metadata = drawn()._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/svg+xml"]["alt"] == "a line that rises"
    assert data["image/svg+xml"] == drawn().svg
    assert not plt.get_fignums()


def test_a_picture_that_is_wider_than_a_page_is_shown_smaller(tmp_path):
    (w, h), (shown_w, shown_h) = (
        map(float, re.search(r'<svg width="(\d+)pt" height="(\d+)pt"', svg).groups())
        for svg in (
            draw("amoebanet_normal_cell", tmp_path / "cell.svg").read_text(encoding="utf-8"),
            beside.picture("amoebanet_normal_cell", "a cell").svg,
        )
    )
    assert shown_w == WIDEST < w
    assert shown_h / shown_w == pytest.approx(h / w, abs=1 / shown_w)
    small = draw("se_block", tmp_path / "se.svg").read_text(encoding="utf-8")
    assert beside.picture("se_block", "a block").svg == small


def test_learn_gives_the_losses_of_training_and_test():
    data = beside.digits(8)
    assert [a.shape for a in data] == [(1437, 8, 8, 1), (1437,), (360, 8, 8, 1), (360,)]
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    history = beside.learn(model, data, epochs=3, rate=0.01)
    assert history["loss"][2] < history["loss"][0]
    assert history["val_accuracy"][2] > 0.8


@pytest.mark.parametrize(
    ("right", "also", "wrong"),
    [
        (25_557_032, np.int64(25_557_032), 25_502_912),
        (4.2388, 4.21, 4.3),
        (0.5, np.float32(0.5), 0.51),
        (2.0, 2, 2.1),
        (True, np.bool_(True), 1),
        ("transposed convolution", " Transposed  Convolution", "convolution"),
        ((56, 11), np.array([56, 11]), (11, 56)),
        (("conv10", 0.2), ["conv10", 0.201], ("conv1", 0.2)),
    ],
)
def test_check_knows_an_answer_in_all_its_forms(right, also, wrong):
    expected = fingerprint(right)
    assert beside.check(right, expected).right
    assert beside.check(also, expected) == "**Right.**"
    assert not beside.check(wrong, expected).right
    blank = beside.check(..., expected)
    assert (str(blank), blank.right) == (TRY, False)
