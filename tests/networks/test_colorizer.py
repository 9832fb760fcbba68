"""The colorization networks against the published one's own numbers, and the tool that paints pictures with them."""

import hashlib
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab
from torch import Tensor, nn

from translate.networks.colorizer import (
    COLORIZERS,
    ColorizationNet,
    Colorizer,
    build_colorizer,
    describe_colorizer,
    paint,
)
from translate.networks.gamut import gamut_bins

# From colorizers/eccv16.py of richzhang/colorization, run in float64 with weights by ``fill`` and the lightness below:
# the sha256 of its keys and shapes, the norm of the ab that it returns, and some of its values by (channel, y, x).
REFERENCE_KEYS = "8d9052ab14cecd4077fb5b722f21c0bed64d73218538337d19852d4d5984e5c7"
REFERENCE_NORM = 13.76325510236228
REFERENCE_VALUES = {
    (0, 0, 0): 0.15726621368232346,
    (0, 13, 21): -0.3415729873345592,
    (1, 31, 39): -0.32132434605925636,
    (1, 17, 2): -0.40372982738426544,
}


def fill(network: nn.Module) -> nn.Module:
    """Every entry of the state by an integer formula, so that it is the same wherever it is made."""
    k = torch.arange(65521)
    table = (31 * k * k + 17 * k + 101) % 65521 / 32760.5 - 1
    state = {}
    for number, (key, value) in enumerate(sorted(network.state_dict().items())):
        count = value.numel()
        values = table.roll(1009 * number).repeat(-(-count // 65521))[:count].view(value.shape)
        if value.ndim == 4:
            state[key] = values * math.sqrt(6 / value[0].numel())
        elif value.is_floating_point():
            state[key] = 0.3 * values + key.endswith(("running_var", "weight"))
        else:
            state[key] = value
    network.load_state_dict(state)
    return network


@pytest.fixture
def float64():
    former = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(former)


def small(netG: str = "colorizer_small", **flags) -> ColorizationNet:
    torch.manual_seed(0)
    network = build_colorizer(netG, 2, **flags).double().eval()
    for head in network.heads():
        nn.init.normal_(head.weight)
    return network


def pictures(height: int, width: int, count: int = 1, seed: int = 0) -> Tensor:
    values = np.random.default_rng(seed).random((count, 3, height, width))
    return torch.from_numpy(values) * 2 - 1


def lightness_of(images: Tensor) -> np.ndarray:
    return rgb2lab((images[0].detach().permute(1, 2, 0).numpy() + 1) / 2)[..., 0]


def test_the_published_network_by_its_own_numbers(float64):
    network = build_colorizer("eccv16_classes")
    keys = "\n".join(f"{key} {tuple(value.shape)}" for key, value in network.state_dict().items())
    assert hashlib.sha256(keys.encode()).hexdigest() == REFERENCE_KEYS
    k = torch.arange(32 * 40)
    lightness = (31 * k * k % 101.0).view(1, 1, 32, 40)
    fill(network).eval()
    with torch.no_grad():
        ab = network.decode(network(lightness).logits, temperature=1.0)
        full = F.interpolate(ab, scale_factor=4, mode="bilinear")
    assert full.norm().item() == pytest.approx(REFERENCE_NORM, rel=1e-9)
    for place, value in REFERENCE_VALUES.items():
        assert full[(0, *place)].item() == pytest.approx(value, abs=1e-9)


def test_published_parameter_counts():
    """The reference counts its fixed bin centres too, 626 more."""
    counts = {word: sum(p.numel() for p in build_colorizer(word).parameters()) for word in COLORIZERS}
    assert counts["eccv16_classes"] == 32_236_011 - 626
    assert counts["eccv16"] == counts["eccv16_classes"] + 2 * 256 + 2
    assert counts["colorizer_small"] < counts["eccv16"] / 2


@settings(max_examples=10)
@given(st.sampled_from(sorted(COLORIZERS)), st.integers(2, 5), st.integers(2, 5), st.sampled_from(["batch", "none"]))
def test_colours_at_a_quarter_of_the_resolution(word, rows, columns, norm):
    network = build_colorizer(word, 1, norm)
    logits, ab = network(torch.rand(2, 1, 8 * rows, 8 * columns) * 100)
    assert logits.shape == (2, 313, 2 * rows, 2 * columns)
    assert (None if ab is None else ab.shape) == (None if word == "eccv16_classes" else (2, 2, 2 * rows, 2 * columns))


@pytest.mark.parametrize("word", sorted(COLORIZERS))
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_networks_are_told_by_their_weights(word, norm):
    told = describe_colorizer(build_colorizer(word, 3, norm).state_dict())
    assert told == {"netG": word, "ngf": 3, "normG": norm, "input_nc": 3, "output_nc": 3}


def test_other_weights_are_not_mistaken_for_one():
    assert describe_colorizer({"model.1.weight": torch.zeros(1)}) is None
    assert describe_colorizer({"model1.0.weight": torch.zeros(1)}) is None


def test_instance_norm_is_refused():
    with pytest.raises(ValueError, match="'batch' or 'none', not 'instance'"):
        ColorizationNet(norm="instance")


def test_the_bin_centres_are_not_trained():
    network = small()
    assert "model_out.weight" not in dict(network.named_parameters())
    torch.testing.assert_close(network.model_out.centres(), gamut_bins(), rtol=0, atol=1e-5)


def test_both_heads_train_the_trunk():
    for take in (lambda prediction: prediction.logits, lambda prediction: prediction.ab):
        network = small()
        take(network(torch.rand(1, 1, 16, 16).double() * 100)).square().sum().backward()
        assert network.model1[0].weight.grad.abs().max() > 0


def test_paint_keeps_the_lightness():
    lightness = torch.rand(1, 1, 12, 20).double() * 60 + 20
    ab = torch.tensor([10.0, -15.0]).double().view(1, 2, 1, 1).expand(1, 2, 3, 5)
    lab = rgb2lab((paint(lightness, ab)[0].permute(1, 2, 0).numpy() + 1) / 2)
    np.testing.assert_allclose(lab[..., 0], lightness[0, 0].numpy(), atol=1e-3)
    np.testing.assert_allclose(lab[..., 1:], np.broadcast_to([10, -15], (12, 20, 2)), atol=1e-2)


@pytest.mark.parametrize("flags", [{}, {"classes": False}, {"regression": False}])
def test_views_and_result(flags):
    images = pictures(16, 24)
    colorizer = Colorizer(small(), **flags)
    views = colorizer.views(images)
    assert list(views) == (["grey_A", "fake_B"] if flags else ["grey_A", "l2_B", "fake_B"])
    assert all(view.shape == images.shape and view.abs().max() <= 1 for view in views.values())
    torch.testing.assert_close(views["fake_B"], colorizer(images), rtol=0, atol=0)
    grey = views["grey_A"]
    torch.testing.assert_close(grey, grey[:, :1].expand_as(grey), rtol=0, atol=1e-4)
    np.testing.assert_allclose(lightness_of(grey), lightness_of(images), atol=1e-3)


def test_views_are_those_of_their_heads():
    images, network = pictures(16, 16), small()
    both = Colorizer(network).views(images)
    torch.testing.assert_close(both["l2_B"], Colorizer(network, classes=False)(images), rtol=0, atol=0)
    torch.testing.assert_close(both["fake_B"], Colorizer(network, regression=False)(images), rtol=0, atol=0)
    assert (both["l2_B"] - both["fake_B"]).abs().max() > 0.01


def test_weights_without_a_regression_head_have_no_view_of_it():
    assert list(Colorizer(small("eccv16_classes")).views(pictures(16, 16))) == ["grey_A", "fake_B"]


def test_the_colour_of_the_input_is_ignored():
    images, colorizer = pictures(16, 16), Colorizer(small())
    grey = colorizer.views(images)["grey_A"]
    torch.testing.assert_close(colorizer(grey), colorizer(images), rtol=0, atol=1e-3)
    torch.testing.assert_close(colorizer(grey[:, :1]), colorizer(grey), rtol=0, atol=1e-3)


def test_the_lightness_comes_back_where_nothing_is_clipped():
    network = small()
    nn.init.zeros_(network.model_ab.weight)
    with torch.no_grad():
        network.model_ab.bias.copy_(torch.tensor([0.05, 0.1]))
    images = pictures(32, 32) * 0.3
    result = Colorizer(network, classes=False)(images)
    np.testing.assert_allclose(lightness_of(result), lightness_of(images), atol=1e-3)
    assert (result - images).abs().max() > 0.1


def test_the_temperature_counts():
    images, network = pictures(16, 16), small()
    cold, warm = (Colorizer(network, temperature=temperature)(images) for temperature in (0.0, 1.0))
    assert (cold - warm).abs().max() > 0.05


@pytest.mark.parametrize(
    ("size", "predict_px", "seen"),
    [((32, 48), 64, (32, 48)), ((32, 48), 0, (32, 48)), ((32, 48), 16, (16, 24)), ((80, 32), 25, (64, 24))],
)
def test_large_pictures_are_scaled_for_the_network_alone(size, predict_px, seen):
    network, shapes = small(), []
    network.model1.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape[-2:])))
    images = pictures(*size)
    views = Colorizer(network, predict_px=predict_px).views(images)
    assert shapes == [seen]
    np.testing.assert_allclose(lightness_of(views["grey_A"]), lightness_of(images), atol=1e-3)
    assert views["fake_B"].shape == images.shape
