import os

import pytest

from translate.data.listing import EXTENSIONS, domain_folder, list_pictures, shown, single_folder
from translate.errors import InputError


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def names(folder):
    return [path.relative_to(folder).as_posix() for path in list_pictures(folder)]


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_every_extension_in_every_case_is_listed(tmp_path, extension):
    wanted = sorted({f"{i}.{spelling}" for i, spelling in enumerate((extension, extension.upper(), extension.title()))})
    touch(tmp_path, *wanted, "notes.txt", extension, f"x.{extension}.bak")
    assert names(tmp_path) == wanted


def test_order_is_that_of_relative_paths_as_text(tmp_path):
    touch(tmp_path, "b/1.png", "a.png", "a/2.png", "a-b/3.png", "B.png", "a/10.png")
    assert names(tmp_path) == sorted(["b/1.png", "a.png", "a/2.png", "a-b/3.png", "B.png", "a/10.png"])


def test_hidden_files_and_folders_are_left_out(tmp_path):
    touch(tmp_path, "._cat.jpg", ".hidden/cat.jpg", "cat.jpg")
    assert names(tmp_path) == ["cat.jpg"]


def test_odd_names_are_listed(tmp_path):
    odd = ["-rf.png", " space .png", "two\nlines.png", "100%.png", "a.b.c.png", "ünï猫.png", "*?.png", "x.png/in.png"]
    touch(tmp_path, *odd)
    assert names(tmp_path) == sorted(odd)


def test_undecodable_names_are_listed(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    touch(tmp_path, name)
    assert names(tmp_path) == [name]
    shown(list_pictures(tmp_path)[0]).encode("ascii")


def test_links_are_followed_without_running_in_circles(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    folder = tmp_path / "trainA"
    touch(elsewhere, "cats/1.png", "single.png")
    touch(folder, "0.png")
    (folder / "linked").symlink_to(elsewhere / "cats")
    (folder / "file.png").symlink_to(elsewhere / "single.png")
    (folder / "loop").symlink_to(folder)
    (elsewhere / "cats" / "back").symlink_to(folder)
    assert names(folder) == ["0.png", "file.png", "linked/1.png"]


def test_a_folder_that_is_a_link_is_listed_under_its_own_name(tmp_path):
    touch(tmp_path / "real", "1.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert list_pictures(tmp_path / "link") == [tmp_path / "link" / "1.png"]


def test_a_broken_link_is_listed_so_that_it_can_be_reported(tmp_path):
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert names(tmp_path) == ["gone.png"]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(InputError, match=r"cannot list .*: Permission denied; check its permissions"):
        list_pictures(tmp_path)


def test_domain_folder_is_root_phase_letter(tmp_path):
    touch(tmp_path, "trainA/1.png", "trainB/1.png", "testA/1.png", "valA/1.png")
    assert domain_folder(tmp_path, "train", "B") == tmp_path / "trainB"
    assert domain_folder(str(tmp_path), "test", "A") == tmp_path / "testA"


def test_only_phase_test_falls_back_to_val(tmp_path):
    touch(tmp_path, "valA/1.png")
    assert domain_folder(tmp_path, "test", "A") == tmp_path / "valA"
    with pytest.raises(InputError):
        domain_folder(tmp_path, "train", "A")


def test_missing_root_is_named(tmp_path):
    with pytest.raises(InputError, match=r"--dataroot .*nowhere does not exist; give the folder that holds trainA"):
        domain_folder(tmp_path / "nowhere", "train", "A", required=False)
    touch(tmp_path, "file")
    with pytest.raises(InputError, match="is a file, not a folder"):
        domain_folder(tmp_path / "file", "train", "A")


def test_missing_folder_says_what_was_looked_for(tmp_path):
    with pytest.raises(InputError) as caught:
        domain_folder(tmp_path, "test", "B")
    message = str(caught.value)
    assert "no folder testB (or valB)" in message
    assert str(tmp_path / "testB") in message
    assert "trainA, trainB" in message


def test_a_root_one_level_too_high_is_recognised(tmp_path):
    touch(tmp_path, "horse2zebra/trainA/1.png")
    with pytest.raises(InputError, match=r"did you mean --dataroot .*horse2zebra"):
        domain_folder(tmp_path, "train", "A")


def test_empty_folder_names_accepted_extensions(tmp_path):
    touch(tmp_path, "trainA/slice.dcm")
    with pytest.raises(InputError, match=r"holds no pictures \(it holds other files, such as slice.dcm\).*webp"):
        domain_folder(tmp_path, "train", "A")


def test_a_domain_that_is_not_required_may_be_missing_or_empty(tmp_path):
    (tmp_path / "testB").mkdir()
    assert domain_folder(tmp_path, "test", "A", required=False) is None
    assert domain_folder(tmp_path, "test", "B", required=False) is None


def test_a_missing_folder_of_one_domain_is_not_asked_for_as_two(tmp_path):
    with pytest.raises(InputError, match=r"none does not exist; give the folder that holds the pictures$"):
        single_folder(tmp_path / "none", "train")
    touch(tmp_path, "train/0.png", "testA/0.png")
    with pytest.raises(InputError, match=r"has no folder val or valA; it holds train, testA: use --phase, or put"):
        single_folder(tmp_path, "val")
    assert single_folder(tmp_path, "test") == tmp_path / "testA"
