"""python -m convbook.beside.lab [NAME ...]: experiments of the lab that take more than minutes.

The ResNet paper's CIFAR nets, of any depth 6b + 2, on scikit-learn's digits of 8 x 8 pixels: Adam
at 0.001, batches of 128, 8 epochs.  results/lab_NAME.json keeps every run with its time, commit and
date.  A run that is kept is not made again; delete the file to repeat all.  Experiments run beside
each other, but beside no benchmark.
"""

import argparse
import re
import time
from functools import partial
from itertools import pairwise, product

import keras
import numpy as np
import tensorflow as tf
from scipy.stats import kendalltau

from convbook.architectures.resnet import body
from convbook.beside import digits, learn, results
from convbook.beside.claims import interval, verdict
from convbook.blocks import basic_block, dense, gavgpool
from convbook.undisturbed import undisturbed

EPOCHS, BATCH, RATE = 8, 128, 1e-3
DEPTHS, SEEDS = (8, 14, 20, 32, 44), (0, 1, 2)
PATHS = 32  # layers of the network whose paths are looked at: 15 blocks
CHOICES = 8  # random choices that a figure of the paths is the mean of


def network(depth, **options):
    """The network of so many layers; shortcut=None is the plain one, and further options body's."""
    i, b = keras.Input((8, 8, 1)), (depth - 2) // 6
    x = body(i, basic_block, 16, (b, b, b), (3, 1, 16), **{"shortcut": "A"} | options)
    return keras.Model(i, dense(gavgpool(x), 10, None))


def fit(seed, depth, loss=None, **options):
    """(model, {loss, accuracy}) of the network trained from this seed."""
    keras.utils.set_random_seed(seed)
    model = network(depth, **options)
    history = learn(model, digits(8), EPOCHS, RATE, BATCH, **{"loss": loss} if loss else {})
    last = round(float(np.mean(history["loss"][-2:])), 5)
    return model, {"loss": last, "accuracy": round(history["val_accuracy"][-1], 4)}


# An experiment yields (what makes a run another one, a function that makes it): see run.


def depth():
    """Plain and residual nets of growing depth."""
    for layers, shortcut, seed in product(DEPTHS, (None, "A"), SEEDS):
        kind = "residual" if shortcut else "plain"
        which = {"kind": kind, "depth": layers, "seed": seed}
        yield which, lambda a=(seed, layers, shortcut): [fit(*a[:2], shortcut=a[2])[1]]


def shortcuts():
    """Shortcuts A, B and C in 20 layers."""
    for shortcut, seed in product("ABC", SEEDS):
        yield {"shortcut": shortcut, "seed": seed}, partial(of_shortcut, shortcut, seed)


def of_shortcut(shortcut, seed):
    model, found = fit(seed, 20, shortcut=shortcut)
    yield {"weights": model.count_params(), **found}


class Chain:
    """A trained network as stem, blocks and head, which can be left out and put in other orders."""

    def __init__(self, model):
        names = [n for layer in model.layers if re.fullmatch(r"stage\d_block\d+", n := layer.name)]
        ends = [model.get_layer(name).output for name in ("stem", *names)]
        self.names = names
        self.stem = keras.Model(model.input, ends[0])
        self.blocks = [keras.Model(a, b) for a, b in pairwise(ends)]
        self.head = keras.Model(ends[-1], model.output)
        self.same = [i for i, b in enumerate(self.blocks) if b.input.shape == b.output.shape]

    def __call__(self, x, order=None):
        """Logits, through the blocks of this order (all of them)."""
        x = self.stem(x)
        for i in range(len(self.blocks)) if order is None else order:
            x = self.blocks[i](x)
        return self.head(x)

    def error(self, data, order=None):
        *_, x, y = data
        return round(float(np.mean(np.argmax(self(x, order), -1) != y)), 4)

    def gradient(self, x, y, chosen):
        """The norm of the loss's gradient after the stem, along the paths that go through the
        chosen blocks' branches and through the shortcuts of the others; the blocks that change the
        size pass all of it."""
        maps = [self.stem(x)]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        with tf.GradientTape() as tape:
            tape.watch(maps[-1])
            loss = keras.losses.sparse_categorical_crossentropy(y, self.head(maps[-1]), True)
            loss = tf.reduce_mean(loss)
        g = tape.gradient(loss, maps[-1])
        for i in reversed(range(len(self.blocks))):
            alive = tf.cast(maps[i + 1] > 0, g.dtype)  # y = relu(x + F(x))
            if i in self.same and i not in chosen:
                g = g * alive
                continue
            with tf.GradientTape() as tape:
                tape.watch(maps[i])
                out = self.blocks[i](maps[i])
            whole = tape.gradient(out, maps[i], g)
            g = whole - g * alive if i in self.same else whole
        return float(tf.norm(g))


def paths():
    """Blocks deleted, reordered, and the gradient along paths of each length."""
    for kind, shortcut in (("residual", "A"), ("plain", None)):
        yield {"kind": kind}, partial(of_paths, shortcut)


def of_paths(shortcut):
    data, random = digits(8), np.random.default_rng(0)
    model, found = fit(0, PATHS if shortcut else 20, shortcut=shortcut)
    chain = Chain(model)
    every, same = range(len(chain.blocks)), chain.same
    yield {"what": "whole", **found, "error": chain.error(data)}
    for i in same:
        error = chain.error(data, [j for j in every if j != i])
        yield {"what": "deleted", "block": chain.names[i], "error": error}
    for n in range(1, len(same) + 1) if shortcut else ():
        some = [set(random.choice(same, n, replace=False)) for _ in range(CHOICES)]
        errors = [chain.error(data, [j for j in every if j not in s]) for s in some]
        yield {"what": "several deleted", "n": n, "errors": errors}
    for n in (1, 2, 4, 8) if shortcut else (1,):
        orders = [swapped(chain, n, random) for _ in range(CHOICES)]
        errors = [chain.error(data, order) for order in orders]
        taus = [round(float(kendalltau(sorted(o), o).statistic), 4) for o in orders]
        yield {"what": "swapped", "n": n, "errors": errors, "taus": taus}
    for n in range(len(same) + 1) if shortcut else ():
        some = [set(random.choice(same, n, replace=False)) for _ in range(CHOICES)]
        norms = [chain.gradient(data[0][:128], data[1][:128], s) for s in some]
        yield {"what": "gradient", "n": n, "norms": [float(f"{v:.3g}") for v in norms]}


def swapped(chain, n, random):
    """All blocks, with n swaps of two of the same size."""
    order = [*range(len(chain.blocks))]
    for _ in range(n):
        shape = chain.blocks[random.choice(chain.same)].output.shape
        alike = [i for i in chain.same if chain.blocks[i].output.shape == shape]
        a, b = random.choice(alike, 2, replace=False)
        order[a], order[b] = order[b], order[a]
    return order


def short_paths():
    """Training on short paths alone: in every step each block runs with probability p."""
    for p, seed in product((None, 0.5), SEEDS):
        which = {"survival": p, "seed": seed}
        yield which, lambda p=p, seed=seed: [fit(seed, PATHS, survival=p)[1]]


def smoothing():
    """Label smoothing: how sure the network is, and how often it is right when it is so sure."""
    for smooth, seed in product((0.0, 0.1), SEEDS):
        yield {"smoothing": smooth, "seed": seed}, partial(of_smoothing, smooth, seed)


def of_smoothing(smooth, seed):
    model, found = fit(seed, 20, loss=smoothed(smooth))
    *_, x, y = digits(8)
    p = np.asarray(keras.ops.softmax(model.predict(x, verbose=0)))
    sure, right = p.max(-1), p.argmax(-1) == y
    bins = np.minimum((sure * 10).astype(int), 9)
    gaps = [abs(np.sum(sure[bins == b] - right[bins == b])) for b in range(10)]
    figures = {"sure": float(sure.mean()), "calibration_error": sum(gaps) / len(y)}
    yield {**found, **{k: round(float(v), 4) for k, v in figures.items()}}


def smoothed(smooth):
    """Cross-entropy of labels (N,) of which so much is spread over all classes."""

    def loss(y, logits):
        y = keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(y, (-1,)), "int32"), 10)
        return keras.losses.categorical_crossentropy(y, logits, True, smooth)

    return loss


def gates():
    """Squeeze-and-excitation's gates by class and depth: their mean over the images of a class."""
    for seed in SEEDS:
        yield {"seed": seed}, partial(of_gates, seed)


def of_gates(seed):
    model, found = fit(seed, 20, se=4)
    *_, x, y = digits(8)
    sigmoids = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Dense) and layer.activation is keras.activations.sigmoid
    ]
    seen = keras.Model(model.input, [layer.output for layer in sigmoids]).predict(x, verbose=0)
    spread = [np.std([v[y == c].mean(0) for c in range(10)], 0).mean() for v in map(squeezed, seen)]
    level = [float(v.mean()) for v in seen]
    rounded = {
        k: [round(float(v), 4) for v in vs] for k, vs in (("spread", spread), ("level", level))
    }
    yield {**found, **rounded}


def squeezed(v):
    return v.reshape(len(v), -1)


EXPERIMENTS = {f.__name__: f for f in (depth, shortcuts, paths, short_paths, smoothing, gates)}
COMPARED = {  # what differs, what the notebook calls it, (expected to be more accurate, the other)
    "shortcuts": (
        "shortcut",
        {c: f"shortcut {c}" for c in "ABC"},
        [("B", "A"), ("C", "B"), ("C", "A")],
    ),
    "short_paths": ("survival", {None: "all paths", 0.5: "short paths"}, [(0.5, None)]),
}


def sentence(name):
    """The result of an experiment, in the words with which the notebook begins."""
    key, names, pairs = COMPARED[name]
    rows = results.kept(f"lab_{name}")["rows"]
    accuracy = {of: [100 * r["accuracy"] for r in rows if r[key] == of] for of in names}
    said = []
    for more, less in pairs:
        mean, half = interval(np.subtract(accuracy[more], accuracy[less]))
        way = "above" if mean >= 0 else "below"
        said.append(
            f"the test accuracy of {names[more]} ends {abs(mean):.2f} ± {half:.2f} points {way} "
            f"that of {names[less]} (**{verdict(mean, half)}**)"
        )
    return "; ".join(said)


def run(name):
    """Makes the runs of an experiment that are not kept yet, and keeps each as it ends."""
    rows = (results.kept(f"lab_{name}") or {"rows": []})["rows"]
    for which, make in EXPERIMENTS[name]():
        if any(which.items() <= row.items() for row in rows):
            continue
        start = time.perf_counter()
        made = [{**which, **row} for row in make()]
        cost = {"seconds": round(time.perf_counter() - start), **results.made()}
        rows += [row | cost for row in made]
        print(name, which, cost, flush=True)
        results.keep(f"lab_{name}", rows, epochs=EPOCHS, batch=BATCH, rate=RATE)


def main(argv=None):
    parser = argparse.ArgumentParser("python -m convbook.beside.lab", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *EXPERIMENTS], metavar="NAME")
    names = parser.parse_args(argv).names
    with undisturbed(" ".join(["python -m convbook.beside.lab", *names]), alone=False):
        for name in names or EXPERIMENTS:
            run(name)


if __name__ == "__main__":
    main()
