"""Networks from flags, and the sizes that suit them."""

import pytest
import torch

from translate.errors import InputError
from translate.losses.adversarial import GAN_MODES
from translate.methods.building import (
    PLAIN_GAN_MODES,
    check_crop,
    check_judged,
    check_sides,
    make_discriminator,
    make_generator,
)
from translate.networks import build_discriminator, build_generator
from translate.options import NetworkOptions

STRIDED = {"no_antialias": True, "no_antialias_up": True}


def test_the_flags_reach_the_networks():
    flags = NetworkOptions(
        netG="resnet_4blocks", ngf=3, normG="batch", no_dropout=False, ndf=5, normD="none", **STRIDED
    )
    expected = build_generator("resnet_4blocks", 1, 3, 3, "batch", False, True, True)
    assert str(make_generator(flags, 1, 3)) == str(expected)
    assert str(make_discriminator(flags, 6)) == str(build_discriminator("basic", 6, 5, 3, "none", True))


def test_a_flag_without_effect_is_refused():
    with pytest.raises(InputError, match="--no_antialias_up false: unet_128 has no blur filters"):
        make_generator(NetworkOptions(netG="unet_128", ngf=1, no_antialias=True), 3, 3)
    assert make_generator(NetworkOptions(netG="unet_128", ngf=1, no_antialias_up=True), 3, 3).stride == 128


@pytest.mark.parametrize(("side_px", "larger_px"), [(127, 128), (200, 256)])
def test_crops_that_the_generator_cannot_halve_are_refused(side_px, larger_px):
    generator = make_generator(NetworkOptions(netG="unet_128", ngf=1, **STRIDED), 3, 3)
    with pytest.raises(InputError, match=f"--crop_size {side_px} .* multiple of 128: use --crop_size {larger_px}$"):
        check_crop(generator, [], side_px)
    check_crop(generator, [], larger_px)


def test_crops_that_leave_a_resnet_a_single_pixel_inside_are_refused_with_one_that_is_enough():
    generator = build_generator("resnet_4blocks", ngf=1)
    with pytest.raises(InputError, match=r"--crop_size 4 leaves the generator a single pixel .* use --crop_size 8$"):
        check_crop(generator, [], 4)
    check_crop(generator, [], 8)
    assert generator(torch.zeros(1, 3, 8, 8)).shape == (1, 3, 8, 8)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_crops_that_leave_nothing_to_judge_are_refused_with_one_that_is_enough(norm):
    generator = build_generator("resnet_4blocks", ngf=1)
    easy = build_discriminator("pixel", ndf=1)
    hard = build_discriminator("basic", ndf=1, normD=norm, no_antialias=True).train()
    kept = {key: value.clone() for key, value in hard.state_dict().items()}
    check_crop(generator, [easy], 8)
    with pytest.raises(InputError, match=r"--crop_size 8 leaves the discriminator nothing to judge: use --crop_size"):
        check_crop(generator, [easy, hard], 8)
    with pytest.raises(InputError) as refusal:
        check_crop(generator, [hard], 8)
    enough_px = int(str(refusal.value).split("use --crop_size ")[1].split(" ")[0])
    check_crop(generator, [hard], enough_px)
    with pytest.raises(InputError):
        check_crop(generator, [hard], enough_px - 4)
    assert hard.training
    assert all(torch.equal(value, kept[key]) for key, value in hard.state_dict().items())


@pytest.mark.parametrize(("step_px", "enough_px"), [(1, 9), (6, 14)])
def test_a_size_that_is_enough_is_looked_for_in_steps(step_px, enough_px):
    judge = torch.nn.Conv2d(3, 1, 9)
    check_judged([judge], 9, step_px)
    check_judged([], 1, step_px)
    with pytest.raises(InputError, match=f"--crop_size 8 leaves .* use --crop_size {enough_px} or more, or a discrim"):
        check_judged([judge], 8, step_px)


def test_where_no_size_is_enough_only_fewer_layers_are():
    with pytest.raises(InputError, match=r"nothing to judge: use fewer --n_layers_D$"):
        check_judged([torch.nn.Conv2d(3, 1, (5000, 1))], 8, 1024)


def test_pictures_that_do_not_suit_are_refused_in_words():
    generator = make_generator(NetworkOptions(netG="unet_128", ngf=1, **STRIDED), 3, 3)
    check_sides(generator, torch.zeros(1, 3, 128, 256))
    with pytest.raises(InputError, match=r"a picture of 300x128 does not suit the generator.*multiples of 128"):
        check_sides(generator, torch.zeros(1, 3, 128, 300))


def test_the_modes_without_penalty():
    assert set(GAN_MODES) - set(PLAIN_GAN_MODES) == {"wgangp"}
