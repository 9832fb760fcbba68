"""Learning depth: the sum of its losses, what scale and unknown pixels do to it, and that it learns a scene."""

import numpy as np
import pytest
import torch

from translate.errors import InputError
from translate.evaluation.depth import depth_errors
from translate.losses.depth import curvature, gradient_matching, scale_invariant, smoothness
from translate.methods.depth import Depth
from translate.networks.depth_maps import depth_of
from translate.settings import resolve


def make_method(**flags):
    settings = resolve({"model": "depth", "ngf": 8, **flags})
    torch.manual_seed(0)
    return Depth(settings.method, settings.networks).double().train()


def make_batch(count=2, side=32, unknown=0.2):
    drawn = torch.Generator().manual_seed(1)
    depth = torch.rand(count, 1, side, side, dtype=torch.float64, generator=drawn) * 0.8 + 0.2
    depth[torch.rand(depth.shape, generator=drawn) < unknown] = 0
    images = torch.rand(count, 3, side, side, dtype=torch.float64, generator=drawn)
    return {"A": 2 * images - 1, "B": 2 * depth - 1}


def loss_of(method, batch):
    return method.losses("G", method(batch))


def test_the_loss_is_the_published_sum():
    method, batch = make_method(), make_batch()
    total, named = loss_of(method, batch)
    log_depth = method.networks["G"](batch["A"]).log_depth.float()
    truth = depth_of(batch["B"])
    ratio, images = log_depth - torch.where(truth > 0, truth, 1).log(), (batch["A"] + 1) / 2
    expected = {
        "scale": 1.5 * scale_invariant(ratio, truth > 0), "gradient": 0.75 * gradient_matching(ratio, truth > 0),
        "smooth": 0.075 * smoothness(log_depth, images), "curvature": 0.1 * curvature(log_depth, images),
    }  # fmt: skip
    assert {name: named[name].item() for name in expected} == pytest.approx(
        {name: value.item() for name, value in expected.items()}, rel=1e-5
    )
    assert total.item() == pytest.approx(sum(value.item() for value in expected.values()), rel=1e-5)


def test_the_scale_of_the_truth_does_not_matter():
    method, batch = make_method(), make_batch()
    halved = {**batch, "B": depth_of(batch["B"]) - 1}  # as [-1, 1] that is half of the depth
    assert loss_of(method, halved)[0].item() == pytest.approx(loss_of(method, batch)[0].item(), rel=1e-5)


def test_what_is_not_known_has_no_say():
    method, batch = make_method(lambda_smooth=0, lambda_curvature=0), make_batch(unknown=1)
    total, _ = loss_of(method, batch)
    total.backward()
    assert total.item() == 0
    assert not any(w.grad.any() for w in method.parameters() if w.grad is not None)


def test_it_shows_the_depths_in_colours():
    method = make_method()
    shown = method.pictures(method(make_batch()))
    assert {label: tuple(picture.shape) for label, picture in shown.items()} == {
        "real_A": (3, 32, 32), "fake_B": (1, 32, 32), "coloured_B": (3, 32, 32), "coloured_truth": (3, 32, 32)
    }  # fmt: skip
    assert all(picture.min() >= -1 and picture.max() <= 1 for picture in shown.values())


def scene(seed, side=32):
    """Grey balls before a wall: the lighter, the nearer."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    depth = np.full((side, side), 1.0)
    for near in sorted(rng.uniform(0.2, 0.8, 3), reverse=True):
        middle = rng.uniform(4, side - 4, 2)
        depth[np.hypot(y - middle[0], x - middle[1]) < 7] = near
    light = np.repeat((1.1 - depth)[None], 3, 0) + rng.normal(0, 0.02, (3, side, side))
    return torch.from_numpy(2 * light.clip(0, 1) - 1).float(), torch.from_numpy(2 * depth[None] - 1).float()


def test_it_learns_the_depth_of_scenes():
    method = make_method(ngf=16).float()
    optimizer = torch.optim.Adam(method.parameters(), lr=5e-3)
    for step in range(60):
        pictures, depths = map(torch.stack, zip(*(scene((step, k)) for k in range(4)), strict=True))
        total, _ = loss_of(method, {"A": pictures, "B": depths})
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    errors = np.array([errors_of(method.eval(), *scene(10**6 + number)) for number in range(8)])
    learned, even = errors.mean(0)
    assert learned < 0.5 * even


@torch.no_grad()
def errors_of(method, picture, depth):
    """si-RMSE of what the method makes of a picture, and of the same depth everywhere."""
    truth = depth_of(depth)[0].numpy()
    found = depth_of(method.translate(picture[None]))[0, 0].numpy()
    return depth_errors(found, truth).full, depth_errors(np.ones_like(truth), truth).full


@pytest.mark.parametrize(("flags", "said"), [
    ({"range_B": "1,500"}, "--range_B 1,500: 0 stands for a depth that is not known; give 0,HIGH"),
    ({"lambda_scale": 0, "lambda_gradient": 0}, "--lambda_scale and --lambda_gradient are both 0"),
    ({"normG": "batch"}, "--normG batch has no effect, since the hourglass has its own"),
    ({"ndf": 8}, "--ndf 8 has no effect, since depth is learned without a discriminator"),
    ({"netG": "resnet_9blocks"}, "--netG resnet_9blocks does not suit --model depth: choose from hourglass"),
])  # fmt: skip
def test_what_does_not_suit_it_is_refused(flags, said):
    with pytest.raises(InputError, match=f"^{said}"):
        make_method(**flags)


def test_a_depth_in_colour_is_refused():
    settings = resolve({"model": "depth", "ngf": 8})
    with pytest.raises(InputError, match="not with --output_nc 3; save the pictures of domain B in grey"):
        Depth(settings.method, settings.networks, 3, 3)
