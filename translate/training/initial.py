"""Starting weights from elsewhere: fine-tuning a run or a bare ``.pth`` file, continuing a run of the reference."""

from pathlib import Path
from typing import Any

from torch import nn

from translate.errors import InputError
from translate.networks.weights import DESCRIBE, Weights, fit_weights, load_weights
from translate.training.run_folder import RunFolder


def find_weights(source: str, epoch: str = "latest") -> dict[str, Path]:
    """Files of networks by name (G, and D and F where they are there) for a run folder or a ``.pth`` file.

    Raises:
        InputError: nothing there, or no generator among it.
    """
    path = Path(source)
    if path.is_dir():
        folder = RunFolder(path)
        found = {name: folder.network_path(epoch, name) for name in "GFD" if folder.network_path(epoch, name).exists()}
        if "G" not in found:
            raise InputError(f"--init_from {source}: no {epoch}_net_G.pth in this folder; name a run or a .pth file")
        return found
    if not path.is_file():
        raise InputError(f"--init_from {source}: no such file or folder; name a run folder or a .pth file")
    found = {"G": path}
    if path.name.endswith("_net_G.pth"):
        for name in "FD":
            sibling = path.with_name(path.name.removesuffix("G.pth") + f"{name}.pth")
            if sibling.exists():
                found[name] = sibling
    return found


def describe_weights(files: dict[str, Path]) -> dict[str, Any]:
    """Flags of the networks in the files; channel counts are left out, they follow from the data."""
    flags: dict[str, Any] = {}
    for name in ("D", "F", "G"):  # G last: its word on anti-aliasing counts
        if name not in files:
            continue
        weights = load_weights(files[name])
        try:
            flags |= DESCRIBE[name](weights, files[name])
        except InputError:
            if name == "G":
                raise  # of a kind that is not known here; the others then start anew, which load_initial says
    return {name: value for name, value in flags.items() if name not in ("input_nc", "output_nc")}


def load_initial(networks: nn.ModuleDict, files: dict[str, Path]) -> list[str]:
    """Load the files into the networks and say what happened, a sentence a network.

    The generator must fit. A discriminator or head that does not is left as initialised, and that is said.
    """
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
            if name == "G":
                raise
            said.append(f"{name}: not loaded, starts from its initialisation ({error})")
    return said


def _load(network: nn.Module, weights: Weights, path: Path) -> str:
    fitted, adapted = fit_weights(weights, network, path)
    network.load_state_dict(fitted)
    note = f", channels adapted in {', '.join(adapted)}" if adapted else ""
    return f"loaded from {path}{note}"
