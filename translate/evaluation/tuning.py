"""Fine-tuning of an encoder with new layers on pictures of any size."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from translate.data.reading import read_picture
from translate.data.tensors import to_signed, to_tensor
from translate.errors import RunError
from translate.evaluation.readout import load_squares
from translate.networks.encoders import Encoder
from translate.networks.encoders.rescaling import rescaled
from translate.randomness import generator
from translate.training.precision import Precision

BATCH = 8
WEIGHT_DECAY = 0.05
SEEN_FIRST = 32  # pictures by which layers are rescaled

LossOf = Callable[[np.ndarray, np.random.Generator], Tensor]


@dataclass(frozen=True)
class Tuning:
    """How an encoder is fine-tuned.

    Attributes:
        load_size: of the shorter side of pictures.
        crop_size: of squares of them.
        precision: of the encoder.
        epochs, lr: at least 1 and above 0.
        seed: of new layers, of the order and of what is done to pictures.
        rescale: first bring layers to learn equally fast, see ``rescaled``.
    """

    load_size: int
    crop_size: int
    precision: Precision
    epochs: int
    lr: float
    seed: int
    rescale: bool = False

    def start(self, encoder: Encoder, paths: Sequence[Path]) -> Encoder:
        """A copy to be trained, on the device; what is random next is a function of the seed."""
        network = copy.deepcopy(encoder).to(self.precision.device, memory_format=self.precision.layout)
        if self.rescale:
            squares = load_squares(paths[:SEEN_FIRST], encoder.input_nc, self.load_size, self.crop_size)
            network = rescaled(network, to_signed(squares.to(self.precision.device)), self.seed)
        torch.manual_seed(int(generator(self.seed, "tuning").integers(2**62)))
        return network.requires_grad_(True)

    def learn(self, model: nn.Module, loss_of: LossOf, count: int) -> None:
        """AdamW with a cosine from ``lr`` to nothing, over batches of eight of ``count`` pictures.

        Args:
            loss_of: of the places of a batch, and the generator by which its pictures are changed.

        Raises:
            RunError: a loss is not finite; what such weights tell would look like a poor encoder's.
        """
        optimizer = torch.optim.AdamW(model.parameters(), lr=self.lr, weight_decay=WEIGHT_DECAY)
        batches = -(-count // BATCH)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.epochs * batches)
        model.train()
        finite = torch.ones((), dtype=torch.bool, device=self.precision.device)
        for epoch in tqdm(range(self.epochs), "fine-tuning", unit="epoch", leave=False, disable=None):
            order = generator(self.seed, "tuning order", epoch).permutation(count)
            for number, places in enumerate(np.array_split(order, batches)):
                loss = loss_of(places, generator(self.seed, "tuning pictures", epoch, number))
                finite &= loss.detach().isfinite()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            if not finite:
                raise RunError(f"fine-tuning: the loss is not finite in epoch {epoch + 1}; use an --lr below {self.lr}")
        model.eval()


@dataclass(frozen=True)
class Scaled:
    """A picture (C, H, W) in uint8 whose shorter side was scaled, and by how much."""

    pixels: Tensor
    scale: float


def read_scaled(path: Path, channels: int, load_size: int) -> Scaled:
    """A picture whose shorter side is ``load_size``."""
    image = read_picture(path, channels)
    scale = load_size / min(image.size)
    width, height = (max(load_size, round(side * scale)) for side in image.size)
    return Scaled(to_tensor(image.resize((width, height), Image.Resampling.BICUBIC)), scale)


@cache
def read_all_scaled(paths: tuple[Path, ...], channels: int, load_size: int) -> list[Scaled]:
    """Read once for all encoders that see pictures of one size."""
    bar = tqdm(paths, "reading", unit="pic", leave=False, delay=1, disable=None)
    return [read_scaled(path, channels, load_size) for path in bar]
