"""Layers that learn equally fast: an encoder is rescaled before it is fine-tuned, and computes what it did before."""

import copy
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.networks.encoders.alexnet import AlexNet
from translate.networks.encoders.encoder import Encoder
from translate.networks.encoders.split_alexnet import SplitAlexNet

MOST_ROUNDS = 10
NEAR = 0.01  # ratios this close to their mean are equal enough


def rescaled(encoder: Encoder, images: Tensor, seed: int) -> Encoder:
    """A copy whose layers all have the same ratio of gradient to weight, with its batch norms absorbed.

    Algorithm 2 of Krähenbühl et al. (ICLR 2016, arXiv:1511.06856). The ratio of a layer is |dl/dW| / |W| for the loss
    l = <noise, deepest map>. Between ReLUs and poolings a layer may be made s times as large where others are made as
    much smaller: its gradient gets s times as small and its ratio s squared times. Each is brought to the geometric
    mean of all, so that the deepest map stays what it is; but for local response normalisation, which does not scale
    with what it sees and is why this goes in rounds.

    Args:
        encoder: ``AlexNet`` or ``SplitAlexNet``; is left as it is.
        images: (B, C, S, S) in [-1, 1] that are like those it will learn from.
        seed: of the noise.

    Raises:
        InputError: an encoder with skips or instance norms, whose layers cannot be scaled against each other.
    """
    check_scalable(encoder)
    network = absorb_norms(encoder)
    for _ in range(MOST_ROUNDS):
        ratios = gradient_ratios(network, images, seed)
        if min(ratios.values()) <= 0:  # of a layer that is dead nothing can be said
            break
        mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
        if all(abs(math.log(ratio / mean)) < NEAR for ratio in ratios.values()):
            break
        _scale(network, {name: math.sqrt(ratio / mean) for name, ratio in ratios.items()})
    return network


def check_scalable(encoder: Encoder, name: str = "this encoder") -> None:
    """Refuse an encoder whose layers cannot be scaled against each other.

    Args:
        name: what it is called in the message.

    Raises:
        InputError: it has skips or instance norms.
    """
    if not isinstance(encoder, AlexNet | SplitAlexNet):
        raise InputError(f"--rescale is for alexnet, caffenet and split_alexnet, and {name} is of another kind")


@torch.no_grad()
def absorb_norms(encoder: Encoder) -> Encoder:
    """A copy that computes by its convolutions alone what the encoder does with the running statistics of its norms."""
    network = copy.deepcopy(encoder).eval()
    for name in network.channels:
        block = getattr(network, name)
        norm = block[1]
        if not isinstance(norm, nn.BatchNorm2d):
            continue
        scale = (norm.running_var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
        shift = (0 if norm.bias is None else norm.bias) - norm.running_mean * scale
        first = 0
        for conv in _convolutions(block):
            part = slice(first, first + conv.out_channels)
            first += conv.out_channels
            conv.weight *= scale[part].view(-1, 1, 1, 1)
            conv.bias = nn.Parameter(shift[part].clone() + (0 if conv.bias is None else conv.bias * scale[part]))
        block[1] = nn.Identity()
    return network


def gradient_ratios(network: Encoder, images: Tensor, seed: int) -> dict[str, float]:
    """By layer: the length of the gradient of <noise, deepest map>, over that of the weights; 0 without weights."""
    deepest = network(images)
    noise = torch.randn(deepest.shape, generator=torch.Generator().manual_seed(seed)).to(deepest)
    weights = {name: [conv.weight for conv in _convolutions(getattr(network, name))] for name in network.channels}
    gradients = iter(torch.autograd.grad((deepest * noise).sum(), [one for each in weights.values() for one in each]))
    lengths = {name: (_length([next(gradients) for _ in each]), _length(each)) for name, each in weights.items()}
    return {name: gradient / weight if weight else 0.0 for name, (gradient, weight) in lengths.items()}


@torch.no_grad()
def _scale(network: Encoder, scales: dict[str, float]) -> None:
    """Multiply layers; a bias is multiplied by what the map before it has been as well."""
    so_far = 1.0
    for name, scale in scales.items():
        so_far *= scale
        for conv in _convolutions(getattr(network, name)):
            conv.weight *= scale
            if conv.bias is not None:
                conv.bias *= so_far


def _convolutions(block: nn.Sequential) -> Iterator[nn.Conv2d]:
    """Of a layer, in the order of their channels."""
    return (module for module in block[0].modules() if isinstance(module, nn.Conv2d))


def _length(tensors: list[Tensor]) -> float:
    return math.sqrt(sum(tensor.detach().double().square().sum().item() for tensor in tensors))
