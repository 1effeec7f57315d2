"""The menu of blocks, and the commands that show one: blocks, show and draw."""

import inspect
import re
import sys

import pytest

from convbook import blocks, names
from convbook.__main__ import main
from convbook.architectures import amoebanet, googlenet, nasnet
from convbook.gallery.menu import MENU, example


def test_every_public_block_is_on_the_menu():
    public = {name: getattr(blocks, name) for name in blocks.__all__}
    functions = {n: f for n, f in public.items() if inspect.isfunction(f)}
    on_tensors = {
        name
        for name, f in functions.items()
        if f.__module__ != "convbook.blocks.layers"
        and next(iter(inspect.signature(f).parameters)) in ("x", "x1", "h_prev")
    }
    assert set(MENU) == on_tensors


@pytest.mark.parametrize("name", MENU)
def test_a_row_is_true(name):
    row = MENU[name]
    assert len(row.what) <= 40
    if row.year:
        source = inspect.getsource(inspect.getmodule(getattr(blocks, name)))
        arxiv = rf"\b{row.year % 100:02}\d\d\.\d{{4,5}}\b"
        assert re.search(rf"\b{row.year}\b|{arxiv}", source)


def test_example_of_an_unknown_name():
    with pytest.raises(ValueError, match="name='vgg': name must be one of bottleneck, "):
        example("vgg")


def test_names_of_blocks_are_known_without_keras():
    assert names.blocks() == blocks.__all__


def test_the_menu(capsys):
    assert main(["blocks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines[0]) <= 104
    rows = {line.split()[0]: line for line in lines[1 : len(MENU) + 1]}
    assert list(rows) == list(MENU)
    # Three convolutions on 32 channels: 32x8 + 8, 3x3x8x8 + 8, 8x32 + 32.
    assert rows["bottleneck"].split()[-3:] == ["ResNet", "2015", "1,136"]
    text = "\n".join(lines)
    for letter in "xfkspdagnrcb":
        assert re.search(rf"(^|\s\s){letter}  \w", text), letter
    for command in ("convbook show NAME", "convbook draw NAME"):
        assert command in text


def test_show_is_plain_in_a_pipe_and_coloured_on_a_terminal(capsys, monkeypatch):
    assert main(["show", "bottleneck"]) == 0
    plain = capsys.readouterr().out
    assert re.search("^def bottleneck", plain, re.MULTILINE)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["show", "bottleneck"]) == 0
    coloured = capsys.readouterr().out
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain != coloured


def test_show_prints_the_whole_source(capsys):
    asked = ["bottleneck_block", "se_block"]
    assert main(["show", "--whole", *asked]) == 0
    found = capsys.readouterr().out
    assert (
        found
        == "\n\n\n".join(
            inspect.getsource(inspect.unwrap(getattr(blocks, name))).strip() for name in asked
        )
        + "\n"
    )


@pytest.mark.parametrize(
    ("name", "key", "files"),
    [
        ("googlenet", "googlenet", [googlenet]),
        ("amoebanet", "amoebanet_a_6_190", [nasnet, amoebanet]),
    ],
)
def test_show_prints_the_files_of_a_network(name, key, files, capsys):
    assert main(["show", "--whole", name]) == 0
    found = capsys.readouterr().out
    assert found.startswith(f'# {name} is NETS["{key}"] of {files[-1].__name__}.\n')
    places = [found.index(inspect.getsource(file).strip()) for file in files]
    assert places == sorted(places)
    compile(found, name, "exec")


def test_show_prints_the_letters_as_they_are(capsys):
    assert main(["show", "--whole", "letters"]) == 0
    assert inspect.getsource(inspect.unwrap(blocks.maxpool)).strip() in capsys.readouterr().out


@pytest.mark.parametrize("name", ["conv", "GroupedConv2D"])
def test_show_also_knows_helpers_and_layers(name, capsys):
    assert main(["show", name]) == 0
    assert re.search(rf"^(def|class) {name}\(", capsys.readouterr().out, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["show", "residul_block"], "there is no 'residul_block'; nearest: residual_block"),
        (["show", "inception"], "nearest: .*inception_module"),
        (["show", "squeeze"], "nearest: .*fire_module"),
        (["show", "se_block", "attention"], "there is no 'attention'; nearest: se_block"),
        (["show", "se=16"], "type the NAME"),
        (["show", "se_block", "=3"], "'=3' is not NAME=VALUE"),
        (["draw", "Normal_Cell"], "nearest: normal_cell"),
        (["show", "zzzz"], "convbook blocks and convbook nets list them"),
        (["show", "--whole", "se_block", "r=4"], "r: leave options out with --whole"),
        (
            ["show", "inception_resnet_block", "paths=5"],
            "paths=5: paths must be v1 A, .* or a list",
        ),
        (
            ["show", "inception_resnet_block", "paths=[5]"],
            "cannot be printed with these options|must be",
        ),
        (["show", "basic_block", "gate=BN"], "gate=BN: gate must be a gate of the library"),
        (
            ["show", "basic_block", "attention=dense_block"],
            "attention=dense_block: attention must be an attention of the library",
        ),
        (
            ["show", "basic_block", "n=conv"],
            "n=conv: n must be keywords of the library, such as BN",
        ),
        (["show", "basic_block", "n=5"], "n=5: n must be None or keywords of a normalisation"),
        (["show", ""], "there is no ''"),
        (["draw", "bottleneck", "-o", "x.jpg"], r"'x.jpg': path must end in .png, .svg or .pdf"),
        (["draw", "bottleneck", "-o", ""], "path must end in"),
        (["draw", "bottleneck", "-o", "no/such/folder/x.png"], "there is no folder no/such/folder"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_code_2(argv, message, capsys):
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(message, err)
    assert err.startswith(f"convbook {argv[0]}: ")
    assert err.count("\n") == 1
