"""Crops of one picture: what a batch shares, what its crops do not, and that all of it follows from the seed."""

import numpy as np
import pytest
from PIL import Image

from translate.data.cutting import FILTERS
from translate.data.part import Part
from translate.data.preprocess import Preprocess
from translate.data.sampling import EpochSampler
from translate.data.single_image import SingleImageCrops, find_single_image, grid_cell
from translate.data.value_range import ValueRange
from translate.errors import InputError

BATCH = 16


@pytest.fixture
def pictures(tmp_path, noise):
    for letter, size in (("A", (300, 200)), ("B", (180, 240))):
        (tmp_path / f"train{letter}").mkdir()
        noise(*size, "RGB").save(tmp_path / f"train{letter}" / f"any {letter}.png")
    return tmp_path


@pytest.fixture
def crops(pictures):
    def make(words="zoom_and_patch", seed=0, **flags):
        paths = [find_single_image(pictures / f"train{letter}") for letter in "AB"]
        preprocess = Preprocess(words, 64, 32, filter="bilinear", zoom_min=1 / 3, **flags)
        return SingleImageCrops(*map(Part, paths), 3, 3, preprocess, seed=seed, batch_size=BATCH, length=1000)

    return make


def cuts_of(dataset, batch, epoch=1, domain="A", size=(300, 200)):
    return [dataset.draw(domain, size, epoch, index) for index in range(batch * BATCH, (batch + 1) * BATCH)]


def test_a_batch_shares_its_scale_and_others_have_another(crops):
    dataset = crops()
    scales = [{cut.zoomed for cut in cuts_of(dataset, batch)} for batch in range(20)]
    assert all(len(scale) == 1 for scale in scales)
    assert len(set.union(*scales)) == 20
    assert cuts_of(dataset, 0)[0].zoomed != cuts_of(dataset, 0, epoch=2)[0].zoomed
    widths, heights = zip(*set.union(*scales), strict=True)
    assert 100 <= min(widths) < 130 < 250 < max(widths) <= 300
    assert 67 <= min(heights) < 90 < 170 < max(heights) <= 200


def test_the_domains_are_scaled_apart(crops):
    dataset = crops()
    assert cuts_of(dataset, 0)[0].zoomed != cuts_of(dataset, 0, domain="B")[0].zoomed


def test_crops_of_a_batch_do_not_overlap_while_there_are_cells(crops):
    dataset = crops(words="patch")  # 300x200 has 9x6 cells of 32
    for batch in range(5):
        seen = np.zeros((200, 300), dtype=int)
        for cut in cuts_of(dataset, batch):
            left, top, right, bottom = cut.box
            assert (right - left, bottom - top) == (32, 32)
            seen[top:bottom, left:right] += 1
        assert seen.max() == 1
        assert seen.sum() == BATCH * 32**2


def test_where_cells_are_few_another_grid_serves_for_the_rest():
    size, cell_px = (80, 70), 32  # four cells
    boxes = [grid_cell(size, cell_px, place, np.random.default_rng(0)) for place in range(8)]
    assert len(set(boxes[:4])) == len(set(boxes[4:])) == 4
    assert set(boxes[:4]) != set(boxes[4:])
    corners = np.array([[box[:2] for box in group] for group in (boxes[:4], boxes[4:])])
    assert all(np.ptp(group, axis=0).tolist() == [32, 32] for group in corners)
    assert corners.min() >= 0
    assert (corners.reshape(-1, 2) + 32 <= size).all()


def test_every_place_is_shown(crops):
    dataset, seen = crops(words="patch"), np.zeros((200, 300), dtype=int)
    for batch in range(300):
        for left, top, right, bottom in (cut.box for cut in cuts_of(dataset, batch)):
            seen[top:bottom, left:right] += 1
    assert (seen > 0).mean() > 0.999  # a corner is shown by one grid in some fifty


def test_a_sample_is_the_slow_way_to_rounding(crops, pictures):
    dataset = crops()
    sample = dataset[2, 21]
    for domain in "AB":
        with Image.open(sample[f"{domain}_path"]) as picture:
            cut = dataset.draw(domain, picture.size, 2, 21)
            slow = picture.resize(cut.zoomed, FILTERS["bilinear"]).crop(cut.box)
        slow = slow.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if cut.mirrored else slow
        made = sample[domain].permute(1, 2, 0).numpy().astype(int)
        assert np.abs(made - np.asarray(slow)).max() <= 1


def test_samples_follow_from_seed_epoch_and_index(crops):
    first, again, other = crops(), crops(), crops(seed=1)
    for key in ((1, 0), (1, 17), (2, 0)):
        assert all(first[key][domain].equal(again[key][domain]) for domain in "AB")
        assert not first[key]["A"].equal(other[key]["A"])
    assert not first[1, 0]["A"].equal(first[2, 0]["A"])


def test_a_small_picture_is_enlarged_to_a_crop(tmp_path, noise):
    noise(20, 40, "RGB").save(tmp_path / "small.png")
    path = tmp_path / "small.png"
    preprocess = Preprocess("zoom_and_patch", 64, 32, filter="bilinear", zoom_min=1 / 3)
    dataset = SingleImageCrops(Part(path), Part(path), 3, 3, preprocess, seed=0, batch_size=2, length=4)
    assert dataset[1, 0]["A"].shape == (3, 32, 32)


def test_a_deep_picture_is_cut_alike(tmp_path, crops, noise):
    """Values that are 257 times the levels of an 8-bit picture, with a range that is 257 times as wide."""
    levels = np.asarray(noise(300, 200, "L"))
    Image.fromarray(levels).save(tmp_path / "flat.png")
    np.save(tmp_path / "deep.npy", levels.astype(np.uint16) * 257)
    preprocess = Preprocess("zoom_and_patch", 64, 32, filter="bilinear", zoom_min=1 / 3)

    def make(part):
        return SingleImageCrops(part, part, 1, 1, preprocess, seed=0, batch_size=4, length=100)

    flat = make(Part(tmp_path / "flat.png"))
    deep = make(Part(tmp_path / "deep.npy", range=ValueRange(0, 65535, "uint16")))
    for index in range(8):
        signed = flat[1, index]["A"].numpy() / 127.5 - 1
        assert np.abs(deep[1, index]["A"].numpy() - signed).max() <= 1.01 / 127.5


@pytest.mark.parametrize("words", ["crop", "zoom_and_crop", "resize_and_crop", "trim"])
def test_other_words_cut_by_chance(crops, words):
    dataset = crops(words)
    assert len({dataset.draw("A", (300, 200), 1, index).box for index in range(BATCH)}) > BATCH / 2
    assert dataset[1, 3]["A"].shape == (3, 32, 32)


def test_the_order_keeps_batches_together(crops):
    sampler = EpochSampler(len(crops()), BATCH, seed=0, n_epochs=1, serial=True, start_sample=BATCH)
    assert next(iter(sampler)) == [(1, index) for index in range(BATCH, 2 * BATCH)]


def test_other_numbers_of_pictures_are_refused(pictures, noise):
    noise(40, 40, "RGB").save(pictures / "trainA/zzz.png")
    with pytest.raises(InputError, match=r"trainA holds 2 pictures, and single-picture .* --max_dataset_size 1$"):
        find_single_image(pictures / "trainA")
    assert find_single_image(pictures / "trainA", 1).name == "any A.png"
