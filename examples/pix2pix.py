"""pix2pix (Isola et al. 2017, arXiv:1611.07004) in a plain loop: heather in the shadows, learned from pairs.

python examples/pix2pix.py --steps 200
"""

import argparse
import tempfile
from pathlib import Path

import torch
from PIL import Image

from translate.data.listing import list_pictures
from translate.data.sample import make_sample, true_translation
from translate.data.tensors import to_image, to_signed, to_tensor, to_uint8
from translate.losses.adversarial import discriminator_loss, generator_loss
from translate.losses.reconstruction import l1
from translate.networks import build_discriminator, build_generator
from translate.networks.initialization import initialize

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--out", type=Path, default=Path("examples_out/pix2pix.png"))
flags = parser.parse_args()
torch.manual_seed(0)

with tempfile.TemporaryDirectory() as folder:
    make_sample(Path(folder), size=64)

    def read(name: str) -> torch.Tensor:  # (N, 3, 64, 64) in [-1, 1]
        pictures = [Image.open(path).convert("RGB") for path in list_pictures(Path(folder) / name)]
        return to_signed(torch.stack([to_tensor(picture) for picture in pictures]))

    train_A, test_A, truth = map(read, ("trainA", "testA", "testA_truth"))
answers = [true_translation(picture) for picture in to_uint8(train_A).permute(0, 2, 3, 1).numpy()]
train_B = to_signed(torch.stack([to_tensor(Image.fromarray(answer)) for answer in answers]))  # train_A's partners

G = initialize(build_generator("resnet_4blocks", ngf=16))
D = initialize(build_discriminator("basic", input_nc=6, ndf=16))  # sees input and output together
adam_G = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
adam_D = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))

for step in range(1, flags.steps + 1):
    chosen = torch.randint(len(train_A), (1,))
    real_A, real_B = train_A[chosen], train_B[chosen]
    fake_B = G(real_A)
    on_fake, on_real = D(torch.cat([real_A, fake_B.detach()], dim=1)), D(torch.cat([real_A, real_B], dim=1))
    loss_D = 0.5 * discriminator_loss("vanilla", on_fake, real=False)
    loss_D = loss_D + 0.5 * discriminator_loss("vanilla", on_real, real=True)
    adam_D.zero_grad()
    loss_D.backward()
    adam_D.step()
    distance = l1(fake_B, real_B)
    loss_G = generator_loss("vanilla", D(torch.cat([real_A, fake_B], dim=1))) + 100 * distance
    adam_G.zero_grad()
    loss_G.backward()
    adam_G.step()
    if step % 50 == 0 or step == flags.steps:
        print(f"step {step}: D {loss_D:.3f}, G {loss_G:.3f}, L1 {distance:.3f}")

with torch.no_grad():
    fake = G(test_A)
error, unchanged = (127.5 * (pictures - truth).square().mean().sqrt() for pictures in (fake, test_A))
print(f"error to the truth: {error:.1f} grey levels (RMS); of the untouched input: {unchanged:.1f}")
flags.out.parent.mkdir(parents=True, exist_ok=True)
rows = torch.cat([test_A, fake, truth], dim=3)[:6]  # input, output, truth side by side
to_image(to_uint8(torch.cat(list(rows), dim=1))).save(flags.out)
print(f"input, output, truth: {flags.out}")
