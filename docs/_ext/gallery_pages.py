"""Pages made from the code: a comment such as `<!-- made from blocks: gallery -->` becomes what
convbook.gallery.site writes; the pictures of the blocks go to _images/blocks.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARK = re.compile(r"^<!-- made from \w+: (\w+) -->$", re.M)
READ = ("blocks", "architectures", "gallery")


def blocks(app):
    from convbook.gallery.site import cards

    folder = Path(app.outdir, "_images", "blocks")
    folder.mkdir(parents=True, exist_ok=True)
    return cards.page(folder, "_images/blocks")


def families(app):
    from convbook.gallery.site import families

    return families.page((ROOT / "docs" / "errata.md").read_text(encoding="utf-8"))


def tree(app):
    from convbook.gallery.site import tree

    return tree.page()


MADE = {"gallery": blocks, "families": families, "tree": tree}


def filled(app, page, text):
    """source-read: the marks of a page become what they name."""
    if found := MARK.search(text[0]):
        for path in (p for room in READ for p in (ROOT / room).rglob("*.*") if p.suffix != ".pyc"):
            app.env.note_dependency(str(path))
        text[0] = text[0].replace(found[0], MADE[found[1]](app))


def alone(app, config):
    """The family tree takes the whole width: its picture is its contents."""
    config.html_sidebars["family_tree"] = []


def setup(app):
    app.connect("config-inited", alone)
    app.connect("source-read", filled)
    app.add_css_file("gallery.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
