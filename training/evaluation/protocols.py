"""Evaluation protocols: which views of an image a network gets, and how its answers are averaged.

    centre[:S]        the centre of the image whose short side is S: as in the trainer's validation
    ten[:S]           four corners and centre of it, and their mirror images: AlexNet, section 4.1
    crops:144         also called multi: four scales, three squares of each, six crops of a square,
                      and their mirror images: GoogLeNet, arXiv:1409.4842, section 7
    scales:S1,S2,...  the centre at each scale
    dense[:S1,S2...]  the whole image through the fully convolutional network, and its mirror
                      image, at each scale: VGG, arXiv:1409.1556, section 3.2

S is in pixels, at least the network's input.  Probabilities are averaged.  Only `dense` averages
class scores, those before the softmax, over the positions of the map, which is how we read VGG's
"class score map is spatially averaged"; the other reading averages the positions' probabilities.
Then it averages the probabilities of the image, its mirror image and the scales.
"""

from collections import namedtuple

INCEPTION = (256, 288, 320, 352)  # short sides, for crops of 224
USUAL = 256 / 224

Protocol = namedtuple("Protocol", "kind sides")  # sides: short sides in pixels, None: as usual
CENTRE = Protocol("centre", None)


def protocol(text: str) -> Protocol:
    """The Protocol that a text names.  Raises ValueError."""
    kind, colon, rest = text.partition(":")
    most = dict(centre=1, ten=1, scales=99, dense=99)
    if text in ("multi", "crops:144"):
        return Protocol("crops", None)
    if kind not in most or (kind == "scales" and not colon):
        right = "centre, ten, crops:144, scales:S1,S2,... or dense"
        raise ValueError(f"--protocol {text!r}: must be {right}, see --help")
    sides = rest.split(",")
    whole = all(side.isascii() and side.isdigit() for side in sides)
    if colon and not (whole and len(sides) <= most[kind]):
        right = "one whole number" if most[kind] == 1 else "whole numbers with commas between"
        raise ValueError(f"--protocol {text!r}: after the colon give {right}")
    return Protocol(kind, tuple(map(int, sides)) if colon else None)


def sides_of(protocol: Protocol, size: int, short: int | None = None) -> list[int]:
    """The short sides of a Protocol for a network of (size, size) pixels.  Raises ValueError.

    short: the recipe's, which stands in for what the protocol does not say.
    """
    if protocol.kind == "crops":
        return [round(size * s / INCEPTION[0] * USUAL) for s in INCEPTION]
    sides = protocol.sides or [short or round(size * (1 if protocol.kind == "centre" else USUAL))]
    if min(sides) < size:
        raise ValueError(
            f"--protocol {protocol.kind}: short side {min(sides)} is below the {size} of the input"
        )
    return list(sides)
