import pytest
import torch
import torch.nn.functional as F
from torch import nn

from translate.networks.hourglass import Hourglass, describe_hourglass


@pytest.mark.parametrize(("channels", "parameters"), [(3, 5_357_730), (6, 5_376_546), (7, 5_382_818)])
def test_it_has_the_published_number_of_parameters(channels, parameters):
    assert sum(weight.numel() for weight in Hourglass(channels).parameters()) == parameters


def test_keys_are_those_of_the_published_weights():
    keys = Hourglass().state_dict().keys()
    outermost, innermost = "seq.3.list.0", "seq.3.list.0.3.list.0.3.list.1.3.list.1"
    assert {
        "seq.0.weight", "seq.1.weight", f"{outermost}.1.convs.0.0.weight", f"{outermost}.1.convs.3.4.running_var",
        f"{innermost}.3.convs.1.3.bias", "uncertainty_layer.0.weight", "pred_layer.weight",
    } <= keys  # fmt: skip
    assert f"{outermost}.1.convs.0.1.weight" not in keys, "norms within have no scale"
    assert len(keys) == 781


@pytest.mark.parametrize("ngf", [4, 8])
def test_width_goes_with_ngf_and_size_stays(ngf):
    network = Hourglass(6, ngf)
    log_depth, confidence = network(torch.rand(2, 6, 32, 48))
    assert log_depth.shape == confidence.shape == (2, 1, 32, 48)
    assert ((confidence > 0) & (confidence < 1)).all()
    assert network.pred_layer.in_channels == ngf
    described = describe_hourglass(network.state_dict())
    assert (described["input_nc"], described["ngf"]) == (6, ngf)


class ByHand:
    """The network in evaluation mode, from the keys of its weights."""

    def __init__(self, weights):
        self.weights = weights

    def __call__(self, pictures):
        features = self.level("seq.3", self.norm("seq.1", self.convolution("seq.0", pictures)).clamp(min=0))
        confidence = 1 / (1 + torch.exp(-self.convolution("uncertainty_layer.0", features)))
        return self.convolution("pred_layer", features), confidence

    def level(self, key, x):
        """Which of both branches is the deep one goes by how far in it is."""
        inner = key.count("list")
        deep, skip = (f"{key}.list.{index}" for index in ((0, 1) if inner < 2 else (1, 0)))
        small = x.unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(-2, -1))
        large = F.interpolate(self.row(deep, small), scale_factor=2, mode="bilinear", align_corners=True)
        return large + self.row(skip, x)

    def row(self, key, x):
        numbers = {int(name[len(key) + 1 :].split(".")[0]) for name in self.weights if name.startswith(f"{key}.")}
        for place in (f"{key}.{number}" for number in sorted(numbers)):
            is_level = any(name.startswith(f"{place}.list.") for name in self.weights)
            x = self.level(place, x) if is_level else self.block(place, x)
        return x

    def block(self, key, x):
        branches = [self.step(f"{key}.convs.0", 0, x)]
        branches += [self.step(f"{key}.convs.{i}", 3, self.step(f"{key}.convs.{i}", 0, x)) for i in (1, 2, 3)]
        return torch.cat(branches, dim=1)

    def step(self, key, index, x):
        return self.norm(f"{key}.{index + 1}", self.convolution(f"{key}.{index}", x)).clamp(min=0)

    def convolution(self, key, x):
        weight = self.weights[f"{key}.weight"]
        return F.conv2d(x, weight, self.weights[f"{key}.bias"], padding=weight.shape[-1] // 2)

    def norm(self, key, x):
        mean, variance = (self.weights[f"{key}.running_{name}"].view(-1, 1, 1) for name in ("mean", "var"))
        scale, shift = (
            self.weights.get(f"{key}.{name}", x.new_full((1,), usual)).view(-1, 1, 1)
            for name, usual in (("weight", 1), ("bias", 0))
        )
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift


def test_it_computes_what_its_keys_say():
    torch.manual_seed(0)
    network = Hourglass(3, 4).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # it takes the statistics of the first batch as they are
    pictures = torch.rand(2, 3, 32, 48, dtype=torch.float64)
    with torch.no_grad():
        network(pictures)
        found, expected = network.eval()(pictures), ByHand(network.state_dict())(pictures)
    for mine, by_hand in zip(found, expected, strict=True):
        assert torch.allclose(mine, by_hand, rtol=1e-10, atol=1e-10)
        assert mine.std() > 1e-4


def test_kernels_of_a_block_are_the_published_ones():
    weights = Hourglass().state_dict()
    firsts = [key.removesuffix("1.3.weight") for key in weights if key.endswith("convs.1.3.weight")]
    found = [tuple(weights[f"{first}{branch}.3.weight"].shape[-1] for branch in (1, 2, 3)) for first in firsts]
    assert set(found) == {(3, 5, 7), (3, 7, 11)}
    assert (len(found), found.count((3, 7, 11))) == (22, 5)


def test_what_is_seen_everywhere_reaches_each_pixel():
    network = Hourglass(3, 4).eval()
    pictures = torch.rand(1, 3, 64, 64, requires_grad=True)
    network(pictures).log_depth[0, 0, 0, 0].backward()
    assert pictures.grad[0, :, 40:, 40:].any(), "through the innermost maps"


def test_a_width_that_cannot_be_divided_is_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        Hourglass(3, 6)


def test_other_weights_are_not_described():
    assert describe_hourglass({"seq.0.weight": torch.zeros(8, 3, 7, 7)}) is None
