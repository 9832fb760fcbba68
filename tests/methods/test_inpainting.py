"""Holes in pictures of any size: what the network sees of them, and what comes back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from translate.data.mask_files import make_mask
from translate.masks import region_mask
from translate.methods.inpainting import Inpainter
from translate.networks.context import ContextGenerator, HoleFiller
from translate.networks.initialization import initialize

SIDE = 16
HOLE_PX = 6  # of the network with a hole in the middle: half of its side less an overlap of 1
UNSEEN = 5.0  # a colour that no picture has, to tell what a network gets to see


def network(whole: bool) -> ContextGenerator:
    torch.manual_seed(0)
    generator = initialize(ContextGenerator(width=2, bottleneck=4, side=SIDE, whole=whole), "normal", 0.5)
    generator.hole.copy_(torch.tensor([0.5, -0.25, 0.125]))
    return generator.eval().requires_grad_(False)


def inpainter(central: bool) -> Inpainter:
    return Inpainter(network(whole=not central), HOLE_PX if central else None)


class Painter(HoleFiller):
    """A network that knows what to paint, and keeps what it saw."""

    def __init__(self, paint, whole: bool = True, side: int = SIDE):
        super().__init__(3, side, side if whole else side // 2)
        self.hole.fill_(UNSEEN)
        self.paint = paint
        self.saw: list[Tensor] = []

    def forward(self, punched: Tensor) -> Tensor:
        self.saw.append(punched)
        return self.crop(self.paint(punched))


def picture(height: int, width: int, batch: int = 1, seed: int = 0) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def square(height: int, width: int, top: int, left: int, side: int) -> Tensor:
    mask = torch.zeros(1, height, width, dtype=torch.bool)
    mask[:, top : top + side, left : left + side] = True
    return mask


def random_masks(height: int, width: int, batch: int, seed: int) -> Tensor:
    rng = np.random.default_rng(seed)
    return torch.stack([torch.from_numpy(region_mask(rng, height, width)) for _ in range(batch)])


@pytest.mark.parametrize("central", [True, False])
def test_at_its_own_size_the_network_is_asked_directly(central):
    images, tool = picture(SIDE, SIDE, 2), inpainter(central)
    masks = square(SIDE, SIDE, 5, 5, 6).expand(2, -1, -1)
    holes = masks.unsqueeze(1)
    expected = torch.where(holes, tool.generator.predict(tool.generator.punch(images, holes)), images)
    torch.testing.assert_close(tool(images, masks), expected, rtol=0, atol=1e-6)


@settings(max_examples=40)
@given(st.booleans(), st.integers(1, 50), st.integers(1, 50), st.integers(0, 99))
def test_what_is_known_stays_to_the_bit(central, height, width, seed):
    images, masks = picture(height, width, 2, seed), random_masks(height, width, 2, seed)
    before = images.clone()
    filled = inpainter(central)(images, masks)
    known = ~masks.unsqueeze(1).expand_as(images)
    assert filled.shape == images.shape
    assert torch.equal(filled[known], images[known])
    assert filled.isfinite().all()
    assert filled.abs().max() <= 1
    assert torch.equal(images, before)


@settings(max_examples=25)
@given(st.booleans(), st.integers(8, 50), st.integers(8, 50), st.integers(0, 99))
def test_what_is_under_the_mask_is_not_looked_at(central, height, width, seed):
    tool, masks = inpainter(central), random_masks(height, width, 1, seed)
    images = picture(height, width, seed=seed)
    hidden = torch.where(masks.unsqueeze(1), torch.nan, images)
    first, second = tool(images, masks), tool(hidden, masks)
    assert torch.equal(first, second)
    inside = masks.unsqueeze(1).expand_as(images)
    assert not torch.equal(first[inside], images[inside])


@pytest.mark.parametrize("central", [True, False])
@pytest.mark.parametrize("size", [(16, 16), (31, 90), (90, 31), (9, 9), (200, 140)])
def test_a_picture_of_one_colour_stays_one(central, size):
    """Scaling must mix nothing of the hole into what is known, nor the reverse."""
    colour = torch.tensor([0.3, -0.6, 0.9]).view(1, 3, 1, 1)
    painter = Painter(lambda punched: colour.expand_as(punched), whole=not central)
    images = colour.expand(1, 3, *size)
    masks = random_masks(*size, 1, 0)
    filled = Inpainter(painter, HOLE_PX if central else None)(images, masks)
    torch.testing.assert_close(filled, images.clone(), rtol=0, atol=1e-5)
    for saw in painter.saw:
        known = saw != UNSEEN
        torch.testing.assert_close(saw[known], colour.expand_as(saw)[known], rtol=0, atol=1e-5)


def continue_planes(punched: Tensor) -> Tensor:
    """Fits a + b x + c y to what is seen of each channel and continues it: right for pictures that are planes."""
    side = punched.shape[-1]
    y, x = torch.meshgrid(*(2 * [torch.arange(side, dtype=punched.dtype)]), indexing="ij")
    terms = torch.stack([torch.ones_like(x), x, y], -1)
    painted = torch.empty_like(punched)
    for b in range(punched.shape[0]):
        for c in range(3):
            seen = punched[b, c] != UNSEEN
            fit = torch.linalg.lstsq(terms[seen], punched[b, c][seen].unsqueeze(1)).solution
            painted[b, c] = (terms @ fit).squeeze(-1)
    return painted


@pytest.mark.parametrize("central", [True, False])
@pytest.mark.parametrize("hole_side", [3, 7, 12, 30])
def test_a_fill_lands_where_it_belongs(central, hole_side):
    """A plane is continued through the hole: any shift or wrong scale on the way would show as a step."""
    height, width = 170, 150
    y, x = torch.meshgrid(torch.arange(height) / 100, torch.arange(width) / 100, indexing="ij")
    images = torch.stack([x - 0.8, y - 0.9, 0.5 * x - 0.3 * y]).unsqueeze(0).double()
    masks = square(height, width, 70, 61, hole_side)
    tool = Inpainter(Painter(continue_planes, whole=not central, side=32), 14 if central else None).double()
    torch.testing.assert_close(tool(images, masks), images, rtol=0, atol=0.004)


@settings(max_examples=60)
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_a_hole_comes_to_lie_in_the_middle(height, width, data):
    """All that the central network has not seen is its middle square, wherever the hole and whatever its size."""
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))
    masks = torch.zeros(1, height, width, dtype=torch.bool)
    masks[:, top:bottom, left:right] = True
    tool = Inpainter(Painter(torch.zeros_like, whole=False), HOLE_PX)
    (window,) = tool.windows(masks[0])
    longest = max(bottom - top, right - left)
    assert 2 * window.box.top + window.side in (top + bottom, top + bottom - 1)
    assert 2 * window.box.left + window.side in (left + right, left + right - 1)
    assert longest * SIDE <= HOLE_PX * window.side < longest * SIDE + 2 * HOLE_PX
    filled = tool(torch.zeros(1, 3, height, width), masks)
    assert torch.equal(filled, torch.zeros_like(filled))
    unseen = (tool.generator.saw[0] == UNSEEN)[0, 0]
    assert unseen[5:11, 5:11].all()
    beyond = window.box.top < 0 or window.box.left < 0 or window.inside != window.box
    if not beyond:
        assert unseen.sum() == HOLE_PX**2


@settings(max_examples=60)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
def test_windows_of_other_networks_stay_in_the_picture_where_they_can(height, width, seed):
    mask = random_masks(height, width, 1, seed)[0]
    tool = Inpainter(Painter(torch.zeros_like))
    wanted = torch.zeros_like(mask, dtype=torch.int64)
    for window in tool.windows(mask):
        box, hole = window.box, window.wanted.nonzero()
        wanted[window.inside.slices()] += window.wanted
        assert box.bottom - box.top == box.right - box.left == window.side
        extent = int((hole.max(0).values - hole.min(0).values).max()) + 1
        assert window.side >= extent
        assert window.side >= min(SIDE, height, width)
        for first, last, length in ((box.top, box.bottom, height), (box.left, box.right, width)):
            inside = (first >= 0) and (last <= length)
            around = (first <= 0) and (last >= length)
            assert inside if window.side <= length else around
    assert torch.equal(wanted, mask.long())  # each pixel of the hole is filled once, and no other


def test_holes_far_apart_are_seen_each_from_near():
    mask = square(200, 200, 10, 10, 8)[0] | square(200, 200, 150, 170, 20)[0] | square(200, 200, 14, 19, 2)[0]
    for central, sides in ((True, [54, 22, 6]), (False, [40, 16])):
        windows = inpainter(central).windows(mask)
        assert [window.side for window in windows] == sides
    # The smallest hole is filled with its neighbour where the network fills all that it sees.
    assert [int(window.wanted.sum()) for window in windows] == [400, 64 + 4]


def test_one_window_at_the_networks_size():
    """A picture as in training is seen as in training, however many pieces its hole has."""
    mask = random_masks(SIDE, SIDE, 1, 3)[0]
    (window,) = inpainter(central=False).windows(mask)
    assert window.box == (0, SIDE, 0, SIDE)


def test_many_windows_are_filled_in_portions():
    mask = torch.zeros(1, 90, 90, dtype=torch.bool)
    mask[:, ::10, ::10] = True
    painter = Painter(torch.ones_like, whole=False)
    filled = Inpainter(painter, HOLE_PX)(torch.zeros(1, 3, 90, 90), mask)
    assert torch.equal(filled[:, 0].bool(), mask)
    assert [len(saw) for saw in painter.saw] == [32, 32, 17]


def test_the_default_hole_suits_the_network():
    for central, share in ((True, HOLE_PX / SIDE), (False, 0.5)):
        tool = inpainter(central)
        assert tool.hole_share == share
        for height, width in ((16, 16), (33, 50), (50, 33), (1, 9), (2, 2)):
            mask = torch.from_numpy(make_mask("centre", width, height, hole_share=tool.hole_share))
            images = picture(height, width)
            assert torch.equal(tool(images), tool(images, mask.unsqueeze(0)))


@pytest.mark.parametrize("side", [16, 31, 32, 100, 128, 255])
def test_the_default_hole_of_a_square_needs_next_to_no_border(side):
    (window,) = inpainter(central=True).windows(torch.from_numpy(make_mask("centre", side, side, hole_share=6 / 16)))
    assert side - 5 <= window.side <= side + 2


def test_pictures_without_a_hole_come_back():
    tool, images = inpainter(central=False), picture(20, 30, 3)
    masks = torch.zeros(3, 20, 30, dtype=torch.bool)
    assert torch.equal(tool(images, masks), images)
    masks[1, 4:9, 4:9] = True
    filled = tool(images, masks)
    assert torch.equal(filled[[0, 2]], images[[0, 2]])
    assert not torch.equal(filled[1], images[1])


def test_a_picture_does_not_depend_on_its_batch():
    tool, images, masks = inpainter(central=False), picture(40, 30, 3), random_masks(40, 30, 3, 5)
    alone = torch.cat([tool(images[i : i + 1], masks[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(tool(images, masks), alone, rtol=0, atol=1e-6)


def test_views_show_the_hole_and_its_fill():
    tool, images, masks = inpainter(central=True), picture(20, 30), square(20, 30, 3, 4, 9)
    views = tool.views(images, masks)
    assert list(views) == ["hole_A", "fake_B"]
    assert torch.equal(views["fake_B"], tool(images, masks))
    assert torch.equal(views["hole_A"], torch.where(masks, tool.generator.hole.view(1, 3, 1, 1), images))
    assert torch.equal(tool.views(images)["fake_B"], tool(images))


def test_all_of_a_picture_may_be_hidden():
    for central in (True, False):
        filled = inpainter(central)(picture(20, 30), torch.ones(1, 20, 30, dtype=torch.bool))
        assert filled.isfinite().all()


@pytest.mark.parametrize(
    "masks", [torch.zeros(1, 20, 31, dtype=torch.bool), torch.zeros(1, 20, 30), torch.zeros(20, 30, dtype=torch.bool)]
)
def test_masks_that_do_not_fit_are_refused(masks):
    with pytest.raises(ValueError, match=r"not boolean \(1, 20, 30\) as the pictures are"):
        inpainter(central=True)(picture(20, 30), masks)
