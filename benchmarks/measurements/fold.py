"""Inference of folded nets against keras.applications, timm and our unfolded nets.

Each net runs at its own size, with the same weights and images on both sides, in float32, by
predict_on_batch with jit_compile=False.
The unfolded side has Keras' own batch norm.
"""

from benchmarks.frame.pairs import together
from benchmarks.sides import KerasNet, nets, same
from convbook.architectures.graph.fold import fold

OPTIONS = nets.OWN_SIZE
MEDIAN, TORCH = 0.92, 1.0  # the targets


def run(options):
    plain, applications = [], []
    with nets.apart() as do:
        for name in nets.twins(options.nets):
            for row, seen in zip(
                do(rows_of_net, name, options), (plain, applications), strict=True
            ):
                seen.append(row)
                yield row
        yield together(f"median of {len(plain)}", plain, "ours, plain")
        yield together(f"median of {len(plain)}", applications, "keras.applications", MEDIAN)
        yield from nets.beside_torch(options, do, row_torch)


def folded(plain, options):
    """Our side folded, and facts about it.  Raises Differs."""
    side = KerasNet(fold(plain.model), options.batch)
    # It has fewer layers, so perhaps fewer multiply-adds: only outputs are compared
    return side, same(side, plain, 1e-5, macs=False)


def rows_of_net(name, options):
    """A folded net against itself unfolded, and against its twin.  Raises Differs."""
    plain, theirs, known = nets.against_keras(name, options, fused=False)
    ours, new = folded(plain, options)
    sides = {"ours, plain": plain, "keras.applications": theirs}
    letters = [name, options, "predict"]
    return [
        nets.row_of_pair(*letters, against, None, ours, side, known | new)
        for against, side in sides.items()
    ]


def row_torch(peer, options):
    """A folded net against timm's as it is.  Raises Differs."""
    plain, theirs, known = nets.against_torch(peer, options, fused=False)
    ours, new = folded(plain, options)
    return nets.row_of_pair(peer, options, "predict", "timm", TORCH, ours, theirs, known | new)
