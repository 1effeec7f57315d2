"""The benchmarks: statistics exact on made-up times, every one runs, unlike sides are refused."""

import json
import math
from argparse import Namespace
from itertools import count

import keras
import numpy as np
import pytest
from keras import layers

from benchmarks import page, sides
from benchmarks.__main__ import NAMES, listing, main, parsed
from benchmarks.frame import kept, pairs
from benchmarks.measurements import build, dense, deploy, scaling
from benchmarks.sides import nets
from convbook.training.export import fastest

ALWAYS = {"benchmark", "command", "date", "cores", "versions", "options", "seconds", "rows"}


def test_the_ratio_is_that_of_the_medians():
    times = [(1.0, 2.0), (9.0, 4.0), (3.0, 6.0)]
    assert pairs.ratio(times) == 3 / 4  # the median of the three ratios would be 1/2
    assert pairs.ratio([(2, 1), (4, 1)]) == 3


def test_the_interval_is_of_pairs_drawn_again():
    assert pairs.interval(range(101)) == (5, 95)
    steady = [(float(i), 2.0 * i) for i in range(1, 12)]  # each pair says 1/2, at its own speed
    low, high = pairs.interval(pairs.drawn(steady))
    assert (low, high) == (0.5, 0.5)  # sides drawn apart would give an interval of some width
    rng = np.random.default_rng(1)
    noisy = [(0.8 * a, b) for a, b in rng.normal(1, 0.1, (11, 2))]
    low, high = pairs.interval(pairs.drawn(noisy))
    assert 0.6 < low < pairs.ratio(noisy) < high < 1
    assert pairs.interval(pairs.drawn(noisy)) == (low, high)
    low, high = pairs.interval(pairs.drawn([*[(1.0, 2.0)] * 10, (100.0, 1.0)]))
    assert (low, high) == (0.5, 0.5)  # one bad pair of eleven
    few = pairs.drawn([(1.0, 1.0), (3.0, 1.0)])
    assert sorted(set(few)) == [1, 2, 3]
    assert abs(np.mean(few == 2) - 0.5) < 0.05


def test_pairs_are_interleaved_and_the_first_of_each_side_is_not_counted():
    ran = []

    def side(name, seconds):
        return lambda: (ran.append(name), next(seconds))[1]

    ours, theirs = side("a", count(0.0)), side("b", count(10.0))
    row = pairs.compare("x", ours, theirs, 3, "y", 0.2, macs=7)
    assert "".join(ran) == "ab" + "ab" + "ba" + "ab"
    assert row["times"] == [(1, 11), (2, 12), (3, 13)]
    assert (row["ratio"], row["seconds"], row["pairs"], row["macs"]) == (2 / 12, [2, 12], 3, 7)


def test_a_side_is_clocked_for_each_of_its_times():
    ran, clock = [], iter([5.0, 11.0])
    side = pairs.clocked(lambda: ran.append(1), lambda: next(clock), times=3)
    assert (side(), len(ran)) == (2.0, 3)


def test_a_target_is_met_when_the_interval_touches_it():
    for target, met in ((0.9, True), (1.0, True), (0.89, False)):
        row = pairs.judged({"interval": (0.9, 1.1)}, target)
        assert (row["target"], row["met"]) == (target, met)
    assert "met" not in pairs.judged({"interval": (0.9, 1.1)}, None)


def test_rows_together_are_the_median_of_their_ratios():
    each = [pairs.compared(str(r), [(r, 1.0)] * 3, "y") for r in (0.5, 0.7, 3.0)]
    row = pairs.together("all", each, "y", 0.6)
    assert (row["ratio"], row["interval"], row["rows"]) == (0.7, (0.7, 0.7), 3)
    assert not row["met"]
    alone = pairs.alone("x", [3.0, 1.0, 2.0], 2.5)
    assert (alone["seconds"], alone["interval"], alone["met"]) == (2, (1, 3), True)


def test_lines_say_what_rows_say():
    row = pairs.compared("resnet50", [(0.5, 2.0)] * 3, "timm", 0.2, note="a word")
    line = " ".join(pairs.printed_row(row).split())
    assert (
        line == "resnet50 500.0 ms 2.00 s 0.250 (0.250 to 0.250) of timm MISSED: at most 0.2 a word"
    )
    line = " ".join(pairs.printed_row(pairs.alone("import", [0.02], 0.05)).split())
    assert line == "import 20.0 ms (20.0 ms to 20.0 ms) met: at most 0.05"
    assert pairs.printed_row(pairs.skipped("timm", "not there")).endswith("skipped: not there")


def test_rounds_run_all_sides_forth_and_back(monkeypatch):
    """Each runs once untimed; then quick ones run more often in a round, in changing order."""
    ran, now = [], [0.0]
    monkeypatch.setattr(deploy.time, "perf_counter", lambda: now[0])

    def side(name, seconds):
        def work():
            ran.append(name)
            now[0] += seconds

        return work

    times = deploy.rounds({"a": side("a", 0.01), "b": side("b", 0.5)}, 3)
    assert times == {"a": [pytest.approx(0.01)] * 3, "b": [pytest.approx(0.5)] * 3}
    assert "".join(ran) == "ab" + "ab" + "bbaaa" + "aaab" + "baaa"


def test_the_fastest_runtime_is_set_beside_its_peers():
    times = {"TensorFlow": [0.2, 0.2], "LiteRT": [0.1, 0.1], "LiteRT int8": [0.01, 0.01]}
    times |= {"TensorFlow, variables": [0.05, 0.05], "keras.applications": [0.4, 0.4]}
    times["matrix product"] = [0.02, 0.02]
    known = {"macs": 500_000, "batch": 2, "size": 9, "bound": True, "differences": {}}
    known["macs of keras.applications"] = 250_000
    every, beside, product = deploy.judged("a net, batch 2", times, 100, known)
    assert every["gflops"]["LiteRT"] == pytest.approx(2 * 500_000 * 2 / 0.1 / 1e9)
    assert every["gflops"]["matrix product"] == pytest.approx(2 * 100**3 / 0.02 / 1e9)
    assert (beside["what"], beside["ratio"], beside["target"]) == (
        "a net, batch 2: LiteRT",
        0.25,
        1,
    )
    assert beside["note"] == "theirs has 0.50 of the multiply-adds"
    assert (product["ratio"], product["met"]) == (pytest.approx(0.1 / 0.02), False)
    table = page.wide_table([every, {"what": "b", "columns": {"LiteRT": "1 s"}}])
    assert table[1].startswith("| what | TensorFlow | LiteRT | LiteRT int8 |")
    assert table[3].startswith("| a net, batch 2 | 200.0 ms | 100.0 ms | 10.0 ms |")
    assert table[4].startswith("| b |  | 1 s |  |")
    found = deploy.fastest({"cores": 2, "date": "2026-01-02T03:04:05", "rows": [every, beside]})
    of_net = {"2": {"TensorFlow": 0.2, "LiteRT": 0.1, "LiteRT int8": 0.01}}
    assert found == {"cores": 2, "date": "2026-01-02", "nets": {"a net": of_net}}


def test_an_interrupted_comparison_of_runtimes_goes_on(tmp_path):
    options = parsed(deploy, ["deploy", "--quick"])
    done = deploy.Done(tmp_path / "files" / "rows.json", options)
    done.add("a net", [{"what": "a net", "seconds": 1 / 3}])
    again = deploy.Done(done.path, options)
    assert again.rows == {"a net": [{"what": "a net", "seconds": 0.333333}]}
    options.pairs += 1
    assert deploy.Done(done.path, options).rows == {}


def test_export_recommends_what_was_measured():
    results = json.loads((kept.RESULTS / "deploy.json").read_text(encoding="utf-8"))
    found = json.loads(deploy.FASTEST.read_text(encoding="utf-8"))
    assert found == deploy.fastest(results), "benchmarks.deploy.write(results)"
    assert {*found["nets"]} == {*deploy.NETS}
    for batches in found["nets"].values():
        assert all({*fastest.FORMATS} <= {*times} for times in batches.values())


def net(k=3, padding="same", f=4, seed=0):
    keras.utils.set_random_seed(seed)
    i = keras.Input((9, 9, 3))
    x = layers.Conv2D(f, k, 2, padding)(i if padding == "same" else layers.ZeroPadding2D(1)(i))
    return sides.KerasNet(keras.Model(i, layers.Dense(5)(layers.Flatten()(x))), 2)


def test_sides_that_differ_are_refused():
    ours = net()
    known = sides.same(ours, net())
    assert known["macs"] == 25 * 27 * 4 + 100 * 5
    assert known["difference"] < 1e-6
    with pytest.raises(pairs.Differs, match=r"3200 multiply-adds are not [0-9]+: not the same"):
        sides.same(ours, net(k=1))
    with pytest.raises(pairs.Differs, match=r"answers differ by .*, more than 1e-04"):
        sides.same(ours, net(seed=1))  # the same multiply-adds, other weights
    bad = net()
    bad.model.set_weights([np.full_like(w, np.nan) for w in bad.model.get_weights()])
    with pytest.raises(pairs.Differs, match="nan"):
        sides.same(bad, bad)


def test_each_benchmark_that_checks_for_itself_refuses_too(monkeypatch):
    with pytest.raises(pairs.Differs, match=r"losses of 1\.0 and 1\.01"):
        scaling.agreement(1.0, 1.01)
    with pytest.raises(pairs.Differs, match="losses"):
        scaling.agreement(1.0, math.nan)
    name = "mobilenet_v1_0.25_224"
    monkeypatch.setattr(nets, "twin", lambda name, size: nets.ours(name, 2 * size))
    with pytest.raises(pairs.Differs, match=f"{name}: .* not the same network"):
        build.counts(name, 32)
    monkeypatch.setattr(dense, "head_slid", lambda *_: np.ones(3))
    run = dense.run(Namespace(nets="toy", side=2, pairs=1))
    with pytest.raises(pairs.Differs, match="answers differ"):
        next(run)


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_runs(name, tmp_path, capsys):
    path = tmp_path / f"{name}.json"
    assert main([name, "--quick", "--out", str(path)]) == 0
    found = json.loads(path.read_text(), parse_constant=lambda text: pytest.fail(text))
    assert found.keys() >= ALWAYS
    assert found["benchmark"] == name
    assert found["command"] == f"python -m benchmarks {name} --quick --out {path}"
    assert found["versions"]["keras"] == keras.__version__
    compared = [row for row in found["rows"] if "ratio" in row or "seconds" in row]
    assert compared
    printed = capsys.readouterr().out
    for row in found["rows"]:
        assert row["what"] in printed
        assert row.keys() & {"skipped", "note", "seconds", "ratio"}
        well_formed(row)
    assert (tmp_path / "scaling.png").exists() == (name == "scaling")


def well_formed(row):
    """What the times of a row say is what stands in it."""
    if "target" in row:
        assert row["met"] == (row["interval"][0] <= row["target"])
    if "interval" in row and "ratio" in row:
        low, high = row["interval"]
        assert 0 < low <= row["ratio"] <= high
    if "times" in row and "ratio" in row:
        assert len(row["times"]) == row["pairs"]
        assert row["ratio"] == pytest.approx(pairs.ratio(row["times"]), rel=1e-4)
    if "times" in row:
        assert (np.array(row["times"]) > 0).all()


def test_the_last_run_is_kept_and_no_quick_one_unless_told(tmp_path):
    path = tmp_path / "of" / "x.json"
    for i in (3, 1, 2):
        kept.write(path, {"i": i, "load": None}, [{"what": "a", "times": [(1 / 3, 2)]}, {"b": i}])
    found = json.loads(path.read_text())
    assert found["i"] == 2
    assert found["rows"] == [{"what": "a", "times": [[0.333333, 2]]}, {"b": 2}]
    assert parsed(nets, ["training", "--quick"]).out is None
    assert parsed(nets, ["training", "--quick"]).size == nets.OPTIONS["size"][1]
    full = parsed(nets, ["training", "--batch", "3"])
    assert (full.out, full.batch) == (kept.RESULTS / "training.json", 3)
    assert full.pairs >= 11


def test_the_command_lists_and_refuses(capsys):
    assert main([]) == 0
    assert capsys.readouterr().out == listing() + "\n"
    assert all(f"  {name} " in listing() for name in NAMES)
    assert max(map(len, listing().splitlines())) <= 100
    assert main(["speed"]) == 2
    assert "speed: there is no such benchmark; there are build" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["depth", "--pairs", "0"])
    assert "--pairs 0: must be at least 1" in capsys.readouterr().err
    with pytest.raises(ValueError, match="'resnet5': there is no such net here; there are vgg_D"):
        nets.twins("resnet5")


def test_all_nets_are_those_with_twins_of_their_own():
    found = nets.twins("all")
    assert len(found) == len(nets.APPLICATIONS) - 3  # MobileNet at 192, 160 and 128 pixels
    assert {"resnet50", "mobilenet_v1_1.0_224", "nasnet_a_large"} <= {*found}


def test_layers_that_scale_pixels_are_no_part_of_a_twin():
    def model(*scaling):
        i = x = keras.Input((9, 9, 3))
        for layer in scaling:
            x = layer(x)
        return keras.Model(i, layers.Conv2D(4, 3, 2, kernel_initializer="ones")(x))

    scales = (layers.Rescaling(1 / 255), layers.Normalization(mean=(1, 2, 3), variance=(4, 5, 6)))
    plain, whole, (x, _) = model(), model(*scales), sides.images(2, 9)
    assert nets.unscaled(plain) is plain
    np.testing.assert_allclose(nets.unscaled(whole)(x), plain(x), rtol=1e-6)
    assert np.abs(whole(x) - plain(x)).max() > 0.1


def test_pytorch_sides_count_and_answer_as_ours_do():
    torch = pytest.importorskip("torch")
    ours = net(padding="valid")
    conv, logits = ours.model.layers[2], ours.model.layers[-1]

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 4, 3, 2, 1)
            self.logits = torch.nn.Linear(100, 5)

        def forward(self, x):
            return self.logits(self.conv(x).permute(0, 2, 3, 1).flatten(1))

    theirs = sides.TorchNet(Module(), 9, 2)
    with torch.no_grad():
        kernel, bias = conv.get_weights()
        theirs.module.conv.weight[:] = torch.tensor(kernel.transpose(3, 2, 0, 1))
        theirs.module.conv.bias[:] = torch.tensor(bias)
        kernel, bias = logits.get_weights()
        theirs.module.logits.weight[:] = torch.tensor(kernel.T)
        theirs.module.logits.bias[:] = torch.tensor(bias)
    assert sides.same(ours, theirs)["macs"] == ours.macs
    before = theirs.state["conv.weight"].copy()
    ours.step()
    theirs.step()
    assert (theirs.state["conv.weight"] != before).any()
    sides.same(ours, theirs, 1e-6)  # one step of the same optimiser on the same images


def test_the_page_is_of_the_results():
    assert page.PAGE.read_text(encoding="utf-8") == page.benchmarks_page(), (
        "benchmarks.page.write()"
    )


def test_the_readme_quotes_what_was_kept():
    def rows(name):
        return json.loads((kept.RESULTS / f"{name}.json").read_text(encoding="utf-8"))["rows"]

    def median(name):
        known = (r for r in rows(name) if r.get("against") == "keras.applications")
        return next(row for row in known if row["what"].startswith("median of"))

    def less(ratio):
        return f"{100 * (1 - ratio):.0f}"

    readme = " ".join((page.ROOT / "README.md").read_text(encoding="utf-8").split())
    row = median("training")
    quoted = f"{less(row['ratio'])} % less time than in the same network of keras.applications"
    assert f"{quoted} ({row['what']} nets" in readme
    row = median("build")
    quoted = f"{less(row['ratio'])} % less time than by keras.applications ({row['what']})"
    assert f"A network is built in {quoted}" in readme
    row, torch = median("fold"), [r["ratio"] for r in rows("fold") if r["against"] == "timm"]
    quoted = f"{less(row['ratio'])} % less time than keras.applications ({row['what']} nets on a"
    more = f"{less(max(torch))} to {less(min(torch))} % less time than timm under PyTorch"
    assert f"in {quoted} CPU), and in {more} ({len(torch)} nets)" in readme


def test_the_page_shows_each_row_that_was_measured(tmp_path):
    run = {"benchmark": "training", "command": "a command", "date": "2026-01-02T03:04:05"}
    run |= {"cores": 2, "load": [0.5, 1.25], "versions": {"keras": "3"}}
    row = pairs.compared("resnet50", [(0.5, 2.0)] * 3 + [(0.5, 1.0)], "timm", 0.2, note="a word")
    rows = [
        row,
        pairs.alone("x", [3.0, 1.0, 2.0]),
        pairs.alone("z", [2.0], 1.0),
        pairs.skipped("y", "no timm"),
    ]
    kept.write(tmp_path / "training.json", run, [*rows, {"what": "picture", "note": "a.png"}])
    text = page.benchmarks_page(tmp_path)
    low, high = row["interval"]
    first = f"| resnet50 | 500.0 ms | 2.00 s | 0.250 ({low:.3f} to {high:.3f}) | timm | missed: 0.2"
    assert f"{first} | a word, 4 pairs only |\n| x | 2.00 s |" in text
    assert "](../benchmarks/results/a.png)" in text
    missed = "resnet50: 0.250 of timm, not 0.2; z: 2.00 s, not 1"
    assert f"| [training](#training) | 0 of 2 | {missed} |" in text
    assert "no timm" not in text
    assert "2026-01-02, 2 cores, load 0.5 and 1.2 before and after; keras 3." in text
