"""Colorization as a method: losses from their parts, what each flag does, who learns from what, and that it learns."""

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab
from torch import Tensor, nn

from translate.errors import InputError
from translate.flags import build
from translate.losses.adversarial import GAN_MODES
from translate.methods.base import Method
from translate.methods.colorization import Colorization, ColorizationOptions, ColorizationTestOptions
from translate.networks.colorizer import paint
from translate.networks.gamut import annealed_mean, class_weights, gamut_bins, soft_encode
from translate.options import NetworkOptions

NETWORKS = {"netG": "colorizer_small", "ngf": 2, "normG": "batch", "init_type": "kaiming"}
DISCRIMINATOR = {"netD": "pixel", "ndf": 2}


def make_method(fresh: bool = False, channels: tuple[int, int] = (3, 3), **flags: Any) -> Colorization:
    """A tiny one in float64; unless it is to be fresh, its heads are no longer zero."""
    networks = NetworkOptions(
        **NETWORKS | DISCRIMINATOR | {k: flags.pop(k) for k in list(flags) if k in vars(NetworkOptions())}
    )
    torch.manual_seed(0)
    method = Colorization(ColorizationOptions(**flags), networks, *channels).double().train()
    if not fresh:
        for head in method.networks["G"].heads():
            nn.init.normal_(head.weight, std=0.3)
    return method


def make_pictures(count: int = 2, height: int = 16, width: int = 24, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((count, 3, height, width))) * 2 - 1


def as_bytes(images: Tensor) -> list[Tensor]:
    return [((image + 1) * 127.5).round().to(torch.uint8) for image in images]


def total_losses(method: Colorization, images: Tensor) -> dict[str, float]:
    state = method({"A": images})
    return {player: method.losses(player, state)[0].item() for player in method.players}


def measured(method: Colorization, images: Tensor) -> Colorization:
    if method.measures:
        method.use_measured(method.measure(as_bytes(images)))
    return method


OTHER_VALUES: dict[str, tuple[Any, dict[str, Any]]] = {
    "lambda_classes": (0.5, {}),
    "lambda_L2": (0.5, {}),
    "lambda_GAN": (1.0, {}),
    "gan_mode": ("hinge", {"lambda_GAN": 1.0}),
    "rebalance": (False, {}),
    "prior_mix": (0.9, {}),
    "soft_k": (10, {}),
    "soft_sigma": (9.0, {}),
    "annealed_T": (0.9, {"lambda_GAN": 1.0}),
}


@pytest.mark.parametrize("option", sorted(OTHER_VALUES))
def test_every_option_of_training_changes_a_loss(option):
    value, others = OTHER_VALUES[option]
    images = make_pictures()
    before, after = (
        total_losses(measured(make_method(**flags), images), images) for flags in (others, {**others, option: value})
    )
    assert before != after
    assert any(before[player] != pytest.approx(after[player], rel=1e-6) for player in before)


def test_every_option_has_such_a_test_or_is_of_the_result():
    assert {field.name for field in fields(ColorizationOptions)} == {*OTHER_VALUES, "predict_px"}


@pytest.mark.parametrize(("option", "value"), [("annealed_T", 1.0), ("predict_px", 16)])
def test_options_of_the_result_change_it(option, value):
    """These can be told at the test, too."""
    images = make_pictures(1, 32, 40)
    assert option in {field.name for field in fields(ColorizationTestOptions)}
    before, after = (make_method(**flags).eval().translate(images) for flags in ({}, {option: value}))
    assert (before - after).abs().max() > 1e-3


def test_at_the_start_all_bins_are_alike_and_all_is_grey():
    images = make_pictures()
    method = make_method(fresh=True)
    state = method({"A": images})
    _, named = method.losses("G", state)
    assert named["classes"].item() == pytest.approx(math.log(313), rel=1e-9)
    assert named["L2"].item() == pytest.approx((state.ab / 10).square().mean().item(), rel=1e-9)
    assert state.prediction.ab.abs().max() == 0
    gradient = torch.autograd.grad(named["classes"], method.networks["G"].heads()[0].weight)[0]
    assert gradient.abs().max() > 0


def test_the_losses_are_put_together_from_their_parts():
    images = make_pictures()
    method = measured(make_method(lambda_classes=0.7, lambda_L2=3.0, soft_k=10, soft_sigma=4.0), images)
    state = method({"A": images})
    total, named = method.losses("G", state)
    logits, ab = state.prediction
    truth = state.ab.permute(0, 2, 3, 1).reshape(-1, 2).numpy()
    bins, weights = gamut_bins().numpy(), method.class_weights.numpy()
    scores = logits.detach().permute(0, 2, 3, 1).reshape(-1, 313).numpy()
    expected = []
    for colour, row in zip(truth, scores, strict=True):
        squares = ((bins - colour) ** 2).sum(1)
        nearest = np.argsort(squares)[:10]
        code = np.exp(-squares[nearest] / 32)
        surprise = np.log(np.exp(row).sum()) - row[nearest]
        expected.append(weights[nearest[0]] * (code / code.sum() * surprise).sum())
    assert named["classes"].item() == pytest.approx(0.7 * np.mean(expected), rel=1e-5)  # bin centres are in float32
    distance = (ab.detach() / 10 - state.ab / 10).square().sum(1)
    assert named["L2"].item() == pytest.approx(3 * 0.5 * distance.mean().item(), rel=1e-9)
    assert total.item() == named["G"].item() == pytest.approx((named["classes"] + named["L2"]).item())


def test_the_targets_are_the_colours_nearest_to_the_middle_of_each_cell():
    images = make_pictures(1, 16, 16)
    state = make_method()({"A": images})
    lab = rgb2lab((images[0].permute(1, 2, 0).numpy() + 1) / 2)
    np.testing.assert_allclose(state.lightness[0, 0].numpy(), lab[..., 0], atol=1e-9)
    np.testing.assert_allclose(state.ab[0].permute(1, 2, 0).numpy(), lab[2::4, 2::4, 1:], atol=1e-9)


def test_sides_that_are_no_multiples_of_the_stride_are_refused():
    with pytest.raises(InputError, match="a picture of 17x24 does not suit"):
        make_method()({"A": make_pictures(1, 24, 17)})


def test_grey_pictures_are_left_out_of_the_losses():
    images = make_pictures(3)
    images[1] = images[1, :1]
    method = make_method(normG="none")
    _, named = method.losses("G", method({"A": images}))
    _, without = method.losses("G", method({"A": images[[0, 2]]}))
    for name in ("classes", "L2"):
        assert named[name].item() == pytest.approx(without[name].item(), rel=1e-9)
    total, _ = method.losses("G", method({"A": images[1:2]}))
    total.backward()
    assert total.item() == 0


def test_the_network_sees_nothing_but_the_lightness():
    images = make_pictures()
    method = make_method().eval()
    grey = method.trained_translator().views(images)["grey_A"]
    one, other = (method({"A": pictures}).prediction.logits for pictures in (images, grey))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-3)


def test_measuring_gives_weights_of_mean_one_over_the_pictures():
    images = make_pictures(4, 32, 32, seed=5)
    method = make_method(soft_k=10, prior_mix=0.3)
    histogram = method.measure(as_bytes(images))
    assert histogram.sum() == 4 * 32 * 32
    assert method.class_weights.unique().tolist() == [1]
    method.use_measured(histogram)
    exact = torch.stack([image.double() / 127.5 - 1 for image in as_bytes(images)])
    lab = rgb2lab(exact.permute(0, 2, 3, 1).numpy() / 2 + 0.5)
    indices, shares = soft_encode(torch.from_numpy(lab[..., 1:]).permute(0, 3, 1, 2), gamut_bins(), 10)
    prior = torch.zeros(313, dtype=torch.float64).index_add_(0, indices.flatten(), shares.flatten()) / (4 * 32 * 32)
    assert (prior * method.class_weights).sum().item() == pytest.approx(1, abs=0.02)
    torch.testing.assert_close(method.class_weights, class_weights(prior, 0.3), rtol=0.1, atol=0.02)


def test_measuring_leaves_grey_pictures_out_and_thins_large_ones():
    method = make_method()
    colour, other = as_bytes(make_pictures(2, 32, 40))
    grey = colour[:1].expand(3, -1, -1)
    assert torch.equal(method.measure(iter([grey, colour, grey[:1]])), method.measure([colour]))
    large = colour.repeat(1, 20, 20)
    assert method.measure([large]).sum() == 320 * 400
    summed = method.measure([colour]) + method.measure([other])
    assert torch.equal(method.measure([colour, other]), summed)
    assert summed.dtype == torch.float32
    with pytest.raises(InputError, match="none of the training pictures has colours"):
        method.measure([grey])


def test_the_weights_of_the_classes_survive_a_restart():
    images = make_pictures()
    method, resumed = measured(make_method(), images), make_method()
    resumed.load_state_dict(method.state_dict())
    assert total_losses(resumed, images) == total_losses(method, images)


@pytest.mark.parametrize(
    ("flags", "measures"), [({}, True), ({"rebalance": False}, False), ({"lambda_classes": 0.0}, False)]
)
def test_nothing_is_measured_that_nobody_uses(flags, measures):
    assert bool(make_method(**flags).measures) == measures


def test_players_and_their_networks():
    assert make_method().players == {"G": ("G",)}
    assert list(make_method().networks) == ["G"]
    assert list(make_method(lambda_GAN=1.0).players.items()) == [("D", ("D",)), ("G", ("G",))]


@pytest.mark.parametrize("flags", [{}, {"lambda_classes": 0.0}, {"lambda_L2": 0.0}])
@pytest.mark.parametrize("lambda_GAN", [0.0, 1.0])
def test_who_learns_from_what(flags, lambda_GAN):
    """A head that is switched off learns nothing, and neither player touches the other."""
    method = make_method(lambda_GAN=lambda_GAN, **flags)
    state = method({"A": make_pictures()})
    owned = {player: list(method.networks[player].parameters()) for player in method.players}
    if lambda_GAN:
        method.losses("D", state)[0].backward(inputs=owned["D"])
        assert all(weight.grad is not None for weight in owned["D"])
        assert all(weight.grad is None for weight in owned["G"])
        method.zero_grad()
    method.losses("G", state)[0].backward(inputs=owned["G"])
    assert all(weight.grad is None for weight in owned.get("D", []))
    logits_head, ab_head = method.networks["G"].heads()
    assert (logits_head.weight.grad is None) == ("lambda_classes" in flags)
    assert (ab_head.weight.grad is None) == ("lambda_L2" in flags)
    assert method.networks["G"].model1[0].weight.grad.abs().max() > 0


@pytest.mark.parametrize("mode", [mode for mode in GAN_MODES if mode != "wgangp"])
def test_the_adversarial_term_reaches_the_trunk_through_the_result(mode):
    method = make_method(lambda_GAN=0.5, gan_mode=mode)
    state = method({"A": make_pictures()})
    _, named = method.losses("G", state)
    weights = [method.networks["G"].model1[0].weight, *(head.weight for head in method.networks["G"].heads())]
    trunk, logits_head, ab_head = torch.autograd.grad(named["G_GAN"], weights, allow_unused=True)
    assert trunk.abs().max() > 0
    assert logits_head.abs().max() > 0
    assert ab_head is None, "the result is that of the classes"


def test_a_regression_alone_can_play_too():
    method = make_method(lambda_GAN=0.5, lambda_classes=0.0)
    state = method({"A": make_pictures()})
    _, named = method.losses("G", state)
    assert list(named) == ["G", "L2", "G_GAN"]
    gradient = torch.autograd.grad(named["G_GAN"], method.networks["G"].heads()[1].weight)[0]
    assert gradient.abs().max() > 0


def test_the_discriminator_sees_pictures_of_one_lightness_and_coarseness():
    method, seen = make_method(lambda_GAN=1.0), []
    method.networks["D"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    state = method({"A": make_pictures()})
    method.losses("D", state)
    decoded = annealed_mean(state.prediction.logits, method.networks["G"].model_out.centres())
    fake, real = seen
    torch.testing.assert_close(fake, paint(state.lightness, decoded))
    torch.testing.assert_close(real, paint(state.lightness, state.ab))
    assert not fake.requires_grad


@pytest.mark.parametrize(
    ("flags", "labels"),
    [
        ({}, ["grey_A", "l2_B", "fake_B", "real_A"]),
        ({"lambda_L2": 0.0}, ["grey_A", "fake_B", "real_A"]),
        ({"lambda_classes": 0.0}, ["grey_A", "fake_B", "real_A"]),
    ],
)
def test_pictures(flags, labels):
    images = make_pictures(2, 16, 24)
    method = make_method(**flags)
    shown = method.pictures(method({"A": images}))
    assert list(shown) == labels
    assert all(picture.shape == (3, 16, 24) and not picture.requires_grad for picture in shown.values())
    torch.testing.assert_close(shown["real_A"], images[0], rtol=0, atol=0)
    grey = rgb2lab((shown["grey_A"].permute(1, 2, 0).numpy() + 1) / 2)
    np.testing.assert_allclose(grey[..., 1:], 0, atol=0.02)


def test_translation_is_that_of_the_translator():
    images, method = make_pictures(), make_method().eval()
    views = method.trained_translator().views(images)
    assert list(views) == ["grey_A", "l2_B", "fake_B"]
    torch.testing.assert_close(method.translate(images), views["fake_B"], rtol=0, atol=0)
    assert method.trained_translator().stride == method.networks["G"].stride == 8


def test_published_settings():
    defaults = Colorization.defaults({})
    assert (defaults["lr"], defaults["beta1"], defaults["beta2"], defaults["weight_decay"]) == (3e-5, 0.9, 0.99, 1e-3)
    assert defaults["preprocess"] == "scale_aspect_and_crop"
    assert (defaults["batch_size"], defaults["load_size"], defaults["crop_size"]) == (40, 256, 176)
    assert defaults["netG"] == "eccv16"
    options = build(ColorizationOptions, defaults)
    assert (options.soft_k, options.soft_sigma, options.prior_mix, options.annealed_T) == (5, 5.0, 0.5, 0.38)
    assert options.predict_px == 256
    assert build(ColorizationOptions, Colorization.defaults({"load_size": "72"})).predict_px == 72
    assert Colorization.defaults({"netG": "eccv16_classes"})["lambda_L2"] == 0
    assert issubclass(Colorization, Method)
    assert Colorization.needs == "single"


def test_titles():
    assert make_method().title == "colorization (L2 + classes)"
    assert make_method(lambda_L2=0.0, lambda_GAN=1.0).title == "colorization (classes + GAN)"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"channels": (1, 3)}, "learns from pictures in colour"),
        ({"channels": (1, 1)}, "--input_nc 1"),
        ({"normG": "instance"}, "--normG instance does not suit"),
        ({"lambda_classes": 0.0, "lambda_L2": 0.0}, "both 0"),
        ({"netG": "eccv16_classes"}, "no regression head: use --lambda_L2 0"),
        ({"lambda_GAN": 1.0, "annealed_T": 0.0}, "--annealed_T 0 takes the likeliest"),
    ],
)
def test_what_cannot_be_is_refused(flags, said):
    with pytest.raises(InputError, match=said):
        make_method(**flags)


def test_small_crops_are_refused():
    make_method().check_size(16)
    with pytest.raises(InputError, match=r"--crop_size 20 .*multiple of 8: use --crop_size 24"):
        make_method().check_size(20)
    with pytest.raises(InputError, match=r"--crop_size 8 is too small.*use 16"):
        make_method().check_size(8)
    judged = make_method(lambda_GAN=1.0, netD="basic")
    judged.check_size(64)
    with pytest.raises(InputError, match=r"--crop_size 16 leaves the discriminator nothing"):
        judged.check_size(16)
    assert judged.networks["D"].training


def test_nothing_is_drawn():
    assert make_method().draw(np.random.default_rng(0), {"A": (16, 16)}) == {}
    method = make_method(lambda_GAN=1.0)
    before = torch.get_rng_state()
    state = method({"A": make_pictures()})
    for player in method.players:
        method.losses(player, state)
    assert torch.equal(torch.get_rng_state(), before)


def train(method: Colorization, batches: Callable[[int], Tensor], steps: int) -> None:
    optimizer = torch.optim.Adam(method.networks["G"].parameters(), lr=3e-3, betas=(0.9, 0.99))
    for step in range(steps):
        total, _ = method.losses("G", method({"A": batches(step)}))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()


def halves(seed: int) -> Tensor:
    """Pictures with a light and a dark half: what is light is orange, what is dark blue."""
    rng = np.random.default_rng(seed)
    light_first = rng.random((4, 1, 1, 1)) < 0.5
    is_light = (np.arange(32) < 16) == light_first  # (4, 1, 1, 32)
    orange, blue = (np.array(colour).reshape(1, 3, 1, 1) for colour in ((0.9, 0.4, -0.4), (-0.8, -0.6, 0.0)))
    clean = np.where(is_light, orange, blue) + np.zeros((1, 1, 32, 1))
    return torch.from_numpy(clean + rng.normal(0, 0.02, clean.shape)).clamp(-1, 1).float()


def test_both_heads_learn_colours_that_follow_from_the_lightness():
    method = make_method(fresh=True, ngf=4).float()
    method.use_measured(method.measure(as_bytes(halves(100))))
    train(method, halves, 40)
    truth = halves(999)
    views = method.eval().trained_translator().views(truth)
    errors = {label: (view - truth).abs().mean().item() for label, view in views.items()}
    assert errors["l2_B"] < errors["grey_A"] / 2
    assert errors["fake_B"] < errors["grey_A"] / 2
