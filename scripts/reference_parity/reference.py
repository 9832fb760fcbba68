"""The reference's code, imported from a checkout and fed with chosen draws."""

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import formula
import numpy as np
import torch
from torch import Tensor, nn

from translate.errors import InputError

REPOSITORY = "taesungp/contrastive-unpaired-translation"
COMMIT = "b3ac297"


def import_reference(path: Path) -> None:
    """Make the checkout's packages importable.

    Raises:
        InputError: no checkout of the reference there.
    """
    if not (path / "models" / "cut_model.py").is_file():
        raise InputError(f"--reference {path}: no models/cut_model.py in it; clone {REPOSITORY} and name its folder")
    sys.path.insert(0, str(path.resolve()))


def networks() -> ModuleType:
    """The reference's ``models.networks``."""
    return import_module("models.networks")


@contextlib.contextmanager
def precision(dtype: torch.dtype) -> Iterator[None]:
    """Floating type of everything that is made inside. The reference's filters and labels follow it."""
    former = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(former)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what the reference prints and warns of."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def options(flags: Mapping[str, Any], phase: str = "train") -> Any:
    """The reference's options for flags, by its own parser; it reads ``sys.argv`` whatever it is given."""
    module = import_module(f"options.{phase}_options")
    words = [word for name, value in flags.items() for word in _words(name, value)]
    parser = module.TrainOptions() if phase == "train" else module.TestOptions()
    with mock.patch.object(sys, "argv", [f"{phase}.py", *words]), quiet():
        opt = parser.gather_options()
    opt.isTrain = phase == "train"
    opt.gpu_ids = []
    return opt


def _words(name: str, value: Any) -> list[str]:
    if name in ("no_antialias", "no_antialias_up"):  # switches, which take no value there
        return [f"--{name}"] if value else []
    return [f"--{name}", str(value)]


def create_model(opt: Any, mended: bool = True) -> Any:
    """The reference's model for options.

    Args:
        mended: see to it that torch computes its gradients rightly; without, it is timed as it is.
    """
    with quiet():
        model = import_module("models").create_model(opt)
    for name in model.model_names:
        getattr(model, f"net{name}").to(torch.get_default_dtype())  # filters of StyleGAN2 are float32 there, always
    return mend(model) if mended else model


def mend(model: Any) -> Any:
    """See to it that torch computes the gradients of a model's generator rightly; returns the model."""
    for module in model.netG.modules():
        if isinstance(module, nn.InstanceNorm2d):
            module.register_forward_hook(_with_plain_gradient)
    return model


def _with_plain_gradient(module: nn.Module, inputs: Any, output: Tensor) -> None:
    """See to it that the gradient of an instance norm's output is contiguous.

    On the CPU, torch's instance norm has a wrong backward pass where the batch is 1 and this gradient lies
    channels-last in memory (seen with 2.15), as it does behind the reference's way of sampling patches.
    """
    if output.requires_grad:
        output.register_hook(lambda gradient: gradient.contiguous())


class Draws:
    """Takes the place of the reference's random numbers while it is entered, and keeps what was drawn.

    Args:
        number: where in the formula to begin.
        mirrored: what the reference's coin says.
    """

    def __init__(self, number: int, mirrored: bool = False):
        self.number = number
        self.mirrored = mirrored
        self.permutations: list[np.ndarray] = []

    def __enter__(self) -> "Draws":
        coin = 0.25 if self.mirrored else 0.75
        self._patches = contextlib.ExitStack()
        self._patches.enter_context(mock.patch.object(np.random, "permutation", self._permutation))
        self._patches.enter_context(mock.patch.object(np.random, "random", lambda: coin))
        self._patches.enter_context(quiet())
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    def _permutation(self, count: int) -> np.ndarray:
        drawn = formula.permutation(count, self.number + len(self.permutations))
        self.permutations.append(drawn)
        return drawn
