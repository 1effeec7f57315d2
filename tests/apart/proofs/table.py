"""The kept proofs: a row for each network in tests/data/proofs.json, the table in docs/."""

import json
import os
from pathlib import Path

from convbook.architectures import (
    attention,
    facts,
    fasternet,
    mobileone,
    names,
    regnet,
    repvgg,
    res2net,
    vovnet,
)

from .digest import digest
from .prove import rated, sized

ROOT = Path(__file__).parents[3]
KEPT = ROOT / "tests" / "data" / "proofs.json"
TABLE = ROOT / "docs" / "proofs.md"
MOST = 300e6  # weights of a network that is proven
# Not proven: a network that is, scaled: the same blocks on a table of other widths and depths.
SCALED = {
    *(f"efficientnet_b{i}" for i in range(1, 8)),
    *(f"efficientnet_lite{i}" for i in range(1, 5)),
    *(f"efficientnet_v2_{size}" for size in ("s", "m", "l", "b1", "b2", "b3", "rw_t")),
    *(f"mnasnet_{size}" for size in ("a1_1.0", "a1_0.75")),
    *(f"mnasnet_b1_{alpha}" for alpha in (1.0, 0.5, 0.75, 1.3)),
    *("mobilenet_v3_large_0.75_224", "mobilenet_v3_small_0.75_224", "mobilenet_v3_small_0.5_224"),
}
SCALED |= {name for name in regnet.NETS if not name.endswith("_200mf")}
SCALED |= {name for name in repvgg.NETS if name != "repvgg_a0"}
SCALED |= {name for name in mobileone.NETS if name != "mobileone_s4"}
SCALED |= {name for name in fasternet.NETS if name != "fasternet_t0"}
SCALED |= {name for name in res2net.NETS if name != "res2net50_26w_4s"}
SCALED |= {name for name in vovnet.NETS if name != "ese_vovnet19b_dw"}
SCALED |= {"ghostnet_0.5x", "ghostnet_1.3x"}
SCALED |= {"darknet53"}  # the blocks of cspdarknet53, in plain stages
SCALED |= {"mobilenet_v4_conv_medium", "mobilenet_v4_conv_large"}
SCALED |= {name for name in attention.NETS if not name.endswith(("resnet18", "50d"))}
SCALED |= {"wide_resnet28_10_cifar", "wide_resnet40_8_cifar"}
SCALED |= {"sk_resnet34", "sknet50", "sknet101", "sknet152"}
SCALED |= {f"convnext_{size}" for size in ("small", "base", "large")}
SCALED |= {f"convnext_v2_{size}" for size in ("femto", "pico", "nano", "tiny", "base", "large")}
COLUMNS = (
    "input",
    "rate",
    "steps",
    "loss",
    "parameters",
    "weights",
    "loaded",
    "exported",
    "seconds",
)
HEAD = """# Training proofs

`make proofs` trained each network below 300 M weights, as deep and wide as published, for ten
classes on 16 of scikit-learn's digits, with Adam. Where a paper scales one design in width and
depth, as MobileNetV3 and those after it do, it trained one or two of the networks; the others are
these, scaled. The input is 32 x 32, or 8 x 8, the digits' own size, for CIFAR's nets, or the least
that the design allows. Dropout and stochastic depth were on.
{passed} of {all} networks passed: the loss is below 0.05 within 200 steps, every weight moves, and
the model answers the same in a fresh interpreter, after loading as after `model.export`. Each row
keeps a digest of the code that it was proven with. `make proofs` builds a network of other code
again, and where its graph is another, or the code of our own layers in it, proves it again.

Most rows were proven with version 0.1.0, before gates, the padding of max pools and the names of
saved layers changed: 110 networks have other code now, and wait for the next `make proofs`.

All start as `architectures.create` makes them, but for VGG E, whose kernels are as wide as He's,
the plain net of 110 layers and the pre-activation net of 1001, whose betas are 1, and NIN and
SqueezeNet, whose last biases are 1. One bias of Inception-ResNet v2 need not move: batch norm
cancels it in training.

- steps: until the loss was below 0.05, in training mode; loss: that of the last step
- parameters: trainable numbers; weights: how many of all tensors moved
- loaded, exported: largest difference of an answer after it, relative to the largest answer
- seconds: of the whole proof, on two cores that one to three others used too

"""


def wanted():
    """The networks to prove, in the order of the papers."""
    heavy = (
        name in SCALED or facts(name).get("computed", {}).get("trainable", 0) >= MOST
        for name in names(False)
    )
    return [name for name, left_out in zip(names(False), heavy, strict=True) if not left_out]


def kept():
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}


def stale(rows):
    """{name: why its row does not hold}, for the networks to prove and for rows too many."""
    why = {name: "there is no such network" for name in rows if name not in wanted()}
    for name in wanted():
        if name not in rows:
            why[name] = "has no row"
        elif rows[name]["failures"]:
            why[name] = "; ".join(rows[name]["failures"])
        elif rows[name]["digest"] != digest(name):
            why[name] = "its code has changed"
        elif [rows[name]["input"], rows[name]["rate"]] != [[*sized(name)], rated(name)]:
            why[name] = "the proof has changed"
    return why


def keep(rows):
    """Writes rows and their table; an interruption leaves the old file or the new one."""
    rows = {name: rows[name] for name in wanted() if name in rows}
    lines = (f" {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    write(KEPT, "{\n" + ",\n".join(lines) + "\n}\n")
    write(TABLE, markdown(rows))


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def markdown(rows):
    """docs/proofs.md."""
    passed = sum(not row["failures"] for row in rows.values())
    table = [["network", *COLUMNS], ["---"] * (len(COLUMNS) + 1)]
    table += [[name, *map(str, cells(row))] for name, row in rows.items()]
    lines = (f"| {' | '.join(line)} |\n" for line in table)
    return HEAD.format(passed=passed, all=len(wanted())) + "".join(lines)


def cells(row):
    if "steps" not in row:
        return ["failed: " + "; ".join(row["failures"]), *[""] * (len(COLUMNS) - 1)]
    return [
        " x ".join(map(str, row["input"])),
        f"{row['rate']:g}",
        row["steps"] or "failed",
        f"{row['loss']:.3f}",
        f"{row['parameters']:,}",
        f"{row['moved']} / {row['weights']}",
        f"{row['loaded']:.0e}",
        f"{row['exported']:.0e}",
        f"{row['seconds']:.0f}",
    ]
