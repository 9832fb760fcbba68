"""The ResNet generator: sizes, taps, and what its features depend on."""

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from translate.networks import GENERATORS, build_generator
from translate.networks.layers import NORMS
from translate.networks.projection import gather_all
from translate.networks.resnet import ResnetBlock, ResnetGenerator

VARIANTS = [
    {"normG": norm, "no_antialias": down, "no_antialias_up": up}
    for norm, down, up in product(NORMS, (False, True), (False, True))
]
variants = st.sampled_from(VARIANTS)
sides = st.integers(13, 30)


def tiny(**flags: Any) -> ResnetGenerator:
    torch.manual_seed(0)
    return build_generator(**{"netG": "resnet_4blocks", "ngf": 2, **flags})


def image(batch: int = 1, channels: int = 3, height: int = 20, width: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.rand(batch, channels, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("blocks", "parameters"), [(9, 11_378_179), (6, 7_837_699), (4, 5_477_379)])
@pytest.mark.parametrize("no_antialias", [False, True])
def test_published_parameter_counts(blocks, parameters, no_antialias):
    network = build_generator(f"resnet_{blocks}blocks", no_antialias=no_antialias, no_antialias_up=no_antialias)
    assert count(network) == parameters


def test_the_registry_offers_the_published_depths():
    offered = [word for word in GENERATORS.names() if word.startswith("resnet")]
    assert offered == ["resnet_4blocks", "resnet_6blocks", "resnet_9blocks"]


@pytest.mark.parametrize(
    ("down", "up", "modules", "taps"),
    [
        (False, False, 32, {"pixels": 0, "down1": 4, "down2": 8, "res1": 12, "res5": 16, "res9": 20}),
        (True, False, 30, {"pixels": 0, "down1": 4, "down2": 7, "res1": 10, "res5": 14, "res9": 18}),
        (False, True, 30, {"pixels": 0, "down1": 4, "down2": 8, "res1": 12, "res5": 16, "res9": 20}),
        (True, True, 28, {"pixels": 0, "down1": 4, "down2": 7, "res1": 10, "res5": 14, "res9": 18}),
    ],
)
@pytest.mark.parametrize("norm", NORMS)
def test_names_of_taps_are_the_published_places_in_every_variant(down, up, modules, taps, norm):
    network = build_generator("resnet_9blocks", ngf=2, normG=norm, no_antialias=down, no_antialias_up=up)
    assert len(network.model) == modules
    assert {name: network.tap_names[name] for name in taps} == taps
    assert set(network.tap_names) == {"pixels", "down1", "down2", *(f"res{i}" for i in range(1, 10))}
    assert network.resolve_taps(list(taps)) == sorted(taps.values())


@pytest.mark.parametrize("flags", VARIANTS)
def test_named_taps_are_what_they_say(flags):
    network = tiny(**flags)
    kinds = {name: type(network.model[index]) for name, index in network.tap_names.items()}
    assert issubclass(kinds.pop("pixels"), nn.ReflectionPad2d)
    assert kinds.pop("down1") is kinds.pop("down2") is nn.Conv2d
    assert set(kinds.values()) == {ResnetBlock}
    assert network.tap_channels(network.resolve_taps(["down1", "down2", "res1"])) == [4, 8, 8]


def test_taps_are_resolved_to_ascending_indices():
    network = tiny()
    assert network.resolve_taps([16, 0, "down1", 4, "res1"]) == [0, 4, 12, 16]
    assert network.resolve_taps([-1]) == [len(network.model) - 1]
    assert network.resolve_taps([]) == []


@pytest.mark.parametrize("tap", ["res5", "Pixels", 27, -2])
def test_taps_that_are_not_there_are_refused(tap):
    with pytest.raises(ValueError, match=r"no layer .* choose from 0 to 26 or pixels, down1"):
        tiny().resolve_taps([0, tap])


@settings(max_examples=25)
@given(variants, sides, sides, st.data())
def test_announced_sizes_and_channels_are_those_of_the_features(flags, height, width, data):
    network = tiny(**flags)
    taps = sorted(data.draw(st.sets(st.integers(0, len(network.model) - 1), min_size=1, max_size=6)))
    features = network.features(image(1, 3, height, width), taps)
    assert network.tap_sizes(height, width, taps) == [tuple(feature.shape[2:]) for feature in features]
    assert network.tap_channels(taps) == [feature.shape[1] for feature in features]


@settings(max_examples=25)
@given(variants, sides, sides, st.sampled_from([1, 3]), st.sampled_from([1, 3]))
def test_output_size_is_rounded_up_to_the_stride(flags, height, width, input_nc, output_nc):
    network = tiny(**flags, input_nc=input_nc, output_nc=output_nc)
    output = network(image(2, input_nc, height, width))
    assert output.shape == (2, output_nc, -(-height // 4) * 4, -(-width // 4) * 4)
    assert output.abs().max() <= 1


@settings(max_examples=40)
@given(variants, st.data())
def test_features_on_the_way_are_those_of_the_encoder_alone(flags, data):
    """For any taps, also those whose map an activation behind it overwrites."""
    network = tiny(**flags)
    taps = sorted(data.draw(st.sets(st.integers(0, len(network.model) - 1), min_size=1, max_size=4)))
    pictures = image(2)
    output, on_the_way = network.forward_with_features(pictures, taps)
    torch.testing.assert_close(output, network(pictures), rtol=0, atol=0)
    for first, second in zip(on_the_way, network.features(pictures, taps), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_the_encoder_stops_at_its_last_tap():
    network, ran = tiny(), []
    for index, module in enumerate(network.model):
        module.register_forward_hook(lambda *_, at=index: ran.append(at))
    network.features(image(), [0, 4])
    assert ran == list(range(5))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dropout", [False, True])
def test_features_are_reusable_exactly_when_a_separate_pass_gives_the_same(norm, dropout):
    network = tiny(normG=norm, no_dropout=not dropout).double().train()
    taps = network.resolve_taps(["pixels", "down1", "down2", "res1", "res4"])
    a, b = image(seed=1).double(), image(seed=2).double()
    _, together = network.forward_with_features(torch.cat([a, b]), taps)
    alone = network.features(a, taps)
    largest = max((first[:1] - second).abs().max().item() for first, second in zip(together, alone, strict=True))
    assert network.features_are_reusable == (largest < 1e-12)


def test_dropout_moves_the_second_convolution_and_acts_in_training_only():
    network = tiny(no_dropout=False)
    assert "model.12.conv_block.6.weight" in network.state_dict()
    assert "model.12.conv_block.5.weight" in tiny().state_dict()
    assert not torch.equal(network(image()), network(image()))
    network.eval()
    assert torch.equal(network(image()), network(image()))


def test_instance_norm_acts_alike_in_training_and_evaluation():
    network = tiny()
    assert torch.equal(network.train()(image()), network.eval()(image()))


def test_a_block_without_weights_is_the_identity():
    block = ResnetBlock(3)
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    x = image()
    assert torch.equal(block(x), x)  # and no activation after the sum: negative values pass


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("norm", NORMS)
def test_gradients_of_gathered_features_are_their_slopes(batch, norm):
    """Torch's instance norm has a wrong backward pass on the CPU for a batch of one if the gradient's memory layout is
    channels-last: whatever hands gradients to the generator must not give them that layout."""
    network = tiny(normG=norm, netG="resnet_4blocks", ngf=1).double()
    taps = network.resolve_taps(["pixels", "down1", "down2", "res1", "res3"])
    pictures = image(batch, height=16).double().requires_grad_()
    positions = torch.arange(5).expand(batch, -1)

    def gathered(x: torch.Tensor) -> torch.Tensor:
        vectors = gather_all(network.features(x, taps), [positions] * len(taps))
        return torch.stack([vector.tanh().square().sum() for vector in vectors])

    assert torch.autograd.gradcheck(gathered, pictures, fast_mode=True)
