"""Which player gets which forward pass, for a batch in one part and in several."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from translate.methods import Method
from translate.training.forward import Forward
from translate.training.precision import Precision
from translate.training.preparing import Preparation, split_batch


class Spy(Method):
    """Counts its passes; the result has a gradient where one was asked for."""

    def __init__(self, order: str):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.norm = nn.BatchNorm2d(1)
        self.players = {player: () for player in order}
        self.passes = 0

    def forward(self, batch):
        self.passes += 1
        self.norm(torch.rand(2, 1, 3, 3))
        return SimpleNamespace(number=batch["index"][0], result=self.weight * 2, drawn=torch.rand(()).item())


def make_forward(order: str, parts: int) -> tuple[Spy, Forward]:
    method, device = Spy(order), torch.device("cpu")
    batch = {"epoch": 1, "index": list(range(4)), "A_paths": list("abcd"), "A": torch.arange(4)}
    split = split_batch(batch, parts)
    return method, Forward(
        method, Preparation(method, 0, device).seed_layers, Precision("fp32", device).autocast, split
    )


def test_a_batch_is_split_in_order():
    batch = {"epoch": 3, "index": [5, 6, 7, 8], "A": torch.arange(4), "positions": [[1], [2], [3], [4]]}
    first, second = split_batch(batch, 2)
    assert (first["index"], second["index"]) == ([5, 6], [7, 8])
    assert (first["A"].tolist(), second["A"].tolist()) == ([0, 1], [2, 3])
    assert first["epoch"] == second["epoch"] == 3
    assert split_batch(batch, 1)[0] is batch


@pytest.mark.parametrize("order", ["DG", "GD", "G"])
def test_a_batch_in_one_part_is_computed_once(order):
    method, forward = make_forward(order, 1)
    states = [forward.of(player, 0) for player in order]
    assert method.passes == 1
    assert all(state is states[0] and state.result.requires_grad for state in states)


def test_who_comes_before_the_generator_gets_results_without_gradient():
    method, forward = make_forward("DG", 2)
    for player in "DG":
        for number in (0, 1):
            state = forward.of(player, number)
            assert state.number == 2 * number
            assert state.result.requires_grad == (player == "G")
    assert method.passes == 4


@pytest.mark.parametrize(("order", "parts"), [("DG", 1), ("DG", 2), ("GD", 2)])
def test_running_statistics_count_each_part_once(order, parts):
    method, forward = make_forward(order, parts)
    for player in order:
        for number in range(parts):
            forward.of(player, number)
    assert method.norm.num_batches_tracked == parts


def test_who_comes_after_the_generator_gets_what_it_had():
    """Its weights have been updated by then, and what has side effects (a pool) must not run twice."""
    method, forward = make_forward("GD", 2)
    seen = [forward.of("G", number) for number in (0, 1)]
    assert [forward.of("D", number) for number in (0, 1)] == seen
    assert method.passes == 2


def test_both_passes_over_a_part_draw_the_same():
    _, forward = make_forward("DG", 2)
    drawn = {player: [forward.of(player, number).drawn for number in (0, 1)] for player in "DG"}
    assert drawn["D"] == drawn["G"]
    assert drawn["D"][0] != drawn["D"][1]


def test_what_is_shown_is_of_the_first_part():
    _, forward = make_forward("DG", 2)
    for player in "DG":
        for number in (0, 1):
            forward.of(player, number)
    assert forward.first.number == 0 and forward.first.result.requires_grad


@pytest.mark.parametrize(("order", "parts"), [("DG", 1), ("DG", 2), ("GD", 2)])
def test_each_part_is_counted_once_in_running_statistics(order, parts):
    method, forward = make_forward(order, parts)
    norm = nn.BatchNorm2d(1)
    method.add_module("norm", norm)
    method.forward = lambda batch: norm(torch.rand(2, 1, 4, 4))
    for player in order:
        for number in range(parts):
            forward.of(player, number)
    assert norm.num_batches_tracked == parts
