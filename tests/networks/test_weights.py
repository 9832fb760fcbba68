"""Weights in files: what is told from their keys, what is adapted, and what is refused."""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from translate.errors import InputError
from translate.networks import build_discriminator, build_generator, build_patch_head
from translate.networks.encoders.alexnet import AlexNet
from translate.networks.encoders.generator_half import GeneratorHalf
from translate.networks.layers import NORMS
from translate.networks.weights import (
    describe_discriminator,
    describe_generator,
    describe_patch_head,
    fit_weights,
    load_file,
    load_weights,
)

PATH = Path("some_net_G.pth")

norms, switches, widths, channels = st.sampled_from(NORMS), st.booleans(), st.integers(1, 5), st.sampled_from([1, 3])
generator_flags = st.fixed_dictionaries(
    {
        "netG": st.sampled_from(["resnet_9blocks", "resnet_6blocks", "resnet_4blocks"]),
        "input_nc": channels,
        "output_nc": channels,
        "ngf": widths,
        "normG": norms,
        "no_dropout": switches,
        "no_antialias": switches,
        "no_antialias_up": switches,
    }
)


@settings(max_examples=60)
@given(generator_flags)
def test_a_generator_is_told_from_its_keys(flags):
    assert describe_generator(build_generator(**flags).state_dict(), PATH) == flags


@settings(max_examples=40)
@given(st.integers(1, 6), widths, norms, switches)
def test_a_discriminator_is_told_from_its_keys(layers, ndf, norm, no_antialias):
    network = build_discriminator("n_layers", 3, ndf, layers, norm, no_antialias)
    assert describe_discriminator(network.state_dict(), PATH) == {
        "netD": "basic" if layers == 3 else "n_layers",
        "n_layers_D": layers,
        "ndf": ndf,
        "normD": norm,
        "no_antialias": no_antialias,
    }


@settings(max_examples=20)
@given(widths, norms)
def test_a_pixel_discriminator_is_told_from_its_keys(ndf, norm):
    weights = build_discriminator("pixel", 3, ndf, normD=norm).state_dict()
    assert describe_discriminator(weights, PATH) == {"netD": "pixel", "ndf": ndf, "normD": norm}


def test_a_patch_head_is_told_from_its_keys():
    weights = build_patch_head("mlp_sample", [3, 8], 12).state_dict()
    assert describe_patch_head(weights, PATH) == {"netF": "mlp_sample", "netF_nc": 12}


@pytest.mark.parametrize("describe", [describe_generator, describe_discriminator, describe_patch_head])
def test_other_networks_are_refused_by_their_keys(describe):
    with pytest.raises(InputError, match=r"some_net_G\.pth does not hold .* begin with 0\.weight, 0\.bias"):
        describe(nn.Sequential(nn.Conv2d(3, 3, 3)).state_dict(), PATH)


def test_foreign_keys_beside_a_generators_are_named_when_it_is_loaded():
    network = build_generator("resnet_4blocks", ngf=2)
    weights = {**network.state_dict(), "head.weight": torch.zeros(1), "model.head.weight": torch.zeros(1)}
    assert describe_generator(weights, PATH)["netG"] == "resnet_4blocks"
    with pytest.raises(InputError, match=r"has head\.weight besides"):
        fit_weights(weights, network, PATH)


def test_a_discriminator_is_no_generator_and_the_reverse():
    generator, discriminator = build_generator("resnet_4blocks", ngf=2), build_discriminator("basic", ndf=2)
    with pytest.raises(InputError, match="does not hold a generator"):
        describe_generator(discriminator.state_dict(), PATH)
    with pytest.raises(InputError, match="patch discriminator"):
        describe_discriminator(generator.state_dict(), PATH)


@pytest.mark.parametrize("encoder", [
    AlexNet(width=4),
    GeneratorHalf(build_generator("resnet_4blocks", ngf=2)),
], ids=["alexnet", "half"])  # fmt: skip
def test_an_encoder_is_no_generator(encoder):
    with pytest.raises(InputError, match=r"some_net_G\.pth holds an encoder, which translates nothing; give a file"):
        describe_generator(encoder.state_dict(), PATH)


def tiny_generator(input_nc: int, output_nc: int) -> nn.Module:
    torch.manual_seed(input_nc + 10 * output_nc)
    return build_generator("resnet_4blocks", input_nc, output_nc, ngf=2).double()


def fit(source: nn.Module, target: nn.Module) -> list[str]:
    fitted, adapted = fit_weights(source.state_dict(), target, PATH)
    target.load_state_dict(fitted)
    return adapted


def grey(channels: int) -> Tensor:
    torch.manual_seed(5)
    return (torch.rand(1, 1, 24, 20, dtype=torch.float64) * 2 - 1).expand(1, channels, 24, 20)


def test_weights_of_the_same_shape_are_taken_as_they_are():
    source, target = tiny_generator(3, 3), tiny_generator(3, 3)
    nn.init.zeros_(target.model[1].weight)
    assert fit(source, target) == []
    assert torch.equal(source(grey(3)), target(grey(3)))


@pytest.mark.parametrize(("before", "after"), [(3, 1), (1, 3)])
def test_input_channels_are_adapted_so_that_grey_pictures_come_out_alike(before, after):
    source, target = tiny_generator(before, 3), tiny_generator(after, 3)
    assert fit(source, target) == ["model.1.weight"]
    torch.testing.assert_close(target(grey(after)), source(grey(before)))


def test_a_grey_output_is_repeated():
    source, target = tiny_generator(3, 1), tiny_generator(3, 3)
    assert fit(source, target) == ["model.25.weight", "model.25.bias"]
    torch.testing.assert_close(target(grey(3)), source(grey(3)).expand(-1, 3, -1, -1))


def test_a_colour_output_becomes_its_mean():
    source, target = tiny_generator(3, 3), tiny_generator(3, 1)
    fit(source, target)
    mean_before_tanh = source(grey(3)).atanh().mean(1, keepdim=True)
    torch.testing.assert_close(target(grey(3)), mean_before_tanh.tanh())


@pytest.mark.parametrize(("before", "after"), [(3, 1), (1, 3)])
def test_discriminators_and_heads_are_adapted_too(before, after):
    discriminators = [build_discriminator("n_layers", nc, 2, 1).double() for nc in (before, after)]
    fit(*discriminators)
    torch.testing.assert_close(discriminators[1](grey(after)), discriminators[0](grey(before)))
    heads = [build_patch_head("mlp_sample", [nc, 4], 6).double() for nc in (before, after)]
    assert fit(*heads) == ["mlp_0.0.weight"]
    positions = torch.arange(5).view(1, 5)
    deeper = torch.rand(1, 4, 3, 3, dtype=torch.float64)
    results = [head([grey(nc), deeper], [positions] * 2) for head, nc in zip(heads, (before, after), strict=True)]
    torch.testing.assert_close(results[1], results[0])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"ngf": 4}, r"model\.1\.weight is \(2, 3, 7, 7\) there and \(4, 3, 7, 7\) here"),
        ({"netG": "resnet_6blocks"}, r"lacks model\.16\.conv_block"),
        ({"normG": "none"}, r"has model\.1\.bias besides"),
        ({"normG": "batch"}, r"lacks model\.2\.weight"),
    ],
)
def test_other_architectures_are_refused_in_words(flags, said):
    target = build_generator(**{"netG": "resnet_4blocks", "ngf": 2, **flags})
    with pytest.raises(InputError, match=rf"some_net_G\.pth is of another architecture.*{said}.*flags"):
        fit_weights(tiny_generator(3, 3).state_dict(), target, PATH)


def test_two_channels_are_not_adapted():
    source, target = build_discriminator("basic", 2, 2), build_discriminator("basic", 3, 2)
    with pytest.raises(InputError, match="another architecture"):
        fit_weights(source.state_dict(), target, PATH)


def test_weights_come_back_and_lose_the_wrappers_prefix(tmp_path):
    network = build_discriminator("basic", ndf=2)
    for name, module in (("plain", network), ("wrapped", nn.DataParallel(network))):
        torch.save(module.state_dict(), tmp_path / f"{name}.pth")
    plain, wrapped = (load_weights(tmp_path / f"{name}.pth") for name in ("plain", "wrapped"))
    assert list(plain) == list(wrapped) == list(network.state_dict())
    assert all(torch.equal(plain[key], wrapped[key]) for key in plain)


def test_weights_saved_in_the_old_format_load(tmp_path):
    torch.save({"a": torch.arange(3)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert load_weights(tmp_path / "old.pth")["a"].tolist() == [0, 1, 2]


class Trap:
    """Unpickling this makes a folder."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_the_trap_would_spring(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize("load", [load_file, load_weights])
def test_code_in_a_file_is_refused_and_not_run(tmp_path, form, load):
    path, content = tmp_path / "latest_net_G.pth", {"model.1.weight": Trap(tmp_path / "sprung")}
    if form == "pickle":
        path.write_bytes(pickle.dumps(content, protocol=2))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(InputError, match=r"latest_net_G\.pth") as caught:
        load(path)
    assert not (tmp_path / "sprung").exists()
    assert "holds more than weights" in str(caught.value)


def test_a_whole_network_is_refused_with_the_remedy(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "network.pth")
    with pytest.raises(InputError, match=r"holds more than weights.*state_dict\(\)"):
        load_file(tmp_path / "network.pth")


def test_a_missing_file_is_named(tmp_path):
    for path in (tmp_path / "no.pth", tmp_path):
        with pytest.raises(InputError, match="does not exist"):
            load_file(path)


@pytest.mark.parametrize(
    "content", [b"", b"not weights\n", b"PK\x03\x04", b"\x80\x02}q\x00.", b"\x89PNG\r\n\x1a\n", b"1"]
)
def test_other_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "latest_net_G.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"latest_net_G\.pth is (not a checkpoint|damaged)"):
        load_weights(path)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.999), zipped=st.booleans())
def test_a_file_cut_short_is_refused(tmp_path, share, zipped):
    path = tmp_path / "cut.pth"
    torch.save({"a": torch.rand(100), "b": torch.rand(3)}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match=r"cut\.pth"):
        load_weights(path)


@pytest.mark.parametrize("content", [[torch.zeros(1)], {}, {"a": 1}, {"a": {"b": torch.zeros(1)}}, torch.zeros(2), 3])
def test_anything_but_named_tensors_is_no_state_dict(tmp_path, content):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"x\.pth is not a state dict of tensors; expected"):
        load_weights(tmp_path / "x.pth")
