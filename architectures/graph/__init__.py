"""Tools that read the graph of any functional or Sequential Keras model, no matter who built it.

calls(model)                   its calls in order, each after the calls it depends on
all_layers(model)              its layers, including those in nested models and gates
get_layer(model, name)         one of them
tap(x, name)                   x, with a name for get_layer
flat(model)                    the same model without nesting
measure(model)                 weights, multiply-adds and sizes, layer by layer
fold(model)                    its inference form: batch norms in the kernels
fully_convolutional(model)     a classifier for images of any size
"""

from convbook.architectures.graph.calls import Call, calls
from convbook.architectures.graph.fold import flat, fold
from convbook.architectures.graph.fully_convolutional import fully_convolutional
from convbook.architectures.graph.layer_names import all_layers, get_layer, tap
from convbook.architectures.graph.measure import measure

__all__ = [
    "Call",
    "all_layers",
    "calls",
    "flat",
    "fold",
    "fully_convolutional",
    "get_layer",
    "measure",
    "tap",
]
