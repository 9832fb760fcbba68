"""Weights in files: reading them safely, telling the architecture from their keys, fitting other channel counts."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from translate.errors import InputError
from translate.networks.colorizer import describe_colorizer
from translate.networks.context import describe_context_generator, is_context_generator
from translate.networks.encoders import describe_encoder, is_half
from translate.networks.hourglass import describe_hourglass
from translate.networks.imports import drop_instance_norm_buffers
from translate.networks.stylegan2 import (
    describe_stylegan2_discriminator,
    describe_stylegan2_generator,
    is_stylegan2_discriminator,
    is_stylegan2_generator,
)
from translate.networks.unet import describe_unet, is_unet

Weights = dict[str, Tensor]


def load_file(path: Path) -> Any:
    """The content of a ``.pth`` file: tensors and plain values only, on the CPU. Code in it is never run.

    Raises:
        InputError: missing, damaged, or holding anything but weights.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the path of a .pth file")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "global" in str(error).lower():  # torch's word for a class or function that the file would call
            raise InputError(
                f"{path} holds more than weights, and nothing in it was run; save a plain state dict "
                "(torch.save(network.state_dict(), path))"
            ) from None
        raise InputError(f"{path} is not a checkpoint; it is damaged or of another kind") from None
    except Exception as error:  # a damaged file makes the reader stumble in any way
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path} is damaged or not a checkpoint ({reason}); copy it again") from None


def load_weights(path: Path) -> Weights:
    """A state dict from a ``.pth`` file, without the ``module.`` that a wrapper put before its keys."""
    content = load_file(path)
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise InputError(f"{path} is not a state dict of tensors; expected a file such as latest_net_G.pth")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def describe_generator(weights: Weights, path: Path) -> dict[str, Any]:
    """The flags of the generator that has these weights (see ``build_generator``).

    Raises:
        InputError: the keys are not those of a generator that is known here.
    """
    if is_unet(weights):
        return describe_unet(weights, path)
    if is_stylegan2_generator(weights):
        return describe_stylegan2_generator(weights, path)
    if is_context_generator(weights):
        return describe_context_generator(weights, path)
    found = describe_colorizer(weights) or describe_hourglass(weights)
    if found is None and (is_half(weights) or describe_encoder(weights) is not None):
        raise InputError(f"{path} holds an encoder, which translates nothing; give a file such as latest_net_G.pth")
    return found or _describe_resnet(weights, path)


def _describe_resnet(weights: Weights, path: Path) -> dict[str, Any]:
    stem = weights.get("model.1.weight")
    blocks = sorted({key.split(".conv_block")[0] for key in weights if ".conv_block." in key})
    if stem is None or stem.ndim != 4 or stem.shape[-1] != 7 or not blocks:
        raise InputError(
            f"{path} does not hold a generator that is known here: its keys begin with {_some_keys(weights)}"
        )
    layers = (key for key in weights if re.fullmatch(r"model\.\d+\.weight", key))
    last_conv = max(layers, key=lambda key: int(key.split(".")[1]))
    filters = [key for key in weights if key.endswith(".filt")]
    # The convolutions of a block stand at 1 and 5, or at 1 and 6 behind a dropout layer.
    second = weights.get(f"{blocks[0]}.conv_block.6.weight")
    return {
        "netG": f"resnet_{len(blocks)}blocks",
        "input_nc": stem.shape[1],
        "output_nc": weights[last_conv].shape[0],
        "ngf": stem.shape[0],
        "normG": _norm(weights, "model.1.bias", "model.2.weight"),
        "no_dropout": second is None or second.ndim != 4,
        "no_antialias": not any(weights[key].shape[-1] == 3 for key in filters),
        "no_antialias_up": not any(weights[key].shape[-1] == 4 for key in filters),
    }


def describe_discriminator(weights: Weights, path: Path) -> dict[str, Any]:
    """The flags of the discriminator that has these weights (see ``build_discriminator``)."""
    if is_stylegan2_discriminator(weights):
        return describe_stylegan2_discriminator(weights)
    if "net.0.weight" in weights:
        first = weights["net.0.weight"]
        return {"netD": "pixel", "ndf": first.shape[0], "normD": _norm(weights, "net.2.bias", "net.3.weight")}
    first = weights.get("model.0.weight")
    if first is None or first.ndim != 4 or first.shape[-1] != 4:
        raise InputError(f"{path} does not hold a patch discriminator: its keys begin with {_some_keys(weights)}")
    antialias = any(key.endswith(".filt") for key in weights)
    convs = [key for key in weights if key.endswith(".weight") and weights[key].ndim == 4]
    second = 3 if antialias else 2
    layers = len(convs) - 2
    return {
        "netD": "basic" if layers == 3 else "n_layers",
        "n_layers_D": layers,
        "ndf": first.shape[0],
        "normD": _norm(weights, f"model.{second}.bias", f"model.{second + 1}.weight"),
        "no_antialias": not antialias,
    }


def describe_patch_head(weights: Weights, path: Path) -> dict[str, Any]:
    """The flags of the projection heads that have these weights."""
    first = weights.get("mlp_0.0.weight")
    if first is None:
        raise InputError(f"{path} does not hold patch projections: its keys begin with {_some_keys(weights)}")
    return {"netF": "mlp_sample", "netF_nc": first.shape[0]}


def describe_any_encoder(weights: Weights, path: Path) -> dict[str, Any]:
    """The flags of the encoder that has these weights, the half of a generator among them.

    Raises:
        InputError: the keys are not those of an encoder that is known here.
    """
    found = describe_encoder(weights)
    if found is not None:
        return found
    if not is_half(weights):
        keys = _some_keys(weights)
        raise InputError(f"{path} does not hold an encoder that is known here: its keys begin with {keys}")
    half = _describe_resnet(weights, path)
    return {"netE": "generator", **{key: half[key] for key in half if key not in ("output_nc", "no_antialias_up")}}


DESCRIBE = {
    "G": describe_generator,
    "D": describe_discriminator,
    "F": describe_patch_head,
    "E": describe_any_encoder,
}


def fit_weights(weights: Weights, network: torch.nn.Module, path: Path) -> tuple[Weights, list[str]]:
    """Weights made to fit a network of the same architecture with other numbers of picture channels.

    Pictures of one and of three channels are adapted at the layers that touch them: a grey input is seen as three
    equal channels (weights summed), a colour input as its grey mean (weights repeated and divided by three), and
    likewise for the output.

    Returns:
        the weights and a list of what was adapted.

    Raises:
        InputError: the architectures differ otherwise; names the first difference.
    """
    target = network.state_dict()
    used = drop_instance_norm_buffers(weights)
    weights = {key: value for key, value in weights.items() if key in target or key in used}
    missing = [key for key in target if key not in weights]
    extra = [key for key in weights if key not in target]
    if missing or extra:
        what = f"lacks {missing[0]}" if missing else f"has {extra[0]} besides"
        raise InputError(f"{path} is of another architecture: it {what}; give the flags it was trained with")
    fitted, adapted = {}, []
    for key, wanted in target.items():
        value = weights[key]
        if value.shape != wanted.shape:
            value = _adapt_channels(value, wanted.shape)
            if value is None:
                raise InputError(
                    f"{path} is of another architecture: {key} is {tuple(weights[key].shape)} there and "
                    f"{tuple(wanted.shape)} here; give the flags it was trained with"
                )
            adapted.append(key)
        fitted[key] = value
    return fitted, adapted


def _adapt_channels(value: Tensor, shape: torch.Size) -> Tensor | None:
    """The weight with one picture channel instead of three or the reverse; None if that is not the difference."""
    different = [axis for axis in range(value.ndim) if value.ndim == len(shape) and value.shape[axis] != shape[axis]]
    if len(different) != 1 or {value.shape[different[0]], shape[different[0]]} != {1, 3}:
        return None
    axis = different[0]
    repeats = [3 if a == axis else 1 for a in range(value.ndim)]
    if axis == 1:  # channels that come in: the sum over them must stay
        return value.sum(1, keepdim=True) if shape[1] == 1 else value.repeat(repeats) / 3
    return value.mean(0, keepdim=True) if shape[0] == 1 else value.repeat(repeats)


def _norm(weights: Weights, bias_key: str, norm_key: str) -> str:
    if norm_key in weights and weights[norm_key].ndim == 1:
        return "batch"
    return "instance" if bias_key in weights else "none"


def _some_keys(weights: Weights) -> str:
    return ", ".join(list(weights)[:3])
