"""Tiny methods in float64 with pictures and draws, for the tests of this room."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from translate.methods import CUT
from translate.settings import resolve

TINY = {"netG": "resnet_4blocks", "ngf": 2, "ndf": 2, "netF_nc": 6, "num_patches": 7, "init_gain": 1.0}
Sizes = dict[str, tuple[int, int]]
SQUARE: Sizes = {"A": (16, 16), "B": (16, 16)}


def _make_method(channels: tuple[int, int] = (3, 3), **flags: Any) -> CUT:
    values = {**TINY, **flags}
    settings = resolve({**values, "netD": values.get("netD", "pixel")})
    torch.manual_seed(0)
    method = CUT(settings.method, settings.networks, *channels).double().train()
    for name, parameter in method.networks.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)  # else there are feature vectors of length 0
    return method


def _make_batch(
    method: CUT, count: int = 1, sizes: Sizes = SQUARE, mirrored: list[bool] | None = None
) -> dict[str, Any]:
    torch.manual_seed(1)
    batch: dict[str, Any] = {
        domain: torch.rand(count, 3, *size, dtype=torch.float64) * 2 - 1 for domain, size in sizes.items()
    }
    draws = [method.draw(np.random.default_rng(seed), sizes) for seed in range(count)]
    for name in draws[0]:
        values = [draw[name] for draw in draws]
        if isinstance(values[0], list):
            batch[name] = [torch.from_numpy(np.stack(column)) for column in zip(*values, strict=True)]
        else:
            batch[name] = torch.from_numpy(np.stack(values))
    if mirrored is not None:
        batch |= {"mirrors": torch.tensor(mirrored), "mirrored": torch.tensor(mirrored)[:, None]}
    return batch


@pytest.fixture(scope="session")
def make_method() -> Callable[..., CUT]:
    """make_method(channels=(3, 3), **flags): a method by its flags; the same flags give the same weights."""
    return _make_method


@pytest.fixture(scope="session")
def make_batch() -> Callable[..., dict[str, Any]]:
    """make_batch(method, count=1, sizes=SQUARE, mirrored=None): pictures and the method's draws; the same each time."""
    return _make_batch
