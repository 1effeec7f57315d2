"""Trained networks: evaluated by a protocol, and used to predict.

evaluate          convbook evaluate, as the command line has it
predict           convbook predict, likewise
asked             the options of both that say which network
trained_network   a network and the facts about it
protocols         which views of an image count, by name
views             the views of an image
probabilities     what a network answers for the images of a part
scores            figures of these answers
plots             the confusion matrix, and confidence against accuracy
"""

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
