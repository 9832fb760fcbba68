"""CycleGAN (Zhu et al. 2017, arXiv:1703.10593) in a plain loop: heather into the shadows, and out of them.

python examples/cycle_gan.py --steps 200
"""

import argparse
import tempfile
from pathlib import Path

import torch
from PIL import Image

from translate.data.listing import list_pictures
from translate.data.sample import make_sample
from translate.data.tensors import to_image, to_signed, to_tensor, to_uint8
from translate.losses.adversarial import discriminator_loss, generator_loss
from translate.losses.reconstruction import l1
from translate.networks import build_discriminator, build_generator
from translate.networks.initialization import initialize

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--out", type=Path, default=Path("examples_out/cycle_gan.png"))
flags = parser.parse_args()
torch.manual_seed(0)

with tempfile.TemporaryDirectory() as folder:
    make_sample(Path(folder), size=64)

    def read(name: str) -> torch.Tensor:  # (N, 3, 64, 64) in [-1, 1]
        pictures = [Image.open(path).convert("RGB") for path in list_pictures(Path(folder) / name)]
        return to_signed(torch.stack([to_tensor(picture) for picture in pictures]))

    train_A, train_B, test_A, truth = map(read, ("trainA", "trainB", "testA", "testA_truth"))

G_A, G_B = (initialize(build_generator("resnet_4blocks", ngf=16)) for _ in range(2))  # A to B, and back
D_A, D_B = (initialize(build_discriminator("basic", ndf=16)) for _ in range(2))  # of pictures of B, and of A
adam_G = torch.optim.Adam([*G_A.parameters(), *G_B.parameters()], lr=1e-3, betas=(0.5, 0.999))
adam_D = torch.optim.Adam([*D_A.parameters(), *D_B.parameters()], lr=1e-3, betas=(0.5, 0.999))

for step in range(1, flags.steps + 1):
    real_A, real_B = (pictures[torch.randint(len(pictures), (1,))] for pictures in (train_A, train_B))
    fake_B, fake_A = G_A(real_A), G_B(real_B)
    cycles = l1(G_B(fake_B), real_A) + l1(G_A(fake_A), real_B)
    identities = l1(G_A(real_B), real_B) + l1(G_B(real_A), real_A)
    fooled = generator_loss("lsgan", D_A(fake_B)) + generator_loss("lsgan", D_B(fake_A))
    loss_G = fooled + 2 * cycles + 1 * identities
    adam_G.zero_grad()
    loss_G.backward()
    adam_G.step()
    loss_D = torch.zeros(())
    for D, real, fake in ((D_A, real_B, fake_B), (D_B, real_A, fake_A)):
        loss_D = loss_D + 0.5 * discriminator_loss("lsgan", D(real), real=True)
        loss_D = loss_D + 0.5 * discriminator_loss("lsgan", D(fake.detach()), real=False)
    adam_D.zero_grad()
    loss_D.backward()
    adam_D.step()
    if step % 50 == 0 or step == flags.steps:
        print(f"step {step}: D {loss_D:.3f}, G {loss_G:.3f}, of it cycles {2 * cycles:.3f}")

with torch.no_grad():
    fake = G_A(test_A)
error, unchanged = (127.5 * (pictures - truth).square().mean().sqrt() for pictures in (fake, test_A))
print(f"error to the truth: {error:.1f} grey levels (RMS); of the untouched input: {unchanged:.1f}")
flags.out.parent.mkdir(parents=True, exist_ok=True)
rows = torch.cat([test_A, fake, truth], dim=3)[:6]  # input, output, truth side by side
to_image(to_uint8(torch.cat(list(rows), dim=1))).save(flags.out)
print(f"input, output, truth: {flags.out}")
