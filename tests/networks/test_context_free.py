"""The head of the context-free network against a slow version."""

import numpy as np
import pytest
import torch

from translate.networks.context_free import ContextFreeHead


def linear(layer, rows):
    return rows @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def halved(maps):
    """The largest of every 3x3, two apart; what is cut off at the end counts too."""
    side = maps.shape[-1]
    starts = range(0, side - 1, 2)
    rows = [np.stack([maps[..., y : y + 3, x : x + 3].max((-2, -1)) for x in starts], -1) for y in starts]
    return np.stack(rows, -2)


@pytest.mark.parametrize(("side", "left"), [(1, 1), (2, 2), (3, 1), (4, 2), (6, 3), (7, 3)])
def test_it_is_what_it_says(side, left):
    torch.manual_seed(0)
    head = ContextFreeHead(5, side, 9, 7, tile_nc=4, hidden=6).double()
    maps = torch.randn(18, 5, side, side, dtype=torch.float64)
    assert head.fc6[1].in_features == 5 * left * left
    pooled = maps.numpy() if side < 3 else halved(maps.numpy())
    one_by_one = np.maximum(linear(head.fc6[1], pooled.reshape(18, -1)), 0)
    together = np.stack([np.concatenate(list(tiles)) for tiles in (one_by_one[:9], one_by_one[9:])])
    expected = linear(head.fc8, np.maximum(linear(head.fc7[0], together), 0))
    assert np.allclose(head(maps).detach().numpy(), expected)


def test_all_permutations_are_alike_at_the_start():
    head = ContextFreeHead(5, 3, 9, 7)
    head.start_even()
    assert torch.equal(head(torch.randn(18, 5, 3, 3)), torch.zeros(2, 7))


def test_the_published_widths_are_the_defaults():
    head = ContextFreeHead(256, 6, 9, 1000)
    assert head.fc6[1].out_features == 512
    assert (head.fc7[0].in_features, head.fc7[0].out_features) == (9 * 512, 4096)
