import json
import os
from pathlib import Path

import pytest

from translate.data import known as room
from translate.data.known import KnownPictures, default_cache_folder
from translate.data.reading import Header

HEADER = Header(20, 12, 3)


@pytest.fixture
def remembered(make_picture, tmp_path):
    """A picture that was found good and written to the cache, and the cache folder."""
    path = make_picture("trainA/x.png")
    remember(path, tmp_path / "cache")
    return path, tmp_path / "cache"


def remember(path, cache):
    known = KnownPictures([path], cache)
    assert known.get(path) is None
    known.add(path, HEADER)
    known.save()


def test_a_good_picture_is_remembered(remembered):
    path, cache = remembered
    assert KnownPictures([path], cache).get(path) == HEADER


def test_a_change_of_size_or_time_is_noticed(remembered):
    path, cache = remembered
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert KnownPictures([path], cache).get(path) is None
    path.write_bytes(path.read_bytes() + b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert KnownPictures([path], cache).get(path) is None


def test_a_vanished_picture_is_not_known(remembered):
    path, cache = remembered
    path.unlink()
    known = KnownPictures([path], cache)
    assert known.get(path) is None
    known.add(path, HEADER)
    assert known.get(path) is None


def test_a_picture_that_changes_while_it_is_looked_at_is_not_remembered_as_changed(make_picture, tmp_path):
    path = make_picture("trainA/x.png")
    known = KnownPictures([path], tmp_path / "cache")
    known.get(path)
    make_picture("trainA/x.png", width=99)
    known.add(path, HEADER)
    known.save()
    assert KnownPictures([path], tmp_path / "cache").get(path) is None


def test_folders_have_files_of_their_own_and_keep_what_a_subset_does_not_mention(make_picture, tmp_path):
    paths = [make_picture(name) for name in ("trainA/x.png", "trainA/y.png", "trainB/x.png")]
    for path in paths:
        remember(path, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert [KnownPictures([path], tmp_path / "cache").get(path) for path in paths] == [HEADER] * 3


def test_the_way_to_a_folder_does_not_matter(remembered, monkeypatch, tmp_path):
    path, cache = remembered
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(path.parent)
    for other in (Path("trainA/x.png"), tmp_path / "link" / "x.png"):
        assert KnownPictures([other], cache).get(other) == HEADER


def test_undecodable_names_are_remembered(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    path.write_bytes(b"x")
    remember(path, tmp_path / "cache")
    assert KnownPictures([path], tmp_path / "cache").get(path) == HEADER


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"reader": 1}', b"\xff\xfe", b"[" * 100_000, '{"reader": READER, "pictures": []}'],
)
def test_a_damaged_cache_is_an_empty_one(remembered, content):
    path, cache = remembered
    if isinstance(content, str):
        content = content.replace("READER", json.dumps(room.READER)).encode()
    (file,) = cache.iterdir()
    file.write_bytes(content)
    assert KnownPictures([path], cache).get(path) is None
    remember(path, cache)
    assert KnownPictures([path], cache).get(path) == HEADER


@pytest.mark.parametrize("entry", [None, 3, [], [1, 2], {"width": 3}, ["a", "b", "c", "d", "e"], [1, 2, 3, 4, 2]])
def test_a_damaged_entry_is_unknown(remembered, entry):
    path, cache = remembered
    (file,) = cache.iterdir()
    content = json.loads(file.read_text())
    content["pictures"]["x.png"] = entry
    file.write_text(json.dumps(content))
    assert KnownPictures([path], cache).get(path) is None


def test_another_reader_looks_again(remembered, monkeypatch):
    path, cache = remembered
    monkeypatch.setattr(room, "READER", "another")
    assert KnownPictures([path], cache).get(path) is None


def test_a_cache_that_cannot_be_written_is_no_error(make_picture, tmp_path):
    (tmp_path / "file").write_text("in the way")
    path = make_picture("x.png")
    known = KnownPictures([path], tmp_path / "file" / "cache")
    known.get(path)
    known.add(path, HEADER)
    known.save()
    assert (tmp_path / "file").read_text() == "in the way"


def test_nothing_new_writes_nothing(tmp_path):
    KnownPictures([], tmp_path / "cache").save()
    assert not (tmp_path / "cache").exists()


def test_the_default_folder_follows_the_environment(monkeypatch):
    monkeypatch.setenv("TRANSLATE_CACHE", "/mine")
    monkeypatch.setenv("XDG_CACHE_HOME", "/users")
    assert default_cache_folder() == Path("/mine")
    monkeypatch.delenv("TRANSLATE_CACHE")
    assert default_cache_folder() == Path("/users/unpaired-translate")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_cache_folder() == Path("/home/me/.cache/unpaired-translate")
