"""The files of a folder: found, left out or unreadable; no file blocks."""

import contextlib
import os
import tempfile
from pathlib import Path

import pytest

from convbook.images import contents, folders, listed, printable


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


def said(root, pairs):
    """{path below root: reason}."""
    return {os.path.relpath(path, root): why for path, why in pairs}


@contextlib.contextmanager
def refused(mode, *names):
    """A folder of another user with files dog/NAME, these names with a mode; not as root."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        touch(root, "dog/1.jpg", "dog/inner/2.jpg", "cat/3.jpg")
        for name in names:
            (root / name).chmod(mode)
        if was_root := os.geteuid() == 0:
            os.seteuid(65534)
        try:
            yield root
        finally:
            if was_root:
                os.seteuid(0)
            for name in names:
                (root / name).chmod(0o755)


def test_hidden_folders_and_files_are_left_out_at_any_depth(tmp_path):
    hidden = (".ipynb_checkpoints/1.jpg", "a/.thumbnails/2.jpg", "a/b/@eaDir/3.jpg")
    hidden += ("a/b/__MACOSX/4.jpg", "a/b/.5.jpg", "a/Thumbs.db")
    touch(tmp_path, "a/1.jpg", "a/b/c/2.jpg", *hidden)
    found = listed(tmp_path)
    assert found.files == [f"{tmp_path}/a/1.jpg", f"{tmp_path}/a/b/c/2.jpg"]
    assert said(tmp_path, found.left_out) == {
        ".ipynb_checkpoints": "a hidden folder",
        "a/.thumbnails": "a hidden folder",
        "a/b/.5.jpg": "a hidden file",
        "a/b/@eaDir": "a system's folder",
        "a/b/__MACOSX": "a system's folder",
        "a/Thumbs.db": "a system's file",
    }
    assert [*folders(tmp_path)] == ["a"]


def test_each_real_folder_is_read_once_and_links_are_named(tmp_path):
    """A link to a parent, to a neighbour, to itself; two to one folder elsewhere."""
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    touch(tmp_path, "photos/cat/1.jpg", "photos/dog/2.jpg", "elsewhere/3.jpg")
    (photos / "dog" / "loop").symlink_to(photos)
    (photos / "dog" / "far").symlink_to("/")
    (photos / "dog" / "cats").symlink_to(photos / "cat")
    (photos / "elk").symlink_to(elsewhere)
    (photos / "elk again").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(photos)
    (photos / "dog" / "itself").symlink_to("itself")
    found = listed(photos)
    assert found.files == [f"{photos}/{f}" for f in ("cat/1.jpg", "dog/2.jpg", "elk/3.jpg")]
    assert said(photos, found.left_out) == {
        "dog/loop": f"a link to {photos}, a folder above it",
        "dog/far": "a link to /, a folder above it",
        "dog/cats": f"a link to {photos}/cat, which is already read",
        "elk again": f"a link to {elsewhere}, which is already read",
        "elk/back": f"a link to {photos}, which is already read",
    }
    assert said(photos, found.unreadable) == {"dog/itself": "not found"}


def test_only_regular_files_are_opened(tmp_path):
    touch(tmp_path, "1.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "link.jpg").symlink_to("1.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    found = listed(tmp_path)
    assert found.files == [f"{tmp_path}/1.jpg", f"{tmp_path}/link.jpg"]
    assert said(tmp_path, found.unreadable) == {
        "gone.jpg": "not found",
        "pipe.jpg": "a pipe, not a regular file",
        "zero.jpg": "a device, not a regular file",
    }
    assert contents(tmp_path / "link.jpg") == b"1.jpg"
    for name, why in (("pipe.jpg", "a pipe"), ("zero.jpg", "a device")):
        with pytest.raises(OSError, match=f"{name}: {why}, not a regular file"):
            contents(tmp_path / name)


def test_a_single_path():
    assert listed(__file__) == ([__file__], [], [])
    assert listed("/dev/zero") == ([], [], [("/dev/zero", "a device, not a regular file")])
    assert listed("nowhere.jpg") == ([], [], [("nowhere.jpg", "not found")])


@pytest.mark.parametrize("mode", [0, 0o444])
def test_a_folder_without_permission_is_named(mode):
    """The folder cannot be listed; or it can be listed, but its files cannot be read."""
    with refused(mode, "dog") as root:
        found = listed(root)
    assert found.files == [f"{root}/cat/3.jpg"]
    unreadable = said(root, found.unreadable)
    if mode:
        assert unreadable["dog/1.jpg"] == "no permission to read it"
        assert unreadable["dog/inner"] == "a folder without permission to read it"
    else:
        assert unreadable == {"dog": "a folder without permission to read it"}


def test_names_of_any_bytes(tmp_path):
    """File names are kept as the system has them, and shown on one line."""
    name = b"\xff\xfe caf\xc3\xa9\n\x1b[1m.jpg"
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"x")
    (path,) = listed(tmp_path).files
    assert os.fsencode(path).endswith(name)
    assert contents(path) == b"x"
    assert printable(os.path.basename(path)) == r"\xff\xfe café\n\x1b[1m.jpg"
