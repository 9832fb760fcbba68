"""Encoders by the word of ``--netE``, with one interface (see ``Encoder``)."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from translate.errors import InputError
from translate.networks.encoders.alexnet import AlexNet
from translate.networks.encoders.encoder import NORMS, Encoder
from translate.networks.encoders.generator_half import GeneratorHalf
from translate.networks.encoders.split_alexnet import SplitAlexNet
from translate.networks.encoders.torchvision_resnet import RESNETS, TorchvisionResnet
from translate.networks.resnet import ResnetGenerator

ENCODERS = ("alexnet", "caffenet", "split_alexnet", *RESNETS, "generator")

__all__ = ["ENCODERS", "NORMS", "Encoder", "build_encoder", "describe_encoder", "is_half"]


def build_encoder(
    netE: str,
    input_nc: int = 3,
    nef: int = 64,
    normE: str = "batch",
    generator: ResnetGenerator | None = None,
    first_stride: int = 4,
) -> Encoder:
    """An encoder described by the values of its flags.

    Args:
        netE: a word of ``ENCODERS``.
        nef: width of ``alexnet``, ``caffenet`` and ``split_alexnet``; 64 is published.
        normE: a word of ``NORMS``.
        generator: whose first half it is, with ``netE="generator"``.
        first_stride: of ``alexnet`` and ``caffenet``; the others have their own.

    Raises:
        InputError: a norm, a width or channels that this encoder does not have.
    """
    if netE == "generator":
        if generator is None:
            raise ValueError("the encoder half of a generator needs the generator")
        return GeneratorHalf(generator)
    if normE == "lrn" and netE != "caffenet":
        raise InputError(f"--normE lrn does not suit --netE {netE}: it belongs to caffenet; use batch or none")
    if normE == "batch_plain" and netE in RESNETS:
        raise InputError(f"--normE batch_plain does not suit --netE {netE}, whose norms scale; use batch or none")
    if netE in RESNETS:
        if nef != 64:
            raise InputError(f"--nef {nef}: --netE {netE} has one width; leave the flag out, or take alexnet")
        return TorchvisionResnet(netE, input_nc, normE)
    if nef % 4:
        raise InputError(f"--nef {nef}: the width of --netE {netE} is a multiple of 4")
    if netE == "split_alexnet":
        if input_nc != 3:
            raise InputError(f"--netE split_alexnet sees pictures in colour, not --input_nc {input_nc}; take alexnet")
        return SplitAlexNet(nef, normE)
    return AlexNet(input_nc, nef, netE == "caffenet", normE, first_stride)


def describe_encoder(weights: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """The flags of the encoder that has these weights, for ``build_encoder``; None if they are of another network.

    Keys do not tell ``batch_plain`` from no norm at all by its weights but by its running statistics, nor ``lrn`` from
    ``none``, which is taken.
    """
    if "conv1.0.weight" in weights:
        return _describe_alexnet(weights)
    if "conv1.0.L.weight" in weights:
        width = weights["conv1.0.L.weight"].shape[0] * 4 // 3
        return {"netE": "split_alexnet", "input_nc": 3, "nef": width, "normE": _norm(weights, "conv1.1")}
    if "layer4.0.conv1.weight" in weights and "conv1.weight" in weights:
        bottleneck = "layer4.0.conv3.weight" in weights
        norm = _norm(weights, "bn1")
        return {
            "netE": "resnet50" if bottleneck else "resnet18",
            "input_nc": weights["conv1.weight"].shape[1],
            "normE": norm,
        }
    return None


def is_half(weights: Mapping[str, Tensor]) -> bool:
    """Whether these are the weights of the first half of a resnet generator: residual blocks, and no layer behind."""
    places = [int(key.split(".")[1]) for key in weights if re.fullmatch(r"model\.\d+\..+", key)]
    blocks = [int(key.split(".")[1]) for key in weights if ".conv_block." in key]
    return bool(blocks) and max(places) == max(blocks)


def _describe_alexnet(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    first, second = weights["conv1.0.weight"], weights["conv2.0.weight"]
    grouped = second.shape[1] != first.shape[0]
    return {
        "netE": "caffenet" if grouped else "alexnet",
        "input_nc": first.shape[1],
        "nef": first.shape[0] * 2 // 3 if grouped else first.shape[0],
        "normE": _norm(weights, "conv1.1"),
    }


def _norm(weights: Mapping[str, Tensor], key: str) -> str:
    if f"{key}.running_mean" not in weights:
        return "none"
    return "batch" if f"{key}.weight" in weights else "batch_plain"
