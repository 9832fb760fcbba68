import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from translate.data.tensors import to_image, to_signed, to_tensor, to_uint8

LEVELS = torch.arange(256, dtype=torch.uint8)


def test_signed_is_torchvisions_to_the_bit(noise):
    image = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    reference = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    assert torch.equal(to_signed(to_tensor(image)), reference(image))
    colour = noise(9, 7)
    reference = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)])
    assert torch.equal(to_signed(to_tensor(colour)), reference(colour))


def test_every_level_survives_the_round_trip():
    assert torch.equal(to_uint8(to_signed(LEVELS)), LEVELS)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_every_level_survives_other_precisions(dtype):
    assert torch.equal(to_uint8(to_signed(LEVELS).to(dtype)), LEVELS)


@given(st.floats(-3, 3, width=32))
def test_to_uint8_is_the_nearest_level_of_the_clamped_value(value):
    exact = (min(max(value, -1.0), 1.0) + 1) / 2 * 255
    assert abs(int(to_uint8(torch.tensor([value]))) - exact) <= 0.5 + 1e-4


def test_signed_ends_at_minus_one_and_one_and_leaves_its_input_alone():
    ends = torch.tensor([0, 255], dtype=torch.uint8)
    signed = to_signed(ends)
    assert signed.dtype == torch.float32
    assert signed.tolist() == [-1.0, 1.0]
    assert ends.tolist() == [0, 255]
    to_uint8(signed)
    assert signed.tolist() == [-1.0, 1.0]


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_pictures_survive_as_tensors(noise, mode, channels):
    image = noise(7, 5, mode)
    pixels = to_tensor(image)
    assert pixels.dtype == torch.uint8
    assert pixels.shape == (channels, 5, 7)
    assert pixels.is_contiguous()
    back = to_image(pixels)
    assert back.mode == mode
    assert back.tobytes() == image.tobytes()


def test_other_modes_types_and_shapes_are_refused(noise):
    with pytest.raises(ValueError, match="RGBA"):
        to_tensor(noise(4, 4, "RGBA"))
    for wrong in (torch.zeros(3, 4, 4), LEVELS.reshape(1, 1, 16, 16), torch.zeros(2, 4, 4, dtype=torch.uint8)):
        with pytest.raises(ValueError, match="not uint8"):
            to_image(wrong)
