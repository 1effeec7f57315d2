"""Trained networks: evaluated by a protocol, and used to predict."""

__all__ = [
    "asked",
    "evaluate",
    "plots",
    "predict",
    "probabilities",
    "protocols",
    "scores",
    "trained_network",
    "views",
]
