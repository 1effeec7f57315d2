"""A folder of images is read correctly, or an error names the problem before training."""

import io
import json
import os
import shutil
from pathlib import Path

import files
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps
from sklearn.metrics import balanced_accuracy_score

from convbook.__main__ import main
from convbook.training import data
from convbook.training.commands import parse
from convbook.training.data import check, image_facts, records
from convbook.training.data.augment import crop
from convbook.training.data.content import contents
from convbook.training.data.part_names import part_of
from convbook.training.data.summary import PARTS, class_counts, describe, remarks
from convbook.training.evaluation import scores
from convbook.training.fit.inputs import class_weights, training_data
from convbook.training.fit.job import prepare
from convbook.training.fit.tested import BalancedAccuracy

TWO = {"cat": 8, "dog": 9}

RESTORE = "the check of the data could still read it: restore it, then run the command again"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The results of the check are stored in a folder of this test."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def photos(tmp_path):
    return files.folder(tmp_path / "photos", TWO)


def load(root, **options):
    return data.load_data(f"folder:{root}", 16, 3, **options)


def paths(images):
    return [path for part in images[:3] for path in part.paths]


def refused(root, *words, **options):
    with pytest.raises(ValueError, match=f"--data 'folder:{root}': ") as stop:
        load(root, **options)
    for each in words:
        assert each in str(stop.value)


def whole(part, i):
    return part.window(i, lambda h, w: (0, 0, h, w)).numpy()


def test_copies_that_programs_leave_are_in_no_part(photos):
    before = paths(load(photos))
    for hidden in ("cat/.ipynb_checkpoints", "cat/deep/@eaDir", "dog/.thumbnails"):
        (photos / hidden).mkdir(parents=True)
        shutil.copy(photos / "cat" / "0.jpg", photos / hidden / "0.jpg")
    (photos / "dog" / "loop").symlink_to(photos)
    (photos / "labels.csv").write_text("cat,0")
    images = load(photos)
    assert paths(images) == before
    passport = data.passport(images)
    said = {os.path.relpath(path, photos): why for path, why in passport["left_out"]}
    assert said == {
        "cat/.ipynb_checkpoints": "a hidden folder",
        "cat/deep/@eaDir": "a system's folder",
        "dog/.thumbnails": "a hidden folder",
        "dog/loop": f"a link to {photos}, a folder above it",
        "labels.csv": "lies beside the class folders, in none of them",
    }
    assert any(line.startswith("left out: 5, ") for line in describe(passport))


def test_what_is_no_file_is_named_and_not_waited_for(photos):
    os.mkfifo(photos / "cat" / "pipe.jpg")
    (photos / "cat" / "zero.jpg").symlink_to("/dev/zero")
    refused(photos, "cat/pipe.jpg: a pipe", "cat/zero.jpg: a device, not a regular file")
    assert len(load(photos, skip_broken=True).skipped) == 2


def test_a_class_may_be_a_link(photos, tmp_path):
    files.folder(tmp_path / "elsewhere", {"elks": 8}, seed=50)
    (photos / "elk").symlink_to(tmp_path / "elsewhere" / "elks")
    images = load(photos)
    assert images.names == ["cat", "dog", "elk"]
    (photos / "elk again").symlink_to(tmp_path / "elsewhere" / "elks")
    refused(photos, f"{photos}/elk again: a class without usable images")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(10))
def test_images_stand_upright(orientation, kind, tmp_path):
    """Images are turned as Pillow turns them, whole or in windows; 0 and 9 are no orientations."""
    tag, out = Image.Exif(), io.BytesIO()
    tag[0x0112] = orientation
    Image.fromarray(files.picture(3, 16, 24)).save(out, kind, exif=tag, quality=95)
    (tmp_path / "x").write_bytes(out.getvalue())
    part, *_ = check.checked([str(tmp_path / "x")], 16, 3)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "x"))).astype(int)
    assert part.facts["orientation"][0] == (orientation if 1 <= orientation <= 8 else 1)
    assert whole(part, 0).shape == expected.shape
    assert abs(whole(part, 0) - expected).max() <= 3  # another JPEG decoder's rounding
    box = part.window(0, lambda h, w: (1, 3, h - 6, w - 7)).numpy()
    h, w, _ = expected.shape
    assert abs(box.astype(int) - expected[1 : h - 5, 3 : w - 4]).mean() < 3


def test_upright_images_are_decoded_as_ever(photos, tmp_path):
    """Upright images are bit-identical, also next to one that is turned."""
    plain = load(photos).train
    tag = Image.Exif()
    tag[0x0112] = 6
    Image.fromarray(files.picture(3)).save(tmp_path / "turned.jpg", exif=tag)
    every = [*plain.paths, str(tmp_path / "turned.jpg")]
    turned, *_ = check.checked(every, 16, 3)
    assert turned.turns is not None
    assert plain.turns is None

    def window(h, w):
        return crop.centre_crop(h, w, None, 16)

    for i in range(len(plain)):
        assert (plain.window(i, window).numpy() == turned.window(i, window).numpy()).all()


def deep_png(top, shape=(16, 16)):
    """A PNG of 16 bits whose values go evenly from 0 to top."""
    x = np.linspace(0, top, shape[0] * shape[1]).round().astype("uint16").reshape(shape)
    out = io.BytesIO()
    Image.fromarray(x).save(out, "PNG")
    return out.getvalue(), x


@pytest.mark.parametrize("bits", [16, 15, 12, 10, 8])
def test_sixteen_bits_of_which_some_are_used(bits, photos):
    """The used range becomes black to white; with all 16 bits in use, nothing changes."""
    encoded, x = deep_png(2**bits - 1)
    (photos / "cat" / "deep.png").write_bytes(encoded)
    images = load(photos)
    part = next(part for part in images[:3] if f"{photos}/cat/deep.png" in part.paths)
    found = whole(part, part.paths.index(f"{photos}/cat/deep.png"))
    assert (found[..., 0] == x >> (bits - 8)).all()
    assert data.passport(images)["bits_in_use"] == bits
    assert {part.bits for part in images[:3]} == {bits}


def test_a_network_sees_the_range_it_was_trained_with(photos):
    for name, top in (("dim", 1000), ("bright", 9000)):
        (photos / "cat" / f"{name}.png").write_bytes(deep_png(top)[0])
    refused(photos, "cat/bright.png: its values go up to 9000, but the training images", bits=12)
    (photos / "cat" / "bright.png").unlink()
    assert {part.bits for part in load(photos, bits=12)[:3]} == {12}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Train", "train"),
        ("TRAINING", "train"),
        ("train_images", "train"),
        ("trainset", "train"),
        ("Validation", "val"),
        ("valid", "val"),
        ("dev-set", "val"),
        ("Testing", "test"),
        ("eval", "test"),
        ("seg_train", None),
        ("cat", None),
        ("test tube", None),
    ],
)
def test_names_of_parts(name, part):
    assert part_of(name) == part


def test_parts_in_other_words(tmp_path):
    for part, n in (("Training", 10), ("Valid", 3), ("eval_set", 4)):
        files.folder(tmp_path / "photos" / part, {"a": n, "b": n}, seed=n * 100)
    images = load(tmp_path / "photos")
    assert [len(part) for part in images[:3]] == [20, 6, 8]
    assert all("/eval_set/" in path for path in images.test.paths)


BOTH = {"a": 1, "b": 1}


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (("train", "val", "valid"), ("/val' and ", "/valid' all mean val", "mv ", "/.valid")),
        (("Train", "train"), ("all mean train", "mv ")),
        (("train", "extra"), ("/extra' beside ", "which part is it?", "mv ")),
        (("val", "test"), ("there is no folder train", "mv ")),
        (("seg_train", "seg_test"), ("look like parts of the data, but which?", "mv ")),
        (("learn", "verify"), ("look like parts of the data, but which?", "mv ")),
        (("fold1", "fold2", "fold3", "fold4"), ("look like parts of the data, but which?",)),
    ],
)
def test_what_looks_like_parts_is_asked_about(folders, words, tmp_path):
    """Such folders never become classes, and no image is checked."""
    for folder in folders:
        files.folder(tmp_path / "photos" / folder, BOTH)
    refused(tmp_path / "photos", *words)
    refused(tmp_path / "photos", *words, skip_broken=True)


def test_parts_without_classes(tmp_path):
    files.folder(tmp_path / "photos" / "train", TWO)
    files.folder(tmp_path / "photos", {"test": 3}, seed=100)
    refused(tmp_path / "photos", "/test' must hold a folder for each class", "mv ")
    files.folder(tmp_path / "flat", {"train": 9, "test": 9})
    refused(tmp_path / "flat", "must hold a folder for each class")
    files.folder(tmp_path / "named", {"train_a": 9, "validation_b": 9})
    refused(tmp_path / "named", "/validation_b' must hold a folder for each class")


def test_a_class_may_have_a_parts_name(tmp_path):
    images = load(files.folder(tmp_path / "photos", {"bus": 8, "car": 8, "train": 8}))
    assert images.names == ["bus", "car", "train"]


def test_classes_of_one_name(tmp_path):
    refused(files.folder(tmp_path / "a", {"dog": 8, "Dog": 8}), "'Dog' and 'dog' differ only")
    refused(files.folder(tmp_path / "b", {"é": 8, "e\u0301": 8}), "how accents are stored")


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"photos/cat": 8, "photos/dog": 8}, "/photos if these are the classes"),
        ({"cat": 9}, "only one class"),
        ({"cat": 9, "dog": 2}, "class 'dog' has 2 images"),
    ],
)
def test_too_few_is_said_before_a_look_at_any(counts, words, tmp_path, monkeypatch):
    root = files.folder(tmp_path / "images", counts)
    monkeypatch.setattr(check, "look", lambda encoded: pytest.fail("an image was decoded"))
    refused(root, words)


def test_a_check_that_refuses_ends_early(tmp_path, monkeypatch):
    """It ends after the first bad images, which it names and counts."""
    root = files.folder(tmp_path / "images", {"a": 12, "b": 30}, encode=lambda x: b"no image")
    monkeypatch.setattr(check, "AT_ONCE", 4)
    refused(root, "a/0.jpg: neither JPEG nor PNG", "; 12 of 42 images were checked")


def test_the_check_says_how_far_it_is(photos, monkeypatch, capsys):
    monkeypatch.setattr(check, "SECONDS", 0.0)
    monkeypatch.setattr(check, "AT_ONCE", 10)
    load(photos)
    assert capsys.readouterr().err.splitlines()[0] == "checked 10 of 17 images"


def test_names_of_any_bytes(photos, capsys):
    """Files and classes with such names are read, named and stored."""
    odd = os.fsencode(photos) + b"/\xff\n"
    os.mkdir(odd)
    for i in range(8):
        Path(os.fsdecode(odd + b"/\xfe%d.jpg" % i)).write_bytes(files.jpeg(files.picture(i + 50)))
    images = load(photos)
    assert images.names == ["cat", "dog", r"\xff\n"]
    assert sum(x.shape[0] for x, _ in data.batches(images.train, 4, 3)) == len(images.train)
    assert main(["check", str(photos)]) == 0
    assert r"\xff\n" in capsys.readouterr().out
    Path(os.fsdecode(odd + b"/\xfe.jpg")).write_bytes(b"")
    refused(photos, rf"{photos}/\xff\n/\xfe.jpg: empty")
    passport = data.passport(load(photos, skip_broken=True))
    assert passport["cannot_be_used"] == [[rf"{photos}/\xff\n/\xfe.jpg", "empty"]]


def test_a_label_that_is_far_outside_is_named(tmp_path):
    """A label far outside the others is named, and makes no new classes."""
    pairs = [(files.png(files.picture(i, 4, 4)), i % 2) for i in range(20)]
    files.records(tmp_path / "a.tfrecord", [*pairs, (pairs[0][0], 10**9)])
    with pytest.raises(ValueError, match=r"a.tfrecord, record at byte \d+: label 1000000000") as e:
        data.load_data(f"tfrecord:{tmp_path}/a*", 8, 3)
    assert "far above the others" in str(e.value)
    images = data.load_data(f"tfrecord:{tmp_path}/a*", 8, 3, skip_broken=True)
    assert (images.classes, len(images.skipped)) == (2, 1)


def test_records_with_other_keys_are_refused_at_the_first_file(tmp_path, monkeypatch):
    image = files.png(files.picture(0, 4, 4))
    for i in range(5):
        pairs = [(image, 0)] * 12
        files.records(tmp_path / f"{i}.tfrecord", pairs, names=("image", "label"))
    scanned, scan = [], records.scan
    monkeypatch.setattr(records, "scan", lambda *args: scanned.append(1) or scan(*args))
    with pytest.raises(ValueError, match="which has image, label") as stop:
        data.load_data(f"tfrecord:{tmp_path}/*.tfrecord", 8, 3)
    assert "1 of 5 files were checked" in str(stop.value)
    assert scanned == [1]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("train-val-0", "train-1"), "train-val-0: which part is it"),
        (("train-0", "val-0", "valid-0"), "both mean val"),
    ],
)
def test_files_of_records_that_can_be_taken_in_two_ways(names, words, tmp_path):
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=words):
        data.load_data(f"tfrecord:{tmp_path}/*-*", 8, 3)


def test_images_of_records_stand_upright(tmp_path):
    tag, out = Image.Exif(), io.BytesIO()
    tag[0x0112] = 6
    Image.fromarray(files.picture(3, 16, 24)).save(out, "PNG", exif=tag)
    files.records(tmp_path / "a.tfrecord", [(out.getvalue(), i % 2) for i in range(20)])
    part = data.load_data(f"tfrecord:{tmp_path}/a*", 8, 3).train
    assert (whole(part, 0) == files.picture(3, 16, 24).transpose(1, 0, 2)[:, ::-1]).all()


def test_an_image_that_is_gone_is_named(photos):
    images = load(photos)
    gone = images.train.paths[0]
    os.remove(gone)
    words = f"{gone}: not found; {RESTORE}"
    with pytest.raises(ValueError, match=words), check.named(images.train):
        list(data.batches(images.train, 4, 2))
    with pytest.raises(tf.errors.InvalidArgumentError), check.named(load(photos).train):
        tf.reshape(tf.zeros(3), (2, 2))


def test_equal_images_are_told(tmp_path):
    """Equal images in two classes, in two parts, or in one folder are reported."""
    root = tmp_path / "photos"
    for i, part in enumerate(("train", "val", "test")):
        files.folder(root / part, {"a": 3, "b": 3}, seed=i * 100)
    shutil.copy(root / "train/a/0.jpg", root / "train/b/same.jpg")
    shutil.copy(root / "train/a/1.jpg", root / "test/a/same.jpg")
    shutil.copy(root / "val/a/1.jpg", root / "val/a/same.jpg")
    passport = data.passport(load(root))
    assert {kind: each["images"] for kind, each in passport["equal"].items()} == {
        "classes": 2,
        "parts": 2,
        "alone": 2,
    }
    assert passport["equal"]["parts"]["some"] == [
        [["train", "a", f"{root}/train/a/1.jpg"], ["test", "a", f"{root}/test/a/same.jpg"]]
    ]
    lines = "\n".join(describe(passport))
    assert "equal, but in different classes: 2 images" in lines
    assert "equal, in different parts: 2 images" in lines


def test_the_fingerprint_is_of_the_content(photos, tmp_path):
    """It does not depend on the path; it changes with an image, a class, or one image fewer."""
    first = data.fingerprint(load(photos))
    moved = tmp_path / "moved"
    photos.rename(moved)
    assert data.fingerprint(load(moved)) == first
    was = contents(load(moved))
    (moved / "cat" / "0.jpg").write_bytes(files.jpeg(files.picture(99)))
    now = contents(load(moved))
    assert sum(was[part] != now[part] for part in was) == 1
    assert data.fingerprint(load(moved)) != first
    (moved / "cat" / "0.jpg").write_bytes(files.jpeg(files.picture(1)))
    assert data.fingerprint(load(moved)) == first
    (moved / "cat").rename(moved / "bat")
    assert data.fingerprint(load(moved)) != first
    digits = data.load_data("digits", 8, 1)
    assert data.fingerprint(digits) == data.fingerprint(data.load_data("digits", 8, 1))


@pytest.mark.parametrize("classes", [12, 13, 20])
def test_of_many_classes_those_with_the_fewest_and_the_most_are_shown(classes):
    counts = {str(i): dict.fromkeys(PARTS, i + 1) for i in [*range(1, classes), 0]}
    total = dict.fromkeys(PARTS, sum(range(classes + 1)))
    _, *lines, last = class_counts(dict(classes=counts, images=total))
    expected = [*counts]
    if classes > 12:
        expected = [*map(str, range(6)), "...", *map(str, range(classes - 6, classes))]
        assert lines[6] == f"... {classes - 12} more"
    assert [line.split()[0] for line in lines] == expected
    assert last.split() == ["all", *[str(total["train"])] * 3]


def unusual(**changes):
    """The lines about a passport of nothing unusual, but for these changes."""
    none = {kind: dict(images=0, some=[]) for kind in ("classes", "parts", "alone")}
    usual = dict(orientations={"1": 9}, bits_in_use=None, equal=none, left_out=[])
    return [*remarks(usual | dict(classes=dict(a=dict(train=9), b=dict(train=4))) | changes)]


def test_what_is_unusual_is_said():
    assert unusual() == []
    (line,) = unusual(orientations={"1": 9, "3": 1, "8": 2})
    assert line == "turned upright by their EXIF tags: 3 images"
    (line,) = unusual(orientations={"6": 1})
    assert line.endswith(": 1 image")
    assert unusual(bits_in_use=12) == ["the 16-bit PNGs use 12 bits: 0 is black, 4,095 is white"]
    assert unusual(bits_in_use=16) == []
    why = [(f"{i}.gif", "a GIF") for i in range(5)]
    assert unusual(left_out=why[:3]) == ["left out: 3, 0.gif (a GIF); 1.gif (a GIF); 2.gif (a GIF)"]
    assert unusual(left_out=why)[0].endswith("; 2.gif (a GIF); and 2 more")


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((9, 4, 8), None),
        ((9, 3, 8), "a has 3 times as many images as b"),
        ((4, 30, 5), "b has 8 times as many images as a"),
        ((8, 0, 1), "a has 8 times as many images as b"),
    ],
)
def test_classes_are_unequal_from_three_times_as_many_on(counts, words):
    lines = unusual(classes={n: dict(train=k) for n, k in zip("abc", counts, strict=True)})
    balanced = ": watch the balanced accuracy, or use --class-weights balanced"
    assert lines == ([] if words is None else [words + balanced])


def test_of_equal_images_the_first_are_named():
    pair = [["train", "a", "1.png"], ["test", "a", "2.png"]]
    none = dict(images=0, some=[])
    found = dict(classes=none, parts=dict(images=2, some=[pair]), alone=none)
    assert unusual(equal=found) == ["equal, in different parts: 2 images, 1.png = 2.png"]
    four = [["train", "a", f"{i}.png"] for i in range(4)]
    found["parts"], found["alone"] = none, dict(images=6, some=[four, pair])
    first = "0.png = 1.png = 2.png ..."
    assert unusual(equal=found) == [f"equal, in the same class and part: 6 images, {first}"]


def test_the_command(photos, tmp_path, capsys):
    """What it prints and keeps; a path alone is a folder."""
    files.folder(photos, {"dog": 31}, seed=20)
    out = tmp_path / "photos.json"
    assert main(["check", str(photos), "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"folder:{photos}", "39 images, 2 classes"]
    assert [line.split() for line in lines[2:6]] == [
        ["class", "train", "val", "test"],
        ["cat", "5", "1", "2"],
        ["dog", "19", "6", "6"],
        ["all", "24", "7", "8"],
    ]
    assert any(line.startswith("dog has 4 times as many images as cat") for line in lines)
    report = json.loads(out.read_text())
    assert report["classes"]["cat"] == dict(train=5, val=1, test=2)
    assert report["sizes"]["largest"] == [20, 24]
    assert (report["colours"], report["bits"]) == ({"RGB": 39}, {"8": 39})
    (photos / "cat" / "x.jpg").write_bytes(b"")
    assert main(["check", f"folder:{photos}"]) == 2
    assert capsys.readouterr().err.count("x.jpg: empty") == 1
    assert main(["check", "nowhere"]) == 2


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["{photos}", "--out", "{photos}/none/x.json"], "--out {photos}/none/x.json: there is no"),
        (["{photos}", "--out", "{photos}"], "--out '{photos}': give the name of a file, such as"),
        (["folder:/none"], "convbook check: DATA 'folder:/none': there is no folder '/none'"),
        ([""], "convbook check: DATA '': name a folder, or one of digits"),
    ],
)
def test_arguments_of_check_are_named_before_an_image_is_read(
    argv, words, photos, capsys, monkeypatch
):
    monkeypatch.setattr(check, "verdict", None)
    assert main(["check", *(arg.format(photos=photos) for arg in argv)]) == 2
    assert words.format(photos=photos) in capsys.readouterr().err


def test_a_file_that_is_no_image_does_not_count_as_one(photos):
    (photos / "elk").mkdir()
    (photos / "elk" / "notes.txt").write_text("elks")
    refused(photos, "elk/notes.txt: neither JPEG nor PNG")
    files.folder(photos, {"elk": 1}, seed=50)
    (photos / "elk" / "notes.txt").unlink()
    refused(photos, "class 'elk' has 1 image to train on; it takes 7")


def test_other_pictures_are_called_by_their_name(photos):
    (photos / "cat" / "x.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 99)
    refused(photos, "cat/x.heic: a HEIC, an AVIF or a video, neither JPEG nor PNG")


def test_facts():
    """Facts come from the headers, without decoding colours."""
    x = files.picture(0, 8, 10)
    kinds = {"L": "grey", "RGB": "RGB", "P": "palette", "LA": "grey with alpha"}
    for mode, colours in (kinds | {"RGBA": "RGB with alpha"}).items():
        found = image_facts.look(files.pil(x, mode, "PNG"))
        assert (image_facts.COLOURS[found.colours], found.height, found.width) == (colours, 8, 10)
    for mode, colours in {"L": "grey", "RGB": "RGB", "CMYK": "CMYK"}.items():
        assert image_facts.COLOURS[image_facts.look(files.pil(x, mode, "JPEG")).colours] == colours


def test_class_weights():
    """Each class counts as much as another, and an image 1 on average."""
    y = np.array([0] * 6 + [1] * 2 + [2] * 4)
    part = data.Split(np.zeros((12, 2, 2, 1), "float32"), y)
    weights = class_weights(data.Data(part, part, part, 3))
    assert np.bincount(y, weights[y]).tolist() == pytest.approx([4, 4, 4])


LENET = [*files.LENET, "--epochs", "1", "--batch-size", "8", "--no-tensorboard"]


def test_a_run_keeps_its_passport(photos, tmp_path, capsys):
    """A run prints and stores it; class weights are applied, and are in the result."""
    files.folder(photos, {"dog": 31}, seed=20)
    options = [*LENET, "--data", f"folder:{photos}", "--class-weights", "balanced"]
    job = prepare(parse([*options, "--out", str(tmp_path / "job")]))
    _, y, weights = next(iter(training_data(job, 0)))
    assert np.allclose(weights, class_weights(job.data)[np.argmax(y, 1)])
    run = tmp_path / "run"
    assert main(["train", *options, "--out", str(run)]) == 0
    assert "dog has 4 times as many images as cat" in capsys.readouterr().out
    assert json.loads((run / "passport.json").read_text()) == data.passport(job.data)
    result = json.loads((run / "result.json").read_text())
    assert result["recipe"]["class_weights"] == "balanced"
    assert main(["evaluate", str(run / "model.keras"), "--data", f"folder:{photos}"]) == 0
    (evaluation,) = run.glob("evaluation*/evaluation.json")
    found = json.loads(evaluation.read_text())
    assert found["balanced_accuracy"] == pytest.approx(result["test_balanced_accuracy"])
    assert found["top_1"] == pytest.approx(result["test_accuracy"])
    assert "balanced accuracy" in capsys.readouterr().out


def test_an_image_that_is_deleted_after_the_check_ends_a_run_in_a_line(
    photos, tmp_path, capfd, monkeypatch
):
    load, gone = data.load_data, []

    def loaded(*args, **more):
        images = load(*args, **more)
        gone.append(images.train.paths[0])
        os.remove(gone[0])
        return images

    monkeypatch.setattr(data, "load_data", loaded)
    options = [*LENET, "--data", f"folder:{photos}", "--out", str(tmp_path / "run")]
    assert main(["train", *options]) == 2
    error = [line for line in capfd.readouterr().err.splitlines() if line.startswith("convbook")]
    assert error == [f"convbook train: {gone[0]}: not found; {RESTORE}"]


def test_balanced_accuracy():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 4, 99), rng.random((99, 5)) - [0, 0, 0, 0, 1]  # the last has no image
    expected = balanced_accuracy_score(y, p.argmax(1))
    metric = BalancedAccuracy(5)
    for i in range(0, 99, 10):
        metric.update_state(np.eye(5, dtype="float32")[y[i : i + 10]], p[i : i + 10])
    assert float(metric.result()) == pytest.approx(expected)
    assert scores.balanced(p, y) == pytest.approx(expected)
