"""A context encoder (Pathak et al. 2016, arXiv:1604.07379) in a plain loop: landscapes with a hole, filled.

python examples/context_encoder.py --steps 600
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from translate.data.tensors import to_image, to_uint8
from translate.losses.reconstruction import masked_l2
from translate.masks import centre_mask
from translate.networks import build_generator
from translate.networks.initialization import initialize


def landscapes(count: int) -> Tensor:
    """A sky, a sun and two ranges of hills, drawn at random: (count, 3, 64, 64) in [-1, 1]."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")

    def between(low: float, high: float, channels: int = 1) -> Tensor:
        return low + (high - low) * torch.rand(count, channels, 1, 1)

    def shade() -> Tensor:  # from one colour above to another below
        return torch.lerp(between(-1, 1, 3), between(-1, 1, 3), (y + 1) / 2)

    pictures = shade()
    sun = (x - between(-0.7, 0.7)) ** 2 + (y - between(-0.8, 0.2)) ** 2 < between(0.1, 0.5) ** 2
    pictures = torch.where(sun, between(-1, 1, 3), pictures)
    for height in (-0.2, 0.3):
        wave = torch.sin(between(2, 6) * x + between(0, 6.3))
        crest = between(height - 0.3, height + 0.3) + between(0.05, 0.3) * wave
        pictures = torch.where(y > crest, shade(), pictures)
    return pictures


parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=600)
parser.add_argument("--out", type=Path, default=Path("examples_out/context_encoder.png"))
flags = parser.parse_args()
torch.manual_seed(0)
train, truth = landscapes(4000), landscapes(64)
hole = torch.from_numpy(centre_mask(64, 64, 24))[None, None]  # (1, 1, 64, 64), True inside
G = initialize(build_generator("context_encoder_64", ngf=16, normG="none", bottleneck=128, whole=True), "kaiming")
G.hole.copy_(train.mean((0, 2, 3)))  # what a hole is filled with before the network sees it
adam = torch.optim.Adam(G.parameters(), lr=2e-3, betas=(0.5, 0.999))
for step in range(1, flags.steps + 1):
    real = train[torch.randint(len(train), (16,))]
    loss = masked_l2(G(G.punch(real, hole)), real, hole.float())  # of the hole alone
    adam.zero_grad()
    loss.backward()
    adam.step()
    if step % 100 == 0 or step == flags.steps:
        print(f"step {step}: L2 in the hole {loss:.3f}")

with torch.no_grad():
    punched = G.punch(truth, hole)
    filled = torch.where(hole, G(punched), truth)
own = torch.where(hole, (truth * ~hole).sum((2, 3), keepdim=True) / (~hole).sum(), truth)
for name, guess in (("mean colour of the rest of each picture", own), ("network", filled)):
    error = (127.5 * (guess - truth))[hole.expand_as(truth)].square().mean()
    print(f"PSNR in the hole, {name}: {10 * torch.log10(255**2 / error):.2f} dB")
flags.out.parent.mkdir(parents=True, exist_ok=True)
rows = torch.cat([punched, filled, truth], dim=3)[:6]
to_image(to_uint8(torch.cat(list(rows), dim=1))).save(flags.out)
