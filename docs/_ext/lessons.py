"""Notebooks as a reader sees them: equations in the rows of their lines, pictures with both forms.

A notebook shows a block as its code and a table, "line | equation", of some of its lines.  Here
each equation stands beside its line, or below it where there is no room for both.
"""

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

# Letters of the longest line: how wide a window must be for equations beside it
WIDTHS = {64: "short", 88: "long"}


def equations(table):
    """{a line of code: its equation} of a table "line | equation"; of another table nothing."""
    head = [
        entry.astext() for row in table.findall(nodes.thead) for entry in row.findall(nodes.entry)
    ]
    if head not in (["line", "equation"], ["line", "is"]):  # "is": of an older run
        return {}
    rows = next(table.findall(nodes.tbody)).children
    return {row[0].astext(): next(row[1].findall(nodes.math)).astext() for row in rows}


def listing(code, equations, highlighted):
    """Nodes of lines of code, each with its equation; [] where a line does not end its marks.

    highlighted: the HTML of the code.
    """
    inner = highlighted.split("<pre>", 1)[1].rsplit("</pre>", 1)[0].rstrip("\n").split("\n")
    if any(row.count("<span") != row.count("</span>") for row in inner):
        return []
    longest = max(map(len, code.split("\n")))
    width = next((name for most, name in WIDTHS.items() if longest <= most), "")
    made = [
        f'<div class="highlight-python notranslate lines {width}"><div class="highlight">'
        '<pre class="mathjax_process">'
    ]
    for text, row in zip(code.rstrip("\n").split("\n"), inner, strict=True):
        made.append(f'<span class="line">{row}</span>')
        if latex := equations.get(text.strip()):
            made.append(nodes.math(latex, latex, classes=["eq"]))
        made.append("\n")
    made.append("</pre></div></div>")
    return [nodes.raw("", p, format="html") if isinstance(p, str) else p for p in made]


class Equations(SphinxPostTransform):
    default_priority = 850  # before the pairs

    def run(self, **kwargs):
        builder = self.app.builder
        if builder.format != "html":
            return
        for table in [*self.document.findall(nodes.table)]:
            place = table.parent.index(table)
            code = table.parent[place - 1] if place else None
            if isinstance(code, nodes.literal_block) and (found := equations(table)):
                highlighted = builder.highlighter.highlight_block(code.astext(), "python")
                if made := listing(code.astext(), found, highlighted):
                    code.replace_self(made)
                    table.parent.remove(table)


class BothForms(SphinxPostTransform):
    """The theme leaves these pictures as they are in the dark: they have a dark form."""

    default_priority = 850

    def run(self, **kwargs):
        if self.env.current_document.docname.startswith("notebooks/"):
            for image in self.document.findall(nodes.image):
                if image["uri"].endswith(".svg"):
                    image["classes"].append("dark-light")


class Within(SphinxPostTransform):
    """In the book a link to a page that is not in it is its words."""

    default_priority = 850

    def run(self, **kwargs):
        if self.app.tags.has("book"):
            for link in [*self.document.findall(addnodes.download_reference)]:
                link.replace_self(link.children)


def setup(app):
    for transform in (Equations, BothForms, Within):
        app.add_post_transform(transform)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
