"""The head that compares patches, against one pair at a time."""

import torch
from torch import nn

from translate.networks.pair_head import PairHead


def test_pairs_are_those_of_two_patches_side_by_side():
    torch.manual_seed(0)
    head = PairHead(3 * 2 * 2, classes=8, width=5).double()
    maps = torch.randn(2, 4, 3, 2, 2, dtype=torch.float64)
    first, second = torch.tensor([0, 3, 1, 2, 2]), torch.tensor([1, 0, 2, 1, 2])
    found = head(maps, first, second)
    assert found.shape == (2, 5, 8)
    plain = nn.Sequential(head.pair, *head.layers)
    for sample in range(2):
        for pair, (i, j) in enumerate(zip(first, second, strict=True)):
            two = torch.cat([torch.relu(head.patch[0](maps[sample, patch].flatten())) for patch in (i, j)])
            assert torch.allclose(found[sample, pair], plain(two), atol=1e-12)


def test_the_order_of_a_pair_matters():
    torch.manual_seed(0)
    head = PairHead(12, classes=8, width=5)
    logits = head(torch.randn(1, 2, 3, 2, 2), torch.tensor([0, 1]), torch.tensor([1, 0]))
    assert not torch.allclose(logits[0, 0], logits[0, 1])


def test_all_classes_are_alike_at_the_start_and_the_layer_before_them_learns():
    head = PairHead(12, classes=8, width=5)
    head.start_even()
    logits = head(torch.randn(1, 2, 3, 2, 2), torch.tensor([0]), torch.tensor([1]))
    assert not logits.any()
    logits[..., 0].sum().backward()
    assert head.layers[-1].weight.grad.any()
