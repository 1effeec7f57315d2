"""Measurements of speed: `python -m benchmarks` lists them, and runs one by its name."""
