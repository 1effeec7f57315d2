"""Pages made from the code: a comment such as `<!-- made from blocks: gallery -->` becomes what
convbook.gallery.site writes; the pictures of the blocks go to _images/blocks.  Each network has a
page, networks/NAME.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARK = re.compile(r"^<!-- made from \w+: (\w+) -->$", re.M)
READ = ("blocks", "architectures", "gallery")


def blocks(app, page):
    from convbook.gallery.site import cards

    folder = Path(app.outdir, "_images", "blocks")
    folder.mkdir(parents=True, exist_ok=True)
    return cards.gallery_page(folder, "_images/blocks")


def families(app, page):
    from convbook.gallery.site import families

    return families.architectures_page(errata())


def tree(app, page):
    from convbook.gallery.site import tree

    return tree.family_tree_page()


def networks(app, page):
    from convbook.gallery.site import nets

    return nets.listed()


def network(app, page):
    from convbook.gallery.site import nets

    return nets.entry(page.removeprefix("networks/"), errata())


def errata():
    return (ROOT / "docs" / "errata.md").read_text(encoding="utf-8")


MADE = {
    "gallery": blocks,
    "families": families,
    "tree": tree,
    "networks": networks,
    "network": network,
}
STUB = "---\norphan: true\n---\n\n# {name}\n\n<!-- made from architectures: network -->\n"


def bring_networks():
    """A page for each network, to be filled; those of networks that are no more go."""
    from convbook import names

    folder = ROOT / "docs" / "networks"
    folder.mkdir(exist_ok=True)
    pages = {f"{name}.md": STUB.format(name=name) for name in names.networks(aliases=False)}
    for old in folder.iterdir():
        if old.name not in pages:
            old.unlink()
    for file, text in pages.items():
        if not (folder / file).exists():
            (folder / file).write_text(text, encoding="utf-8")


def filled(app, page, text):
    """source-read: the marks of a page become what they name."""
    if found := MARK.search(text[0]):
        for path in (p for room in READ for p in (ROOT / room).rglob("*.*") if p.suffix != ".pyc"):
            app.env.note_dependency(str(path))
        text[0] = text[0].replace(found[0], MADE[found[1]](app, page))


def alone(app, config):
    """The family tree and the networks take the whole width: each page is its own contents."""
    config.html_sidebars |= {"family_tree": [], "networks/*": []}


def setup(app):
    bring_networks()
    app.connect("config-inited", alone)
    app.connect("source-read", filled)
    app.add_css_file("gallery.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
