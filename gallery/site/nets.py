"""The networks: a list of all, and for each a page with its file to copy and its figures."""

from collections.abc import Iterable
from html import escape
from types import ModuleType

from convbook.architectures.catalog import ALIASES, FAMILIES, NETS
from convbook.gallery import find, page
from convbook.gallery.show import text
from convbook.gallery.site import families
from convbook.gallery.site.html import raw, slug

NOTEBOOKS = {  # by the files of architectures/
    "lenet": "04_lenet5",
    "alexnet": "05_alexnet",
    "zfnet": "05_alexnet",
    "nin": "06_network_in_network",
    "vgg": "07_vgg",
    "googlenet": "08_googlenet",
    "bn_inception": "09_inception_v2_v3",
    "inception_v3": "09_inception_v2_v3",
    "resnet": "10_resnet",
    "wide_resnet": "10_resnet",
    "resnet_d": "30_bag_of_tricks",
    "squeezenet": "11_squeezenet",
    "inception_v4": "12_inception_v4",
    "inception_resnet": "12_inception_v4",
    "preresnet": "13_identity_mappings",
    "stochastic_depth": "14_stochastic_depth",
    "densenet": "15_densenet",
    "xception": "16_xception",
    "resnext": "17_resnext",
    "mobilenet": "18_mobilenet",
    "shufflenet": "19_shufflenet",
    "nasnet": "20_nasnet_pnasnet",
    "pnasnet": "20_nasnet_pnasnet",
    "senet": "21_senet",
    "amoebanet": "22_amoebanet",
    "repvgg": "26_branches_that_vanish",
    "mobileone": "26_branches_that_vanish",
    "efficientnet": "28_scaling",
    "efficientnet_v2": "28_scaling",
    "regnet": "29_design_spaces",
    "convnext": "31_a_convnet_for_the_2020s",
    "attention": "27_attention_without_transformers",
    "selective_kernel": "27_attention_without_transformers",
}


def family(name: str) -> ModuleType:
    return next(f for f in FAMILIES if name in f.NETS)


def notebook(name: str) -> str | None:
    """The notebook beside the paper of a network, without its ending; None if it has none yet."""
    return NOTEBOOKS.get(family(name).__name__.rpartition(".")[2])


def others(name: str) -> list[str]:
    return [alias for alias, full in ALIASES.items() if full == name]


def listed() -> str:
    """All networks as a table, whose rows are found by the words of convbook find."""
    rows = []
    for name in NETS:
        r, of = page.figures_of(name), page.facts_of(name)
        also = f"<br>{', '.join(others(name))}" if others(name) else ""
        link = f'<a href="networks/{name}.html">{name}</a>{also}'
        cells = [link, of["family"], str(of["paper"]["year"]), f"{r.params:,}", f"{r.macs:,}"]
        inner = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr data-words="{escape(find.words(name))}">{inner}</tr>')
    heads = ("network", "paper", "year", "parameters", "multiply-adds")
    head = "".join(f"<th>{title}</th>" for title in heads)
    inner = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return raw(
        f'<div class="pst-scrollable-table-container"><table class="table">{inner}</table></div>'
    )


def counts(r: page.Row) -> str:
    """The counts of a network beside those of its paper and of libraries."""
    _, _, params, printed, apps, torch, macs, multiplied, stages, golden = page.counts(r)
    libraries = [f"{apps} keras.applications"] if apps else []
    libraries += [torch] if torch else []
    rows = [
        ["parameters", params, printed, "<br>".join(libraries)],
        ["multiply-adds", macs, multiplied, ""],
        ["stages of the paper's table", stages, "", ""],
        ["input", "×".join(map(str, NETS[r.name].shape)), "", ""],
        ["largest relative error of outputs", "", "", golden],
    ]
    filled = [row for row in rows if any(row[1:])]
    return page.markdown_table(["", "ours", "the paper", "libraries"], filled)


def differences(r: page.Row) -> str:
    """Why figures of others are not ours, as a table; nothing if all are."""
    rows = [row[1:2] + row[3:] for row in page.differences(r)]
    head = ["what", "theirs", "off by", "where", "why"]
    return f"## Where figures differ\n\n{page.markdown_table(head, rows)}" if rows else ""


def links(name: str, errata: str) -> Iterable[str]:
    """Links to what else the site has of a network."""
    title = families.title(family(name))
    if beside := notebook(name):
        yield f"[the notebook beside the paper](../notebooks/{beside}.ipynb)"
    yield f"[the paper's networks and their code](../architectures.md#{slug(title)})"
    yield f"[in the family tree](../family_tree.md#{slug(title)})"
    if errors := families.errata_of([name], errata):
        yield f"errata: {', '.join(errors).replace('](errata', '](../errata')}"


def paper_and_names(name: str) -> str:
    """The paper of a network, and its other names."""
    paper, also = page.facts_of(name)["paper"], others(name)
    said = f"*{paper['title']}*, {', '.join(paper['authors'])}, {paper['venue'] or paper['year']}"
    said += f", arXiv:{page.arxiv(paper)}." if paper["arxiv"] else "."
    return said + (f" Other names: {', '.join(f'`{alias}`' for alias in also)}." if also else "")


def file(name: str) -> str:
    """The file of a network, to copy."""
    source = text([name], {})
    return f"""\
## The file

The whole network in {len(source.splitlines())} lines, which import nothing but Keras.
`convbook show {name}` prints it, and takes options such as `classes=10`.

````python
{source.strip()}
````
"""


def entry(name: str, errata: str) -> str:
    """The page of a network as Markdown, below its title; errata: the text of errata.md."""
    r = page.figures_of(name)
    sections = [paper_and_names(name), "; ".join(links(name, errata)), counts(r), file(name)]
    return "\n\n".join(filter(None, [*sections, families.choices(name), differences(r)])) + "\n"
