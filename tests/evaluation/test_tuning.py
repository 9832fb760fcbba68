"""Fine-tuning against its schedule and AdamW written out, and pictures scaled by their shorter side."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from translate.evaluation.tuning import Tuning, read_scaled
from translate.training.precision import Precision

COUNT, EPOCHS, LR = 20, 3, 0.1  # three batches of six or seven


def learned(seed=0):
    """What a single weight comes to, and the places and first random number of each batch."""
    model, seen = nn.Linear(1, 1, bias=False), []
    nn.init.constant_(model.weight, 2.0)

    def loss_of(places, rng):
        seen.append((places.tolist(), rng.random()))
        assert model.training
        return (model.weight * float(places.mean() - 12)).sum()

    Tuning(64, 64, Precision("fp32", torch.device("cpu")), EPOCHS, LR, seed).learn(model, loss_of, COUNT)
    assert not model.training
    return model.weight.item(), seen


def test_it_is_adamw_with_a_cosine_over_all_batches():
    found, seen = learned()
    weight, mean, square = 2.0, 0.0, 0.0
    for step, (places, _) in enumerate(seen):
        lr, slope = LR / 2 * (1 + math.cos(math.pi * step / len(seen))), np.mean(places) - 12
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        moved = mean / (1 - 0.9 ** (step + 1)) / (math.sqrt(square / (1 - 0.999 ** (step + 1))) + 1e-8)
        weight -= lr * 0.05 * weight + lr * moved
    assert found == pytest.approx(weight, abs=1e-5)


def test_each_epoch_sees_every_picture_once_in_an_order_of_its_own():
    _, seen = learned()
    assert [len(places) for places, _ in seen] == [7, 7, 6] * EPOCHS
    orders = [[place for places, _ in seen[first : first + 3] for place in places] for first in range(0, 9, 3)]
    assert all(sorted(order) == list(range(COUNT)) for order in orders)
    assert len({tuple(order) for order in orders}) == EPOCHS
    assert len({number for _, number in seen}) == len(seen)
    assert learned() == learned() and learned()[1] != learned(1)[1]


@pytest.mark.parametrize(("size", "scaled"), [((30, 20), (96, 64)), ((20, 33), (64, 106)), ((500, 1), (32000, 64))])
def test_the_shorter_side_is_what_is_told(size, scaled, tmp_path):
    Image.new("RGB", size).save(tmp_path / "a.png")
    found = read_scaled(tmp_path / "a.png", 1, 64)
    assert tuple(found.pixels.shape) == (1, scaled[1], scaled[0]) and found.scale == 64 / min(size)
