"""python -m convbook.beside.bake_off: every block in one trunk, at equal multiply-adds, on digits.

The trunk: 3x3 f, two blocks f, 2x2 max pool, two blocks 2f, mean, dense.  A block gets the largest
f whose network stays within the budget.  Adam, 20 epochs of batches of 64, cosine from 0.003 to 0.
"""

import sys
from bisect import bisect_right
from functools import partial

import keras

from convbook.architectures import measure
from convbook.beside import digits, learn, results
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

BUDGETS = (250_000, 1_000_000)
SEEDS = (0, 1, 2)
EPOCHS, BATCH, RATE = 20, 64, 3e-3
WIDEST = 128
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


def trunk(block, f):
    """The network for 8 x 8 digits with the block, f channels wide."""
    i = keras.Input((8, 8, 1))
    x = conv(i, f, k=3, n=BN)
    for width in (f, 2 * f):
        x = x if width == f else maxpool(x)
        for _ in range(2):
            x = block(x, width)
    return keras.Model(i, dense(gavgpool(x), 10, None))


def widest(name, budget):
    """The largest width whose network stays within the budget."""
    widths = range(STEPS.get(name, 1), WIDEST, STEPS.get(name, 1))
    cost = lambda f: measure(trunk(BLOCKS[name], f)).macs  # noqa: E731
    return widths[bisect_right(widths, budget, key=cost) - 1]


def run(name, budget, seeds=SEEDS, f=None):
    """The row of a block: its network, and the test accuracy for each seed."""
    f, data, found = f or widest(name, budget), digits(8), []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        model = trunk(BLOCKS[name], f)
        steps = -(-len(data[0]) // BATCH) * EPOCHS
        rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
        found.append(round(learn(model, data, EPOCHS, rate, BATCH)["val_accuracy"][-1], 4))
    counts = measure(model)
    sizes = {"f": f, "macs": counts.macs, "weights": counts.weights}
    return {"block": name, "budget": budget, **sizes, "accuracy": found}


def main():
    before = results.kept("bake_off")
    rows = before["rows"] if before and "--more" in sys.argv else []
    done = {(row["block"], row["budget"]) for row in rows}
    for budget in BUDGETS:
        for name in BLOCKS:
            if (name, budget) not in done:
                row = run(name, budget)
                rows.append(row)
                results.keep("bake_off", rows, seeds=SEEDS, epochs=EPOCHS, batch=BATCH, rate=RATE)
                print(row, flush=True)
            keras.backend.clear_session()


if __name__ == "__main__":
    main()
