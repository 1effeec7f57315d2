"""What the sliders of docs/arithmetic.md compute is what the library computes."""

import itertools
import json
import random
import shutil
import subprocess

import keras
import pytest
from places import ROOT

from convbook import blocks
from convbook.architectures import measure

SCRIPT = ROOT / "docs" / "_static" / "arithmetic.js"
RUN = """
const it = require(process.argv[1]);
const answer = ([w, layers]) => layers.length > 1 ? it.stack(w, layers) :
  [it.width(w, layers[0]), it.weights(layers[0]), it.macs(w, layers[0]), it.reach(layers[0])];
process.stdout.write(JSON.stringify(JSON.parse(process.argv[2]).map(answer)));
"""


def computed(cases):
    """What the script answers to [(width, layers)]."""
    node = shutil.which("node")
    if not node:
        pytest.skip("no node: tests/apart/site opens the page in a browser")
    command = [node, "-e", RUN, str(SCRIPT), json.dumps(cases)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def ours(width, layers):
    """(the model of the layers, the maps after each)."""
    maps = [keras.Input((width, width, layers[0].get("c", 1)))]
    for layer in layers:
        letters = {key: layer[key] for key in "ksd"} | {"g": layer.get("g", 1), "p": layer["p"]}
        maps.append(blocks.conv(maps[-1], layer.get("f", 1), **letters, a=None, bias=False))
    return keras.Model(maps[0], maps[-1]), maps[1:]


def test_a_layer():
    kinds = itertools.product((1, 2, 3, 5, 7), (1, 2, 3), (1, 2, 3), ("same", "valid", 0, 1, 3))
    letters = [dict(zip("ksdp", kind, strict=True)) for kind in kinds]
    letters = [kind for kind in letters if kind["s"] == 1 or kind["d"] == 1]
    channels = itertools.cycle([(1, 1, 1), (8, 16, 1), (8, 16, 4), (12, 12, 12), (3, 32, 1)])
    draw = random.Random(0).randint
    cases = [
        (draw(20, 40), [kind | dict(zip("cfg", c, strict=True))])
        for kind, c in zip(letters, channels, strict=False)
    ]
    for (width, layers), found in zip(cases, computed(cases), strict=True):
        counted = measure(model := ours(width, layers)[0])
        expected = [model.output.shape[1], counted.weights, counted.macs, counted.receptive_field]
        assert found == expected, (width, layers)


def test_a_stack():
    rows = [(3, 1, 1), (3, 2, 1), (5, 1, 1), (3, 2, 1), (3, 1, 2), (1, 1, 1)]
    layers = [dict(zip("ksd", row, strict=True)) for row in rows]
    cases = [(w, [layer | {"p": p} for layer in layers]) for p, w in (("same", 65), ("valid", 80))]
    for (width, each), found in zip(cases, computed(cases), strict=True):
        maps = ours(width, each)[1]
        for i, (row, y) in enumerate(zip(found, maps, strict=True)):
            part = measure(ours(width, each[: i + 1])[0])
            step = 1
            for layer in each[: i + 1]:
                step *= layer["s"]
            assert row == {"width": y.shape[1], "sees": part.receptive_field, "step": step}


def test_a_kernel_that_does_not_fit_has_no_output():
    layer = {"k": 5, "s": 1, "d": 2, "p": "valid", "c": 1, "f": 1, "g": 1}
    assert computed([(8, [layer]), (9, [layer])]) == [[0, 25, 0, 9], [1, 25, 25, 9]]
