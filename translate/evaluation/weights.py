"""The weights of networks whose features are compared: found on the disk, or fetched and checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from translate.data.catalog import Download
from translate.data.download import Unreachable, download, file_sha256
from translate.data.fetching import one_at_a_time
from translate.data.known import default_cache_folder
from translate.data.listing import shown
from translate.errors import InputError, RunError, TranslateError
from translate.evaluation.metric import Tools, Unmeasurable
from translate.networks.weights import load_file

FLAG = "--metrics_weights"


@dataclass(frozen=True)
class WeightsFile:
    """A published file of weights.

    Attributes:
        name: of the network, as it is recorded.
        file_name: which ends, as is the custom of torch's hub, with the first digits of the file's SHA-256.
        url: where it is.
        mark: a tensor by which the network's weights are told from others', and its shape.
    """

    name: str
    file_name: str
    url: str
    mark: tuple[str, tuple[int, ...]]

    @property
    def sha256(self) -> str:
        """The first digits of its SHA-256."""
        return self.file_name.removesuffix(".pth").rpartition("-")[2]

    def is_in(self, weights: Mapping[str, Tensor]) -> bool:
        """Whether these weights are this network's."""
        key, shape = self.mark
        return key in weights and tuple(weights[key].shape) == shape


INCEPTION = WeightsFile(
    "inception-2015-12-05",
    "pt_inception-2015-12-05-6726825d.pth",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    ("Conv2d_1a_3x3.conv.weight", (32, 3, 3, 3)),
)
ALEXNET = WeightsFile(
    "alexnet-owt",
    "alexnet-owt-7be5be79.pth",
    "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    ("features.0.weight", (64, 3, 11, 11)),
)
VGG16 = WeightsFile(
    "vgg16",
    "vgg16-397923af.pth",
    "https://download.pytorch.org/models/vgg16-397923af.pth",
    ("features.0.weight", (64, 3, 3, 3)),
)
KNOWN = (INCEPTION, ALEXNET, VGG16)


class Extractor(NamedTuple):
    """A network whose features are compared.

    Attributes:
        network: on the tools' device, in evaluation mode.
        name: what is recorded: its name and the first 8 digits of the SHA-256 of its file.
    """

    network: nn.Module
    name: str


def load_extractor(file: WeightsFile, tools: Tools, build: Callable[[Mapping[str, Tensor]], nn.Module]) -> Extractor:
    """A network with published weights, made at the first call and remembered, as is that it cannot be had.

    Args:
        build: makes the network from the file's content; a ``RuntimeError`` of torch says that it does not fit.

    Raises:
        Unmeasurable: the file is nowhere, cannot be fetched, or is not what it should be.
    """

    def attempt() -> Extractor | Unmeasurable:
        try:
            path, weights = _given(file, tools.weights) or _kept(file) or _fetched(file, tools.download)
            network = _build(file, path, weights, build)
        except Unmeasurable as refusal:
            return refusal
        network = network.to(tools.device)
        if tools.device.type == "cpu":
            network = network.to(memory_format=torch.channels_last)  # two thirds of the time there
        return Extractor(network.eval(), f"{file.name}-{file_sha256(path)[:8]}")

    made = tools.once(("extractor", file), attempt)
    if isinstance(made, Unmeasurable):
        raise Unmeasurable(str(made))
    return made


def weights_folder() -> Path:
    """Where weights are kept that were fetched: ``weights`` in the cache folder."""
    return default_cache_folder() / "weights"


Found = tuple[Path, Mapping[str, Tensor]]


def _given(file: WeightsFile, place: Path | None) -> Found | None:
    """The file where the user says it is; trusted whatever its checksum, but never run."""
    if place is None:
        return None
    place = Path(place)
    if place.is_dir():
        path = place / file.file_name
        return (path, _load(path)) if path.is_file() else None
    if place.name in {other.file_name for other in KNOWN} - {file.file_name}:
        return None
    weights = _load(place)
    if place.name == file.file_name or file.is_in(weights):
        return place, weights
    if any(other.is_in(weights) for other in KNOWN):
        return None
    raise Unmeasurable(
        f"{FLAG} {shown(place)} holds the weights of no network that metrics use; give "
        f"{', '.join(known.file_name for known in KNOWN)}, or a folder of them"
    )


def _kept(file: WeightsFile) -> Found | None:
    """The file where it was kept by an earlier call or by torch's hub."""
    for folder in (weights_folder(), Path(torch.hub.get_dir()) / "checkpoints"):
        path = folder / file.file_name
        if path.is_file():
            digest = file_sha256(path)
            if not digest.startswith(file.sha256):
                raise Unmeasurable(
                    f"{shown(path)} is not the published file: its SHA-256 is {digest} in place of {file.sha256}...; "
                    f"remove it to have it fetched again, or name it with {FLAG} if you trust it"
                )
            return path, _load(path)
    return None


def _fetched(file: WeightsFile, allowed: bool) -> Found:
    path = weights_folder() / file.file_name
    remedy = f"fetch {file.url} and put it into {shown(path.parent)}, or name it or its folder with {FLAG}"
    if not allowed:
        raise Unmeasurable(f"the weights {file.file_name} are not on this machine: {remedy}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(path):
            if not path.is_file():
                print(f"downloading {file.file_name} from {file.url} to {shown(path.parent)}")
                download(Download((file.url,), sha256=file.sha256, to=file.file_name), path)
    except Unreachable as problem:
        why = str(problem).removeprefix(f"{file.url}: ")
        raise Unmeasurable(f"the weights {file.file_name} could not be downloaded ({why}): {remedy}") from None
    except (InputError, RunError) as problem:
        raise Unmeasurable(f"the weights {file.file_name} could not be downloaded: {problem}") from None
    except OSError as problem:
        raise Unmeasurable(f"cannot make {shown(path.parent)} ({problem.strerror}): {remedy}") from None
    return path, _load(path)


def _load(path: Path) -> Mapping[str, Tensor]:
    try:
        content = load_file(path)
    except TranslateError as problem:
        raise Unmeasurable(str(problem)) from None
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise Unmeasurable(f"{shown(path)} is not a state dict of tensors; give a file such as {INCEPTION.file_name}")
    return content


def _build(
    file: WeightsFile, path: Path, weights: Mapping[str, Tensor], build: Callable[[Mapping[str, Tensor]], nn.Module]
) -> nn.Module:
    try:
        return build(weights)
    except RuntimeError as error:
        # torch's message has a head and then a line for each tensor that does not fit; the first is enough.
        reasons = [line.strip() for line in str(error).splitlines()]
        reason = reasons[min(1, len(reasons) - 1)][:200].rstrip(".")
        raise Unmeasurable(
            f"{shown(path)} does not hold the weights of {file.name} ({reason}); fetch {file.url}"
        ) from None
