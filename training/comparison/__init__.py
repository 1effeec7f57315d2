"""Runs compared: what differs between their options, and what came of them."""

__all__ = ["compare", "run_table"]
