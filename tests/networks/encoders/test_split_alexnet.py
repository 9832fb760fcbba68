"""The two halves of the split AlexNet: nothing of one reaches the other, and each is a network of its own."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.color import rgb2lab
from torch import Tensor, nn

from translate.errors import InputError
from translate.networks.encoders import build_encoder, describe_encoder
from translate.networks.encoders.encoder import NORMS
from translate.networks.encoders.split_alexnet import LAB_DEVIATION, LAB_MEAN, SplitAlexNet
from translate.networks.initialization import initialize
from translate.networks.lab import rgb_to_lab

SPLIT_NORMS = [norm for norm in NORMS if norm != "lrn"]


def make_encoder(norm: str = "batch", width: int = 8) -> SplitAlexNet:
    torch.manual_seed(0)
    encoder = initialize(SplitAlexNet(width, norm), "kaiming").double()
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.normal_(layer.bias, std=0.1)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return encoder


def some_pictures(count: int = 2, side_px: int = 40) -> Tensor:
    return (
        torch.rand(count, 3, side_px, side_px, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    )


def half_alone(encoder: SplitAlexNet, half: int, channels: np.ndarray) -> list[np.ndarray]:
    """The maps of one half by itself from its own channels of Lab, with the weights that belong to it."""
    channels_in = torch.from_numpy(channels)
    found = []
    for number in range(1, 6):
        conv, norm, _ = getattr(encoder, f"conv{number}")
        if number == 1:
            own = (conv.L, conv.ab)[half]
            weight, bias = own.weight, own.bias
        else:
            weight, bias = (None if part is None else part.chunk(2)[half] for part in (conv.weight, conv.bias))
        x = channels_in if number == 1 else found[-1]
        if number in (2, 3):
            x = F.max_pool2d(F.pad(x, (1, 1, 1, 1), value=-np.inf), 3, 2)
        x = F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2, stride=4 if number == 1 else 1)
        if isinstance(norm, nn.BatchNorm2d):
            mean, variance, scale, shift = (
                part.chunk(2)[half].view(1, -1, 1, 1)
                for part in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
            )
            x = (x - mean) / (variance + norm.eps).sqrt() * scale + shift
        found.append(x.clamp(min=0))
    return [each.detach().numpy() for each in found]


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_features_are_those_of_each_half_alone(norm):
    encoder = make_encoder(norm).eval()
    pictures = some_pictures()
    lab = rgb2lab((pictures.permute(0, 2, 3, 1).numpy() + 1) / 2).transpose(0, 3, 1, 2)
    lightness, colour = (lab[:, :1] - 50) / 25, lab[:, 1:] / 15
    with torch.no_grad():
        maps = encoder.features(pictures, encoder.taps)
    for half, channels in enumerate((lightness, colour)):
        for tap, expected in zip(encoder.taps, half_alone(encoder, half, channels), strict=True):
            found = encoder.halves(maps[tap])[half].numpy()
            assert found.shape == expected.shape and found.any()
            assert np.allclose(found, expected, atol=1e-8), tap


@pytest.mark.parametrize("norm", SPLIT_NORMS)
@pytest.mark.parametrize("training", [True, False])
def test_neither_half_has_a_gradient_to_what_the_other_sees(norm, training):
    encoder = make_encoder(norm).train(training)
    for half, (own, other) in enumerate(((slice(0, 1), slice(1, 3)), (slice(1, 3), slice(0, 1)))):
        lab = rgb_to_lab(some_pictures()).requires_grad_()
        for _, features in encoder.run_lab(lab):
            lab.grad = None
            (encoder.halves(features)[half].square().sum()).backward(retain_graph=True)
            assert not lab.grad[:, other].any()
            assert lab.grad[:, own].abs().amax((0, 2, 3)).gt(0).all()


def test_nor_does_the_other_change_it():
    encoder = make_encoder().eval()
    lab = rgb_to_lab(some_pictures())
    others = rgb_to_lab(some_pictures().flip(0))
    for half, changed in enumerate(
        (torch.cat([lab[:, :1], others[:, 1:]], 1), torch.cat([others[:, :1], lab[:, 1:]], 1))
    ):
        for (_, before), (_, after) in zip(encoder.run_lab(lab), encoder.run_lab(changed), strict=True):
            assert torch.equal(encoder.halves(before)[half], encoder.halves(after)[half])
            assert not torch.equal(encoder.halves(before)[1 - half], encoder.halves(after)[1 - half])


@pytest.mark.parametrize("side_px", [180, 224, 97, 16, 17])
def test_maps_have_the_published_sizes(side_px):
    encoder = make_encoder().eval()
    maps = encoder.features(some_pictures(1, side_px), encoder.taps)
    deepest = maps["conv5"].shape[-1]
    assert deepest == len(range(0, side_px, 16))
    if side_px == 180:
        assert [maps[tap].shape[-1] for tap in encoder.taps] == [45, 23, 12, 12, 12]


def test_widths_are_those_of_alexnet():
    encoder = build_encoder("split_alexnet")
    assert list(encoder.channels.values()) == [96, 256, 384, 384, 256]
    assert [getattr(encoder, tap)[0].weight.shape[1] for tap in encoder.taps[1:]] == [48, 128, 192, 192]


def test_a_place_of_the_deepest_map_is_centred_on_its_pixel():
    encoder = make_encoder("none")
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.ones_(layer.weight)
    encoder.pool = nn.AvgPool2d(3, 2, padding=1)  # passes the gradient on to all that it sees
    lab = torch.full((1, 3, 400, 400), 60.0, dtype=torch.float64, requires_grad=True)
    *_, (_, deepest) = encoder.run_lab(lab)
    deepest[0, :, 12, 13].sum().backward()
    for axis, place in ((1, 12), (0, 13)):
        seen = lab.grad[0].abs().sum((0, 1 + axis)).nonzero().flatten()
        assert (seen.min() + seen.max()).item() == 2 * 16 * place


def test_lab_comes_in_normalised():
    encoder = make_encoder()
    told = torch.tensor([LAB_MEAN, np.add(LAB_MEAN, LAB_DEVIATION).tolist()], dtype=torch.float64).view(2, 3, 1, 1)
    assert torch.allclose(encoder.normalized(told)[:, :, 0, 0], torch.tensor([[0.0] * 3, [1.0] * 3]).double())


@pytest.mark.parametrize("norm", SPLIT_NORMS)
@pytest.mark.parametrize("width", [4, 12, 64])
def test_its_flags_are_told_from_its_keys(norm, width):
    flags = {"netE": "split_alexnet", "input_nc": 3, "nef": width, "normE": norm}
    weights = build_encoder(**flags).state_dict()
    assert describe_encoder(weights) == flags
    build_encoder(**flags).load_state_dict(copy.deepcopy(weights))


def test_grey_pictures_and_lrn_are_refused():
    with pytest.raises(InputError, match="--netE split_alexnet sees pictures in colour, not --input_nc 1"):
        build_encoder("split_alexnet", input_nc=1)
    with pytest.raises(InputError, match="--normE lrn does not suit --netE split_alexnet"):
        build_encoder("split_alexnet", normE="lrn")
