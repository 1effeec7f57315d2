"""The site's generated pages: every block and network has its entry, every ancestor its lines."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import keras
import pytest
from keras import layers

from convbook.architectures.catalog import FAMILIES, NETS
from convbook.gallery.menu import MENU, example
from convbook.gallery.page import facts_of
from convbook.gallery.site import cards, diff, families, tree, words
from convbook.gallery.site.html import code, slug

ERRATA = (Path(__file__).parents[1] / "docs" / "errata.md").read_text(encoding="utf-8")
NOT_ON_ARXIV = {  # papers before it, kernels that are nobody's, and what is in code alone
    *("subsample", "partial_conv", "radial_basis", "local_conv", "tiled_conv", "lrn"),
    *("spatial_sepconv", "factorized_reduction"),
}
PAIRS = [(key, by) for key, node in tree.NODES.items() for by in node.compared]


class Page(HTMLParser):
    """The elements with an id or of a kind that is asked for, and the text in those with an id."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.text = [], [], {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "input", "br"):
            self.open.append(dict(attrs).get("id"))

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_data(self, data):
        for name in filter(None, self.open):
            self.text[name] = self.text.get(name, "") + data

    def all(self, tag, key):
        return [attrs for name, attrs in self.tags if name == tag and key in attrs]


def html(markdown):
    """What is raw HTML in a page of ours."""
    return "".join(re.findall(r"^````\{raw\} html\n(.*?)\n````$", markdown, re.M | re.S))


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """The gallery's page, but for graphs, drawings and snippets, which other tests make."""
    drawn, x = [], keras.Input((8, 8, 4), name="x")
    model = keras.Model(x, layers.Conv2D(4, 1)(x))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cards, "example", lambda name: model)
        patch.setattr(cards, "draw", lambda name, path: drawn.append(path.name) or path)
        patch.setattr(cards, "shown_width", lambda path: 400)
        patch.setattr(cards, "snippet", lambda name: f"\n# <{name}> & 'all' it\tneeds\n")
        text = cards.page(tmp_path_factory.mktemp("pictures"), "pictures")
    return text, Page(html(text)), drawn


def test_every_block_has_an_entry(gallery):
    text, page, drawn = gallery
    assert sorted(re.findall(r"^### (\w+)$", text, re.M)) == sorted(MENU)
    assert sorted(a["data-block"] for a in page.all("div", "data-block")) == sorted(MENU)
    assert sorted(drawn) == sorted(f"{name}.svg" for name in MENU)
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert headings == list(cards.FAMILIES)
    assert {a["data-family"] for a in page.all("div", "data-family")} == set(headings)


def test_every_button_copies_its_snippet_to_the_letter(gallery):
    _, page, _ = gallery
    sources = [a["data-from"] for a in page.all("button", "data-from")]
    assert len(sources) == len(MENU)
    for source in sources:
        name = source.removeprefix("snippet-")
        assert page.text[source] == f"\n# <{name}> & 'all' it\tneeds\n"


@pytest.mark.parametrize("coloured", [True, False])
def test_code_is_shown_to_the_letter(coloured):
    text = '\n\n"""a < b && `c`."""\n\nx = "\\n"  # é\n\n'
    page = Page(code(text, "label", coloured, ' id="here"'))
    assert page.text["here"] == text


def test_every_picture_is_told_in_words(gallery):
    _, page, _ = gallery
    told = {a["src"].split("/")[-1].removesuffix(".svg"): a["alt"] for a in page.all("img", "alt")}
    assert set(told) == set(MENU)
    for name, alt in told.items():
        assert alt.startswith(f"The graph of {name}: ")
        assert alt.endswith("Drawn: 1 conv; 8×8×4 in, 8×8×4 out.")


def test_a_picture_in_words():
    assert words.sentence("inception_module", example("inception_module")) == (
        "The graph of inception_module: [1x1 f, 1x1 f/3 -> 3x3 f, 1x1 f/r -> 5x5 f, 3x3/1 max -> "
        "1x1 f], concatenated. Drawn: 6 conv, 1 max pool, 1 concat; 32×32×32 in, 32×32×128 out."
    )


@pytest.mark.parametrize("name", MENU)
def test_every_block_has_its_paper(name):
    number = cards.arxiv(name)
    assert bool(number) == (name not in NOT_ON_ARXIV)
    if number:
        assert int(number[:2]) == MENU[name].year % 100
        assert 1 <= int(number[2:4]) <= 12


def test_counts_are_those_of_the_menu():
    card = cards.card("bottleneck")  # 32x8 + 8, 3x3x8x8 + 8, 8x32 + 32
    assert (card.weights, card.macs) == (1_136, 32 * 32 * (32 * 8 + 9 * 8 * 8 + 8 * 32))
    assert (card.family, card.into, card.out) == ("Residual", "32×32×32", "32×32×32")


def test_a_block_of_no_family_is_refused(monkeypatch):
    monkeypatch.setattr(cards, "FAMILIES", {"Inception": "inception"})
    with pytest.raises(ValueError, match=r"name='lrn': blocks/lrn.py must be in one of FAMILIES"):
        cards.family("lrn")


def test_paths_are_lines():
    x = keras.Input((8, 8, 4), name="x")
    conv = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    conv = layers.ReLU()(layers.BatchNormalization()(conv))
    gate = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D()(conv))
    y = layers.Activation("relu")(layers.Add()([x, layers.Multiply()([conv, gate])]))
    y = layers.Concatenate()([layers.MaxPooling2D(3, 1, "same")(y), y, x])
    assert words.lines(keras.Model(x, layers.Conv2D(2, 1)(y))) == [
        "conv 3×3 4, batch norm, relu",
        "global mean pool → dense 4 units, sigmoid",
        "×",
        "+ x, relu",
        "max pool 3×3",
        "concat x → conv 1×1 2",
    ]


@pytest.mark.parametrize(("key", "by"), PAIRS, ids=[f"{key}-{by.new}" for key, by in PAIRS])
def test_each_network_is_a_few_changed_lines(key, by):
    old, new = (diff.lines(spec, by.shape) for spec in by[:2])
    found = diff.changes(old, new)
    assert 1 <= sum(sign in "+-" for sign, *_ in found) <= 16
    for signs, side in ((" -", old), (" +", new)):
        shown, rest = [text for sign, text, _ in found if sign in signs], iter(side)
        assert all(line in rest for line in shown), "a line that is not there, or out of order"
        changed = [text for sign, text, _ in found if sign == signs[1]]
        kept = [text for sign, text, _ in found if sign == " "]
        assert len(side) - len(changed) >= len(kept)
    assert all("".join(piece for _, piece in parts) == text for _, text, parts in found)


def test_all_changes_are_found():
    old, new = [*"abcdefgh"], [*"abXdefghY"]
    assert [(sign, text) for sign, text, _ in diff.changes(old, new)] == [
        *((" ", "a"), (" ", "b"), ("-", "c"), ("+", "X"), (" ", "d"), (" ", "e"), ("…", "")),
        *((" ", "g"), (" ", "h"), ("+", "Y")),
    ]
    assert diff.changes(old, old) == []
    was, now = diff.marked(["conv 3×3 64, relu"], ["conv 3×3 128, relu"])
    assert [text for changed, text in was[0] if changed] == ["64"]
    assert [text for changed, text in now[0] if changed] == ["128"]


def test_a_row_of_the_catalog_in_lines():
    assert set(diff.row("se_resnet50")) - set(diff.row("resnet50")) == {"se = 16", "pool = 'ceil'"}
    assert "head = pooled(rate=0.5)" in diff.row("xception")
    assert diff.row("resnet34")[1] == "table = (basic_block, 64, (3, 4, 6, 3), (7, 2, 64))"


def test_the_family_tree_holds_together():
    assert all(node.net in NETS for node in tree.NODES.values())
    for family in FAMILIES:
        assert any(node.net in family.NETS for node in tree.NODES.values()), family.__name__
    for key, node in tree.NODES.items():
        assert bool(node.parent) == bool(node.compared), key
        for other in filter(None, [node.parent, *node.also]):
            ours, theirs = (
                (paper["year"], paper["arxiv"] or "")
                for paper in (tree.paper(node), tree.paper(tree.NODES[other]))
            )
            assert theirs <= ours, f"{other} is younger than {key}"
    roots = [key for key, node in tree.NODES.items() if node.parent is None]
    assert roots == ["lenet-5", "nasnet"]
    reached = list(roots)
    for key in reached:
        reached += tree.children(key)
    assert sorted(reached) == sorted(tree.NODES)


def test_the_family_tree_leads_to_its_entries(monkeypatch):
    monkeypatch.setattr(diff, "lines", lambda spec, shape: [spec])
    text = tree.page()
    addresses = {slug(heading) for heading in re.findall(r"^## (.+)$", text, re.M)}
    links = {a.get("href", a.get("xlink:href")) for tag, a in Page(html(text)).tags if tag == "a"}
    assert {link[1:] for link in links if link.startswith("#")} == addresses
    assert len(addresses) == len(tree.NODES)
    assert text.count('<figure class="diff">') == len(PAIRS)


def test_every_architecture_has_an_entry():
    text = families.page(ERRATA)
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert len(headings) == len(set(headings)) == len(FAMILIES)
    assert re.findall(r"^\| `(\w[\w.]*)` \|", text, re.M) == list(NETS)
    addresses = {slug(heading) for heading in re.findall(r"^#+ (.+)$", ERRATA, re.M)}
    links = re.findall(r"\]\(errata\.md#([^)]+)\)", text)
    assert len(links) > 80
    assert set(links) <= addresses
    assert all(link.split("-")[0] in NETS or "." in link or "_" in link for link in links)
    titles = {slug(node.title) for node in tree.NODES.values()}
    assert set(re.findall(r"family_tree\.md#([^)]+)\)", text)) <= titles
    stages = json.dumps(facts_of("resnet34")["output_sizes_hwc"])
    assert all(f"<td>{stage}</td>" in text for stage, _ in json.loads(stages))
