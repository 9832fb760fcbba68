"""Encoders against torchvision's own networks and against the generator whose half one of them is."""

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.transforms.v2 import functional as transforms

from translate.errors import InputError
from translate.networks import build_generator
from translate.networks.encoders import ENCODERS, build_encoder, describe_encoder, is_half
from translate.networks.encoders.encoder import DEVIATION, MEAN, Normalization
from translate.networks.initialization import initialize


def some_pictures(side=70, channels=3, count=2):
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(netE, **flags):
    half = build_generator("resnet_4blocks", ngf=4) if netE == "generator" else None
    return build_encoder(netE, generator=half, **flags).eval()


class TestAgainstTorchvision:
    def test_alexnet(self):
        theirs = torchvision.models.alexnet(weights=None).features.eval()
        ours = build("alexnet", normE="none")
        convs = [layer for layer in theirs if isinstance(layer, nn.Conv2d)]
        with torch.no_grad():
            for name, conv in zip(ours.taps, convs, strict=True):
                getattr(ours, name)[0].load_state_dict(conv.state_dict())
            pictures = some_pictures(96)
            found = ours.features(pictures, ours.taps)
            x = transforms.normalize((pictures + 1) / 2, MEAN, DEVIATION)
            expected = []
            for layer in theirs:
                x = layer(x)
                if isinstance(layer, nn.ReLU):
                    expected.append(x.clone())
        for tap, there in zip(ours.taps, expected, strict=True):
            assert torch.allclose(found[tap], there, atol=1e-5), tap

    @pytest.mark.parametrize("word", ["resnet18", "resnet50"])
    def test_resnets_take_their_weights_and_give_their_maps(self, word):
        theirs = getattr(torchvision.models, word)(weights=None).eval()
        weights = {key: value for key, value in theirs.state_dict().items() if not key.startswith("fc.")}
        ours = build(word)
        ours.load_state_dict(weights)
        nodes = {"relu": "stem"} | {f"layer{level}": f"layer{level}" for level in range(1, 5)}
        pictures = some_pictures()
        with torch.no_grad():
            expected = create_feature_extractor(theirs, nodes)(
                transforms.normalize((pictures + 1) / 2, MEAN, DEVIATION)
            )
            found = ours.features(pictures, ours.taps)
        assert found.keys() == expected.keys()
        for tap in found:
            assert torch.allclose(found[tap], expected[tap], rtol=1e-4, atol=1e-4 * expected[tap].std().item()), tap


class TestCaffenet:
    def test_sizes_and_widths_are_the_published_ones(self):
        encoder = build("caffenet", normE="lrn")
        maps = encoder.features(some_pictures(227, count=1), encoder.taps)
        sizes = {"conv1": (96, 55), "conv2": (256, 27), "conv3": (384, 13), "conv4": (384, 13), "conv5": (256, 13)}
        assert {tap: (m.shape[1], m.shape[2]) for tap, m in maps.items()} == sizes
        # The published numbers of weights: 34,944 + 307,456 + 885,120 + 663,936 + 442,624.
        assert sum(p.numel() for p in encoder.parameters()) == 2_334_080

    def test_its_groups_do_not_mix(self):
        encoder = build("caffenet", normE="none", nef=8)
        weights = encoder.conv4[0].weight
        assert weights.shape[1] == weights.shape[0] // 2

    def test_responses_are_normalised_across_channels(self):
        plain, lrn = (build("caffenet", normE=norm, nef=8) for norm in ("none", "lrn"))
        lrn.load_state_dict(plain.state_dict())
        pictures = some_pictures()
        x = nn.functional.max_pool2d(lrn.features(pictures, ["conv1"])["conv1"], 3, 2).detach().numpy()
        squares = np.zeros_like(x)
        for channel in range(x.shape[1]):
            squares[:, channel] = (x[:, max(0, channel - 2) : channel + 3] ** 2).sum(1)
        expected = torch.from_numpy(x / (1 + 1e-4 / 5 * squares) ** 0.75)
        with torch.no_grad():
            found = lrn.pool(lrn.features(pictures, ["conv1"])["conv1"])
        assert torch.allclose(found, expected, atol=1e-6)
        assert not torch.equal(lrn(pictures), plain(pictures))


class TestHalfOfAGenerator:
    @pytest.mark.parametrize("norm", ["instance", "batch", "none"])
    def test_maps_are_those_of_the_generator(self, norm):
        generator = build_generator("resnet_4blocks", ngf=4, normG=norm).eval()
        initialize(generator, "kaiming")
        encoder = build_encoder("generator", generator=generator).eval()
        with torch.no_grad():
            found = encoder.features(some_pictures(32), encoder.taps)
            # One by one: without a norm the ReLU behind a map that is not the last changes it in place.
            expected = [generator.features(some_pictures(32), [generator.tap_names[name]])[0] for name in encoder.taps]
        assert encoder.taps == ("down1", "down2", "res1", "res2", "res3", "res4")
        for name, there in zip(encoder.taps, expected, strict=True):
            assert torch.equal(found[name], there), name
            assert encoder.channels[name] == there.shape[1]

    def test_its_keys_are_the_generators_first(self):
        generator = build_generator("resnet_4blocks", ngf=4)
        encoder = build_encoder("generator", generator=generator)
        keys = list(generator.state_dict())
        assert list(encoder.state_dict()) == keys[: len(encoder.state_dict())]
        assert is_half(encoder.state_dict()) and not is_half(generator.state_dict())


@pytest.mark.parametrize("netE", ENCODERS)
class TestEveryEncoder:
    def test_maps_have_the_channels_that_it_tells(self, netE):
        encoder = build(netE)
        maps = encoder.features(some_pictures(), encoder.taps)
        assert tuple(maps) == encoder.taps
        assert {tap: m.shape[1] for tap, m in maps.items()} == dict(encoder.channels)
        assert torch.equal(encoder(some_pictures()), maps[encoder.taps[-1]])
        assert encoder.width == maps[encoder.taps[-1]].shape[1]

    def test_a_step_in_the_deepest_map_is_a_stride(self, netE):
        encoder = build(netE)
        small, large = (encoder(some_pictures(side, count=1)).shape[-1] for side in (128, 128 + 3 * encoder.stride))
        assert large - small == 3

    def test_layers_behind_the_last_map_are_not_run(self, netE):
        encoder = build(netE)
        first, run = encoder.taps[0], []
        last = [module for module in encoder.modules() if isinstance(module, nn.Conv2d)][-1]
        last.register_forward_hook(lambda *_: run.append(1))
        assert tuple(encoder.features(some_pictures(), [first])) == (first,)
        assert not run
        encoder(some_pictures())
        assert run

    def test_an_unknown_map_is_refused(self, netE):
        with pytest.raises(ValueError, match="no map 'conv9' in the encoder"):
            build(netE).features(some_pictures(), ["conv9"])


@pytest.mark.parametrize(("flags", "kept"), [
    ({"netE": "alexnet", "nef": 8, "normE": "batch"}, True),
    ({"netE": "alexnet", "nef": 12, "normE": "none", "input_nc": 1}, True),
    ({"netE": "caffenet", "nef": 8, "normE": "batch_plain"}, True),
    ({"netE": "caffenet", "nef": 16, "normE": "none"}, True),
    ({"netE": "resnet18", "normE": "batch", "input_nc": 1}, True),
    ({"netE": "resnet50", "normE": "none"}, True),
    ({"netE": "caffenet", "nef": 8, "normE": "lrn"}, False),  # has no weights, so that keys do not tell
])  # fmt: skip
def test_flags_are_told_from_keys(flags, kept):
    told = describe_encoder(build(**flags).state_dict())
    expected = {"input_nc": 3, **flags}
    if not kept:
        expected["normE"] = "none"
    assert told == expected
    build(**told).load_state_dict(build(**flags).state_dict())


def test_other_networks_are_no_encoders():
    assert describe_encoder(build_generator("resnet_4blocks", ngf=4).state_dict()) is None


@pytest.mark.parametrize(("flags", "said"), [
    ({"netE": "resnet18", "normE": "lrn"}, "--normE lrn does not suit --netE resnet18"),
    ({"netE": "resnet18", "normE": "batch_plain"}, "--normE batch_plain does not suit --netE resnet18"),
    ({"netE": "resnet18", "nef": 32}, "--nef 32: --netE resnet18 has one width"),
    ({"netE": "alexnet", "nef": 6}, "--nef 6: the width of --netE alexnet is a multiple of 4"),
])  # fmt: skip
def test_flags_that_do_not_suit_are_refused(flags, said):
    with pytest.raises(InputError, match=said):
        build(**flags)


def test_grey_pictures_are_normalised_by_the_means_of_the_channels():
    grey = some_pictures(4, channels=1)
    expected = ((grey + 1) / 2 - np.mean(MEAN)) / np.mean(DEVIATION)
    assert torch.allclose(Normalization(1)(grey), expected.float(), atol=1e-6)
