"""What a context encoder refuses, before a step is taken."""

from typing import Any

import pytest
import torch

from translate.errors import InputError
from translate.methods.context_encoder import ContextEncoder
from translate.settings import resolve
from translate.training.job import build_method

SIDE = 64


def make_method(netG: str = "context_encoder_64", **flags: Any) -> ContextEncoder:
    small = {"ngf": 2, "ndf": 2, **({} if netG == "context_alexnet" else {"bottleneck": 4})}
    settings = resolve({"model": "context_encoder", "netG": netG, **small, **flags})
    return build_method(settings.with_values(input_nc=3, output_nc=3)).double().train()


@pytest.mark.parametrize("netG", ["context_encoder", "context_encoder_64", "context_alexnet"])
def test_pictures_of_another_size_are_refused(netG):
    method = make_method(netG=netG, ngf=4)
    side = method.networks["G"].side
    method.check_size(side)
    assert method.training
    assert all(module.training for module in method.modules())
    with pytest.raises(InputError, match=f"--netG {netG} .*{side}x{side}, not 256x256: use --crop_size {side}"):
        method.check_size(256)
    images = torch.zeros(2, 3, side, side + 4, dtype=torch.float64)
    with pytest.raises(InputError, match=f"not {side + 4}x{side}"):
        method({"A": images, "hole": torch.zeros(2, side, side + 4, dtype=torch.bool)})


def test_a_discriminator_that_is_too_deep_is_refused():
    make_method().check_size(SIDE)
    with pytest.raises(InputError, match=r"nothing to judge in 32x32 .* fewer --n_layers_D"):
        make_method(n_layers_D=4).check_size(SIDE)
    make_method(n_layers_D=4, lambda_adv=0).check_size(SIDE)


def test_nothing_to_learn_is_refused():
    with pytest.raises(InputError, match="--lambda_rec and --lambda_adv are both 0"):
        make_method(lambda_rec=0, lambda_adv=0)


def test_a_bottleneck_is_refused_where_there_is_none():
    assert make_method(netG="context_alexnet", ngf=4).options.bottleneck is None
    for bottleneck in (4000, 512):
        with pytest.raises(InputError, match=f"--bottleneck {bottleneck}: --netG context_alexnet has no bottleneck"):
            make_method(netG="context_alexnet", ngf=4, bottleneck=bottleneck)


def test_an_overlap_that_leaves_no_hole_is_refused():
    make_method(overlap_px=15)
    with pytest.raises(InputError, match="--overlap_px 16 leaves nothing of the hole of 32 pixels: use at most 15"):
        make_method(overlap_px=16)


def test_a_piece_of_one_picture_is_refused_with_batch_norm():
    method = make_method()
    with pytest.raises(InputError, match=r"--batch_size 1 leaves one picture, .* --batch_size 2 or more"):
        method.check_batch(1, 1)
    with pytest.raises(InputError, match=r"--batch_size 4 leaves one picture in each of 4 .* --batch_size 8 or more"):
        method.check_batch(4, 4)
    method.check_batch(4, 2)
    make_method(normG="instance").check_batch(1, 1)
