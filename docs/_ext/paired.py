"""Text beside code in notebooks: each run of text and the cells after it become one pair.

On wide screens site.css sets the two halves of a pair side by side, below each other otherwise.
"""

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform


def is_cell(node):
    return isinstance(node, nodes.container) and "cell" in node.get("classes", ())


def half(name, found):
    return nodes.container("", *found, classes=[name])


def paired(children):
    """The children of a section, text and the cells after it in pairs; other things as they are.

    Headings, sections and text that no cell follows stay, and end a pair.
    """
    text, cells, out = [], [], []

    def close():
        if cells:
            halves = [half("pair-text", text), half("pair-code", cells)]
            out.append(nodes.container("", *halves, classes=["pair"]))
        else:
            out.extend(text)
        text.clear()
        cells.clear()

    for node in children:
        if is_cell(node):
            cells.append(node)
            continue
        if cells or isinstance(node, (nodes.section, nodes.title)):
            close()
        if isinstance(node, (nodes.section, nodes.title)):
            out.append(node)
        else:
            text.append(node)
    close()
    return out


class Pairs(SphinxPostTransform):
    default_priority = 900  # after what myst-nb does to its cells

    def run(self, **kwargs):
        if not self.env.current_document.docname.startswith("notebooks/"):
            return
        for section in [*self.document.findall(nodes.section)]:
            if any(map(is_cell, section.children)):
                children = paired([*section.children])
                section.clear()
                section.extend(children)


def setup(app):
    app.add_post_transform(Pairs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
