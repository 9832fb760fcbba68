"""Context encoders: layers and sizes as published, and what can be told from their weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.networks.context import (
    CONTEXT_BUILDERS,
    CONTEXT_GENERATORS,
    CONTEXT_SIDES,
    ChannelwiseLinear,
    ContextAlexNet,
    ContextDiscriminator,
    ContextGenerator,
    build_context_discriminator,
    describe_context_generator,
    is_context_generator,
)
from translate.networks.initialization import initialize


def build(netG: str = "context_encoder_64", norm: str = "batch", channels: int = 3, **flags: Any) -> nn.Module:
    torch.manual_seed(0)
    return CONTEXT_BUILDERS[netG](channels, channels, 4, norm, **{"bottleneck": 6, **flags})


def pictures(side: int, batch: int = 2, channels: int = 3) -> Tensor:
    return torch.rand(batch, channels, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def published_generator(whole: bool, width: int, bottleneck: int) -> nn.Sequential:
    """The table of the published network, layer by layer."""
    w = width
    layers: list[nn.Module] = [nn.Conv2d(3, w, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for before, after in ((w, w), (w, 2 * w), (2 * w, 4 * w), (4 * w, 8 * w)):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    layers += [nn.Conv2d(8 * w, bottleneck, 4, bias=False), nn.BatchNorm2d(bottleneck), nn.LeakyReLU(0.2)]
    layers += [nn.ConvTranspose2d(bottleneck, 8 * w, 4, bias=False), nn.BatchNorm2d(8 * w), nn.ReLU()]
    ups = [(8 * w, 4 * w), (4 * w, 2 * w), (2 * w, w)] + ([(w, w)] if whole else [])
    for before, after in ups:
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(w, 3, 4, 2, 1, bias=False), nn.Tanh())


@pytest.mark.parametrize("whole", [False, True])
def test_the_generator_is_the_published_one(whole):
    network = ContextGenerator(width=2, bottleneck=5, whole=whole).double()
    published = published_generator(whole, 2, 5).double()
    own = [value for key, value in network.state_dict().items() if key != "hole"]
    published.load_state_dict(dict(zip(published.state_dict(), own, strict=True)))
    images = pictures(128).double()
    assert network.patch_px == (128 if whole else 64)
    torch.testing.assert_close(network(images), published(images), rtol=0, atol=1e-12)


@pytest.mark.parametrize("whole", [False, True])
def test_published_widths(whole):
    with torch.device("meta"):
        network = ContextGenerator(whole=whole)
        assert count(network) == count(published_generator(whole, 64, 4000))
    down = 16 * (3 * 64 + 64 * 64 + 64 * 128 + 128 * 256 + 256 * 512)
    up = 16 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + whole * 16 * 64 * 64
    norms = 2 * (64 + 128 + 256 + 512 + 4000 + 512 + 256 + 128 + 64) + whole * 2 * 64
    assert count(network) == down + up + norms + 2 * 16 * 512 * 4000


@pytest.mark.parametrize("word", CONTEXT_GENERATORS)
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_sizes_and_range(word, norm):
    for whole in (False, True):
        network = initialize(build(word, norm, whole=whole), "normal", 0.2)
        side = CONTEXT_SIDES[word]
        output = network(pictures(side))
        expected = side if whole or word == "context_alexnet" else side // 2
        assert output.shape == (2, 3, expected, expected)
        assert network.side == side
        assert network.whole == (expected == side)
        assert 0.001 < output.abs().max() <= 1


def test_everything_passes_through_a_single_place():
    network = build(bottleneck=7)
    assert network.encoder(pictures(64)).shape == (2, 7, 1, 1)


def test_instance_norm_translates_a_single_picture_and_batch_norm_learns_from_several():
    assert build(norm="instance").train()(pictures(64, batch=1)).isfinite().all()
    with pytest.raises(ValueError, match="more than 1 value"):
        build(norm="batch").train()(pictures(64, batch=1))


@pytest.mark.parametrize("side", [0, 4, 100, 127])
def test_other_sides_are_refused(side):
    with pytest.raises(ValueError, match=f"power of two from 8 on, not {side}"):
        ContextGenerator(side=side, width=2, bottleneck=2)


def test_convolutions_have_no_bias_and_the_published_start():
    for network in (build("context_encoder"), build("context_alexnet"), ContextDiscriminator(width=4)):
        initialize(network, "normal", 0.02)
        convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        assert all(module.bias is None for module in convolutions)
        assert torch.cat([m.weight.flatten() for m in convolutions]).std().item() == pytest.approx(0.02, rel=0.05)
        norms = torch.cat([m.weight for m in network.modules() if isinstance(m, nn.BatchNorm2d)])
        assert norms.mean().item() == pytest.approx(1, abs=0.02)
        assert 0.01 < norms.std() < 0.04


def test_the_first_layers_have_no_norm():
    for network in (build().encoder, ContextDiscriminator(width=4).model):
        assert [type(module) for module in network[:3]] == [nn.Conv2d, nn.LeakyReLU, nn.Conv2d]
        assert network[1].negative_slope == 0.2


@pytest.mark.parametrize(("side", "layers"), [(64, 4), (128, 5), (32, 3)])
def test_the_discriminator_gives_one_raw_logit(side, layers):
    network = initialize(ContextDiscriminator(width=2, layers=layers), "normal", 1.0)
    logits = network(pictures(side))
    assert logits.shape == (2, 1, 1, 1)
    assert logits.abs().max() > 1  # no sigmoid
    assert isinstance(network.model[-1], nn.Conv2d)


def test_widths_of_the_discriminator_are_the_published_ones():
    for layers, expected in ((4, [64, 128, 256, 512, 1]), (5, [64, 64, 128, 256, 512, 1])):
        with torch.device("meta"):
            network = build_context_discriminator(3, 64, layers, "batch", False)
        assert [m.out_channels for m in network.modules() if isinstance(m, nn.Conv2d)] == expected
        assert all(m.kernel_size == (4, 4) for m in network.modules() if isinstance(m, nn.Conv2d))


def test_channelwise_layer_has_its_number_of_weights():
    assert count(ChannelwiseLinear(256, 6)) == 331_776 == 256 * 6**4
    assert count(ContextAlexNet(width=64).channelwise) == 331_776


def test_channelwise_layer_is_a_matrix_for_each_channel():
    layer, x = ChannelwiseLinear(4, 3).double(), torch.randn(2, 4, 3, 3, dtype=torch.float64)
    output = layer(x)
    for b in range(2):
        for c in range(4):
            torch.testing.assert_close(output[b, c].flatten(), layer.weight[c].T @ x[b, c].flatten())
    assert layer(torch.randn(200, 4, 3, 3).double()).std().item() == pytest.approx(1, rel=0.3)


def test_channels_do_not_mix():
    layer, x = ChannelwiseLinear(4, 3), torch.randn(1, 4, 3, 3, requires_grad=True)
    layer(x)[0, 2].square().sum().backward()
    assert (x.grad[0, 2] != 0).all()
    assert (x.grad[0, [0, 1, 3]] == 0).all()


def test_alexnet_is_alexnet_up_to_pool5():
    with torch.device("meta"):
        network = ContextAlexNet()
    convolutions = [m for m in network.encoder if isinstance(m, nn.Conv2d)]
    # Weights of the five layers of the published network.
    assert [m.weight.numel() for m in convolutions] == [34_848, 307_200, 884_736, 663_552, 442_368]
    sizes = []
    for module in [*convolutions, *(m for m in network.encoder if isinstance(m, nn.MaxPool2d))]:
        module.register_forward_hook(lambda _m, _i, output: sizes.append(tuple(output.shape[1:])))
    network(torch.zeros(2, 3, 227, 227, device="meta"))
    assert sizes == [
        (96, 55, 55),
        (96, 27, 27),
        (256, 27, 27),
        (256, 13, 13),
        (384, 13, 13),
        (384, 13, 13),
        (256, 13, 13),
        (256, 6, 6),
    ]


def test_the_decoder_of_alexnet_has_five_up_convolutions():
    network = ContextAlexNet(width=4)
    ups = [m for m in network.decoder if isinstance(m, nn.ConvTranspose2d)]
    sizes = []
    for module in ups:
        module.register_forward_hook(lambda _m, _i, output: sizes.append(output.shape[-1]))
    assert isinstance(network.decoder[0], nn.Conv2d)
    assert network.decoder[0].kernel_size == (1, 1)
    network(pictures(227))
    assert sizes == [11, 21, 41, 81, 161]


def test_widths_that_alexnet_cannot_have_are_refused():
    with pytest.raises(InputError, match=r"--ngf 6 .* multiple of 4"):
        CONTEXT_BUILDERS["context_alexnet"](3, 3, 6, "batch")


def test_pictures_of_other_channels_are_refused():
    with pytest.raises(InputError, match="--input_nc 1 and --output_nc 3 must be equal"):
        CONTEXT_BUILDERS["context_encoder"](1, 3, 4, "batch")


def test_the_colour_of_the_hole_is_part_of_the_weights():
    network = build(channels=3)
    assert network.state_dict()["hole"].tolist() == [0, 0, 0]
    network.hole.copy_(torch.tensor([0.1, 0.2, 0.3]))
    other = build(channels=3)
    other.load_state_dict(network.state_dict())
    images = pictures(20)  # of any size
    holes = torch.rand(2, 1, 20, 20, generator=torch.Generator().manual_seed(1)) < 0.5
    punched = other.punch(images, holes)
    inside = holes.expand_as(images)
    assert torch.equal(punched[~inside], images[~inside])
    assert torch.equal(punched.permute(0, 2, 3, 1)[holes[:, 0]].unique(dim=0), network.hole[None])


def test_a_prediction_stands_at_its_place():
    network, images = build(), pictures(64)
    output = network(images)
    placed = network.predict(images)
    torch.testing.assert_close(placed[..., 16:48, 16:48], output, rtol=0, atol=0)
    assert torch.equal(network.crop(placed), placed[..., 16:48, 16:48])
    placed[..., 16:48, 16:48] = 0
    assert placed.abs().max() == 0
    whole = build(whole=True)
    assert torch.equal(whole.crop(images), images)
    assert whole.predict(images).shape == images.shape


@pytest.mark.parametrize("netG", CONTEXT_GENERATORS)
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_architecture_is_told_from_the_weights(netG, norm, channels):
    for whole in (False, True):
        network = build(netG, norm, channels, whole=whole)
        weights = network.state_dict()
        assert is_context_generator(weights)
        flags = describe_context_generator(weights, Path("net.pth"))
        assert (flags["netG"], flags["normG"], flags["ngf"]) == (netG, norm, 4)
        rest = {name: flags[name] for name in ("bottleneck", "whole") if name in flags}
        again = CONTEXT_BUILDERS[flags["netG"]](
            flags["input_nc"], flags["output_nc"], flags["ngf"], flags["normG"], **rest
        )
        again.load_state_dict(weights)
        assert again.patch_px == network.patch_px


def test_other_weights_are_not_taken_for_a_context_encoder():
    weights = {"model.1.weight": torch.zeros(2, 3, 7, 7)}
    assert not is_context_generator(weights)
    with pytest.raises(InputError, match=r"net\.pth does not hold a context encoder: its keys begin with model\.1"):
        describe_context_generator(weights, Path("net.pth"))
