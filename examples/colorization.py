"""Colorization (Zhang et al. 2016, arXiv:1603.08511) in a plain loop: 313 colours from lightness.

python examples/colorization.py --steps 150
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data

from translate.data.tensors import to_image, to_signed, to_tensor, to_uint8
from translate.losses.classification import multinomial_loss
from translate.networks import build_generator
from translate.networks.colorizer import paint
from translate.networks.gamut import ab_histogram, class_weights, gamut_bins, soft_encode, soft_prior
from translate.networks.initialization import initialize
from translate.networks.lab import rgb_to_lab

PHOTOGRAPHS = (data.astronaut(), data.coffee(), data.chelsea())  # uint8 (H, W, 3)


def squares(photographs: Sequence[np.ndarray], count: int) -> torch.Tensor:
    """Random squares of the photographs, (count, 3, 64, 64) in [-1, 1]."""
    chosen = []
    for index in range(count):
        photograph, side = photographs[index % len(photographs)], int(rng.integers(80, 200))
        top, left = (int(rng.integers(length - side)) for length in photograph.shape[:2])
        square = Image.fromarray(photograph[top : top + side, left : left + side]).resize((64, 64))
        chosen.append(to_tensor(square))
    return to_signed(torch.stack(chosen))


parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=150)
parser.add_argument("--out", type=Path, default=Path("examples_out/colorization.png"))
flags = parser.parse_args()
torch.manual_seed(0)
rng = np.random.default_rng(0)

# The left halves of the photographs teach, the right halves test.
train = rgb_to_lab(squares([photograph[:, : photograph.shape[1] // 2] for photograph in PHOTOGRAPHS], 600))
truth = rgb_to_lab(squares([photograph[:, photograph.shape[1] // 2 :] for photograph in PHOTOGRAPHS], 24))
bins = gamut_bins().float()
weights = class_weights(soft_prior(ab_histogram(train[:, 1:]).float(), bins), mix=0.5).float()
net = initialize(build_generator("colorizer_small", ngf=16, normG="batch"), "kaiming")
adam = torch.optim.Adam(net.parameters(), lr=1e-3)
for step in range(1, flags.steps + 1):
    lightness, ab = train[torch.randint(len(train), (16,))].split((1, 2), dim=1)
    indices, shares = soft_encode(ab[..., 2::4, 2::4], bins)  # colours are predicted for every fourth pixel
    loss = multinomial_loss(net(lightness).logits, indices, shares, weights)
    adam.zero_grad()
    loss.backward()
    adam.step()
    if step % 25 == 0 or step == flags.steps:
        print(f"step {step}: classification {loss:.3f} (all colours alike: {np.log(313):.3f})")

net.eval()
lightness, ab = truth.split((1, 2), dim=1)
with torch.no_grad():
    coloured = paint(lightness, net.decode(net(lightness).logits, temperature=0.38))
for name, guess in (("grey", torch.zeros_like(ab)), ("network", rgb_to_lab(coloured)[:, 1:])):
    print(f"colour error, {name}: {(guess - ab).square().sum(1).mean().sqrt():.1f} ab units (RMS)")
flags.out.parent.mkdir(parents=True, exist_ok=True)
rows = torch.cat([paint(lightness, torch.zeros_like(ab)), coloured, paint(lightness, ab)], dim=3)[:6]
to_image(to_uint8(torch.cat(list(rows), dim=1))).save(flags.out)
