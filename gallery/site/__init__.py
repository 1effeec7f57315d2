"""The website's pages that are made from the code: blocks, family tree, architectures (see docs/).

A page is returned as Markdown; none of them is kept in the repository.
"""

__all__ = ["ancestors", "cards", "diff", "families", "html", "nets", "switches", "tree", "words"]
