"""A method so small that everything the loop does with it can be computed by hand."""

from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from translate.methods import Method
from translate.training.loop import Limits, Trainer
from translate.training.precision import Precision


class Scale(nn.Module):
    """One weight."""

    def __init__(self, value: float):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(value))


class Toy(Method):
    """D minimises d * mean(B), G minimises g * d: its loss depends on the weight of the other player."""

    def __init__(self):
        super().__init__()
        self.networks = nn.ModuleDict({"G": Scale(2.0), "D": Scale(3.0)})
        self.players = {"D": ("D",), "G": ("G",)}
        self.calls = []
        self.noise = []
        self.poison = {}

    def draw(self, rng, sizes):
        return {"number": np.float32(rng.random()), "coin": bool(rng.random() < 0.5), "sizes": np.array(sizes["A"])}

    def forward(self, batch):
        self.calls.append("forward")
        self.noise.append(torch.rand(()).item())
        return SimpleNamespace(batch=batch)

    def losses(self, player, state):
        self.calls.append((player, self.networks["D"].weight.item()))
        g, d = self.networks["G"].weight, self.networks["D"].weight
        total = d * state.batch["B"].mean() if player == "D" else g * d
        if self.poison.get(player) == self.calls.count("forward"):
            total = total * float("nan")
        return total, {f"loss_{player}": total}

    def after_step(self):
        self.calls.append("after_step")


def make_batches(epochs=1, steps=3, size=1):
    """White pictures, so that the mean of B is 1."""
    white = torch.full((size, 3, 4, 6), 255, dtype=torch.uint8)
    for epoch in range(1, epochs + 1):
        for step in range(steps):
            index = list(range(step * size, (step + 1) * size))
            paths = {f"{letter}_paths": [f"{letter}{epoch}-{i}.png" for i in index] for letter in "AB"}
            yield {"A": white, "B": white, **paths, "epoch": epoch, "index": index}


def make_trainer(
    method=None, lr=lambda epoch: 0.5, size=1, observer=lambda trainer: False, seed=7, steps=3, word="fp32", **limits
):
    method = method or Toy()
    optimizers = {player: torch.optim.SGD([method.networks[player].weight], lr=100.0) for player in method.players}
    limits = Limits(**{"last_epoch": 1, "samples_per_epoch": steps * size, **limits})
    return Trainer(method, optimizers, lr, seed, Precision(word, torch.device("cpu")), size, limits, observer)
