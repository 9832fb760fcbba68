"""What the golden files of single-picture translation are about."""

from typing import Any

import formula
from torch import Tensor

STEP_SIZE = (16, 16)
NOISE = 500  # where in the formula the noise begins
COUNT = 4
BASE: dict[str, Any] = {
    "model": "sincut", "ngf": 1, "ndf": 1, "netF_nc": 16, "batch_size": COUNT, "crop_size": STEP_SIZE[0],
}  # fmt: skip
STEPS: dict[str, dict[str, Any]] = {
    "stylegan2": {},
    "smallstylegan2": {"netG": "smallstylegan2", "nce_layers": "0,2,3"},
    "two downsamplings": {"stylegan2_G_num_downsampling": 2, "nce_layers": "0,2,3,5"},
    "negatives of the same crop": {"nce_includes_all_negatives_from_minibatch": False, "num_patches": 8},
}


def noise(height: int, width: int) -> Tensor:
    """The noise (2B, H, W) of a step for the crops of A and then of B."""
    return formula.tensor((2 * COUNT, height, width), NOISE)
