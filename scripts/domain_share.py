"""What share of translated pictures does a classifier of the real domains take for domain B?

A small network is trained on the real training pictures of A and B (which the translator saw too, but unpaired and
for another purpose) with jittered colours, so that hue alone does not decide. It judges the translated pictures, the
untranslated ones (identity), and the untranslated ones with B's colour histogram; its own accuracy on real test
pictures stands beside them.

    python scripts/domain_share.py --dataroot datasets/apple2orange --results results/a2o/test_latest/images/fake_B
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from skimage.exposure import match_histograms
from torch import Tensor, nn
from torchvision.transforms import v2

from translate.commands import run_command
from translate.data.listing import domain_folder, list_pictures
from translate.data.reading import read_picture
from translate.errors import InputError

SIDE_PX = 64


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataroot", required=True, help="folder with trainA, trainB, testA, testB")
    parser.add_argument("--results", required=True, help="folder of translated pictures of testA")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=3, help="classifiers to train")
    flags = parser.parse_args(arguments)
    root = Path(flags.dataroot)
    train = [load(domain_folder(root, "train", letter)) for letter in "AB"]
    test = [load(domain_folder(root, "test", letter)) for letter in "AB"]
    results = load(Path(flags.results))
    candidates = {"translated": results, "identity": test[0], "histogram matching": matched(test[0], train[1])}
    rows = []
    for seed in range(flags.seeds):
        classifier = fit(train, flags.epochs, seed)
        correct = 0.5 * (1 - share_of_b(classifier, test[0])) + 0.5 * share_of_b(classifier, test[1])
        shares = {name: share_of_b(classifier, pictures) for name, pictures in candidates.items()}
        rows.append({"accuracy on real test pictures": correct, **shares})
        print(f"seed {seed}: " + ", ".join(f"{name} {value:.1%}" for name, value in rows[-1].items()), flush=True)
    print("\ntaken for domain B     mean   spread")
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        print(f"{name:<32}{values.mean():6.1%}  {values.std():6.1%}")


def load(folder: Path) -> Tensor:
    """All pictures of a folder, squashed to a small square: uint8 (N, 3, side, side)."""
    paths = list_pictures(folder)
    if not paths:
        raise InputError(f"no pictures in {folder}")
    size = (SIDE_PX, SIDE_PX)
    arrays = [np.asarray(read_picture(path, 3).resize(size, Image.Resampling.BICUBIC)) for path in paths]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()


def matched(pictures: Tensor, reference: Tensor) -> Tensor:
    """Each picture with the colour histogram of all reference pictures together."""
    pool = reference.permute(0, 2, 3, 1).reshape(-1, 1, 3).numpy()
    planes = [match_histograms(picture.permute(1, 2, 0).numpy(), pool, channel_axis=2) for picture in pictures]
    return torch.from_numpy(np.stack(planes).round().clip(0, 255).astype(np.uint8)).permute(0, 3, 1, 2).contiguous()


def fit(train: list[Tensor], epochs: int, seed: int) -> nn.Module:
    """A small convolutional network, trained on both domains in equal shares."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for channels_in, channels_out in ((3, 32), (32, 64), (64, 96), (96, 128)):
        layers += [nn.Conv2d(channels_in, channels_out, 3, 2, 1), nn.BatchNorm2d(channels_out), nn.ReLU()]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(128, 1))
    jitter = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomResizedCrop(SIDE_PX, scale=(0.6, 1.0), antialias=True),
            v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.4, hue=0.1),
        ]
    )
    half = max(len(domain) for domain in train)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=epochs * (half // 32))
    for _ in range(epochs):
        orders = [torch.randint(len(domain), (half,)) for domain in train]
        for start in range(0, half - 31, 32):
            pictures = torch.cat([d[o[start : start + 32]] for d, o in zip(train, orders, strict=True)])
            pictures = torch.stack([jitter(picture) for picture in pictures])
            label = torch.arange(2.0).repeat_interleave(32)
            loss = F.binary_cross_entropy_with_logits(network(scaled(pictures))[:, 0], label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


@torch.inference_mode()
def share_of_b(classifier: nn.Module, pictures: Tensor) -> float:
    """Share of pictures that the classifier takes for domain B, 0 to 1."""
    return float((classifier(scaled(pictures)) > 0).float().mean())


def scaled(pictures: Tensor) -> Tensor:
    return pictures.float() / 127.5 - 1


if __name__ == "__main__":
    run_command(main)
