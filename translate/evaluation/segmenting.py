"""What an encoder is worth as the start of a network that tells pixels apart."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from translate.data.tensors import to_signed
from translate.data.voc import VOID, Mapped, read_map
from translate.evaluation.segmentation import Confusion
from translate.evaluation.tuning import Tuning, read_all_scaled, read_scaled
from translate.networks.encoders import Encoder


class Segmenter(nn.Module):
    """Pictures (B, C, H, W) in [-1, 1] -> logits (B, classes, H, W): torchvision's FCN head on the deepest map.

    The head of Long et al. (CVPR 2015, arXiv:1411.4038) as torchvision has it, and its logits scaled up bilinearly.
    """

    def __init__(self, encoder: Encoder, classes: int):
        super().__init__()
        from torchvision.models.segmentation.fcn import FCNHead  # not by all who only list what there is

        self.encoder = encoder
        self.head = FCNHead(encoder.width, classes)

    def forward(self, images: Tensor) -> Tensor:
        return F.interpolate(self.head(self.encoder(images)), images.shape[-2:], mode="bilinear", align_corners=False)


def segment(encoder: Encoder, train: Mapped, test: Mapped, tuning: Tuning) -> Confusion:
    """Learn the classes of pixels with a copy of the encoder, and count those it tells in the test pictures.

    Learned is on random crops, half of them mirrored, of pictures scaled as told; asked are whole pictures, and their
    pixels at the size in which they lie on disk.

    Args:
        encoder: is left as it is.
        train, test: pictures with maps.
        tuning: how.
    """
    device = tuning.precision.device
    model = Segmenter(tuning.start(encoder, train.paths), train.classes).to(device)
    pictures = [each.pixels for each in read_all_scaled(train.paths, encoder.input_nc, tuning.load_size)]
    maps = [scaled_map(path, tuple(each.shape[-2:])) for path, each in zip(train.maps, pictures, strict=True)]

    def loss_of(places: np.ndarray, rng: np.random.Generator) -> Tensor:
        crops = [random_crop(pictures[place], maps[place], tuning.crop_size, rng) for place in places]
        images, truth = (torch.stack(part).to(device) for part in zip(*crops, strict=True))
        with tuning.precision.autocast():
            logits = model(to_signed(images))
        return pixel_loss(logits.float(), truth.long())

    tuning.learn(model, loss_of, len(train))
    return _asked(model, test, encoder.input_nc, tuning)


def pixel_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """The mean cross entropy of pixels that have a class; zero where none has."""
    total = F.cross_entropy(logits, truth, ignore_index=VOID, reduction="sum")
    return total / (truth != VOID).sum().clamp(min=1)


def scaled_map(path: Path, shape: tuple[int, int]) -> Tensor:
    """A map of classes (H, W) in uint8 brought to the size of its scaled picture, by the nearest entry."""
    height, width = shape
    scaled = Image.fromarray(read_map(path)).resize((width, height), Image.Resampling.NEAREST)
    return torch.from_numpy(np.array(scaled))


def random_crop(picture: Tensor, classes: Tensor, side_px: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """The same square of a picture (C, H, W) and of its map (H, W), half of them mirrored."""
    top, left = (int(rng.integers(0, side - side_px + 1)) for side in classes.shape)
    parts = [part[..., top : top + side_px, left : left + side_px] for part in (picture, classes)]
    return tuple(part.flip(-1) for part in parts) if rng.random() < 0.5 else tuple(parts)


@torch.no_grad()
def _asked(model: Segmenter, test: Mapped, channels: int, tuning: Tuning) -> Confusion:
    confusion = Confusion(test.classes)
    for path, file in zip(test.paths, test.maps, strict=True):
        pixels = read_scaled(path, channels, tuning.load_size).pixels[None].to(tuning.precision.device)
        truth = read_map(file)
        with tuning.precision.autocast():
            logits = model(to_signed(pixels))
        full = F.interpolate(logits.float(), truth.shape, mode="bilinear", align_corners=False)
        confusion.add(full.argmax(1)[0].cpu().numpy(), truth)
    return confusion
