"""The site's generated pages: every block and network has its entry, every ancestor its lines."""

import json
import math
import re
from html.parser import HTMLParser

import keras
import pytest
from keras import layers
from places import ROOT

from convbook.architectures.catalog import FAMILIES, NETS
from convbook.gallery import page
from convbook.gallery.menu import MENU, example
from convbook.gallery.page import facts_of
from convbook.gallery.show import text
from convbook.gallery.site import cards, diff, families, nets, switches, tree, words
from convbook.gallery.site.html import code, slug

NOTEBOOKS = ROOT / "notebooks"
ERRATA = (ROOT / "docs" / "errata.md").read_text(encoding="utf-8")
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


TEXT = '''\
import keras
from keras import layers

# of norms
BN = {"momentum": 0.9}


def conv(x):
    """<kxk> & 'more'."""
    return x


# a call
def block(x):
    return layers.add([x, conv(x)])
'''


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """(the gallery's page, its HTML, its folder), but for graphs, drawings and texts, which other
    tests make."""
    folder, x = tmp_path_factory.mktemp("pictures"), keras.Input((8, 8, 4), name="x")
    model = keras.Model(x, layers.Conv2D(4, 1)(x))

    def draw(model, path):
        path.write_text(path.name)
        return path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cards, "called", lambda call, shapes: model)
        patch.setattr(cards, "draw", draw)
        patch.setattr(cards, "shown_width", lambda path: 400)
        patch.setattr(cards, "text", lambda names, options=None: TEXT)
        text = cards.gallery_page(folder, "pictures")
    return text, Page(html(text)), folder


def test_every_block_has_an_entry(gallery):
    text, page, folder = gallery
    assert sorted(re.findall(r"^### (\w+)$", text, re.M)) == sorted(MENU)
    assert sorted(a["data-block"] for a in page.all("div", "data-block")) == sorted(MENU)
    assert {f"{name}.svg" for name in MENU} <= {path.name for path in folder.iterdir()}
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert headings == ["The letters", *cards.FAMILIES]
    assert {a["data-family"] for a in page.all("div", "data-family")} == set(cards.FAMILIES)


def test_letters_and_block_are_the_text():
    needs, own = cards.halves(TEXT)
    assert needs == TEXT.partition("\n\n# a call")[0]
    assert own == TEXT.partition("\n\n\n")[2].partition("\n\n\n")[2]
    assert needs.rstrip("\n") + "\n\n\n" + own == TEXT


@pytest.mark.parametrize("name", ["bottleneck_block", "shufflenet_unit", "nasnet_normal_cell"])
def test_no_line_of_a_text_is_lost(name):
    source = text([name])
    needs, own = cards.halves(source)
    assert sorted(filter(None, source.splitlines())) == sorted(
        filter(None, f"{needs}{own}".splitlines())
    )
    assert f"def {name}(" in own
    assert "def conv(" in needs
    assert "import" not in own.replace("important", "")


def switched(folder, name):
    """{chosen options: what the switches show}, and the letters, of a block."""
    script = (folder / f"{name}.js").read_text()
    given = json.loads(script.partition(" = ")[2].rstrip(";\n"))
    return {tuple(json.loads(key).items()): call for key, call in given["calls"].items()}, given


def test_switches_have_every_combination(gallery):
    _, page, folder = gallery
    calls, given = switched(folder, "dense_block")
    chosen = {**switches.single(switches.examples(switches.installed(), "dense_block"))}
    assert len(calls) == math.prod(len(values) + 1 for values in chosen.values())
    assert () in calls
    assert (("r", "4"), ("rate", "0.25")) in calls
    for call in calls.values():
        assert {*call} == {"facts", "picture", "own", "summary", "needs", "wide"}
        assert call["needs"] < len(given["needs"])
    names = [a["name"] for a in page.all("select", "name")]
    assert {"shortcut", "se", "gate", "stride_on", "n", "recompute"} <= {*names}


def test_of_many_combinations_there_are_two_options_at_a_time():
    found = [call.chosen for call in switches.combinations("bottleneck_block")]
    assert max(map(len, found)) == 2
    assert {} in found
    assert {"se": "4", "gate": "drop_path"} in found
    assert len(found) == len({json.dumps(chosen, sort_keys=True) for chosen in found})
    assert all(value != "'B'" for chosen in found for value in chosen.values())  # the default


def test_a_call_of_the_switches_is_the_call_that_is_drawn():
    """The drawn call has the options of the text, and inputs that show their effect."""
    found = {frozenset(c.chosen.items()): c for c in switches.combinations("bottleneck_block")}
    call = found[frozenset({("shortcut", "'A'"), ("stride_on", "'3x3'")})]
    assert call.call.startswith("bottleneck_block(x, 64, 2, s")
    assert {"shortcut='A'", "stride_on='3x3'"} == {*call.call[:-1].split(", ")[3:]}
    assert call.options == {"shortcut": "A", "stride_on": "3x3"}
    gate = found[frozenset({("gate", "drop_path")})]
    assert gate.call == "bottleneck_block(x, 32, gate=drop_path)"
    dense = next(c for c in switches.combinations("dense_block") if c.chosen == {"r": "4"})
    assert dense.call == "dense_block(x, n=BN, r=4)"  # r needs a norm


def test_a_refused_combination_says_why(monkeypatch, tmp_path):
    def refuse(call, shapes):
        if "se=" in call and "gate=" in call:
            raise ValueError("se=4: not beside a gate")
        return example("basic_block")

    monkeypatch.setattr(cards, "called", refuse)
    monkeypatch.setattr(cards, "text", lambda names, options=None: TEXT)
    found = [
        switches.Switched(chosen, f"b(x, {', '.join(chosen)})", (), {})
        for chosen in ({}, {"se=": "4", "gate=": "drop_path"})
    ]
    (_, first), (_, second) = cards.each("basic_block", found, tmp_path, "x")
    assert first.picture[0] == "x/basic_block.svg"
    assert second == "se=4: not beside a gate"


def test_equal_pictures_are_one_file(monkeypatch, tmp_path):
    monkeypatch.setattr(cards, "called", lambda call, shapes: example("basic_block"))
    monkeypatch.setattr(cards, "text", lambda names, options=None: TEXT)
    found = [switches.Switched({}, "b(x)", (), {})] * 2
    shown = [c.picture for _, c in cards.each("basic_block", found, tmp_path, "x")]
    assert shown[0] == shown[1]
    assert [path.name for path in tmp_path.iterdir()] == ["basic_block.svg"]


def test_code_is_shown_to_the_letter():
    text = '\n\n"""a < b && `c`."""\n\nx = "\\n"  # é\n\n'
    page = Page(code(text, "label", ' id="here"'))
    assert page.text["here"] == text


def test_every_picture_is_told_in_words(gallery):
    _, page, _ = gallery
    alts = {a["src"].split("/")[-1].removesuffix(".svg"): a["alt"] for a in page.all("img", "alt")}
    assert set(alts) == set(MENU)
    for name, alt in alts.items():
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


def test_counts_are_those_of_the_call(tmp_path):
    call = switches.Switched({}, "bottleneck(x)", ((32, 32, 32),), {})
    c = cards.card_of("bottleneck", call, tmp_path / "x.svg", "x")
    assert (c.weights, c.macs) == (1_136, 32 * 32 * (32 * 8 + 9 * 8 * 8 + 8 * 32))
    assert (c.into, c.out) == ("32×32×32", "32×32×32")  # 32x8 + 8, 3x3x8x8 + 8, 8x32 + 32
    assert c.own.startswith("def bottleneck(x, f=32")
    assert cards.family("bottleneck") == "Residual"


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
    assert words.paths(keras.Model(x, layers.Conv2D(2, 1)(y))) == [
        "conv 3×3 4, batch norm, relu",
        "global mean pool → dense 4 units, sigmoid",
        "×",
        "+ x, relu",
        "max pool 3×3",
        "concat x → conv 1×1 2",
    ]


@pytest.mark.parametrize(("key", "by"), PAIRS, ids=[f"{key}-{by.new}" for key, by in PAIRS])
def test_each_network_is_a_few_changed_lines(key, by):
    old, new = (diff.side(spec, by.shape) for spec in by[:2])
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
    assert set(diff.catalog_row("se_resnet50")) - set(diff.catalog_row("resnet50")) == {
        "se = 16",
        "pool = 'ceil'",
    }
    assert "head = pooled(rate=0.5)" in diff.catalog_row("xception")
    assert diff.catalog_row("resnet34")[1] == "table = (basic_block, 64, (3, 4, 6, 3), (7, 2, 64))"


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
    monkeypatch.setattr(diff, "graph", lambda spec, shape: [spec])
    text = tree.family_tree_page()
    addresses = {slug(heading) for heading in re.findall(r"^## (.+)$", text, re.M)}
    links = {a.get("href", a.get("xlink:href")) for tag, a in Page(html(text)).tags if tag == "a"}
    assert {link[1:] for link in links if link.startswith("#")} == addresses
    assert len(addresses) == len(tree.NODES)
    assert text.count('<figure class="diff">') == len(PAIRS)


def test_every_architecture_has_an_entry():
    text = families.architectures_page(ERRATA)
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert len(headings) == len(set(headings)) == len(FAMILIES)
    rows = re.findall(r"^\| \[`(\w[\w.]*)`\]\(networks/(\S+)\.md\) \|", text, re.M)
    assert rows == [(name, name) for name in NETS]
    addresses = {slug(heading) for heading in re.findall(r"^#+ (.+)$", ERRATA, re.M)}
    links = re.findall(r"\]\(errata\.md#([^)]+)\)", text)
    assert len(links) > 80
    assert set(links) <= addresses
    assert all(link.split("-")[0] in NETS or "." in link or "_" in link for link in links)
    titles = {slug(node.title) for node in tree.NODES.values()}
    assert set(re.findall(r"family_tree\.md#([^)]+)\)", text)) <= titles
    stages = json.dumps(facts_of("resnet34")["output_sizes_hwc"])
    assert all(f"<td>{stage}</td>" in text for stage, _ in json.loads(stages))


@pytest.mark.parametrize("name", ["lenet5", "resnet50", "vgg_D", "nasnet_a_large"])
def test_the_page_of_a_network(name, monkeypatch):
    """Its exact file, its counts, its paper, its notebook, and the figures that differ."""
    monkeypatch.setattr(nets, "text", lambda names, options=None: f"{TEXT}# {names} {options}\n")
    found = nets.entry(name, ERRATA)
    code = re.search(r"^````python\n(.*?\n)````$", found, re.M | re.S)[1]
    assert code == f"{TEXT}# [{name!r}] {{}}\n"
    row = page.figures_of(name)
    assert f"| parameters | {row.params:,} |" in found
    assert f"| multiply-adds | {row.macs:,} |" in found
    paper = facts_of(name)["paper"]
    assert paper["title"] in found
    assert all(author in found for author in paper["authors"])
    notebooks = re.findall(r"\(\.\./notebooks/(\w+)\.ipynb\)", found)
    assert [(NOTEBOOKS / f"{notebook}.ipynb").is_file() for notebook in notebooks] == [True] * (
        nets.notebook(name) is not None
    )
    assert ("## Where figures differ" in found) == bool([*page.differences(row)])


BESIDE = [family for family in FAMILIES if nets.notebook(next(iter(family.NETS)))]


def test_papers_to_2018_have_their_notebook():
    known = {nets.family(name).__name__.rpartition(".")[2] for name in NETS}
    assert {*nets.NOTEBOOKS} <= known
    assert len(nets.NOTEBOOKS) >= 24


@pytest.mark.parametrize("family", BESIDE, ids=lambda family: family.__name__)
def test_a_notebook_is_of_its_paper(family):
    """The notebook builds a network of the paper, or has its title."""
    (name, *_) = family.NETS
    source = (NOTEBOOKS / "source" / f"{nets.notebook(name)}.py").read_text(encoding="utf-8")
    known = [*family.NETS, *family.ALIASES, facts_of(name)["paper"]["title"]]
    assert any(word in source for word in known)


def test_the_list_of_networks_is_found_by_ideas():
    rows = Page(html(nets.listed())).all("tr", "data-words")
    assert len(rows) == len(NETS)
    links = [a["href"] for a in Page(html(nets.listed())).all("a", "href")]
    assert links == [f"networks/{name}.html" for name in NETS]
    said = {row["data-words"].split()[0]: row["data-words"] for row in rows}
    for word in ("skip", "He", "1512.03385", "Residual"):
        assert word in said["resnet50"]
    assert "mobile" in said["mobilenet_v2_1.0_224"]
