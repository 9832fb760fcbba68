"""Files, folders and patterns become picture files, each with the path that its result gets."""

import os

import pytest

from translate.data.gathering import gather_pictures
from translate.errors import InputError

TREE = ["a.png", "b.JPG", "notes.txt", "day/c.png", "day/deep/d.webp", "night/c.png", ".hidden/e.png", "night/.f.png"]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder ``photos`` in the working folder, with empty files."""
    for name in TREE:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*words, **how):
    return [each.name.as_posix() for each in gather_pictures(words, **how)]


def test_a_folder_is_searched_and_its_sub_folders_are_kept(tree):
    assert names("photos") == ["a.png", "b.JPG", "day/c.png", "day/deep/d.webp", "night/c.png"]
    assert names(tree / "photos/day") == ["c.png", "deep/d.webp"]


def test_a_file_has_its_own_name_and_may_have_any_ending(tree):
    assert names("photos/day/c.png", "photos/notes.txt") == ["c.png", "notes.txt"]


@pytest.mark.parametrize(("pattern", "found"), [
    ("photos/*.png", ["a.png"]),
    ("photos/*", ["a.png", "b.JPG", "day/c.png", "day/deep/d.webp", "night/c.png"]),
    ("photos/*/c.png", ["day/c.png", "night/c.png"]),
    ("photos/day/*", ["c.png", "deep/d.webp"]),
    ("photos/**/*.png", ["a.png", "day/c.png", "night/c.png"]),
    ("photos/**", ["a.png", "b.JPG", "day/c.png", "day/deep/d.webp", "night/c.png"]),
    ("photos/[ab].*", ["a.png", "b.JPG"]),
    ("photos/n?ght", ["night/c.png"]),
    ("ph*", ["photos/a.png", "photos/b.JPG", "photos/day/c.png", "photos/day/deep/d.webp", "photos/night/c.png"]),
])  # fmt: skip
def test_a_pattern_keeps_what_lies_below_its_fixed_part(tree, pattern, found):
    assert sorted(names(pattern)) == sorted(found)
    assert sorted(names(os.path.join(tree, pattern))) == sorted(found)


def test_a_name_that_looks_like_a_pattern_is_that_file(tree):
    (tree / "photos/a[1].png").touch()
    assert names("photos/a[1].png") == ["a[1].png"]


def test_the_home_folder_is_known(tree, monkeypatch):
    monkeypatch.setenv("HOME", str(tree))
    assert names("~/photos/day") == ["c.png", "deep/d.webp"]
    assert names("~/photos/*.png") == ["a.png"]


def test_a_picture_that_is_named_twice_counts_once_unless_its_results_differ(tree):
    assert names("photos/a.png", "photos/*.png", tree / "photos/a.png") == ["a.png"]
    assert names("photos/day", "photos") == [
        *("c.png", "deep/d.webp"),
        *("a.png", "b.JPG", "day/c.png", "day/deep/d.webp", "night/c.png"),
    ]


def test_the_results_of_an_earlier_call_are_left_out_of_folders_but_not_where_they_are_named(tree):
    out = tree / "photos/day"
    assert names("photos", leave_out=out) == ["a.png", "b.JPG", "night/c.png"]
    assert names("photos/*/c.png", leave_out=out) == ["night/c.png"]
    assert names("photos/day/c.png", leave_out=out) == ["c.png"]


@pytest.mark.parametrize(("word", "out"), [("photos/day", "photos"), ("photos", "."), ("photos/day/*", "photos/day")])
def test_results_may_go_to_the_folder_itself_or_to_one_above(tree, word, out):
    assert names(word, leave_out=tree / out) == names(word) != []


@pytest.mark.parametrize(("word", "said"), [
    ("nowhere.png", "nowhere.png does not exist; name picture files, folders or patterns"),
    ("", "one of the names of pictures is empty; give . for the folder that you are in"),
    ("~nobody-of-this-name/x", "does not exist"),
    ("photos/*.tif", r"photos/\*.tif matches no pictures; accepted are files ending in jpg, "),
    ("photos/*.txt", "matches no pictures"),
    ("photos/.hidden/deep", "does not exist"),
    ("two\nlines", r"two\\nlines does not exist"),
])  # fmt: skip
def test_what_names_no_picture_is_refused(tree, word, said):
    with pytest.raises(InputError, match=said):
        names("photos/a.png", word)


def test_a_folder_without_pictures_is_refused(tree):
    (tree / "empty").mkdir()
    with pytest.raises(InputError, match="empty holds no pictures"):
        names("empty")
