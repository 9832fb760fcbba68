"""The average of the weights against its formula, and what a run makes of it."""

import pytest
import torch
from torch import nn

from translate.training.averaging import WARM_UP, WeightAverage
from translate.translator import Translator


def make_network(value: float) -> nn.Module:
    network = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    for weight in network.parameters():
        nn.init.constant_(weight, value)
    return network.double()


def test_it_is_the_exponential_average_that_remembers_less_at_first():
    network = make_network(1.0)
    average, expected = WeightAverage({"G": network}, 0.8), 1.0
    for step in range(1, 100):
        for weight in network.parameters():
            nn.init.constant_(weight, float(step % 7))
        average.update({"G": network}, step)
        keep = min(0.8, step / (step + WARM_UP))
        expected = keep * expected + (1 - keep) * (step % 7)
        assert average.networks["G"][0].weight.item() == pytest.approx(expected, rel=1e-12)


def test_buffers_are_those_of_the_newest_step():
    network = make_network(1.0)
    average = WeightAverage({"G": network}, 0.999)
    network(torch.randn(8, 1, dtype=torch.float64))
    average.update({"G": network}, 1)
    assert torch.equal(average.networks["G"][1].running_mean, network[1].running_mean)
    assert not average.networks["G"].training
    assert not any(weight.requires_grad for weight in average.networks.parameters())


def test_a_run_keeps_an_average_that_translates(train, resume, data):
    result = train(ema=0.9)
    exported = torch.load(result.folder / "latest_ema_net_G.pth", weights_only=True)
    plain = torch.load(result.folder / "latest_net_G.pth", weights_only=True)
    assert exported.keys() == plain.keys()
    assert any(not torch.equal(exported[key], plain[key]) for key in plain)
    picture = next((data / "trainA").iterdir())
    averaged, usual = (Translator.load(result.folder, epoch=epoch)(picture) for epoch in ("latest_ema", "latest"))
    assert averaged.size == usual.size


def test_a_resumed_average_is_bit_equal(train, resume, same_state):
    whole = train("whole", ema=0.9).folder
    train("parted", ema=0.9, max_steps=2)
    parted = resume("parted").folder
    assert same_state(whole, parted)
    first, second = (torch.load(folder / "latest_ema_net_G.pth", weights_only=True) for folder in (whole, parted))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_an_average_can_begin_in_a_resumed_run(train, resume):
    train(max_steps=2)
    before = torch.load(train().folder.parent / "run" / "latest_net_G.pth", weights_only=True)
    folder = resume(ema=0.5, n_epochs_decay=2).folder
    averaged = torch.load(folder / "latest_ema_net_G.pth", weights_only=True)
    newest = torch.load(folder / "latest_net_G.pth", weights_only=True)
    weight = "model.1.weight"
    low, high = torch.minimum(before[weight], newest[weight]), torch.maximum(before[weight], newest[weight])
    between = (averaged[weight] >= low - 1e-3) & (averaged[weight] <= high + 1e-3)
    assert between.all()  # and nothing of other initial weights in it
