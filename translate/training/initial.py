"""Starting weights from elsewhere: fine-tuning a run or a bare ``.pth`` file, continuing a run of the reference."""

import re
from pathlib import Path
from typing import Any

from torch import nn

from translate.errors import InputError
from translate.networks.encoders import describe_encoder, is_half
from translate.networks.encoders.generator_half import GeneratorHalf
from translate.networks.encoders.torchvision_resnet import TorchvisionResnet
from translate.networks.resnet import ResnetGenerator
from translate.networks.weights import DESCRIBE, Weights, describe_any_encoder, fit_weights, load_weights
from translate.training.run_folder import RunFolder


def find_weights(source: str, epoch: str = "latest") -> dict[str, Path]:
    """Files of networks by name (G, and D and F where they are there) for a run folder or a ``.pth`` file.

    A file brings the other networks of its folder along, but no other generator or encoder.

    Raises:
        InputError: nothing there, or neither a generator nor an encoder among it.
    """
    path = Path(source)
    if path.is_dir():
        found = RunFolder(path).weights(epoch)
        if not any(map(is_wanted, found)):
            raise InputError(
                f"--init_from {source}: no {epoch}_net_G.pth or {epoch}_net_E.pth in this folder; name a run or a "
                ".pth file"
            )
        return found
    if not path.is_file():
        raise InputError(f"--init_from {source}: no such file or folder; name a run folder or a .pth file")
    named = re.fullmatch(r"(.+)_net_([GE]\w*)\.pth", path.name)
    if not named:
        return {"G": path}
    beside = RunFolder(path.parent).weights(named[1])
    return {name: file for name, file in beside.items() if not is_wanted(name) or file == path}


def is_wanted(name: str) -> bool:
    """Whether a network is what a training is for, by its name: one that translates (G, G_A, G_B), an encoder (E)."""
    return name.startswith(("G", "E"))


def describe_weights(files: dict[str, Path]) -> dict[str, Any]:
    """Flags of the networks in the files; channel counts are left out, they follow from the data."""
    flags: dict[str, Any] = {}
    for name in sorted(files, key=is_wanted):  # these last: their word on anti-aliasing counts
        describe = DESCRIBE.get(name[0])
        if describe is None:
            continue
        weights = load_weights(files[name])
        if is_wanted(name) and (describe_encoder(weights) or is_half(weights)):
            describe = describe_any_encoder  # also of a lone file whose name does not tell
        try:
            flags |= describe(weights, files[name])
        except InputError:
            if is_wanted(name):
                raise  # of a kind that is not known here; the others then start anew, which load_initial says
    return {name: value for name, value in flags.items() if name not in ("input_nc", "output_nc")}


def load_initial(networks: nn.ModuleDict, files: dict[str, Path], wanted: str = "G") -> list[str]:
    """Load the files into the networks and say what happened, a sentence a network.

    What the training is for must fit. A discriminator or head that does not is left as initialised, and that is said.
    An encoder that is the first half of a generator starts a whole one, and a generator such an encoder.

    Args:
        wanted: the network that a lone file of another name is for.
    """
    found = [name for name in files if is_wanted(name)]
    if not any(name in networks for name in found):
        files = {**files, wanted: files[found[0]]}
    said = []
    for name, network in networks.items():
        if not network.state_dict():
            continue
        if name not in files:
            said.append(f"{name}: not there, starts from its initialisation")
            continue
        weights = load_weights(files[name])
        try:
            said.append(f"{name}: {_load(network, weights, files[name])}")
        except InputError as error:
            if is_wanted(name):
                raise
            said.append(f"{name}: not loaded, starts from its initialisation ({error})")
    return said


def _load(network: nn.Module, weights: Weights, path: Path) -> str:
    half, weights = _matched(network, weights)
    fitted, adapted = fit_weights(weights, network, path)
    network.load_state_dict(fitted)
    note = f", channels adapted in {', '.join(adapted)}" if adapted else ""
    return f"{half}loaded from {path}{note}"


def _matched(network: nn.Module, weights: Weights) -> tuple[str, Weights]:
    """The weights for the layers that an encoder and a generator share, where the file is of one of these and the
    network is the other; the layers behind them as they are. And the word for that.

    Torchvision's classifier of ImageNet, behind its resnets, is left out."""
    target = network.state_dict()
    if isinstance(network, TorchvisionResnet):
        weights = {key: value for key, value in weights.items() if not key.startswith("fc.")}
    if isinstance(network, GeneratorHalf) and target.keys() < weights.keys():
        return "first half ", {key: weights[key] for key in target}
    if isinstance(network, ResnetGenerator) and is_half(weights) and weights.keys() < target.keys():
        return "first half ", {**target, **weights}
    return "", weights
