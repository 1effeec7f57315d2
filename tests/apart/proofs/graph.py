"""graph(name): a digest of a network as it is built for its proof, by whatever code."""

import hashlib

import keras

from convbook.architectures.graph.layer_names import all_layers

from .digest import PACKAGE, ROOMS, closure, of_module
from .prove import BETA, CANCELLED, LAST_BIAS, WIDER, rated, setting, sized, small


def graph(name):
    """Of the graph with its initialisers, the code of our own layers in it, and how it is trained.

    Two networks of the same graph start alike, learn alike and are saved alike, so that the proof
    of one is that of the other.
    """
    keras.backend.clear_session()
    model = small(name)
    homes = {type(layer).__module__.removeprefix(PACKAGE) for layer in all_layers(model)}
    ours = {module for module in homes if module.split(".")[0] in ROOMS}
    modules = sorted(set().union(*(closure(module) for module in ours)))
    start = LAST_BIAS, WIDER, BETA
    lines = [
        model.to_json().replace(f'"{PACKAGE}', '"'),
        *(f"{module} {of_module(module)}" for module in modules),
        repr([sized(name), rated(name), *(setting(table, name, None) for table in start)]),
        repr(sorted(path for net, path in CANCELLED if net == name)),
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
