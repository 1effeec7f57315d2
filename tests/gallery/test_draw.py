"""convbook draw: the picture has what the graph has."""

import io
import re
import struct
import sys
from xml.etree import ElementTree

import keras
import pytest
from keras import layers
from matplotlib import pyplot as plt
from places import ROOT

from convbook.__main__ import main
from convbook.architectures.graph.calls import calls
from convbook.architectures.graph.layer_names import tap
from convbook.blocks import stochastic_depth
from convbook.gallery.draw import draw
from convbook.gallery.draw.dark import GRAPH, PLOT, with_dark_form
from convbook.gallery.draw.labels import KINDS
from convbook.gallery.menu import MENU, example

SVG = "{http://www.w3.org/2000/svg}"


def picture(path):
    """(the lines of text of each node, the number of edges, the colours filled) of an SVG."""
    groups = {kind: [] for kind in ("graph", "cluster", "node", "edge")}
    for group in ElementTree.parse(path).iter(f"{SVG}g"):
        groups[group.get("class")].append(group)
    nodes = groups["node"]
    texts = [[(t.text or "").strip() for t in node.iter(f"{SVG}text")] for node in nodes]
    shapes = [shape for node in nodes for shape in node if shape.tag != f"{SVG}text"]
    fills = [shape.get("fill") for shape in shapes if shape.get("fill")]
    return texts, len(groups["edge"]), fills


@pytest.mark.parametrize("name", [name for name in MENU if name != "stochastic_depth"])
def test_a_node_for_each_call_and_an_edge_for_each_tensor(name, tmp_path):
    texts, edges, _ = picture(draw(name, tmp_path / "block.svg"))
    graph = calls(example(name))
    assert len(texts) == len(graph)
    assert edges == sum(len(call.inputs) for call in graph)
    assert all(text and all(text) for text in texts)


def test_a_layer_that_only_names_a_map_is_no_box(tmp_path):
    x = keras.Input((8, 8, 3))
    y = tap(layers.Conv2D(4, 3)(x), "stage1")
    y = layers.add([layers.Conv2D(4, 3, padding="same")(y), y])
    named, edges, _ = picture(draw(keras.Model(x, y), tmp_path / "block.svg"))
    assert [text[0] for text in named] == ["input", "conv 3×3", "conv 3×3", "+"]
    assert edges == 4
    kept = layers.Identity()(x)  # one of a block's own is an operation like any other
    named, _, _ = picture(draw(keras.Model(x, kept), tmp_path / "own.svg"))
    assert [text[0] for text in named] == ["input", "identity"]


def test_the_pictures_of_the_readme_are_drawn_so(tmp_path):
    kept = re.findall(r'src="(docs/pictures/(\w+).svg)"', (ROOT / "README.md").read_text())
    assert kept
    for path, name in kept:
        assert picture(ROOT / path) == picture(draw(name, tmp_path / "block.svg"))
        assert "(prefers-color-scheme: dark)" in (ROOT / path).read_text()


def test_what_the_boxes_say(tmp_path):
    x = keras.Input((31, None, 8), name="image")
    y = layers.Conv2D(16, (1, 7), (1, 2), activation="relu", padding="same")(x)
    y = layers.Conv2D(16, 3, 2, groups=4, padding="same")(y)
    y = layers.Conv2D(16, 3, dilation_rate=2, padding="same")(y)
    y = layers.Activation("relu")(layers.BatchNormalization()(y))
    z = layers.MaxPooling2D(3, 1, "same")(y)
    y = layers.Concatenate()([layers.Add()([y, z]), z])
    y = layers.Dense(10)(layers.GlobalAveragePooling2D()(y))
    texts, edges, fills = picture(draw(keras.Model(x, y), tmp_path / "model.svg"))
    assert texts == [
        ["image", "31×?×8"],
        ["conv 1×7 / 1×2", "16 filters, relu", "31×?×16"],
        ["conv 3×3/2", "16 filters, 4 groups", "16×?×16"],
        ["conv 3×3", "16 filters, dilation 2", "16×?×16"],
        ["batch norm"],
        ["relu"],
        ["max pool 3×3", "16×?×16"],
        ["+"],
        ["concat", "16×?×32"],
        ["global mean pool", "32"],
        ["dense", "10 units", "10"],
    ]
    assert edges == 12
    assert len(set(fills)) == 7  # input, convolution, norm, activation, pool, merge, dense


def test_a_layer_called_twice_is_two_nodes_the_second_dashed(tmp_path):
    x = keras.Input((8, 8, 1))
    conv = layers.Conv2D(1, 3, padding="same")
    path = draw(keras.Model(x, conv(conv(x))), tmp_path / "shared.svg")
    texts, edges, _ = picture(path)
    assert texts[1:] == 2 * [["conv 3×3", "1 filter", "8×8×1"]]
    assert edges == 2
    dashes = [path.get("stroke-dasharray") for path in ElementTree.parse(path).iter(f"{SVG}path")]
    assert len([dash for dash in dashes if dash]) == 1


def test_a_layer_that_holds_a_model_is_a_frame_around_it(tmp_path):
    x = keras.Input((8, 8, 4), name="x")
    y = stochastic_depth(x, lambda x: layers.Conv2D(4, 1)(x), survival=0.8)
    y = layers.Activation("relu")(layers.Add()([x, y]))
    path = draw(keras.Model(x, y), tmp_path / "frame.svg")
    texts, edges, _ = picture(path)
    frame, conv = ["stochastic depth", "survival 0.8"], ["conv 1×1", "4 filters", "8×8×4"]
    assert sorted(texts) == sorted([["x", "8×8×4"], frame, conv, ["+"], ["relu"]])
    assert edges == 4  # x to the convolution and to the sum, the convolution to it, it to the relu
    assert path.read_text(encoding="utf-8").count('class="cluster"') == 1


def test_legible_on_any_page(tmp_path):
    path = draw("inception_module", tmp_path / "block.svg")
    page = next(ElementTree.parse(path).iter(f"{SVG}polygon"))
    assert page.get("fill") == "white"
    fonts = {text.get("font-family") for text in ElementTree.parse(path).iter(f"{SVG}text")}
    assert fonts == {"DejaVu Sans,Verdana,sans-serif"}


def test_a_dark_form_has_a_colour_for_each_that_is_drawn(tmp_path):
    name = tmp_path / "block.svg"
    text = draw("stochastic_depth", name).read_text(encoding="utf-8")
    text += draw("normal_cell", name).read_text(encoding="utf-8")
    text += draw("se_block", name).read_text(encoding="utf-8")
    style = "".join(re.findall("<style>@media .prefers-color-scheme: dark.*?</style>", text, re.S))
    drawn = {*re.findall('(?:fill|stroke)="[^"]*"', text.replace(style, ""))}
    drawn -= {'fill="none"', 'stroke="none"', 'stroke="transparent"'}
    assert len(drawn) > 10
    assert not [colour for colour in drawn if f"[{colour}]" not in style]
    for box in KINDS.values():
        assert brightness(GRAPH["#444444"]) - brightness(GRAPH[box]) > 0.35


def brightness(colour):
    """From 0, black, to 1, white, of #rrggbb."""
    return sum(int(colour[i : i + 2], 16) for i in (1, 3, 5)) / 3 / 255


def test_a_plot_has_a_dark_form_too():
    fig, ax = plt.subplots()
    ax.plot([1, 2], label="a line")
    text = io.StringIO()
    fig.savefig(text, format="svg")
    plt.close(fig)
    both = with_dark_form(text.getvalue())
    assert '<g id="figure_1">' in both  # whose letters have no colour of their own
    for light in ("#ffffff", "#000000", "#1f77b4"):
        assert f'[style*="fill: {light}"] {{ fill: {PLOT[light]} !important }}' in both
    ElementTree.fromstring(both)


@pytest.mark.parametrize(("name", "turned"), [("normal_cell", True), ("se_block", False)])
def test_a_wide_graph_runs_from_left_to_right(name, turned, tmp_path):
    path = draw(name, tmp_path / "block.svg")
    root = ElementTree.parse(path).getroot()
    assert int(root.get("width").removesuffix("pt")) < 750
    nodes = [g for g in root.iter(f"{SVG}g") if g.get("class") == "node"]
    first, last = (next(node.iter(f"{SVG}text")) for node in (nodes[0], nodes[-1]))
    assert (float(first.get("x")) < float(last.get("x")) - 200) == turned


def test_png_in_the_current_folder(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(["draw", "normal_cell"]) == 0
    assert capfd.readouterr() == ("normal_cell.png\n", "")
    data = (tmp_path / "normal_cell.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    assert 500 < width < 1000
    assert 700 < height < 1500


def test_letters_are_drawn_whatever_fonts_the_machine_has(tmp_path):
    # Without a font Graphviz draws boxes for letters or nothing: far fewer different pixels.
    from matplotlib import image

    pixels = image.imread(draw("bottleneck", tmp_path / "block.png"))
    dark = (pixels[..., :3].max(axis=-1) < 0.3).mean()
    assert 0.01 < dark < 0.2


def test_pygraphviz_missing_is_said(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert main(["draw", "bottleneck"]) == 2
    assert re.search("pip install .*pygraphviz", capsys.readouterr().err)


def test_a_model_without_a_graph_is_refused(tmp_path):
    class Plain(keras.Model):
        pass

    with pytest.raises(ValueError, match="model must be a functional"):
        draw(Plain(), tmp_path / "x.png")
