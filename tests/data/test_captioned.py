"""Pictures with captions: samples that are pure functions of seed, epoch and index."""

import pickle

import pytest
import torch

from translate.data.captioned import CaptionedPictures
from translate.data.loading import make_loader
from translate.data.preprocess import Preprocess
from translate.data.single import SinglePictures

SMALL = Preprocess(load_size=36, crop_size=32)
TOKENS = [[[1, 9]], [[2, 9], [3, 3, 9], [4, 9]], [[5, 9]], [[6, 9]], [[7, 9], [8, 9]]]


@pytest.fixture
def pictures(two_domains):
    return SinglePictures(two_domains[0], 3, SMALL, seed=1)


def test_a_sample_is_a_picture_and_one_of_its_captions(pictures):
    captioned = CaptionedPictures(pictures, TOKENS, seed=1)
    assert len(captioned) == captioned.inputs() == 5
    for index, own in enumerate(TOKENS):
        sample, plain = captioned[2, index], pictures[2, index]
        assert sample["tokens"] in own
        assert torch.equal(sample["A"], plain["A"]) and sample["A_path"] == plain["A_path"]
        assert captioned.files((2, index)) == pictures.files((2, index))
        assert captioned.read_input(index).size == pictures.read_input(index).size


def test_each_epoch_chooses_anew_and_all_captions_have_their_turn(pictures):
    captioned = CaptionedPictures(pictures, TOKENS, seed=1)
    chosen = [captioned[epoch, 1]["tokens"] for epoch in range(1, 31)]
    assert {tuple(each) for each in chosen} == {tuple(each) for each in TOKENS[1]}
    again = pickle.loads(pickle.dumps(captioned))
    assert [again[epoch, 1]["tokens"] for epoch in range(1, 31)] == chosen
    other = CaptionedPictures(pictures, TOKENS, seed=2)
    assert [other[epoch, 1]["tokens"] for epoch in range(1, 31)] != chosen


def test_a_batch_holds_the_ids_of_each_text_in_its_length(pictures):
    captioned = CaptionedPictures(pictures, TOKENS, seed=1)
    keys = [(1, 0), (1, 1), (1, 3)]
    for workers in (0, 1):
        (batch,) = make_loader(captioned, [keys], workers)
        assert batch["tokens"] == [captioned[key]["tokens"] for key in keys]
        assert batch["A"].shape == (3, 3, 32, 32)
