import torch

from translate.networks.depth_colours import COLOURS, UNKNOWN, colour_depth


def test_near_is_warm_and_far_is_cold():
    log_depth = torch.linspace(0, 3, 64).view(1, 1, 1, 64)
    red, _, blue = colour_depth(log_depth)[0, :, 0]
    assert red[0] > blue[0]
    assert blue[-1] > red[-1]
    assert torch.allclose(
        (colour_depth(torch.tensor([[[[0.0, 9.0]]]])).clamp(-1, 1)), colour_depth(log_depth[..., ::63])
    )


def test_scale_does_not_change_a_picture_and_pictures_are_by_themselves():
    log_depth = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(colour_depth(log_depth + 5), colour_depth(log_depth), atol=1e-4)
    assert torch.allclose(colour_depth(log_depth)[1:], colour_depth(log_depth[1:]))


def test_what_is_not_known_is_grey_and_does_not_count():
    log_depth = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    valid = torch.ones_like(log_depth, dtype=torch.bool)
    valid[..., :2, :] = False
    with_holes = torch.where(valid, log_depth, torch.full_like(log_depth, float("nan")))
    coloured = colour_depth(with_holes, valid)
    assert torch.equal(coloured[..., :2, :], torch.full((1, 3, 2, 8), UNKNOWN * 2 - 1))
    assert torch.allclose(coloured[..., 2:, :], colour_depth(log_depth[..., 2:, :]), atol=1e-5)
    assert torch.equal(colour_depth(with_holes, torch.zeros_like(valid)), torch.full((1, 3, 8, 8), UNKNOWN * 2 - 1))


def test_plain_depth_is_the_middle_of_the_colours():
    middle = (torch.tensor(COLOURS[3]) + torch.tensor(COLOURS[4])) / 2
    assert torch.allclose((colour_depth(torch.ones(1, 1, 2, 2))[0, :, 0, 0] + 1) / 2, middle, atol=1e-5)
