"""CUT (Park et al. 2020, arXiv:2007.15651) in a plain loop: grey photographs at dusk, learned without pairs.

python examples/cut.py --steps 400 (small enough for a CPU: neither networks nor settings are the paper's)
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from translate.data.sample import crop, cut, read_photographs, regions
from translate.data.tensors import to_image, to_signed, to_uint8
from translate.losses.adversarial import discriminator_loss, generator_loss, r1_penalty
from translate.losses.contrastive import multilayer_patch_nce
from translate.networks import build_discriminator, build_generator, build_patch_head
from translate.networks.initialization import initialize

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--out", type=Path, default=Path("examples_out/cut.png"))
flags = parser.parse_args()
torch.manual_seed(0)
rng = np.random.default_rng(0)
photographs = read_photographs()
cells = regions(photographs)  # squares of the photographs, in three groups that share no pixel


def squares(region, count):
    chosen = [cells[region][i] for i in rng.integers(len(cells[region]), size=count)]
    pictures = np.stack([crop(cut(photographs[cell.photograph], cell), 64, rng) for cell in chosen])
    return to_signed(torch.from_numpy(pictures).permute(0, 3, 1, 2))  # (N, 3, 64, 64) in [-1, 1], grey


def dusk(grey):  # blue shadows, red middle tones, yellow lights: what is to be found out
    stops = to_signed(torch.tensor([[25, 20, 90], [205, 85, 95], [255, 235, 170]])).view(3, 3, 1, 1)
    return torch.where(grey < 0, torch.lerp(stops[1], stops[0], -grey), torch.lerp(stops[1], stops[2], grey))


train_A, train_B, test_A = squares("A", 400)[..., :32, :32], dusk(squares("B", 400))[..., :32, :32], squares("test", 24)
G, D = initialize(build_generator("resnet_4blocks", ngf=8)), initialize(build_discriminator("n_layers", 3, 8, 2))
taps = G.resolve_taps(["pixels", "down1", "res2"])  # layers whose features are compared
F = initialize(build_patch_head("mlp_sample", G.tap_channels(taps), 64))
adam_G = torch.optim.Adam([*G.parameters(), *F.parameters()], lr=1e-3, betas=(0.5, 0.999))
adam_D = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))
for step in range(1, flags.steps + 1):
    real_A, real_B = (pictures[torch.randint(400, (4,))] for pictures in (train_A, train_B))
    fake_B, keys = G.forward_with_features(real_A, taps)
    loss_D = discriminator_loss("lsgan", D(real_B), real=True) + discriminator_loss("lsgan", D(fake_B.detach()), False)
    adam_D.zero_grad()
    (0.5 * loss_D + 0.02 * r1_penalty(D, real_B)).backward()
    adam_D.step()
    # Each patch of the output must pick out the patch of the input at its own place among 64 of them.
    places = [torch.rand(4, height * width).argsort()[:, :64] for height, width in G.tap_sizes(32, 32, taps)]
    nce = multilayer_patch_nce(F(G.features(fake_B, taps), places), F(keys, places)).mean()
    adam_G.zero_grad()
    (generator_loss("lsgan", D(fake_B)) + 10 * nce).backward()
    adam_G.step()
    if step % 50 == 0 or step == flags.steps:
        print(f"step {step}: D {loss_D:.3f}, PatchNCE {nce:.3f}")
with torch.no_grad():
    fake, truth = G(test_A), dusk(test_A)
error, untouched = (127.5 * (pictures - truth).square().mean().sqrt() for pictures in (fake, test_A))
print(f"error to the truth: {error:.1f} grey levels (RMS); of the untouched input: {untouched:.1f}")
flags.out.parent.mkdir(parents=True, exist_ok=True)
rows = torch.cat([test_A, fake, truth], dim=3)[:6]  # side by side
to_image(to_uint8(torch.cat(list(rows), dim=1))).save(flags.out)
