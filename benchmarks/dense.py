"""Dense evaluation beside the same windows one by one: multiply-adds, time, agreement.

    python -m benchmarks.dense [--pairs 11] [--net vgg16]

VGG-16 sees an image of 384 pixels as 6 x 6 windows of 224, 32 pixels apart (arXiv:1409.1556,
section 3.2): once through its fully convolutional network, once as 36 images.  Its convolutions
pad, so a window that is cut out sees zeros where the image goes on, and the two differ; only the
head, slid over the last map, gives the same.  Without padding (the same kernels, windows of 404
pixels of an image of 564) the two are equal.
"""

import argparse
import os
import time
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import architectures
from architectures.common import dense_head
from architectures.vgg import TABLE, WIDTHS
from blocks.layers import conv, maxpool
from training.fully_convolutional import fully_convolutional

STEP, SIDE = 32, 6  # pixels between windows, windows a side


def unpadded(size):
    """VGG-16 without padding, for windows of size pixels."""
    i = x = keras.Input((size, size, 3))
    for f, kernels in zip(WIDTHS, TABLE["D"], strict=True):
        for k in kernels:
            x = conv(x, f, k=k, p="valid")
        x = maxpool(x, p="valid")
    return keras.Model(i, dense_head(x, 1000))


NETS = {
    "vgg16": lambda: architectures.create("vgg16"),
    "vgg16_unpadded": lambda: unpadded(404),  # its last map is 7 x 7 too
}


def one_by_one(model, image, size):
    """What a model says of each window of an image (1, H, W, C): (windows, classes)."""
    tops = range(0, image.shape[1] - size + 1, STEP)
    cut = [image[:, t : t + size, l : l + size] for t in tops for l in tops]
    return np.concatenate([model.predict_on_batch(window) for window in cut])


def head_slid(model, dense, image):
    """The same, but windows are cut out of the last map, and the model's own head is run on them.

    The model's head begins with its flatten; dense has the same layers before it, for any size.
    """
    names = [layer.name for layer in model.layers]
    flat = next(i for i, l in enumerate(model.layers) if isinstance(l, keras.layers.Flatten))
    body = keras.Model(dense.inputs, dense.get_layer(names[flat - 1]).output)
    maps = body.predict_on_batch(image)[0]
    k = model.layers[flat - 1].output.shape[1]
    places = range(maps.shape[0] - k + 1)
    x = np.array([maps[t : t + k, l : l + k] for t in places for l in places])
    for layer in model.layers[flat:]:
        x = layer(x)
    return np.asarray(x)


def macs(model, size):
    """Multiply-adds for an image of size x size."""
    i = keras.Input((size, size, 3))
    return architectures.measure(keras.Model(i, model(i))).macs


def apart(a, b):
    """The largest difference, as a share of the largest value."""
    return abs(a - b).max() / abs(a).max()


def compare(name, pairs):
    keras.utils.set_random_seed(0)
    model = NETS[name]()
    size = model.input_shape[1]
    whole = size + (SIDE - 1) * STEP
    image = np.random.default_rng(0).normal(size=(1, whole, whole, 3)).astype("float32")
    dense = fully_convolutional(model)
    said = dense.predict_on_batch(image).reshape(SIDE**2, -1)
    of_image = apart(one_by_one(model, image, size), said)
    of_map = apart(head_slid(model, dense, image), said)
    ours, theirs = macs(dense, whole) / 1e9, SIDE**2 * macs(model, size) / 1e9
    print(f"{name}: {whole} pixels, {SIDE**2} windows of {size}, {os.cpu_count()} cores")
    print(f"  difference     {of_image:.1e} from windows of the image, {of_map:.1e} of the map")
    print(f"  multiply-adds  {ours:.1f} G and {theirs:.1f} G: {theirs / ours:.1f} times")
    times = []
    for _ in range(pairs):
        start = time.perf_counter()
        dense.predict_on_batch(image)
        middle = time.perf_counter()
        one_by_one(model, image, size)
        times.append((middle - start, time.perf_counter() - middle))
    ratios = sorted(b / a for a, b in times)
    each = [median(t) for t in zip(*times, strict=True)]
    print(f"  seconds        {each[0]:.2f} and {each[1]:.2f}: {median(ratios):.1f} times", end=" ")
    print(f"({ratios[0]:.1f} to {ratios[-1]:.1f} in {pairs} pairs)", flush=True)


def main():
    parser = argparse.ArgumentParser("python -m benchmarks.dense")
    parser.add_argument("--pairs", type=int, default=11, help="of timed runs")
    parser.add_argument("--net", choices=NETS, help="default: both")
    told = parser.parse_args()
    for name in [told.net] if told.net else NETS:
        compare(name, told.pairs)


if __name__ == "__main__":
    main()
