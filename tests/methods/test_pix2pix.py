"""pix2pix: losses against a slow version, what the discriminator sees, and how it is tested."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.methods.pix2pix import Pix2Pix, Pix2PixState
from translate.settings import resolve

TINY = {"model": "pix2pix", "netG": "resnet_4blocks", "ngf": 2, "netD": "pixel", "ndf": 2, "init_gain": 0.5}


def make_method(channels: tuple[int, int] = (3, 3), **flags: Any) -> Pix2Pix:
    settings = resolve({**TINY, "no_dropout": True, **flags})
    torch.manual_seed(0)
    return Pix2Pix(settings.method, settings.networks, *channels).double().train()


def make_batch(count: int = 1, side: int = 16, channels: tuple[int, int] = (3, 3)) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        domain: torch.rand(count, c, side, side, dtype=torch.float64, generator=generator) * 2 - 1
        for domain, c in zip("AB", channels, strict=True)
    }


def by_the_book(method: Pix2Pix, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Eq. 1, 3 and 4 of the paper, one sample at a time."""
    G, D, options = method.networks["G"], method.networks["D"], method.options
    logits: dict[str, list[Tensor]] = {"real": [], "fake": []}
    distances = []
    for a, b in zip(batch["A"], batch["B"], strict=True):
        fake = G(a[None])
        distances.append((fake[0] - b).abs())
        logits["real"].append(D(torch.cat([a, b])[None]))
        logits["fake"].append(D(torch.cat([a, fake[0]])[None]))
    real, fake = (torch.cat(found) for found in logits.values())
    return {
        "D_real": -torch.sigmoid(real).log().mean(),
        "D_fake": -(1 - torch.sigmoid(fake)).log().mean(),
        "G_GAN": -torch.sigmoid(fake).log().mean(),
        "G_L1": options.lambda_L1 * torch.stack(distances).mean(),
    }


@pytest.mark.parametrize("norm", ["instance", "none"])
def test_losses_and_gradients_are_those_of_the_book(norm):
    method, batch = make_method(normG=norm, normD=norm, lambda_L1=7), make_batch(2)
    state, expected = method(batch), by_the_book(method, batch)
    totals = {"D": 0.5 * (expected["D_real"] + expected["D_fake"]), "G": expected["G_GAN"] + expected["G_L1"]}
    for player in ("D", "G"):
        total, named = method.losses(player, state)
        assert {name: loss.item() for name, loss in named.items()} == pytest.approx(
            {name: expected[name].item() for name in named}, rel=1e-12
        )
        parameters = list(method.networks[player].parameters())
        slow = torch.autograd.grad(totals[player], parameters, retain_graph=True)
        for mine, other in zip(torch.autograd.grad(total, parameters), slow, strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-12)


def test_equal_logits_and_a_perfect_generator_have_analytic_values():
    method, batch = make_method(), make_batch()
    for parameter in method.networks["D"].parameters():
        nn.init.zeros_(parameter)
    state = Pix2PixState(batch, batch["B"])
    named = {**method.losses("D", state)[1], **method.losses("G", state)[1]}
    ln2 = torch.log(torch.tensor(2.0)).item()
    assert {name: loss.item() for name, loss in named.items()} == pytest.approx(
        {"D_fake": ln2, "D_real": ln2, "G_GAN": ln2, "G_L1": 0.0}
    )
    black = Pix2PixState({**batch, "B": torch.ones_like(batch["B"])}, -torch.ones_like(batch["B"]))
    assert method.losses("G", black)[1]["G_L1"].item() == pytest.approx(200.0)


@pytest.mark.parametrize(("option", "value"), [("gan_mode", "lsgan"), ("lambda_L1", 10.0)])
def test_every_option_changes_a_loss(option, value):
    totals = []
    for method in (make_method(), make_method(**{option: value})):
        state = method(make_batch())
        totals.append([method.losses(player, state)[0].item() for player in method.players])
    assert totals[0] != pytest.approx(totals[1], rel=1e-6)


def test_the_published_settings_are_the_defaults():
    settings = resolve({"model": "pix2pix"})
    networks, optimizer = settings.networks, settings.optimizer
    assert (networks.netG, networks.netD, networks.normG, networks.normD) == ("unet_256", "basic", "batch", "batch")
    assert (networks.no_antialias, networks.no_antialias_up, networks.no_dropout) == (True, True, False)
    assert (networks.init_type, networks.init_gain, settings.data.dataset_mode) == ("normal", 0.02, "aligned")
    assert (optimizer.n_epochs, optimizer.n_epochs_decay, optimizer.lr, optimizer.beta1) == (100, 100, 2e-4, 0.5)
    options = settings.method
    assert (options.gan_mode, options.lambda_L1, options.test_norm) == ("vanilla", 100, "picture")


def test_the_discriminator_moves_first_and_sees_input_and_output():
    method, batch = make_method((1, 3)), make_batch(channels=(1, 3))
    assert list(method.players) == ["D", "G"]
    seen: list[Tensor] = []
    method.networks["D"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    state = method(batch)
    method.losses("D", state)
    fake, real = (torch.cat([batch["A"], image], 1) for image in (state.fake_B, batch["B"]))
    assert torch.equal(torch.cat(seen), torch.cat([fake, real]))
    seen.clear()
    method.losses("G", state)
    assert torch.equal(torch.cat(seen), fake)


@pytest.mark.parametrize(("norm", "passes"), [("instance", 1), ("none", 1), ("batch", 2)])
def test_the_discriminator_runs_once_where_that_is_exact(norm, passes):
    method, runs = make_method(normD=norm), []
    state = method(make_batch())
    method.networks["D"].register_forward_hook(lambda *_: runs.append(1))
    method.losses("D", state)
    assert len(runs) == passes


def test_the_players_do_not_touch_each_other():
    method = make_method()
    state = method(make_batch())
    method.losses("D", state)[0].backward()
    assert all(p.grad is None for p in method.networks["G"].parameters())
    method.zero_grad()
    method.losses("G", state)[0].backward(inputs=list(method.networks["G"].parameters()))
    assert all(p.grad is None for p in method.networks["D"].parameters())


def test_pictures_are_tested_with_their_own_statistics():
    """As in training on one picture at a time, whatever else is in the batch, and without noise."""
    method, batch = make_method(netG="unet_128", no_dropout=False), make_batch(3, side=128)
    for _ in range(3):
        method(batch)  # running statistics that are not those of the pictures
    kept = {key: value.clone() for key, value in method.state_dict().items()}
    silent = make_method(netG="unet_128")  # the same weights, without dropout
    expected = [silent.networks["G"](image[None]) for image in batch["A"]]
    translated = method.eval().translate(batch["A"])
    torch.testing.assert_close(translated, torch.cat(expected))
    assert all(torch.equal(value, kept[key]) for key, value in method.state_dict().items())
    assert method.trained_translator().stride == 128


def test_or_with_those_of_the_training():
    method, batch = make_method(test_norm="training").eval(), make_batch(2)
    assert method.trained_translator() is method.networks["G"]
    assert not torch.allclose(method.translate(batch["A"]), make_method().eval().translate(batch["A"]))


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_a_translator_follows_the_training(norm):
    method, batch = make_method(normG=norm).eval(), make_batch()
    translator = method.trained_translator()
    before = translator(batch["A"])
    with torch.no_grad():
        for parameter in method.networks["G"].parameters():
            parameter.mul_(1.1)
    assert not torch.allclose(translator(batch["A"]), before)
    assert {id(p) for p in translator.parameters()} == {id(p) for p in method.networks["G"].parameters()}


def test_people_see_question_guess_and_answer():
    method, batch = make_method(), make_batch(2)
    state = method(batch)
    pictures = method.pictures(state)
    assert list(pictures) == ["real_A", "fake_B", "real_B"]
    for label, images in (("real_A", batch["A"]), ("fake_B", state.fake_B), ("real_B", batch["B"])):
        assert torch.equal(pictures[label], images[0])
        assert not pictures[label].requires_grad


def test_sizes_that_do_not_suit_are_refused():
    method = make_method(netG="unet_128")
    with pytest.raises(InputError, match=r"--crop_size 200 does not suit the generator.*: use --crop_size 256"):
        method.check_size(200)
    method.check_size(128)
    with pytest.raises(InputError, match="a picture of 16x16 does not suit the generator"):
        method(make_batch())


def test_it_learns_a_pair():
    method, batch = make_method(ngf=4, init_gain=0.02, normG="instance", normD="instance"), make_batch()
    batch["B"] = -batch["A"]
    optimizers = {p: torch.optim.Adam(method.networks[p].parameters(), lr=2e-3) for p in method.players}
    distances = []
    for _ in range(60):
        state = method(batch)
        for player, optimizer in optimizers.items():
            total, named = method.losses(player, state)
            optimizer.zero_grad()
            total.backward(inputs=list(method.networks[player].parameters()))
            optimizer.step()
        distances.append(named["G_L1"].item())
    assert distances[-1] < 0.5 * distances[0]
