"""StyleGAN2 without a style: sizes, what each layer does, and that nothing but pictures and noise decides."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from translate.errors import InputError
from translate.networks import build_discriminator, build_generator
from translate.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator
from translate.networks.stylegan2_layers import Blur, EqualConv, NormalizedUpsample, ResidualBlock
from translate.networks.weights import describe_discriminator, describe_generator

PATH = Path("latest_net_G.pth")
TAPS = [0, 2, 4]


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make_generator(noise_strength=0.0, **flags):
    torch.manual_seed(0)
    generator = build_generator(**{"netG": "stylegan2", "ngf": 1, "crop_size": 32, **flags}).double()
    for name, parameter in generator.named_parameters():
        if name.endswith("noise.weight"):
            torch.nn.init.constant_(parameter, noise_strength)
        elif name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    return generator


def test_published_sizes():
    assert count(build_generator("stylegan2", ngf=10)) == 3_068_404
    assert count(build_generator("smallstylegan2", ngf=10)) == 1_223_924
    assert count(build_discriminator("stylegan2", ndf=8)) == 5_885_473


class TestLayers:
    def test_a_blur_keeps_constants_and_is_the_filter_by_hand(self):
        blur = Blur((2, 2)).double()
        x = torch.full((1, 2, 8, 8), 0.7, dtype=torch.float64)
        torch.testing.assert_close(blur(x)[..., 2:-2, 2:-2], x[..., :5, :5])
        impulse = torch.zeros(1, 1, 1, 1, dtype=torch.float64) + 1
        row = torch.tensor([1.0, 3, 3, 1], dtype=torch.float64) / 8
        torch.testing.assert_close(Blur((3, 3)).double()(impulse)[0, 0], torch.outer(row, row))
        random = randn(2, 3, 9, 7)
        torch.testing.assert_close(
            Blur((1, 1), stride=2).double()(random), Blur((1, 1)).double()(random)[..., ::2, ::2]
        )
        torch.testing.assert_close(Blur((1, 2)).double()(random), Blur((2, 2)).double()(random)[..., 1:, 1:])

    def test_weights_are_scaled_when_they_are_used(self):
        conv, x = EqualConv(5, 4, 3, padding=1).double(), randn(2, 5, 6, 6)
        torch.testing.assert_close(conv(x), F.conv2d(x, conv.weight / math.sqrt(45), padding=1))

    def test_a_block_without_its_convolutions_is_the_input_by_root_two(self):
        block, x = ResidualBlock(3, 3).double(), randn(1, 3, 5, 5)
        for parameter in block.parameters():
            torch.nn.init.zeros_(parameter)
        torch.testing.assert_close(block(x), x / math.sqrt(2))

    @pytest.mark.parametrize(("height", "width"), [(8, 6), (9, 7)])
    def test_blocks_halve_and_upsampling_doubles(self, height, width):
        x = randn(1, 3, height, width)
        assert ResidualBlock(3, 5, down=True).double()(x).shape == (1, 5, height // 2, width // 2)
        assert NormalizedUpsample(3, 2).double()(x).shape == (1, 2, 2 * height, 2 * width)
        assert ResidualBlock(3, 5).double()(x).shape == (1, 5, height, width)

    def test_filters_of_the_upsampling_have_length_one(self):
        layer, x = NormalizedUpsample(4, 3).double(), randn(1, 4, 5, 5)
        lengths = layer.filters().flatten(1).norm(dim=1)
        torch.testing.assert_close(lengths, torch.ones(3, dtype=torch.float64), atol=1e-6, rtol=0)
        before = layer(x)
        with torch.no_grad():
            layer.weight.mul_(7.0)
        torch.testing.assert_close(layer(x), before, atol=1e-6, rtol=0)

    def test_files_hold_the_upsampling_with_an_axis_for_samples(self):
        layer, other = NormalizedUpsample(4, 3), NormalizedUpsample(4, 3)
        assert layer.state_dict()["weight"].shape == (1, 3, 4, 3, 3)
        other.load_state_dict(layer.state_dict())
        assert torch.equal(other.weight, layer.weight)


class TestGenerator:
    @pytest.mark.parametrize("flags", [{}, {"netG": "smallstylegan2"}, {"stylegan2_G_num_downsampling": 2}])
    def test_sizes_and_channels_of_taps_are_as_announced(self, flags):
        generator, image = make_generator(**flags), randn(1, 3, 16, 24)
        taps = generator.resolve_taps(list(range(len(generator.encoder.convs))))
        features = generator.features(image, taps)
        assert [tuple(f.shape[2:]) for f in features] == generator.tap_sizes(16, 24, taps)
        assert [f.shape[1] for f in features] == generator.tap_channels(taps)
        assert generator(image).shape == image.shape

    def test_features_are_the_same_by_either_way(self):
        generator, image = make_generator(), randn(2, 3, 16, 16)
        output, on_the_way = generator.forward_with_features(image, TAPS)
        assert torch.equal(output, generator(image))
        assert all(torch.equal(a, b) for a, b in zip(on_the_way, generator.features(image, TAPS), strict=True))
        assert torch.equal(on_the_way[0], image)

    def test_taps_have_names(self):
        generator = make_generator()
        assert generator.resolve_taps(["res2", "pixels", "down1"]) == TAPS
        assert generator.resolve_taps([-1]) == [5]
        with pytest.raises(ValueError, match="no layer 4 in the generator; choose from 0 to 3 or pixels, down1, res1"):
            make_generator(netG="smallstylegan2").resolve_taps([4])

    def test_the_taps_see_so_many_pixels(self):
        """The published receptive fields: 1, 8 and 24."""
        generator, image = make_generator(), randn(1, 3, 64, 64).requires_grad_()
        for feature, wanted in zip(generator.features(image, TAPS), (1, 8, 24), strict=True):
            middle = feature.shape[-1] // 2
            (gradient,) = torch.autograd.grad(feature[0, :, middle, middle].sum(), image, retain_graph=True)
            seen = gradient[0].abs().sum(0) > 0
            assert (seen.any(0).sum(), seen.any(1).sum()) == (wanted, wanted)

    def test_noise_acts_with_its_strength_and_only_where_it_is_given(self):
        silent, loud, image = make_generator(), make_generator(0.5), randn(1, 3, 16, 16)
        (size,) = loud.noise_sizes(16, 16)
        first, second = ([randn(1, *size, seed=seed)] for seed in (1, 2))
        assert torch.equal(silent(image, first), silent(image, second))
        assert torch.equal(silent(image), loud(image))
        assert torch.equal(loud(image, first), loud(image, first))
        assert not torch.equal(loud(image, first), loud(image, second))

    def test_there_is_a_noise_map_for_each_doubling(self):
        generator = make_generator(0.5, stylegan2_G_num_downsampling=2)
        assert generator.noise_sizes(16, 24) == [(8, 12), (16, 24)]
        maps = [randn(2, *size) for size in generator.noise_sizes(16, 24)]
        assert generator(randn(2, 3, 16, 24), maps).shape == (2, 3, 16, 24)
        assert make_generator(netG="smallstylegan2").noise_sizes(16, 16) == []

    def test_samples_do_not_influence_each_other(self):
        generator, images = make_generator(), randn(3, 3, 16, 16)
        torch.testing.assert_close(generator(images)[1:2], generator(images[1:2]))


class TestDiscriminator:
    @pytest.mark.parametrize(("side_px", "map_px"), [(4, 4), (16, 4), (20, 5), (24, 3), (64, 4)])
    def test_pictures_of_its_size_give_a_logit_each(self, side_px, map_px):
        network = build_discriminator("stylegan2", ndf=1, crop_size=side_px)
        assert network(torch.zeros(2, 3, side_px, side_px)).shape == (2, 1)
        assert network.final_linear[0].weight.shape[1] == network.final_linear[0].weight.shape[0] * map_px**2

    def test_others_are_refused(self):
        with pytest.raises(InputError, match="judges pictures of 16x16 pixels and got one of 20x16"):
            build_discriminator("stylegan2", ndf=1, crop_size=16)(torch.zeros(1, 3, 16, 20))

    def test_the_layout_in_memory_does_not_matter(self):
        network, image = build_discriminator("stylegan2", ndf=1, crop_size=16).double(), randn(2, 3, 16, 16)
        torch.testing.assert_close(network(image.contiguous(memory_format=torch.channels_last)), network(image))


class TestWeightsTellTheFlags:
    @pytest.mark.parametrize("flags", [
        {}, {"ngf": 10}, {"netG": "smallstylegan2", "input_nc": 1}, {"ngf": 40}, {"stylegan2_G_num_downsampling": 2},
        {"output_nc": 1}, {"crop_size": 128, "ngf": 1}, {"crop_size": 32, "ngf": 40},
    ])  # fmt: skip
    def test_a_generator_is_built_again_from_its_keys(self, flags):
        flags = {"netG": "stylegan2", "ngf": 1, "crop_size": 64, **flags}
        weights = build_generator(**flags).state_dict()
        told = describe_generator(weights, PATH)
        again = build_generator(**told)
        again.load_state_dict(weights)
        if flags["crop_size"] == 64:
            assert {name: told[name] for name in flags} == flags

    @pytest.mark.parametrize(("ndf", "side_px"), [(8, 64), (1, 64), (2, 32), (8, 96), (4, 128)])
    def test_and_so_is_a_discriminator(self, ndf, side_px):
        weights = build_discriminator("stylegan2", ndf=ndf, crop_size=side_px).state_dict()
        assert describe_discriminator(weights, PATH) == {"netD": "stylegan2", "ndf": ndf, "crop_size": side_px}

    def test_a_generator_of_no_known_size_is_refused(self):
        with pytest.raises(InputError, match=r"latest_net_G\.pth holds a StyleGAN2 generator of a size"):
            describe_generator(StyleGAN2Generator(ngf=1, blocks=4).state_dict(), PATH)


def test_r1_of_a_linear_discriminator_is_half_its_squared_length():
    from translate.losses.adversarial import r1_penalty

    weight = randn(3, 8, 8)
    penalty = r1_penalty(lambda images: (images * weight).sum((1, 2, 3)), randn(4, 3, 8, 8, seed=1))
    torch.testing.assert_close(penalty, 0.5 * weight.square().sum())


def test_r1_can_be_minimised():
    """Its gradient, a second derivative through blur and convolutions, is that of finite differences."""
    from translate.losses.adversarial import r1_penalty

    torch.manual_seed(0)
    network, real = StyleGAN2Discriminator(ndf=1, side_px=8).double(), randn(2, 3, 8, 8)
    weight = network.convs[1].conv2[1].weight
    (gradient,) = torch.autograd.grad(r1_penalty(network, real), weight)
    with torch.no_grad():
        step = randn(*weight.shape, seed=3) * 1e-6
        values = []
        for sign in (1, -1):
            weight.add_(sign * step)
            with torch.enable_grad():
                values.append(r1_penalty(network, real).item())
            weight.sub_(sign * step)
    assert (values[0] - values[1]) / 2 == pytest.approx((gradient * step).sum().item(), rel=1e-4)
