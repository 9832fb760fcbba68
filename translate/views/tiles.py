"""The tiles of a jigsaw puzzle, and what keeps it from being solved by anything but what they show.

Noroozi and Favaro (ECCV 2016, section 4) name the shortcuts: edges that run on from tile to tile, brightness and
contrast that are alike in neighbours, and chromatic aberration, which tells where in a picture a tile was.
"""

import torch
from torch import Tensor

from translate.views.patches import cut_patches

GRID = 3
TILES = GRID * GRID
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601
FLAT = 1 / 255  # half a level of 8 bits: a tile that deviates less shows nothing but rounding


def cut_tiles(images: Tensor, offsets: Tensor, shifts: Tensor, grey: Tensor, side_px: int) -> Tensor:
    """One tile out of each of the 3x3 cells of every picture, in reading order; no tile has a pixel of another cell.

    A cell is a third of the picture, rounded down. Of what it has more than the tile, the slack, twice as much is the
    most that can lie between neighbours. The colours of a tile are cut out each at its own place, shifted against the
    offset, but not out of the cell; those of grey pictures are not shifted, so that they stay grey.

    Args:
        images: (B, C, H, W) in [-1, 1].
        offsets: (B, 9, 2) integers, (y, x), from a cell's upper left corner to its tile's, from 0 to the slack.
        shifts: (B, 9, C, 2) integers, (y, x), of each colour.
        grey: (B,) bool, the pictures of which only the luminance is shown.
        side_px: of the tiles.

    Returns:
        (B, 9, C, side_px, side_px).

    Raises:
        ValueError: a tile is larger than a cell.
    """
    count, channels, height, width = images.shape
    cell = height // GRID, width // GRID
    if side_px > min(cell):
        raise ValueError(f"a tile of {side_px} pixels is larger than a cell of {cell[1]}x{cell[0]}")
    if channels == len(LUMINANCE):
        luminance = sum(share * images[:, at : at + 1] for at, share in enumerate(LUMINANCE))
        images = torch.where(grey.view(-1, 1, 1, 1), luminance, images)
    moved = offsets.unsqueeze(2) + shifts * ~grey.view(-1, 1, 1, 1)  # (B, 9, C, 2)
    numbers = torch.arange(TILES, device=images.device).unsqueeze(1)  # (9, 1)
    rows = moved[..., 0].clamp(0, cell[0] - side_px) + numbers // GRID * cell[0]
    columns = moved[..., 1].clamp(0, cell[1] - side_px) + numbers % GRID * cell[1]
    corners = torch.stack([rows, columns], 3).transpose(1, 2)  # (B, C, 9, 2)
    planes = images.reshape(count * channels, 1, height, width)
    cut = cut_patches(planes, corners.reshape(count * channels, TILES, 2), side_px)
    return cut.view(count, channels, TILES, side_px, side_px).transpose(1, 2)


def normalize_tiles(tiles: Tensor) -> Tensor:
    """Every colour of every tile brought to mean 0 and deviation 1 over its own pixels; flat ones are 0.

    Args:
        tiles: (B, 9, C, S, S) in [-1, 1].
    """
    mean = tiles.mean((3, 4), keepdim=True)
    deviation = tiles.std((3, 4), correction=0, keepdim=True)
    return (tiles - mean) / deviation.clamp(min=FLAT)


def shuffle_tiles(tiles: Tensor, orders: Tensor) -> Tensor:
    """Place i of each puzzle shows tile ``orders[:, i]``: (B, 9, C, S, S), (B, 9) integers -> (B, 9, C, S, S)."""
    puzzles = torch.arange(len(tiles), device=tiles.device).unsqueeze(1)
    return tiles[puzzles, orders]


def in_one_picture(tiles: Tensor) -> Tensor:
    """The tiles of one puzzle side by side: (9, C, S, S) -> (C, 3 S, 3 S)."""
    _, channels, side, _ = tiles.shape
    rows = tiles.view(GRID, GRID, channels, side, side).permute(2, 0, 3, 1, 4)  # (C, row, S, column, S)
    return rows.reshape(channels, GRID * side, GRID * side)
