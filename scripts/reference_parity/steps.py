"""Whole training steps of both implementations: losses, gradients, weights."""

import statistics
from collections.abc import Mapping
from typing import Any

import formula
import torch
from cases import STEPS, first_draw, is_mirrored, pictures
from torch import Tensor, nn

from reference_parity import reference
from reference_parity.networks import relative
from reference_parity.table import Table
from translate.settings import TrainSettings, resolve
from translate.training.job import build_method
from translate.training.loop import Limits, Trainer
from translate.training.optimizers import build_optimizers
from translate.training.precision import Precision
from translate.training.preparing import Preparation

Batch = dict[str, Any]

# Beyond those of the golden files, at larger sizes: everything that changes which numbers meet.
MORE_STEPS = {
    "lambda_GAN 0": ({"lambda_GAN": 0}, False),
    "lambda_NCE 0": ({"lambda_NCE": 0}, False),
    "FastCUT with identity, upright": ({"CUT_mode": "FastCUT", "nce_idt": True}, False),
    "FastCUT with identity, mirrored": ({"CUT_mode": "FastCUT", "nce_idt": True}, True),
    "more patches than places": ({"num_patches": 100_000}, False),
    "dropout": ({"no_dropout": False}, False),
    "dropout, mirrored": ({"no_dropout": False, "CUT_mode": "FastCUT"}, True),
    "anti-aliased up only": ({"no_antialias": True}, False),
    "anti-aliased down only": ({"no_antialias_up": True}, False),
    "six blocks, pixel discriminator": ({"netG": "resnet_6blocks", "netD": "pixel"}, False),
    "n_layers 2 without norm": ({"netD": "n_layers", "n_layers_D": 2, "normD": "none"}, False),
    "taps at norms and ReLUs": ({"nce_layers": "1,2,3,6,21,29"}, False),
    "wgangp without its penalty": ({"gan_mode": "wgangp"}, False),
    "batch norm, mirrored, batch 2": (
        {"CUT_mode": "FastCUT", "normG": "batch", "normD": "batch", "batch_size": 2}, True
    ),
}  # fmt: skip


class InjectedTrainer(Trainer):
    """The training loop with batches that bring their draws along."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.prepare = AsGiven(self.method, 0, self.device)


class AsGiven(Preparation):
    """Batches stay as they are, and so does torch's generator."""

    def __call__(self, batch: Batch) -> Batch:
        return batch

    def seed_layers(self, batch: Batch) -> None: ...


def batch_of(settings: TrainSettings, size: tuple[int, int], number: int) -> Batch:
    """A batch whose pictures are given by the formula."""
    count = settings.data.batch_size
    names = [f"{index}.png" for index in range(count)]
    return {
        **pictures(count, size, number),
        "A_paths": names,
        "B_paths": names,
        "epoch": 1,
        "index": list(range(count)),
    }


class Pair:
    """The reference's model and ours with the same weights.

    Args:
        flags: of a training run.
        size: of the pictures (height, width).
        filled: weights by the formula; otherwise the reference's own initialisation.
    """

    def __init__(self, flags: Mapping[str, Any], size: tuple[int, int], filled: bool = True):
        self.settings = resolve({**flags, "input_nc": 3, "output_nc": 3, "lambda_gp": 0})
        self.size = size
        self.theirs = reference.create_model(reference.options(flags))
        with reference.Draws(0):
            self.theirs.data_dependent_initialize(batch_of(self.settings, size, 0))
        if self.settings.method.lambda_NCE == 0:  # the reference breaks off here, for want of these two
            self.theirs.optimizer_F = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0)
            self.theirs.loss_NCE_Y = 0.0
        self.method = build_method(self.settings)
        if filled:
            for number, name in enumerate("GFD"):
                formula.fill(self.their_network(name), number)
        self.share_weights()
        lr = self.settings.optimizer.lr
        self.trainer = InjectedTrainer(
            self.method, build_optimizers(self.method, self.settings), lambda _: lr, 0,
            Precision("fp32", torch.device("cpu")), self.settings.data.batch_size,
            Limits(1, self.settings.data.batch_size), lambda _: False,
        )  # fmt: skip
        self.method.train()

    def share_weights(self) -> None:
        """Give the reference's weights to our networks."""
        for name in "GFD":
            weights = self.their_network(name).state_dict()
            if weights:
                self.method.networks[name].load_state_dict(weights, strict=True)

    def their_network(self, name: str) -> nn.Module:
        return getattr(self.theirs, f"net{name}")

    def their_step(self, number: int, mirrored: bool) -> tuple[dict[str, float], Batch]:
        """The reference's step: its losses, and the batch with what it drew."""
        batch = batch_of(self.settings, self.size, number)
        torch.manual_seed(number)
        with reference.Draws(first_draw(number), mirrored) as draws:
            self.theirs.set_input(batch)
            self.theirs.optimize_parameters()
            losses = self.theirs.get_current_losses()
        return losses, {**batch, **self._draws(draws)}

    def _draws(self, draws: reference.Draws) -> Batch:
        count, patches = self.settings.data.batch_size, self.settings.method.num_patches
        positions = [torch.from_numpy(drawn[:patches].copy()).expand(count, -1) for drawn in draws.permutations]
        taps = len(self.method.taps)
        return {
            "positions_A": positions[:taps],
            "positions_B": positions[taps:],
            "mirrors": torch.full((count,), draws.mirrored),
            "mirrored": torch.full((count, 1), draws.mirrored),
            "mix": torch.zeros(count),
        }

    def our_step(self, number: int, batch: Batch) -> dict[str, float]:
        """A step of the training loop on a batch of the reference's."""
        torch.manual_seed(number)
        self.trainer.step(batch)
        return self.trainer.check_losses()


def gradients(network: nn.Module) -> Tensor:
    """All gradients of a network as one vector; parameters without one count as zero."""
    filled = {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in network.named_parameters()}
    return formula.flatten(filled) if filled else torch.zeros(0)


def effective_weights(network: nn.Module) -> Tensor:
    """Parameters and running statistics as one vector, without the biases that an instance norm takes away again.

    Their gradients are rounding noise, which Adam turns into steps of full length.
    """
    idle = set()
    for prefix, module in network.named_modules():
        layers = list(module) if isinstance(module, nn.Sequential) else []
        for index, following in enumerate(layers[1:]):
            if isinstance(following, nn.InstanceNorm2d):
                idle.add(f"{prefix}.{index}.bias")
    kept = {key: value.to(torch.float64) for key, value in network.state_dict().items() if key not in idle}
    return formula.flatten(kept) if kept else torch.zeros(0)


def running_statistics(network: nn.Module) -> Tensor:
    """Running means and variances of batch norms as one vector."""
    running = {key: value for key, value in network.state_dict().items() if "running" in key}
    return formula.flatten(running) if running else torch.zeros(0)


def loss_deviation(ours: Mapping[str, float], theirs: Mapping[str, float]) -> float:
    """The largest difference of a loss relative to its value; ours may leave out those that are not used."""
    scale = {name: max(abs(theirs[name]), 1e-3) for name in ours}
    return max(abs(ours[name] - theirs[name]) / scale[name] for name in ours)


def compare_steps(table: Table, size: tuple[int, int] = (64, 64)) -> None:
    """One step of every case: losses, gradients, and what it leaves in the weights."""
    with reference.precision(torch.float64):
        table.section(
            f"one step, small networks at {size[0]}x{size[1]} (float64): losses, gradients, running statistics"
        )
        small = {"ngf": 8, "ndf": 8, "num_patches": 64}
        for name, (flags, mirrored) in {**STEPS, **MORE_STEPS}.items():
            _compare_step(table, name, Pair({**small, **flags}, size), mirrored)


def compare_full_size(table: Table, side: int) -> None:
    """One step of the published networks with the reference's own initialisation."""
    with reference.precision(torch.float64):
        table.section(f"one step, default networks and initialisation at {side}x{side} (float64)")
        _compare_step(table, "CUT", Pair({}, (side, side), filled=False), False)
        _compare_step(table, "FastCUT, mirrored", Pair({"CUT_mode": "FastCUT"}, (side, side), filled=False), True)


def _compare_step(table: Table, name: str, pair: Pair, mirrored: bool) -> None:
    theirs, batch = pair.their_step(1, mirrored)
    ours = pair.our_step(1, batch)
    table.row(f"{name}: losses", loss_deviation(ours, theirs), 1e-9)
    owned = {network for names in pair.method.players.values() for network in names}
    for network in sorted(owned):
        if not list(pair.method.networks[network].parameters()):
            continue
        mine, other = pair.method.networks[network], pair.their_network(network)
        table.row(f"{name}: gradient of {network}", relative(gradients(mine), gradients(other)), 1e-9)
    statistics = running_statistics(pair.method.networks["G"]), running_statistics(pair.their_network("G"))
    if statistics[0].numel():
        table.row(f"{name}: running statistics of G", relative(*statistics), 1e-9)


def compare_training(table: Table, steps: int = 10) -> None:
    """Some steps of Adam in float64; in float32 as many single steps, each from the reference's weights.

    Left to itself a float32 run drifts away from any other one within a few steps, whatever the code: Adam turns the
    sign of a gradient that is only rounding noise into a step of full length.
    """
    small = {"ngf": 8, "ndf": 8, "num_patches": 64}
    runs = [{"CUT_mode": mode, "batch_size": count, **small} for mode in ("CUT", "FastCUT") for count in (1, 2)]
    with reference.precision(torch.float64):
        table.section(f"{steps} steps of training, small networks at 64x64 (float64)")
        for flags in runs:
            _compare_training(table, Pair(flags, (64, 64), filled=False), steps)
    with reference.precision(torch.float32):
        table.section(f"{steps} steps, each from the reference's weights, small networks at 64x64 (float32)")
        for flags in runs:
            _compare_single_steps(table, Pair(flags, (64, 64), filled=False), steps)


def _name(pair: Pair) -> str:
    return f"{pair.settings.method.CUT_mode}, batch {pair.settings.data.batch_size}"


def _compare_training(table: Table, pair: Pair, steps: int) -> None:
    worst = 0.0
    for number in range(1, steps + 1):
        theirs, batch = pair.their_step(number, is_mirrored(number))
        worst = max(worst, loss_deviation(pair.our_step(number, batch), theirs))
    table.row(f"{_name(pair)}: losses", worst, 1e-6)
    for network in "GFD":
        mine, other = (effective_weights(n) for n in (pair.method.networks[network], pair.their_network(network)))
        table.row(f"{_name(pair)}: weights of {network}", relative(mine, other), 1e-6)


def _compare_single_steps(table: Table, pair: Pair, steps: int) -> None:
    """The usual step agrees to rounding. In one of many a value lies so near the kink of a ReLU that it falls on the
    other side, which changes a gradient by more; where several threads add up, now in one step, now in another."""
    found: dict[str, list[float]] = {}
    for number in range(1, steps + 1):
        pair.share_weights()
        theirs, batch = pair.their_step(number, is_mirrored(number))
        found.setdefault("losses", []).append(loss_deviation(pair.our_step(number, batch), theirs))
        for network in "GFD":
            mine, other = gradients(pair.method.networks[network]), gradients(pair.their_network(network))
            found.setdefault(f"gradient of {network}", []).append(relative(mine, other))
    for what, deviations in found.items():
        table.row(f"{_name(pair)}: {what}, half of the steps", statistics.median(deviations), 1e-5)
        table.row(f"{_name(pair)}: {what}, every step", max(deviations), 1e-5 if what == "losses" else 1e-4)
