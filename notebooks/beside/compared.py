"""The networks that each claim compares, from images to logits: see claims.py.

The networks of a claim differ in what the paper speaks of and in nothing else.  EXPECTED was
written before the first run.  Where the rate decays, that is a second design: the first could not
decide, and what is expected stayed, but for the dense net's weights, which are equal now.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import keras
import numpy as np
from keras import layers

from convbook import blocks
from convbook.architectures import amoebanet, densenet, lenet, nasnet, preresnet, resnet
from convbook.beside import digits
from convbook.blocks import BN, conv, dense, gavgpool, maxpool
from convbook.blocks.lenet import C3, squash

IMAGES = 5_000
PATHS = [[(1, 8)], [(1, 8), (3, 8)], [(1, 8), (3, 12), (3, 16)]]
OPERATIONS = "sep3", "sep5", "sep7", "avg3", "max3", "none", "1x7_7x1"
EXPECTED = {
    "sharing": "LeNet-5 ends with a higher test accuracy than a net with one hidden layer of 300 "
    "units, and loses less of it where the test images are shifted by 3 pixels",
    "fire": "at equal multiply-adds and weights, Fire modules end with a higher test accuracy than "
    "3x3s alone",
    "branches": "eight modules of Inception-ResNet end with a lower training loss than the same "
    "modules without their shortcuts",
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
    "modules": "at equal multiply-adds, 3x3s after 1x1 reductions, and modules of 1x1, 3x3, 5x5 "
    "and pool, both end with a higher test accuracy than 3x3s alone",
    "heads": "two auxiliary heads lower the training loss of the main head in a net of 13 layers "
    "without batch norm",
    "cardinality": "at equal multiply-adds, 32 paths of width 1 have a lower training loss and a "
    "higher test accuracy than 1 path of width 16",
    "preactivation": "at 56 layers, units with norm and relu first have a lower training loss than "
    "the original ones",
    "survival": "at 56 layers, a linear decay of survival to 0.5 ends with a higher test accuracy",
    "dense": "at equal weights a densely connected net ends with a higher test accuracy than a "
    "residual one",
    "inverted": "at equal multiply-adds, inverted residual blocks end with a higher test accuracy "
    "than residual blocks of two 3x3s",
    "pooling": "global mean pooling ends with a higher test accuracy than dense layers, and loses "
    "less of it where the test images are shifted by 3 pixels",
    "smoothing": "label smoothing by 0.1 ends with a higher test accuracy",
    "search": "at equal multiply-adds, NASNet-A's cells end with a higher test accuracy than each "
    "of three pairs of cells drawn at random",
    "evolution": "at equal multiply-adds, AmoebaNet-A's cells, found by evolution, end with a "
    "higher test accuracy than NASNet-A's, found by reinforcement learning",
    "digits": "on the digits, after 40 epochs, the training loss of the plain net is higher at 56 "
    "layers than at 20, and the residual net's at 56 layers is lower than the plain one's",
}


def fashion():
    """(x, y, test x, test y): 5,000 and 10,000 images of 28 x 28 of Fashion-MNIST, in 0 .. 1."""
    from convbook.training.data.sources import arrays

    (x, y), (test_x, test_y) = arrays("fashion_mnist")
    x, test_x = (np.float32(of[..., None]) / 255 for of in (x[:IMAGES], test_x))
    return x, np.int64(y[:IMAGES]), test_x, test_y


@dataclass(frozen=True)
class Claim:
    """Networks to compare, how each is trained, and what of their runs the claim compares.

    checks: (one of GAINS in claims.py, the network that is expected to have more, the other).
    """

    nets: dict[str, Callable]
    epochs: int
    checks: tuple[tuple[str, str, str], ...]
    rates: tuple[float, ...] = (1e-3,)
    batch: int = 128
    optimizer: Callable = keras.optimizers.Adam
    scale: float = 1  # of the pixels, 0 .. 1 less the mean image
    data: Callable = fashion
    decay: bool = False  # of the rate, to 0 by half a cosine
    smoothing: dict[str, float] = field(default_factory=dict)  # {network: of its labels}


def momentum(rate):
    return keras.optimizers.SGD(rate, momentum=0.9)


def stages(x, unit, widths=(16, 32, 64), head=gavgpool):
    """Stages of a unit, a 2x2 max pool between them, the head and the logits."""
    for i, f in enumerate(widths):
        x = unit(maxpool(x) if i else x, f)
    return dense(head(x), 10, None)


def lenet5(x):
    """On images of 28 x 28 with a border of two pixels, as the paper has its digits."""
    return dense(lenet.top(lenet.body(layers.ZeroPadding2D(2)(x), C3)), 10, None)


def hidden(x):
    return dense(dense(layers.Flatten()(x), 300, squash), 10, None)


def fire(x, f):
    for _ in range(2):
        x = blocks.fire_module(x, f, r=4)
    return x


def eight_modules(x, shortcut):
    """On maps of 7 x 7, 32 channels wide."""
    x = maxpool(conv(x, 32, k=3, s=2, n=BN), k=3, s=2)
    for _ in range(8):
        if shortcut:
            x = blocks.inception_resnet_block(x, paths=PATHS, n=BN)
        else:
            x = conv(blocks.parallel(x, *PATHS, n=BN), 32, k=1)
    return dense(gavgpool(x), 10, None)


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
    """The ResNet paper's net of 6b + 2 layers on maps of 7 x 7; shortcut=None is plain."""
    b = (depth - 2) // 6
    x = resnet.body(x, blocks.basic_block, 16, (b, b, b), (3, 2, 16), shortcut=shortcut, **options)
    return dense(gavgpool(x), 10, None)


def grouped(x, f, shuffle, g=8):
    """Two grouped 1x1, a depthwise 3x3 between, with or without the shuffle before it, added."""
    for _ in range(2):
        m = conv(x, f, k=1, g=g, n=BN)
        m = blocks.channel_shuffle(m, g=g) if shuffle else m
        m = blocks.dwconv(m, k=3, n=BN, a=None)
        m = conv(m, f, k=1, g=g, n=BN, a=None)
        x = blocks.act(layers.add([x, m]), "relu")
    return x


def in_groups(x, shuffle):
    """On maps of 14, 7 and 3, all 64 channels wide: after the first convolution, nothing but the
    shuffle mixes the groups."""
    return stages(conv(x, 64, k=3, s=2, n=BN), partial(grouped, shuffle=shuffle), (64, 64, 64))


def plain_or_separable(x, f, separable):
    """Two convolutions; separable ones are wider by what makes the multiply-adds equal."""
    for _ in range(2):
        x = blocks.sepconv(x, f, 3, n=BN) if separable else conv(x, f, k=3, n=BN)
    return x


def reduced(x, f):
    """Two 3x3s, each after a 1x1 to a quarter of the channels."""
    for _ in range(2):
        x = conv(conv(x, f // 4, k=1, n=BN), f, k=3, n=BN)
    return x


def inception(x, f):
    """Two modules whose paths have f/8, f/2, f/8 and f/4 of the channels."""
    row = (f // 8, f // 8, f // 2, f // 16, f // 8, f // 4)
    for _ in range(2):
        x = blocks.inception_module(x, row, n=BN)
    return x


def with_heads(x, heads):
    """Twelve 3x3s and a dense layer; after the first eight of them two auxiliary heads."""
    aux = []
    for i, f in enumerate((16, 32, 64)):
        x = stack(maxpool(x) if i else x, f, b=4)
        if i < 2:
            aux.append(blocks.aux_head(maxpool(x) if i == 0 else x, classes=10, f=16, units=64))
    x = dense(gavgpool(x), 10, None)
    return [x, *aux] if heads else x


def many_paths(x, c, width):
    """Six bottlenecks of c paths on maps of 14, 7 and 4."""
    x = conv(x, 16, k=3, s=2, n=BN)
    for i, f in enumerate((64, 128, 256)):
        for j in range(2):
            s = 2 if i and not j else 1
            x = blocks.resnext_bottleneck_block(x, f, s, c=c, width=width * 2**i)
    return dense(gavgpool(x), 10, None)


def preactivated(x, depth):
    b = (depth - 2) // 6
    x = preresnet.body(x, 16, (b, b, b), None, (3, 2, 16), True, shortcut="A")
    return dense(gavgpool(x), 10, None)


def densely(x):
    """On maps of 7 x 7, as cifar_net, and after the same stem."""
    x = maxpool(conv(x, 16, k=3, s=2, p=1, n=BN), k=3, s=2, p=1)
    x = densenet.body(x, (8, 8, 8), 9, None, 1, 16)
    return dense(gavgpool(x), 10, None)


def inverted(x, f):
    for _ in range(2):
        x = blocks.inverted_residual_block(x, f, r=6, n=BN)
    return x


def halved(x, unit, widths):
    """Its stages on maps of 14, 7 and 3."""
    return stages(maxpool(x), unit, widths)


def residual(x, f):
    for _ in range(2):
        x = blocks.basic_block(x, f)
    return x


def drawn(seed, b=5):
    """A normal and a reduction cell, b random rows each; used are the sums that no row reads."""
    rng = np.random.default_rng(seed)

    def cell():
        rows = []
        for i in range(b):
            inputs = ["h", "h_prev", *range(i)]
            rows.append([of[rng.integers(len(of))] for of in (OPERATIONS, inputs) * 2])
        read = {state for row in rows for state in row[1::2]}
        return rows, [i for i in range(b) if i not in read]

    return cell(), cell()


def searched(x, f, tables=nasnet.CELLS):
    """On maps of 7 x 7: normal, reduction, normal, reduction, normal, of f, 2f and 4f filters."""
    h_prev, s_prev = None, 1
    h = maxpool(conv(x, 32, k=3, s=2, n=BN), k=3, s=2)
    for (rows, used), width, s, _ in nasnet.plan(*tables, 1, f, "cifar"):
        y = blocks.cell(h_prev, h, width, s, rows=rows, used=used, s_prev=s_prev, n=BN)
        h_prev, h, s_prev = h, y, s
    return dense(gavgpool(blocks.act(h, "relu")), 10, None)


def dense_head(x):
    return dense(layers.Flatten()(x), 128)


CLAIMS = {
    "sharing": Claim(
        {"LeNet-5": lenet5, "the hidden layer": hidden},
        epochs=8,
        checks=(
            ("test", "LeNet-5", "the hidden layer"),
            ("lost", "the hidden layer", "LeNet-5"),
        ),
    ),
    "fire": Claim(
        {
            "3x3s alone": partial(stages, unit=partial(stack, b=2)),
            "Fire modules": partial(stages, unit=fire, widths=(32, 64, 140)),
        },
        epochs=8,
        checks=(("test", "Fire modules", "3x3s alone"),),
    ),
    "branches": Claim(
        {
            "modules with shortcuts": partial(eight_modules, shortcut=True),
            "modules without shortcuts": partial(eight_modules, shortcut=False),
        },
        epochs=6,
        checks=(("loss", "modules without shortcuts", "modules with shortcuts"),),
    ),
    "units": Claim(
        {a: partial(four_layers, a=a) for a in ("relu", "tanh")},
        epochs=8,
        rates=(0.0003, 0.001, 0.003),
        optimizer=momentum,
        scale=255,
        checks=(("to_a_quarter", "tanh", "relu"),),
    ),
    "batch_norm": Claim(
        {
            key: partial(stages, unit=partial(stack, b=2, n=n))
            for key, n in {"the net with batch norm": BN, "the net without it": None}.items()
        },
        epochs=8,
        rates=(0.01, 0.03, 0.1),
        optimizer=momentum,
        checks=(("within_half", "the net with batch norm", "the net without it"),),
    ),
    "kernels": Claim(
        {
            "two 3x3s": partial(stages, unit=partial(stack, b=2), widths=(8, 16, 32)),
            "one 5x5": partial(stages, unit=partial(stack, k=5), widths=(8, 16, 32)),
            "three 3x3s": partial(stages, unit=partial(stack, b=3), widths=(8, 16, 32)),
            "one 7x7": partial(stages, unit=partial(stack, k=7), widths=(8, 16, 32)),
        },
        epochs=8,
        checks=(("test", "two 3x3s", "one 5x5"), ("test", "three 3x3s", "one 7x7")),
    ),
    "depth": Claim(
        {f"{3 * b + 1} layers": partial(stages, unit=partial(stack, b=b)) for b in (1, 2, 3)},
        epochs=8,
        checks=(("loss", "4 layers", "7 layers"), ("loss", "7 layers", "10 layers")),
    ),
    "residual": Claim(
        {
            f"{depth} {kind} layers": partial(cifar_net, depth=depth, shortcut=shortcut)
            for depth in (20, 56)
            for kind, shortcut in {"plain": None, "residual": "A"}.items()
        },
        epochs=6,
        checks=(
            ("loss", "56 plain layers", "56 residual layers"),
            ("loss", "56 plain layers", "20 plain layers"),
        ),
    ),
    "squeeze": Claim(
        {"the net without SE": partial(cifar_net, depth=20)}
        | {f"SE with r = {r}": partial(cifar_net, depth=20, se=r) for r in (2, 8)},
        epochs=6,
        checks=(
            ("loss", "the net without SE", "SE with r = 2"),
            ("loss", "the net without SE", "SE with r = 8"),
        ),
    ),
    "shuffle": Claim(
        {
            "groups with shuffle": partial(in_groups, shuffle=True),
            "groups without shuffle": partial(in_groups, shuffle=False),
        },
        epochs=8,
        decay=True,
        checks=(("test", "groups with shuffle", "groups without shuffle"),),
    ),
    "separable": Claim(
        {
            "plain 3x3s": partial(stages, unit=partial(plain_or_separable, separable=False)),
            "separable convolutions": partial(
                stages, unit=partial(plain_or_separable, separable=True), widths=(48, 92, 176)
            ),
        },
        epochs=8,
        decay=True,
        checks=(("test", "separable convolutions", "plain 3x3s"),),
    ),
    "modules": Claim(
        {
            "3x3s alone": partial(stages, unit=partial(stack, b=2, n=BN)),
            "3x3s after 1x1s": partial(stages, unit=reduced, widths=(28, 48, 96)),
            "Inception modules": partial(stages, unit=inception, widths=(32, 80, 144)),
        },
        epochs=8,
        checks=(
            ("test", "3x3s after 1x1s", "3x3s alone"),
            ("test", "Inception modules", "3x3s alone"),
        ),
    ),
    "heads": Claim(
        {
            "the net with two heads": partial(with_heads, heads=True),
            "the net without heads": partial(with_heads, heads=False),
        },
        epochs=8,
        checks=(("loss", "the net without heads", "the net with two heads"),),
    ),
    "cardinality": Claim(
        {
            f"{c} x {width}d": partial(many_paths, c=c, width=width)
            for c, width in ((1, 16), (4, 6), (32, 1))
        },
        epochs=8,
        checks=(("loss", "1 x 16d", "32 x 1d"), ("test", "32 x 1d", "1 x 16d")),
    ),
    "preactivation": Claim(
        {
            "original units": partial(cifar_net, depth=56),
            "units with norm first": partial(preactivated, depth=56),
        },
        epochs=6,
        checks=(("loss", "original units", "units with norm first"),),
    ),
    "survival": Claim(
        {
            "the net that drops blocks": partial(cifar_net, depth=56, survival=0.5),
            "the whole net": partial(cifar_net, depth=56),
        },
        epochs=12,
        checks=(("test", "the net that drops blocks", "the whole net"),),
    ),
    "dense": Claim(
        {"the dense net": densely, "the residual net": partial(cifar_net, depth=20)},
        epochs=8,
        decay=True,
        checks=(("test", "the dense net", "the residual net"),),
    ),
    "inverted": Claim(
        {
            "blocks of two 3x3s": partial(halved, unit=residual, widths=(16, 32, 64)),
            "inverted residuals": partial(halved, unit=inverted, widths=(22, 42, 84)),
        },
        epochs=8,
        decay=True,
        checks=(("test", "inverted residuals", "blocks of two 3x3s"),),
    ),
    "pooling": Claim(
        {
            "mean pooling": partial(stages, unit=partial(stack, b=2)),
            "dense layers": partial(stages, unit=partial(stack, b=2), head=dense_head),
        },
        epochs=8,
        checks=(("test", "mean pooling", "dense layers"), ("lost", "dense layers", "mean pooling")),
    ),
    "smoothing": Claim(
        {key: partial(cifar_net, depth=20) for key in ("smoothed labels", "hard labels")},
        epochs=12,
        smoothing={"smoothed labels": 0.1},
        checks=(("test", "smoothed labels", "hard labels"),),
    ),
    "search": Claim(
        {"NASNet-A": partial(searched, f=16)}
        | {
            f"random {seed}": partial(searched, f=f, tables=drawn(seed))
            for seed, f in enumerate((19, 17, 17))
        },
        epochs=5,
        checks=tuple(("test", "NASNet-A", f"random {seed}") for seed in range(3)),
    ),
    "evolution": Claim(
        {
            "AmoebaNet-A": partial(searched, f=18, tables=amoebanet.CELLS),
            "NASNet-A": partial(searched, f=16),
        },
        epochs=5,
        decay=True,
        checks=(("test", "AmoebaNet-A", "NASNet-A"),),
    ),
    "digits": Claim(
        {
            f"{depth} {kind} layers": partial(cifar_net, depth=depth, shortcut=shortcut)
            for depth in (20, 56)
            for kind, shortcut in {"plain": None, "residual": "A"}.items()
        },
        epochs=40,
        data=digits,
        checks=(
            ("loss", "56 plain layers", "20 plain layers"),
            ("loss", "56 plain layers", "56 residual layers"),
        ),
    ),
}
