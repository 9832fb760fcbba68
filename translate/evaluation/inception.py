"""Features of FID's Inception network, which pytorch-fid keeps; pictures reach it in one of two published ways.

The network is that of the first FID (Heusel et al. 2017), trained on ImageNet and carried over from TensorFlow; its
2048 features are the means of its last maps.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from translate.evaluation.computing import batches, followed, measuring
from translate.evaluation.feature_cache import kept_features
from translate.evaluation.metric import Tools, Unmeasurable
from translate.evaluation.picture_set import PictureSet
from translate.evaluation.resizing import bicubic
from translate.evaluation.weights import INCEPTION, Extractor, load_extractor

SIDE_PX = 299
DIMENSIONS = 2048


@dataclass(frozen=True)
class Protocol:
    """How a picture is brought to the network.

    Attributes:
        name: the last part of the metrics' names.
        words: for people.
        prepare: uint8 (H, W, 3) -> float32 (3, 299, 299) in the network's range.
    """

    name: str
    words: str
    prepare: Callable[[np.ndarray], Tensor]


def _as_pytorch_fid(picture: np.ndarray) -> Tensor:
    """As pytorch-fid: bilinear interpolation, which skips pixels where it makes pictures smaller; 0..255 -> -1..1."""
    values = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float() / 255
    scaled = F.interpolate(values, (SIDE_PX, SIDE_PX), mode="bilinear", align_corners=False)
    return (2 * scaled - 1)[0]


def _as_clean_fid(picture: np.ndarray) -> Tensor:
    """As clean-fid: Pillow's bicubic filter on float channels; 0..255 -> (x - 128) / 128.

    What differs from clean-fid is who runs the network: there NVIDIA's TorchScript file of the same weights, which is a
    program and is not run here, here pytorch-fid's layers. Both are ports of one TensorFlow graph.
    """
    return torch.from_numpy((bicubic(picture, SIDE_PX) - 128) / 128).permute(2, 0, 1)


PYTORCH = Protocol("pytorch", "scaled to 299x299 as pytorch-fid does (bilinear, not smoothed)", _as_pytorch_fid)
CLEAN = Protocol("clean", "scaled to 299x299 as clean-fid does (Pillow's bicubic filter)", _as_clean_fid)


def load_inception(tools: Tools) -> Extractor:
    """The network: (B, 3, 299, 299) -> a list of one (B, 2048, 1, 1).

    Raises:
        Unmeasurable: the package or the weights are missing.
    """
    package = _load_package()  # before its weights are downloaded
    return load_extractor(INCEPTION, tools, lambda weights: _build(package, weights))


def inception_features(pictures: PictureSet, protocol: Protocol, tools: Tools, keep: bool = False) -> np.ndarray:
    """The features of pictures, float32 (N, 2048), computed once as long as the set is there.

    Args:
        keep: in the cache folder too, for sets that later runs measure again.

    Raises:
        Unmeasurable: the package or the weights are missing, or the features are not finite.
    """
    extractor = load_inception(tools)
    remembered = tools.once(("inception features", protocol.name), weakref.WeakKeyDictionary)
    if pictures not in remembered:

        def compute() -> np.ndarray:
            return _compute(pictures, protocol, extractor.network, tools.device)

        key = f"{extractor.name}-{protocol.name}-{pictures.fingerprint}" if keep else ""
        features = kept_features(key, len(pictures), compute) if keep else compute()
        if not np.isfinite(features).all():
            raise Unmeasurable(f"the features of {extractor.name} are not finite; its weights are damaged: fetch them")
        remembered[pictures] = features
    return remembered[pictures]


def _compute(pictures: PictureSet, protocol: Protocol, network: nn.Module, device: torch.device) -> np.ndarray:
    samples = ((protocol.prepare(picture),) for picture in pictures)
    found = []
    with measuring(device):
        for (batch,) in batches(followed(samples, len(pictures), "Inception")):
            found.append(network(batch.to(device))[0][:, :, 0, 0].cpu().numpy())  # (B, 2048)
    return np.concatenate(found)


def _build(package: ModuleType, weights: Mapping[str, Tensor]) -> nn.Module:
    with _given_weights(package, weights):
        return package.InceptionV3(resize_input=False, normalize_input=False)


def _load_package() -> ModuleType:
    try:
        from pytorch_fid import inception
    except ImportError:
        raise Unmeasurable(
            "FID, KID, precision and recall need pytorch-fid: pip install 'unpaired-translate[metrics]'"
        ) from None
    return inception


@contextmanager
def _given_weights(package: ModuleType, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """While it builds its network, the package gets these weights in place of those that it would download and run."""
    loader = package.load_state_dict_from_url
    package.load_state_dict_from_url = lambda *_, **__: dict(weights)
    try:
        yield
    finally:
        package.load_state_dict_from_url = loader
