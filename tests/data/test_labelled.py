"""Pictures in a folder for each class."""

import numpy as np
import pytest
from PIL import Image

from translate.data.labelled import check_same_classes, find_labelled, split_labelled
from translate.errors import InputError


def make(root, phase, counts):
    for name, count in counts.items():
        (root / phase / name).mkdir(parents=True)
        for index in range(count):
            Image.new("RGB", (8, 8), (index, 0, 0)).save(root / phase / name / f"{index}.png")


def test_classes_are_the_folders_in_their_order(tmp_path):
    make(tmp_path, "train", {"shoe": 2, "hat": 3})
    found = find_labelled(tmp_path, "train")
    assert found.classes == ("hat", "shoe")
    assert found.labels.tolist() == [0, 0, 0, 1, 1]
    assert [path.parent.name for path in found.paths] == ["hat"] * 3 + ["shoe"] * 2


def test_folders_without_pictures_are_no_classes(tmp_path):
    make(tmp_path, "train", {"shoe": 2, "hat": 1})
    (tmp_path / "train/empty").mkdir()
    (tmp_path / "train/.hidden").mkdir()
    assert find_labelled(tmp_path, "train").classes == ("hat", "shoe")


@pytest.mark.parametrize(("counts", "said"), [
    (None, r"train does not exist; give a --dataroot with train/CLASS/"),
    ({"hat": 2}, r"train holds 1 folders with pictures; it takes one for each class"),
])  # fmt: skip
def test_what_is_no_labelled_data_is_refused(counts, said, tmp_path):
    if counts:
        make(tmp_path, "train", counts)
    with pytest.raises(InputError, match=said):
        find_labelled(tmp_path, "train")


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    make(tmp_path, "train", {"shoe": 1, "hat": 1})
    (tmp_path / "train/hat/broken.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"broken\.png"):
        find_labelled(tmp_path, "train")
    assert len(find_labelled(tmp_path, "train", skip_bad=True)) == 2


@pytest.mark.parametrize(("skip_bad", "offered"), [(None, False), (False, True)])
def test_a_flag_is_offered_where_there_is_one(skip_bad, offered, tmp_path):
    make(tmp_path, "train", {"shoe": 1, "hat": 1})
    (tmp_path / "train/hat/broken.png").write_bytes(b"no picture")
    with pytest.raises(InputError) as refused:
        find_labelled(tmp_path, "train", skip_bad)
    assert ("--skip_bad_images" in str(refused.value)) == offered
    with pytest.raises(InputError, match="give a --probe_data with exam/CLASS/"):
        find_labelled(tmp_path, "exam", skip_bad, "probe_data")


def test_a_class_of_broken_pictures_is_none(tmp_path):
    make(tmp_path, "train", {"shoe": 1, "hat": 1})
    (tmp_path / "train/cap").mkdir()
    (tmp_path / "train/cap/broken.png").write_bytes(b"no picture")
    assert find_labelled(tmp_path, "train", skip_bad=True).classes == ("hat", "shoe")
    (tmp_path / "train/hat/0.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="holds 1 folders with pictures"):
        find_labelled(tmp_path, "train", skip_bad=True)


def test_a_fifth_of_each_class_is_held_out_and_the_rest_is_learned_from(tmp_path):
    make(tmp_path, "train", {"shoe": 10, "hat": 6, "cap": 1})
    found = find_labelled(tmp_path, "train")
    learned, held = split_labelled(found)
    assert [np.bincount(each.labels, minlength=3).tolist() for each in (learned, held)] == [[1, 4, 8], [0, 2, 2]]
    assert sorted(learned.paths + held.paths) == sorted(found.paths)
    assert all(path.parent.name == held.classes[label] for path, label in zip(held.paths, held.labels, strict=True))


def test_classes_of_single_pictures_leave_none_to_validate(tmp_path):
    make(tmp_path, "train", {"shoe": 1, "hat": 1})
    with pytest.raises(InputError, match=r"every class has a single training picture, such as .*add more"):
        split_labelled(find_labelled(tmp_path, "train"))


def test_phases_must_have_the_same_classes(tmp_path):
    make(tmp_path, "train", {"shoe": 1, "hat": 1})
    make(tmp_path, "test", {"shoe": 1, "cap": 1})
    sets = {phase: find_labelled(tmp_path, phase) for phase in ("train", "test")}
    with pytest.raises(InputError, match="class cap has pictures in test alone"):
        check_same_classes(sets)
    check_same_classes({"train": sets["train"], "again": sets["train"]})


def test_some_of_each_class(tmp_path):
    make(tmp_path, "train", {"shoe": 6, "hat": 2})
    found = find_labelled(tmp_path, "train")
    few = found.some(3, np.random.default_rng(0))
    assert few.labels.tolist() == [0, 0, 1, 1, 1]
    assert set(few.paths) < set(found.paths)
    others = {found.some(3, np.random.default_rng(seed)).paths for seed in range(5)}
    assert len(others) > 1


@pytest.mark.parametrize(("count", "asked", "places"), [
    (7, 4, [0, 1, 3, 5]), (8, 4, [0, 2, 4, 6]), (3, 4, [0, 1, 2]), (9, 1, [0]),
])  # fmt: skip
def test_without_a_generator_they_are_spread_evenly(count, asked, places, tmp_path):
    make(tmp_path, "train", {"shoe": count, "hat": 1})
    found = find_labelled(tmp_path, "train").some(asked)
    assert [int(path.stem) for path in found.paths if path.parent.name == "shoe"] == places
