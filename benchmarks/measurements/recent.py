"""Networks of 2018 and later: training step, inference, and inference when folded.

They are compared with keras.applications and timm: the same weights and images, SGD with momentum,
jit_compile=False, float32.  Training steps are at 128 pixels, inference is at each net's own size.
Unfolded, our side uses the batch norm of training.devices.norms, as the trainer does.
"""

from benchmarks.frame.pairs import together
from benchmarks.measurements import fold
from benchmarks.sides import nets

OPTIONS = nets.OPTIONS | {
    "nets": (
        "efficientnet_b0,efficientnet_v2_s,mobilenet_v3_large_1.0_224,"
        "mobilenet_v3_small_1.0_224,convnext_tiny",
        "efficientnet_b0",
        "names of ours, with commas",
    ),
    "peers": (
        "regnety_008,repvgg_a0,ghostnet_100,mobilenetv3_large_100,resnest50d",
        "mobilenetv3_small_050",
        "timm's names, with commas",
    ),
}
FOLDED, ONE_PATH = 0.9, 0.6  # the targets: against timm; RepVGG's against itself


def run(options):
    """Yields the rows of each net and peer, and the medians against keras.applications."""
    kinds = {"training step": [], "inference": []}
    with nets.apart() as do:
        for name in nets.chosen(options.nets, nets.APPLICATIONS):
            for kind, rows in kinds.items():
                rows.append(do(recent_row, nets.against_keras, name, options, kind))
                yield rows[-1]
        for kind, rows in kinds.items():
            what = f"median of {len(rows)}, {kind}"
            yield together(what, rows, "keras.applications", nets.MEDIAN)
        for kind in kinds:
            yield from nets.beside_torch(options, do, row_torch, kind)
        for rows in nets.beside_torch(options, do, rows_folded):
            yield from [rows] if isinstance(rows, dict) else rows


def recent_row(sides, name, options, kind, library="keras.applications", target=None):
    """The row of a net's training steps or inference.  Raises Differs."""
    work, size = {"training step": ("step", options.size), "inference": ("predict", 0)}[kind]
    mine, theirs, known = sides(name, at(options, size))
    return nets.row_of_pair(f"{name}, {kind}", options, work, library, target, mine, theirs, known)


def row_torch(peer, options, kind):
    """The same against timm's.  Raises Differs."""
    return recent_row(nets.against_torch, peer, options, kind, "timm", nets.TORCH)


def rows_folded(peer, options):
    """A folded net against timm's, and RepVGG's against itself with its branches."""
    plain, theirs, known = nets.against_torch(peer, at(options, 0), fused=False)
    ours, new = fold.folded(plain, options)
    sides = {"timm": (theirs, FOLDED)}
    if peer.startswith("repvgg"):
        sides["ours, with its branches"] = plain, ONE_PATH
    return [
        nets.row_of_pair(
            f"{peer}, folded", options, "predict", library, target, ours, side, known | new
        )
        for library, (side, target) in sides.items()
    ]


def at(options, size):
    """The options, for images of that many pixels a side."""
    return type(options)(**vars(options) | {"size": size})
