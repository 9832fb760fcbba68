"""SinCUT: its published settings, its draws, and where its losses are known."""

import math

import numpy as np
import pytest
import torch

from translate.errors import InputError
from translate.methods.sincut import PUBLISHED, SinCutOptions
from translate.settings import resolve
from translate.training.job import build_method

SIDE = 16
TINY = {"model": "sincut", "ngf": 1, "ndf": 1, "netF_nc": 6, "crop_size": SIDE, "input_nc": 3, "output_nc": 3}
SQUARE = {"A": (SIDE, SIDE), "B": (SIDE, SIDE)}


def make(**flags):
    torch.manual_seed(0)
    return build_method(resolve({**TINY, **flags})).double()


def make_batch(method, count=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 3, SIDE, SIDE)
    batch = {domain: torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1 for domain in "AB"}
    draws = [method.draw(np.random.default_rng(number), SQUARE) for number in range(count)]
    for name, value in draws[0].items():
        columns = zip(*(draw[name] for draw in draws), strict=True) if isinstance(value, list) else None
        stacked = [torch.from_numpy(np.stack(column)) for column in columns] if columns else None
        batch[name] = stacked or torch.from_numpy(np.stack([draw[name] for draw in draws]))
    return batch


def test_nothing_but_the_model_need_be_given():
    settings = resolve({"model": "sincut"})
    flat = settings.flat()
    assert {name: flat[name] for name in PUBLISHED} == PUBLISHED
    assert settings.method == SinCutOptions(
        gan_mode="nonsaturating", lambda_NCE=4.0, nce_layers="0,2,4", num_patches=1, lambda_R1=1.0,
        nce_includes_all_negatives_from_minibatch=True, lambda_identity=1.0, nce_idt=True,
    )  # fmt: skip
    assert settings.data.dataset_mode == "singleimage"
    assert resolve({"model": "sincut", "lr": 0.1, "ngf": 3}).networks.ngf == 3


def test_the_small_generator_has_taps_of_its_own():
    assert make(netG="smallstylegan2").taps == [0, 2, 3]
    with pytest.raises(InputError, match="--nce_layers 0,2,4: no layer 4 in the generator"):
        make(netG="smallstylegan2", nce_layers="0,2,4")


def test_fastcut_changes_the_losses_alone():
    fast = resolve({"model": "sincut", "CUT_mode": "FastCUT"})
    assert (fast.method.nce_idt, fast.method.lambda_NCE, fast.method.flip_equivariance) == (False, 10.0, True)
    assert (fast.optimizer.n_epochs, fast.optimizer.n_epochs_decay) == (8, 8)


def test_noise_is_drawn_for_each_picture_that_is_translated():
    drawn = make().draw(np.random.default_rng(0), SQUARE)
    assert {name for name in drawn if name.startswith("noise")} == {"noise_A", "noise_B"}
    (first,), (second,) = drawn["noise_A"], drawn["noise_B"]
    assert first.shape == second.shape == (SIDE, SIDE)
    assert not np.array_equal(first, second)
    again = make().draw(np.random.default_rng(0), SQUARE)
    assert np.array_equal(first, again["noise_A"][0])
    alone = make(nce_idt=False, lambda_identity=0).draw(np.random.default_rng(0), SQUARE)
    assert "noise_B" not in alone
    assert not [name for name in make(netG="smallstylegan2").draw(np.random.default_rng(0), SQUARE) if "noise" in name]


def test_noise_changes_the_fakes_of_a_training_but_no_translation():
    method = make()
    torch.nn.init.constant_(method.networks["G"].decoder.convs[3].noise.weight, 0.5)
    batch = make_batch(method, 2)
    other = {**batch, "noise_A": [-drawn for drawn in batch["noise_A"]]}
    first, second = method(batch), method(other)
    assert not torch.equal(first.fake_B, second.fake_B)
    assert torch.equal(first.idt_B, second.idt_B)
    assert torch.equal(method.translate(batch["A"]), method.translate(batch["A"]))


def test_adversarial_losses_of_a_judge_who_says_nothing_are_ln_2():
    method = make()
    for parameter in method.networks["D"].final_linear[1].parameters():
        torch.nn.init.zeros_(parameter)
    state = method(make_batch(method))
    named = method.losses("D", state)[1] | method.losses("G", state)[1]
    assert [named[name].item() for name in ("D_fake", "D_real", "G_GAN")] == pytest.approx([math.log(2)] * 3)
    assert named["D_R1"].item() == 0


def test_contrast_of_sixteen_crops_that_look_alike_is_ln_16():
    method = make()
    for name, parameter in method.networks["F"].named_parameters():
        torch.nn.init.constant_(parameter, 1.0 if name.endswith("bias") else 0.0)
    named = method.losses("G", method(make_batch(method)))[1]
    assert named["NCE"].item() == pytest.approx(4 * math.log(16))
    assert named["NCE_Y"].item() == pytest.approx(4 * math.log(16))


def test_the_identity_loss_is_the_mean_distance():
    method = make(lambda_identity=3)
    batch = make_batch(method, 2)
    state = method(batch)
    total, named = method.losses("G", state)
    assert named["idt"].item() == pytest.approx(3 * (state.idt_B - batch["B"]).abs().mean().item())
    parts = named["G_GAN"] + 0.5 * (named["NCE"] + named["NCE_Y"]) + named["idt"]
    assert total.item() == named["G"].item() == pytest.approx(parts.item())


def test_the_identity_loss_looks_at_the_mirrored_picture_where_the_input_was():
    method = make(CUT_mode="FastCUT")
    batch = {**make_batch(method, 2), "mirrors": torch.tensor([True, False])}
    batch["mirrored"] = batch["mirrors"][:, None]
    state = method(batch)
    target = torch.stack([batch["B"][0].flip(2), batch["B"][1]])
    wanted = (state.idt_B - target).abs().mean().item()
    assert method.losses("G", state)[1]["idt"].item() == pytest.approx(wanted)


def test_r1_gives_the_generator_no_gradient():
    method = make()
    total, named = method.losses("D", method(make_batch(method, 2)))
    assert named["D_R1"].item() > 0
    total.backward()
    assert all(parameter.grad is None for parameter in method.networks["G"].parameters())


@pytest.mark.parametrize(("flags", "said"), [
    ({"netG": "resnet_9blocks"}, "--netG resnet_9blocks does not suit --model sincut, since its norms would"),
    ({"model": "cut", "netD": "stylegan2"}, "--netD stylegan2 does not suit --model cut: choose from basic, n_layers"),
    ({"normG": "batch"}, "--normG batch has no effect on stylegan2"),
    ({"normD": "none"}, "--normD none has no effect on stylegan2"),
    ({"nce_includes_all_negatives_from_minibatch": False}, "--num_patches 1 leaves PatchNCE no negatives"),
    ({"input_nc": 1, "lambda_NCE": 0}, "so --input_nc 1 and --output_nc 3 must be equal: .* set --lambda_identity 0"),
])  # fmt: skip
def test_what_cannot_be_is_refused(flags, said):
    with pytest.raises(InputError, match=said):
        make(**flags)


def test_crops_must_be_halved_and_judged():
    with pytest.raises(InputError, match=r"--crop_size 20 does not suit .* a multiple of 8: use --crop_size 24"):
        make(crop_size=20, stylegan2_G_num_downsampling=3).check_size(20)
    make().check_size(SIDE)


def test_a_piece_of_a_batch_has_too_few_negatives():
    for processes, parts in ((2, 1), (1, 2)):
        with pytest.raises(InputError, match="needs the whole batch at once"):
            make().check_shared(processes, parts)
    make().check_shared(1, 1)
