"""Files of other times: what they hold besides is left out, and only that."""

import pytest
import torch
from torch import Tensor, nn

from translate.networks import build_generator
from translate.networks.imports import drop_instance_norm_buffers


def old_weights(network: nn.Module) -> dict[str, Tensor]:
    """The state dict as it was when instance norms kept statistics, which nothing read."""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.InstanceNorm2d):
            parent = network.get_submodule(name.rpartition(".")[0])
            tracking = nn.InstanceNorm2d(module.num_features, affine=False, track_running_stats=True)
            setattr(parent, name.rpartition(".")[2], tracking)
    return network.state_dict()


@pytest.mark.parametrize("netG", ["resnet_4blocks", "unet_128"])
def test_statistics_of_instance_norms_are_dropped(netG):
    def make() -> nn.Module:
        torch.manual_seed(0)
        return build_generator(netG, ngf=2, normG="instance", no_antialias=True, no_antialias_up=True)

    expected, old = make().state_dict(), old_weights(make())
    assert set(old) - set(expected) >= {key for key in old if key.endswith("num_batches_tracked")} != set()
    found = drop_instance_norm_buffers(old)
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)


@pytest.mark.parametrize("netG", ["resnet_4blocks", "unet_128"])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_nothing_else_is(netG, norm):
    weights = build_generator(netG, ngf=2, normG=norm).state_dict()
    assert any(key.endswith("running_var") for key in weights) == (norm == "batch")
    assert drop_instance_norm_buffers(weights) == weights
