"""The ledger as the page docs/ledger.md."""

from collections import namedtuple
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from convbook.architectures.catalog import FAMILIES, facts, names
from convbook.gallery.ledger import (
    LIBRARIES,
    Agreement,
    Figure,
    accuracy,
    available,
    golden,
    libraries,
    paper,
    stored_ledger,
)

INTRO = """\
# The ledger

Compare each network with its paper and with other libraries: parameters, multiply-adds, published
accuracy, and the published weights that it loads. Every network that `architectures.create` builds
has one row. For the details of one network, with the source of each figure, run
`convbook nets NAME`.

`architectures/facts.json` holds every quoted figure. `make ledger` measures the networks again and
writes this page, so do not edit it by hand.

A dash means that there is nothing to compare: the paper prints no such figure, the library has no
such network, or no weights are published. A tag in brackets names the source of a figure: recalled
(from memory, not checked), a secondary text, or the authors' code. A figure without a tag was read
in a paper. Where papers contradict themselves, [errata](errata.md) says which version we build.

## Counts

We measure parameters and multiply-adds on the built network: trainable parameters, and the
multiply-adds of convolutions and dense layers for one image, without auxiliary heads. A *printed*
figure stands in plain type if our count rounds to it; *in italics* if another way of counting gives
it (kernels alone, with batch norm's statistics, another reading of the paper, truncated digits); in
**bold** if none does. The libraries' columns show their trainable parameters, bold where they
differ from ours. Each italic and bold figure is [explained below](#differences). Releases:
{releases}.

*Stages*: how many output sizes of the paper's table our network has, in the table's order.

*Golden error*: the largest difference between our logits and those of the named libraries, for the
same weights and input, relative to the largest logit. (Tests compare keras.applications' networks
in the same way; they agree to 1e-5.)
"""
DIFFERENCES = """\
## Differences

Each italic or bold figure next to our count: how far it is off, and why. The reason is the way of
counting that gives the figure, or the note in `facts.json`; a dash means that we know none.
[Errata](errata.md) has the computations.
"""
ACCURACY = """\
## Accuracy as published

Published figures, not measured here: errors in percent, or accuracies where the row says so. For
ImageNet (ILSVRC-2012 validation) they are top-1 / top-5; + means with augmentation. The test
protocol follows, then the source.
"""
INT8 = """\
## In 8 bits

How often a small network of each family predicts the same class in int8 as in float32, as a LiteRT
file that `convbook export --int8` writes. We count calibration images, which set the ranges, and
other images separately. *Lost*: the largest lead in probability of a float32 top class that int8
replaced by another. *Classes*: how many classes the network predicts for the other images.

SqueezeNet has ImageNet weights and sees crops of five photographs. ResNet-20 was trained on the
digits by its recipe, the others on 512 of the digits for at most 40 epochs.

Below 95 % on other images: {few}.
The last line of an export reports the agreement for your own network and images.
"""
WEIGHTS = """\
## Published weights it takes

The names of the weights in each library and, in brackets, the options of `create` that they need.
`create(name, weights="imagenet")` loads those of keras.applications, `weights="timm/NAME"` those of
timm from the hub and sets the options. `weights=path` loads a `.safetensors` file of any of them,
`weights.from_torch(model, state)` a state dict. `weights.published()` returns the last three
columns as a dictionary.
"""
PAPERS = """\
## The papers
"""
EMPHASIS = {Agreement.EQUAL: "", Agreement.OTHERWISE: "*", Agreement.DIFFERENT: "**"}
IMAGES = {"shown": "calibration images", "other": "other images"}
SOURCES = ("keras.applications", *LIBRARIES)
Row = namedtuple("Row", "name paper params macs printed_params printed_macs libraries")


def facts_of(name: str) -> dict[str, Any]:
    """The facts of a network, or else of the network with the nearest name in its paper."""
    family = next(f.NETS for f in FAMILIES if name in f.NETS)
    near = get_close_matches(name, [n for n in family if facts(n)], 1, 0)
    return facts(name) or facts(near[0])


def arxiv(of: Mapping[str, Any]) -> str:
    return f"[{of['arxiv']}](https://arxiv.org/abs/{of['arxiv']})" if of["arxiv"] else ""


def figures_of(name: str) -> Row:
    of, ours = facts_of(name), stored_ledger()["ours"][name]
    params, macs = ([*paper(name, key)] for key in ("params", "flops"))
    source = f"{of['family']} {arxiv(of['paper'])}".strip()
    counted = ours["trainable"], ours["macs"]
    return Row(name, source, *counted, params, macs, libraries(name))


def marked(figure: Figure) -> str:
    """A figure in Markdown: its type shows the state, its tag the source."""
    mark = EMPHASIS[figure.state]
    return f"{mark}{figure.text}{mark}{f' ({figure.tag})' * bool(figure.tag)}"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a dash in each empty cell."""
    cells = [head, ["---"] * len(head), *([cell or "–" for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells) + "\n"


def counts(r: Row) -> list[str]:
    """A row of the table of counts."""
    error, compared_with = golden(r.name)
    return [
        r.name,
        r.paper,
        f"{r.params:,}",
        all_marked(r.printed_params),
        all_marked(r.libraries.get("keras.applications", ())),
        torch_counts(r),
        f"{r.macs:,}",
        all_marked(r.printed_macs),
        stages(r.name),
        f"{error:.0e} {', '.join(compared_with)}" if compared_with else "",
    ]


def all_marked(figures: Iterable[Figure]) -> str:
    return ", ".join(map(marked, figures))


def torch_counts(r: Row) -> str:
    """The cell of PyTorch's libraries: first those that count the same, then the others."""
    figures = [(library, f) for library in LIBRARIES for f in r.libraries.get(library, ())]
    same = dict.fromkeys(library for library, f in figures if f.state == Agreement.EQUAL)
    others = [f"{marked(f)} {library}" for library, f in figures if f.state != Agreement.EQUAL]
    return "<br>".join([f"the same: {', '.join(same)}", *others] if same else others)


def stages(name: str) -> str:
    sizes = facts(name).get("output_sizes_hwc", ())
    return f"{len(stored_ledger()['ours'][name]['stages'])} of {len(sizes)}" if sizes else ""


def differences(r: Row) -> Iterator[list[str]]:
    """Rows that explain each figure that differs from ours."""
    for what, ours, figures in (
        ("parameters", r.params, r.printed_params),
        ("multiply-adds", r.macs, r.printed_macs),
        ("parameters", r.params, [f for fs in r.libraries.values() for f in fs]),
    ):
        for f in figures:
            if f.state != Agreement.EQUAL:
                off = f"{100 * (f.value / ours - 1):+.2g} %"
                yield [r.name, what, f"{ours:,}", marked(f), off, f.where, f.why]


def accuracy_lines(name: str) -> Iterator[str]:
    """The lines of a network's published accuracy."""
    for data, kind, values, protocol, where, sure in accuracy(name):
        figures = " / ".join(value or "–" for value in values if value or data == "ImageNet")
        what = f"{data}{' accuracy' * (kind == 'accuracy')} {figures}"
        groups = [what, protocol], [*where, sure]
        yield "; ".join(", ".join(filter(None, group)) for group in groups)


def weights(name: str) -> Iterator[str]:
    """A row of the table of weights."""
    given = available(name)
    for library in SOURCES:
        by = given.get(library, {}).items()
        yield "<br>".join(f"{', '.join(n)}{f' ({options})' * bool(options)}" for options, n in by)


def in_8_bits() -> Iterator[list[str]]:
    """A row for each network whose int8 file was compared or could not be written."""
    for name, row in stored_ledger()["int8"].items():
        counts = ("{} of {}".format(*row[part]) if part in row else "" for part in IMAGES)
        numbers = (str(row.get(key, "")) for key in ("lost", "classes"))
        yield [name, row["weights"], *counts, *numbers, row.get("why", "")]


def fewer() -> list[str]:
    """The networks that agree in int8 on less than 95 % of the other images."""
    rows = ((name, row.get("other", (1, 1))) for name, row in stored_ledger()["int8"].items())
    return [name for name, (same, of) in rows if same < 0.95 * of]


def papers() -> Iterator[list[str]]:
    """A row for each paper: its title, authors, year and venue."""
    listed = [facts_of(name)["paper"] for name in names(aliases=False)]
    for title, p in {p["title"]: p for p in listed}.items():
        by = p["authors"][0] + " et al." * (len(p["authors"]) > 1)
        yield [title, by, str(p["year"]), p["venue"], arxiv(p)]


def versions() -> dict[str, str]:
    """The releases of the libraries shown."""
    of = [facts(name).get("implementations", ()) for name in names(aliases=False)]
    said = [i["library"].split() for implementations in of for i in implementations]
    return {"keras.applications": stored_ledger()["versions"]["keras"]} | {
        library: version for library, version in said if library in LIBRARIES
    }


def ledger_page() -> str:
    """docs/ledger.md."""
    rows = [figures_of(name) for name in names(aliases=False)]
    head = ["network", "paper", "parameters", "printed", "keras.applications"]
    head += [", ".join(LIBRARIES), "multiply-adds", "printed", "stages", "golden error"]
    off = ["network", "what", "ours", "theirs", "off by", "where", "why"]
    releases = ", ".join(map(" ".join, versions().items()))
    sections = [
        (INTRO.format(releases=releases), head, map(counts, rows)),
        (DIFFERENCES, off, [line for r in rows for line in differences(r)]),
        (
            ACCURACY,
            ["network", "published"],
            [[r.name, "<br>".join(accuracy_lines(r.name))] for r in rows],
        ),
        (WEIGHTS, ["network", *SOURCES], [[r.name, *weights(r.name)] for r in rows]),
        (
            INT8.format(few=", ".join(fewer())),
            ["network", "weights", *IMAGES.values(), "lost", "classes", "why it failed"],
            in_8_bits(),
        ),
        (PAPERS, ["paper", "by", "year", "venue", "arXiv"], papers()),
    ]
    return "\n".join(f"{text}\n{markdown_table(head, body)}" for text, head, body in sections)
