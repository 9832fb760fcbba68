"""The hourglass against its published size."""

import pytest
import torch

from translate.errors import InputError
from translate.networks import build_generator
from translate.networks.hourglass import Hourglass, describe_hourglass


@pytest.mark.parametrize(("channels", "count"), [(3, 5_357_730), (6, 5_376_546), (7, 5_382_818)])
def test_it_has_the_published_parameters(channels, count):
    with torch.device("meta"):
        assert sum(weight.numel() for weight in Hourglass(channels).parameters()) == count


@pytest.mark.parametrize(("height", "width"), [(32, 32), (48, 80)])
def test_depth_and_confidence_have_the_size_of_the_picture(height, width):
    network = Hourglass(width=16).eval()
    found = network(torch.rand(2, 3, height, width) * 2 - 1)
    assert found.log_depth.shape == found.confidence.shape == (2, 1, height, width)
    assert found.confidence.min() > 0 and found.confidence.max() < 1


def test_every_pixel_hears_of_the_whole_picture():
    network = Hourglass(width=8).double().eval()
    images = (torch.rand(1, 3, 64, 64, dtype=torch.float64) * 2 - 1).requires_grad_(True)
    network(images).log_depth[0, 0, 0, 0].backward()
    heard = images.grad.abs().sum(1)[0] > 0
    assert heard[0, 0] and heard[32:, 32:].any()


def test_keys_are_those_of_the_published_files():
    keys = set(Hourglass(width=8).state_dict())
    assert {
        "seq.0.weight",
        "seq.1.weight",
        "seq.1.running_var",
        "pred_layer.bias",
        "uncertainty_layer.0.weight",
    } <= keys
    inner = "seq.3.list.0.3.list.0.3.list.1.3.list.1.3.convs.3.4.running_mean"  # the last block of the innermost level
    assert inner in keys and "seq.3.list.0.1.convs.0.1.weight" not in keys  # norms within have no scale


def test_a_file_tells_its_flags():
    weights = Hourglass(1, 24).state_dict()
    flags = describe_hourglass(weights)
    assert flags == {"netG": "hourglass", "input_nc": 1, "output_nc": 1, "ngf": 24}
    build_generator(**flags).load_state_dict(weights)
    assert describe_hourglass({"model.1.weight": torch.zeros(1)}) is None


def test_a_width_that_cannot_be_shared_is_refused():
    with pytest.raises(InputError, match="--ngf 12: the width of --netG hourglass is a multiple of 8"):
        build_generator("hourglass", 3, 1, 12)
