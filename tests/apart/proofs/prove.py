"""Proof that a network learns: it fits 16 digits, every weight moves, and it survives saving."""

import gc
import json
import os
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # sums in the same order on any machine

import keras
import numpy as np
from sklearn.datasets import load_digits

from convbook import architectures
from convbook.architectures.catalog import NETS

GOAL, STEPS = 0.05, 200  # a training loss, and the steps to reach it
LEAST_STEPS = 10  # a block with a gate is not run in every step
CLASSES, RATE = 10, 1e-3  # Adam's rate
# Nets without batch norm, and the deepest without shortcuts, need a lower rate: at a higher one
# some maps die in a relu for good.
RATES = dict.fromkeys(("vgg", "alexnet", "zfnet"), 1e-4) | dict.fromkeys(
    ("googlenet", "nin", "squeezenet", "plain110"), 3e-4
)
# Nets that end in a relu with one map per class start their last bias here: from 0 some classes die
# in the first steps and stay dead.
LAST_BIAS = {"nin": 1.0, "squeezenet": 1.0}
# Scales the kernels of the deepest net without batch norm: with Glorot's initialisation each relu
# halves the signal's variance, with He's (arXiv:1502.01852) it stays.
WIDER = {"vgg_E": 2**0.5}
# In the deepest nets without shortcuts, and with pre-activation, batch norm and relu make gradients
# grow at each layer (arXiv:1902.08129).  They grow less if a relu passes more of each map, as with
# betas of 1.
BETA = {"plain110_cifar": 1.0, "preresnet1001_cifar": 1.0}
# Inputs are 32 x 32, or 8 x 8, the digits' own size, for CIFAR's nets, which shrink a map 4 times;
# otherwise the smallest that the design allows.  At 32 the last map of SqueezeNet 1.1 is 1 x 1, and
# dropout before the last relu hides too much of it; NIN has dropout too.
SIZES = {
    "alexnet_one_column": 63,
    "alexnet": 67,
    "zfnet": 47,
    "nin_imagenet": 39,
    "nin_cifar10": 32,
    "squeezenet_v1_0": 35,
    "squeezenet_v1_1": 64,
    "inceptionnext": 32,
    "inception": 75,
}
MOVED = 1e-7  # what float32 resolves near 1
GRADIENT = 1e-4  # relative to its kernel's: rounding gives a bias before batch norm 1e-5
# Biases that no loss depends on.  The last residual module of the released net has no relu, so a
# linear convolution and batch norm follow its bias, and batch norm cancels it.
CANCELLED = {("inception_resnet_v2", "stage3_block10_b2_conv1/bias")}
CANCELLED |= {  # before batch norm, in the authors' BAM
    ("bam_resnet18", f"stage{i}_block1_b2_b2_{layer}/bias")
    for i in (2, 3, 4)
    for layer in ("b1_conv1", "b1_conv2", "b1_conv3", "b2_dense1")
}
CANCELLED |= {("inceptionnext_atto", "stem_conv1/bias")}  # before batch norm, as all of these
CANCELLED |= {
    ("inceptionnext_atto", f"stage{i}_block{j}_b2_b{path}_dwconv1/bias")
    for i, depth in enumerate((2, 2, 6, 2), 1)
    for j in range(1, depth + 1)
    for path in (2, 3, 4)
}
CANCELLED |= {  # no block reads the sum before the norm between two stages
    ("inceptionnext_atto", f"stage{i}_block{depth}_b2_conv2/bias")
    for i, depth in enumerate((2, 2, 6), 1)
}
CANCELLED |= {("hrnet_w18_small", f"join{i}_b2_conv1/bias") for i in (2, 3, 4)}
CANCELLED |= {("hrnet_w18_small", "last_conv1/bias")}
SAME = 1e-4  # relative to the largest output: allowed change on loading
ROOT = Path(__file__).parents[3]


def setting(table, name, default):
    return next((value for start, value in table.items() if name.startswith(start)), default)


def rated(name):
    """Adam's rate."""
    return setting(RATES, name, RATE)


def sized(name):
    """The shape of the smallest input."""
    size = setting(SIZES, name, 8 if "cifar" in name else 32)
    return size, size, NETS[name].shape[-1]


def small(name, **options):
    """The network called name at its smallest input, for ten classes."""
    model = architectures.create(name, sized(name), CLASSES, **options)
    *others, last = [layer for layer in model.layers if layer.weights]
    if start := setting(LAST_BIAS, name, None):
        last.bias.assign(np.full(CLASSES, start))
    if name in WIDER:
        for layer in others:
            layer.kernel.assign(layer.kernel * WIDER[name])
    for layer in others if name in BETA else []:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.beta.assign(layer.beta + BETA[name])
    return model


def digits(shape):
    """The first 16 of scikit-learn's digits: x (16, *shape) of mean 0 and deviation 1, y (16,)."""
    found = load_digits()
    x = keras.ops.image.resize(found.images[:16, ..., None].astype("float32"), shape[:2])
    x = keras.ops.convert_to_numpy(x)
    return np.repeat((x - x.mean()) / x.std(), shape[-1], axis=-1), found.target[:16]


class Enough(keras.callbacks.Callback):
    """Ends the training at GOAL, or if the loss is not finite."""

    def on_epoch_end(self, epoch, logs):
        done = logs["loss"] < GOAL and epoch + 1 >= LEAST_STEPS
        self.model.stop_training = done or not np.isfinite(logs["loss"])


def fit(model, x, y, rate=RATE):
    """Fits one batch with Adam.  The loss of each step, as fit reports it: before the step's
    update, in training mode, so with batch statistics, dropout and gates."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    options = dict(batch_size=len(x), epochs=STEPS, shuffle=False, verbose=0)
    return model.fit(x, y, callbacks=[Enough()], **options).history["loss"]


def still(model, before):
    """The paths of the weights that did not move.  before: all weights before fit.

    Adam moves a weight by about its rate even for a tiny gradient, so the gradient of a bias must
    also exceed rounding: we compare the root of Adam's second moment with the kernel's.  (The beta
    of a batch norm may have no gradient by design: a linear convolution and batch norm after it, as
    in MobileNet v2 and ShuffleNet, cancel it.)
    """
    left = {
        w.path
        for w, old in zip(model.weights, before, strict=True)
        if not np.abs(np.asarray(w) - old).max() > MOVED
    }
    squares = [v for v in model.optimizer.variables if v.path.endswith("_velocity")]
    seen = dict(zip((w.path for w in model.trainable_weights), squares, strict=True))
    seen = {path: np.asarray(square).max() ** 0.5 for path, square in seen.items()}
    for path in seen:
        kernel = seen.get(path.removesuffix("bias") + "kernel", 0) if path.endswith("/bias") else 0
        if not seen[path] >= GRADIENT * kernel:
            left.add(path)
    return sorted(path for path in left if not is_cancelled(model, path))


def is_cancelled(model, path):
    """Whether CANCELLED has this weight; a shorter stage ends earlier, with another block."""
    own = {known for net, known in CANCELLED if net == model.name}
    stage, block, rest = re.fullmatch(r"(stage\d_block)?(\d*)(.*)", path).groups()
    after = f"{stage}{int(block) + 1}_" if stage else ""
    if not stage or any(w.path.startswith(after) for w in model.weights):
        return path in own
    return any(re.fullmatch(rf"{stage}\d+{rest}", known) for known in own)


def learn(model, folder, rate=RATE):
    """Fits the digits, and keeps in folder the model, its export and its outputs."""
    began = time.time()
    before = [keras.ops.convert_to_numpy(w) for w in model.weights]
    x, y = digits(model.input_shape[1:])
    losses = fit(model, x, y, rate)
    left = still(model, before)
    folder.mkdir()
    model.save(folder / "model.keras")
    model.export(folder / "exported", verbose=False)
    np.savez(folder / "digits.npz", x=x, answer=keras.ops.convert_to_numpy(model(x)))
    return {
        "input": list(x.shape[1:]),
        "rate": rate,
        "steps": next((i for i, loss in enumerate(losses, 1) if loss < GOAL), None),
        "loss": round(float(losses[-1]), 4),
        "parameters": sum(int(np.prod(w.shape)) for w in model.trainable_weights),
        "weights": len(model.weights),
        "moved": len(model.weights) - len(left),
        "still": left[:9],
        "seconds": round(time.time() - began, 1),
    }


def reload(root):
    """{name: differences after loading and after export} for all folders of root, from one fresh
    interpreter."""
    command = [sys.executable, Path(__file__).with_name("reload.py"), root]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode:
        raise RuntimeError(f"a fresh interpreter could not load the models:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def failures(row):
    """The failures of a row, in words."""
    checks = {
        f"the loss is {row['loss']:.3f} after {STEPS} steps": row["steps"] is not None,
        f"weights do not move: {', '.join(row['still'])}": row["moved"] == row["weights"],
        f"loaded, it answers {row['loaded']:.1e} off": row["loaded"] < SAME,
        f"exported, it answers {row['exported']:.1e} off": row["exported"] < SAME,
    }
    return [text for text, passed in checks.items() if not passed]


def prove_all(makers):
    """{name: row} of {name: function that builds the model}; one interpreter loads them all."""
    rows = {}
    with TemporaryDirectory() as root:
        for name, make in makers.items():
            keras.backend.clear_session()
            keras.utils.set_random_seed(0)
            rows[name] = learn(make(), Path(root, name), rated(name))
        keras.backend.clear_session()
        gc.collect()  # room for the interpreter that loads them
        for name, found in reload(root).items():
            rows[name] |= found
    return {name: row | {"failures": failures(row)} for name, row in rows.items()}


def prove(name, **options):
    """The row of one network: see learn, reload and failures."""
    began = time.time()
    row = prove_all({name: partial(small, name, **options)})[name]
    return row | {"seconds": round(time.time() - began, 1)}
