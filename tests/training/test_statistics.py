"""Statistics of the training pictures: of what they are taken, and when they are taken again."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from translate.data.preprocess import Preprocess
from translate.data.single import SinglePictures
from translate.data.tensors import to_tensor
from translate.training.statistics import measure


class Counting:
    """A method that wants the sizes of the pictures and their sums, and counts how often it is asked."""

    def __init__(self, measures="sizes and sums, 1"):
        self.measures = measures
        self.calls = 0

    def measure(self, pictures):
        self.calls += 1
        return torch.tensor([[*map(float, each.shape), each.sum().item()] for each in pictures])


@pytest.fixture
def feed(tmp_path, random_picture):
    """Two pictures, 40x20 and 8x12, as much of a feed as is needed."""
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, size in zip(paths, ((40, 20), (8, 12)), strict=True):
        random_picture(*size).save(path)
    return SimpleNamespace(dataset=SinglePictures(paths, 3, Preprocess("none"), seed=0), paths=paths, input_nc=3)


def test_large_pictures_are_scaled_down_to_the_load_size_and_small_ones_taken_as_they_are(feed, tmp_path):
    value = measure(Counting(), feed, 10, tmp_path / "cache")
    pictures = [Image.open(path).convert("RGB") for path in feed.paths]
    expected = [pictures[0].resize((20, 10), Image.Resampling.BOX), pictures[1].resize((10, 15))]
    assert value[0].tolist() == [3, 10, 20, np.asarray(expected[0]).sum()]
    assert value[1, 1:3].tolist() == [12, 8]
    assert value[1, 3] == to_tensor(pictures[1]).sum()


def test_the_second_time_they_are_remembered(feed, tmp_path):
    method = Counting()
    first, second = (measure(method, feed, 10, tmp_path / "cache") for _ in range(2))
    assert torch.equal(first, second)
    assert method.calls == 1


def test_what_they_depend_on_has_them_taken_again(feed, tmp_path, random_picture):
    method, cache = Counting(), tmp_path / "cache"
    measure(method, feed, 10, cache)
    measure(Counting("sizes and sums, 2"), feed, 10, cache)
    for count, change in enumerate((
        lambda: measure(method, feed, 11, cache),
        lambda: measure(method, SimpleNamespace(**{**vars(feed), "input_nc": 1}), 10, cache),
        lambda: random_picture(9, 12, seed=1).save(feed.paths[1]) or measure(method, feed, 10, cache),
    ), 2):  # fmt: skip
        change()
        assert method.calls == count
    assert len(list(cache.iterdir())) == 5


@pytest.mark.parametrize("damage", [lambda file: file.write_text("[1, "), lambda file: file.unlink()])
def test_a_cache_that_cannot_be_read_is_no_obstacle(feed, tmp_path, damage):
    method, cache = Counting(), tmp_path / "cache"
    first = measure(method, feed, 10, cache)
    damage(next(cache.iterdir()))
    assert torch.equal(measure(method, feed, 10, cache), first)
    assert method.calls == 2


def test_nor_is_one_that_cannot_be_written(feed, tmp_path):
    (tmp_path / "file").touch()
    assert measure(Counting(), feed, 10, tmp_path / "file/cache").shape == (2, 4)
