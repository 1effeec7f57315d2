"""docs/errata.md: its code runs, and each of its figures is computed or quoted."""

import ast
import json
import re

import pytest
from measured import bare
from places import ROOT

from convbook import architectures
from convbook.architectures.catalog import NETS, all_facts
from convbook.architectures.graph.measure import Measure

PAGE = (ROOT / "docs" / "errata.md").read_text(encoding="utf-8")
INTRODUCTION, *PARTS = re.split(r"^### (.+)\n", PAGE, flags=re.M)
SECTIONS = dict(zip(PARTS[::2], PARTS[1::2], strict=True))
# Printed figures that the facts lack: NASNet's Table 2, ResNet's abstract, AmoebaNet's, Identity
# Mappings' Table 2.
QUOTED = "1538 10.9 2.35 22.6 4.93 3.57 97.87 7.84 " + json.dumps(all_facts(), ensure_ascii=False)
UNITS = {"M": 1e6, "G": 1e9, "MiB": 2**20 / 4}  # weights, multiply-adds, numbers of four bytes


def code(text):
    return "".join(re.findall(r"^```python\n(.*?)^```", text, re.M | re.S))


def prose(text):
    """A section without its code, families' headings, names and numbers of papers' tables."""
    text = re.sub(r"^```python\n.*?^```|^## .*|`[^`]+`", "", text, flags=re.M | re.S)
    return re.sub(r"\b[A-Za-z]\w*-\d[\w-]*|\b\d+x\d+(?:x\d+)*(?:/\d)?\b", "", text)


def count(name, **options):
    """The page's count; taken from the facts if test_papers.py compares them with the network."""
    variant, facts = options.get("variant"), architectures.facts(name)
    table = {None: facts} | facts.get("variants", {})
    if {*options} <= {"variant"} and variant in table and variant in (None, *NETS[name].variants):
        found = table[variant]["computed"]
        return Measure(found, total=found["total_keras_style"])
    return architectures.measure(bare(name, **options))


def run(text):
    """Runs a section's code as a reader would, after the introduction's; yields its equations."""
    scope = {}
    exec(code(INTRODUCTION), scope)
    scope["count"] = count
    for node in ast.parse(code(text)).body:
        if not isinstance(node, ast.Expr):
            exec(ast.unparse(node), scope)
            continue
        assert isinstance(node.value, ast.Compare), f"no equation: {ast.unparse(node)}"
        sides = [node.value.left, *node.value.comparators]
        yield ast.unparse(node), [eval(ast.unparse(side), scope) for side in sides]


@pytest.mark.parametrize("title", [t for t in SECTIONS if not t.startswith("Conventions")])
def test_an_entry_says_whose_each_statement_is(title):
    """With the words that the page begins with; what circulates is of articles, too."""
    whose = {*re.findall(r"\*([A-Z]\w+)\*", INTRODUCTION), "Articles"}
    items = re.findall(r"^- (\w+)", SECTIONS[title], re.M)
    assert {"Paper", "Code"} < whose
    assert items
    assert {*items} <= whose


@pytest.mark.parametrize("title", [title for title, text in SECTIONS.items() if code(text)])
def test_what_the_page_computes_is_so(title):
    """Every equation of a section holds, for networks built here or proven elsewhere."""
    for line, (first, *others) in run(SECTIONS[title]):
        assert others == [first] * len(others), f"{line}: {first}, {others}"


def literals(text):
    """The numbers in a section's equations, which the test above proves equal."""
    found = [n.value for n in ast.walk(ast.parse(code(text))) if isinstance(n, ast.Constant)]
    return {n for n in found if type(n) in (int, float)}


@pytest.mark.parametrize("title", SECTIONS)
def test_no_figure_stands_unproven(title):
    """A figure in a section's text is in its equations, rounds one of them, or is in the facts."""
    text, proven = prose(SECTIONS[title]), literals(SECTIONS[title])
    rounded = r"(?<![\w.,])(\d+(?:\.\d+)?)\s+(M|G|MiB)\b"
    for number, unit in re.findall(rounded, text):
        digits = len(number.partition(".")[2])
        near = {round(n / UNITS[unit], digits) for n in proven}
        assert float(number) in near, f"{number} {unit} rounds nothing computed under {title}"
    plain = r"(?<![\w.])\d{1,3}(?:,\d{3})+(?!\d)|(?<![\w.,])\d+\.\d+|(?<![\w.,])\d{3,}(?![\w,.]\d)"
    for number in re.findall(plain, re.sub(rounded, "", text)):
        value = float(number.replace(",", ""))
        forms = f"{re.escape(number)}|{number.replace(',', '')}"
        quoted = re.search(rf"(?<![\d.])(?<!\d,)({forms})(?!\d|[,.]\d)", QUOTED)
        assert value in proven or quoted, f"{number} is neither computed nor quoted under {title}"


def test_networks_and_options_that_it_names_exist():
    for call in re.findall(r"`(create\([^`]+\))`", PAGE):
        node = ast.parse(call, mode="eval").body
        net = NETS[node.args[0].value]
        for keyword in node.keywords:
            table = {"variant": net.variants, "style": net.styles}
            if keyword.arg in table:
                assert keyword.value.value in table[keyword.arg], call
            else:
                assert keyword.arg in net.options, call


def test_every_disagreement_of_the_facts_has_its_section():
    """Each erratum has a heading for its network, each variant its name; no anchor repeats."""
    named = {title.partition(":")[0] for title in SECTIONS}
    assert named - {*NETS} == {"Conventions"}
    for name, facts in all_facts().items():
        if name != "_meta":
            for erratum in facts["errata"]:
                others = [n for n in NETS if erratum in architectures.facts(n).get("errata", ())]
                assert named & {*others}, f"{name}: {erratum}"
            for variant, other in facts.get("variants", {}).items():
                pages = [text for text in SECTIONS.values() if re.search(rf"\b{variant}\b", text)]
                assert pages, f"{name}: {variant}"
                if variant not in NETS[name].variants:  # a reading that the counts refute
                    figures = {other["computed"]["trainable"], other["computed"]["macs"]}
                    assert any(figures <= literals(text) for text in pages), f"{name}: {variant}"
    anchors = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in SECTIONS]
    assert len({*anchors}) == len(anchors)
