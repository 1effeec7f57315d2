"""Compares models; needs only Keras, so that a pasted text can use it."""

import re

import keras

# A printed text has Keras' own layer in place of the library's drop-in.
DROP_IN = {"GroupedConv2D": "Conv2D"}
# Entries of a config about names, the graph around a layer, and the file of a class.
APART = {"name", "module", "registered_name", "build_config", "shared_object_id"}
APART |= {"inbound_nodes", "input_layers", "output_layers"}


def plain(config):
    """A config without APART, in plain values."""
    if isinstance(config, dict):
        kept = {key: plain(value) for key, value in config.items() if key not in APART}
        if isinstance(kept.get("class_name"), str):
            kept["class_name"] = DROP_IN.get(kept["class_name"], kept["class_name"])
        return kept
    if isinstance(config, (list, tuple)):
        return [plain(value) for value in config]
    return config if isinstance(config, (int, float, str, type(None))) else repr(config)


def layers_of(model):
    """[class, settings] of each layer of a model in order, without inputs and names."""
    found = [(type(layer).__name__, plain(layer.get_config())) for layer in model.layers]
    idle = ("InputLayer", "Identity")
    return [[DROP_IN.get(kind, kind), config] for kind, config in found if kind not in idle]


def model_of(call, shapes, names, options=None):
    """The model of a call as source, block(x, ...), with names to evaluate it in."""
    block, args = call.split("(", 1)
    names_of = re.findall(r"\b[a-z]\w*\b(?!=)", args)
    inputs = {name: keras.Input(shape) for name, shape in zip(names_of, shapes, strict=False)}
    scope = {**names, "keras": keras, "options": options or {}, **inputs}
    return keras.Model([*inputs.values()], eval(f"{block}({args[:-1]}, **options)", scope))
