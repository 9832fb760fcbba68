"""SinCUT: CUT between two single pictures (Park, Efros, Zhang, Zhu, ECCV 2020, arXiv:2007.15651, section 4.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from translate.errors import InputError
from translate.flags import flag
from translate.losses.adversarial import GAN_MODES
from translate.losses.reconstruction import l1
from translate.methods.base import Method
from translate.methods.building import check_crop, make_discriminator, make_generator
from translate.methods.cut import CUT, CutOptions, CutState, mirror
from translate.methods.health import INVERSION, UNCHANGED
from translate.networks import RESNET_GENERATORS
from translate.networks.stylegan2 import STYLEGAN2_GENERATORS
from translate.options import NetworkOptions

PUBLISHED = {
    "netG": "stylegan2",
    "netD": "stylegan2",
    "ngf": 10,
    "ndf": 8,
    "preprocess": "zoom_and_patch",
    "random_scale_max": 3.0,
    "load_size": 1024,
    "crop_size": 64,
    "batch_size": 16,
    "n_epochs": 8,
    "n_epochs_decay": 8,
    "lr": 0.002,
    "beta1": 0.0,
    "beta2": 0.99,
    "save_latest_freq": 20_000,
    "save_epoch_freq": 1,
}


@dataclass(frozen=True)
class SinCutOptions(CutOptions):
    """Method sincut"""

    gan_mode: str = flag("nonsaturating", "adversarial loss", choices=GAN_MODES)
    lambda_NCE: float = flag(4.0, "weight of PatchNCE; FastCUT: 10", low=0)
    nce_layers: str = flag(
        "0,2,4", "tapped layers of the generator, by index or name (pixels,down1,res1,res2); smallstylegan2: 0,2,3",
        fixed=True,
    )  # fmt: skip
    num_patches: int = flag(1, "patches a tapped layer and crop", low=1)
    nce_includes_all_negatives_from_minibatch: bool = flag(True, "negatives from the other crops of the batch too")
    lambda_R1: float = flag(1.0, "weight of the R1 penalty on real crops, in each step", low=0)
    lambda_identity: float = flag(1.0, "weight of the L1 distance between B and G(B)", low=0)
    stylegan2_G_num_downsampling: int = flag(1, "how often the generator halves the picture", low=1, high=4, fixed=True)


class SinCUT(CUT):
    """CUT on small crops of one picture of each domain; the crops of a batch are each other's negatives.

    Its networks have no norm, since the statistics of a crop say more about where it lies than about the picture, and
    the discriminator is held by R1.
    """

    Options = SinCutOptions
    needs = "singleimage"
    sized = True
    netG = STYLEGAN2_GENERATORS
    netD = ("stylegan2", *Method.netD)
    unfit = CUT.unfit | dict.fromkeys(
        RESNET_GENERATORS, "its norms would make the colours of a place depend on the crop around it"
    )
    test_size = preview_size = "original"

    def __init__(
        self,
        options: SinCutOptions,
        networks: NetworkOptions,
        input_nc: int = 3,
        output_nc: int = 3,
        crop_size: int = PUBLISHED["crop_size"],
    ):
        super().__init__(options, networks, input_nc, output_nc, crop_size=crop_size)
        if options.lambda_identity > 0 and input_nc != output_nc:
            raise InputError(
                f"the identity loss gives the generator pictures of B, so --input_nc {input_nc} and --output_nc "
                f"{output_nc} must be equal: give both, or set --lambda_identity 0"
            )
        if self.uses_nce and options.num_patches == 1 and not options.nce_includes_all_negatives_from_minibatch:
            raise InputError(
                "--num_patches 1 leaves PatchNCE no negatives without --nce_includes_all_negatives_from_minibatch: "
                "raise --num_patches"
            )
        self.translates_B = self.uses_identity or options.lambda_identity > 0
        if options.lambda_identity > 0:
            self.falling = (*self.falling, "idt")

    def make_networks(
        self, networks: NetworkOptions, input_nc: int, output_nc: int, crop_size: int
    ) -> tuple[nn.Module, nn.Module]:
        downsampling = self.options.stylegan2_G_num_downsampling
        generator = make_generator(
            networks, input_nc, output_nc, crop_size=crop_size, stylegan2_G_num_downsampling=downsampling
        )
        own = {"crop_size": crop_size} if networks.netD == "stylegan2" else {}
        return generator, make_discriminator(networks, output_nc, **own)

    @staticmethod
    def defaults(values: Mapping[str, Any]) -> dict[str, Any]:
        """The published settings; with FastCUT its losses, for as long."""
        losses = ("nce_idt", "lambda_NCE", "flip_equivariance")
        fast = {name: value for name, value in CUT.defaults(values).items() if name in losses}
        small = {"nce_layers": "0,2,3"} if str(values.get("netG")).lower() == "smallstylegan2" else {}
        return {**PUBLISHED, **fast, **small}

    @property
    def title(self) -> str:
        return "SinCUT" if self.options.CUT_mode == "CUT" else "SinCUT (FastCUT)"

    def check_size(self, side_px: int) -> None:
        """Refuse crops that the generator cannot halve, or that leave the discriminator nothing to judge."""
        check_crop(self.networks["G"], [self.networks[name] for name in self.players.get("D", ())], side_px)

    def remedies(self) -> dict[str, str]:
        """Those of CUT; the identity loss keeps colours, and too much of it keeps everything."""
        found, weight = super().remedies(), self.options.lambda_identity
        if weight > 0 and UNCHANGED in found:
            found[UNCHANGED] += f"; a lower --lambda_identity (it is {weight:g})"
        if weight == 0:
            found[INVERSION] = f"--lambda_identity 1, {found[INVERSION]}"
        return found

    def _generator_losses(self, state: CutState) -> tuple[Tensor, dict[str, Tensor]]:
        total, named = super()._generator_losses(state)
        if self.options.lambda_identity > 0:
            real_B = state.batch["B"]
            target = real_B if state.mirrored is None else mirror(real_B, state.mirrored)
            named["idt"] = self.options.lambda_identity * l1(state.idt_B, target)
            total = total + named["idt"]
        return total, {**named, "G": total}
