"""Every network of the facts table, and every variant: exact to the count and to every size."""

import pytest
from measured import bare, figures

from convbook import architectures
from convbook.architectures import lenet, resnet
from convbook.architectures.catalog import NETS, all_facts
from convbook.gallery.ledger import stored_ledger

# Readings that the counts refute; test_errata.py recomputes them from other tables.
REFUTED = {
    "first_keras_release",
    "paper_table1_literal",
    "concat_5_states",
    "darts_transcription",
    "concat_3_states",
    "normal_concat_3",
    "reduction_concat_3",
}
# test_architectures.py holds these to their stages by name.
ELSEWHERE = {*lenet.NETS, *resnet.NETS}


def rows():
    for name in NETS:
        facts = architectures.facts(name)
        for variant in [None, *facts.get("variants", {})] if facts else []:
            if name not in ELSEWHERE and variant not in REFUTED:
                yield pytest.param(name, variant, id=f"{name}-{variant}")


@pytest.mark.parametrize(("name", "variant"), [*rows()])
def test_counts_and_sizes_are_the_papers(name, variant):
    """Weights, trainable, total, multiply-adds; every size of the table, in the table's order.

    The ledger keeps them too.
    """
    facts = architectures.facts(name)
    facts = facts | facts["variants"][variant] if variant else facts
    found, computed = figures(bare(name, variant=variant), facts), facts["computed"]
    for key in ("weights", "trainable", "total", "macs"):
        assert found[key] == computed["total_keras_style" if key == "total" else key], key
    assert found["stages"] == [stage for stage, _ in facts["output_sizes_hwc"]]
    assert variant or found == stored_ledger()["ours"][name]


def test_every_network_of_the_table_can_be_built():
    listed = set(architectures.names(aliases=False))
    table = set(all_facts()) - {"_meta"}
    assert table <= listed
    assert {n for n in listed - table if not n.startswith("plain")} == {
        "densenet232_k48",
        "preresnet18",
        "preresnet34",
        "resnext29_32x4d_cifar",
    }
