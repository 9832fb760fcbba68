"""Large pictures in tiles: a ResNet or StyleGAN2 generator's translation in a fraction of the memory of
the whole.

All that a ResNet generator does is local except for its instance norms, whose mean and variance are those of the whole
map. ``exact`` gathers these layer by layer over all tiles. ``lowres`` takes them from one pass over the picture scaled
down to the size of a tile, and then translates each tile once. A StyleGAN2 generator has no norms.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.errors import InputError
from translate.networks.instance_norm import Moments
from translate.networks.layers import BlurDownsample
from translate.networks.resnet import ResnetGenerator
from translate.networks.stylegan2 import StyleGAN2Generator
from translate.networks.windows import Block, Norm, Span, Step, Window, run_window, steps_of
from translate.options import TILE_STATS
from translate.registry import did_you_mean

TILED = ResnetGenerator | StyleGAN2Generator


class TiledGenerator(nn.Module):
    """A ResNet or StyleGAN2 generator that translates pictures larger than a tile in tiles.

    (B, C, H, W) in [-1, 1] -> (B, C', H, W) in [-1, 1], H and W multiples of ``stride``, in evaluation mode and
    without gradient.

    Args:
        generator: what is tiled.
        tile_px: side of a tile; what fits in one is translated as a whole. A tile is computed with as much of its
            surroundings as its pixels depend on.
        statistics: ``exact`` or ``lowres``; without effect on a generator that has no instance norm.

    Raises:
        InputError: another kind of generator, or another word.
    """

    def __init__(self, generator: nn.Module, tile_px: int, statistics: str = "exact"):
        super().__init__()
        if statistics not in TILE_STATS:
            raise InputError(f"--tile_stats {statistics} is not known: {did_you_mean(statistics, TILE_STATS)}")
        if not isinstance(generator, TILED):
            raise InputError(
                f"--tile {tile_px}: a {type(generator).__name__} looks at the picture as a whole, and only resnet "
                "and stylegan2 generators work in tiles; leave --tile out, or give a --size that the memory suffices "
                "for"
            )
        self.generator = generator
        self.stride = generator.stride
        self.tile_px = tile_px
        self.statistics = statistics

    def forward(self, images: Tensor) -> Tensor:
        if max(images.shape[2:]) <= self.tile_px:
            return self.generator(images)
        translate = self._translate if isinstance(self.generator, ResnetGenerator) else self._translate_apart
        return torch.cat([translate(image) for image in images.split(1)])

    def _translate_apart(self, picture: Tensor) -> Tensor:
        """Each tile by itself, with all of its surroundings that matter."""
        size, reach = picture.shape[2:], self.generator.reach_px
        whole = None
        for tile in make_tiles(*size, self.tile_px, self.stride):
            around = Window(
                *((max(a - reach, 0), min(b + reach, length)) for (a, b), length in zip(tile, size, strict=True))
            )
            part = tile.within(around).of(self.generator(around.of(picture)))
            whole = _room(part, size) if whole is None else whole
            tile.of(whole).copy_(part)
        return whole.to(picture.device)

    def _translate(self, picture: Tensor) -> Tensor:
        steps = steps_of(self.generator.model)
        tiles = make_tiles(*picture.shape[2:], self.tile_px, self.stride)
        layers = _Layers(picture, tiles)
        if any(isinstance(module, nn.InstanceNorm2d) for module in self.generator.modules()):
            if self.statistics == "exact":
                return layers.through(steps).to(picture.device)
            self._take_statistics(steps, picture)
        layers.pending += steps
        return layers.store().to(picture.device)

    def _take_statistics(self, steps: Sequence[Step], picture: Tensor) -> None:
        """Let every norm see the picture scaled down to a tile."""
        scale = self.tile_px / max(picture.shape[2:])
        size = [max(4, round(side * scale / self.stride)) * self.stride for side in picture.shape[2:]]
        x = F.interpolate(picture, size, mode="bilinear", align_corners=False, antialias=True)
        x = x.contiguous(memory_format=torch.channels_last)
        for step in steps:
            x = step(x)


def flags_for_less_memory(generator: nn.Module) -> str:
    """What to give for a translation that takes less memory."""
    if isinstance(generator, TiledGenerator):
        return "a smaller --tile"
    return "a smaller --size, or --tile 512" if isinstance(generator, TILED) else "a smaller --size"


def make_tiles(height: int, width: int, tile_px: int, stride: int) -> list[Window]:
    """Tiles of nearly equal size that cover a picture, row by row, each pixel once, cut at multiples of the stride."""
    rows, columns = (list(_divide(length, tile_px, stride)) for length in (height, width))
    return [Window(row, column) for row in rows for column in columns]


def _divide(length: int, tile_px: int, stride: int) -> Iterator[Span]:
    count = -(-length // max(stride, tile_px - tile_px % stride))
    cuts = [length // stride * at // count * stride for at in range(count)] + [length]
    return pairwise(cuts)


class _Layers:
    """A picture on its way through the layers, all tiles at one layer before any is at the next that needs them all.

    Maps of the whole picture are kept where they are small; from there, large ones are computed tile by tile each time
    they are needed. So a ResNet generator of 64 channels keeps 48 values a pixel at most, where its largest map alone
    has 128, and computes a quarter more than it would at once: the stem three times, the outermost convolutions of
    both sides and the second on the way down twice.

    Args:
        picture: (1, C, H, W); where it lies is where tiles are computed.
        tiles: windows of the picture that cover it once.
    """

    def __init__(self, picture: Tensor, tiles: Sequence[Window]):
        self.device = picture.device
        self.size = picture.shape[2:]
        self.tiles = tiles
        self.source = picture  # the last map that was kept
        self.pending: list[Step] = []  # what was done to it since then
        self.most = 0  # values of a map that is kept

    def through(self, steps: Sequence[Step]) -> Tensor:
        """The result of all steps, with the statistics of each norm gathered before it is applied."""
        stem = next(step.channels for step in steps if step.channels)
        self.most = stem * self.size.numel() // 2
        self._follow(steps)
        return self.store()

    def store(self) -> Tensor:
        """The map that the pending steps make of the one that was kept, which is kept in its place."""
        if self.pending:
            self._sweep(keep=True)
        return self.source

    def _follow(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, Block):
                self._add(step)
            elif isinstance(step, Norm):
                step.statistics = self._sweep(keep=self._is_small(), measure=True)
                self.pending.append(step)
            else:
                self.pending.append(step)
                if isinstance(step.layer, BlurDownsample) and self._is_small():
                    self.store()

    def _add(self, block: Block) -> None:
        """A residual block, which adds to its input in place."""
        trunk = self.store()
        self._follow(block.steps)
        for tile in self.tiles:
            window = self._scaled(tile, trunk.shape[2:])
            window.of(trunk).add_(run_window(self.pending, self.source, window, self.device).to(trunk.device))
        self.source, self.pending = trunk, []

    def _sweep(self, keep: bool, measure: bool = False) -> tuple[Tensor, Tensor] | None:
        """Compute the pending steps tile by tile; keep the map, or measure its mean and variance (C,), or both."""
        moments, whole = Moments(), None
        _, *size = self._shape()
        for tile in self.tiles:
            window = self._scaled(tile, size)
            part = run_window(self.pending, self.source, window, self.device)
            if measure:
                moments.add(part)
            if keep:
                whole = _room(part, size) if whole is None else whole
                window.of(whole).copy_(part)
        if keep:
            self.source, self.pending = whole, []
        return moments.result(part) if measure else None

    def _is_small(self) -> bool:
        channels, height, width = self._shape()
        return channels * height * width <= self.most

    def _shape(self) -> tuple[int, int, int]:
        """Channels, height and width behind the pending steps."""
        _, channels, height, width = self.source.shape
        for step in self.pending:
            channels, height, width = step.channels or channels, step.scale(height), step.scale(width)
        return channels, height, width

    def _scaled(self, tile: Window, size: Sequence[int]) -> Window:
        """A tile of the picture as a window of a map of this size."""
        sides = zip(tile, size, self.size, strict=True)
        return Window(*((a * length // whole, b * length // whole) for (a, b), length, whole in sides))


def _room(part: Tensor, size: Sequence[int]) -> Tensor:
    """For a whole map of the kind of a part, in the memory of the host, of which there is most."""
    shape = (1, part.shape[1], *size)
    return torch.empty(shape, dtype=part.dtype, memory_format=torch.channels_last)
