"""CUT and FastCUT against a second implementation that takes one sample, one tap and one patch at a time."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from translate.methods import CUT


class SlowCut:
    """Losses of a step by the book: a separate pass for everything, explicit loops, the formulas as printed."""

    def __init__(self, method: CUT, batch: dict[str, Any]):
        self.options = method.options
        self.G, self.F, self.D = (method.networks[name] for name in "GFD")
        self.taps = method.taps
        self.batch = batch
        self.count = len(batch["A"])
        self.mirrored = batch["mirrors"].tolist() if self.options.flip_equivariance else [False] * self.count
        self.fakes = [self.translate("A", b) for b in range(self.count)]

    def translate(self, domain: str, b: int) -> Tensor:
        image = self.batch[domain][b : b + 1]
        return self.G(image.flip(3) if self.mirrored[b] else image)

    def discriminator(self) -> Tensor:
        fake = [self.logits(image.detach()) for image in self.fakes]
        real = [self.logits(self.batch["B"][b : b + 1]) for b in range(self.count)]
        total = 0.5 * (self.adversarial(fake, -1) + self.adversarial(real, 1))
        if self.options.gan_mode == "wgangp":
            total = total + self.options.lambda_gp * self.gradient_penalty()
        return total + self.options.lambda_R1 * self.r1()

    def logits(self, image: Tensor) -> Tensor:
        return self.D(image).flatten()

    def adversarial(self, logits: list[Tensor], sign: int, generator: bool = False) -> Tensor:
        mode = "generator" if generator and self.options.gan_mode == "hinge" else self.options.gan_mode
        formula = {
            "lsgan": lambda x: (x - (sign + 1) / 2) ** 2,
            "vanilla": lambda x: -torch.log(torch.sigmoid(sign * x)),
            "nonsaturating": lambda x: torch.log(1 + torch.exp(-sign * x)),
            "hinge": lambda x: torch.clamp(1 - sign * x, min=0),
            "wgangp": lambda x: -sign * x,
            "generator": lambda x: -x,
        }[mode]
        return torch.cat([formula(x) for x in logits]).mean()

    def gradient_at(self, image: Tensor) -> Tensor:
        image = image.detach().requires_grad_()
        return torch.autograd.grad(self.D(image).sum(), image, create_graph=True)[0]

    def gradient_penalty(self) -> Tensor:
        penalties = []
        for b, mix in enumerate(self.batch["mix"].tolist()):
            between = mix * self.batch["B"][b : b + 1] + (1 - mix) * self.fakes[b]
            penalties.append((self.gradient_at(between).square().sum().sqrt() - 1) ** 2)
        return torch.stack(penalties).mean()

    def r1(self) -> Tensor:
        return torch.stack(
            [0.5 * self.gradient_at(self.batch["B"][b : b + 1]).square().sum() for b in range(self.count)]
        ).mean()

    def generator(self) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        if self.options.lambda_GAN > 0:
            logits = [self.logits(image) for image in self.fakes]
            total = total + self.options.lambda_GAN * self.adversarial(logits, 1, generator=True)
        if self.options.lambda_NCE > 0:
            total = total + self.contrast()
        return total

    def contrast(self) -> Tensor:
        nce = self.nce("A")
        return (nce + self.nce("B")) / 2 if self.options.nce_idt else nce

    def nce(self, domain: str) -> Tensor:
        """Mean over the taps of the mean over all patches."""
        outputs = self.fakes if domain == "A" else [self.translate("B", b) for b in range(self.count)]
        values = []
        for tap in range(len(self.taps)):
            queries = [self.vectors(outputs[b], self.mirrored[b], domain, tap, b) for b in range(self.count)]
            with torch.no_grad():
                sources = [self.batch[domain][b : b + 1] for b in range(self.count)]
                keys = [self.vectors(sources[b], False, domain, tap, b) for b in range(self.count)]
            values.append(self.patch_nce(queries, keys))
        return self.options.lambda_NCE * torch.stack(values).mean()

    def vectors(self, image: Tensor, flip: bool, domain: str, tap: int, b: int) -> list[Tensor]:
        """Unit vectors of one sample's patches at one tap."""
        x = image
        for index, layer in enumerate(self.G.model):
            x = layer(x)
            if index == self.taps[tap]:
                break
        if self.is_rectified(self.taps[tap]):
            x = x.relu()
        feature = (x.flip(3) if flip else x)[0].flatten(1)
        found = []
        for place in self.batch[f"positions_{domain}"][tap][b].tolist():
            vector = feature[:, place]
            if self.options.netF == "mlp_sample":
                vector = getattr(self.F, f"mlp_{tap}")(vector)
            found.append(vector / (vector.square().sum().sqrt() + 1e-7))
        return found

    def is_rectified(self, index: int) -> bool:
        """Without a norm in between, the ReLU behind a convolution works in place on what was tapped, if it is run."""
        following = [type(layer) for layer in self.G.model[index + 1 : self.taps[-1] + 1]]
        return following[:2] == [torch.nn.Identity, torch.nn.ReLU]

    def patch_nce(self, queries: list[list[Tensor]], keys: list[list[Tensor]]) -> Tensor:
        losses = []
        for b in range(self.count):
            everywhere = self.options.nce_includes_all_negatives_from_minibatch
            pool = [key for image in (keys if everywhere else [keys[b]]) for key in image]
            for query, key in zip(queries[b], keys[b], strict=True):
                exponents = torch.stack([query @ other for other in pool]) / self.options.nce_T
                losses.append(torch.logsumexp(exponents, 0) - query @ key / self.options.nce_T)
        return torch.stack(losses).mean()


def gradients(method: CUT, total: Tensor) -> dict[str, Tensor]:
    """The gradient of every parameter, by name; zero where there is none."""
    named = dict(method.named_parameters())
    found = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    return {
        name: torch.zeros_like(parameter) if gradient is None else gradient
        for (name, parameter), gradient in zip(named.items(), found, strict=True)
    }


DIFFERENT = {"A": (16, 20), "B": (24, 16)}

CASES: dict[str, dict[str, Any]] = {
    "CUT": {},
    "CUT, batch 2": {"count": 2},
    "FastCUT upright": {"CUT_mode": "FastCUT", "mirrored": [False]},
    "FastCUT mirrored": {"CUT_mode": "FastCUT", "mirrored": [True]},
    "some samples mirrored": {"CUT_mode": "FastCUT", "count": 3, "mirrored": [True, False, True]},
    "some mirrored, with identity": {"flip_equivariance": True, "count": 2, "mirrored": [False, True]},
    "sizes differ": {"sizes": DIFFERENT, "count": 2},
    "sizes differ, mirrored": {"sizes": DIFFERENT, "count": 2, "flip_equivariance": True, "mirrored": [True, False]},
    "negatives of the minibatch": {"count": 2, "nce_includes_all_negatives_from_minibatch": True},
    "weights": {"lambda_GAN": 0.3, "lambda_NCE": 2.0, "nce_T": 0.5},
    "adversarial only": {"lambda_NCE": 0},
    "contrast only": {"lambda_GAN": 0},
    "without a head": {"netF": "sample", "count": 2},
    "other taps": {"nce_layers": "res2,pixels,6"},
    "an overwritten last tap": {"nce_layers": "0,2"},
    "without norm": {"normG": "none", "count": 2},
    "patch discriminator": {"netD": "n_layers", "n_layers_D": 1},
    "R1": {"lambda_R1": 0.7, "count": 2},
    **{mode: {"gan_mode": mode, "count": 2} for mode in ("vanilla", "nonsaturating", "hinge", "wgangp")},
}


def split_case(case: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Flags, and what describes the batch."""
    about_batch = {name: value for name, value in case.items() if name in ("count", "sizes", "mirrored")}
    return {name: value for name, value in case.items() if name not in about_batch}, about_batch


@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradients_are_those_of_the_slow_implementation(make_method, make_batch, name):
    flags, about_batch = split_case(CASES[name])
    method = make_method(**flags)
    batch = make_batch(method, **about_batch)
    state = method(batch)
    slow = SlowCut(method, batch)
    for player in method.players:
        total, named = method.losses(player, state)
        expected = slow.discriminator() if player == "D" else slow.generator()
        assert total.item() == pytest.approx(expected.item(), rel=1e-10)
        assert set(named) <= {"D_fake", "D_real", "D_gp", "D_R1", "G", "G_GAN", "NCE", "NCE_Y"}
        mine, other = gradients(method, total), gradients(method, expected)
        scale = math.sqrt(sum(value.square().sum().item() for value in other.values()))
        for parameter, gradient in mine.items():
            assert (gradient - other[parameter]).norm().item() <= 1e-9 * scale, parameter
