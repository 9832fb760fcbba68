"""LPIPS: the package's own, on trunks from files."""

import sys

import lpips
import numpy as np
import pytest
import torch
import torchvision

from translate.evaluation.metric import METRICS, Tools, Unmeasurable
from translate.evaluation.perceptual import load_lpips, lpips_distances
from translate.evaluation.picture_set import PictureSet
from translate.evaluation.weights import ALEXNET, VGG16

MODELS = {"alex": (ALEXNET, "alexnet"), "vgg": (VGG16, "vgg16")}


@pytest.fixture(scope="module", params=MODELS)
def theirs(request, weights):
    """The package as it comes, torchvision giving it the same file; and the trunk's name."""
    file, model = MODELS[request.param]

    content = torch.load(weights / file.file_name, weights_only=True)
    made = getattr(torchvision.models, model)(weights=None)
    made.features.load_state_dict({key[9:]: value for key, value in content.items() if "features" in key})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torchvision.models, model, lambda pretrained: made)
        return lpips.LPIPS(net=request.param, verbose=False), request.param


def test_it_is_the_package_on_the_same_trunk(theirs, judged, tools):
    network, trunk = theirs
    compared = list(zip(judged.results, judged.truths, strict=True))
    found = lpips_distances(compared, len(compared), tools, trunk)
    assert found.shape == (6,) and found.dtype == np.float64
    for pair, value in zip(compared, found, strict=True):
        first, second = (torch.from_numpy(picture / 255.0).permute(2, 0, 1)[None].float() for picture in pair)
        with torch.no_grad():
            assert value == pytest.approx(network(first, second, normalize=True).item(), rel=1e-4)


def test_equal_pictures_are_at_zero(judged, tools):
    assert lpips_distances(((picture, picture) for picture in judged.results), 6, tools).tolist() == [0] * 6


@pytest.mark.parametrize(("name", "trunk"), [("lpips_truth", "alex"), ("lpips_vgg_truth", "vgg")])
def test_the_distance_to_the_truth_is_beside_that_of_the_inputs(name, trunk, judged, tools):
    found = METRICS[name].measure(judged, tools)
    values = lpips_distances(zip(judged.results, judged.truths, strict=True), 6, tools, trunk)
    assert found.per_picture == pytest.approx(values.tolist(), rel=1e-6)
    assert found.value == pytest.approx(values.mean()) and found.low < found.value < found.high
    untranslated = lpips_distances(zip(judged.inputs, judged.truths, strict=True), 6, tools, trunk)
    assert found.ceiling == pytest.approx(untranslated.mean())
    assert found.extractor == load_lpips(tools, trunk).name
    assert found.extractor.startswith(f"{MODELS[trunk][0].name}-")


def test_the_distance_to_the_input_has_no_bounds(judged, tools):
    found = METRICS["lpips_input"].measure(judged, tools)
    values = lpips_distances(zip(judged.results, judged.inputs, strict=True), 6, tools)
    assert found.per_picture == pytest.approx(values.tolist(), rel=1e-6)
    assert found.floor is None and found.ceiling is None


@pytest.mark.parametrize(("trunk", "side"), [("alex", 31), ("vgg", 16)])
def test_pictures_that_are_too_small_are_named(trunk, side, tools):
    fits, small = (np.random.default_rng(0).integers(0, 256, (size, 40, 3), np.uint8) for size in (side, side - 1))
    assert lpips_distances([(fits, fits)], 1, tools, trunk).tolist() == [0]
    with pytest.raises(Unmeasurable, match=f"40x{side - 1} pixels is too small for LPIPS, which needs {side} on"):
        lpips_distances([(small, small)], 1, tools, trunk)


def test_no_results_are_a_sentence(tools):
    nothing = PictureSet.in_memory([])
    with pytest.raises(Unmeasurable, match="lpips_input needs results"):
        METRICS["lpips_input"].measure(type("J", (), {"results": nothing, "inputs": nothing}), tools)


def test_without_the_package_it_says_how_to_get_it_before_it_downloads_weights(monkeypatch):
    monkeypatch.setattr("translate.evaluation.weights.download", lambda *_: pytest.fail("downloads"))
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(Unmeasurable, match="pip install lpips"):
        load_lpips(Tools())


def test_nothing_is_downloaded_and_nothing_is_said(weights, monkeypatch, capsys, recwarn):
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", lambda *_, **__: pytest.fail("downloads"))
    load_lpips(Tools(weights=weights, download=False))
    assert capsys.readouterr() == ("", "") and not recwarn.list


def test_a_trunk_that_lacks_something_is_a_sentence(weights, tmp_path):
    content = torch.load(weights / ALEXNET.file_name, weights_only=True)
    del content["features.3.bias"]
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(
        Unmeasurable, match=r"x.pth does not hold the weights of alexnet-owt \(Missing key.*slice2.3.bias"
    ):
        load_lpips(Tools(weights=tmp_path / "x.pth", download=False))
