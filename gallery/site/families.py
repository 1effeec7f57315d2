"""The architectures: for each paper its networks, options, stages and source."""

import inspect
import re
from collections.abc import Iterable
from types import ModuleType

from convbook.architectures.catalog import ALIASES, FAMILIES, NETS, facts
from convbook.gallery.ledger import stored_ledger
from convbook.gallery.page import facts_of, markdown_table
from convbook.gallery.site.ancestors import NODES
from convbook.gallery.site.html import code, details, raw, slug

HEADING = re.compile(r"^### ((\w[\w.]*): (.*))$", re.MULTILINE)


def main_net(family: ModuleType) -> str:
    """The network that stands for its paper: the first one that the family tree has."""
    return next(node.net for node in NODES.values() if node.net in family.NETS)


def title(family: ModuleType) -> str:
    """The paper's network, as the family tree calls it."""
    return next(node.title for node in NODES.values() if node.net in family.NETS)


def errata_of(names: Iterable[str], text: str) -> list[str]:
    """Links to the headings of errata.md, its text given, that begin with one of these names."""
    headings = [h for h in HEADING.finditer(text) if h[2] in {*names}]
    return [f"[{h[3]}](errata.md#{slug(h[1])})" for h in headings]


def networks(family: ModuleType) -> str:
    """A table of the family's networks, counted as the ledger has them."""
    rows = []
    for name in family.NETS:
        ours, net = stored_ledger()["ours"][name], family.NETS[name]
        other = ", ".join(f"`{alias}`" for alias, full in ALIASES.items() if full == name)
        size = "×".join(map(str, net.shape))
        link = f"[`{name}`](networks/{name}.md)"
        rows.append([link, other, size, f"{ours['trainable']:,}", f"{ours['macs']:,}"])
    return markdown_table(["network", "other names", "input", "parameters", "multiply-adds"], rows)


def choices(name: str) -> str:
    """What can be chosen of a network: options with their defaults, variants, styles."""
    net, readings = NETS[name], facts(name).get("variants", {})
    notes = {name: readings.get(name, {}).get("note") for name in net.variants}
    variants = [f"`{name}`: {note}" if note else f"`{name}`" for name, note in notes.items()]
    lines = [
        ("options", ", ".join(f"`{key}={value!r}`" for key, value in net.options.items())),
        ("variants", "; ".join(variants)),
        ("styles", ", ".join(f"`{style}`" for style in net.styles)),
    ]
    return "".join(f"- {what} of `{name}`: {text}\n" for what, text in lines if text)


def stages(family: ModuleType) -> str:
    """The main network's stages: the sizes of the paper's table, all of which it has."""
    name = main_net(family)
    sizes = facts_of(name).get("output_sizes_hwc", ())
    rows = "".join(
        f"<tr><td>{stage}</td><td>{'×'.join(map(str, hwc))}</td></tr>" for stage, hwc in sizes
    )
    head = "<thead><tr><th>stage</th><th>output, rows × columns × channels</th></tr></thead>"
    inner = f'<table class="table stages">{head}<tbody>{rows}</tbody></table>'
    return raw(details(f"Stages of {name} as published", inner))


def source(family: ModuleType) -> str:
    file = family.__name__.removeprefix("convbook.").replace(".", "/") + ".py"
    text = inspect.getsource(family)
    lines = f"{file}: {len(text.splitlines())} lines, the table of the paper on top"
    return raw(details(lines, code(text, file)))


def entry(family: ModuleType, errata: str) -> str:
    """The part of the page for one paper."""
    paper = facts_of(main_net(family))["paper"]
    by = paper["authors"][0] + " et al." * (len(paper["authors"]) > 1)
    number = paper["arxiv"]
    where = f"[arXiv:{number}](https://arxiv.org/abs/{number})" if number else paper["venue"]
    tree = f"family_tree.md#{slug(title(family))}"
    links = [f"[in the family tree, line by line]({tree})"]
    links += [f"errata: {', '.join(errors)}"] if (errors := errata_of(family.NETS, errata)) else []
    sections = [
        f"## {title(family)}",
        f"*{paper['title']}*, {by}, {paper['year']}, {where}",
        networks(family),
        choices(main_net(family)),
        "; ".join(links),
        stages(family),
        source(family),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def architectures_page(errata: str) -> str:
    """The architectures as Markdown; errata: the text of errata.md, to link to its headings."""
    return "\n".join(entry(family, errata) for family in FAMILIES)
