"""Compare runs: where their options differ, and their results."""

__all__ = ["compare", "run_table"]
