"""One folder of pictures: samples that are pure functions of seed, epoch and index."""

import pickle

import pytest
import torch

from translate.data.preprocess import Preprocess
from translate.data.reading import PictureError, read_picture
from translate.data.single import SinglePictures
from translate.data.tensors import to_tensor
from translate.errors import InputError
from translate.randomness import generator

SMALL = Preprocess(load_size=36, crop_size=32)


def test_a_sample_is_what_its_generator_says(two_domains):
    paths, _ = two_domains
    pictures = SinglePictures(paths, 3, SMALL, seed=4)
    assert len(pictures) == pictures.inputs() == 5
    sample = pictures[2, 3]
    assert torch.equal(sample["A"], to_tensor(SMALL(read_picture(paths[3]), generator(4, "augment A", 2, 3))))
    assert {key: sample[key] for key in sample if key != "A"} == {"A_path": str(paths[3]), "epoch": 2, "index": 3}


def test_samples_do_not_depend_on_what_was_asked_before(two_domains):
    used = SinglePictures(two_domains[0], 3, SMALL, seed=1)
    fresh = pickle.loads(pickle.dumps(used))
    first = used[1, 0]
    assert torch.equal(used[7, 2]["A"], fresh[7, 2]["A"])
    assert not torch.equal(used[2, 0]["A"], first["A"])
    assert not torch.equal(SinglePictures(two_domains[0], 3, SMALL, seed=2)[1, 0]["A"], first["A"])


def test_late_epochs_use_the_late_transform(two_domains):
    late = Preprocess(load_size=24, crop_size=24)
    pictures = SinglePictures(two_domains[0], 3, SMALL, late, 2, seed=1)
    assert [pictures[epoch, 0]["A"].shape[-1] for epoch in (1, 2, 3)] == [32, 32, 24]


def test_inputs_are_as_they_are_on_disk(two_domains):
    paths, _ = two_domains
    for channels, mode in ((1, "L"), (3, "RGB")):
        pictures = SinglePictures(paths, channels, SMALL, seed=1)
        image = pictures.read_input(2)
        assert (image.mode, image.size) == (mode, (42, 42))
        assert pictures[1, 2]["A"].shape == (channels, 32, 32)


def test_what_does_not_fit_or_is_not_there_is_named(two_domains, tmp_path):
    with pytest.raises(InputError, match=r"crop_size 64 is larger than .*trainA/0.png \(40x44\)"):
        SinglePictures(two_domains[0], 3, Preprocess("crop", crop_size=64), seed=1)[1, 0]
    with pytest.raises(PictureError, match=r"gone\.png does not exist"):
        SinglePictures([tmp_path / "gone.png"], 3, SMALL, seed=1)[1, 0]
    with pytest.raises(InputError, match="there are no pictures to learn from"):
        SinglePictures([], 3, SMALL, seed=1)
