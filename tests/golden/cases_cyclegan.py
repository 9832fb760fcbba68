"""The cases of ``cyclegan.json``: flags that mean the same to pytorch-CycleGAN-and-pix2pix and here."""

from itertools import product
from typing import Any

from cases import NORMS

STRIDED = {"no_antialias": True, "no_antialias_up": True}
DOMAINS = "BA"  # in the order in which the reference asks its pools

UNETS: dict[str, dict[str, Any]] = {
    f"{netG}-{norm}": {"netG": netG, "ngf": 2, "normG": norm} for netG, norm in product(("unet_256", "unet_128"), NORMS)
}
UNET_SIZES = {"unet_256": (256, 256), "unet_128": (256, 128)}

RESNETS: dict[str, dict[str, Any]] = {
    f"{netG}-{norm}": {"netG": netG, "ngf": 4, "normG": norm, **STRIDED}
    for netG, norm in product(("resnet_9blocks", "resnet_6blocks"), NORMS)
}

PATCHGANS: dict[str, dict[str, Any]] = {
    "-".join([netD, str(layers), norm, f"{channels} channels"]): {
        "netD": netD, "n_layers_D": layers, "ndf": 4, "normD": norm, "no_antialias": True, "input_nc": channels
    }
    for (netD, layers), norm, channels in product((("basic", 3), ("n_layers", 2), ("pixel", 3)), NORMS, (3, 6))
}  # fmt: skip

STEPS = 5
STEP_SIZE = (32, 32)
CYCLE_GAN = {"model": "cycle_gan", "netG": "resnet_6blocks", "ngf": 2, "ndf": 2, "pool_size": 2}
CYCLE_GAN_CASES: dict[str, dict[str, Any]] = {
    "CycleGAN": {},
    "batch 2": {"batch_size": 2, "pool_size": 3},
    "other weights": {"lambda_A": 3.0, "lambda_B": 7.0, "lambda_identity": 0.2},
    "without identity and pool, vanilla": {"lambda_identity": 0.0, "pool_size": 0, "gan_mode": "vanilla"},
    "batch norm": {"batch_size": 2, "normG": "batch", "normD": "batch"},
}

PIX2PIX_SIZE = (128, 128)
# Without dropout, whose masks are torch's; the script compares them too.
PIX2PIX = {"model": "pix2pix", "netG": "unet_128", "ngf": 2, "ndf": 2, "no_dropout": True}
PIX2PIX_CASES: dict[str, dict[str, Any]] = {
    "pix2pix": {},
    "instance norm, lsgan, batch 2": {
        "batch_size": 2, "normG": "instance", "normD": "instance", "gan_mode": "lsgan", "lambda_L1": 10.0
    },
}  # fmt: skip


def pool_draws(step: int, count: int, size: int) -> dict[str, list[int]]:
    """What each pool is told to do with each picture of a step: a place to swap it into, or -1."""
    draws = {}
    for number, domain in enumerate(DOMAINS):
        values = [(5 * step + 2 * sample + 3 * number) % (size + 2) for sample in range(count)]
        draws[domain] = [value if value < size else -1 for value in values]
    return draws
