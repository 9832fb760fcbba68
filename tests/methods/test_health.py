"""What methods say of the health of their trainings."""

import math

import pytest
import torch

from translate.losses.adversarial import GAN_MODES
from translate.methods import METHODS
from translate.methods.health import (
    BLIND,
    COLLAPSE,
    INVERSION,
    UNCHANGED,
    WON,
    Game,
    Level,
    draw_levels,
)
from translate.settings import resolve
from translate.training.job import build_method

TINY = {
    "cut": {"netG": "resnet_4blocks", "num_patches": 7, "netF_nc": 8, "crop_size": 32},
    "cycle_gan": {"netG": "resnet_4blocks", "crop_size": 32},
    "context_encoder": {"netG": "context_encoder_64", "bottleneck": 8, "crop_size": 64},
    "colorization": {"netG": "colorizer_small", "crop_size": 64},
    "depth": {"ngf": 4, "crop_size": 32, "output_nc": 1},
    "pix2pix": {"netG": "resnet_4blocks", "normG": "instance", "crop_size": 32},
    "sincut": {"netG": "smallstylegan2", "ngf": 1, "ndf": 1, "crop_size": 32, "batch_size": 4},
}
GAMES = (Game(("D_fake", "D_real"), "G_GAN"),)


def make(model, **flags):
    sizes = {"ngf": 2, "ndf": 2} if model != "depth" else {}  # which has no discriminator
    settings = resolve({"model": model, **sizes, "input_nc": 3, "output_nc": 3, **TINY[model], **flags})
    method = build_method(settings)
    return method, method.levels(settings.data.crop_size, settings.data.batch_size)


@pytest.mark.parametrize("mode", GAN_MODES)
def test_a_draw_has_the_weight_of_the_generator_s_loss(mode):
    levels = draw_levels(mode, GAMES, weight=3.0)
    assert levels["D_fake"] == levels["D_real"]
    assert levels["G_GAN"].value == pytest.approx(3 * draw_levels(mode, GAMES)["G_GAN"].value)


def test_cut_guesses_at_the_logarithm_of_its_patches():
    _, levels = make("cut", lambda_NCE=2.0, lambda_GAN=4.0)
    assert levels["NCE"] == levels["NCE_Y"] == Level("guessing", pytest.approx(2 * math.log(7)))
    assert levels["G_GAN"] == Level("draw", 1.0)
    assert levels["D_real"] == Level("draw", 0.25)
    assert make("cut", CUT_mode="FastCUT")[1].keys() == {"D_fake", "D_real", "G_GAN", "NCE"}
    assert make("cut", num_patches=256, crop_size=256)[1]["NCE"].value == pytest.approx(5.5452, abs=1e-4)


def test_a_small_map_has_fewer_patches_and_a_batch_more_negatives():
    _, levels = make("cut", num_patches=100, nce_layers="pixels,res1,res3")  # a block's maps of 8x8 have 64 places
    assert levels["NCE"].value == pytest.approx((math.log(100) + 2 * math.log(64)) / 3)
    _, levels = make("cut", batch_size=3, nce_includes_all_negatives_from_minibatch=True)
    assert levels["NCE"].value == pytest.approx(math.log(3 * 7))
    _, levels = make("sincut")
    assert levels["NCE"].value == pytest.approx(4 * math.log(4))


def test_a_generator_whose_patches_are_all_alike_stands_at_guessing(make_method, make_batch):
    """The projection sees nothing of a patch any more: each is as likely as any other."""
    method = make_method(lambda_NCE=3.0)
    for name, parameter in method.networks["F"].named_parameters():
        (torch.nn.init.zeros_ if "weight" in name else torch.nn.init.ones_)(parameter)
    _, named = method.losses("G", method(make_batch(method)))
    levels = method.levels(16, 1)
    assert named["NCE"].item() == pytest.approx(levels["NCE"].value)
    assert named["NCE_Y"].item() == pytest.approx(levels["NCE_Y"].value)


def test_colorization_guesses_at_the_logarithm_of_its_colours():
    method, levels = make("colorization", lambda_classes=2.0)
    assert levels == {"classes": Level("guessing", pytest.approx(2 * math.log(313)))}
    assert (method.games, method.falling) == ((), ("classes", "L2"))
    assert make("colorization", lambda_GAN=1.0, lambda_classes=0.0)[1].keys() == {"D_fake", "D_real", "G_GAN"}


def test_the_adversarial_weight_of_a_context_encoder_is_in_its_level():
    _, levels = make("context_encoder", lambda_adv=0.01)
    assert levels["G_GAN"].value == pytest.approx(0.01 * math.log(2))
    assert levels["D_fake"].value == pytest.approx(math.log(2))
    assert make("context_encoder", lambda_adv=0.0)[1] == {}


def test_cyclegan_plays_two_games_the_first_about_domain_b():
    method, levels = make("cycle_gan")
    assert method.games == (Game(("D_A",), "G_A"), Game(("D_B",), "G_B"))
    assert levels == dict.fromkeys(("D_A", "D_B", "G_A", "G_B"), Level("draw", 0.25))
    assert make("cycle_gan", lambda_identity=0.0)[0].falling == ("cycle_A", "cycle_B")


@pytest.mark.parametrize(
    ("model", "flags", "kinds"),
    [
        ("cut", {}, {COLLAPSE, UNCHANGED, INVERSION, WON, BLIND}),
        ("cut", {"lambda_GAN": 0.0}, {COLLAPSE, UNCHANGED, INVERSION}),
        ("cut", {"lambda_NCE": 0.0}, {COLLAPSE, INVERSION, WON, BLIND}),
        ("sincut", {}, {COLLAPSE, UNCHANGED, INVERSION, WON, BLIND}),
        ("cycle_gan", {}, {COLLAPSE, UNCHANGED, INVERSION, WON, BLIND}),
        # Pairs know how like its input a translation should be.
        ("pix2pix", {}, {WON, BLIND}),
        # And here it is meant to be nearly all of its input.
        ("context_encoder", {}, {WON, BLIND}),
        ("context_encoder", {"lambda_adv": 0.0}, set()),
        ("colorization", {}, set()),
        ("depth", {}, set()),
        ("colorization", {"lambda_GAN": 1.0}, {WON, BLIND}),
    ],
)
def test_what_is_looked_for_follows_from_what_is_translated(model, flags, kinds):
    assert make(model, **flags)[0].remedies().keys() == kinds


def test_remedies_name_the_flags_as_they_are():
    fast = make("cut", CUT_mode="FastCUT")[0].remedies()
    assert "a lower --lambda_NCE (it is 10; try 1, or half of it), or --CUT_mode CUT" in fast[UNCHANGED]
    assert "--nce_idt true" in fast[INVERSION]
    assert "--nce_idt" not in make("cut")[0].remedies()[INVERSION]
    assert fast[WON].startswith(
        "a lower --lambda_NCE (it is 10), which leaves the generator free to answer, or --lambda_R1 0.02"
    )
    assert make("cut")[0].remedies()[WON] == "--lambda_R1 0.02 or a smaller --ndf, which hold the discriminator back"
    assert "a higher --lambda_R1 (it is 0.5)" in make("cut", lambda_R1=0.5)[0].remedies()[WON]
    assert "a lower --lambda_R1 (it is 0.5)" in make("cut", lambda_R1=0.5)[0].remedies()[BLIND]
    assert make("cut", lambda_NCE=0.0)[0].remedies()[COLLAPSE].startswith("give --lambda_NCE 1")
    assert make("cut", lambda_GAN=0.0)[0].remedies()[UNCHANGED].startswith("give --lambda_GAN 1")
    assert "--lambda_identity (it is 1)" in make("sincut")[0].remedies()[UNCHANGED]
    assert "--lambda_identity 1, " in make("sincut", lambda_identity=0.0)[0].remedies()[INVERSION]
    assert "--lambda_identity (it is 0.5)" in make("cycle_gan")[0].remedies()[UNCHANGED]


def test_every_method_that_translates_is_here():
    assert TINY.keys() == {name for name in METHODS.names() if METHODS[name].generators}
