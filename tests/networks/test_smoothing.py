"""Statistics of instance norms that follow over frames: against a slow version of the formula."""

import pytest
import torch
from torch import nn

from translate.networks import build_generator
from translate.networks.instance_norm import InstanceNorm
from translate.networks.smoothing import SmoothedNorm, Smoothing


def frames(count=4, channels=3):
    generator = torch.Generator().manual_seed(0)
    scale = torch.linspace(0.5, 2, count)
    return [
        scale[at] * torch.randn(1, channels, 7, 5, generator=generator, dtype=torch.float64) + at for at in range(count)
    ]


@pytest.mark.parametrize("affine", [False, True])
def test_statistics_are_moving_averages(affine):
    norm = nn.InstanceNorm2d(3, affine=affine, dtype=torch.float64)
    if affine:
        nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    smoothed, mean, variance = SmoothedNorm(norm, 0.8), None, None
    for frame in frames():
        own_mean, own_variance = frame.mean((0, 2, 3)), frame.var((0, 2, 3), correction=0)
        mean = own_mean if mean is None else 0.8 * mean + 0.2 * own_mean
        variance = own_variance if variance is None else 0.8 * variance + 0.2 * own_variance
        expected = (frame - mean.view(3, 1, 1)) / (variance.view(3, 1, 1) + norm.eps).sqrt()
        if affine:
            expected = expected * norm.weight.view(3, 1, 1) + norm.bias.view(3, 1, 1)
        torch.testing.assert_close(smoothed(frame), expected, rtol=1e-9, atol=1e-9)


def test_without_decay_or_after_a_reset_it_is_the_norm_itself():
    norm = InstanceNorm(3)
    smoothed, forgetful = SmoothedNorm(norm, 0.0), nn.Sequential(norm)
    smoothing = Smoothing(forgetful, 0.9)
    for frame in frames():
        torch.testing.assert_close(smoothed(frame), norm(frame), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(forgetful(frame), norm(frame), rtol=1e-9, atol=1e-9)
        assert not torch.allclose(forgetful(frame + 1), norm(frame + 1))
        smoothing.forget()


@pytest.mark.parametrize("name", ["resnet_4blocks", "unet_128"])
@torch.inference_mode()
def test_every_norm_of_a_generator_is_smoothed(name):
    torch.manual_seed(0)
    generator = build_generator(name, ngf=2, normG="instance").eval()
    picture = torch.randn(1, 3, 128, 128)
    expected = generator(picture)
    count = sum(isinstance(module, nn.InstanceNorm2d) for module in generator.modules())
    smoothing = Smoothing(generator, 0.9)
    assert len(smoothing.norms) == count > 4
    torch.testing.assert_close(generator(picture), expected, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(generator(2 * picture), generator(picture))
    assert all(norm.statistics is not None for norm in smoothing.norms)


def test_maps_of_half_precision_keep_their_type_and_exact_statistics():
    smoothed = SmoothedNorm(InstanceNorm(3), 0.5)
    x = frames()[0].bfloat16()
    assert smoothed(x).dtype == torch.bfloat16
    torch.testing.assert_close(smoothed.statistics[0], x.float().mean((0, 2, 3)))
    torch.testing.assert_close(smoothed(x).float(), InstanceNorm(3)(x.float()), rtol=0.02, atol=0.02)


def test_a_network_without_instance_norms_is_refused():
    with pytest.raises(ValueError, match="a Sequential without instance norms"):
        Smoothing(nn.Sequential(nn.BatchNorm2d(3)), 0.9)
