"""The history of fakes: against a slow pool of numbers, and as part of what is saved."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from translate.methods.image_pool import PASS_ON, ImagePool


def numbered(*values: int, side: int = 2) -> Tensor:
    """Pictures (B, 1, side, side), each full of its number."""
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 1, side, side).clone()


def numbers(images: list[Tensor]) -> list[int]:
    return [int(image[0, 0, 0]) for image in images]


@given(st.integers(1, 4), st.lists(st.lists(st.integers(-1, 3), min_size=1, max_size=3), max_size=12))
def test_the_pool_is_a_list_that_fills_and_then_swaps(size, steps):
    pool, slow, next_number = ImagePool(size), [], 0
    for places in steps:
        places = [min(place, size - 1) for place in places]
        batch = list(range(next_number, next_number + len(places)))
        next_number += len(places)
        expected = []
        for number, place in zip(batch, places, strict=True):
            if len(slow) < size:
                slow.append(number)
                expected.append(number)
            elif place < 0:
                expected.append(number)
            else:
                expected.append(slow[place])
                slow[place] = number
        assert numbers(pool.query(numbered(*batch), torch.tensor(places))) == expected
        assert numbers(pool.images) == slow


def test_a_pool_of_size_0_passes_everything_on():
    pool = ImagePool(0)
    assert numbers(pool.query(numbered(1, 2))) == [1, 2]
    assert pool.images == []


def test_half_of_the_draws_swap_and_every_place_is_drawn_equally_often():
    pool = ImagePool(5)
    drawn = [int(pool.draw(np.random.default_rng(seed))) for seed in range(2000)]
    counts = np.bincount(np.array(drawn) + 1, minlength=6)
    assert abs(counts[0] - 1000) < 6 * np.sqrt(500)
    assert np.abs(counts[1:] - 200).max() < 6 * np.sqrt(180)
    assert int(ImagePool(1).draw(np.random.default_rng(1))) in (PASS_ON, 0)


def test_the_content_is_part_of_what_is_saved():
    pool = ImagePool(2)
    pool.query(numbered(1), [0])
    pool.query(numbered(2, side=3), [0])  # of another size
    file = io.BytesIO()
    torch.save(pool.state_dict(), file)
    file.seek(0)
    restored = ImagePool(2)
    restored.load_state_dict(torch.load(file, weights_only=True))
    for number, place in ((3, 1), (4, PASS_ON), (5, 1), (6, 0)):
        shown = [p.query(numbered(number), [place])[0] for p in (pool, restored)]
        assert torch.equal(*shown)
    assert numbers(restored.images) == numbers(pool.images) == [6, 5]


def test_a_smaller_pool_takes_what_fits():
    pool, smaller = ImagePool(3), ImagePool(1)
    pool.query(numbered(1, 2, 3), [0, 0, 0])
    smaller.load_state_dict(pool.state_dict())
    assert numbers(smaller.query(numbered(4), [0])) == [1]


def test_former_pictures_keep_their_size():
    pool = ImagePool(1)
    pool.query(numbered(1, side=3), [0])
    assert pool.query(numbered(2, side=5), [0])[0].shape == (1, 3, 3)


def test_no_gradient_leads_through_the_pool():
    images = numbered(1).requires_grad_()
    for size in (0, 1):
        pool = ImagePool(size)
        assert not any(shown.requires_grad for _ in range(2) for shown in pool.query(images * 2, [0]))


def test_pictures_are_kept_for_themselves():
    """Not as a view of their batch, which would be changed with it, kept in memory and written to the state."""
    pool, batch = ImagePool(2), numbered(1, 2)
    pool.query(batch, [0, 0])
    batch.zero_()
    assert numbers(pool.images) == [1, 2]
    assert all(image.untyped_storage().nbytes() == 4 * image.numel() for image in pool.images)


def test_each_picture_needs_its_draw():
    with pytest.raises(ValueError):
        ImagePool(1).query(numbered(1, 2), [0])
