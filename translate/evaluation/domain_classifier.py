"""A small judge of domains: a network that learns from real pictures to tell A from B, whatever their hues."""

import copy
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from translate.evaluation.picture_set import PictureSet
from translate.randomness import generator

PROTOCOL = 1  # of what is below; another one is learned anew
SIDE_PX = 48
FEATURES = 64  # of which Frechet distances are taken: a hundred pictures settle their covariances
CHANNELS = (32, 64, 96, FEATURES)
JUDGES = 3  # snapshots of the network whose mean decides

BATCH = 64  # half of each domain
CYCLE = 250  # steps from a high learning rate to none, behind which a snapshot is taken
MOST_CYCLES = 6
GOOD_ENOUGH = 0.97  # share of held-out training pictures taken for what they are, with which learning ends
HELD_OUT = 10  # one of so many training pictures tells when that is
LR = 4e-3
LABEL_SMOOTHING = 0.1  # or the features would only say how sure the network is

# Jitter, of each training picture anew. Half of them get the colours of another picture, of either domain: so colours
# are evidence, but three to one at most, against which shapes and textures count. Of apples with the colours of oranges
# 12 % are then taken for oranges, of real apples 11 %; without it, 49 and 8 %.
RECOLOURED = 0.5
SMALLEST_CROP = 0.6  # share of the picture's area
BRIGHTNESS, CONTRAST = 0.3, 0.3  # factors from 1 - x to 1 + x
SATURATION = (0.5, 1.4)
HUE_TURN = 0.1 * math.pi  # either way


def load_small(pictures: PictureSet) -> Tensor:
    """The central square of each picture, scaled down: uint8 (N, 3, 48, 48).

    The square, so that no aspect tells a domain; small, so that neither do sharpness and compression.
    """
    return torch.from_numpy(np.stack([_small(picture) for picture in pictures])).permute(0, 3, 1, 2).contiguous()


def _small(picture: np.ndarray) -> np.ndarray:
    height, width, _ = picture.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(picture[top : top + side, left : left + side])
    return np.asarray(square.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC))


class DomainNetwork(nn.Module):
    """Four strided convolutions, 64 features, one logit that is positive for B."""

    def __init__(self):
        super().__init__()
        layers: list[nn.Module] = []
        for channels_in, channels_out in zip((3, *CHANNELS), CHANNELS, strict=False):
            layers += [nn.Conv2d(channels_in, channels_out, 3, 2, 1), nn.BatchNorm2d(channels_out), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(FEATURES, 1))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 (B, 3, 48, 48) -> features (B, 64) and logits (B,)."""
        features = self.body(pictures.float() / 127.5 - 1)
        return features, self.head(features)[:, 0]


class _Pupil:
    """A network that learns, cycle by cycle.

    Args:
        domains: pictures of A and of B; both count the same, however many there are.
        seed: of the weights, the order and the jitter.
    """

    def __init__(self, domains: tuple[Tensor, Tensor], seed: int, device: torch.device):
        self.domains = domains
        self.seed = seed
        self.device = device
        self.steps = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(generator(seed, "judge weights").integers(2**62)))
            self.network = DomainNetwork().to(device, memory_format=torch.channels_last)  # a third less time on a CPU
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=LR, weight_decay=1e-2)
        target = torch.arange(2.0, device=device).repeat_interleave(BATCH // 2)
        self.target = target * (1 - LABEL_SMOOTHING) + LABEL_SMOOTHING / 2

    def learn_a_cycle(self) -> DomainNetwork:
        """Learn for a cycle; a copy of what the network has become."""
        self.network.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(generator(self.seed, "judge dropout", self.steps).integers(2**62)))
            for place in range(CYCLE):
                self._step(LR * (1 + math.cos(math.pi * place / CYCLE)) / 2)
        learned = copy.deepcopy(self.network).to(memory_format=torch.contiguous_format)
        return learned.eval().requires_grad_(False)

    def _step(self, lr: float) -> None:
        rng = generator(self.seed, "judge batch", self.steps)
        drawn = [domain[torch.from_numpy(rng.integers(len(domain), size=BATCH // 2))] for domain in self.domains]
        _, logits = self.network(jittered(torch.cat(drawn), rng).to(self.device))
        self.optimizer.param_groups[0]["lr"] = lr
        self.optimizer.zero_grad(set_to_none=True)
        F.binary_cross_entropy_with_logits(logits, self.target).backward()
        self.optimizer.step()
        self.steps += 1


def jittered(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """uint8 (B, 3, H, W) pictures, each cropped, mirrored and recoloured at random."""
    values = _with_colours_of_others(_cropped(pictures.float(), rng), rng)
    return _recoloured(values, rng).round_().clamp_(0, 255).to(torch.uint8)


def _cropped(values: Tensor, rng: np.random.Generator) -> Tensor:
    count = len(values)
    scale = np.sqrt(rng.uniform(SMALLEST_CROP, 1, count))
    shift = rng.uniform(-1, 1, (2, count)) * (1 - scale)
    mirror = rng.choice((-1.0, 1.0), count)
    zero = np.zeros(count)
    matrix = np.stack([[scale * mirror, zero, shift[0]], [zero, scale, shift[1]]]).transpose(2, 0, 1)
    grid = F.affine_grid(torch.from_numpy(matrix).float(), list(values.shape), align_corners=False)
    return F.grid_sample(values, grid, padding_mode="reflection", align_corners=False)


def _with_colours_of_others(values: Tensor, rng: np.random.Generator) -> Tensor:
    """Some pictures with the mean and deviation of each channel that another picture of the batch has."""
    count = len(values)
    others = torch.from_numpy(rng.permutation(count))
    chosen = torch.from_numpy(rng.random(count) < RECOLOURED)[:, None, None, None]
    mean, deviation = values.mean((2, 3), keepdim=True), values.std((2, 3), keepdim=True) + 1
    changed = (values - mean) / deviation * deviation[others] + mean[others]
    return torch.where(chosen, changed.clamp(0, 255), values)


def _recoloured(values: Tensor, rng: np.random.Generator) -> Tensor:
    count = len(values)
    angle = torch.from_numpy(rng.uniform(-HUE_TURN, HUE_TURN, count)).float()
    saturation = torch.from_numpy(rng.uniform(*SATURATION, count)).float()
    brightness, contrast = (
        torch.from_numpy(rng.uniform(1 - size, 1 + size, (count, 1, 1, 1))).float() for size in (BRIGHTNESS, CONTRAST)
    )
    turned = torch.einsum("bij,bjhw->bihw", _hue_matrix(angle, saturation), values)
    mean = turned.mean((1, 2, 3), keepdim=True)
    return ((turned - mean) * contrast + mean) * brightness


def _hue_matrix(angle: Tensor, saturation: Tensor) -> Tensor:
    """(B,) -> (B, 3, 3): colours turned about the grey axis, and their distance from it scaled; greys stay."""
    grey = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    around = torch.cos(angle)[:, None, None] * (torch.eye(3) - grey) + torch.sin(angle)[:, None, None] * cross
    return grey + saturation[:, None, None] * around


@dataclass(frozen=True)
class Verdict:
    """What the judges say of some pictures.

    Attributes:
        logits: (N,), the judges' mean; above 0 is B.
        features: one (N, 64) a judge, float64, in units of their spread over the training pictures.
    """

    logits: np.ndarray
    features: tuple[np.ndarray, ...]

    @property
    def share(self) -> float:
        """Share of the pictures that are taken for B."""
        return float((self.logits > 0).mean())


class DomainClassifier(nn.Module):
    """Judges that have learned from the same real pictures; ``state_dict`` holds all there is to keep.

    They are the last snapshots of one network that learns in cycles (Huang et al. 2017, "Snapshot Ensembles").
    """

    spread: Tensor

    def __init__(self, networks: Sequence[DomainNetwork] = (), spread: Tensor | None = None):
        super().__init__()
        self.networks = nn.ModuleList(networks or [DomainNetwork() for _ in range(JUDGES)]).eval().requires_grad_(False)
        self.register_buffer("spread", torch.ones(JUDGES, FEATURES) if spread is None else spread)

    @classmethod
    def learn(cls, domains: tuple[Tensor, Tensor], seed: int, device: torch.device) -> "DomainClassifier":
        """Learn until held-out pictures are told apart well, or for so long that more would not help.

        Args:
            domains: pictures of A and of B as ``load_small`` gives them, at least 16 of each.
        """
        parts = [_split(domain, seed, letter) for domain, letter in zip(domains, "AB", strict=True)]
        held, taught = (parts[0][0], parts[1][0]), (parts[0][1], parts[1][1])
        pupil = _Pupil(taught, seed, device)
        snapshots: deque[DomainNetwork] = deque(maxlen=JUDGES)
        for cycle in tqdm(range(MOST_CYCLES), "learning to tell the domains apart", leave=False, disable=None):
            snapshots.append(pupil.learn_a_cycle())
            if cycle + 1 >= JUDGES and cls(list(snapshots)).accuracy(held) >= GOOD_ENOUGH:
                break
        with torch.inference_mode():
            spread = [torch.cat([_features(judge, part)[0] for part in taught]).std(0) for judge in snapshots]
        return cls(list(snapshots), torch.stack(spread).clamp_min(1e-6).clone())

    @torch.inference_mode()
    def judge(self, pictures: Tensor) -> Verdict:
        """The verdict on pictures as ``load_small`` gives them."""
        found = [_features(network, pictures) for network in self.networks]
        logits = torch.stack([logits for _, logits in found]).mean(0)
        features = [
            (each / spread.to(each.device)).double().cpu().numpy()
            for (each, _), spread in zip(found, self.spread, strict=True)
        ]
        return Verdict(logits.cpu().numpy(), tuple(features))

    def accuracy(self, domains: tuple[Tensor, Tensor]) -> float:
        """Share of pictures of A and of B that are taken for what they are; both domains count the same."""
        a, b = (self.judge(domain).share for domain in domains)
        return (1 - a + b) / 2


def _split(pictures: Tensor, seed: int, letter: str) -> tuple[Tensor, Tensor]:
    """Those that are held out, and the others."""
    order = torch.from_numpy(generator(seed, f"judge held out {letter}").permutation(len(pictures)))
    count = max(len(pictures) // HELD_OUT, 1)
    return pictures[order[:count]], pictures[order[count:]]


def _features(network: DomainNetwork, pictures: Tensor, batch: int = 256) -> tuple[Tensor, Tensor]:
    device = network.head[1].weight.device
    found = [network(part.to(device)) for part in pictures.split(batch)]
    return torch.cat([features for features, _ in found]), torch.cat([logits for _, logits in found])
