"""One picture through a network: padded to its stride, cropped back, rounded."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from translate.inference import SMALLEST_SIDE_PX, translate_image, translate_signed
from translate.networks import build_generator

CPU = torch.device("cpu")
SIDES = st.integers(1, 70)


class Recorder:
    """A network that changes nothing and remembers what it saw."""

    def __call__(self, images):
        self.seen = images
        return images


def random_signed(channels, height, width, seed=0):
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@given(SIDES, SIDES, st.sampled_from([1, 4, 8, 16]))
def test_the_network_sees_multiples_of_its_stride_and_the_picture_keeps_its_size(height, width, stride):
    network, image = Recorder(), random_signed(3, height, width)
    assert torch.equal(translate_signed(network, image, stride), image)
    batch, channels, seen_height, seen_width = network.seen.shape
    assert (batch, channels) == (1, 3)
    for seen, side in ((seen_height, height), (seen_width, width)):
        smallest = SMALLEST_SIDE_PX if stride > 1 else 1  # with a stride of 1 any size is taken as it is
        assert seen % stride == 0 or seen == smallest
        assert seen >= max(side, smallest)
        assert seen - side < max(stride, smallest)


@pytest.mark.parametrize(("height", "width"), [(32, 64), (16, 16)])
def test_what_fits_is_passed_as_it_is(height, width):
    network, image = Recorder(), random_signed(1, height, width)
    translate_signed(network, image, 4)
    assert torch.equal(network.seen[0], image)


def test_padding_mirrors_the_lower_and_right_borders():
    network, image = Recorder(), random_signed(3, 33, 46)
    translate_signed(network, image, 4)
    mirrored = np.pad(image.numpy(), ((0, 0), (0, 3), (0, 2)), mode="reflect")
    assert np.array_equal(network.seen[0], mirrored)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (40, 3), (5, 300)])
def test_what_is_too_small_to_be_mirrored_repeats_its_border(height, width):
    network, image = Recorder(), random_signed(3, height, width)
    translate_signed(network, image, 4)
    seen = network.seen[0]
    assert torch.equal(seen[:, height:, :width], image[:, -1:].expand(-1, seen.shape[1] - height, -1))
    assert torch.equal(seen[:, :height, width:], image[:, :, -1:].expand(-1, -1, seen.shape[2] - width))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 50), (5, 16), (17, 18)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_real_generator_takes_every_size(height, width, channels):
    generator = build_generator("resnet_4blocks", channels, channels, ngf=2).eval()
    with torch.inference_mode():
        result = translate_signed(generator, random_signed(channels, height, width), generator.stride)
    assert result.shape == (channels, height, width)
    assert torch.isfinite(result).all()


def test_a_picture_of_fitting_size_gets_exactly_the_network_s_output():
    generator, image = build_generator("resnet_4blocks", ngf=2).eval(), random_signed(3, 24, 36)
    images = image[None].contiguous(memory_format=torch.channels_last)  # layouts differ by rounding
    with torch.inference_mode():
        assert torch.equal(translate_signed(generator, image, 4), generator(images)[0])


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_every_level_of_a_picture_survives_a_network_that_changes_nothing(mode):
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = Image.fromarray(pixels if mode == "L" else np.stack([pixels] * 3, -1))
    result = translate_image(lambda images: images, image, 4, CPU)
    assert result.mode == mode
    assert np.array_equal(result, image)


def test_a_network_may_change_the_number_of_channels():
    image = Image.new("L", (20, 18), 51)
    result = translate_image(lambda images: F.pad(images, (0, 0, 0, 0, 1, 1), value=1.0), image, 4, CPU)
    assert (result.mode, result.size, result.getpixel((3, 3))) == ("RGB", (20, 18), (255, 51, 255))


def test_what_leaves_the_range_is_clamped():
    image = Image.new("RGB", (16, 16), (0, 128, 255))
    assert translate_image(lambda images: images * 5, image, 4, CPU).getpixel((0, 0)) == (0, 130, 255)
