"""python -m convbook.beside.claims [NAME ...]: claims of the papers, tried on Fashion-MNIST.

The networks of a claim differ only in what the claim is about.  They train on the first 5,000
training images and are tested on all 10,000 test images, with three seeds.  results/claim_NAME.json
keeps every run with its time, commit and date.  A kept run is not repeated: delete the file to
repeat all.  Experiments run beside each other, but beside no benchmark.
"""

import argparse
import time
from itertools import product

import keras
import numpy as np
from matplotlib import pyplot as plt
from scipy.stats import t

from convbook.architectures import measure
from convbook.beside import Markdown, figure, grid, results
from convbook.beside.compared import CLAIMS, EXPECTED
from convbook.undisturbed import undisturbed

__all__ = ["CLAIMS", "EXPECTED", "curves", "gains", "sentence", "shown", "verdict"]
SEEDS = (0, 1, 2)
SHIFT = 3  # pixels by which the test images are shifted


def loss(smoothing):
    """Cross-entropy of logits and integer labels."""
    if not smoothing:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    return lambda y, logits: smooth(keras.ops.one_hot(keras.ops.reshape(y, (-1,)), 10), logits)


def schedule(claim, rate, images):
    """The learning rate, or its decay over all steps of a run."""
    steps = claim.epochs * -(-images // claim.batch)
    return keras.optimizers.schedules.CosineDecay(rate, steps) if claim.decay else rate


def run(claim, net, rate, seed, data):
    """Trains one network: its curves, its number of weights and its multiply-adds.

    If a network has auxiliary heads, the loss of each has the weight 0.3, and the curves are those
    of the main head.
    """
    x, y, test_x, test_y = data
    keras.utils.set_random_seed(seed)
    i = keras.Input(x.shape[1:])
    outputs = claim.nets[net](i)
    main, *aux = outputs if isinstance(outputs, list) else [outputs]
    heads = {"main": main} | {f"aux{j}": head for j, head in enumerate(aux)}
    model = keras.Model(i, heads)
    counts, start = measure(keras.Model(i, main)), time.perf_counter()
    model.compile(
        claim.optimizer(schedule(claim, rate, len(x))),
        {head: loss(claim.smoothing.get(net, 0.0)) for head in heads},
        loss_weights={head: 1.0 if head == "main" else 0.3 for head in heads},
        metrics={"main": [keras.metrics.SparseCategoricalAccuracy("accuracy")]},
    )
    labels, test_labels = (dict.fromkeys(heads, of) for of in (y, test_y))
    given = dict(batch_size=claim.batch, epochs=claim.epochs, verbose=0)
    history = model.fit(x, labels, validation_data=(test_x, test_labels), **given).history
    names = {"loss": "main_loss", "accuracy": "main_accuracy", "test": "val_main_accuracy"}
    if not aux:
        names = {key: name.replace("main_", "") for key, name in names.items()}
    kept = {key: history[name] for key, name in names.items()}
    curves = {key: [round(float(v), 4) for v in values] for key, values in kept.items()}
    cost = {"weights": counts.weights, "macs": counts.macs}
    cost["seconds"] = round(time.perf_counter() - start)
    moved = model.predict(np.roll(test_x, SHIFT, axis=2), verbose=0)["main"].argmax(axis=-1)
    shifted = {"shifted": round(float(np.mean(moved == test_y)), 4)}
    return {"net": net, "rate": rate, "seed": seed, **cost, **curves, **shifted,
            **results.made()}  # fmt: skip


def prepared(claim):
    """The data of a claim, minus the mean training image, scaled."""
    x, y, test_x, test_y = claim.data()
    mean = x.mean(axis=0)
    return claim.scale * (x - mean), y, claim.scale * (test_x - mean), test_y


def try_claim(name):
    """Makes the runs of a claim that are not kept yet, and saves each as soon as it ends."""
    claim = CLAIMS[name]
    data = prepared(claim)
    settings = {"images": len(data[0]), "epochs": claim.epochs, "batch": claim.batch}
    settings["decay"] = claim.decay
    kept = results.kept(f"claim_{name}") or {**settings, "rows": []}
    if changed := [key for key in settings if kept[key] != settings[key]]:
        raise SystemExit(
            f"claim_{name}.json holds runs with other {', '.join(changed)}: delete it to run anew"
        )
    rows = kept["rows"]
    for net, rate, seed in product(claim.nets, claim.rates, SEEDS):
        if not any((r["net"], r["rate"], r["seed"]) == (net, rate, seed) for r in rows):
            rows.append(run(claim, net, rate, seed, data))
            print(name, rows[-1], flush=True)
            results.keep(f"claim_{name}", rows, **settings)


def runs(name):
    """{net: its runs, one per seed, at the rate with the lowest mean final training loss}."""
    rows, best = results.kept(f"claim_{name}")["rows"], {}
    for net in CLAIMS[name].nets:
        of = {rate: [r for r in rows if (r["net"], r["rate"]) == (net, rate)]
              for rate in CLAIMS[name].rates}  # fmt: skip
        best[net] = min(of.values(), key=lambda seeds: np.mean([r["loss"][-1] for r in seeds]))
    return best


def epochs_until(reached):
    """The first epoch after which reached is true; if there is none, one more than all epochs."""
    return next((i for i, ok in enumerate(reached, 1) if ok), len(reached) + 1)


def to_a_quarter(run):
    return epochs_until([accuracy >= 0.75 for accuracy in run["accuracy"]])


def within_half(run, other):
    """By how many epochs a run reaches the other's final accuracy before the middle of the run.

    The middle of epochs 1 to 8 is 4.5, so that this is above 0 for at most half of the epochs.
    """
    return len(run["test"]) / 2 + 0.5 - epochs_until([a >= other["test"][-1] for a in run["test"]])


def lost(run):
    """The test accuracy, in points, that a run loses if the test images are shifted."""
    return 100 * (run["test"][-1] - run["shifted"])


def less(value):
    return lambda run, other: value(run) - value(other)


GAINS = {  # of a run over another of the same seed: a sentence, its word for > 0 and < 0, the value
    "loss": (
        "the training loss of {more} ends {by} {way} that of {less}",
        ("above", "below"),
        less(lambda run: run["loss"][-1]),
    ),
    "test": (
        "the test accuracy of {more} ends {by} points {way} that of {less}",
        ("above", "below"),
        less(lambda run: 100 * run["test"][-1]),
    ),
    "to_a_quarter": (
        "{more} reaches 25 % training error {by} epochs {way} {less}",
        ("after", "before"),
        less(to_a_quarter),
    ),
    "within_half": (
        "{more} reaches the final test accuracy of {less} {by} epochs {way} the middle of its run",
        ("before", "after"),
        within_half,
    ),
    "lost": (
        f"a shift of {SHIFT} pixels costs {{more}} {{by}} points {{way}} than {{less}}",
        ("more", "less"),
        less(lost),
    ),
}


def interval(values):
    """(mean, half the width of its 95 % interval) over the seeds, by Student's t."""
    n = len(values)
    half = t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return float(np.mean(values)), float(half)


def gains(name):
    """For each check of a claim (more, less, what, mean gain, half of its 95 % interval)."""
    best = runs(name)
    for what, more, less in CLAIMS[name].checks:
        gain = GAINS[what][-1]
        pairs = zip(best[more], best[less], strict=True)
        yield more, less, what, *interval([gain(*pair) for pair in pairs])


def verdict(mean, half):
    """What to call a gain that was expected to be above 0."""
    if mean - half > 0:
        return "as expected"
    return "reversed" if mean + half < 0 else "not significant"


def sentence(name):
    """The result of a claim, in the words with which its notebook begins."""
    said = []
    for more, less, what, mean, half in gains(name):
        words, ways, _ = GAINS[what]
        by, way = f"{abs(mean):.2f} ± {half:.2f}", ways[mean < 0]
        said.append(
            f"{words.format(more=more, less=less, by=by, way=way)} (**{verdict(mean, half)}**)"
        )
    return "; ".join(said)


def shown(name):
    """A table of a claim's networks, their cost and their final values; then the sentence."""
    rows = []
    for net, seeds in runs(name).items():
        test, train = (interval([r[key][-1] for r in seeds]) for key in ("test", "loss"))
        said = f"{100 * test[0]:.1f} ± {100 * test[1]:.1f}", f"{train[0]:.3f} ± {train[1]:.3f}"
        cost = seeds[0]["weights"], seeds[0]["macs"]
        rows.append([net, f"{seeds[0]['rate']:g}", *cost, *said])
    head = [
        "network",
        "learning rate",
        "weights",
        "multiply-adds",
        "test accuracy, %",
        "training loss",
    ]
    said = f"Expected: {EXPECTED[name]}.\n\nSeen: {sentence(name)}."
    return Markdown(f"{grid(head, rows)}\n\n{said}")


def curves(name, of="loss"):
    """The figure of a claim: for each network the mean of its seeds, in a band of their range."""
    labels = {"loss": "training loss", "test": "test accuracy", "accuracy": "training accuracy"}
    label, (times, unit) = labels[of], (1, "") if of == "loss" else (100, " %")
    fig, ax = plt.subplots()
    for net, seeds in runs(name).items():
        values = times * np.array([r[of] for r in seeds])
        epochs = np.arange(1, values.shape[1] + 1)
        ax.plot(epochs, values.mean(axis=0), label=net)
        ax.fill_between(epochs, values.min(axis=0), values.max(axis=0), alpha=0.2)
    ax.set(xlabel="epoch", ylabel=f"{label},{unit}" if unit else label)
    ax.legend()
    ends = ", ".join(
        f"{n} {times * np.mean([r[of][-1] for r in s]):.3g}{unit}" for n, s in runs(name).items()
    )
    return figure(fig, f"The {label} by epoch, mean and range of three seeds; final means: {ends}")


def main(argv=None):
    parser = argparse.ArgumentParser("python -m convbook.beside.claims", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *CLAIMS], metavar="NAME")
    names = parser.parse_args(argv).names
    with undisturbed(" ".join(["python -m convbook.beside.claims", *names]), alone=False):
        for name in names or CLAIMS:
            try_claim(name)


if __name__ == "__main__":
    main()
