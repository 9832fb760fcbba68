"""LPIPS: how different two pictures look, by a network's features weighted after people's judgements."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from translate.evaluation.computing import batches, followed, measuring, pairs
from translate.evaluation.means import mean_measured
from translate.evaluation.metric import Judged, Measured, Metric, Tools, Unmeasurable, register
from translate.evaluation.picture_set import PictureSet
from translate.evaluation.weights import ALEXNET, VGG16, Extractor, load_extractor

VERSION = "0.1"  # of LPIPS' weights, which the package brings
TRUNKS = {"alex": ALEXNET, "vgg": VGG16}
SMALLEST_PX = {"alex": 31, "vgg": 16}  # sides that are left a pixel by the network's strides

Pair = tuple[np.ndarray, np.ndarray]


def load_lpips(tools: Tools, trunk: str = "alex") -> Extractor:
    """LPIPS (Zhang et al. 2018, https://arxiv.org/abs/1801.03924): two (B, 3, H, W) in [-1, 1] -> (B, 1, 1, 1).

    Its parts can be used by themselves: ``scaling_layer`` brings pictures to what ``net`` was trained on, which gives
    the five maps of the trunk's layers.

    Raises:
        Unmeasurable: the package or the trunk's weights are missing.
    """
    package = _load_package()  # before the trunk's weights are downloaded
    return load_extractor(TRUNKS[trunk], tools, lambda weights: _build(package, trunk, weights))


def lpips_distances(compared: Iterable[Pair], count: int, tools: Tools, trunk: str = "alex") -> np.ndarray:
    """LPIPS of each of ``count`` pairs of uint8 pictures (H, W, 3) of equal sizes: float64 (count,).

    Raises:
        Unmeasurable: the package or the weights are missing, or a picture is too small for the network.
    """
    network = load_lpips(tools, trunk).network
    samples = (tuple(as_tensor(picture, SMALLEST_PX[trunk]) for picture in pair) for pair in compared)
    found = []
    with measuring(tools.device):
        for first, second in batches(followed(samples, count, "LPIPS")):
            found.append(network(first.to(tools.device), second.to(tools.device)).flatten().cpu())  # (B,)
    return torch.cat(found).double().numpy() if found else np.zeros(0)


def as_tensor(picture: np.ndarray, smallest_px: int = 1) -> Tensor:
    """uint8 (H, W, 3) -> float32 (3, H, W) in [-1, 1]."""
    if min(picture.shape[:2]) < smallest_px:
        raise Unmeasurable(
            f"a picture of {picture.shape[1]}x{picture.shape[0]} pixels is too small for LPIPS, which needs "
            f"{smallest_px} on each side"
        )
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 127.5 - 1


def _build(package: ModuleType, trunk: str, weights: Mapping[str, Tensor]) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torchvision in a former way
        # Its own weights without a trunk's, which it would have torchvision download.
        model = package.LPIPS(net=trunk, version=VERSION, pnet_rand=True, verbose=False)
    # Layers are "slice2.3" there and "features.3" in the file.
    names = {key: f"features.{key.partition('.')[2]}" for key in model.net.state_dict()}
    model.net.load_state_dict({key: weights[name] for key, name in names.items() if name in weights})
    return model


def _load_package() -> ModuleType:
    try:
        import lpips
    except ImportError:
        raise Unmeasurable("LPIPS needs the package of its authors: pip install lpips") from None
    return lpips


def _measured(first: PictureSet, second: PictureSet, name: str, tools: Tools, trunk: str) -> Measured:
    values = lpips_distances(pairs(first, second), len(first), tools, trunk)
    return mean_measured(values, name, tools, load_lpips(tools, trunk).name)


def _to_truth(name: str, trunk: str) -> Callable[[Judged, Tools], Measured]:
    def measure(judged: Judged, tools: Tools) -> Measured:
        measured = _measured(judged.results, judged.truths, name, tools, trunk)
        if judged.inputs is None or not len(judged.inputs):
            return measured
        untranslated = lpips_distances(pairs(judged.inputs, judged.truths), len(judged.inputs), tools, trunk)
        return replace(measured, ceiling=float(untranslated.mean()))

    return measure


def _to_input(judged: Judged, tools: Tools) -> Measured:
    return _measured(judged.results, judged.inputs, "lpips_input", tools, "alex")


for _name, _trunk, _network in (("lpips_truth", "alex", "AlexNet"), ("lpips_vgg_truth", "vgg", "VGG16")):
    register(
        Metric(
            _name,
            f"LPIPS to the truth ({_network})",
            "lower",
            f"LPIPS {VERSION} with {_network} between each result and its known truth, at the pictures' own size; mean "
            "over all results.",
            ("truths",),
            _to_truth(_name, _trunk),
            prepare=partial(load_lpips, trunk=_trunk),
        )
    )
register(
    Metric(
        "lpips_input",
        "LPIPS to the input",
        "",
        f"LPIPS {VERSION} with AlexNet between each result and its input, at the pictures' own size; mean over all "
        "results: how different they look, in content and in what was to change.",
        ("inputs",),
        _to_input,
        prepare=load_lpips,
    )
)
