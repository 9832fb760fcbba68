"""Tiles against the whole: all norms and blurs, statistics that count each pixel once, and what is refused."""

from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.errors import InputError
from translate.networks import build_generator
from translate.networks.initialization import initialize
from translate.networks.windows import Norm, steps_of
from translate.sizing import TestSize
from translate.tiling import TILE_STATS, TiledGenerator, flags_for_less_memory, make_tiles
from translate.translator import Translator

ANTIALIAS = [{}, {"no_antialias": True, "no_antialias_up": True}]


def make_generator(netG="resnet_4blocks", ngf=4, **flags):
    torch.manual_seed(0)
    generator = initialize(build_generator(netG, ngf=ngf, **flags), gain=1.0)
    for module in generator.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return generator.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def make_picture(height=200, width=264, dtype=torch.float32):
    """Soft shapes that are brighter at the top: tiles differ in their statistics."""
    noise = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    soft = F.interpolate(noise, (height, width), mode="bicubic")
    bright = torch.linspace(1, 0.1, height).view(-1, 1)
    return (soft * bright * 2 - 1).clamp(-1, 1).to(dtype).contiguous(memory_format=torch.channels_last)


def largest_difference(a, b):
    return (a - b).abs().max().item()


class TestExact:
    @pytest.mark.parametrize("antialias", ANTIALIAS)
    @pytest.mark.parametrize("normG", ["instance", "batch", "none"])
    @pytest.mark.parametrize("tile_px", [64, 130])
    def test_it_is_the_whole_picture_s_translation(self, normG, antialias, tile_px):
        generator, picture = make_generator(normG=normG, **antialias), make_picture()
        with torch.inference_mode():
            tiled = TiledGenerator(generator, tile_px)(picture)
            # torch's own kernels of the default layout, whose sums are the most exact
            whole = generator.to(memory_format=torch.contiguous_format)(picture.contiguous())
        assert tiled.dtype == whole.dtype
        assert whole.std() > 0.02
        assert largest_difference(tiled, whole) < 2e-5

    @pytest.mark.parametrize("antialias", ANTIALIAS)
    def test_in_float64_it_is_so_to_the_twelfth_digit(self, antialias):
        generator, picture = make_generator(**antialias).double(), make_picture(dtype=torch.float64)
        with torch.inference_mode():
            assert largest_difference(TiledGenerator(generator, 100)(picture), generator(picture)) < 1e-11

    @settings(max_examples=12)
    @given(st.integers(5, 30), st.integers(5, 30), st.integers(16, 90), st.booleans())
    def test_any_size_and_any_tile(self, rows, columns, tile_px, antialias):
        """In float64, where nothing but a wrong pixel makes a difference."""
        generator = make_generator(ngf=2, no_antialias=antialias, no_antialias_up=not antialias).double()
        picture = make_picture(4 * rows, 4 * columns, torch.float64)
        with torch.inference_mode():
            assert largest_difference(TiledGenerator(generator, tile_px)(picture), generator(picture)) < 1e-10

    def test_bfloat16_differs_from_the_whole_by_its_own_rounding(self):
        generator, picture = make_generator(), make_picture()
        with torch.inference_mode():
            exact = generator(picture)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                whole, tiled = generator(picture), TiledGenerator(generator, 96)(picture)
        assert tiled.dtype == torch.float32
        assert (tiled - whole).abs().mean() < (whole - exact).abs().mean()

    def test_each_sample_of_a_batch_has_its_own_statistics(self):
        generator, picture = make_generator().double(), make_picture(dtype=torch.float64)
        batch = torch.cat([picture, -picture])
        with torch.inference_mode():
            assert largest_difference(TiledGenerator(generator, 96)(batch), generator(batch)) < 1e-11

    def test_the_arithmetic_is_that_of_the_whole_and_half_of_it_again_at_most(self):
        """Margins weigh more in these small tiles than in usable ones."""
        generator, picture = make_generator("resnet_9blocks"), make_picture(512, 512)
        assert 1 < operations(TiledGenerator(generator, 256), picture) / operations(generator, picture) < 1.5

    def test_the_generator_keeps_nothing(self):
        """It may be called on another picture, or train on."""
        generator, picture = make_generator(), make_picture()
        before = deepcopy(generator.state_dict())
        with torch.inference_mode():
            whole = generator(picture)
            for statistics in TILE_STATS:
                TiledGenerator(generator, 96, statistics)(make_picture(180, 120))
            assert torch.equal(generator(picture), whole)
        assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())


def operations(network, picture):
    """Multiplications of the convolutions."""
    counts = []
    hooks = [
        module.register_forward_hook(lambda conv, _, y: counts.append(y[0, 0].numel() * conv.weight.numel()))
        for module in network.modules()
        if isinstance(module, torch.nn.Conv2d)
    ]
    with torch.inference_mode():
        network(picture)
    for hook in hooks:
        hook.remove()
    return sum(counts)


class TestLowres:
    def test_the_norms_of_the_tiles_are_those_of_the_small_picture(self):
        generator, picture = make_generator(), make_picture(200, 264)
        small = F.interpolate(picture, (100, 132), mode="bilinear", antialias=True, align_corners=False)
        steps = steps_of(generator.model)
        with torch.inference_mode():
            x = small.contiguous(memory_format=torch.channels_last)
            for step in steps:  # the first map that a norm sees gives its statistics
                x = step(x)
            x = picture
            for step in steps:
                x = step(x)
            assert largest_difference(TiledGenerator(generator, 132, "lowres")(picture), x) < 1e-5

    @pytest.mark.parametrize("size", [(16, 600), (600, 16)])
    def test_a_strip_is_scaled_down_in_its_length_alone(self, size):
        """Scaled as a whole to a length of 64, a side of 16 would be left with less than two pixels."""
        generator, seen = make_generator(), []
        generator.model[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[2:]))
        with torch.inference_mode():
            result = TiledGenerator(generator, 64, "lowres")(make_picture(*size))
        assert result.shape[2:] == size
        padded = [side + 6 for side in (16 if size[0] == 16 else 64, 16 if size[1] == 16 else 64)]
        assert list(seen[0]) == padded

    @pytest.mark.parametrize("normG", ["batch", "none"])
    def test_without_instance_norm_both_are_the_same(self, normG):
        generator, picture = make_generator(normG=normG), make_picture()
        with torch.inference_mode():
            exact, lowres = (TiledGenerator(generator, 96, word)(picture) for word in TILE_STATS)
        assert torch.equal(exact, lowres)

    def test_it_differs_from_exact_where_the_picture_s_statistics_do(self):
        generator, picture = make_generator(), make_picture()
        with torch.inference_mode():
            exact, lowres = (TiledGenerator(generator, 96, word)(picture) for word in TILE_STATS)
        assert largest_difference(exact, lowres) > 1e-3

    def test_its_arithmetic_is_less_than_that_of_exact(self):
        generator, picture = make_generator(), make_picture(512, 512)
        exact, lowres = (operations(TiledGenerator(generator, 256, word), picture) for word in TILE_STATS)
        assert lowres < exact


class TestTiles:
    @given(st.integers(1, 80), st.integers(1, 80), st.integers(4, 200))
    def test_each_pixel_lies_in_one_tile_and_no_tile_is_too_large(self, rows, columns, tile_px):
        seen = torch.zeros(1, 1, 4 * rows, 4 * columns)
        for tile in make_tiles(4 * rows, 4 * columns, tile_px, 4):
            tile.of(seen).add_(1)
            for start, end in tile:
                assert 0 < end - start <= tile_px
                assert start % 4 == end % 4 == 0
        assert (seen == 1).all()

    @given(st.integers(20, 2000), st.integers(16, 300))
    def test_tiles_are_of_nearly_equal_size(self, length, tile_px):
        sides = {tile.rows[1] - tile.rows[0] for tile in make_tiles(4 * length, 4, tile_px, 4)}
        assert max(sides) - min(sides) <= 4

    def test_statistics_count_each_pixel_once(self, monkeypatch):
        """Every gathering sees as many places as its whole map has: margins would add to them."""
        counts = []

        class Counting(Norm):
            @property
            def statistics(self):
                return self.known

            @statistics.setter
            def statistics(self, value):
                self.known = value
                counts.append(value)

        generator, picture = make_generator().double(), make_picture(dtype=torch.float64)
        monkeypatch.setattr("translate.networks.windows.Norm", Counting)
        monkeypatch.setattr("translate.tiling.Norm", Counting)
        expected = []
        for module in generator.modules():
            if isinstance(module, torch.nn.InstanceNorm2d):
                module.register_forward_pre_hook(lambda _, inputs: expected.append(inputs[0]))
        with torch.inference_mode():
            TiledGenerator(generator, 64)(picture)
            generator(picture)
        found = [value for value in counts if value is not None]
        assert len(found) == len(expected) == 3 + 2 * 4 + 2
        for (mean, variance), maps in zip(found, expected, strict=True):
            torch.testing.assert_close(mean, maps.mean((0, 2, 3)), rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(variance, maps.var((0, 2, 3), correction=0), rtol=1e-9, atol=1e-9)


class TestStyleGAN2:
    @pytest.mark.parametrize("flags", [{}, {"netG": "smallstylegan2"}, {"stylegan2_G_num_downsampling": 2}])
    @pytest.mark.parametrize("tile_px", [30, 64])
    def test_tiles_are_the_whole(self, flags, tile_px):
        torch.manual_seed(0)
        flags = {"netG": "stylegan2", "ngf": 1, "crop_size": 128, **flags}
        generator = build_generator(**flags).double().eval().requires_grad_(False)
        picture = make_picture(140, 188, torch.float64)
        whole, tiled = generator(picture), TiledGenerator(generator, tile_px)(picture)
        assert largest_difference(whole, tiled) < 1e-12

    @pytest.mark.parametrize("flags", [{}, {"netG": "smallstylegan2"}, {"stylegan2_G_num_downsampling": 2}])
    def test_no_pixel_sees_farther_than_is_said(self, flags):
        torch.manual_seed(0)
        generator = build_generator(**{"netG": "stylegan2", "ngf": 1, "crop_size": 128, **flags}).double()
        side, middle = 4 * generator.reach_px, 2 * generator.reach_px
        picture = torch.randn(1, 3, side, side, dtype=torch.float64, requires_grad=True)
        for place in range(middle, middle + generator.stride):
            (gradient,) = torch.autograd.grad(generator(picture)[0, :, place, place].sum(), picture)
            seen = gradient[0].abs().sum(0).nonzero()
            assert (seen - place).abs().max() <= generator.reach_px


class TestWhatIsTiled:
    @pytest.mark.parametrize(("tile_px", "whole"), [(63, False), (64, True), (500, True)])
    def test_what_fits_in_one_tile_is_translated_as_a_whole(self, tile_px, whole):
        generator, seen = make_generator(), []
        generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
        with torch.inference_mode():
            TiledGenerator(generator, tile_px)(make_picture(40, 64))
        assert (seen == [(1, 3, 40, 64)]) is whole

    @pytest.mark.parametrize("netG", ["unet_128", "eccv16", "context_encoder"])
    def test_other_generators_are_refused_with_the_remedy(self, netG):
        with pytest.raises(InputError, match=r"--tile 512: .* only resnet and stylegan2 generators .*leave --tile out"):
            TiledGenerator(build_generator(netG, ngf=1, normG="batch"), 512)

    def test_tiles_are_advised_against_want_of_memory_where_there_can_be_some(self):
        unet = build_generator("unet_128", ngf=1)
        assert flags_for_less_memory(make_generator()) == "a smaller --size, or --tile 512"
        assert flags_for_less_memory(TiledGenerator(make_generator(), 512)) == "a smaller --tile"
        assert flags_for_less_memory(unet) == "a smaller --size"

    def test_another_word_is_refused_with_the_nearest(self):
        with pytest.raises(InputError, match=r"--tile_stats exct is not known: did you mean exact"):
            TiledGenerator(make_generator(), 512, "exct")

    def test_a_translator_takes_both(self, random_picture):
        image = random_picture(150, 90)
        usual, exact, lowres = (
            Translator(make_generator(), TestSize("original"), 3, precision="fp32", **how)
            for how in ({}, {"tile": 64}, {"tile": 64, "tile_stats": "lowres"})
        )
        difference = np.asarray(usual(image), int) - np.asarray(exact(image), int)
        assert np.abs(difference).max() <= 1
        assert lowres(image) != exact(image)
        assert exact.with_size(TestSize("120x70"))(image).size == (120, 70)
