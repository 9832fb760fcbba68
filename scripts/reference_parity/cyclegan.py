"""pytorch-CycleGAN-and-pix2pix beside this library: its code imported, its models, steps and files."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import formula
import torch
from cases import pictures
from cases_cyclegan import DOMAINS, STEP_SIZE, pool_draws
from torch import nn

from reference_parity.reference import quiet
from reference_parity.steps import InjectedTrainer
from translate.errors import InputError
from translate.settings import resolve
from translate.training.job import build_method
from translate.training.loop import Limits
from translate.training.optimizers import build_optimizers
from translate.training.precision import Precision

REPOSITORY = "junyanz/pytorch-CycleGAN-and-pix2pix"
COMMIT = "003efc4"
PACKAGES = ("models", "options", "data", "util")
Batch = dict[str, Any]
_imported: dict[str, ModuleType] = {}


def import_cyclegan(path: Path) -> None:
    """Import what is used of the checkout.

    Its packages have the names of CUT's, so that they are kept aside, not in ``sys.modules``.

    Raises:
        InputError: no checkout of the repository there.
    """
    if not (path / "models" / "pix2pix_model.py").is_file():
        raise InputError(f"--cyclegan {path}: no models/pix2pix_model.py in it; clone {REPOSITORY} and name its folder")
    with in_place(), mock.patch.object(sys, "path", [str(path.resolve()), *sys.path]):
        for name in ("models.cycle_gan_model", "models.pix2pix_model", "options.train_options", "data.aligned_dataset"):
            import_module(name)


@contextlib.contextmanager
def in_place() -> Iterator[None]:
    """The repository's packages under their names while this is entered."""
    aside = _take_out()
    sys.modules.update(_imported)
    try:
        yield
    finally:
        _imported.update(_take_out())
        sys.modules.update(aside)


def _take_out() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] in PACKAGES]
    return {name: sys.modules.pop(name) for name in names}


def module(name: str) -> Any:
    """A module of the repository, e.g. ``models.networks``."""
    return _imported[name]


def options(flags: Mapping[str, Any]) -> Any:
    """The repository's options for flags of ours, by its own parser and with its own defaults."""
    words = ["train.py", "--dataroot", "unused", "--model", flags["model"]]
    with in_place(), mock.patch.object(sys, "argv", words), quiet():
        opt = module("options.train_options").TrainOptions().gather_options()
    own = {name: value for name, value in flags.items() if name in vars(opt)}
    if "normG" in flags:
        own["norm"] = flags["normG"]  # one flag for both there
    vars(opt).update(own, isTrain=True, gpu_ids=[])
    return opt


def their_generator(flags: Mapping[str, Any]) -> nn.Module:
    with quiet():
        return module("models.networks").define_G(
            3, 3, flags["ngf"], flags["netG"], flags["normG"], not flags.get("no_dropout", True)
        )


def their_discriminator(flags: Mapping[str, Any]) -> nn.Module:
    with quiet():
        return module("models.networks").define_D(
            flags["input_nc"], flags["ndf"], flags["netD"], flags["n_layers_D"], flags["normD"]
        )


class PairOfModels:
    """A model of the repository and a method of ours, with the same weights.

    Args:
        flags: of a training run of ours.
        sizes: of the pictures (height, width) by domain.
        filled: weights by the formula; otherwise by the repository's initialisation.
        loads: give its weights to our networks.
    """

    def __init__(
        self,
        flags: Mapping[str, Any],
        sizes: Mapping[str, tuple[int, int]] | None = None,
        filled: bool = True,
        loads: bool = True,
    ):
        self.settings = resolve({**flags, "input_nc": 3, "output_nc": 3})
        self.sizes = sizes or dict.fromkeys("AB", STEP_SIZE)
        with in_place(), quiet():
            self.theirs = import_module("models").create_model(options(flags))
        self.method = build_method(self.settings).train()
        for number, (name, network) in enumerate(self.method.networks.items()):
            if filled:
                formula.fill(self.their_network(name), number)
            if loads:
                network.load_state_dict(self.their_network(name).state_dict(), strict=True)
        lr = self.settings.optimizer.lr
        self.trainer = InjectedTrainer(
            self.method, build_optimizers(self.method, self.settings), lambda _: lr, 0,
            Precision("fp32", torch.device("cpu")), self.settings.data.batch_size,
            Limits(1, self.settings.data.batch_size), lambda _: False,
        )  # fmt: skip

    def their_network(self, name: str) -> nn.Module:
        return getattr(self.theirs, f"net{name}")

    def batch(self, number: int) -> Batch:
        """Pictures and decisions of a step."""
        count = self.settings.data.batch_size
        size = getattr(self.settings.method, "pool_size", 0)
        draws = pool_draws(number, count, size) if size else {}
        names = [f"{index}.png" for index in range(count)]
        images = {domain: pictures(count, size, number)[domain] for domain, size in self.sizes.items()}
        pools = {f"pool_{domain}": torch.tensor(places) for domain, places in draws.items()}
        return {**images, **pools, "A_paths": names, "B_paths": names, "epoch": 1, "index": list(range(count))}

    def their_step(self, number: int) -> dict[str, float]:
        """The repository's step on the pictures and decisions of a number: its losses."""
        batch = self.batch(number)
        torch.manual_seed(number)
        with _decisions({domain: batch.get(f"pool_{domain}") for domain in DOMAINS}), quiet():
            self.theirs.set_input(batch)
            self.theirs.optimize_parameters()
            return self.theirs.get_current_losses()

    def our_step(self, number: int) -> dict[str, float]:
        """A step of the training loop on the same."""
        torch.manual_seed(number)
        self.trainer.step(self.batch(number))
        return self.trainer.check_losses()


class _Told:
    """Takes the place of ``random`` in the repository's pools: answers what was decided."""

    def __init__(self) -> None:
        self.places: list[int] = []

    def uniform(self, low: float, high: float) -> float:
        if self.places[0] >= 0:
            return 0.75
        self.places.pop(0)
        return 0.25

    def randint(self, low: int, high: int) -> int:
        return self.places.pop(0)


@contextlib.contextmanager
def _decisions(places: Mapping[str, torch.Tensor | None]) -> Iterator[None]:
    """The repository's pools do what they are told, in the order in which they are asked."""
    pool_module, told = module("util.image_pool"), _Told()
    query, asked = pool_module.ImagePool.query, iter(places.values())

    def query_as_told(pool: Any, images: torch.Tensor) -> torch.Tensor:
        decided = next(asked)
        if pool.pool_size:  # while it fills, a pool decides nothing
            told.places = decided.tolist()[max(pool.pool_size - pool.num_imgs, 0) :]
        return query(pool, images)

    with (
        mock.patch.object(pool_module.ImagePool, "query", query_as_told),
        mock.patch.object(pool_module, "random", told),
    ):
        yield
