"""The GPU's benchmark: its roofline and best batch, exact on made-up numbers."""

import tempfile
from argparse import Namespace

import keras
import pytest
from keras import layers

from benchmarks.__main__ import main
from benchmarks.frame import best, chip
from benchmarks.measurements import gpu
from convbook import architectures

CHIP = chip.Chip("made up", "measured", {"tf32": 100.0, "bfloat16": 200.0}, 50.0)


def test_the_limit_is_the_longer_of_arithmetic_and_memory_in_each_layer():
    arithmetic, memory = chip.Layer(1000, 10, 5), chip.Layer(1, 100, 50)
    assert chip.least([arithmetic], CHIP, "tf32", 2, training=False) == 2 * 1000 / 100
    assert chip.least([memory], CHIP, "tf32", 2, training=False) == (100 + 50 / 2) * 4 / 50
    both = [arithmetic, memory]  # a sum, as the layers run one after the other: 20 and 10 seconds
    assert chip.least(both, CHIP, "tf32", 2, training=False) == 20 + 10
    assert chip.least(both, CHIP, "tf32", 2, training=True) == 3 * 30
    assert chip.least(both, CHIP, "bfloat16", 2, training=False) == 10 + 5


def test_each_layer_with_a_kernel_is_counted():
    i = keras.Input((8, 8, 4))
    x = layers.Conv2D(6, 3, 2, "same", groups=2)(layers.ReLU()(i))
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    found = chip.layers(keras.Model(i, layers.Dense(5)(x)))
    conv = chip.Layer(16 * 9 * 2 * 6, 8 * 8 * 4 + 4 * 4 * 6, 9 * 2 * 6)
    assert found == [conv, chip.Layer(30, 11, 30)]
    model = architectures.create("mobilenet_v2_0.35_224", (32, 32, 3))
    assert sum(layer.macs for layer in chip.layers(model)) == architectures.measure(model).macs


def test_peaks_are_found_by_the_name_of_the_device(monkeypatch):
    for name, tflops, gigabytes in (
        ("NVIDIA H200", 989.5, 4800),
        ("NVIDIA H200 NVL", 835.5, 4800),
        ("NVIDIA H100 80GB HBM3", 989.5, 3350),
        ("NVIDIA A100-SXM4-80GB", 312, 2039),
        ("NVIDIA A100-PCIE-40GB", 312, 1555),
        ("NVIDIA L4", 121, 300),
        ("NVIDIA L40S", 362, 864),
    ):
        monkeypatch.setattr(chip, "name", lambda name=name: name)
        found = chip.chip(chip.PRECISIONS, None)
        assert (found.name, found.source) == (name, "data sheet")
        assert found.flops["bfloat16"] == tflops * 1e12
        assert found.bandwidth == gigabytes * 1e9
    for name in ("NVIDIA A10G", "NVIDIA GH200 480GB", "NVIDIA L400", ""):
        monkeypatch.setattr(chip, "name", lambda name=name: name)
        monkeypatch.setattr(chip, "seconds", lambda precision, *_: 2.0 if precision else None)
        found = chip.chip(["tf32"], 10)
        assert (found.name, found.source) == (name or "CPU", "measured")
        assert (found.flops, found.bandwidth) == ({"tf32": 1000}, 400)


class Stub:
    """A net whose step takes `cost(batch)` seconds of a clock of its own."""

    def __init__(self, cost, error=None):
        self.cost, self.error, self.now, self.calls = cost, error or MemoryError(), 0.0, []
        self.pending, self.model = 0.0, None

    def at(self, batch):
        self.batch = batch

    def step(self):
        if self.batch > 100:
            raise self.error
        self.calls.append(self.batch)
        self.pending += self.cost(self.batch)

    def wait(self):
        self.now, self.pending = self.now + self.pending, 0.0


def clock(monkeypatch, *nets):
    def clocked(work):
        def side():
            start = sum(net.now for net in nets)
            work()
            return sum(net.now for net in nets) - start

        return side

    monkeypatch.setattr(best, "clocked", clocked)


def test_a_timing_is_of_1000_images_and_ends_when_the_work_is_over(monkeypatch):
    net = Stub(lambda batch: 2.0)
    clock(monkeypatch, net)
    assert best.timing(net, "step", 8, 5)() == 2.0 * 1000 / 8
    assert net.calls == [8] * 5


def test_the_list_of_batches_ends_where_memory_does(monkeypatch):
    net = Stub(lambda batch: 1 + batch / 64, MemoryError())
    clock(monkeypatch, net)
    assert best.rates(net, "step", [32, 64, 128, 16], 2) == {32: 32 / 1.5, 64: 32.0}
    assert best.rates(net, "step", [128, 64], 2) == {}
    with pytest.raises(ValueError, match="no such"):
        best.rates(Stub(float, ValueError("no such layer")), "step", [128], 2)


def test_every_backend_says_that_memory_ran_out():
    import tensorflow as tf

    assert best.is_full(tf.errors.ResourceExhaustedError(None, None, "failed to allocate"))
    assert best.is_full(RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate"))
    assert best.is_full(type("OutOfMemoryError", (RuntimeError,), {})("CUDA: no room"))
    assert best.is_full(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"))
    assert not best.is_full(tf.errors.InvalidArgumentError(None, None, "shapes differ"))
    assert not best.is_full(RuntimeError("INTERNAL: no kernel"))


def test_rows_compare_each_side_at_its_best_batch(monkeypatch):
    ours, theirs = Stub(lambda batch: 1 + batch / 64), Stub(lambda batch: 0.25 + batch**2 / 64)
    clock(monkeypatch, ours, theirs)
    monkeypatch.setattr(chip, "layers", lambda model: [chip.Layer(1000, 0, 0)])
    options = Namespace(batches="4,8,64", pairs=3, steps=2)
    known = {"precision": "tf32"}
    row = gpu.measured("x", [ours, theirs], "step", options, CHIP, known)
    assert row["batch"] == [64, 4]  # theirs: 8 images/s at 4, 6.4 at 8
    assert row["images_per_second"] == pytest.approx([32, 8])
    assert row["seconds"] == pytest.approx([1000 / 32, 1000 / 8])
    assert row["ratio"] == pytest.approx(8 / 32)
    assert row["share"] == pytest.approx([60 * 32, 60 * 8])  # 3 * 2 * 1000 / 100 seconds an image
    assert row["tried"][0] == pytest.approx({4: 4 / (1 + 1 / 16), 8: 8 / 1.125, 64: 32})
    assert (row["target"], row["met"], row["against"]) == (1.0, True, "timm")
    alone = gpu.measured("x", [ours], "step", options, CHIP, known)
    assert (alone["seconds"], alone["batch"]) == (1000 / 32, [64])
    assert "ratio" not in alone
    options.batches = "128"
    why = gpu.measured("x", [ours, theirs], "step", options, CHIP, known)["skipped"]
    assert why == "no batch of 128 fits into memory"


def test_options_are_refused_before_time_is_spent():
    names = {name: full for name, (full, _, _) in gpu.OPTIONS.items()}
    for bad in ({"nets": "resnet5"}, {"precisions": "fp8"}, {"jit_compile": "yes"}):
        with pytest.raises(ValueError, match="there is no such"):
            next(gpu.run(Namespace(**names | bad, quick=True)))


def test_without_a_gpu_it_is_skipped_and_what_a_gpu_gave_stays(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(chip, "name", lambda: "")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # no lock of a real run refuses
    path = tmp_path / "gpu.json"
    path.write_text("of a GPU")
    assert main(["gpu", "--out", str(path)]) == 0
    assert "skipped: tensorflow sees no GPU; --quick is for CPUs" in capsys.readouterr().out
    assert path.read_text() == "of a GPU"
