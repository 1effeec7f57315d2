"""The ledger shows the stored measurements, and these are of today's networks."""

import re
from copy import deepcopy

import pytest
from measured import figures, ours, twin
from places import ROOT
from test_weights import FILES, published_name

from convbook import architectures
from convbook.architectures.catalog import FAMILIES
from convbook.architectures.weights.published import APPLICATIONS, published
from convbook.gallery import ledger, page

NAMES = architectures.names(aliases=False)
PAGE = ROOT / "docs" / "ledger.md"


def tables(text):
    """{heading: [a table's rows, each a list of cells]} of a page."""
    parts = {part.split("\n")[0]: part.split("\n") for part in text.split("\n## ")[1:]}
    return {
        heading: [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][2:]
        for heading, lines in parts.items()
    }


@pytest.fixture
def tampered(monkeypatch):
    """The stored measurements, to be changed in one test."""
    other = deepcopy(ledger.stored_ledger())
    for module in (ledger, page):
        monkeypatch.setattr(module, "stored_ledger", lambda: other)
    return other


def test_page_is_not_stale():
    assert PAGE.read_text(encoding="utf-8") == page.ledger_page(), "docs/ledger.md: run make ledger"


def test_every_network_has_a_row_in_each_table():
    found = tables(PAGE.read_text(encoding="utf-8"))
    for heading in ("Counts", "Accuracy as published", "Published weights it takes"):
        assert [row[0] for row in found[heading]] == NAMES


def test_counts_of_the_page_are_those_kept():
    rows, known = tables(PAGE.read_text(encoding="utf-8"))["Counts"], published()
    for name, _, params, _, keras, _, macs, _, stages, golden in rows:
        kept = ledger.stored_ledger()["ours"][name]
        assert (params, macs) == (f"{kept['trainable']:,}", f"{kept['macs']:,}")
        theirs = ledger.stored_ledger()["keras.applications"].get(name)
        assert keras.strip("*") == (f"{theirs['trainable']:,}" if theirs else "–")
        assert ("**" in keras) == (theirs is not None and theirs["trainable"] != kept["trainable"])
        sizes = architectures.facts(name).get("output_sizes_hwc", ())
        assert stages == (f"{len(sizes)} of {len(sizes)}" if sizes else "–")
        errors = [e for k, e in ledger.stored_ledger()["golden"].items() if known[k][0] == name]
        assert golden.split()[0] == (f"{max(errors):.0e}" if errors else "–")


def test_a_member_of_each_family_in_8_bits():
    """The trained ones keep their answers to the images that showed the ranges; each row of the
    page is one that was kept."""
    kept = ledger.stored_ledger()["int8"]
    members = [sum(name in family.NETS for name in kept) for family in FAMILIES]
    assert members == [1] * len(FAMILIES)
    agreed = [kept[name]["shown"] for name in ("resnet20_cifar", "squeezenet_v1_1")]
    assert all(same >= 0.95 * of for same, of in agreed)
    rows = tables(PAGE.read_text(encoding="utf-8"))["In 8 bits"]
    assert [row[0] for row in rows] == [*kept]
    for name, weights, shown, other, lost, classes, why in rows:
        row = kept[name]
        assert (weights, why) == (row["weights"], row.get("why", "–"))
        for cell, part in ((shown, "shown"), (other, "other")):
            assert cell == ("{} of {}".format(*row[part]) if part in row else "–")
        assert (lost, classes) == (str(row.get("lost", "–")), str(row.get("classes", "–")))


def test_every_figure_that_is_not_ours_is_explained():
    found = tables(PAGE.read_text(encoding="utf-8"))
    explained = [[row[0], row[3]] for row in found["Differences"]]
    marked = [
        [row[0], f"{figure}{note or ''}"]
        for row in found["Counts"]
        for cell in (row[3], row[7], row[4], row[5])
        for figure, note in re.findall(r"(\*+[^*]+\*+)( \(.*?\))?", cell)
    ]
    assert sorted(marked) == sorted(explained)


def test_all_published_weights_are_listed():
    rows = tables(PAGE.read_text(encoding="utf-8"))["Published weights it takes"]
    cells = {
        (name, library): re.split(r"<br>|, | \(", cell)
        for name, *row in rows
        for library, cell in zip(page.SOURCES, row, strict=True)
    }
    for entry, (name, _) in published().items():
        library, _, theirs = entry.partition("/")
        assert theirs in cells[name, library]
    for name, (function, _, _) in APPLICATIONS.items():
        assert function in cells[name, "keras.applications"]
    assert "resnet50 (stride_on='3x3')" in page.ledger_page()


def test_everything_is_kept():
    kept = ledger.stored_ledger()
    assert list(kept["ours"]) == NAMES
    assert list(kept["keras.applications"]) == list(APPLICATIONS)
    assert sorted(kept["golden"]) == sorted(map(published_name, FILES))


@pytest.mark.parametrize("name", [name for name in NAMES if not architectures.facts(name)])
def test_networks_without_facts_are_kept_as_they_are(name):
    """Their counts equal the stored ones; networks of facts.json are compared elsewhere."""
    assert ours(name) == ledger.stored_ledger()["ours"][name]


def test_keras_applications_are_kept_as_they_are():
    kept = ledger.stored_ledger()["keras.applications"]
    assert twin("mobilenet_v1_0.25_224") == kept["mobilenet_v1_0.25_224"]
    for name, counts in kept.items():
        (said,) = (
            {"trainable": i["trainable"], "total": i["total"], "macs": i["macs"]}
            for i in architectures.facts(name)["implementations"]
            if i["library"].startswith("keras.applications")
        )
        assert counts == said


def test_a_changed_count_is_seen(tampered):
    before = page.ledger_page()
    for key in ("weights", "trainable", "total"):
        tampered["ours"]["squeezenet_v1_0"][key] += 20_000
    assert ours("squeezenet_v1_0") != tampered["ours"]["squeezenet_v1_0"]
    assert page.ledger_page() != before
    row = next(r for r in tables(page.ledger_page())["Counts"] if r[0] == "squeezenet_v1_0")
    assert row[2:4] == ["1,268,424", "**1,248,424** (secondary)"]


def test_a_size_that_is_not_met_is_seen():
    facts, model = architectures.facts("lenet5"), architectures.create("lenet5")
    sizes = deepcopy(facts["output_sizes_hwc"])
    assert figures(model, facts)["stages"] == [stage for stage, _ in sizes]
    sizes[2][1][0] += 1
    assert figures(model, {"output_sizes_hwc": sizes})["stages"] == [
        stage for stage, _ in sizes if stage != sizes[2][0]
    ]
    swapped = [sizes[-1], *sizes[:2]]
    assert figures(model, {"output_sizes_hwc": swapped})["stages"] == [swapped[0][0]]


@pytest.mark.parametrize(
    ("printed", "value", "counts", "shown", "state", "why"),
    [
        ("0.27M", 270_000, {"": 269_722}, "0.27M", "", ""),
        ("0.27M", 270_000, {"": 275_001}, "0.27M", "*", "truncated"),
        ("0.27M", 270_000, {"": 280_000}, "0.27M", "!", ""),
        ("0.27M", 270_000, {"": 264_999}, "0.27M", "!", ""),
        ("62,378,344", 62_378_344, {"": 62_378_344}, "62,378,344", "", ""),
        ("62,378,344", 62_378_344, {"": 62_378_345}, "62,378,344", "!", ""),
        ("25.5*10^6 (Table 1)", 25.5e6, {"": 25_557_032, "b": 25_502_912}, "25.5M", "*", "b: 25,"),
        ("3.8*10^9", 3.8e9, {"": 3_857_973_248}, "3.8B", "*", "truncated"),
        ("25.0B", 25e9, {"": 24_937_395_792}, "25.0B", "!", ""),
        ("6.9M", 6.9e6, {"": 6_108_776}, "6.9M", "!", "Paper 6.9M is"),
        ("less than 25 million", 25e6, {"": 23_834_568}, "< 25M", "", ""),
        ("less than 25 million", 25e6, {"": 25_000_001}, "< 25M", "!", ""),
        ("~7.8 / ~15 billion class", 7.8e9, {"": 8_076_871_680}, "≈7.8B", "", ""),
        ("~7.8 / ~15 billion class", 7.8e9, {"": 8_400_000_000}, "≈7.8B", "!", ""),
        ("about 25M + 2.5M (10%)", 28.1e6, {"": 28_088_024}, "≈28.1M", "", ""),
        ("1.72 GFLOPS (2 per multiply-add)", 1.72e9, {"": 861_000_000}, "1.72B / 2", "", ""),
        ("1.72 GFLOPS (2 per multiply-add)", 1.72e9, {"": 832_667_936}, "1.72B / 2", "!", ""),
        ("column: 34,360 M (sum 1502M)", 1.502e9, {"": 1_502_400_000}, "1.502B", "", ""),
    ],
)
def test_how_a_printed_figure_stands_to_ours(printed, value, counts, shown, state, why):
    errata = ["Paper 6.9M is a misprint: 16.9M, 6.95M.", "25.05 is another figure."]
    figure = {"as_printed": printed, "value": value, "tag": "paper", "where": "Table 1"}
    found = ledger.compared(figure, counts, errata)
    assert (found.text, found.state.value) == (shown, state)
    assert found.why.startswith(why)
    assert bool(found.why) == bool(why)


def test_accuracy_pairs_what_belongs_together():
    rows = dict(tables(page.ledger_page())["Accuracy as published"])
    assert rows["resnet50"].startswith("ImageNet 22.85 / 6.71, 10 crops, option B; Table 3<br>")
    assert "ImageNet accuracy 74.0 / 91.6, 1 crop 224; Table 3" in rows["nasnet_a_mobile"]
    assert "MNIST test 0.95, no distortions; sec. III-B<br>" in rows["lenet5"]
    assert "CIFAR-10 14.51, no dropout; sec. 4.2, secondary" in rows["nin_cifar10"]
    assert "ImageNet – / 10.07" in rows["googlenet"]
    assert rows["alexnet_ungrouped"] == "–"
    figures = sum(len(architectures.facts(name).get("errors", ())) for name in NAMES)
    shown = [v for n in NAMES for line in ledger.accuracy(n) for v in line[2] if v]
    assert len(shown) == figures
