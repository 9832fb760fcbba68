"""Cityscapes made ready: its pairs, their order, sizes and pixels, and what is missing."""

import numpy as np
import pytest
from PIL import Image

from translate.data.cityscapes import prepare_cityscapes
from translate.errors import InputError

PAIRS = {"train": ("bonn/bonn_000001", "aachen/aachen_000002", "aachen/aachen_000001"), "val": ("ulm/ulm_000001",)}


@pytest.fixture
def unpacked(tmp_path, make_picture):
    """The two unpacked archives, with pictures of random pixels; seeds are those of their places in PAIRS."""
    for phase, names in PAIRS.items():
        for seed, name in enumerate(names):
            make_picture(f"left/leftImg8bit/{phase}/{name}_leftImg8bit.png", 64, 32, seed=seed)
            make_picture(f"gt/gtFine/{phase}/{name}_gtFine_color.png", 64, 32, "RGBA", seed=10 + seed)
            make_picture(f"gt/gtFine/{phase}/{name}_gtFine_labelIds.png", 64, 32, "L")
    return tmp_path / "gt" / "gtFine", tmp_path / "left" / "leftImg8bit"


def pixels(path):
    with Image.open(path) as picture:
        assert picture.format == "JPEG" and picture.mode == "RGB"
        return np.asarray(picture).astype(int)


def test_each_pair_becomes_two_files_and_one_side_by_side(unpacked, tmp_path):
    assert prepare_cityscapes(*unpacked, tmp_path / "out") == {"train": 3, "test": 1}
    names = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    expected = [f"train/{i}.jpg" for i in range(3)] + [f"trainA/{i}_A.jpg" for i in range(3)]
    expected += [f"trainB/{i}_B.jpg" for i in range(3)] + ["test/0.jpg", "testA/0_A.jpg", "testB/0_B.jpg"]
    assert names == sorted(expected)


@pytest.mark.parametrize("filter", ["bicubic", "nearest"])
def test_the_pixels_are_those_of_the_scaled_pictures(unpacked, tmp_path, filter):
    prepare_cityscapes(*unpacked, tmp_path / "out", filter)
    gt, left = unpacked
    scale = getattr(Image.Resampling, filter.upper())
    for index, name in enumerate(sorted(PAIRS["train"])):
        found = []
        for path in (left / "train" / f"{name}_leftImg8bit.png", gt / "train" / f"{name}_gtFine_color.png"):
            found.append(np.asarray(Image.open(path).convert("RGB").resize((256, 256), scale)).astype(int))
        photograph = pixels(tmp_path / f"out/trainA/{index}_A.jpg")
        labels = pixels(tmp_path / f"out/trainB/{index}_B.jpg")
        both = pixels(tmp_path / f"out/train/{index}.jpg")
        assert np.abs(photograph - found[0]).max() <= 5  # what JPEG of quality 100 loses
        assert np.abs(labels - found[1]).max() <= 5
        assert np.array_equal(both, np.concatenate([photograph, labels], axis=1))


def test_the_filter_makes_a_difference(unpacked, tmp_path):
    for filter in ("bicubic", "nearest"):
        prepare_cityscapes(*unpacked, tmp_path / filter, filter)
    bicubic, nearest = (pixels(tmp_path / name / "testA/0_A.jpg") for name in ("bicubic", "nearest"))
    assert np.abs(bicubic - nearest).max() > 30


def test_the_folders_above_are_fine_too(unpacked, tmp_path):
    assert prepare_cityscapes(*(folder.parent for folder in unpacked), tmp_path / "out") == {"train": 3, "test": 1}


@pytest.mark.parametrize(
    ("place", "flag", "name"), [(0, "--gtFine_dir", "gtFine"), (1, "--leftImg8bit_dir", "leftImg8bit")]
)
def test_a_folder_that_is_none_of_them_is_named_by_its_flag(unpacked, tmp_path, place, flag, name):
    folders = [folder if at != place else tmp_path / "none" for at, folder in enumerate(unpacked)]
    with pytest.raises(InputError, match=rf"{flag} .*none has no folders train and val; give the unpacked {name}"):
        prepare_cityscapes(*folders, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folders_that_are_mixed_up_are_told(unpacked, tmp_path):
    with pytest.raises(InputError, match=r"gtFine/val holds no <city>/\*_leftImg8bit\.png; unpack the archive again"):
        prepare_cityscapes(*reversed(unpacked), tmp_path / "out")


def test_a_picture_without_its_partner_is_named(unpacked, tmp_path):
    (unpacked[0] / "train/aachen/aachen_000001_gtFine_color.png").unlink()
    told = r"aachen_000001_leftImg8bit\.png has no partner in the other folder; unpack both archives again"
    with pytest.raises(InputError, match=told):
        prepare_cityscapes(*unpacked, tmp_path / "out")
    (unpacked[1] / "train/bonn/bonn_000001_leftImg8bit.png").unlink()
    with pytest.raises(InputError, match=r"in the other folder \(and 1 more\)"):
        prepare_cityscapes(*unpacked, tmp_path / "out")


def test_a_damaged_picture_leaves_nothing(unpacked, tmp_path):
    (unpacked[1] / "train/bonn/bonn_000001_leftImg8bit.png").write_bytes(b"no picture")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"bonn_000001_leftImg8bit\.png"):
        prepare_cityscapes(*unpacked, tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_in_use_is_left_alone_and_an_empty_one_is_filled(unpacked, tmp_path):
    (tmp_path / "out").mkdir()
    prepare_cityscapes(*unpacked, tmp_path / "out")
    with pytest.raises(InputError, match="out is there already; remove it, or give another --output_dir"):
        prepare_cityscapes(*unpacked, tmp_path / "out")
