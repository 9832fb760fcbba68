"""Pairs: how they are found, that both halves are cut alike, and what is refused."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate.data.aligned import AlignedPictures, Pair, check_pairs, find_pairs
from translate.data.part import Part
from translate.data.preprocess import Preprocess
from translate.data.reading import Header, PictureError, open_header, read_picture
from translate.data.tensors import to_tensor
from translate.errors import InputError
from translate.randomness import generator

SMALL = Preprocess(load_size=36, crop_size=32)


@pytest.fixture
def side_by_side(tmp_path) -> Path:
    """Five pairs in ``train``: noise on the left, its negative on the right."""
    (tmp_path / "train").mkdir()
    for i in range(5):
        left = np.random.default_rng(i).integers(0, 256, (44 - i, 40 + i, 3), dtype=np.uint8)
        Image.fromarray(np.concatenate([left, 255 - left], axis=1)).save(tmp_path / "train" / f"{i}.png")
    return tmp_path


@pytest.fixture
def by_name(tmp_path) -> Path:
    """Three pairs in ``trainA`` and ``trainB`` with other endings, one of them in a folder of its own."""
    for i, name in enumerate(("one", "two", "deep/three")):
        pixels = np.random.default_rng(i).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        for letter, ending, content in (("A", "png", pixels), ("B", "bmp", 255 - pixels)):
            path = tmp_path / f"train{letter}" / f"{name}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(content).save(path)
    return tmp_path


def pictures(root: Path, seed: int = 1, letters: str = "AB", preprocess: Preprocess = SMALL, **more) -> AlignedPictures:
    return AlignedPictures(find_pairs(root, "train", letters), 3, 3, preprocess, seed=seed, **more)


def test_files_side_by_side_are_split_in_the_middle(side_by_side):
    pairs = find_pairs(side_by_side, "train")
    assert [pair.a.path.name for pair in pairs] == [f"{i}.png" for i in range(5)]
    whole = np.asarray(read_picture(side_by_side / "train" / "1.png"))
    assert np.array_equal(np.asarray(pairs[1].a.read()), whole[:, :41])
    assert np.array_equal(np.asarray(pairs[1].b.read()), whole[:, 41:])
    assert find_pairs(side_by_side, "train", "BA") == [Pair(b, a) for a, b in pairs]


def test_folders_are_paired_by_name(by_name):
    pairs = find_pairs(by_name, "train")
    found = [tuple(part.path.relative_to(by_name).as_posix() for part in pair) for pair in pairs]
    assert found == [(f"trainA/{name}.png", f"trainB/{name}.bmp") for name in ("deep/three", "one", "two")]
    assert find_pairs(by_name, "train", "BA") == [Pair(b, a) for a, b in pairs]


def test_files_side_by_side_go_first_and_val_stands_in_for_test(side_by_side, by_name):
    assert side_by_side == by_name
    assert len(find_pairs(by_name, "train")) == 5
    (side_by_side / "train").rename(side_by_side / "val")
    assert len(find_pairs(side_by_side, "test")) == 5
    assert len(find_pairs(side_by_side, "train")) == 3


@pytest.mark.parametrize("layout", ["side_by_side", "by_name"])
@pytest.mark.parametrize("words", ["resize_and_crop", "scale_width_and_crop", "crop", "zoom_and_crop", "none", "trim"])
def test_both_pictures_of_a_pair_are_cut_and_mirrored_alike(layout, words, request):
    data = pictures(request.getfixturevalue(layout), preprocess=Preprocess(words, load_size=40, crop_size=32))
    for epoch in range(1, 5):
        for index in range(len(data)):
            sample = data[(epoch, index)]
            assert sample["A"].shape == sample["B"].shape
            # Scaling rounds, and what it overshoots is cut off.
            assert (sample["A"].int() + sample["B"].int() - 255).abs().max() <= 1


def test_a_sample_is_what_its_generator_says(by_name):
    sample = pictures(by_name, seed=4)[(2, 1)]
    for letter, ending in (("A", "png"), ("B", "bmp")):
        path = by_name / f"train{letter}" / f"one.{ending}"
        wanted = to_tensor(SMALL(read_picture(path), generator(4, "augment pair", 2, 1)))
        assert torch.equal(sample[letter], wanted)
        assert sample[f"{letter}_path"] == str(path)
    assert (sample["epoch"], sample["index"]) == (2, 1)


def test_samples_do_not_depend_on_what_was_asked_before(side_by_side):
    used = pictures(side_by_side)
    used[(1, 0)]
    fresh = pickle.loads(pickle.dumps(pictures(side_by_side)))
    one, other = used[(3, 2)], fresh[(3, 2)]
    assert torch.equal(one["A"], other["A"])
    assert torch.equal(one["B"], other["B"])
    assert one["A_path"] == one["B_path"] == other["A_path"]


def test_seed_and_epoch_change_the_cut(side_by_side):
    def draw(seed: int, epoch: int) -> list[torch.Tensor]:
        return [pictures(side_by_side, seed=seed)[(epoch, index)]["A"] for index in range(5)]

    for other in (draw(2, 1), draw(1, 2)):
        assert any(not torch.equal(a, b) for a, b in zip(draw(1, 1), other, strict=True))


def test_late_epochs_use_the_late_transform(side_by_side):
    late = Preprocess(load_size=32, crop_size=32, flip=False)
    data = pictures(side_by_side, late_preprocess=late, late_after=2)
    always = pictures(side_by_side, preprocess=late)
    assert torch.equal(data[(2, 1)]["A"], pictures(side_by_side)[(2, 1)]["A"])
    assert torch.equal(data[(3, 1)]["A"], always[(3, 1)]["A"])


def test_the_other_direction_swaps_the_pictures_of_the_same_samples(side_by_side):
    forth, back = (pictures(side_by_side, letters=letters)[(1, 3)] for letters in ("AB", "BA"))
    assert torch.equal(forth["A"], back["B"])
    assert torch.equal(forth["B"], back["A"])


def test_channels_are_set_per_domain(side_by_side):
    sample = AlignedPictures(find_pairs(side_by_side, "train"), 1, 3, SMALL, seed=1)[(1, 0)]
    assert (sample["A"].shape[0], sample["B"].shape[0]) == (1, 3)


def test_inputs_are_the_pictures_of_a_as_they_are(side_by_side):
    data = AlignedPictures(find_pairs(side_by_side, "train", "BA"), 1, 3, SMALL, seed=1)
    assert len(data) == data.inputs() == 5
    image = data.read_input(2)
    assert (image.size, image.mode) == ((42, 42), "L")
    right = read_picture(side_by_side / "train" / "2.png", 1).crop((42, 0, 84, 42))
    assert np.array_equal(np.asarray(image), np.asarray(right))


def test_nothing_is_opened_at_construction(tmp_path):
    data = AlignedPictures([Pair(Part(tmp_path / "a.png"), Part(tmp_path / "b.png"))], 3, 3, SMALL, seed=1)
    with pytest.raises(PictureError, match=r"a\.png does not exist"):
        data[(1, 0)]


def test_headers_of_parts(side_by_side):
    pairs = find_pairs(side_by_side, "train")
    headers = {pair.a.path: open_header(pair.a.path) for pair in pairs}
    a, b = check_pairs(pairs, headers)
    assert a == b == {pair.a.path: Header(40 + i, 44 - i, 3) for i, pair in enumerate(pairs)}


def test_a_missing_partner_is_named(by_name):
    (by_name / "trainB" / "two.bmp").unlink()
    with pytest.raises(InputError, match=r"trainA/two\.png has no partner of its name in the other folder; add it"):
        find_pairs(by_name, "train")
    (by_name / "trainA" / "one.png").unlink()
    with pytest.raises(InputError, match=r"trainA/two\.png has no partner .*\(and 1 more\)"):
        find_pairs(by_name, "train")


def test_names_that_differ_in_their_ending_only_are_refused(by_name):
    Image.new("RGB", (4, 4)).save(by_name / "trainA" / "one.jpg")
    with pytest.raises(InputError, match=r"one\.jpg and .*one\.png differ in their ending only"):
        find_pairs(by_name, "train")


@pytest.mark.parametrize("folders", [(), ("trainA",), ("train", "trainB")])
def test_a_data_set_without_pairs_is_refused(tmp_path, folders):
    for folder in folders:
        (tmp_path / folder).mkdir()
    with pytest.raises(InputError, match=r"holds no pairs: put files .* into .*train, or .* trainA and trainB"):
        find_pairs(tmp_path, "train")


def test_a_root_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"--dataroot .*nowhere does not exist"):
        find_pairs(tmp_path / "nowhere", "train")


def test_no_pairs_are_refused():
    with pytest.raises(InputError, match="there are no pairs"):
        AlignedPictures([], 3, 3, SMALL, seed=1)


def test_pairs_of_different_sizes_are_refused(by_name):
    Image.new("RGB", (48, 41)).save(by_name / "trainB" / "one.bmp")
    pairs = find_pairs(by_name, "train")
    said = r"one\.png \(48x40\) and .*one\.bmp \(48x41\) are a pair and need one size"
    with pytest.raises(InputError, match=said):
        check_pairs(pairs, {part.path: open_header(part.path) for pair in pairs for part in pair})
    with pytest.raises(InputError, match=said):
        pictures(by_name)[(1, 1)]


def test_files_that_cannot_be_halved_are_refused(side_by_side):
    Image.new("RGB", (81, 40)).save(side_by_side / "train" / "3.png")
    pairs = find_pairs(side_by_side, "train")
    said = r"3\.png is 81 pixels wide, which cannot be halved"
    with pytest.raises(InputError, match=said):
        check_pairs(pairs, {pair.a.path: open_header(pair.a.path) for pair in pairs})
    with pytest.raises(InputError, match=said):
        pictures(side_by_side)[(1, 3)]


def test_a_picture_that_does_not_fit_is_named(side_by_side):
    with pytest.raises(InputError, match=r"crop_size 64 is larger than .*train/0\.png \(40x44\)"):
        pictures(side_by_side, preprocess=Preprocess("crop", crop_size=64))[(1, 0)]
