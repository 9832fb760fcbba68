"""Recomputed maps give the same gradients, and fewer maps are kept."""

import pytest
import torch
from torch import Tensor, nn

from translate.networks import build_generator
from translate.networks.checkpointing import checkpoint_gradients, frozen_statistics

TAPS = ["pixels", "down1", "down2", "res1", "res3"]


def make(norm: str, **flags: bool) -> nn.Module:
    torch.manual_seed(0)
    network = build_generator("resnet_4blocks", ngf=2, normG=norm, **flags).double()
    for weight in network.parameters():
        nn.init.normal_(weight, std=0.3)
    return network


def gradients_and_kept(network: nn.Module) -> tuple[list[Tensor], int]:
    """Gradients of what output and features give, and how many numbers were kept for them."""
    torch.manual_seed(1)
    image = torch.rand(2, 3, 16, 20, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    kept = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        output, features = network.forward_with_features(image, network.resolve_taps(TAPS))
    loss = output.square().sum() + sum(feature.tanh().sum() for feature in features)
    return list(torch.autograd.grad(loss, list(network.parameters()))), kept


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize("no_antialias", [False, True])
def test_gradients_are_the_same_and_less_is_kept(norm, no_antialias):
    flags = {"no_antialias": no_antialias, "no_antialias_up": no_antialias}
    plain, kept = gradients_and_kept(make(norm, **flags))
    network = make(norm, **flags)
    checkpoint_gradients(network)
    recomputed, kept_less = gradients_and_kept(network)
    for expected, found in zip(plain, recomputed, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert kept_less < kept / 2
    once = make(norm, **flags)
    gradients_and_kept(once)
    for expected, found in zip(once.buffers(), network.buffers(), strict=True):
        assert torch.equal(found, expected)  # running statistics have counted one pass


def test_dropout_masks_are_the_same_when_recomputed():
    plain, _ = gradients_and_kept(make("instance", no_dropout=False))
    network = make("instance", no_dropout=False)
    checkpoint_gradients(network)
    recomputed, _ = gradients_and_kept(network)
    for expected, found in zip(plain, recomputed, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_where_no_network_can_that_is_said():
    assert not checkpoint_gradients(build_generator("unet_128", ngf=2))
    assert checkpoint_gradients(nn.ModuleList([build_generator("unet_128", ngf=2), make("instance")]))


def test_frozen_statistics_count_nothing_and_compute_the_same():
    norm = nn.BatchNorm2d(2)
    x = torch.randn(2, 2, 3, 3)
    with frozen_statistics(norm):
        found = norm(x)
    assert norm.running_mean.tolist() == [0, 0] and norm.num_batches_tracked == 0
    assert torch.equal(norm(x), found)
    assert norm.num_batches_tracked == 1 and norm.running_mean.abs().min() > 0
