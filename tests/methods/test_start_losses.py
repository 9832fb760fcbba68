"""Where each method starts: its losses on photographs, with the published networks and their initialisation."""

import numpy as np
import pytest
import torch
from skimage import data

from translate.data.tensors import to_signed
from translate.settings import resolve
from translate.training.job import build_method

SIDE_PX = {"pix2pix": 256, "context_encoder": 128}  # as small as the published networks allow; 64 for the others

# The range that seeds 0 to 4 gave. Most are no round numbers, since a fresh discriminator's logits are not zero.
RECORDED = {
    "cut": {"D_fake": (0, 0), "D_real": (1, 1), "G_GAN": (1, 1), "NCE": (6.17, 6.63), "NCE_Y": (5.80, 6.63)},
    "cycle_gan": {
        "G_A": (0.93, 3.46), "cycle_A": (5.40, 7.24), "G_B": (1.19, 2.12), "cycle_B": (5.60, 8.12),
        "idt_A": (2.76, 4.01), "idt_B": (2.59, 3.57), "D_A": (1.54, 2.39), "D_B": (1.38, 1.62),
    },
    "pix2pix": {"D_fake": (0.61, 1.15), "D_real": (0.60, 1.19), "G_GAN": (0.60, 1.15), "G_L1": (39.0, 43.8)},
    "context_encoder": {
        "D_fake": (0.12, 2.06), "D_real": (0.25, 1.20), "G_L2": (0.71, 0.88), "G_GAN": (0.0002, 0.0022),
    },
    "sincut": {
        "D_fake": (0.57, 2.02), "D_real": (0.57, 0.97), "D_R1": (0.0003, 0.0005), "G_GAN": (0.16, 0.85),
        "NCE": (4.07, 12.1), "NCE_Y": (3.09, 13.2), "idt": (0.40, 2.09),
    },
    "colorization": {"classes": (np.log(313), np.log(313)), "L2": (6.667, 6.667)},  # all bins alike, and grey
}  # fmt: skip


@pytest.mark.parametrize("model", RECORDED)
def test_losses_start_inside_the_recorded_band(model):
    found = start_losses(model, seed=7)
    for name, (low, high) in RECORDED[model].items():
        slack = 1.5 if high > low else 1.001  # five seeds do not show the ends of a distribution
        assert low / slack - 1e-3 <= found[name] <= high * slack + 1e-3, name


def start_losses(model, seed):
    side = SIDE_PX.get(model, 64)
    flags = {"model": model, "dataroot": "none", "seed": seed, "load_size": side, "crop_size": side}
    method = build_method(resolve(flags).with_values(input_nc=3, output_nc=3))
    batch = {"A": photographs(side, data.astronaut, data.coffee), "B": photographs(side, data.chelsea, data.rocket)}
    rng = np.random.default_rng(seed)
    batch |= stacked([method.draw(rng, {"A": (side, side), "B": (side, side)}) for _ in range(2)])
    state = method(batch)
    return {name: loss.item() for player in method.players for name, loss in method.losses(player, state)[1].items()}


def photographs(side, *sources):
    corners = [source()[40 : 40 + side, 40 : 40 + side].copy() for source in sources]
    return to_signed(torch.stack([torch.from_numpy(corner).permute(2, 0, 1) for corner in corners]))


def stacked(draws):
    """The draws of several samples as a batch holds them."""
    return {name: stack([draw[name] for draw in draws]) for name in draws[0]}


def stack(values):
    if isinstance(values[0], list):
        return [stack(list(each)) for each in zip(*values, strict=True)]
    return torch.from_numpy(np.stack([np.asarray(value) for value in values]))
