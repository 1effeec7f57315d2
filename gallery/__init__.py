"""Blocks and networks shown: `convbook blocks` and `convbook nets` run it.

A block in the menu, as one text to copy, as a picture; a network beside its paper, all in a ledger;
the site's pages about them.
"""

__all__ = ["draw", "find", "ledger", "menu", "networks", "page", "show", "site"]
