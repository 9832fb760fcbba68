"""Pictures that are measured together."""

import numpy as np
import pytest
from PIL import Image

from translate.data.part import Part
from translate.evaluation.picture_set import PictureSet


@pytest.fixture
def files(tmp_path, random_picture):
    for seed, mode in enumerate(("RGB", "L", "RGB")):
        random_picture(9, 7, mode, seed).save(tmp_path / f"{seed}.png")
    return sorted(tmp_path.iterdir())


def test_files_are_read_in_colour_and_in_order(files):
    pictures = PictureSet.of_files(files)
    assert len(pictures) == 3 and pictures.names == ["0", "1", "2"]
    for picture, path in zip(pictures, files, strict=True):
        assert picture.dtype == np.uint8
        assert np.array_equal(picture, np.asarray(Image.open(path).convert("RGB")))


def test_files_are_prepared(files):
    pictures = PictureSet.of_files(files, lambda picture: picture.resize((4, 3)))
    assert {picture.shape for picture in pictures} == {(3, 4, 3)}


def test_a_half_of_a_file_is_a_picture(files):
    (left,) = PictureSet.of_parts([Part(files[0], "left")])
    assert np.array_equal(left, np.asarray(Image.open(files[0]))[:, :4])


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 3)])
def test_pictures_in_memory_get_three_channels(shape):
    picture = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    (kept,) = PictureSet.in_memory([picture])
    assert kept.shape == (5, 4, 3)
    assert np.array_equal(kept[..., 0], picture.reshape(5, 4, -1)[..., 0])


@pytest.mark.parametrize("bad", [np.zeros((3, 3), np.float32), np.zeros((1, 3, 3, 3), np.uint8)])
def test_what_is_no_picture_is_refused(bad):
    with pytest.raises(ValueError, match="uint8"):
        PictureSet.in_memory([bad])


def test_places_beyond_the_end_are_refused():
    pictures = PictureSet.in_memory([np.zeros((2, 2), np.uint8)])
    with pytest.raises(IndexError):
        pictures[1]
    with pytest.raises(IndexError):
        pictures[-1]


def test_a_part_keeps_the_order_that_is_asked_for(files):
    part = PictureSet.of_files(files).part([2, 0])
    assert part.names == ["2", "0"] and part.files == [files[2], files[0]]
    assert np.array_equal(part[0], np.asarray(Image.open(files[2])))


def test_a_fingerprint_tells_contents_order_and_preparation_apart(files, random_picture):
    first = PictureSet.of_files(files).fingerprint
    assert first == PictureSet.of_files(files).fingerprint
    others = [
        PictureSet.of_files(files[::-1]).fingerprint,
        PictureSet.of_files(files[:2]).fingerprint,
        PictureSet.of_files(files, lambda picture: picture, "scaled").fingerprint,
        PictureSet.of_parts([Part(path, "left") for path in files]).fingerprint,
        PictureSet.in_memory(list(PictureSet.of_files(files))).fingerprint,
    ]
    random_picture(9, 7, "RGB", 99).save(files[1])
    others.append(PictureSet.of_files(files).fingerprint)
    assert len({first, *others}) == len(others) + 1
    assert PictureSet.in_memory([np.zeros((2, 3), np.uint8)]).fingerprint != (
        PictureSet.in_memory([np.zeros((3, 2), np.uint8)]).fingerprint
    )
