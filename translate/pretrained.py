"""A trained encoder as a tool: load it, ask it for the features of pictures."""

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from translate.data.reading import read_picture
from translate.data.tensors import to_signed, to_tensor
from translate.errors import InputError
from translate.evaluation.readout import square_of
from translate.flags import build
from translate.methods import METHODS
from translate.methods.encoding import EncoderOptions, make_encoder
from translate.networks import build_generator
from translate.networks.encoders import Encoder, build_encoder
from translate.networks.encoders.generator_half import GeneratorHalf
from translate.networks.initialization import initialize
from translate.networks.resnet import ResnetGenerator
from translate.networks.weights import Weights, describe_any_encoder, describe_generator, fit_weights, load_weights
from translate.options import NetworkOptions
from translate.randomness import generator
from translate.training.initial import is_wanted
from translate.training.run_folder import RunFolder

LOAD_SIZE, CROP_SIZE = 256, 224


@dataclass(frozen=True)
class PretrainedEncoder:
    """An encoder with its weights, and the size of the pictures that it was trained on.

    ::

        encoder = PretrainedEncoder.load("checkpoints/rotation")
        encoder.features("coat.jpg")["conv3"]  # (1, 384, 13, 13)

    Attributes:
        network: the encoder; its names of maps are ``network.taps``.
        name: what it is called in tables.
        input_nc: channels of its pictures.
        load_size, crop_size: its pictures are the middle ``crop_size`` pixels of a shorter side of ``load_size``.
    """

    network: Encoder
    name: str
    input_nc: int = 3
    load_size: int = LOAD_SIZE
    crop_size: int = CROP_SIZE

    @classmethod
    def load(cls, path: str | os.PathLike[str], epoch: str | int = "latest") -> "PretrainedEncoder":
        """The encoder of a run folder, or of a ``.pth`` file: one of this library, or of torchvision's resnets.

        Of a run that learned to translate, it is the first half of its generator.

        Raises:
            InputError: nothing there, damaged, or no encoder that is known here.
        """
        path = Path(path)
        file = _file_in(path, epoch) if path.is_dir() else path
        weights = load_weights(file)
        record = RunFolder(file.parent).read_record()
        network, input_nc = _network(record, weights, file)
        scale = record.get("pixel_scale", {})
        sizes = int(scale.get("load_size", LOAD_SIZE)), int(scale.get("crop_size", CROP_SIZE))
        return cls(network.eval(), path.name if path.is_dir() else file.stem, input_nc, max(sizes), sizes[1])

    def untrained(self, seed: int) -> "PretrainedEncoder":
        """The same network with fresh weights, which are a function of the seed."""
        fresh = copy.deepcopy(self.network)
        torch.manual_seed(int(generator(seed, "weights").integers(2**62)))
        initialize(fresh, "kaiming")
        for module in fresh.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.reset_running_stats()
        return PretrainedEncoder(fresh, "random weights", self.input_nc, self.load_size, self.crop_size)

    def features(self, pictures: Any, taps: Sequence[str] | None = None) -> dict[str, Tensor]:
        """The maps (B, C, h, w) of a path, a PIL image, or a list of these; by default all that it has."""
        given = list(pictures) if isinstance(pictures, list | tuple) else [pictures]
        images = [read_picture(each, self.input_nc) if isinstance(each, str | os.PathLike) else each for each in given]
        mode = "L" if self.input_nc == 1 else "RGB"
        squares = [square_of(image.convert(mode), self.load_size, self.crop_size) for image in images]
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            signed = torch.stack([to_signed(to_tensor(square)) for square in squares]).to(device)
            return self.network.features(signed, taps or self.network.taps)


def _file_in(folder: Path, epoch: str | int) -> Path:
    """The encoder of a run, or the generator whose half is one."""
    found = {name: file for name, file in RunFolder(folder).weights(epoch).items() if is_wanted(name)}
    if not found:
        raise InputError(f"no {epoch}_net_E.pth or {epoch}_net_G.pth in {folder}; name the folder of a trained run")
    return next((found[name] for name in ("E", "G", "G_A") if name in found), next(iter(found.values())))


def _network(record: Mapping[str, Any], weights: Weights, file: Path) -> tuple[Encoder, int]:
    """The encoder that has these weights, with them, and the channels of its pictures."""
    told = record.get("options", {})
    if record and issubclass(METHODS[record["model"]].Options, EncoderOptions):
        input_nc = int(record["channels"]["input"])
        options = build(METHODS[record["model"]].Options, dict(told))
        network = make_encoder(options, build(NetworkOptions, dict(told)), input_nc)
    elif "fc.weight" in weights or not _is_generator(weights, file):
        weights = {key: value for key, value in weights.items() if not key.startswith("fc.")}
        flags = describe_any_encoder(weights, file)
        input_nc = flags["input_nc"]
        half = _generator(flags) if flags["netE"] == "generator" else None
        network = build_encoder(flags["netE"], input_nc, flags.get("nef", 64), flags.get("normE", "batch"), half)
    else:
        flags = describe_generator(weights, file)
        input_nc = flags["input_nc"]
        network = GeneratorHalf(_generator(flags))
        weights = {key: weights[key] for key in network.state_dict()}
    fitted, _ = fit_weights(weights, network, file)
    network.load_state_dict(fitted)
    return network, input_nc


def _is_generator(weights: Weights, file: Path) -> bool:
    try:
        describe_any_encoder(weights, file)
        return False
    except InputError:
        return True


def _generator(flags: Mapping[str, Any]) -> ResnetGenerator:
    known = {name: value for name, value in flags.items() if name != "netE"}
    generator = build_generator(**known)
    if not isinstance(generator, ResnetGenerator):
        raise InputError(f"--netG {flags['netG']} has no encoder half that features are read from; only resnets have")
    return generator
