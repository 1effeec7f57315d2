"""Show blocks and networks: the commands `convbook blocks`, `find`, `show`, `draw` and `nets`.

A block in the menu, as text to copy, as a picture; a network beside its paper; the ledger of all
networks; the website's pages about them.
"""

__all__ = ["draw", "find", "ledger", "menu", "networks", "page", "show", "site"]
