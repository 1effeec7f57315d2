"""What notebooks show as printed: facts.json agrees with itself, and no digit is lost."""

import re
from decimal import Decimal

import pytest

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
    for name, table in TABLES:
        if name in places and table["where"] != "Table 4":  # which quotes others' digits
            at = [i for i, head in enumerate(table["head"]) if "error" in head or "layers" in head]
            found = {
                -n.as_tuple().exponent for r in table["rows"] for i in at for n in numbers(r[i])
            }
            assert found == places[name], (name, table["where"])


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
    assert "| recalled |" in printed.accuracies("nin_cifar10")


def test_a_table_is_asked_for_by_its_name():
    assert printed.as_printed("resnet34", "Table 3").count("\n| ResNet") == 6
    assert "Table 5 (recalled): " in printed.as_printed("nin_cifar10", "Table 5")
    row = "exclusive gating", "1 - g(x)", "g(x)", "-6"
    assert printed.cell("preresnet110_cifar", "Table 1", row, "error") == "8.70"
    with pytest.raises(ValueError, match=r"Table 7 of resnet34: facts.json has Table 2, Table 3"):
        printed.as_printed("resnet34", "Table 7")
