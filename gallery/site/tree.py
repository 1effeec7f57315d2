"""The family tree: each network as a few changed lines of its ancestor (see ancestors, diff)."""

from html import escape
from typing import Any

from convbook.gallery.draw import FONT, rendering
from convbook.gallery.page import facts_of
from convbook.gallery.site import diff
from convbook.gallery.site.ancestors import NODES, Node
from convbook.gallery.site.html import paper_link, raw, slug


def paper(node: Node) -> dict[str, Any]:
    return facts_of(node.net)["paper"]


def link(key: str) -> str:
    """A link to the part of the page for a network."""
    return f'<a href="#{slug(NODES[key].title)}">{escape(NODES[key].title)}</a>'


def svg() -> str:
    """The tree as SVG, each box a link to its part of the page."""
    from pygraphviz import AGraph

    graph = AGraph(directed=True, bgcolor="transparent", pad=0.2, nodesep=0.16, ranksep=0.4)
    graph.node_attr.update(FONT, shape="box", style="rounded,filled", fillcolor="#c6dcf5")
    graph.node_attr.update(fontsize=13, margin="0.1,0.05", height=0.3, color="#666666")
    graph.edge_attr.update(color="#555555", arrowsize=0.6, penwidth=1.3)
    for key, node in NODES.items():
        label = f"{node.title}\\n{paper(node)['year']}"
        graph.add_node(key, label=label, href=f"#{slug(node.title)}", tooltip=node.title)
    for key, node in NODES.items():
        if node.parent:
            graph.add_edge(node.parent, key)
        for other in node.also:
            graph.add_edge(other, key, style="dashed", color="#999999", constraint=False)
    with rendering():
        text = graph.draw(format="svg", prog="dot").decode()
    return text[text.index("<svg") :]


def children(parent: str | None) -> list[str]:
    return [key for key, node in NODES.items() if node.parent == parent]


def listed(parent: str | None = None) -> str:
    """The tree as nested lists of links: what the picture shows, in words."""
    items = [f"<li>{link(key)}{listed(key)}</li>" for key in children(parent)]
    return f"<ul>{''.join(items)}</ul>" if items else ""


def entry(key: str) -> str:
    """The part of the page for one network."""
    node, of = NODES[key], paper(NODES[key])
    facts_line = [f"<cite>{escape(of['title'])}</cite>, {of['year']}", paper_link(of["arxiv"])]
    facts_line.insert(0, f"from {link(node.parent)}" if node.parent else "a root")
    if node.also:
        facts_line.append(f"an idea of {', '.join(map(link, node.also))}")
    head = f"## {node.title}\n\n{raw('<p>' + '; '.join(filter(None, facts_line)) + '</p>')}"
    said = " ".join(node.says.split())
    return "\n".join([head, f"{said}\n", *(raw(diff.markup(by)) for by in node.compared)])


def family_tree_page() -> str:
    """The family tree as Markdown: picture, the same as lists, an entry for each network."""
    picture = f'<div class="tree" role="group" aria-label="The family tree">{svg()}</div>'
    words = f'<details class="words"><summary>The tree as a list</summary>{listed()}</details>'
    return "\n".join([raw(picture), raw(words), *map(entry, NODES)])
