"""Every network of the facts table, and every variant: exact to the count and to every size."""

import keras
import pytest

import architectures
from architectures import lenet, resnet
from architectures.catalog import NETS, all_facts
from blocks.graph import calls
from blocks.nasnet import (
    AMOEBANET_A_NORMAL,
    AMOEBANET_A_REDUCTION,
    NASNET_A_NORMAL,
    NASNET_A_REDUCTION,
)

# Readings that the counts refute; they are recomputed below from other tables.
REFUTED = {
    "first_keras_release",
    "paper_table1_literal",
    "concat_5_states",
    "darts_transcription",
    "concat_3_states",
    "normal_concat_3",
    "reduction_concat_3",
}
HUGE = {"amoebanet_a_6_448", "preresnet1001_cifar", "stochastic_depth_resnet1202_cifar"}
# test_architectures.py holds these to their stages by name.
ELSEWHERE = {*lenet.NETS, *resnet.NETS}


def rows():
    for name in NETS:
        facts = architectures.facts(name)
        for variant in [None, *facts.get("variants", {})] if facts else []:
            if name not in ELSEWHERE and variant not in REFUTED:
                marks = [pytest.mark.slow] if name in HUGE else []
                yield pytest.param(name, variant, marks=marks, id=f"{name}-{variant}")


def inference(measured, key):
    """A figure without the auxiliary heads', which inference leaves out."""
    heads = [stage for name, stage in measured.stages.items() if name.startswith("aux")]
    return measured[key] - sum(head[key] for head in heads)


@pytest.mark.parametrize(("name", "variant"), [*rows()])
def test_counts_and_sizes_are_the_papers(name, variant):
    """Weights, trainable, total, multiply-adds; every size of the table, in the table's order."""
    facts = architectures.facts(name)
    facts = facts | facts["variants"][variant] if variant else facts
    model = architectures.create(name, variant=variant)
    measured, computed = architectures.measure(model), facts["computed"]
    for key, theirs in dict(
        weights="weights", trainable="trainable", total="total_keras_style"
    ).items():
        assert measured[key] == computed[theirs], key
    assert inference(measured, "macs") == computed["macs"]
    sizes = iter(
        [(1, 1, 1)[: 4 - len(x.shape)] + x.shape[1:] for c in calls(model) for x in c.outputs]
    )
    for stage, size in facts["output_sizes_hwc"]:
        assert tuple(size) in sizes, f"no {size} for {stage} behind those before it"


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


CELLS = {
    "nasnet_a_mobile": (NASNET_A_NORMAL, NASNET_A_REDUCTION),
    "amoebanet_a_6_190": (AMOEBANET_A_NORMAL, AMOEBANET_A_REDUCTION),
}


@pytest.mark.parametrize(
    ("name", "reading", "normal", "reduction"),
    [
        ("nasnet_a_mobile", "concat_5_states", (0, 1, 2, 3, 4), None),
        ("nasnet_a_mobile", "darts_transcription", (0, 1, 2, 3, 4), (2, 3, 4)),
        ("amoebanet_a_6_190", "concat_3_states", (1, 2, 4), (1, 3, 4)),
        ("amoebanet_a_6_190", "normal_concat_3", (1, 2, 4), None),
        ("amoebanet_a_6_190", "reduction_concat_3", None, (1, 3, 4)),
    ],
)
def test_refuted_readings_give_the_counts_said_of_them(name, reading, normal, reduction):
    """The public body with other states concatenated: counted, and not the published net."""
    net, facts = NETS[name], architectures.facts(name)
    (rows_n, used_n), (rows_r, used_r) = CELLS[name]
    cells = (rows_n, normal or used_n), (rows_r, reduction or used_r)
    i = keras.Input(net.shape)
    x = net.body(i, cells, *net.table[1:], **net.options)
    model = keras.Model(i, net.head(x, net.classes))
    measured = architectures.measure(model)
    computed = facts["variants"][reading]["computed"]
    assert (measured.trainable, measured.macs) == (computed["trainable"], computed["macs"])
    assert measured.trainable != facts["computed"]["trainable"]
