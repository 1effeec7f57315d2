"""The run of convbook train: run.py from its command to its results; the rest is its detail."""

__all__ = [
    "checkpoints",
    "compiled",
    "fingerprint",
    "folder",
    "inputs",
    "job",
    "progress",
    "report",
    "resume",
    "run",
    "tested",
]
