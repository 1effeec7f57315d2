"""The site's pages that are made from the code: blocks, family tree, architectures (see docs/).

What returns a page returns Markdown; nothing of it is kept in the repository.
"""

__all__ = ["ancestors", "cards", "diff", "families", "html", "nets", "switches", "tree", "words"]
