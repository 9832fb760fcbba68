"""Weights, pictures and draws that come out the same wherever they are made, and what is kept of a large result.

Nothing here is random: every number is a stated integer formula, so that the golden files hold results only.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

MODULUS = 65521  # the largest prime below 2^16
DIRECTIONS = 4


def numbers(count: int, number: int) -> np.ndarray:
    """``count`` values in (-1, 1), float64: with k = 1, 2, ... shifted by 1009 * number,
    ((31 k^2 + 17 (number + 1) k + 101) mod 65521) / 32760.5 - 1."""
    k = np.arange(1, count + 1, dtype=np.int64) + 1009 * number
    return ((31 * k * k + 17 * (number + 1) * k + 101) % MODULUS) / (MODULUS / 2) - 1


def tensor(shape: tuple[int, ...], number: int) -> Tensor:
    """A tensor of the default floating type filled with ``numbers``."""
    return torch.from_numpy(numbers(math.prod(shape), number)).reshape(shape).to(torch.get_default_dtype())


def fill(network: nn.Module, number: int = 0) -> nn.Module:
    """Set every parameter, in the order of their names, by the formula.

    Weights of layers are scaled to the variance 1 / fan_in, scales of norms lie around 1, biases within 0.1. Running
    statistics begin anew.
    """
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.reset_running_stats()
    with torch.no_grad():
        for place, (_, parameter) in enumerate(sorted(network.named_parameters())):
            values = tensor(tuple(parameter.shape), 100 * number + place)
            if parameter.ndim > 1:
                parameter.copy_(values * math.sqrt(3 / parameter[0].numel()))
            else:
                parameter.copy_(_offset(network, parameter) + 0.1 * values)
    return network


def _offset(network: nn.Module, parameter: nn.Parameter) -> float:
    norms = (module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    return 1.0 if any(parameter is norm.weight for norm in norms) else 0.0


def picture(batch: int, channels: int, height: int, width: int, number: int) -> Tensor:
    """Pictures (B, C, H, W) in (-1, 1) with large shapes and small ones: a coarse grid enlarged, plus fine grain."""
    coarse = tensor((batch, channels, -(-height // 8), -(-width // 8)), number)
    large = coarse.repeat_interleave(8, 2).repeat_interleave(8, 3)[:, :, :height, :width]
    return 0.7 * large + 0.3 * tensor((batch, channels, height, width), number + 1)


def permutation(count: int, number: int) -> np.ndarray:
    """0 ... count-1 in an order given by the formula."""
    return np.argsort(numbers(count, number), kind="stable")


def summary(result: Tensor) -> dict[str, Any]:
    """What is kept of a tensor: its shape, its L2 norm, and its products with four directions.

    A direction's entries are of the order of one, so that a change of the tensor of relative size e changes a
    product by about e times the norm.
    """
    flat = result.detach().to(torch.float64).flatten().numpy()
    products = [float(flat @ numbers(flat.size, 9000 + direction)) for direction in range(DIRECTIONS)]
    return {"shape": list(result.shape), "norm": float(np.linalg.norm(flat)), "products": products}


def deviation(result: Tensor, kept: Mapping[str, Any]) -> float:
    """The largest difference of a tensor from what is kept of another, relative to the other's norm.

    Infinite if the shapes differ.
    """
    mine = summary(result)
    if mine["shape"] != kept["shape"]:
        return math.inf
    pairs = zip([mine["norm"], *mine["products"]], [kept["norm"], *kept["products"]], strict=True)
    return max(abs(a - b) for a, b in pairs) / max(kept["norm"], 1e-300)


def flatten(tensors: Mapping[str, Tensor]) -> Tensor:
    """One vector from named tensors, in the order of their names."""
    return torch.cat([value.detach().flatten() for _, value in sorted(tensors.items())])
