"""The site's pages that are made from the code: blocks, family tree, architectures (see docs/).

Each module has a function page(...) that returns Markdown; nothing of it is kept in the repository.
"""

__all__ = ["ancestors", "cards", "diff", "families", "html", "nets", "switches", "tree", "words"]
