"""Devices: which of them train, the workers of a run, and what several of them need."""

__all__ = [
    "accumulate",
    "agreement",
    "cluster",
    "lost_workers",
    "multiworker",
    "norms",
    "strategy",
    "strided",
]
