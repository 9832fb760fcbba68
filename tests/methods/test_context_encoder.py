"""The context encoder as a method: what its options, draws, players, losses and pictures are."""

import math
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from translate.errors import InputError
from translate.flags import build, convert
from translate.masks import MASKS, centre_mask
from translate.methods.context_encoder import ContextEncoder, ContextEncoderOptions, ContextEncoderTestOptions
from translate.options import NetworkOptions
from translate.settings import resolve

SIDE = 64
SIZES = {"A": (SIDE, SIDE)}
TINY = {"netG": "context_encoder_64", "ngf": 2, "ndf": 2, "bottleneck": 4, "init_gain": 0.3}


def make_method(input_nc: int = 3, **flags: Any) -> ContextEncoder:
    values = {**TINY, **flags}
    if values["netG"] == "context_alexnet":
        values = {name: value for name, value in values.items() if name != "bottleneck" or name in flags}
    values = {**ContextEncoder.defaults(values), **values}
    networks = NetworkOptions(**{f.name: values[f.name] for f in fields(NetworkOptions) if f.name in values})
    torch.manual_seed(0)
    return ContextEncoder(build(ContextEncoderOptions, values), networks, input_nc, input_nc).double().train()


def make_batch(method: ContextEncoder, count: int = 2, channels: int = 3) -> dict[str, Any]:
    torch.manual_seed(1)
    draws = [method.draw(np.random.default_rng(seed), SIZES) for seed in range(count)]
    return {
        "A": torch.rand(count, channels, SIDE, SIDE, dtype=torch.float64) * 2 - 1,
        "hole": torch.from_numpy(np.stack([draw["hole"] for draw in draws])),
        "A_paths": [f"{index}.png" for index in range(count)],
    }


OTHER_VALUES: dict[str, tuple[Any, dict[str, Any]]] = {
    "mask": ("blocks", {"overlap_px": 0}),
    "overlap_px": (2, {}),
    "overlap_weight": (5.0, {}),
    "lambda_rec": (0.5, {}),
    "lambda_adv": (0.01, {}),
    "gan_mode": ("lsgan", {}),
    "bottleneck": (3, {}),
}


@pytest.mark.parametrize("option", [f.name for f in fields(ContextEncoderOptions) if f.name != "lr_factor_G"])
def test_every_option_changes_a_loss(option):
    def total_losses(**flags: Any) -> dict[str, float]:
        method = make_method(**flags)
        state = method(make_batch(method))
        return {player: method.losses(player, state)[0].item() for player in method.players}

    value, others = OTHER_VALUES[option]
    before, after = total_losses(**others), total_losses(**others, **{option: value})
    assert any(before[player] != pytest.approx(after[player], rel=1e-6) for player in before)


def test_the_generators_learning_rate_is_the_published_one_or_the_one_asked_for():
    """Tenfold where 0 < weight of L2 < 1. The adversary does not matter, so both can be compared at the same rate."""
    for flags, factor in (
        ({}, 10),
        ({"lambda_adv": 0}, 10),
        ({"lambda_rec": 1}, 1),
        ({"lambda_rec": 0}, 1),
        ({"lambda_rec": 2}, 1),
        ({"lr_factor_G": 3}, 3),
        ({"lambda_rec": 1, "lr_factor_G": 0.5}, 0.5),
    ):
        assert make_method(**flags).lr_scales == {"G": factor}


def test_published_defaults():
    options = ContextEncoderOptions()
    assert (options.lambda_rec, options.lambda_adv, options.gan_mode) == (0.999, 0.001, "vanilla")
    assert (options.overlap_px, options.overlap_weight) == (4, 10)
    defaults = ContextEncoder.defaults({})
    expected = {"netG": "context_encoder", "netD": "context", "n_layers_D": 4, "normG": "batch", "normD": "batch"}
    expected |= {"lr": 2e-4, "beta1": 0.5, "batch_size": 64, "load_size": 350, "crop_size": 128, "mask": "centre"}
    expected |= {"init_type": "normal", "init_gain": 0.02, "dataset_mode": "single", "overlap_px": 4}
    expected |= {"preprocess": "scale_aspect_and_crop"}
    assert expected.items() <= defaults.items()
    assert "lambda_adv" not in defaults
    channels = [make_method(bottleneck=given).networks["G"].encoder[-3].out_channels for given in (None, 4000, 7)]
    assert (defaults["bottleneck"], channels) == (4000, [4000, 4000, 7])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"mask": "Region"}, {"overlap_px": 0, "n_layers_D": 5, "crop_size": 128}),
        ({"mask": "blocks", "netG": "context_encoder_64"}, {"overlap_px": 0, "n_layers_D": 4, "crop_size": 64}),
        ({"netG": "context_encoder_64"}, {"overlap_px": 4, "n_layers_D": 3, "crop_size": 64}),
        ({"netG": "Context_AlexNet"}, {"mask": "region", "overlap_px": 0, "lambda_adv": 0.0, "crop_size": 227}),
    ],
)
def test_defaults_follow_from_mask_and_network(given, expected):
    assert expected.items() <= ContextEncoder.defaults(given).items()


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("netG", ["context_encoder", "context_encoder_64"])
def test_the_default_discriminator_gives_one_logit(mask, netG):
    method = make_method(mask=mask, netG=netG)
    side = method.networks["G"].side
    judged = method.networks["G"].crop(torch.zeros(2, 3, side, side, dtype=torch.float64))
    assert method.networks["D"](judged).shape == (2, 1, 1, 1)


def test_l2_alone_has_no_discriminator():
    method = make_method()
    assert method.players == {"D": ("D",), "G": ("G",)}
    assert list(method.players) == ["D", "G"]
    assert method.title == "context encoder (L2 + adversarial)"
    alone = make_method(lambda_adv=0)
    assert alone.players == {"G": ("G",)}
    assert list(alone.networks) == ["G"]
    assert alone.title == "context encoder (L2)"
    assert make_method(lambda_rec=0).title == "context encoder (adversarial)"
    _, named = alone.losses("G", alone(make_batch(alone)))
    assert set(named) == {"G", "G_L2"}


def test_losses_at_zero_are_the_analytic_ones():
    """Where the networks' last layers are zero, so are prediction and logits."""
    method = make_method()
    with torch.no_grad():
        method.networks["G"].decoder[-2].weight.zero_()
        method.networks["D"].model[-1].weight.zero_()
    batch = make_batch(method)
    batch["A"].fill_(0.5)
    state = method(batch)
    total, named = method.losses("D", state)
    assert total.item() == pytest.approx(2 * math.log(2))
    assert named["D_real"].item() == named["D_fake"].item() == pytest.approx(math.log(2))
    total, named = method.losses("G", state)
    ring, inside = 32**2 - 24**2, 24**2
    assert named["G_L2"].item() == pytest.approx(0.999 * 0.25 * (10 * ring + inside) / 32**2)
    assert named["G_GAN"].item() == pytest.approx(0.001 * math.log(2))
    assert total.item() == pytest.approx(named["G_L2"].item() + named["G_GAN"].item())


def slow_losses(method: ContextEncoder, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """A step by the paper and its code: formulas as printed, the hole's place written out."""
    options, generator, discriminator = method.options, method.networks["G"], method.networks["D"]
    images = batch["A"]
    if options.mask == "centre":
        p = options.overlap_px
        punched = images.clone()
        punched[:, :, 16 + p : 48 - p, 16 + p : 48 - p] = generator.hole[None, :, None, None]
        fake, real = generator(punched), images[:, :, 16:48, 16:48]
        weight = torch.full_like(fake, options.overlap_weight)
        weight[:, :, p : 32 - p, p : 32 - p] = 1
        l2 = (weight * (fake - real) ** 2).mean()
    else:
        hole = batch["hole"].unsqueeze(1).double()
        punched = images * (1 - hole) + generator.hole[None, :, None, None] * hole
        output = generator(punched)
        l2 = (hole * (output - images) ** 2).sum() / (3 * hole.sum())
        fake, real = images * (1 - hole) + output * hole, images
    logits_real, logits_fake = discriminator(real), discriminator(fake.detach())
    d = -torch.log(torch.sigmoid(logits_real)).mean() - torch.log(1 - torch.sigmoid(logits_fake)).mean()
    g = -torch.log(torch.sigmoid(discriminator(fake))).mean()
    return d, options.lambda_rec * l2 + options.lambda_adv * g


@pytest.mark.parametrize("mask", MASKS)
def test_losses_and_gradients_are_those_of_the_formulas(mask):
    method = make_method(mask=mask, lambda_adv=0.3)
    method.use_measured(torch.tensor([0.1, -0.2, 0.3]))
    batch = make_batch(method)
    state = method(batch)
    for player, expected in zip("DG", slow_losses(method, batch), strict=True):
        total, _ = method.losses(player, state)
        assert total.item() == pytest.approx(expected.item(), rel=1e-9)
        owned = list(method.networks[player].parameters())
        found = torch.autograd.grad(total, owned, retain_graph=True)
        for first, second in zip(found, torch.autograd.grad(expected, owned, retain_graph=True), strict=True):
            torch.testing.assert_close(first, second, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("mask", MASKS)
def test_no_gradient_outside_the_hole_without_overlap(mask):
    method = make_method(mask=mask, overlap_px=0, lambda_adv=0.5)
    state = method(make_batch(method))
    for name in ("G_L2", "G_GAN"):
        _, named = method.losses("G", state)
        (gradient,) = torch.autograd.grad(named[name], state.prediction, retain_graph=True)
        inside = state.holes.expand_as(gradient)
        assert gradient[inside].abs().min() > 0
        assert gradient[~inside].abs().max() == 0


@pytest.mark.parametrize(("mask", "overlap_px"), [("centre", 4), ("region", 3)])
def test_the_overlap_counts_tenfold(mask, overlap_px):
    method = make_method(mask=mask, overlap_px=overlap_px)
    state = method(make_batch(method))
    assert sorted(state.weights.unique().tolist()) == [0, 1, 10]
    assert torch.equal(state.weights == 1, state.holes)
    _, named = method.losses("G", state)
    (gradient,) = torch.autograd.grad(named["G_L2"], state.prediction)
    difference = 2 * 0.999 * (state.prediction - state.real) / (3 * (state.weights > 0).sum())
    torch.testing.assert_close(gradient, state.weights * difference)


@pytest.mark.parametrize("mask", MASKS)
def test_the_generator_does_not_see_what_it_predicts(mask):
    method = make_method(mask=mask).eval()
    batch = make_batch(method)
    holes = batch["hole"].unsqueeze(1)
    other = {**batch, "A": torch.where(holes, torch.rand_like(batch["A"]), batch["A"])}
    assert torch.equal(method(batch).prediction, method(other).prediction)
    seen = {**batch, "A": torch.where(holes, batch["A"], 0.0)}
    assert not torch.equal(method(batch).prediction, method(seen).prediction)


@pytest.mark.parametrize("mask", MASKS)
def test_known_pixels_pass_unchanged(mask):
    method = make_method(mask=mask)
    batch = make_batch(method)
    state = method(batch)
    known = ~state.holes.expand_as(state.real)
    assert torch.equal(state.filled[known], batch["A"][known])
    pictures = method.pictures(state)
    assert list(pictures) == ["real_A", "hole_A", "fake_B"]
    assert all(image.shape == (3, SIDE, SIDE) and not image.requires_grad for image in pictures.values())
    hole = batch["hole"][0].expand(3, -1, -1)
    assert torch.equal(pictures["real_A"], batch["A"][0])
    for label in ("hole_A", "fake_B"):
        assert torch.equal(pictures[label][~hole], batch["A"][0][~hole])
    assert (pictures["hole_A"][hole] == 0).all()
    assert torch.equal(pictures["fake_B"][hole], state.prediction[0][hole])


def test_the_discriminator_judges_the_middle_alone_or_the_filled_picture():
    judged: list[Tensor] = []
    for mask in ("centre", "region"):
        method = make_method(mask=mask)
        method.networks["D"].register_forward_pre_hook(lambda _module, inputs: judged.append(inputs[0]))
        state = method(make_batch(method))
        method.losses("D", state)
        real, fake = judged[-2:]
        if mask == "centre":
            assert torch.equal(real, state.real[..., 16:48, 16:48])
            assert torch.equal(fake, state.prediction[..., 16:48, 16:48])
        else:
            assert torch.equal(real, state.real)
            assert torch.equal(fake, state.filled)


def test_the_players_do_not_touch_each_other():
    method = make_method()
    state = method(make_batch(method))
    method.losses("D", state)[0].backward()
    assert all(p.grad is None for p in method.networks["G"].parameters())
    method.zero_grad()
    owned = list(method.networks["G"].parameters())
    method.losses("G", state)[0].backward(inputs=owned)
    assert all(p.grad is None for p in method.networks["D"].parameters())
    assert all(p.grad is not None for p in owned)


def test_the_generator_meets_the_discriminator_as_updated():
    method = make_method()
    state = method(make_batch(method))
    before = method.losses("G", state)[1]["G_GAN"].item()
    with torch.no_grad():
        method.networks["D"].model[-1].weight.mul_(2)
    assert method.losses("G", state)[1]["G_GAN"].item() != pytest.approx(before)


def test_draws():
    central = make_method().draw(np.random.default_rng(0), SIZES)
    assert np.array_equal(central["hole"], centre_mask(SIDE, SIDE, 24))
    for mask in ("blocks", "region"):
        method = make_method(mask=mask)
        first, again, other = (method.draw(np.random.default_rng(seed), SIZES)["hole"] for seed in (3, 3, 4))
        assert first.dtype == bool
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)


def test_the_mean_colour_is_that_of_all_pixels():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (3, *size), dtype=np.uint8) for size in ((4, 5), (30, 20), (7, 1))]
    pixels = np.concatenate([picture.reshape(3, -1) for picture in pictures], axis=1)
    method = make_method()
    value = method.measure(torch.from_numpy(picture) for picture in pictures)
    np.testing.assert_allclose(value, pixels.mean(1) / 255 * 2 - 1, rtol=0, atol=1e-6)
    assert value.dtype == torch.float32


def test_the_measured_colour_fills_the_hole_and_is_saved():
    method, colour = make_method(), torch.tensor([0.5, -0.25, 0.75])
    method.use_measured(colour)
    assert method.pictures(method(make_batch(method)))["hole_A"][:, 32, 32].tolist() == colour.tolist()
    other = make_method()
    other.load_state_dict(method.state_dict())
    assert other.networks["G"].hole.tolist() == colour.tolist()
    assert method.networks["G"].state_dict()["hole"].tolist() == colour.tolist()


@pytest.mark.parametrize("mask", MASKS)
def test_the_translator_fills_holes_as_in_training(mask):
    method = make_method(mask=mask).eval()
    batch = make_batch(method)
    translator = ContextEncoder.translator(method.networks["G"], method.options)
    filled = translator(batch["A"], batch["hole"])
    torch.testing.assert_close(filled, method(batch).filled, rtol=0, atol=1e-9)
    assert translator.stride == 1
    if mask == "centre":
        assert torch.equal(translator(batch["A"]), filled)
        assert translator(torch.zeros(1, 3, 33, 51, dtype=torch.float64)).shape == (1, 3, 33, 51)


def test_grey_pictures():
    method = make_method(input_nc=1)
    state = method(make_batch(method, channels=1))
    assert state.filled.shape == (2, 1, SIDE, SIDE)
    assert method.losses("G", state)[0].isfinite()


@pytest.mark.parametrize("norm", ["instance", "none"])
def test_other_norms_learn_from_a_single_picture(norm):
    method = make_method(normG=norm, normD=norm)
    assert method.losses("G", method(make_batch(method, 1)))[0].isfinite()


@pytest.mark.parametrize("netG", ["context_encoder", "context_alexnet"])
def test_recorded_flags_are_those_of_the_run_again(netG):
    settings = resolve({"model": "context_encoder", "netG": netG})
    assert settings.method.bottleneck == (None if netG == "context_alexnet" else 4000)
    assert resolve(settings.flat()) == settings


def test_other_generators_are_refused():
    with pytest.raises(InputError, match="--netG resnet_9blocks is not a context encoder"):
        make_method(netG="resnet_9blocks")


def test_batch_norm_fills_a_picture_alone():
    method = make_method().eval()
    assert method(make_batch(method, 1)).filled.shape == (1, 3, SIDE, SIDE)


def test_flags_of_the_test():
    assert ContextEncoder.TestOptions is ContextEncoderTestOptions
    options = build(ContextEncoderTestOptions, {"mask": "masks/cat.png", "mask_seed": "7"})
    assert (options.mask, options.mask_seed) == ("masks/cat.png", 7)
    assert ContextEncoderTestOptions().mask is None
    with pytest.raises(InputError, match="--mask_seed -1"):
        convert(ContextEncoderTestOptions, "mask_seed", -1)
