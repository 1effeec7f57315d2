"""Trained networks: evaluated by a protocol, asked for what they see, compared run by run."""

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
