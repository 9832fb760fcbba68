"""What an encoder is worth as a start: classes learned on it, by new layers alone or by all of its weights."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from translate.data.tensors import to_signed
from translate.errors import RunError
from translate.evaluation.probes import Probed
from translate.networks.encoders import Encoder
from translate.networks.encoders.rescaling import rescaled
from translate.networks.heads import ClassifierHead
from translate.networks.initialization import initialize
from translate.randomness import generator
from translate.training.precision import Precision
from translate.views.patches import cut_patches

BATCH = 32
WEIGHT_DECAY = 0.05
HIDDEN = 512  # of the new layers, where they are all that is trained


@dataclass(frozen=True)
class Pictures:
    """uint8 (N, C, S, S) and their classes (N,)."""

    squares: Tensor
    labels: Tensor


def finetune(
    encoder: Encoder,
    sets: tuple[Pictures, Pictures, Pictures],
    classes: int,
    crop_size: int,
    precision: Precision,
    epochs: int,
    lr: float,
    seed: int,
    everything: bool = True,
    rescale: bool = False,
) -> Probed:
    """Learn the classes of the training pictures on a copy of the encoder, and tell those of the test pictures.

    Random crops and mirrored pictures; AdamW with a cosine from ``lr`` to nothing; the class from the mean of the
    deepest map, by one linear layer, or by two (``everything=False``) with the encoder as it is. What is validated is
    what is tested, the weights of the last step: nothing is chosen, and ``chosen`` is the number of epochs.

    Args:
        encoder: is left as it is.
        sets: for training, validation and test; squares are at least ``crop_size``.
        classes: how many there are.
        crop_size: pixels of a side that the encoder sees.
        precision: of the training.
        epochs, lr: at least 1 and above 0.
        seed: of the new layers, the crops and the order.
        everything: train the encoder too.
        rescale: first bring its layers to learn equally fast, see ``rescaled``.

    Raises:
        InputError: ``rescale`` with an encoder whose layers cannot be scaled.
        RunError: the loss is not finite.
    """
    train, val, test = sets
    network = copy.deepcopy(encoder).to(precision.device, memory_format=torch.channels_last)
    if rescale:
        places = generator(seed, "rescaling").permutation(len(train.labels))[:BATCH]
        seen = _middle(train.squares[places], crop_size)
        network = rescaled(network, _signed(seen.to(precision.device)), seed)
    torch.manual_seed(int(generator(seed, "finetune").integers(2**62)))
    head = initialize(ClassifierHead(network.width, classes, 0 if everything else HIDDEN), "kaiming")
    head.start_even()
    head.to(precision.device)
    network.requires_grad_(everything)
    weights = [*head.parameters(), *(network.parameters() if everything else ())]
    optimizer = torch.optim.AdamW(weights, lr=lr, weight_decay=WEIGHT_DECAY)
    steps = epochs * -(-len(train.labels) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for epoch in tqdm(range(epochs), "fine-tuning", unit="epoch", leave=False, disable=None):
        network.train(everything)
        order = generator(seed, "finetune order", epoch).permutation(len(train.labels))
        for number, places in enumerate(np.array_split(order, -(-len(order) // BATCH))):
            rng = generator(seed, "finetune crops", epoch, number)
            images = _random_crops(train.squares[places], crop_size, rng).to(precision.device)
            with precision.autocast():
                logits = head(network(_signed(images)))
            loss = F.cross_entropy(logits.float(), train.labels[places].to(precision.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    if not torch.isfinite(loss):
        raise RunError(f"fine-tuning: the loss is {loss.item()} at the end; use an --lr below {lr}")
    return Probed(*(_accuracy(network, head, each, crop_size, precision) for each in (test, val)), chosen=epochs)


def _random_crops(squares: Tensor, crop_size: int, rng: np.random.Generator) -> Tensor:
    """A crop of each picture, half of them mirrored."""
    room = squares.shape[-1] - crop_size
    corners = torch.from_numpy(rng.integers(0, room + 1, (len(squares), 1, 2)))
    crops = cut_patches(squares, corners, crop_size)[:, 0]
    mirrored = torch.from_numpy(rng.random(len(squares)) < 0.5).view(-1, 1, 1, 1)
    return torch.where(mirrored, crops.flip(3), crops)


@torch.no_grad()
def _accuracy(network: Encoder, head: nn.Module, asked: Pictures, crop_size: int, precision: Precision) -> float:
    """Of the middle of each picture."""
    network.eval()
    right = 0
    for images, labels in zip(_middle(asked.squares, crop_size).split(BATCH), asked.labels.split(BATCH), strict=True):
        with precision.autocast():
            logits = head(network(_signed(images.to(precision.device))))
        right += int((logits.argmax(1).cpu() == labels).sum())
    return right / len(asked.labels)


def _middle(squares: Tensor, crop_size: int) -> Tensor:
    margin = (squares.shape[-1] - crop_size) // 2
    return squares[..., margin : margin + crop_size, margin : margin + crop_size]


def _signed(images: Tensor) -> Tensor:
    return to_signed(images.contiguous(memory_format=torch.channels_last))
