"""Weights of random numbers in the shapes of the published files, and a few pictures to measure."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn

from translate.evaluation.metric import Judged, Tools
from translate.evaluation.picture_set import PictureSet
from translate.evaluation.weights import ALEXNET, INCEPTION, VGG16


def _randomised(network: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Weights under which deep features still differ from picture to picture."""
    generator = torch.Generator().manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            deviation = math.sqrt(2 / layer.weight[0].numel())
            layer.weight.data.normal_(0, deviation, generator=generator)
    return network.state_dict()


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of the published names. Classifiers, which no feature needs, are left out where they may."""
    folder = tmp_path_factory.mktemp("weights")
    inception = torchvision.models.inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    torch.save(_randomised(inception, 0), folder / INCEPTION.file_name)
    for file, features in ((ALEXNET, torchvision.models.AlexNet), (VGG16, torchvision.models.vgg16)):
        with torch.device("meta"):
            network = features()
        network.features.to_empty(device="cpu")
        for layer in network.features:
            if isinstance(layer, nn.Conv2d):
                layer.bias.data.zero_()
        found = _randomised(nn.ModuleDict({"features": network.features}), 1)
        torch.save({**found, "classifier.6.bias": torch.zeros(1000)}, folder / file.file_name)
    return folder


@pytest.fixture(scope="session")
def tools(weights: Path) -> Tools:
    """Tools with these weights, which share what is made but once among the tests."""
    return Tools(weights=weights, download=False)


def _pictures(count: int, seed: int, tint: tuple[int, int, int], sizes: tuple[tuple[int, int], ...]) -> PictureSet:
    """Smooth random pictures, each of the next of the sizes (width, height), and tinted once, twice or three times."""
    pictures = []
    for index in range(count):
        rng = np.random.default_rng((seed, index))
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize(sizes[index % len(sizes)], Image.Resampling.BICUBIC), np.float64)
        pictures.append(np.clip(smooth * 0.8 + np.multiply(tint, 1 + index % 3), 0, 255).astype(np.uint8))
    return PictureSet.in_memory(pictures)


@pytest.fixture(scope="session")
def make_pictures() -> Callable[..., PictureSet]:
    """make_pictures(count, seed=0, tint=(0, 0, 0), sizes=((64, 64),))"""

    def make(count: int, seed: int = 0, tint=(0, 0, 0), sizes=((64, 64),)) -> PictureSet:
        return _pictures(count, seed, tint, sizes)

    return make


SIZES = ((64, 64), (64, 64), (72, 48))


@pytest.fixture(scope="session")
def judged(make_pictures: Callable[..., PictureSet]) -> Judged:
    """Six pictures of two sizes, translated, with their truths, and twenty real ones."""
    return Judged(
        results=make_pictures(6, 0, (40, 0, 0), SIZES),
        inputs=make_pictures(6, 0, (0, 0, 0), SIZES),
        truths=make_pictures(6, 0, (50, 10, 0), SIZES),
        real=make_pictures(20, 7, (50, 10, 0), SIZES),
    )
