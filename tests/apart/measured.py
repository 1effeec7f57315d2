"""python tests/apart/measured.py: measures all that the ledger shows, and writes it: 20 minutes."""

import argparse
import gc
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # as in conftest.py
import keras

from convbook import architectures, names
from convbook.architectures.graph.calls import calls
from convbook.architectures.weights.published import APPLICATIONS
from convbook.gallery import page

ROOT = Path(__file__).parents[2]


def figures(model, facts):
    """Counts as the papers count, and the stages of the paper's table whose sizes are met in order.

    Multiply-adds are without the auxiliary heads', which inference leaves out.
    """
    measured = architectures.measure(model)
    heads = [stage.macs for name, stage in measured.stages.items() if name.startswith("aux")]
    sizes = [(1, 1, 1)[: 4 - len(x.shape)] + x.shape[1:] for c in calls(model) for x in c.outputs]
    met = []
    for stage, size in facts.get("output_sizes_hwc", ()):
        if tuple(size) in sizes:
            met.append(stage)
            sizes = sizes[sizes.index(tuple(size)) + 1 :]
    counts = {key: measured[key] for key in ("weights", "trainable", "total")}
    return counts | {"macs": measured.macs - sum(heads), "stages": met}


def bare(name, **options):
    """A network whose weights have shapes and no values yet: all that counts read, in a quarter of
    the time."""
    from private import untracked  # of tests/support, which main() adds to the path

    with keras.StatelessScope(initialize_variables=False), untracked():
        return architectures.create(name, **options)


def ours(name):
    return figures(bare(name), architectures.facts(name))


def twin(name):
    """Counts of the same network of keras.applications."""
    function, arguments, _ = APPLICATIONS[name]
    model = getattr(keras.applications, function)(**arguments, weights=None)
    return {k: v for k, v in figures(model, {}).items() if k in ("trainable", "total", "macs")}


def each(function, names):
    """{name: what function finds}, with the names on the screen as they are begun."""
    found = {}
    for name in names:
        print(name, file=sys.stderr, flush=True)
        found[name] = function(name)
        keras.backend.clear_session()
        gc.collect()
    return found


def keep(sections):
    """Writes ledger.json, a line for each network."""
    lines = [
        f"{json.dumps(title)}: {{\n"
        + ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in rows.items())
        for title, rows in sections.items()
    ]
    text = "{\n" + "\n},\n".join(lines) + "\n}\n}\n"
    (ROOT / "gallery" / "ledger.json").write_text(text, encoding="utf-8")


def keep_int8(sections):
    """Measures the networks in 8 bits that sections lack, and keeps each at once."""
    import int8_agreement

    rows = sections.setdefault("int8", {})
    for name in int8_agreement.NAMES:
        if name not in rows:
            rows |= each(int8_agreement.agreement, [name])
            keep(sections)


def all_counts():
    """All sections but that of 8 bits."""
    from test_weights import FILES, golden_error, published_name

    errors = each(golden_error, FILES)
    return {
        "versions": {"keras": keras.__version__},
        "ours": each(ours, architectures.names(aliases=False)),
        "aliases": architectures.catalog.ALIASES,
        "keras.applications": each(twin, APPLICATIONS),
        "golden": {published_name(f): float(f"{e:.1g}") for f, e in errors.items()},
    }


def main():
    parser = argparse.ArgumentParser("python tests/apart/measured.py", description=__doc__)
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument(
        "--page",
        action="store_true",
        help="only write docs/ledger.md, after a change of facts.json, from what was measured",
    )
    parts.add_argument(
        "--int8",
        action="store_true",
        help="measure only how networks agree in 8 bits, those that the ledger lacks, and resume",
    )
    options = parser.parse_args()
    if not options.page:
        rooms = (ROOT / "tests" / "networks", ROOT / "tests" / "support", ROOT / "tests" / "apart")
        sys.path += map(str, rooms)
        sections = names.stored_json("gallery", "ledger.json")
        if not options.int8:
            keep(sections := all_counts())
        keep_int8(sections)
        names.stored_json.cache_clear()
    (ROOT / "docs" / "ledger.md").write_text(page.ledger_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
