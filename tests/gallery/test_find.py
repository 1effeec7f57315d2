"""convbook find: blocks and networks by idea, paper and author, the best first."""

import re

import pytest

from convbook import architectures, blocks, names
from convbook.__main__ import main
from convbook.gallery import find
from convbook.gallery.menu import MENU

LABELS = {label.replace(" ", "-") for label in find.PAPERS}


def found(text):
    return [row.name for row in find.search(text)]


def test_names_are_those_of_the_catalog():
    """The names are known without importing the catalog."""
    assert names.networks() == architectures.names()
    assert [names.network(name) for name in names.networks()] == [
        architectures.catalog.find(name)[0] for name in architectures.names()
    ]
    with pytest.raises(ValueError, match="nearest: resnet") as ours:
        names.network("resnet21")
    with pytest.raises(ValueError, match="nearest: resnet") as theirs:
        architectures.create("resnet21")
    assert str(ours.value) == str(theirs.value)


def test_ideas_and_papers_name_what_there_is():
    having = [text.split() for text in find.IDEAS.values()]
    assert all(len(each) == len({*each}) for each in having)
    assert {*MENU} <= {name for each in having for name in each} <= {*MENU, *LABELS, "letters"}
    assert {row.paper for row in MENU.values()} - {""} <= {*find.PAPERS}
    for label in find.PAPERS:
        authors, title, *_ = find.written(label)
        assert authors
        assert title


def test_the_number_of_its_paper_finds_a_block():
    """The first arXiv number of its docstring, at least, where the menu names a paper."""
    cited = {name: re.findall(r"arXiv:([\d.]+\d)", getattr(blocks, name).__doc__) for name in MENU
             if name != "letters"}  # fmt: skip
    lost = {
        name: ids for name, ids in cited.items() if ids and not any(name in found(i) for i in ids)
    }
    assert lost == {}
    assert len([ids for ids in cited.values() if ids]) > 60


@pytest.mark.parametrize("name", architectures.names(aliases=False))
def test_a_network_is_of_its_paper(name):
    """As facts.json says; if it says nothing, as the other networks of its file."""
    label = find.paper_of(name)
    module = next(f for f in architectures.catalog.FAMILIES if name in f.NETS)
    titles = {
        architectures.facts(n)["paper"]["title"] for n in module.NETS if architectures.facts(n)
    }
    of = architectures.facts(name)
    assert find.written(label)[1] in ({of["paper"]["title"]} if of else titles)


@pytest.mark.parametrize(
    ("text", "first", "among"),
    [
        ("skip", "shortcut_path", {"basic_block", "bottleneck_block", "resnet50", "preresnet50"}),
        ("residual connections", "residual_block", {"basic_block", "resnet50"}),
        ("attention", "se_block", {"senet_block", "se_resnet50"}),
        ("downsample", "factorized_reduction", {"transition_block", "reduction_a"}),
        ("mobile", "mobilenet_block", {"shufflenet_unit", "fire_module", "mobilenet_v2_1.0_224"}),
        ("pooling", "letters", {"subsample", "transition_block", "grid_reduction"}),
        ("pools", "letters", {"subsample", "transition_block", "grid_reduction"}),
        ("squeeze", "squeezenet_v1_0", {"fire_module", "se_block"}),
        ("densely connected", "dense_block", {"densenet121"}),
        ("Identity Mappings", "preact_block", {"preresnet50"}),
        ("he", "bottleneck", {"basic_block", "preact_block", "resnet50", "resnext50_32x4d"}),
        ("szegedy", "naive_inception_module", {"inception_v3_a", "inception_v4", "googlenet"}),
        ("lecun 1998", "subsample", {"partial_conv", "lenet5"}),
        ("1904.11492", "global_context_block", set()),
        ("resnet-d", "resnet50d", {"resnet101d"}),
        ("hard_sigmoid", "mbconv_block", {"mobilenet_v3_block"}),
        ("channel split", "shufflenet_v2_unit", {"pconv"}),
        ("blur pooling", "blur_block", {"blurpool", "blur_resnet50"}),
        ("1512.03385", "bottleneck", {"basic_block", "resnet18"}),
        ("kaiming he", "bottleneck", {"basic_block", "resnet50"}),
        ("Mingkui Tan", "fuse_block", {"hrnet_w18"}),
        ("Mingxing Tan", "mobilenet_v3_block", {"mbconv_block", "efficientnet_b0"}),
        ("squeeze-and-excitation", "se_block", {"senet_block", "se_resnet50"}),
        ("squeeze and excitation", "se_block", {"senet_block", "se_resnet50"}),
        ("depth-wise", "mobilenet_block", {"xception_block", "inverted_residual_block"}),
        ("global response", "convnext_v2_block", {"convnext_v2_tiny"}),
        ("vgg16", "vgg_D", set()),
        ("resnet152", "resnet152", set()),
    ],
)
def test_what_people_look_for_is_found(text, first, among):
    rows = found(text)
    assert rows[0] == first
    assert among <= {*rows}


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("he", {"dense_block", "fire_module", "mobilenet_block"}),  # "the" is no author
        ("attention", {"basic_block", "resnet50"}),
        ("mobile", {"basic_block", "vgg_D"}),
        ("he 2016", {"basic_block", "resnet50"}),
        ("Mingxing Tan", {"fuse_block", "hrnet_w18"}),
        ("Mingkui Tan", {"mbconv_block", "efficientnet_b0"}),
    ],
)
def test_nothing_else_is_found(text, without):
    assert not without & {*found(text)}


def test_every_block_and_network_is_found_by_its_name():
    assert [found(name)[0] for name in MENU] == [*MENU]
    assert [found(name)[0] for name in names.networks()] == [*map(names.network, names.networks())]


def test_the_words_of_the_site_have_synonyms_paper_and_authors():
    said = find.words("basic_block")
    for word in ("basic_block", "skip", "identity", "He", "2015", "1512.03385", "Residual"):
        assert word in said
    assert "vgg16" in find.words("vgg_D")
    assert "identity" in find.words("preresnet50")
    assert all(find.words(name) for name in find.entries())


def test_a_row_each(capsys):
    assert main(["find", "skip"]) == 0
    *rows, rest = capsys.readouterr().out.splitlines()
    assert len(rows) == 25
    first = ["shortcut_path", "shortcuts", "A,", "B", "and", "C", "ResNet", "2015"]
    assert rows[0].split() == first
    assert max(map(len, rows)) <= 110
    assert main(["find", "--all", "skip"]) == 0
    every = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in every] == found("skip")
    assert rest == f"and {len(every) - 25} more: convbook find --all skip"


def test_a_word_that_nothing_knows_is_said(capsys):
    assert main(["find", "he", "kaiming"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "nothing found for: kaiming"


def test_nothing_found_is_one_line_and_code_2(capsys):
    assert main(["find", "basic_blok"]) == 2
    said = "convbook find: nothing found for 'basic_blok'; nearest: basic_block"
    assert capsys.readouterr().err.startswith(said)
    assert main(["find", "qqqqqq"]) == 2
    assert capsys.readouterr().err == "convbook find: nothing found for 'qqqqqq'\n"


def test_a_mistaken_name_is_taken_by_spelling_and_by_idea():
    every = [*blocks.__all__, *names.networks()]
    assert find.nearest("residul_block", every)[0] == "residual_block"
    assert "fire_module" in find.nearest("squeeze", every)
    assert find.nearest("skip_connection", every)[0] == "shortcut_path"
    assert find.nearest("skipp", every)[0] == "shortcut_path"
    assert "se_block" in find.nearest("attenton_block", every)
    assert find.nearest("zzzz", every) == find.nearest("", every) == []
