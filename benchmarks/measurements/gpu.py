"""Images per second on a GPU, on any backend, against timm and the chip's limit.

Each side uses its best batch.  Seconds are for 1000 images, because the batches may differ.  tf32
is float32 with products in TF32 on both sides; bfloat16 is Keras' mixed_bfloat16 against PyTorch's
autocast.  jit_compile is Keras': XLA on TensorFlow, and always on JAX.  On PyTorch, auto compiles
nothing, and true is torch.compile of the whole step, which breaks Keras' graph into many pieces.
timm runs in channels_last, under torch.compile unless jit_compile is false.
"""

import keras

from benchmarks.frame import chip
from benchmarks.frame.best import THOUSAND, rates, timing
from benchmarks.frame.pairs import alone, compare, skipped
from benchmarks.measurements.scaling import numbers
from benchmarks.sides import same, timm
from benchmarks.sides.gpu import JIT, TimmNet, empty, forget, our_net
from benchmarks.sides.nets import chosen, fresh, size_of
from convbook import architectures
from convbook.architectures.weights.convert import from_torch
from convbook.architectures.weights.published import published

NETS = {  # ours: timm's
    "resnet50": "resnet50",
    "resnext50_32x4d": "resnext50_32x4d",
    "densenet121": "densenet121",
    "nasnet_a_mobile": None,
    "mobilenet_v2_1.0_224": "mobilenetv2_100",
    "inception_v3": "inception_v3",
}
QUICK = {"mobilenet_v2_0.35_224": "mobilenetv2_035"}
PEERS = NETS | QUICK
OPTIONS = {
    "pairs": (11, 2, "timed pairs"),
    "steps": (10, 1, "steps that are timed together"),
    "batches": ("32,64,128,256", "4", "images a step that are tried, with commas, in order"),
    "nets": (",".join(NETS), ",".join(QUICK), "names of ours, with commas"),
    "size": (0, 32, "pixels of a side; 0 for each net's own"),
    "works": ("step,predict", "step,predict", "training, inference or both"),
    "precisions": ("tf32,bfloat16", "bfloat16", "of " + ", ".join(chip.PRECISIONS)),
    "jit_compile": ("auto", "false", "auto, true or false"),
    "matrix": (8192, 64, "rows of the matrices that measure a chip with no data sheet"),
}
TARGET = 1.0  # of timm's time
ROUNDED = 0.1  # largest allowed difference in the timed precision; in float32 that of same


def run(options):
    batches, precisions = numbers(options.batches), chosen(options.precisions, chip.PRECISIONS)
    names, works = chosen(options.nets, PEERS), chosen(options.works, ("step", "predict"))
    chosen(options.jit_compile, JIT)
    if not (chip.name() or options.quick):
        yield skipped("gpu", f"{keras.backend.backend()} sees no GPU; --quick is for CPUs")
        return
    limits = chip.chip(precisions, options.matrix)
    yield {"what": "chip", "note": chip.spelled(limits), **limits._asdict()}
    if timm() is None:
        yield skipped("PyTorch's", "timm or PyTorch is not installed")
    for name in names:
        if timm() and not PEERS[name]:
            yield skipped(f"{name} beside timm", "timm has no such network")
        module, known = peer(name, options, batches[0])
        for precision in precisions:
            nets, rounding = sides(name, module, precision, options, batches[0])
            for work in works:
                about = known | rounding | {"precision": precision}
                yield measured(f"{name} {work} {precision}", nets, work, options, limits, about)
            del nets  # frees the memory for the next nets


def create(name, size, precision="float32"):
    """Our network, in timm's form if timm has it, under Keras' policy for the precision."""
    options = published()[f"timm/{PEERS[name]}"][1] if PEERS[name] else {}
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        return architectures.create(name, (size, size, 3), **options)
    finally:
        keras.config.set_dtype_policy(before)


def peer(name, options, batch):
    """(timm's network or None, facts about both).  Raises Differs, in float32."""
    fresh()
    empty()
    chip.allow_tf32(False)
    size = size_of(name, options.size)
    known = {"size": size, "backend": keras.backend.backend(), "jit_compile": options.jit_compile}
    model = create(name, size)
    if not (PEERS[name] and timm()):
        return None, known | {"macs": architectures.measure(model).macs}
    theirs = TimmNet(timm().create_model(PEERS[name]), size, batch, "float32", False)
    ours = our_net(from_torch(model, theirs.state), batch, "false")
    return theirs.module, known | same(ours, theirs, images=batch)


def sides(name, module, precision, options, batch):
    """([ours, and timm's if there is one], {rounding: difference of their outputs})."""
    fresh()
    chip.allow_tf32(precision != "float32")
    size = size_of(name, options.size)
    model = create(name, size, precision)
    if module is None:
        return [our_net(model, batch, options.jit_compile)], {}
    theirs = TimmNet(module, size, batch, precision, options.jit_compile != "false")
    ours = our_net(from_torch(model, theirs.state), batch, options.jit_compile)
    known = same(ours, theirs, ROUNDED, images=batch)
    return [ours, theirs], {"rounding": known["difference"]}


def measured(what, nets, work, options, limits, known):
    """The row of both sides, or of ours alone, each at its best batch."""
    forget()
    tried = [rates(net, work, numbers(options.batches), options.steps) for net in nets]
    if not all(tried):
        return skipped(what, f"no batch of {options.batches} fits into memory")
    batches = [max(each, key=each.get) for each in tried]
    both = zip(nets, batches, strict=True)
    clocks = [timing(net, work, batch, options.steps) for net, batch in both]
    if len(nets) == 2:
        row = compare(what, *clocks, options.pairs, "timm", TARGET)
    else:
        clocks[0]()
        row = alone(what, [clocks[0]() for _ in range(options.pairs)])
    seconds = row["seconds"] if len(nets) == 2 else [row["seconds"]]
    model_layers, training = chip.layers(nets[0].model), work == "step"
    least = [chip.least(model_layers, limits, known["precision"], b, training) for b in batches]
    row |= known | {"batch": batches, "images_per_second": [THOUSAND / s for s in seconds]}
    row |= {"share": [THOUSAND * low / s for low, s in zip(least, seconds, strict=True)]}
    return row | {"steps": options.steps, "tried": tried, "note": spelled(row)}


def spelled(row):
    """Images per second, batch and share of the limit, ours / theirs."""
    shares = " / ".join(f"{share:.1%}" for share in row["share"])
    speeds = " / ".join(f"{speed:.0f}" for speed in row["images_per_second"])
    return f"{speeds} images/s at {' / '.join(map(str, row['batch']))}, {shares} of the limit"
