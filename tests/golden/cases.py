"""The cases of the golden files: flags that mean the same to the reference and here."""

from itertools import product
from typing import Any

import formula
from torch import Tensor

NORMS = ("instance", "batch", "none")
TAPS = [0, 4, 8, 12, 16]

ANTIALIASING = (
    {},
    {"no_antialias": True},
    {"no_antialias_up": True},
    {"no_antialias": True, "no_antialias_up": True},
)

GENERATORS: dict[str, dict[str, Any]] = {
    "-".join([netG, norm, *antialiasing]): {"netG": netG, "ngf": 4, "normG": norm, **antialiasing}
    for netG, norm, antialiasing in product(("resnet_9blocks", "resnet_6blocks", "resnet_4blocks"), NORMS, ANTIALIASING)
}
# Compared in evaluation mode: the same weights and places in the state dict.
DROPOUT = {"dropout": {"netG": "resnet_9blocks", "ngf": 4, "no_dropout": False}}
# Sizes that are no multiple of the stride, and a picture that is not square.
GENERATOR_SIZE = (26, 35)

DISCRIMINATORS: dict[str, dict[str, Any]] = {
    "-".join([netD, str(layers), norm, *antialiasing]): {
        "netD": netD, "n_layers_D": layers, "ndf": 4, "normD": norm, **antialiasing
    }
    for (netD, layers), norm, antialiasing in product(
        (("basic", 3), ("n_layers", 1), ("n_layers", 2), ("n_layers", 4), ("n_layers", 5), ("pixel", 3)),
        NORMS,
        ({}, {"no_antialias": True}),
    )
}  # fmt: skip
DISCRIMINATOR_SIZE = (130, 133)

PATCH_HEADS = {
    "mlp_sample": {"netF": "mlp_sample", "patches": 10},
    "mlp_sample, every place": {"netF": "mlp_sample", "patches": 1000},
    "sample": {"netF": "sample", "patches": 10},
}

GAN_MODES = ("lsgan", "vanilla", "nonsaturating", "wgangp")

SMALL = {"ngf": 4, "ndf": 4, "netF_nc": 16, "num_patches": 40}
STEP_SIZE = (32, 32)
# Flags of a step; whether it is mirrored is the reference's draw, not a flag.
STEPS: dict[str, tuple[dict[str, Any], bool]] = {
    "CUT": ({}, False),
    "CUT, batch 2": ({"batch_size": 2}, False),
    "FastCUT, upright": ({"CUT_mode": "FastCUT"}, False),
    "FastCUT, mirrored": ({"CUT_mode": "FastCUT"}, True),
    "FastCUT, mirrored, batch 2": ({"CUT_mode": "FastCUT", "batch_size": 2}, True),
    "negatives from the minibatch": ({"batch_size": 2, "nce_includes_all_negatives_from_minibatch": True}, False),
    "other weights": ({"lambda_GAN": 0.3, "lambda_NCE": 2.5, "nce_T": 0.2}, False),
    "without identity": ({"nce_idt": False}, False),
    "identity and flips": ({"flip_equivariance": True, "batch_size": 2}, True),
    "batch norm": ({"batch_size": 2, "normG": "batch", "normD": "batch"}, False),
    "without norm": ({"normG": "none", "normD": "none"}, False),
    "without anti-aliasing": ({"no_antialias": True, "no_antialias_up": True}, False),
    "last tap before a norm": ({"nce_layers": "0,2", "batch_size": 2}, False),
    "last tap without norm": ({"nce_layers": "0,4", "normG": "none"}, False),
    "vanilla": ({"gan_mode": "vanilla"}, False),
    "nonsaturating": ({"gan_mode": "nonsaturating", "batch_size": 2}, False),
}

TRAINING = {"CUT": {}, "FastCUT": {"CUT_mode": "FastCUT"}}
TRAINING_STEPS = 10


def pictures(count: int, size: tuple[int, int], step: int) -> dict[str, Tensor]:
    """The batch of a step."""
    return {name: formula.picture(count, 3, *size, number=10 * step + 4 * i) for i, name in enumerate("AB")}


def first_draw(step: int) -> int:
    """Where in the formula the permutations of a step begin: one a tap for A, then one a tap for B."""
    return 100 * step


def is_mirrored(step: int) -> bool:
    """Whether a step of a training is mirrored (FastCUT)."""
    return step % 3 == 0


def patch_features() -> list[Tensor]:
    """Feature maps for the patch heads; their positions begin at draw 1."""
    return [formula.tensor(shape, 20 + i) for i, shape in enumerate([(2, 3, 9, 8), (2, 7, 5, 5), (2, 12, 4, 6)])]


def logits() -> Tensor:
    """Logits for the adversarial losses, of both signs."""
    return 3 * formula.tensor((2, 1, 5, 6), 30)
