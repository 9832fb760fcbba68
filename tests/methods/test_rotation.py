"""Rotation as a method: what the encoder is shown, what is learned from it, and what is refused."""

import math

import numpy as np
import pytest
import torch

from translate.errors import InputError
from translate.methods.rotation import Rotation, RotationOptions
from translate.options import NetworkOptions

SIDE_PX = 64
QUARTERS = ("real_A", "turned_90", "turned_180", "turned_270")


def make_method(fresh=False, **flags):
    """A tiny one in float64; unless it is to be fresh, its last layer is no longer zero."""
    torch.manual_seed(0)
    method = Rotation(RotationOptions(**{"nef": 4, **flags}), NetworkOptions(init_type="kaiming")).double().train()
    if not fresh:
        torch.nn.init.normal_(method.networks["H"].layers[-1].weight)
    return method


def some_pictures(count=3, height=SIDE_PX, width=SIDE_PX):
    return torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (count, 3, height, width)))


@pytest.mark.parametrize("flags", [{}, {"head_nc": 8}])
def test_the_loss_starts_at_ln_4(flags):
    method = make_method(fresh=True, **flags)
    named = method.losses("E", method({"A": some_pictures()}))[1]
    levels = method.levels(SIDE_PX, 3)
    assert named["rotation"].item() == levels["rotation"].value == pytest.approx(math.log(4), abs=1e-12)
    assert named["accuracy"].item() == levels["accuracy"].value == 0.25


def test_every_view_has_its_own_angle_for_its_class():
    """Against numpy, which turns counter-clockwise: the class of a view is how many quarters undo its turn."""
    method, pictures = make_method(), some_pictures()
    state = method({"A": pictures})
    assert state.views.shape == (12, 3, SIDE_PX, SIDE_PX)
    for number, (view, angle) in enumerate(zip(state.views, state.angles.tolist(), strict=True)):
        upright = np.rot90(view.numpy(), -angle, (1, 2))
        np.testing.assert_array_equal(upright, pictures[number % 3].numpy())
    assert torch.bincount(state.angles).tolist() == [3, 3, 3, 3]


def test_its_loss_is_the_formula_of_its_features():
    method = make_method()
    state = method({"A": some_pictures()})
    total, named = method.losses("E", state)
    head = method.networks["H"].layers[-1]
    with torch.no_grad():
        rows = (method.networks["E"](state.views).mean((2, 3)) @ head.weight.T + head.bias).numpy()
    expected = [math.log(np.exp(row).sum()) - row[angle] for row, angle in zip(rows, state.angles, strict=True)]
    assert total.item() == named["rotation"].item() == pytest.approx(np.mean(expected), rel=1e-9)
    assert named["accuracy"].item() == pytest.approx(np.mean(rows.argmax(1) == state.angles.numpy()))


def test_its_pictures_are_the_views_of_the_first():
    method, pictures = make_method(), some_pictures()
    shown = method.pictures(method({"A": pictures}))
    assert tuple(shown) == QUARTERS
    for quarter, label in enumerate(QUARTERS):
        np.testing.assert_array_equal(shown[label].numpy(), np.rot90(pictures[0].numpy(), quarter, (1, 2)))


def test_pictures_whose_shape_would_tell_are_refused():
    with pytest.raises(InputError, match="a picture of 70x64 would tell by its shape how it was turned: use a --prepr"):
        make_method()({"A": some_pictures(width=70)})
