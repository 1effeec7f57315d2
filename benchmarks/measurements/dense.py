"""Dense evaluation against the same windows one by one: multiply-adds, time, agreement.

VGG-16 sees an image of 384 pixels as 6 x 6 windows of 224, 32 pixels apart (arXiv:1409.1556,
section 3.2): once through its fully convolutional network, once as 36 images.  The results differ,
because its convolutions pad: a cut-out window sees zeros where the whole image has pixels.  Only
the head, slid over the last map, gives the same.  Without padding the two are equal (the same
kernels, windows of 404 pixels of an image of 564).
"""

import keras
import numpy as np

from benchmarks.frame.pairs import Differs, clocked, compare
from benchmarks.sides.nets import chosen, fresh
from convbook import architectures
from convbook.architectures.common import dense_head
from convbook.architectures.graph.fully_convolutional import fully_convolutional
from convbook.architectures.vgg import TABLE, WIDTHS
from convbook.blocks.layers import conv, dense, maxpool

STEP = 32  # pixels between windows
AGREE = 1e-4


def unpadded(size):
    """VGG-16 without padding, for windows of size pixels."""
    i = x = keras.Input((size, size, 3))
    for f, kernels in zip(WIDTHS, TABLE["D"], strict=True):
        for k in kernels:
            x = conv(x, f, k=k, p="valid")
        x = maxpool(x, p="valid")
    return keras.Model(i, dense_head(x, 1000))


def toy():
    """Two convolutions and a dense layer for windows of 64 pixels."""
    i = keras.Input((64, 64, 3))
    x = maxpool(conv(i, 2, k=5, s=16, p="valid"), k=2, s=2, p="valid")
    return keras.Model(i, dense(keras.layers.Flatten()(x), 3, None))


NETS = {
    "vgg16": lambda: architectures.create("vgg16"),
    "vgg16_unpadded": lambda: unpadded(404),  # its last map is 7 x 7 too
    "toy": toy,
}
OPTIONS = {
    "pairs": (11, 2, "timed pairs"),
    "nets": ("vgg16,vgg16_unpadded", "toy", f"of {', '.join(NETS)}"),
    "side": (6, 2, "windows along a side of the image"),
}


def one_by_one(model, image, size):
    """A model's logits for each window of an image (1, H, W, C): (windows, classes)."""
    tops = range(0, image.shape[1] - size + 1, STEP)
    cut = [image[:, t : t + size, l : l + size] for t in tops for l in tops]
    return np.concatenate([model.predict_on_batch(window) for window in cut])


def head_slid(model, dense, image):
    """The same, but the windows are cut from the last map and the model's own head runs on them.

    The head begins with the model's flatten; dense has the layers before it, for any size.
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
    return float(abs(a - b).max() / abs(a).max())


def known_of(model, dense, image):
    """Agreement and multiply-adds.  Raises Differs."""
    size, whole = model.input_shape[1], image.shape[1]
    said = dense.predict_on_batch(image)
    said = said.reshape(-1, said.shape[-1])
    known = {"difference_from_windows": apart(one_by_one(model, image, size), said)}
    known["difference"] = apart(head_slid(model, dense, image), said)
    if not known["difference"] <= AGREE:
        raise Differs(f"answers differ by {known['difference']:.1e}, more than {AGREE:.0e}")
    ours, theirs = macs(dense, whole), len(said) * macs(model, size)
    known["note"] = f"{ours / theirs:.3f} of the multiply-adds"
    return known | {"macs": [ours, theirs], "size": whole, "windows": len(said)}


def run(options):
    for name in chosen(options.nets, NETS):
        model = NETS[name]()
        model.compile(jit_compile=False)
        size = model.input_shape[1]
        whole = size + (options.side - 1) * STEP
        image = np.random.default_rng(0).normal(size=(1, whole, whole, 3)).astype("float32")
        full = fully_convolutional(model)
        full.compile(jit_compile=False)
        known = known_of(model, full, image)
        ours = clocked(lambda full=full, image=image: full.predict_on_batch(image))
        theirs = clocked(lambda m=model, i=image, s=size: one_by_one(m, i, s))
        yield compare(name, ours, theirs, options.pairs, f"{options.side**2} windows", **known)
        fresh()
