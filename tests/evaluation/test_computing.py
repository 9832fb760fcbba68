"""Batches of equal sizes, pairs that fit, float32 whatever is around, and when a bar is shown."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from translate.evaluation import computing
from translate.evaluation.computing import batches, followed, measuring, pairs
from translate.evaluation.metric import Unmeasurable
from translate.evaluation.picture_set import PictureSet


@given(st.lists(st.sampled_from([(2, 3), (3, 2), (30, 40)]), max_size=30), st.integers(1, 5000))
def test_batches_hold_all_in_their_order(sizes, most_px):
    samples = [(torch.full((3, *size), float(at)), torch.full((1, *size), -float(at))) for at, size in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(computing, "BATCH_PX", most_px)
        found = list(batches(samples))
    for first, second in found:
        assert len(first) == len(second) and first.shape[2:] == second.shape[2:]
        assert len(first) == 1 or (len(first) - 1) * first.shape[2:].numel() < most_px
    parts = [(a, b) for first, second in found for a, b in zip(first, second, strict=True)]
    assert len(parts) == len(samples)
    assert all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(parts, samples, strict=True))


def test_pictures_of_one_size_go_together():
    assert [len(batch) for (batch,) in batches((torch.zeros(3, 256, 256),) for _ in range(20))] == [16, 4]


def test_pairs_that_do_not_fit_are_named():
    one = PictureSet.in_memory([np.zeros((4, 5, 3), np.uint8)] * 2, ["apple", "pear"])
    other = PictureSet.in_memory([np.zeros((4, 5, 3), np.uint8), np.zeros((7, 6, 3), np.uint8)], ["apple", "peach"])
    assert len(list(pairs(one, one))) == 2
    with pytest.raises(
        Unmeasurable, match="pear and peach are 5x4 and 6x7 pixels and cannot be compared; give pictures"
    ):
        list(pairs(one, other))
    with pytest.raises(Unmeasurable, match="2 pictures cannot be compared with 1 one by one"):
        list(pairs(one, other.part([0])))


def test_it_computes_in_float32_and_leaves_everything_as_it_was():
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            with measuring(torch.device("cpu")):
                assert torch.get_float32_matmul_precision() == "highest" and not torch.backends.cudnn.allow_tf32
                assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
                assert torch.ones(1).is_inference()
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
            with pytest.raises(KeyError), measuring(torch.device("cpu")):
                raise KeyError
        assert torch.get_float32_matmul_precision() == "medium"
        assert torch.backends.cudnn.allow_tf32 == before[1]
    finally:
        torch.set_float32_matmul_precision(before[0])


def test_items_are_followed_whether_or_not_somebody_looks():
    assert list(followed(range(3), 3, "x")) == [0, 1, 2]
    assert list(followed(iter(range(100)), 100, "x")) == list(range(100))
