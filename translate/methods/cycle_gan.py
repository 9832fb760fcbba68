"""CycleGAN: two translations that undo each other (Zhu, Park, Isola, Efros, ICCV 2017, arXiv:1703.10593)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.flags import flag
from translate.losses.adversarial import discriminator_loss, generator_loss
from translate.losses.reconstruction import l1
from translate.methods.base import Batch, Method
from translate.methods.building import PLAIN_GAN_MODES, check_crop, check_sides, make_discriminator, make_generator
from translate.methods.health import BLIND, COLLAPSE, INVERSION, UNCHANGED, WON, Game, Level, draw_levels
from translate.methods.image_pool import ImagePool
from translate.methods.passes import run_together, samples_are_independent
from translate.networks import RESNET_GENERATORS
from translate.networks.initialization import initialize
from translate.networks.unet import UNET_GENERATORS
from translate.options import NetworkOptions


@dataclass(frozen=True)
class CycleGANOptions:
    """Method cycle_gan"""

    gan_mode: str = flag("lsgan", "adversarial loss", choices=PLAIN_GAN_MODES)
    lambda_A: float = flag(10.0, "weight of the cycle A to B to A", low=0)
    lambda_B: float = flag(10.0, "weight of the cycle B to A to B", low=0)
    lambda_identity: float = flag(
        0.5, "weight, times that of the cycle, for leaving alone what is of the target domain", low=0
    )
    pool_size: int = flag(50, "former fakes of each domain that the discriminators see again; 0: none", low=0)


@dataclass
class CycleGANState:
    """What the players share in one step. Pictures (B, C, H, W) in [-1, 1]; A and B may differ in size."""

    batch: Batch
    fake_B: Tensor  # G_A(A)
    rec_A: Tensor  # G_B(G_A(A))
    fake_A: Tensor  # G_B(B)
    rec_B: Tensor  # G_A(G_B(B))
    idt_A: Tensor | None  # G_A(B): a network's letter, not a domain's
    idt_B: Tensor | None  # G_B(A)
    shown_B: list[Tensor]  # what D_A is to tell from B, each (C, H, W): fakes of this step or former ones
    shown_A: list[Tensor]


class CycleGAN(Method):
    """Generators G_A from A to B and G_B back, each against a discriminator, held together by their cycles.

    D_A judges what G_A makes, which are pictures of B; D_B those of A.
    """

    Options = CycleGANOptions
    netG = (*RESNET_GENERATORS, *UNET_GENERATORS)
    generators: Mapping[str, str] = {"AtoB": "G_A", "BtoA": "G_B"}
    games = (Game(("D_A",), "G_A"), Game(("D_B",), "G_B"))

    def __init__(self, options: CycleGANOptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 3):
        super().__init__()
        self.options = options
        self.uses_identity = options.lambda_identity > 0
        if self.uses_identity and input_nc != output_nc:
            raise InputError(
                f"the identity loss gives each generator pictures of the other domain, so --input_nc {input_nc} and "
                f"--output_nc {output_nc} must be equal: give both, or set --lambda_identity 0"
            )
        self.networks = nn.ModuleDict(
            {
                "G_A": make_generator(networks, input_nc, output_nc),
                "G_B": make_generator(networks, output_nc, input_nc),
                "D_A": make_discriminator(networks, output_nc),
                "D_B": make_discriminator(networks, input_nc),
            }
        )
        initialize(self.networks, networks.init_type, networks.init_gain)
        self.pools = nn.ModuleDict({domain: ImagePool(options.pool_size) for domain in "BA"})
        self.players = {"G": ("G_A", "G_B"), "D": ("D_A", "D_B")}
        self.recordable = options.pool_size == 0  # the pools exchange pictures by decisions
        self.falling = ("cycle_A", "cycle_B", *(("idt_A", "idt_B") if self.uses_identity else ()))

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """The published settings: strided layers, normal initialisation, 200 epochs, size jitter to the end."""
        return {
            "no_antialias": True,
            "no_antialias_up": True,
            "init_type": "normal",
            "init_gain": 0.02,
            "n_epochs": 100,
            "n_epochs_decay": 100,
            "decay_load_size": "load_size",
        }

    @property
    def title(self) -> str:
        return "CycleGAN"

    def check_size(self, side_px: int) -> None:
        """Refuse crops that do not suit the networks."""
        discriminators = (self.networks[name] for name in self.players["D"])
        check_crop(self.networks["G_A"], discriminators, side_px)

    def levels(self, side_px: int, batch_size: int) -> dict[str, Level]:
        """A draw of the games; D_A and D_B are means of their losses on real and on fake."""
        return draw_levels(self.options.gan_mode, self.games)

    def remedies(self) -> dict[str, str]:
        options = self.options
        identity = f"--lambda_identity (it is {options.lambda_identity:g})"
        cycles = f"--lambda_A and --lambda_B (they are {options.lambda_A:g} and {options.lambda_B:g})"
        return {
            COLLAPSE: f"higher {cycles}; more, and more different, pictures in domain B; a lower --lr",
            UNCHANGED: f"a lower {identity}; lower {cycles}; crops that are large enough to show what tells the "
            "domains apart",
            INVERSION: f"a higher {identity}, a smaller --init_gain, or another --seed; if domain B is meant to look "
            "so, nothing is wrong",
            WON: "hold the discriminators back with a smaller --ndf, or give the generators a larger --ngf",
            BLIND: "a lower --lr, or a larger --ndf; and see whether the two domains differ at all",
        }

    def draw(self, rng: np.random.Generator, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        """What the pools do with the sample's fakes."""
        if self.options.pool_size == 0:
            return {}
        return {f"pool_{domain}": pool.draw(rng) for domain, pool in self.pools.items()}

    def forward(self, batch: Batch) -> CycleGANState:
        """Both translations, both cycles, both identities, and the fakes that the discriminators are going to see."""
        for domain in "AB":
            check_sides(self.networks["G_A"], batch[domain])
        if samples_are_independent(self.networks["G_A"]):
            images = self._translate_together(batch["A"], batch["B"])
        else:
            images = self._translate_in_order(batch["A"], batch["B"])
        shown = {
            domain: pool.query(images[f"fake_{domain}"], batch.get(f"pool_{domain}"))
            for domain, pool in self.pools.items()
        }
        return CycleGANState(batch=batch, **images, shown_B=shown["B"], shown_A=shown["A"])

    def _translate_together(self, real_A: Tensor, real_B: Tensor) -> dict[str, Tensor | None]:
        """Two passes a generator: the identity shares one with the cycle, whose input has its size."""
        G_A, G_B = self.networks["G_A"], self.networks["G_B"]
        fake_B, fake_A = G_A(real_A), G_B(real_B)
        rec_A, *idt_B = run_together(G_B, [fake_B, real_A] if self.uses_identity else [fake_B])
        rec_B, *idt_A = run_together(G_A, [fake_A, real_B] if self.uses_identity else [fake_A])
        return {
            "fake_B": fake_B,
            "fake_A": fake_A,
            "rec_A": rec_A,
            "rec_B": rec_B,
            "idt_A": idt_A[0] if idt_A else None,
            "idt_B": idt_B[0] if idt_B else None,
        }

    def _translate_in_order(self, real_A: Tensor, real_B: Tensor) -> dict[str, Tensor | None]:
        """A pass for each; running statistics and dropout masks follow their order, which is the reference's."""
        G_A, G_B = self.networks["G_A"], self.networks["G_B"]
        fake_B = G_A(real_A)
        rec_A = G_B(fake_B)
        fake_A = G_B(real_B)
        rec_B = G_A(fake_A)
        idt_A = G_A(real_B) if self.uses_identity else None
        idt_B = G_B(real_A) if self.uses_identity else None
        return {"fake_B": fake_B, "fake_A": fake_A, "rec_A": rec_A, "rec_B": rec_B, "idt_A": idt_A, "idt_B": idt_B}

    def losses(self, player: str, state: CycleGANState) -> tuple[Tensor, dict[str, Tensor]]:
        named = self._discriminator_losses(state) if player == "D" else self._generator_losses(state)
        return torch.stack(list(named.values())).sum(), named

    def _generator_losses(self, state: CycleGANState) -> dict[str, Tensor]:
        """The parts with their weights: the adversarial ones, eq. 2 for the cycles, section 5.2 for the identities."""
        options, real_A, real_B = self.options, state.batch["A"], state.batch["B"]
        named = {
            "G_A": generator_loss(options.gan_mode, self.networks["D_A"](state.fake_B)),
            "cycle_A": options.lambda_A * l1(state.rec_A, real_A),
            "G_B": generator_loss(options.gan_mode, self.networks["D_B"](state.fake_A)),
            "cycle_B": options.lambda_B * l1(state.rec_B, real_B),
        }
        if self.uses_identity:
            named["idt_A"] = options.lambda_B * options.lambda_identity * l1(state.idt_A, real_B)
            named["idt_B"] = options.lambda_A * options.lambda_identity * l1(state.idt_B, real_A)
        return named

    def _discriminator_losses(self, state: CycleGANState) -> dict[str, Tensor]:
        return {
            "D_A": self._judge(self.networks["D_A"], state.batch["B"], state.shown_B),
            "D_B": self._judge(self.networks["D_B"], state.batch["A"], state.shown_A),
        }

    def _judge(self, discriminator: nn.Module, real: Tensor, shown: list[Tensor]) -> Tensor:
        """Half of the discriminator's losses on real pictures and on fakes, which may differ in size."""
        alike = len({image.shape for image in shown}) == 1
        fakes = [torch.stack(shown)] if alike else [image.unsqueeze(0) for image in shown]
        on_real, *on_fakes = run_together(discriminator, [real, *fakes])
        mode = self.options.gan_mode
        fake_loss = torch.stack([discriminator_loss(mode, logits, real=False) for logits in on_fakes]).mean()
        return 0.5 * (discriminator_loss(mode, on_real, real=True) + fake_loss)

    def pictures(self, state: CycleGANState) -> dict[str, Tensor]:
        named = {
            "real_A": state.batch["A"],
            "fake_B": state.fake_B,
            "rec_A": state.rec_A,
            "idt_B": state.idt_B,
            "real_B": state.batch["B"],
            "fake_A": state.fake_A,
            "rec_B": state.rec_B,
            "idt_A": state.idt_A,
        }
        return {label: images[0].detach() for label, images in named.items() if images is not None}
