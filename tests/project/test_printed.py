"""What notebooks show as printed: facts.json agrees with itself, and no digit is lost."""

import re
from collections import Counter
from decimal import Decimal

import pytest
from test_notebooks import NAMES, OWN, kept, words

from convbook.architectures.catalog import all_facts
from convbook.architectures.weights.published import published as loadable
from convbook.beside import printed

FACTS = {name: of for name, of in all_facts().items() if name != "_meta"}
ERRORS = [(name, e) for name, of in FACTS.items() for e in of.get("errors", ())]
TABLES = [(name, table) for name, of in FACTS.items() for table in of.get("tables", ())]


def numbers(text):
    return {Decimal(n) for n in re.findall(r"(?<![\d.])\d+\.\d+(?![\d.])", text)}


def test_a_printed_error_is_its_value_with_all_its_digits():
    shown = [(e["value"], e["as_printed"]) for _, e in ERRORS if "as_printed" in e]
    assert shown
    for value, text in shown:
        assert float(text) == value
        assert text != str(value)


QUOTED = {  # figures of one source that are printed with unlike digits
    "Fig. 4": "the paper quotes what others printed",
    "Table 2": "SENet's column of the original papers",
    "sec. III-B": "LeNet's 0.95 and 0.8",
    "the authors' configuration": "MobileNetV4's, as its comments say them",
}


def test_figures_of_one_column_have_the_same_digits():
    """A float keeps no zero at its end, so 22.0 is 22: such a figure needs as_printed."""
    columns = {}
    for name, e in ERRORS:
        key = FACTS[name]["paper"]["title"], e["where"], e["metric"], e["dataset"]
        shown = Decimal(e.get("as_printed", str(e["value"])))
        columns.setdefault(key, Counter())[-shown.as_tuple().exponent] += 1
    unlike = {key[1] for key, places in columns.items() if len(places) > 1}
    assert unlike == set(QUOTED)


@pytest.mark.parametrize(("name", "table"), TABLES, ids=lambda x: x if type(x) is str else "")
def test_cells_are_text_and_rows_are_whole(name, table):
    assert {len(row) for row in table["rows"]} == {len(table["head"])}
    assert all(type(cell) is str for row in table["rows"] for cell in row)
    assert table["tag"] in all_facts()["_meta"]["tags"]


def test_an_error_that_a_kept_table_prints_is_in_that_table():
    """Errors and tables are matched by the paper's title and the table's name."""
    cells = {}
    for name, table in TABLES:
        key = FACTS[name]["paper"]["title"], table["where"]
        cells[key] = {n for row in table["rows"] for cell in row for n in numbers(cell)}
    compared = 0
    for name, e in ERRORS:
        kept = cells.get((FACTS[name]["paper"]["title"], e["where"]))
        if kept is not None:
            assert Decimal(e.get("as_printed", str(e["value"]))) in kept, f"{name}: {e}"
            compared += 1
    assert compared > 60


def test_tables_keep_their_zeros():
    """ResNet's and DenseNet's tables print two digits, VGG's and ResNeXt's one."""
    places = {"resnet34": {2}, "densenet121": {2}, "vgg_D": {1}, "se_resnet50": {2}}
    of_phones = "se_resnet50", "Table 3"
    quote = {("resnet34", "Table 4"), ("se_resnet50", "Table 2")}  # with others' digits
    for name, table in TABLES:
        if name in places and (name, table["where"]) not in quote:
            at = [i for i, head in enumerate(table["head"]) if "error" in head or "layers" in head]
            found = {
                -n.as_tuple().exponent for r in table["rows"] for i in at for n in numbers(r[i])
            }
            wanted = {1} if (name, table["where"]) == of_phones else places[name]
            assert found == wanted, (name, table["where"])


def test_published_figures_are_of_weights_that_the_network_loads():
    library = [(name, w) for name, of in FACTS.items() for w in of.get("weights", ())]
    assert len(library) > 40
    for name, weights in library:
        library, _, theirs = weights["of"].partition("/")
        if library != "keras.applications":
            assert loadable()[weights["of"]][0] == name, theirs
        top1, top5 = (Decimal(weights[f"{top} accuracy"]) for top in ("top-1", "top-5"))
        assert 50 < top1 < top5 < 100


def test_accuracies_stand_beside_each_other():
    text = printed.accuracies("resnet50", "resnet20_cifar")
    assert "| resnet50 | ImageNet, error | 22.85 | 6.71 | 10 crops, option B | Table 3 |" in text
    v1 = "| *torchvision/resnet50, IMAGENET1K_V1* | ImageNet, error | 23.870 | 7.138 | 1 crop 224"
    assert v1 in text  # 100 less 76.130 and 92.862
    assert "| resnet20_cifar | CIFAR-10+, error | 8.75 |" in text
    assert "top-5" not in printed.accuracies("resnet20_cifar")
    assert "| ImageNet, accuracy | 82.7 | 96.2 |" in printed.accuracies("nasnet_a_large")
    assert "| ImageNet, accuracy | 82.626 |" in printed.published("nasnet_a_large")
    assert "| secondary |" in printed.accuracies("nin_cifar10")


def test_a_table_is_asked_for_by_its_name():
    assert printed.as_printed("resnet34", "Table 3").count("\n| ResNet") == 6
    assert "Table 5 (recalled): " in printed.as_printed("nin_cifar10", "Table 5")
    row = "exclusive gating", "1 - g(x)", "g(x)", "-6"
    assert printed.cell("preresnet110_cifar", "Table 1", row, "error") == "8.70"
    with pytest.raises(ValueError, match=r"Table 7 of resnet34: facts.json has Table 2, Table 3"):
        printed.as_printed("resnet34", "Table 7")


def networks(notebook):
    """The networks of the papers that a notebook cites, by the titles of its BibTeX."""
    text = re.sub(r"\s+", " ", words(notebook))
    titles = re.findall(r"(?<!\w)title = \{(.*?)\},? (?:\w+ = |\})", text)
    cited = {letters(title) for title in titles}
    return [name for name, of in FACTS.items() if letters(of["paper"]["title"]) in cited]


def letters(title):
    return re.sub(r"\W", "", title.lower())


def shown(notebook):
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    return "\n".join(o.get("data", {}).get("text/markdown", "") for o in outputs)


def is_a_line(row, text, count):
    """Whether a table of `text` has this row: whole, its first `count` cells, or without top-5."""
    forms = row, row[:count], [*row[:3], *row[4:]]
    return any(f"\n{printed.grid(form, ()).splitlines()[0]}\n" in f"\n{text}\n" for form in forms)


COST = re.compile("parameters|multiply-adds|folded|cost")
PAPERS = [name for name in NAMES if networks(kept(name))]


def test_papers_notebooks_are_found():
    assert {*PAPERS} == {*NAMES} - OWN
    assert networks(kept("06_network_in_network")) == ["nin_cifar10", "nin_imagenet"]


@pytest.mark.parametrize("notebook", PAPERS)
def test_a_notebook_prints_each_error_of_its_papers_networks(notebook):
    """In a row with its protocol and how it is known, or in the kept table that it is from."""
    text, missing = shown(kept(notebook)), []
    for name in networks(kept(notebook)):
        title = FACTS[name]["paper"]["title"]
        whole = {
            table["where"]
            for owner, table in TABLES
            if FACTS[owner]["paper"]["title"] == title
            and printed.as_printed(owner, table["where"]) in text
        }
        rows = [row for row in printed.of_paper(name) if not {*row[5].split(", ")} <= whole]
        missing += [row for row in rows if not is_a_line(row, text, len(row))]
    assert not missing


@pytest.mark.parametrize("notebook", PAPERS)
def test_a_notebook_prints_what_libraries_say_of_its_networks_weights(notebook):
    text = shown(kept(notebook))
    rows = [row for name in networks(kept(notebook)) for row in printed.of_weights(name)]
    assert [row for row in rows if not is_a_line(row, text, 6)] == []


@pytest.mark.parametrize("notebook", PAPERS)
def test_a_notebook_prints_the_tables_of_its_papers(notebook):
    """Whole, or all its errors and accuracies in tables of ours."""
    text = shown(kept(notebook))
    for name, table in TABLES:
        if name in networks(kept(notebook)):
            at = [i for i, head in enumerate(table["head"]) if not COST.search(head)]
            figures = numbers(" ".join(row[i] for row in table["rows"] for i in at))
            whole = printed.as_printed(name, table["where"]) in text
            assert whole or figures <= numbers(text), (name, table["where"])
