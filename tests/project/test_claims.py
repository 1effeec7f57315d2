"""Claims of the papers at scale: how runs are compared, and that text and kept runs agree."""

import dataclasses
import json
import re
import tempfile
from datetime import UTC, date, datetime

import keras
import numpy as np
import pytest
from places import ROOT

from convbook.architectures import measure
from convbook.beside import bake_off, claims, lab, results
from convbook.beside.compared import CLAIMS, EXPECTED

CLAIMED = {  # the notebook that shows each
    "sharing": "04_lenet5",
    "fire": "11_squeezenet",
    "branches": "12_inception_v4",
    "units": "05_alexnet",
    "pooling": "06_network_in_network",
    "depth": "07_vgg",
    "kernels": "07_vgg",
    "modules": "08_googlenet",
    "heads": "08_googlenet",
    "batch_norm": "09_inception_v2_v3",
    "smoothing": "09_inception_v2_v3",
    "residual": "10_resnet",
    "digits": "10_resnet",
    "preactivation": "13_identity_mappings",
    "survival": "14_stochastic_depth",
    "dense": "15_densenet",
    "separable": "16_xception",
    "cardinality": "17_resnext",
    "inverted": "18_mobilenet",
    "shuffle": "19_shufflenet",
    "search": "20_nasnet_pnasnet",
    "squeeze": "21_senet",
    "evolution": "22_amoebanet",
}


def read(name):
    return json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text("utf-8"))


def words_of(name):
    """The first cell of a notebook in one line, without the marks of quotations."""
    return re.sub(r"\s+(> )?", " ", "".join(read(name)["cells"][0]["source"]))


KEPT = sorted(name for name in CLAIMS if results.kept(f"claim_{name}"))


def test_each_claim_has_an_expectation_and_a_notebook():
    assert CLAIMS.keys() == EXPECTED.keys() == CLAIMED.keys()
    for claim in CLAIMS.values():
        assert {net for _, *nets in claim.checks for net in nets} <= claim.nets.keys()
        assert {what for what, *_ in claim.checks} <= claims.GAINS.keys()


@pytest.mark.parametrize("name", KEPT)
def test_kept_runs_are_of_these_networks_and_three_seeds(name):
    claim, rows = CLAIMS[name], results.kept(f"claim_{name}")["rows"]
    made = sorted((r["net"], r["rate"], r["seed"]) for r in rows)
    assert made == sorted((n, r, s) for n in claim.nets for r in claim.rates for s in range(3))
    size = (8, 8, 1) if name == "digits" else (28, 28, 1)
    for net, function in claim.nets.items():
        with keras.StatelessScope(initialize_variables=False):
            out = function(i := keras.Input(size))
            counts = measure(keras.Model(i, out[0] if isinstance(out, list) else out))
        of = {(r["weights"], r["macs"]) for r in rows if r["net"] == net}
        assert of == {(counts.weights, counts.macs)}
        assert all(len(r["loss"]) == claim.epochs for r in rows)


@pytest.mark.parametrize("name", [name for name, said in EXPECTED.items() if "equal multi" in said])
def test_equal_multiply_adds_are_equal(name):
    macs = []
    for function in CLAIMS[name].nets.values():
        with keras.StatelessScope(initialize_variables=False):
            macs.append(measure(keras.Model(i := keras.Input((28, 28, 1)), function(i))).macs)
    assert max(macs) < 1.05 * min(macs)


def test_equal_weights_are_equal():
    weights = []
    for function in CLAIMS["dense"].nets.values():
        with keras.StatelessScope(initialize_variables=False):
            weights.append(measure(keras.Model(i := keras.Input((28, 28, 1)), function(i))).weights)
    assert max(weights) < 1.02 * min(weights)


def test_a_rate_decays_to_nothing_at_the_last_step():
    decaying = dataclasses.replace(CLAIMS["depth"], decay=True, epochs=3, batch=128)
    rate = claims.schedule(decaying, 0.5, 300)  # three steps an epoch
    assert [float(rate(step)) for step in (0, 9)] == pytest.approx([0.5, 0], abs=1e-8)
    assert 0.1 < float(rate(5)) < 0.4
    assert claims.schedule(CLAIMS["depth"], 0.5, 300) == 0.5


@pytest.mark.parametrize("name", KEPT)
def test_its_notebook_begins_with_what_was_seen(name):
    """The head of the notebook has the sentence that the stored runs give."""
    assert claims.sentence(name) in words_of(CLAIMED[name])


@pytest.mark.parametrize("name", lab.COMPARED)
def test_the_lab_begins_with_what_was_seen(name):
    assert lab.sentence(name) in words_of("24_lab")


SMALL = [
    name
    for name in sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    if re.search(r"\*\*Seen\*\* on (?!Fashion)", words_of(name)) and name != "24_lab"
]


@pytest.mark.parametrize("name", SMALL)
def test_a_head_has_the_numbers_of_its_outputs(name):
    """Each number of a smaller run is that of an output, rounded; an output may be a share."""
    outputs = " ".join(
        "".join(output.get("text", output.get("data", {}).get("text/markdown", "")))
        for cell in read(name)["cells"]
        for output in cell.get("outputs", ())
    )
    shown = [float(n) for n in re.findall(r"(?<![\w.])\d+\.\d+", outputs)]
    seen = re.findall(r"\*\*Seen\*\* on (?!Fashion)(.*?)(?:\*\*Seen|$)", words_of(name), re.S)
    said = re.findall(r"(?<![\w.])(\d+\.\d+|\d+(?= %))(?! \w*points)( %)?", " ".join(seen))
    for text, percent in said:
        places = len(text.partition(".")[2])
        values = [*shown, *(100 * n for n in shown)] if percent else shown
        assert float(text) in [round(v, places) for v in values], f"{name}: {text}{percent}"


VERDICT = re.compile(r"\*\*(as expected|reversed|not significant|not reproduced)\*\*")


def paragraphs(name):
    """The quoted paragraphs of the first cell of a notebook, each in one line."""
    quoted = re.findall(r"^> .*(?:\n> .+)*", "".join(read(name)["cells"][0]["source"]), re.M)
    return [re.sub(r"\s+(> )?", " ", part) for part in quoted]


FEW = [
    (name, part)
    for name in sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    for part in paragraphs(name)
    if re.search(r"\b(one|two) seeds?\b", part)
]


@pytest.mark.parametrize(("name", "said"), FEW, ids=[name for name, _ in FEW])
def test_one_seed_or_two_give_no_verdict(name, said):
    """A verdict needs three seeds and an interval."""
    assert not VERDICT.search(said), f"{name}: {said}"


def run(seed, loss, test, accuracy=(0.5, 0.8), shifted=0.5, net="a", rate=1e-3):
    return {"net": net, "rate": rate, "seed": seed, "loss": loss, "test": test, "weights": 1,
            "macs": 1, "seconds": 1, "accuracy": list(accuracy), "shifted": shifted}  # fmt: skip


def test_a_difference_is_one_outside_its_interval():
    assert claims.verdict(1.0, 0.9) == "as expected"
    assert claims.verdict(1.0, 1.1) == claims.verdict(-1.0, 1.1) == "not significant"
    assert claims.verdict(-1.0, 0.9) == "reversed"
    assert claims.interval([1, 2, 3]) == pytest.approx((2, 4.302653 / 3**0.5))  # t, 2 of freedom


def test_runs_are_compared_seed_by_seed_at_the_best_rate(monkeypatch):
    """The test accuracies of the seeds differ by 30 points, those of the networks by one."""
    nets = {"a": None, "b": None}
    claim = dataclasses.replace(
        CLAIMS["kernels"], nets=nets, rates=(1, 2), checks=(("test", "a", "b"),)
    )
    rows = [
        run(seed, [1, loss], [0, 0.1 + 0.3 * seed + better / 100], net=net, rate=rate)
        for rate, loss in ((1, 0.9), (2, 0.5))
        for net, better in (("a", rate == 2), ("b", 0))
        for seed in range(3)
    ]
    monkeypatch.setitem(claims.CLAIMS, "kernels", claim)
    monkeypatch.setattr(results, "kept", lambda name: {"rows": rows})
    (gain,) = claims.gains("kernels")
    assert gain == (
        "a",
        "b",
        "test",
        pytest.approx(1),
        pytest.approx(0, abs=1e-6),
    )
    said = "the test accuracy of a ends 1.00 ± 0.00 points above that of b (**as expected**)"
    assert claims.sentence("kernels") == said


def test_what_is_gained():
    fast = run(0, [2, 1], [0.6, 0.7], accuracy=(0.75, 0.9), shifted=0.6)
    slow = run(0, [3, 2], [0.4, 0.5], accuracy=(0.5, 0.6), shifted=0.2)
    gain = {what: function(slow, fast) for what, (*_, function) in claims.GAINS.items()}
    assert gain["loss"] == 1
    assert gain["test"] == pytest.approx(-20)
    assert gain["to_a_quarter"] == 3 - 1  # never, in two epochs, counts as the third
    assert gain["lost"] == pytest.approx(30 - 10)
    assert gain["within_half"] == 1.5 - 3
    assert claims.GAINS["within_half"][-1](fast, slow) == 1.5 - 1


@pytest.fixture
def broken_off(monkeypatch, tmp_path):
    """Runs that are counted, the third of which is broken off."""
    monkeypatch.setattr(results, "HERE", tmp_path)
    monkeypatch.setattr(results, "commit", lambda: "c0ffee")
    begun = []

    def begin(*which):
        begun.append(which)
        if len(begun) == 3:
            raise KeyboardInterrupt

    return begun, begin


def test_a_claim_goes_on_with_the_run_that_was_broken_off(broken_off, monkeypatch):
    begun, begin = broken_off
    claim = dataclasses.replace(CLAIMS["shuffle"], data=lambda: [np.zeros((4, 1, 1, 1))] * 4)
    monkeypatch.setitem(CLAIMS, "shuffle", claim)
    one = {"weights": 1, "commit": "c0ffee", "seconds": 2}

    def made(claim, net, rate, seed, data):
        begin(net, rate, seed)
        return {"net": net, "rate": rate, "seed": seed, **one}

    monkeypatch.setattr(claims, "run", made)
    with pytest.raises(KeyboardInterrupt):
        claims.try_claim("shuffle")
    claims.try_claim("shuffle")
    every = [(net, 1e-3, seed) for net in claim.nets for seed in range(3)]
    assert begun == every[:3] + every[2:]
    assert [
        (r["net"], r["rate"], r["seed"]) for r in results.kept("claim_shuffle")["rows"]
    ] == every
    monkeypatch.setitem(CLAIMS, "shuffle", dataclasses.replace(claim, epochs=99))
    with pytest.raises(SystemExit, match="runs with other epochs: delete it"):
        claims.try_claim("shuffle")
    monkeypatch.setitem(CLAIMS, "shuffle", dataclasses.replace(claim, decay=False))
    with pytest.raises(SystemExit, match="runs with other decay: delete it"):
        claims.try_claim("shuffle")


def test_the_lab_goes_on_with_the_run_that_was_broken_off(broken_off, tmp_path, monkeypatch):
    (begun, begin), today = broken_off, datetime.now(UTC).date()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # no lock of a real benchmark refuses

    def experiment():
        for seed in range(4):
            yield {"kind": None, "seed": seed}, lambda seed=seed: [begin(seed), {"loss": seed}][1:]

    monkeypatch.setitem(lab.EXPERIMENTS, "paths", experiment)
    with pytest.raises(KeyboardInterrupt):
        lab.main(["paths"])
    lab.main(["paths"])
    assert begun == [(0,), (1,), (2,), (2,), (3,)]
    rows = results.kept("lab_paths")["rows"]
    assert [(r["seed"], r["loss"], r["commit"]) for r in rows] == [
        (i, i, "c0ffee") for i in range(4)
    ]
    assert {date.fromisoformat(r["date"]) for r in rows} <= {today, datetime.now(UTC).date()}
    assert all(row["seconds"] >= 0 for row in rows)


@pytest.mark.parametrize("name", lab.EXPERIMENTS)
def test_every_run_of_the_lab_is_kept(name):
    """All runs are stored, so that make experiments repeats none."""
    rows, runs = (
        results.kept(f"lab_{name}")["rows"],
        [which for which, _ in lab.EXPERIMENTS[name]()],
    )
    assert all(any(which.items() <= row.items() for row in rows) for which in runs)
    assert all(any(which.items() <= row.items() for which in runs) for row in rows)


@pytest.mark.parametrize("name", ["heads", "smoothing"])
def test_a_run_keeps_the_curves_of_the_main_head(name):
    claim, r = dataclasses.replace(CLAIMS[name], epochs=2, batch=8), np.random.default_rng(0)
    data = (r.normal(size=(16, 28, 28, 1)).astype("float32"), np.arange(16) % 10) * 2
    kept = {net: claims.run(claim, net, 1e-3, 0, data) for net in claim.nets}
    for row in kept.values():
        assert {"seconds", "commit", "date"} <= {*row}
        assert len(row["loss"]) == len(row["test"]) == 2
        assert all(0 <= share <= 1 for share in [*row["accuracy"], *row["test"], row["shifted"]])
    one, other = (row["loss"] for row in kept.values())
    assert one != other  # the heads' losses and the smoothed labels reach the weights


def test_the_bake_off_kept_three_seeds_of_each_block_within_the_budget():
    rows = bake_off.rows()
    made = sorted((row["block"], row["seed"]) for row in rows)
    assert made == sorted((name, seed) for name in bake_off.BLOCKS for seed in range(3))
    for row in rows:
        with keras.StatelessScope(initialize_variables=False):
            counts = measure(bake_off.trunk(bake_off.BLOCKS[row["block"]], row["f"]))
        assert (counts.macs, counts.weights) == (row["macs"], row["weights"])
        assert counts.macs <= bake_off.BUDGET
    assert {name for pair in bake_off.EXPECTED for name in pair} <= set(bake_off.BLOCKS)


def test_the_bake_off_trains_on_any_images():
    """A run on a few images: its costs, and an accuracy that is a share."""
    r = np.random.default_rng(0)
    data = (r.random((16, 12, 12, 1), "float32"), np.arange(16) % 10) * 2
    row = bake_off.run("conv", 4, 0, data)
    assert {"seconds", "commit", "date"} <= {*row}
    assert (row["block"], row["f"], row["seed"]) == ("conv", 4, 0)
    assert row["accuracy"] * 16 == round(row["accuracy"] * 16)
    assert row["macs"] == measure(bake_off.trunk(bake_off.BLOCKS["conv"], 4, (12, 12, 1))).macs
