"""Folded nets in the runtimes of exported files, against keras.applications and timm.

All sides run in one process, in turn, on all cores, with the same images.  Networks follow timm's
options where timm has them, otherwise those of keras.applications; biases are random, like trained
ones.  TensorFlow runs ours and keras.applications' as one graph without XLA.  Ours runs twice: with
constant weights, as export writes them, and with variables.  timm runs in channels_last under
torch.compile, OpenVINO in float32.  Every float32 side is first checked against the network.  For
LiteRT, int8 is what export writes; for the others, it is onnxruntime's static quantisation.  The
outputs in int8 differ; results/deploy.json says by how much.

The second table compares the fastest float32 runtime, which export recommends, with each peer.  For
some nets, layers of at least 90 % of the time could run as matrix products.  Their time is also
compared with that of as many multiply-adds in a product of two square matrices.  An interrupted run
resumes.
"""

import json
import math
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import tensorflow as tf

from benchmarks.frame import chip, kept
from benchmarks.frame.pairs import compared, skipped, spelled
from benchmarks.measurements.scaling import numbers
from benchmarks.sides import KerasNet, TorchNet, images, same, timm
from benchmarks.sides.deploy import RUNTIMES, Files, by_torch, versions, with_variables
from benchmarks.sides.nets import against_keras, apart, chosen, fresh, size_of
from convbook import architectures
from convbook.architectures.weights.convert import from_torch
from convbook.architectures.weights.loading import short
from convbook.architectures.weights.published import APPLICATIONS, published

NETS = {  # ours: timm's
    "resnet18": "resnet18",
    "resnet50": "resnet50",
    "resnext50_32x4d": "resnext50_32x4d",
    "densenet121": "densenet121",
    "inception_v3": "inception_v3",
    "xception": "legacy_xception",
    "nasnet_a_mobile": None,
    "mobilenet_v1_1.0_224": "mobilenetv1_100",
    "mobilenet_v2_1.0_224": "mobilenetv2_100",
    "mobilenet_v3_large_1.0_224": "mobilenetv3_large_100",
    "efficientnet_b0": "efficientnet_b0",
    "mobilenet_v3_small_1.0_224": "mobilenetv3_small_100",
}
UNLIKE = ("efficientnet_b0",)  # without its weights keras.applications preprocesses differently
QUICK = {"mobilenet_v2_0.35_224": "mobilenetv2_035"}
PEERS = NETS | QUICK
OPTIONS = {
    "pairs": (11, 2, "timed rounds"),
    "nets": (",".join(NETS), ",".join(QUICK), "names of ours, with commas"),
    "batches": ("1,8", "1,2", "images at a time, with commas"),
    "size": (0, 32, "pixels of a side; 0 for each net's own"),
    "matrix": (2048, 64, "rows of the matrices whose product is timed"),
    "files": ("build/deploy", "", "the folder of files and of what is measured, to go on from"),
}
TARGET = 1.0  # maximum share of a peer's time
PRODUCT, LIMIT = 0.9, 1.11  # minimum share of the matrix product's speed, maximum of its time
LEAST = 0.02  # minimum seconds of a timing: quicker sides run several times
UNSEEN = 0.1  # seconds: quicker sides warm up, because another side filled the caches
CLOSE = 1e-3  # largest allowed difference of outputs in float32
FASTEST = Path(__file__).parents[2] / "training" / "export" / "fastest.json"


def run(options):
    names = chosen(options.nets, PEERS)
    for title, missing in absent().items():
        yield skipped(title, f"{missing} is not installed")
    limits = chip.chip(("float32",), options.matrix)
    with_versions = "; ".join([chip.spelled(limits), *map(" ".join, versions().items())])
    yield {"what": "machine", "note": with_versions, **limits._asdict()}
    with tempfile.TemporaryDirectory() as folder:
        done = Done(Path(options.files or folder) / "rows.json", options)
        with apart() as do:
            for name in names:
                if name not in done.rows:
                    done.add(name, do(rows_of_net, name, options, limits, done.path.parent))
                yield from done.rows[name]
    done.path.unlink(missing_ok=True)


def write(results):
    """Writes the advice of export from a kept run."""
    FASTEST.write_text(json.dumps(fastest(results), indent=1) + "\n", encoding="utf-8")


def absent():
    """{runtime or peer: the missing package}."""
    found = {title: runtime.missing() for title, runtime in RUNTIMES.items()}
    found["timm"] = None if timm() else "timm or PyTorch"
    return {title: missing for title, missing in found.items() if missing}


class Done:
    """The rows that an interrupted run measured."""

    def __init__(self, path, options):
        self.path = path
        self.key = {"versions": versions(), "cores": kept.cores()}
        self.key |= {name: getattr(options, name) for name in OPTIONS if name != "nets"}
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.rows = found["rows"] if found.get("key") == self.key else {}

    def add(self, name, rows):
        self.rows[name] = kept.rounded(rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"key": self.key, "rows": self.rows})
        self.path.write_text(text, encoding="utf-8")


def rows_of_net(name, options, limits, folder):
    """The rows of a net at each batch.  Raises Differs."""
    size = size_of(name, options.size)
    model, peers, known = networks(name, size, options)
    files = Files(model, folder)
    rows = []
    for batch in numbers(options.batches):
        x, what = images(batch, size)[0], f"{name}, batch {batch}"
        right = files.network.predict_on_batch(x)
        sides, differences, without = runtimes(files, x, right)
        rows += [skipped(f"{what}: {title}", why) for title, why in without.items()]
        sides |= theirs(files.network, peers, x) | {"matrix product": product(options.matrix)}
        times = rounds(sides, options.pairs)
        about = known | {"size": size, "batch": batch, "differences": differences}
        about["bound"] = bound_by_product(model, limits, batch)
        rows += judged(what, times, options.matrix, about)
    return rows


def networks(name, size, options):
    """(our model, {peer: its network}, facts about them).  Raises Differs."""
    options.batch, model, peers, known = 1, None, {}, {}
    if name in APPLICATIONS and name not in UNLIKE:
        mine, theirs, both = against_keras(name, options, fused=False)
        model, peers["keras.applications"] = mine.model, theirs.model
        known["macs of keras.applications"] = both["macs"]
    if PEERS[name] and timm():
        import torch

        torch.manual_seed(0)  # kept files have the same weights
        net = TorchNet(timm().create_model(PEERS[name]), size, 1)
        of_network = published()[f"timm/{PEERS[name]}"][1]
        model = from_torch(architectures.create(name, (size, size, 3), **of_network), net.state)
        same(KerasNet(model, 1), net, macs=False)  # only outputs are compared
        peers["timm"] = net.module
    if model is None:
        fresh()
        model = architectures.create(name, (size, size, 3))
    shift(model)
    return model, peers, known | {"macs": architectures.measure(model).macs}


def shift(model):
    """Gives a network nonzero biases, like trained ones.

    TensorFlow removes the addition of a constant 0, and then does not fuse the operation after it.
    """
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name in ("beta", "bias", "moving_mean"):
            weight.assign(rng.normal(0, 0.1, weight.shape))


def runtimes(files, x, right):
    """({title: side}, {title: difference of its outputs}, {title: why it is impossible}).

    right: the network's outputs.  Differences are relative to the largest output.
    """
    sides, differences, without = {}, {}, {}
    for title, runtime in RUNTIMES.items():
        for precision in runtime.precisions if not runtime.missing() else ():
            full = title if precision == "float32" else f"{title} {precision}"
            try:
                side = runtime.side(files, x, precision)
                off = float(abs(side() - right).max() / abs(right).max())
            except Exception as error:  # each library raises its own
                without[full] = short(error)
                continue
            if precision == "float32" and not off <= CLOSE:
                without[full] = f"answers differ by {off:.1e}"
            else:
                sides[full], differences[full] = side, off
    return sides, differences, without


def theirs(network, peers, x):
    """{title: side} of the peers."""
    sides = {"TensorFlow, variables": with_variables(network, x)}
    if "keras.applications" in peers:
        sides["keras.applications"] = with_variables(peers["keras.applications"], x)
    if "timm" in peers:
        sides["timm"] = by_torch(peers["timm"], x)
    return sides


def product(side):
    """The product of two square matrices, as a side."""
    x = tf.random.normal((side, side), stddev=side**-0.5)
    return lambda: tf.matmul(x, x).numpy()


def rounds(sides, pairs):
    """{title: seconds}: each side in each round, every second round from the last to the first."""
    for work in sides.values():
        work()
    often = {title: max(1, math.ceil(LEAST / timed(work))) for title, work in sides.items()}
    times = {title: [] for title in sides}
    for i in range(pairs):
        for title in list(sides)[:: 1 if i % 2 else -1]:
            if not times[title] or times[title][-1] < UNSEEN:
                sides[title]()
            times[title].append(timed(sides[title], often[title]))
    return times


def timed(work, times=1):
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


def bound_by_product(model, limits, batch):
    """Whether arithmetic is at least PRODUCT of a net's minimum time, by its layers' sizes."""
    layers = chip.layers(model)
    arithmetic = sum(2 * layer.macs for layer in layers) / limits.flops["float32"]
    return bool(arithmetic >= PRODUCT * chip.least(layers, limits, "float32", batch, False))


def judged(what, times, matrix, known):
    """The row of all sides, and our fastest against each peer and the matrix product."""
    seconds = {title: median(each) for title, each in times.items()}
    speeds = {t: 2 * known["macs"] * known["batch"] / s / 1e9 for t, s in seconds.items()}
    speeds["matrix product"] = 2 * matrix**3 / seconds["matrix product"] / 1e9
    best = min((title for title in RUNTIMES if title in times), key=seconds.get)
    note = f"{best}: {speeds[best]:.0f} of {speeds['matrix product']:.0f} GFLOP/s"
    columns = {t: spelled(s).strip() for t, s in seconds.items() if t != "matrix product"}
    columns |= {
        "GFLOP/s": f"{speeds[best]:.0f}",
        "matrix product": f"{speeds['matrix product']:.0f}",
    }
    row = {"what": what, "note": note, "columns": columns, "medians": seconds, "rounds": times}
    rows = [row | {"gflops": speeds} | known]
    for peer in ("keras.applications", "timm"):
        if peer in times:
            pair = list(zip(times[best], times[peer], strict=True))
            rows.append(compared(f"{what}: {best}", pair, peer, TARGET, **note_of(peer, known)))
    if known["bound"]:
        share = known["macs"] * known["batch"] / matrix**3
        theirs = [share * t for t in times["matrix product"]]
        pair = list(zip(times[best], theirs, strict=True))
        rows.append(compared(f"{what}: {best}", pair, "the matrix product", LIMIT))
    return rows


def note_of(peer, known):
    """A note about a peer with another form of the network."""
    theirs = known.get(f"macs of {peer}", known["macs"])
    if theirs == known["macs"]:
        return {}
    return {"note": f"theirs has {theirs / known['macs']:.2f} of the multiply-adds"}


def fastest(results):
    """The advice of export from a kept run: {cores, date, nets: {net: {batch: {side: s}}}}."""
    nets = {}
    for row in results["rows"]:
        if "medians" in row:
            name = row["what"].split(",")[0]
            ours = {t: s for t, s in row["medians"].items() if t.removesuffix(" int8") in RUNTIMES}
            nets.setdefault(name, {})[str(row["batch"])] = ours
    return {"cores": results["cores"], "date": results["date"][:10], "nets": nets}
