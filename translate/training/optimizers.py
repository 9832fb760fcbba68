"""How a player's weights are moved along their gradients: Adam, and what encoders were published with."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.methods import Method
from translate.options import OptimizerOptions
from translate.settings import TrainSettings
from translate.training.adam import Adam, AdamW

TRUST = 0.001  # of LARS


def build_optimizers(method: Method, settings: TrainSettings) -> dict[str, torch.optim.Optimizer]:
    """One for each player, over the networks that are its own."""
    return {
        player: build_optimizer([p for name in names for p in method.networks[name].parameters()], settings.optimizer)
        for player, names in method.players.items()
    }


def build_optimizer(weights: Sequence[nn.Parameter], flags: OptimizerOptions) -> torch.optim.Optimizer:
    """The optimiser of the flags over these weights.

    ``adam``: the weight decay is added to the gradient (L2), as in the reference. ``adamw``: it shrinks the weights.
    ``sgd``: with momentum, Nesterov's where asked for. ``lars``: the same, layer by layer as large as the weights.
    """
    if flags.optimizer in ("adam", "adamw"):
        kind = Adam if flags.optimizer == "adam" else AdamW
        return kind(weights, lr=flags.lr, betas=(flags.beta1, flags.beta2), weight_decay=flags.weight_decay, fused=True)
    if flags.optimizer == "sgd":
        return torch.optim.SGD(
            weights, lr=flags.lr, momentum=flags.momentum, weight_decay=flags.weight_decay, nesterov=flags.nesterov
        )
    return Lars(weights, lr=flags.lr, momentum=flags.momentum, weight_decay=flags.weight_decay)


def check_optimizer(flags: OptimizerOptions) -> None:
    """Refuse flags that the optimiser does not know.

    Raises:
        InputError: names the flag.
    """
    if flags.momentum != OptimizerOptions.momentum and flags.optimizer in ("adam", "adamw"):
        raise InputError(
            f"--momentum {flags.momentum:g} is of --optimizer sgd and lars; --optimizer {flags.optimizer} has --beta1"
        )
    if flags.nesterov and (flags.optimizer != "sgd" or not flags.momentum):
        raise InputError("--nesterov is a way of the momentum of --optimizer sgd; leave it out, or give both")


class Lars(torch.optim.Optimizer):
    r"""Layer-wise adaptive rates (You et al. 2017, arXiv:1708.03888), as SimCLR and MoCo v3 use them.

    For a weight w of two or more dimensions with gradient g and weight decay b:

    .. math:: d = g + b w, \quad u \leftarrow m u + \frac{t |w|}{|d|} d, \quad w \leftarrow w - \eta u

    with t = 0.001; the factor is 1 where w or d is zero. Biases and weights of norms have no decay and the factor 1.

    Args:
        weights: what is optimised.
        lr: eta.
        momentum: m in [0, 1).
        weight_decay: b.
    """

    def __init__(self, weights: Sequence[nn.Parameter], lr: float, momentum: float = 0.9, weight_decay: float = 0.0):
        super().__init__(weights, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._step_one(weight, group)
        return loss

    def _step_one(self, weight: nn.Parameter, group: dict[str, Any]) -> None:
        direction = weight.grad
        if weight.ndim > 1:
            direction = direction.add(weight, alpha=group["weight_decay"])
            lengths = weight.norm(), direction.norm()
            # On the device, without asking for a number.
            ratio = TRUST * lengths[0] / lengths[1]
            direction = direction * torch.where((lengths[0] > 0) & (lengths[1] > 0), ratio, 1.0)
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        state["momentum_buffer"].mul_(group["momentum"]).add_(direction)
        weight.add_(state["momentum_buffer"], alpha=-group["lr"])
