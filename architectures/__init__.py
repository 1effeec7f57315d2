"""The networks of the papers, built from blocks/ and exact to the count.

create(name) builds one, names() lists them, measure(model) counts weights and multiply-adds of
any functional Keras model, fold(model) makes its inference form, get_layer(model, name) finds a
layer, flat(model) flattens nested models, weights.from_torch(model, state) loads published weights.
`convbook nets NAME` prints a network beside its paper.
"""

from convbook.architectures import weights
from convbook.architectures.catalog import create, facts, names
from convbook.architectures.graph.fold import flat, fold
from convbook.architectures.graph.layer_names import get_layer, tap
from convbook.architectures.graph.measure import measure

__all__ = ["create", "facts", "flat", "fold", "get_layer", "measure", "names", "tap", "weights"]
