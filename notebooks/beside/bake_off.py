"""python -m convbook.beside.bake_off: every block in one trunk, at equal multiply-adds.

The trunk: 3x3 f / 2, two blocks f, 2x2 max pool, two blocks 2f, mean, dense.  A block gets the
largest f whose network stays within the budget.  Adam, 6 epochs of batches of 64, cosine from
0.003 to 0, on the first 5,000 training images of Fashion-MNIST; all 10,000 test images; three
seeds.  A run that is kept is not made again.  EXPECTED was written before the first run.
"""

import time
from bisect import bisect_right
from functools import partial

import keras
import numpy as np

from convbook.architectures import measure
from convbook.beside import results
from convbook.beside.claims import interval, verdict
from convbook.beside.compared import fashion
from convbook.blocks import (
    BN,
    amoebanet_normal_cell,
    basic_block,
    bn_inception_module,
    bottleneck_block,
    conv,
    dense,
    dense_block,
    extreme_inception,
    fire_module,
    gavgpool,
    inception_module,
    inception_resnet_block,
    inverted_residual_block,
    maxpool,
    mlpconv,
    mobilenet_block,
    nasnet_normal_cell,
    preact_block,
    resnext_bottleneck_block,
    shufflenet_unit,
    xception_block,
)
from convbook.undisturbed import undisturbed

BUDGET = 2_000_000
SEEDS = (0, 1, 2)
EPOCHS, BATCH, RATE = 6, 64, 3e-3
WIDEST = 256
EXPECTED = (  # (the block that is expected to end with a higher test accuracy, the other)
    ("basic_block", "conv"),
    ("mobilenet_block", "conv"),
    ("inverted_residual_block", "mobilenet_block"),
    ("se, basic_block", "basic_block"),
    ("resnext_bottleneck_block", "bottleneck_block"),
    ("bn_inception_module", "inception_module"),
    ("conv", "mlpconv"),
    ("conv", "fire_module"),
)
# (x, f) -> (N, H, W, f).  One momentum of batch norm for all: TensorFlow's nets have one so slow
# that moving statistics lag in so few steps.
BLOCKS = {
    "conv": lambda x, f: conv(x, f, n=BN),
    "mlpconv": lambda x, f: mlpconv(x, (f, f, f), k=3),
    "inception_module": lambda x, f: inception_module(x, f // 4, n=BN),
    "bn_inception_module": lambda x, f: bn_inception_module(x, [f // 4] * 6, n=BN),
    "basic_block": basic_block,
    "bottleneck_block": bottleneck_block,
    "fire_module": lambda x, f: fire_module(x, f, r=4),
    "inception_resnet_block": lambda x, f: inception_resnet_block(
        conv(x, f, k=1, n=BN), paths=[[(1, f // 4)], [(1, f // 4), (3, f // 4)]], n=BN
    ),
    "preact_block": preact_block,
    "dense_block": lambda x, f: conv(dense_block(x, f // 2, 2, n=BN, r=2), f, k=1, n=BN),
    "extreme_inception": partial(extreme_inception, n=BN),
    "xception_block": lambda x, f: xception_block(x, f, 1, n=BN),
    "resnext_bottleneck_block": lambda x, f: resnext_bottleneck_block(x, f, c=4, width=f // 8),
    "mobilenet_block": partial(mobilenet_block, n=BN),
    "shufflenet_unit": lambda x, f: shufflenet_unit(conv(x, f, k=1, n=BN), f, g=2),
    "nasnet_normal_cell": lambda x, f: conv(nasnet_normal_cell(x, x, f // 4, n=BN), f, k=1, n=BN),
    "se, basic_block": lambda x, f: basic_block(x, f, se=4),
    "inverted_residual_block": lambda x, f: inverted_residual_block(x, f, r=6, n=BN),
    "amoebanet_normal_cell": lambda x, f: conv(
        amoebanet_normal_cell(x, x, f // 4, n=BN), f, k=1, n=BN
    ),
}


STEPS = {  # what widths are multiples of
    "inception_module": 4,
    "inception_resnet_block": 4,
    "bn_inception_module": 4,
    "bottleneck_block": 4,
    "fire_module": 4,
    "dense_block": 2,
    "resnext_bottleneck_block": 8,
    "shufflenet_unit": 8,
    "nasnet_normal_cell": 4,
    "amoebanet_normal_cell": 4,
}


def trunk(block, f, shape=(28, 28, 1)):
    """The network with the block, f channels wide, from images of a shape to logits."""
    i = keras.Input(shape)
    x = conv(i, f, k=3, s=2, n=BN)
    for width in (f, 2 * f):
        x = x if width == f else maxpool(x)
        for _ in range(2):
            x = block(x, width)
    return keras.Model(i, dense(gavgpool(x), 10, None))


def widest(name, budget=BUDGET):
    """The largest width whose network stays within the budget."""
    widths = range(STEPS.get(name, 1), WIDEST, STEPS.get(name, 1))
    cost = lambda f: measure(trunk(BLOCKS[name], f)).macs  # noqa: E731
    return widths[bisect_right(widths, budget, key=cost) - 1]


def run(name, f, seed, data):
    """A run: the network's width and costs, and its accuracy at the end, from 0 to 1.

    data: (x, y, test x, test y), as fashion() and digits() give it.
    """
    x, y, test_x, test_y = data
    mean, start = x.mean(axis=0), time.perf_counter()
    keras.utils.set_random_seed(seed)
    model = trunk(BLOCKS[name], f, x.shape[1:])
    rate = keras.optimizers.schedules.CosineDecay(RATE, -(-len(x) // BATCH) * EPOCHS)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    model.fit(x - mean, y, BATCH, EPOCHS, verbose=0)
    accuracy = model.evaluate(test_x - mean, test_y, 512, verbose=0)[1]
    counts = measure(model)
    cost = {"macs": counts.macs, "weights": counts.weights}
    cost["seconds"] = round(time.perf_counter() - start)
    return {"block": name, "f": f, "seed": seed, **cost, "accuracy": round(accuracy, 4),
            **results.made()}  # fmt: skip


def rows():
    """The runs that are kept."""
    return (results.kept("bake_off") or {"rows": []})["rows"]


def accuracies():
    """{block: its test accuracy in percent, a seed each}."""
    found = {}
    for row in rows():
        found.setdefault(row["block"], []).append(100 * row["accuracy"])
    return found


def gains():
    """(block, other, mean gain in points, half of its 95 % interval, verdict) as expected."""
    of = accuracies()
    for block, other in EXPECTED:
        gain = interval(np.subtract(of[block], of[other]))
        yield block, other, *gain, verdict(*gain)


def main():
    with undisturbed("python -m convbook.beside.bake_off", alone=False):
        run_all(fashion(), rows())


def run_all(data, done):
    """Makes the runs that are not done yet, and keeps each as it ends."""
    for name in BLOCKS:
        left = {*SEEDS} - {row["seed"] for row in done if row["block"] == name}
        f = widest(name) if left else None
        for seed in sorted(left):
            done.append(run(name, f, seed, data))
            results.keep("bake_off", done, epochs=EPOCHS, batch=BATCH, rate=RATE, budget=BUDGET)
            print(done[-1], flush=True)
            keras.backend.clear_session()


if __name__ == "__main__":
    main()
