"""The kept proofs: a row for each network in tests/data/proofs.json, the table in docs/."""

import json
import os
from pathlib import Path

from convbook.architectures import (
    attention,
    convnext,
    dla,
    dpn,
    facts,
    fasternet,
    hrnet,
    inceptionnext,
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
# Not proven: the same blocks as a proven network, with other widths and depths.
SCALED = {
    *(f"efficientnet_b{i}" for i in range(1, 9)),
    "efficientnet_l2",
    *(f"efficientnet_lite{i}" for i in range(1, 5)),
    *(f"efficientnet_v2_{size}" for size in ("s", "m", "l", "xl", "b1", "b2", "b3")),
    *(f"efficientnet_v2_rw_{size}" for size in ("t", "s", "m")),
    *(f"mnasnet_{size}" for size in ("a1_1.0", "a1_0.75")),
    *(f"mnasnet_b1_{alpha}" for alpha in (1.0, 0.5, 0.75, 1.3)),
    *("mobilenet_v3_large_0.75_224", "mobilenet_v3_small_0.75_224", "mobilenet_v3_small_0.5_224"),
}
# MobileNetV3's tables, in 3x3 and relu alone
SCALED |= {f"mobilenet_v3_{size}_minimalistic_1.0_224" for size in ("large", "small")}
SCALED |= {name for name in regnet.NETS if not name.endswith("_200mf")}
SCALED |= {name for name in repvgg.NETS if name != "repvgg_a0"}
SCALED |= {name for name in mobileone.NETS if name != "mobileone_s4"}
SCALED |= {name for name in fasternet.NETS if name != "fasternet_t0"}
SCALED |= {f"nfnet_f{i}" for i in range(1, 7)}
SCALED |= {name for name in hrnet.NETS if name != "hrnet_w18_small"}
SCALED |= {name for name in inceptionnext.NETS if name != "inceptionnext_atto"}
SCALED |= {name for name in res2net.NETS if name != "res2net50_26w_4s"}
SCALED |= {name for name in vovnet.NETS if name != "ese_vovnet19b_dw"}
SCALED |= {"convnext_xlarge", "convnext_v2_huge"}
SCALED |= {"ghostnet_0.5x", "ghostnet_1.3x"}
SCALED |= {name for name in dla.NETS if name != "dla46_c"}
SCALED |= {"cspresnext50"}  # of cspresnet50's stages, in groups
SCALED |= {name for name in dpn.NETS if name != "dpn68"}
SCALED |= {"resnest26", "resnest50", "resnest101", "resnest200", "resnest269"}
SCALED |= {"resnest50_fast_1s4x24d", "resnest50_fast_4s2x40d"}
SCALED |= {"darknet53"}  # the blocks of cspdarknet53, in plain stages
SCALED |= {"mobilenet_v4_conv_medium", "mobilenet_v4_conv_large"}
SCALED |= {f"mobilenet_v4_conv_{name}" for name in ("small_0.5", "blur_medium", "aa_large")}
SCALED |= {name for name in attention.NETS if not name.endswith(("resnet18", "50d"))}
SCALED |= {"wide_resnet28_10_cifar", "wide_resnet40_8_cifar"}
SCALED |= {"pyramidnet110_a84_cifar", "pyramidnet110_a270_cifar"}
SCALED |= {"resnet26d", "resnet101d", "resnet152d", "resnet200d"}
SCALED |= {"resnet10t", "resnet14t", "resnet26t"}  # resnet18d's and 50d's, with another stem
SCALED |= {"sk_resnet34", "sknet50", "sknet101", "sknet152"}
SCALED |= {f"convnext_{size}" for size in convnext.V1 if size != "tiny"}
SCALED |= {f"convnext_v2_{size}" for size in ("femto", "pico", "nano", "tiny", "base")}
SCALED |= {"convnext_v2_large", "convnext_v2_huge"}
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

Check that a network here learns, saves and exports: {passed} of {all} passed. The loss falls below
0.05 within 200 steps, every weight changes, and a fresh interpreter gets the same outputs from the
saved model and from `model.export`.

Each network has its published depth and width and ten classes. It trains with Adam on 16 of
scikit-learn's digits, with dropout and stochastic depth on. Images are 32 x 32 pixels, or the
smallest size that the design allows; CIFAR networks get 8 x 8, the digits' own size. Networks of
300 M weights and more are left out. Where a paper scales one design in width and depth, as
MobileNetV3 and later papers do, one or two networks stand for all of them.

- steps: training steps until the loss was below 0.05; loss: the loss of the last step
- parameters: trainable parameters; weights: how many of all weight tensors changed
- loaded, exported: largest change of an output after loading or exporting, relative to the largest
  output
- seconds: time of the whole proof, on two cores shared with one to three other jobs

All start from the weights of `architectures.create`, with these exceptions: kernels of VGG E have
the variance of He's initialisation; betas of the plain network of 110 layers and of the
pre-activation network of 1001 are 1; the last biases of NIN and SqueezeNet are 1. One bias of
Inception-ResNet v2 may stay unchanged, because batch norm cancels it in training.

`make proofs` writes this page. Each row keeps a digest of the code that it was proven with. If a
network's code changes, `make proofs` builds it again, and proves it again if its graph or the code
of our own layers in it changed. The letters have changed since these rows were made, and with them
the code of every network, so all rows wait for the next `make proofs`. Most were proven with
version 0.1.0, before gates, the padding of max pooling and the names of saved layers changed.

"""


def wanted():
    """The networks to prove, in order of their papers."""
    heavy = (
        name in SCALED or facts(name).get("computed", {}).get("trainable", 0) >= MOST
        for name in names(False)
    )
    return [name for name, left_out in zip(names(False), heavy, strict=True) if not left_out]


def kept():
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}


def stale(rows):
    """{name: why its row does not hold}, for the networks to prove and for superfluous rows."""
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
