"""What a trained network sees in images.

    python -m training predict runs/resnet20-digits/model.keras seven.png other.jpg

An image's centre is shown to the network, as in its validation.
"""

import os
import sys

from convbook.training.options import Parser, whole


def parser():
    found = Parser("python -m training predict", description=__doc__.split("\n")[0])
    add = found.add_argument
    add("model", metavar="MODEL.keras")
    add("images", nargs="+", metavar="IMAGE", help="JPEG or PNG files")
    add("--top", type=whole(1), default=5, metavar="N", help="classes to name; default: 5")
    add("--size", type=whole(1), help="pixels a side, for networks that take any")
    return found


def main(argv=None):
    """Prints the likeliest classes of each image.  Returns 0, or 1 if one could not be read; ends
    with exit code 2 and one line for a model that cannot be used."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    command = parser()
    options = command.parse_args(argv)
    from convbook.training import (
        trained,  # slow: TensorFlow; --help and errors need not wait for it
    )

    try:
        network = trained.load(options.model, options.size)
        good, p, broken = predicted(network, options.images)
    except ValueError as error:
        command.error(str(error))
    if network.told is None:
        print("no result.json beside the model: images in [0, 1] as they are, classes by number")
    names, rows = trained.names(network), dict(zip(good, p, strict=True))
    for i, path in enumerate(options.images):
        if i in rows:
            likeliest = (-rows[i]).argsort(kind="stable")[: options.top]
            print(f"{path}: " + ", ".join(f"{names[c]} {rows[i][c]:.1%}" for c in likeliest))
        else:
            print(f"{path}: {broken[i]}", file=sys.stderr)
    return 1 if broken else 0


def predicted(network, paths):
    """(numbers of the paths, probabilities (N, classes) of these, {number: why not} of others)."""
    from convbook.training import answers, protocols, trained
    from convbook.training.data.check import survey
    from convbook.training.data.parts import Files

    if network.channels not in (1, 3):
        right = "images have 1 or 3"
        raise ValueError(f"{network.path} takes images of {network.channels} channels: {right}")
    every = Files(paths, [0] * len(paths), network.size, network.channels)
    broken = survey(every)[2]
    good = [i for i in range(len(paths)) if i not in broken]
    if not good:
        return [], [], broken
    augmentation, statistics, short = trained.preparation(network)
    told = protocols.Protocol("centre", None)
    part = every.take(good, [0] * len(good))
    args = part, told, 64, short, augmentation, statistics
    return good, answers.probabilities(network.model, *args), broken


if __name__ == "__main__":
    sys.exit(main())
