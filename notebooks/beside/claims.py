"""python -m convbook.beside.claims [NAME ...]: claims of the papers, tried on Fashion-MNIST.

Each claim compares networks that differ in what the paper speaks of and in nothing else: the first
5,000 training images, all 10,000 test images, three seeds.  results/claim_NAME.json keeps every run
with its time and commit.  A run that is kept is not made again; delete the file to repeat all.
EXPECTED was written before the first run.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product

import keras
import numpy as np
from keras import layers
from scipy.stats import t

from convbook import blocks
from convbook.architectures import measure
from convbook.architectures.resnet import body
from convbook.beside import learn, results
from convbook.blocks import BN, conv, dense, gavgpool, maxpool

IMAGES, SEEDS = 5_000, (0, 1, 2)
EXPECTED = {
    "units": "each at its best rate, relu reaches 25 % training error in fewer epochs than tanh",
    "batch_norm": "at its best rate, batch norm reaches the accuracy at which the same net without "
    "it ends in at most half of the epochs",
    "kernels": "stacks of 3x3 end with a higher test accuracy than one larger kernel of the same "
    "receptive field",
    "depth": "the training loss of the plain net falls from 4 to 7 to 10 layers",
    "residual": "at 56 layers the residual net has a lower training loss than the plain one; the "
    "plain net's is higher at 56 layers than at 20",
    "squeeze": "squeeze-and-excitation lowers the training loss, for r = 2 and for r = 8",
    "shuffle": "channel shuffle raises the test accuracy at 8 groups",
    "separable": "at equal multiply-adds, separable convolutions end with a higher test accuracy",
}


@dataclass(frozen=True)
class Claim:
    """Networks to compare, from images to logits, and how each is trained."""

    nets: dict[str, Callable]
    epochs: int
    rates: tuple[float, ...] = (1e-3,)
    batch: int = 128
    optimizer: Callable = keras.optimizers.Adam
    scale: float = 1  # of the pixels, 0 .. 1 less the mean image


def momentum(rate):
    return keras.optimizers.SGD(rate, momentum=0.9)


def stages(x, unit, widths=(16, 32, 64), head=gavgpool):
    """Stages of a unit, a 2x2 max pool between them, the head and the logits."""
    for i, f in enumerate(widths):
        x = unit(maxpool(x) if i else x, f)
    return dense(head(x), 10, None)


def four_layers(x, a):
    """The paper's size of net for Figure 1: three convolutions and a dense layer, N(0, 0.01)."""
    init = keras.initializers.RandomNormal(stddev=0.01)
    for f in (32, 32, 64):
        x = maxpool(conv(x, f, k=5, a=a, init=init), k=3, s=2)
    return dense(layers.Flatten()(x), 10, None)


def stack(x, f, b=1, k=3, n=None):
    for _ in range(b):
        x = conv(x, f, k=k, n=n, init="he_normal")
    return x


def cifar_net(x, depth, shortcut="A", **options):
    """The ResNet paper's net of 6b + 2 layers on maps of 14 x 14; shortcut=None is plain."""
    b = (depth - 2) // 6
    x = body(x, blocks.basic_block, 16, (b, b, b), (3, 2, 16), shortcut=shortcut, **options)
    return dense(gavgpool(x), 10, None)


def grouped(x, f, shuffle, g=8):
    """Two grouped 1x1, a depthwise 3x3 between, with or without the shuffle before it, added."""
    x = conv(x, f, k=1, n=BN) if x.shape[-1] != f else x
    for _ in range(2):
        m = conv(x, f, k=1, g=g, n=BN)
        m = blocks.channel_shuffle(m, g=g) if shuffle else m
        m = blocks.dwconv(m, k=3, n=BN, a=None)
        m = conv(m, f, k=1, g=g, n=BN, a=None)
        x = blocks.act(layers.add([x, m]), "relu")
    return x


def plain_or_separable(x, f, separable):
    """Two convolutions; separable ones are wider by what makes the multiply-adds equal."""
    for _ in range(2):
        x = blocks.sepconv(x, f, 3, n=BN) if separable else conv(x, f, k=3, n=BN)
    return x


CLAIMS = {
    "units": Claim(
        {a: partial(four_layers, a=a) for a in ("relu", "tanh")},
        epochs=8,
        rates=(0.0003, 0.001, 0.003),
        optimizer=momentum,
        scale=255,
    ),
    "batch_norm": Claim(
        {
            key: partial(stages, unit=partial(stack, b=2, n=n))
            for key, n in {"batch norm": BN, "without": None}.items()
        },
        epochs=8,
        rates=(0.01, 0.03, 0.1),
        optimizer=momentum,
    ),
    "kernels": Claim(
        {
            "two 3x3": partial(stages, unit=partial(stack, b=2), widths=(8, 16, 32)),
            "one 5x5": partial(stages, unit=partial(stack, k=5), widths=(8, 16, 32)),
            "three 3x3": partial(stages, unit=partial(stack, b=3), widths=(8, 16, 32)),
            "one 7x7": partial(stages, unit=partial(stack, k=7), widths=(8, 16, 32)),
        },
        epochs=8,
    ),
    "depth": Claim(
        {f"{3 * b + 1} layers": partial(stages, unit=partial(stack, b=b)) for b in (1, 2, 3)},
        epochs=8,
    ),
    "residual": Claim(
        {
            f"{kind} {depth}": partial(cifar_net, depth=depth, shortcut=shortcut)
            for depth in (20, 56)
            for kind, shortcut in {"plain": None, "residual": "A"}.items()
        },
        epochs=6,
    ),
    "squeeze": Claim(
        {f"r = {r}" if r else "without": partial(cifar_net, depth=20, se=r) for r in (None, 2, 8)},
        epochs=6,
    ),
    "shuffle": Claim(
        {
            key: partial(stages, unit=partial(grouped, shuffle=key == "shuffled"))
            for key in ("shuffled", "not shuffled")
        },
        epochs=8,
    ),
    "separable": Claim(
        {
            "3x3": partial(stages, unit=partial(plain_or_separable, separable=False)),
            "separable": partial(
                stages, unit=partial(plain_or_separable, separable=True), widths=(48, 92, 176)
            ),
        },
        epochs=8,
    ),
}


def fashion(scale=1):
    """(x, y, test x, test y): 5,000 and 10,000 images of 28 x 28, less the mean image."""
    from convbook.training.data.sources import arrays

    (x, y), (test_x, test_y) = arrays("fashion_mnist")
    x, y = np.float32(x[:IMAGES, ..., None]) / 255, np.int64(y[:IMAGES])
    mean = x.mean(axis=0)
    return scale * (x - mean), y, scale * (np.float32(test_x[..., None]) / 255 - mean), test_y


def run(claim, net, rate, seed, data):
    """What a run gave: its curves, and what the network weighs and computes."""
    keras.utils.set_random_seed(seed)
    i = keras.Input((28, 28, 1))
    model = keras.Model(i, claim.nets[net](i))
    start = time.perf_counter()
    optimizer = claim.optimizer(rate)
    history = learn(model, data, claim.epochs, batch=claim.batch, optimizer=optimizer)
    seconds = round(time.perf_counter() - start)
    names = {"loss": "loss", "accuracy": "accuracy", "test": "val_accuracy"}
    curves = {key: [round(float(v), 4) for v in history[of]] for key, of in names.items()}
    counts = measure(model)
    cost = {"weights": counts.weights, "macs": counts.macs, "seconds": seconds}
    return {"net": net, "rate": rate, "seed": seed, **cost, **curves, "commit": results.commit()}


def try_claim(name):
    """Makes the runs of a claim that are not kept yet, and keeps each as it ends."""
    claim = CLAIMS[name]
    settings = {"images": IMAGES, "epochs": claim.epochs, "batch": claim.batch}
    kept = results.kept(f"claim_{name}") or {**settings, "rows": []}
    if changed := [key for key in settings if kept[key] != settings[key]]:
        raise SystemExit(f"claim_{name}.json was run with other {', '.join(changed)}: delete it")
    rows, data = kept["rows"], fashion(claim.scale)
    for net, rate, seed in product(claim.nets, claim.rates, SEEDS):
        if not any((r["net"], r["rate"], r["seed"]) == (net, rate, seed) for r in rows):
            rows.append(run(claim, net, rate, seed, data))
            print(name, rows[-1], flush=True)
            results.keep(f"claim_{name}", rows, **settings)


def runs(name):
    """{net: its runs at the rate with the lowest final training loss, a seed each}."""
    rows, best = results.kept(f"claim_{name}")["rows"], {}
    for net in CLAIMS[name].nets:
        of = {rate: [r for r in rows if (r["net"], r["rate"]) == (net, rate)]
              for rate in CLAIMS[name].rates}  # fmt: skip
        best[net] = min(of.values(), key=lambda seeds: np.mean([r["loss"][-1] for r in seeds]))
    return best


def interval(values):
    """(mean, half of its 95 % interval) of a few seeds, by Student's t."""
    n = len(values)
    half = t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return float(np.mean(values)), float(half)


def difference(one, other):
    """(mean, half of its 95 % interval) of the differences, seed by seed."""
    return interval(np.subtract(one, other))


def main(argv=None):
    parser = argparse.ArgumentParser("python -m convbook.beside.claims", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *CLAIMS], metavar="NAME")
    for name in parser.parse_args(argv).names or CLAIMS:
        try_claim(name)


if __name__ == "__main__":
    main()
