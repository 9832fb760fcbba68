"""CUT and FastCUT: contrastive unpaired translation (Park, Efros, Zhang, Zhu, ECCV 2020, arXiv:2007.15651)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from translate.errors import InputError
from translate.flags import flag
from translate.losses.adversarial import GAN_MODES, discriminator_loss, generator_loss, gradient_penalty, r1_penalty
from translate.losses.contrastive import multilayer_patch_nce
from translate.methods.base import Batch, Method
from translate.methods.building import check_inside, check_judged, check_mixable, make_discriminator, make_generator
from translate.methods.health import BLIND, COLLAPSE, INVERSION, UNCHANGED, WON, Game, Level, draw_levels
from translate.methods.passes import joined, run_together
from translate.networks import PATCH_HEADS, RESNET_GENERATORS, build_patch_head
from translate.networks.casting import full_weights
from translate.networks.initialization import initialize
from translate.networks.projection import gather_all
from translate.networks.unet import UNET_GENERATORS
from translate.options import NetworkOptions

NCE_OF = {"A": "NCE", "B": "NCE_Y"}  # the loss of each domain's pictures


@dataclass(frozen=True)
class CutOptions:
    """Method cut"""

    CUT_mode: str = flag(
        "CUT", "CUT, or FastCUT: quicker, without the identity loss", choices=("CUT", "FastCUT"), fixed=True
    )
    gan_mode: str = flag("lsgan", "adversarial loss", choices=GAN_MODES)
    lambda_GAN: float = flag(1.0, "weight of the adversarial loss", low=0)
    lambda_NCE: float = flag(1.0, "weight of PatchNCE; FastCUT: 10", low=0)
    nce_idt: bool = flag(True, "PatchNCE between B and G(B) too; FastCUT: false")
    flip_equivariance: bool = flag(False, "ask that mirrored input gives mirrored output; FastCUT: true")
    nce_layers: str = flag(
        "0,4,8,12,16", "tapped layers of the generator, by index or name (pixels,down1,down2,res1,res5)", fixed=True
    )
    nce_T: float = flag(0.07, "temperature of PatchNCE", above=0)
    num_patches: int = flag(256, "patches a tapped layer and picture", low=1)
    nce_includes_all_negatives_from_minibatch: bool = flag(False, "negatives from the other pictures of the batch too")
    netF: str = flag("mlp_sample", "projection of patches: an MLP, or none", choices=PATCH_HEADS, fixed=True)
    netF_nc: int = flag(256, "width of its MLP", low=1, fixed=True)
    lambda_gp: float = flag(10.0, "weight of the gradient penalty of --gan_mode wgangp", low=0)
    lambda_R1: float = flag(0.0, "weight of the R1 penalty on real pictures", low=0)


class Contrast(NamedTuple):
    """Of which domains patches of outputs and inputs are compared in one pass.

    Attributes:
        places: (n, P) of each tapped map, for the pictures of all these domains.
        keys: patches (n, P, C) of the inputs' features, where the pass that translates them yields them.
    """

    domains: str
    places: list[Tensor]
    keys: list[Tensor] | None = None


@dataclass
class CutState:
    """What the players share in one step. Pictures (B, C, H, W) in [-1, 1]."""

    batch: Batch
    fake_B: Tensor  # mirrored where ``mirrored`` says so
    idt_B: Tensor | None
    mirrored: Tensor | None  # (B,) bool
    contrasts: list[Contrast]


class CUT(Method):
    """A generator against a patch discriminator, held to its input by PatchNCE at several of its own layers."""

    Options = CutOptions
    recordable = True
    netG = RESNET_GENERATORS
    unfit = dict.fromkeys(
        UNET_GENERATORS, "its skip connections carry the input past the layers whose patches the loss compares"
    )

    def __init__(
        self, options: CutOptions, networks: NetworkOptions, input_nc: int = 3, output_nc: int = 3, **own: Any
    ):
        super().__init__()
        self.options = options
        if options.lambda_NCE > 0 and input_nc != output_nc:
            raise InputError(
                f"PatchNCE passes pictures of both domains through one encoder, so --input_nc {input_nc} and "
                f"--output_nc {output_nc} must be equal: give both, or set --lambda_NCE 0"
            )
        if options.lambda_NCE == 0 and options.lambda_GAN == 0:
            raise InputError("--lambda_GAN and --lambda_NCE are both 0: nothing is left to learn; raise one of them")
        generator, discriminator = self.make_networks(networks, input_nc, output_nc, **own)
        self.taps = _resolve_taps(generator, options.nce_layers)
        head = build_patch_head(options.netF, generator.tap_channels(self.taps), options.netF_nc)
        self.networks = torch.nn.ModuleDict({"G": generator, "F": head, "D": discriminator})
        initialize(self.networks, networks.init_type, networks.init_gain)
        self.uses_nce = options.lambda_NCE > 0
        self.uses_identity = self.uses_nce and options.nce_idt
        self.translates_B = self.uses_identity
        self.players = {"G": ("G", "F") if self.uses_nce else ("G",)}
        if options.lambda_GAN > 0:
            self.players = {"D": ("D",), **self.players}
            self.games = (Game(("D_fake", "D_real"), "G_GAN"),)
        if self.uses_nce:
            self.falling = ("NCE", "NCE_Y") if self.uses_identity else ("NCE",)

    def make_networks(self, networks: NetworkOptions, input_nc: int, output_nc: int) -> tuple[nn.Module, nn.Module]:
        """Generator and discriminator."""
        return make_generator(networks, input_nc, output_nc), make_discriminator(networks, output_nc)

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """FastCUT's published settings; CUT's are the defaults of the flags."""
        if str(values.get("CUT_mode", "CUT")).lower() != "fastcut":
            return {}
        return {
            "nce_idt": False,
            "lambda_NCE": 10.0,
            "flip_equivariance": True,
            "n_epochs": 150,
            "n_epochs_decay": 50,
        }

    @property
    def title(self) -> str:
        return self.options.CUT_mode

    def check_size(self, side_px: int) -> None:
        """Refuse crops that leave the discriminator no patch to judge; any other becomes a multiple of the stride."""
        judges = [self.networks[name] for name in self.players.get("D", ())]
        check_inside(self.networks["G"], side_px)
        check_judged(judges, side_px, self.networks["G"].stride)

    def check_shared(self, processes: int, parts: int) -> None:
        """Refuse negatives from a whole batch of which only a piece is there."""
        if processes * parts > 1 and self.uses_nce and self.options.nce_includes_all_negatives_from_minibatch:
            raise InputError(
                "--nce_includes_all_negatives_from_minibatch needs the whole batch at once: set it to false, or train "
                "in one process with --accumulate 1"
            )

    def levels(self, side_px: int, batch_size: int) -> dict[str, Level]:
        """A draw of the game, and what PatchNCE is where each patch is as likely as any other."""
        levels = draw_levels(self.options.gan_mode, self.games, self.options.lambda_GAN)
        if self.uses_nce:
            places = [h * w for h, w in self.networks["G"].tap_sizes(side_px, side_px, self.taps)]
            pictures = batch_size if self.options.nce_includes_all_negatives_from_minibatch else 1
            surprises = [math.log(pictures * min(self.options.num_patches, n)) for n in places]
            guessing = Level("guessing", self.options.lambda_NCE * sum(surprises) / len(surprises))
            levels |= {"NCE": guessing, **({"NCE_Y": guessing} if self.uses_identity else {})}
        return levels

    def remedies(self) -> dict[str, str]:
        options = self.options
        found = {COLLAPSE: _closer(options), INVERSION: _upright(options)}
        if options.lambda_GAN > 0:
            found[WON] = _milder(options)
            found[BLIND] = _sharper(options)
        if options.lambda_NCE > 0:
            found[UNCHANGED] = _bolder(options)
        return found

    def draw(self, rng: np.random.Generator, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        """Positions (P_i,) in every tapped map of each domain, whether to mirror, the mix of WGAN-GP, and the noise
        maps of a generator that takes some."""
        drawn: dict[str, Any] = {}
        if self.uses_nce:
            for domain in self._domains:
                drawn[f"positions_{domain}"] = self._draw_positions(rng, *sizes[domain])
        if self.options.flip_equivariance:
            drawn["mirrors"] = rng.random() < 0.5
            drawn["mirrored"] = np.array([drawn["mirrors"]])  # the same for the device
        if self.options.gan_mode == "wgangp":
            drawn["mix"] = np.float32(rng.random())
        if getattr(self.networks["G"], "takes_noise", False):
            for domain in self._domains:
                maps = self.networks["G"].noise_sizes(*sizes[domain])
                drawn[f"noise_{domain}"] = [rng.standard_normal(size, dtype=np.float32) for size in maps]
        return drawn

    @property
    def _domains(self) -> str:
        """The domains whose pictures are translated."""
        return "AB" if self.translates_B else "A"

    @property
    def _compared(self) -> str:
        """Those of which patches are compared with the translation's."""
        return "" if not self.uses_nce else "AB" if self.uses_identity else "A"

    def _draw_positions(self, rng: np.random.Generator, height: int, width: int) -> list[np.ndarray]:
        places = [h * w for h, w in self.networks["G"].tap_sizes(height, width, self.taps)]
        return [rng.choice(n, min(self.options.num_patches, n), replace=False) for n in places]

    def forward(self, batch: Batch) -> CutState:
        """G(A) and, with the identity loss, G(B); patches of the encoder's features of A and B are kept if they can be.

        The features of the unmirrored input come out of the same pass that translates it. They equal those of a
        separate pass if nothing depends on the batch or on chance, and if nothing was mirrored.
        """
        flipped = self.options.flip_equivariance and bool(batch["mirrors"].any())
        mirrored = batch["mirrored"].squeeze(1) if flipped else None
        generator = self.networks["G"]
        reuse = generator.features_are_reusable and not flipped
        outputs: dict[str, Tensor] = {}
        contrasts: list[Contrast] = []
        for domains in _of_one_size(batch, self._domains):
            images = joined([mirror(batch[domain], mirrored) if flipped else batch[domain] for domain in domains])
            compared = "".join(domain for domain in domains if domain in self._compared)
            if compared and reuse:
                places = _of_domains(batch, "positions", compared)
                output, features = generator.forward_with_features(images, self.taps, **self._noise(batch, domains))
                keys = gather_all([feature.detach()[: len(places[0])] for feature in features], places)
                contrasts.append(Contrast(compared, places, keys))
            else:
                output = generator(images, **self._noise(batch, domains))
            outputs |= zip(domains, output.chunk(len(domains)), strict=True)
        if not reuse:
            # Where samples influence each other, statistics and dropout masks follow the order of the passes, which is
            # the reference's: query and key of A, then of B.
            apart = _of_one_size(batch, self._compared) if generator.features_are_reusable else self._compared
            contrasts = [Contrast(domains, _of_domains(batch, "positions", domains)) for domains in apart]
        return CutState(batch, outputs["A"], outputs.get("B"), mirrored, contrasts)

    def _noise(self, batch: Batch, domains: str) -> dict[str, list[Tensor]]:
        """What a generator that takes noise is given beside the pictures of the domains."""
        if f"noise_{domains[0]}" not in batch:
            return {}
        return {"noise": _of_domains(batch, "noise", domains)}

    def losses(self, player: str, state: CutState) -> tuple[Tensor, dict[str, Tensor]]:
        return self._discriminator_losses(state) if player == "D" else self._generator_losses(state)

    def _discriminator_losses(self, state: CutState) -> tuple[Tensor, dict[str, Tensor]]:
        discriminator, options = self.networks["D"], self.options
        fake, real = state.fake_B.detach(), state.batch["B"]
        on_fake, on_real = run_together(discriminator, [fake, real])
        named = {
            "D_fake": discriminator_loss(options.gan_mode, on_fake, real=False),
            "D_real": discriminator_loss(options.gan_mode, on_real, real=True),
        }
        total = 0.5 * (named["D_fake"] + named["D_real"])
        if options.gan_mode == "wgangp" and options.lambda_gp > 0:
            check_mixable(fake, real)
            with full_weights():  # penalties are not computed in half precision
                named["D_gp"] = options.lambda_gp * gradient_penalty(discriminator, real, fake, state.batch["mix"])
            total = total + named["D_gp"]
        if options.lambda_R1 > 0:
            with full_weights():
                named["D_R1"] = options.lambda_R1 * r1_penalty(discriminator, real)
            total = total + named["D_R1"]
        return total, named

    def _generator_losses(self, state: CutState) -> tuple[Tensor, dict[str, Tensor]]:
        named: dict[str, Tensor] = {}
        if self.options.lambda_GAN > 0:
            logits = self.networks["D"](state.fake_B)
            named["G_GAN"] = self.options.lambda_GAN * generator_loss(self.options.gan_mode, logits)
        if self.uses_nce:
            named |= self._contrastive_losses(state)
        contrast = named.get("NCE", state.fake_B.new_zeros(()))
        if self.uses_identity:
            # The reference takes the mean of both, not their sum; its published numbers come from that.
            contrast = 0.5 * (named["NCE"] + named["NCE_Y"])
        total = named["G_GAN"] + contrast if "G_GAN" in named else contrast
        return total, {"G": total, **named}

    def _contrastive_losses(self, state: CutState) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for contrast in state.contrasts:
            found |= zip(contrast.domains, self._nce(state, contrast).unbind(), strict=True)
        return {NCE_OF[domain]: loss for domain, loss in found.items()}

    def _nce(self, state: CutState, contrast: Contrast) -> Tensor:
        """lambda_NCE times PatchNCE between patches of the outputs and of their inputs, for each domain."""
        generator, head, options = self.networks["G"], self.networks["F"], self.options
        outputs = {"A": state.fake_B, "B": state.idt_B}
        mirrored = None if state.mirrored is None else state.mirrored.repeat(len(contrast.domains))
        features = generator.features(joined([outputs[domain] for domain in contrast.domains]), self.taps)
        queries = _patches(features, contrast.places, mirrored)
        with torch.no_grad():  # the key is a target: neither the encoder nor the head learns from its side
            keys = contrast.keys
            if keys is None:
                sources = joined([state.batch[domain] for domain in contrast.domains])
                keys = gather_all(generator.features(sources, self.taps), contrast.places)
            keys = head.project(keys)
        negatives = "batch" if options.nce_includes_all_negatives_from_minibatch else "image"
        count = len(contrast.domains)
        return options.lambda_NCE * multilayer_patch_nce(head.project(queries), keys, options.nce_T, negatives, count)

    def pictures(self, state: CutState) -> dict[str, Tensor]:
        named = {"real_A": state.batch["A"], "fake_B": state.fake_B, "real_B": state.batch["B"]}
        if state.idt_B is not None:
            named["idt_B"] = state.idt_B
        upright = {
            label: mirror(images, state.mirrored)
            if state.mirrored is not None and label in ("fake_B", "idt_B")
            else images
            for label, images in named.items()
        }
        return {label: images[0].detach() for label, images in upright.items()}


def _closer(options: CutOptions) -> str:
    """What ties translations to their inputs."""
    if options.lambda_NCE == 0:
        return "give --lambda_NCE 1, since without PatchNCE nothing ties a translation to its input"
    return (
        f"a higher --lambda_NCE (it is {options.lambda_NCE:g}), which ties a translation to its input; more, and more "
        "different, pictures in domain B; a lower --lr"
    )


def _bolder(options: CutOptions) -> str:
    """What moves translations away from their inputs."""
    if options.lambda_GAN == 0:
        return "give --lambda_GAN 1, since without it nothing asks for domain B"
    mode = ", or --CUT_mode CUT" if options.CUT_mode == "FastCUT" else ""
    return (
        f"a lower --lambda_NCE (it is {options.lambda_NCE:g}; try 1, or half of it){mode}; crops that are large enough "
        "to show what tells the domains apart"
    )


def _milder(options: CutOptions) -> str:
    """What keeps the discriminator from winning outright."""
    freer = f"a lower --lambda_NCE (it is {options.lambda_NCE:g}), which leaves the generator free to answer, or "
    raised = f"a higher --lambda_R1 (it is {options.lambda_R1:g})" if options.lambda_R1 else "--lambda_R1 0.02"
    return f"{freer if options.lambda_NCE > 1 else ''}{raised} or a smaller --ndf, which hold the discriminator back"


def _upright(options: CutOptions) -> str:
    """What keeps colours as they are."""
    identity = "" if options.nce_idt and options.lambda_NCE > 0 else "--nce_idt true with --lambda_NCE 1 or more, "
    return (
        f"{identity}a higher --lambda_NCE (it is {options.lambda_NCE:g}), a smaller --init_gain, or another --seed; if "
        "domain B is meant to look so, nothing is wrong"
    )


def _sharper(options: CutOptions) -> str:
    """What lets the discriminator learn again."""
    held = f"a lower --lambda_R1 (it is {options.lambda_R1:g}), " if options.lambda_R1 else ""
    return f"{held}a lower --lr, or a larger --ndf; and see whether the two domains differ at all"


def mirror(images: Tensor, mirrored: Tensor) -> Tensor:
    """Flip left and right those samples of (B, C, H, W) for which ``mirrored`` (B,) is true."""
    return torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)


def _of_one_size(batch: Batch, domains: str) -> Sequence[str]:
    """The domains, together where their pictures have one size."""
    return [domains] if len({batch[domain].shape for domain in domains}) == 1 else list(domains)


def _of_domains(batch: Batch, name: str, domains: str) -> list[Tensor]:
    """What ``draw`` gives by a name, such as positions (n, P) in each tapped map, for all pictures of the domains."""
    return [joined(level) for level in zip(*(batch[f"{name}_{domain}"] for domain in domains), strict=True)]


def _patches(features: list[Tensor], positions: list[Tensor], mirrored: Tensor | None) -> list[Tensor]:
    """Feature vectors (B, P, C) of each tap at places (B, P) of the unmirrored picture."""
    if mirrored is not None:
        positions = [
            torch.where(mirrored[:, None], _opposite(places, f.shape[3]), places)
            for f, places in zip(features, positions, strict=True)
        ]
    return gather_all(features, positions)


def _opposite(places: Tensor, width: int) -> Tensor:
    """The places to which those of a map of that width are mirrored, left and right exchanged."""
    return places + (width - 1) - 2 * (places % width)


def _resolve_taps(generator: Any, text: str) -> list[int]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    try:
        taps = generator.resolve_taps([int(word) if word.lstrip("-").isdigit() else word for word in words])
    except ValueError as error:
        raise InputError(f"--nce_layers {text}: {error}") from None
    if not taps:
        raise InputError("--nce_layers is empty: name at least one layer, e.g. 0,4,8,12,16")
    return taps
