"""Projection heads against their layers written out."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from translate.networks.heads import LinearHead, MLPHead


def linear_layers(head):
    return [layer for layer in head.layers if isinstance(layer, nn.Linear)]


def test_a_map_goes_in_by_its_mean_and_vectors_as_they_are():
    torch.manual_seed(0)
    head = MLPHead(3, [5, 4], norm=False, last_norm=False).double()
    maps = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    torch.testing.assert_close(head(maps), head(maps.flatten(2).mean(2)))


@pytest.mark.parametrize("normed", [True, False])
def test_its_layers_in_order(normed):
    torch.manual_seed(0)
    head = MLPHead(3, [5, 7, 4], norm=normed, last_norm=normed).double().train()
    x = expected = torch.randn(6, 3, dtype=torch.float64)
    layers = linear_layers(head)
    assert [tuple(layer.weight.shape) for layer in layers] == [(5, 3), (7, 5), (4, 7)]
    for number, layer in enumerate(layers):
        assert (layer.bias is None) == normed
        expected = F.linear(expected, layer.weight, layer.bias)
        if normed:
            expected = (expected - expected.mean(0)) / (expected.var(0, unbiased=False) + 1e-5).sqrt()
        expected = expected if number == 2 else expected.relu()
    torch.testing.assert_close(head(x), expected)


def test_the_last_norm_has_no_weights_and_can_be_left_out():
    norms = [layer for layer in MLPHead(3, [5, 4]).layers if isinstance(layer, nn.BatchNorm1d)]
    assert [norm.affine for norm in norms] == [True, False]
    without = MLPHead(3, [5, 4], last_norm=False).layers
    assert isinstance(without[-1], nn.Linear) and without[-1].bias is not None
    assert sum(isinstance(layer, nn.BatchNorm1d) for layer in without) == 1


def test_one_layer_is_linear():
    assert [type(layer) for layer in MLPHead(3, [4], norm=False, last_norm=False).layers] == [nn.Linear]


def test_a_linear_head_is_its_weights_times_the_mean_of_the_map():
    head, x = LinearHead(3, 5), torch.randn(2, 3, 4, 6)
    assert [name for name, _ in head.named_parameters()] == ["layer.weight"]
    torch.testing.assert_close(head(x), x.flatten(2).mean(2) @ head.layer.weight.T)
