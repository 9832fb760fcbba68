"""The U-Net: against a second implementation that reads its state dict, sizes, and what its keys tell."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.errors import InputError
from translate.networks.layers import NORMS
from translate.networks.unet import UNET_BUILDERS, UnetGenerator, build_unet, describe_unet, is_unet

PATH = Path("latest_net_G.pth")


def tiny(downsamplings: int = 5, **flags: Any) -> UnetGenerator:
    torch.manual_seed(0)
    return UnetGenerator(**{"downsamplings": downsamplings, "ngf": 2, **flags}).double()


def image(height: int = 32, width: int = 64, batch: int = 2, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, channels, height, width, dtype=torch.float64, generator=generator) * 2 - 1


class SlowUnet:
    """The published layers in a loop over the levels, from the weights by their keys."""

    def __init__(self, weights: dict[str, Tensor], levels: int, normalized: bool):
        self.weights, self.levels, self.normalized = weights, levels, normalized

    def at(self, level: int) -> str:
        """Where a level's layers stand: the first level is inside the outermost at 1, each other at 3 of the last."""
        return "model" if level == 0 else ".".join(["model", "model.1", *["model.3"] * (level - 1)])

    def layer(self, level: int, index: int) -> tuple[Tensor, Tensor | None]:
        key = f"{self.at(level)}.model.{index}"
        return self.weights[f"{key}.weight"], self.weights.get(f"{key}.bias")

    def norm(self, x: Tensor, level: int, index: int) -> Tensor:
        mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
        return (x - mean) / (variance + 1e-5).sqrt() if self.normalized else x

    def __call__(self, x: Tensor) -> Tensor:
        skips = []
        for level in range(self.levels):
            if level:
                skips.append(x)
                x = F.leaky_relu(x, 0.2)
            x = F.conv2d(x, *self.layer(level, 0 if level == 0 else 1), stride=2, padding=1)
            if 0 < level < self.levels - 1:
                x = self.norm(x, level, 2)
        for level in reversed(range(self.levels)):
            index = 3 if level in (0, self.levels - 1) else 5
            x = F.conv_transpose2d(F.relu(x), *self.layer(level, index), stride=2, padding=1)
            if level:
                x = torch.cat([skips.pop(), self.norm(x, level, index + 1)], 1)
        return x.tanh()


@pytest.mark.parametrize("norm", ["instance", "none"])
@pytest.mark.parametrize("levels", [2, 5, 7])
def test_the_network_is_what_the_paper_draws(norm, levels):
    network = tiny(levels, norm=norm)
    x = image(2**levels, 2**levels, batch=1)
    slow = SlowUnet(network.state_dict(), levels, norm == "instance")
    torch.testing.assert_close(network(x), slow(x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("word", "parameters"), [("unet_256", 54_413_955), ("unet_128", 41_828_995)])
def test_published_parameter_counts_and_strides(word, parameters):
    with torch.device("meta"):
        network = UNET_BUILDERS[word](3, 3, 64, "batch", True)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert network.stride == int(word.removeprefix("unet_"))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("input_nc", "output_nc"), [(1, 3), (3, 1)])
def test_sizes_and_range(norm, input_nc, output_nc):
    network = tiny(norm=norm, input_nc=input_nc, output_nc=output_nc)
    assert network.stride == 32
    output = network(image(channels=input_nc))
    assert output.shape == (2, output_nc, 32, 64)
    assert output.abs().max() <= 1


@pytest.mark.parametrize(("height", "width"), [(31, 32), (32, 48)])
def test_sides_that_are_no_multiples_are_refused(height, width):
    with pytest.raises(ValueError, match=f"a picture of {width}x{height} does not suit .* steps of 32"):
        tiny()(image(height, width))


def test_fewer_than_two_levels_are_refused():
    with pytest.raises(ValueError, match="at least twice, not 1 times"):
        UnetGenerator(downsamplings=1)


@pytest.mark.parametrize(("levels", "dropouts"), [(5, 0), (7, 2), (8, 3)])
def test_dropout_stands_in_the_inner_levels_and_acts_in_training_only(levels, dropouts):
    network = tiny(levels, ngf=1, norm="none", dropout=True)
    found = [module for module in network.modules() if isinstance(module, nn.Dropout)]
    assert [module.p for module in found] == [0.5] * dropouts
    assert list(network.state_dict()) == list(tiny(levels, ngf=1, norm="none").state_dict())
    if dropouts:
        x = image(2**levels, 2**levels, batch=1)
        assert not torch.equal(network(x), network(x))
        network.eval()
        assert torch.equal(network(x), network(x))


def test_every_level_has_its_skip():
    """With its inner levels silenced, the picture still reaches the output."""
    network = tiny(norm="none")
    inner = network.model.model[1].model[3]
    for parameter in inner.parameters():
        nn.init.zeros_(parameter)
    x = image().requires_grad_()
    assert torch.autograd.grad(network(x).square().sum(), x)[0].abs().sum() > 0


@pytest.mark.parametrize("norm", NORMS)
def test_gradients_are_slopes(norm):
    network = tiny(2, ngf=1, norm=norm).train()
    x = image(8, 8).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: network(x).square().sum(), x, fast_mode=True)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("word", list(UNET_BUILDERS))
def test_the_keys_tell_the_flags(norm, word):
    weights = UNET_BUILDERS[word](1, 3, 2, norm, True).state_dict()
    assert is_unet(weights)
    assert describe_unet(weights, PATH) == {"netG": word, "input_nc": 1, "output_nc": 3, "ngf": 2, "normG": norm}


def test_other_weights_are_refused():
    five_levels = tiny().state_dict()
    for weights in (five_levels, {"model.1.weight": torch.zeros(2, 3, 7, 7)}, {}):
        with pytest.raises(InputError, match=r"latest_net_G\.pth does not hold a U-Net .*\(unet_256 or unet_128\)"):
            describe_unet(weights, PATH)
    assert not is_unet({"model.1.weight": torch.zeros(2, 3, 7, 7)})


def test_the_builder_takes_the_arguments_of_every_generator():
    network = build_unet(3, 1, 4, "none", False, antialias_down=True, antialias_up=True, downsamplings=3)
    assert network.stride == 8
    assert list(network.state_dict()) == list(tiny(3, norm="none").state_dict())
