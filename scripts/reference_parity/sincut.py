"""Single-picture translation of both implementations: networks, and whole steps with the same noise."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import formula
import torch
from cases_sincut import BASE, COUNT, STEP_SIZE, STEPS, noise
from torch import Tensor, nn

from reference_parity import reference
from reference_parity.networks import BOUND, relative
from reference_parity.steps import Batch, Pair, gradients, loss_deviation
from reference_parity.table import Table
from translate.files import write_text

PARAMETERS = {"stylegan2": 3_068_404, "smallstylegan2": 1_223_924}
D_PARAMETERS, F_PARAMETERS = 5_885_473, 280_832


@contextlib.contextmanager
def on_the_cpu() -> Iterator[None]:
    """The reference's StyleGAN2 without its ``.cuda()``, and with given noise instead of torch's."""
    layers = reference.import_module("models.stylegan_networks")
    original = layers.NoiseInjection.forward

    def forward(module: nn.Module, image: Tensor, **_: Any) -> Tensor:
        return original(module, image, noise(*image.shape[2:])[: len(image)].unsqueeze(1))

    with contextlib.ExitStack() as patches:
        patches.enter_context(mock.patch.object(Tensor, "cuda", lambda self, *_, **__: self))
        patches.enter_context(mock.patch.object(layers.NoiseInjection, "forward", forward))
        yield


class SinPair(Pair):
    """The reference's model and ours with the same weights and noise; enter ``on_the_cpu`` around it."""

    def _draws(self, draws: reference.Draws) -> Batch:
        drawn = super()._draws(draws)
        for number, domain in enumerate("AB"):
            sizes = self.method.networks["G"].noise_sizes(*self.size)
            own = slice(number * COUNT, (number + 1) * COUNT)
            drawn[f"noise_{domain}"] = [noise(*size)[own] for size in sizes]
        return {name: value for name, value in drawn.items() if value != []}


def compare_sincut(table: Table) -> None:
    """Sizes of the published networks, and a step of each case: losses and gradients."""
    with reference.precision(torch.float64), on_the_cpu():
        table.section("single pictures: parameters and state-dict keys of the published networks")
        for word, count in PARAMETERS.items():
            flags = {"model": "sincut", "netG": word, "batch_size": COUNT, "nce_layers": "0,2,3"}
            _compare_sizes(table, word, SinPair(flags, (64, 64), filled=False), count)
        table.section(f"single pictures: one step, small networks at {STEP_SIZE[0]}x{STEP_SIZE[1]} (float64)")
        for name, flags in STEPS.items():
            pair = SinPair({**BASE, **flags}, STEP_SIZE)
            theirs, batch = pair.their_step(1, mirrored=False)
            table.row(f"{name}: losses", loss_deviation(pair.our_step(1, batch), theirs), BOUND)
            for network in "DFG":
                mine, other = pair.method.networks[network], pair.their_network(network)
                table.row(f"{name}: gradient of {network}", relative(gradients(mine), gradients(other)), BOUND)


def _compare_sizes(table: Table, word: str, pair: SinPair, count: int) -> None:
    for name, wanted in {"G": count, "D": D_PARAMETERS, "F": F_PARAMETERS}.items():
        ours, theirs = pair.method.networks[name], pair.their_network(name)
        for network in (ours, theirs):
            found = sum(parameter.numel() for parameter in network.parameters())
            table.fact(f"{word}, {name}: {wanted:,} parameters", found == wanted)
        layouts = ([(key, value.shape) for key, value in net.state_dict().items()] for net in (ours, theirs))
        table.fact(f"{word}, {name}: keys and shapes", sorted(next(layouts)) == sorted(next(layouts)))


def write_golden(folder: Path, source: Mapping[str, Any]) -> None:
    """Write ``sincut.json``: the reference's losses and gradients of each case, in float64."""
    with reference.precision(torch.float64), on_the_cpu():
        steps = {name: _step({**BASE, **flags}) for name, flags in STEPS.items()}
    path = folder / "sincut.json"
    write_text(path, json.dumps({"source": source, "steps": steps}, indent=1) + "\n")
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


def _step(flags: Mapping[str, Any]) -> dict[str, Any]:
    pair = SinPair(flags, STEP_SIZE)
    losses, _ = pair.their_step(1, mirrored=False)
    found = {name: formula.summary(gradients(pair.their_network(name))) for name in "GFD"}
    return {"losses": losses, "gradients": found}
