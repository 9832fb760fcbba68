"""Filling the holes of pictures of any size with a network that sees pictures of one size."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.masks import pieces
from translate.networks.context import HoleFiller
from translate.networks.padding import replicate

WINDOWS_AT_ONCE = 32


class Box(NamedTuple):
    """A rectangle of pixels; ``bottom`` and ``right`` are one past the last."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def longest(self) -> int:
        return max(self.bottom - self.top, self.right - self.left)

    def within(self, height: int, width: int) -> "Box":
        """What of it lies in a picture."""
        return Box(max(0, self.top), min(height, self.bottom), max(0, self.left), min(width, self.right))

    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass
class Window:
    """A square of a picture, which may reach beyond its borders, and what is to be filled of it."""

    box: Box
    index: int  # of the picture in the batch
    inside: Box  # the part of the window that lies in the picture
    wanted: Tensor  # boolean, of the shape of ``inside``

    @property
    def side(self) -> int:
        return self.box.longest

    def look(self, planes: Tensor) -> Tensor:
        """What it shows of (C, H, W): (C, side, side). Beyond the borders the picture is reflected, again and again."""
        rows = _reflected(self.box.top, self.box.bottom, planes.shape[-2], planes.device)
        columns = _reflected(self.box.left, self.box.right, planes.shape[-1], planes.device)
        return planes[:, rows][:, :, columns]

    def paste(self, image: Tensor, fill: Tensor) -> None:
        """Write the fill (C, S, S) into the image (C, H, W), where it is wanted and nowhere else."""
        if fill.shape[-1] != self.side:
            fill = _resized(fill, self.side, "bicubic").clamp(-1, 1)
        rows, columns = self.inside.slices()
        top, left = self.inside.top - self.box.top, self.inside.left - self.box.left
        part = image[:, rows, columns]
        fill = fill[:, top : top + part.shape[1], left : left + part.shape[2]]
        image[:, rows, columns] = torch.where(self.wanted, fill, part)


class Inpainter(nn.Module):
    """Fills the holes of pictures; what is outside of them stays as it is, to the bit.

    Each connected piece of a mask is seen through a square window around it, the largest piece first; other pieces
    that the window can fill as well are filled with it. The window is scaled to the size that the network was trained
    for, filled, scaled back and pasted inside the mask. All of the mask is hidden in it, so nothing that is under
    the mask has any influence on the result.

    A network that was trained with a hole in the middle gets it there, at its size (56 of 128 pixels): the window is
    so large that the hole's longer side becomes those 56 pixels, and where it reaches beyond the picture the picture is
    reflected. All of the middle square is hidden from the network, also where the hole has another shape.

    A network that was trained with holes anywhere gets a window of twice the hole's longer side, but at least of its
    own size, so that small holes are not blown up; it is moved into the picture and made smaller where the
    picture ends, but never smaller than the hole.

    Args:
        generator: the trained network.
        hole_px: side of the hole in the middle that it was trained with; None: trained with holes anywhere.
    """

    stride = 1
    takes_mask = True

    def __init__(self, generator: HoleFiller, hole_px: int | None = None):
        super().__init__()
        self.generator = generator
        self.hole_px = hole_px

    @property
    def hole_share(self) -> float:
        """Side of the hole that suits the network best in the middle of a picture, as a share of the shorter side."""
        return self.hole_px / self.generator.side if self.hole_px else 0.5

    def forward(self, images: Tensor, masks: Tensor | None = None) -> Tensor:
        """Pictures (B, C, H, W) in [-1, 1] with their holes filled, likewise (B, C, H, W) in [-1, 1].

        Args:
            images: any height and width.
            masks: (B, H, W) boolean, True inside the holes; default: a square in the middle (``hole_share``). A picture
                without a hole comes back as it is.
        """
        masks = self._checked(images, masks)
        windows = [window for index, mask in enumerate(masks) for window in self.windows(mask, index)]
        filled = images.clone()
        for first in range(0, len(windows), WINDOWS_AT_ONCE):
            some = windows[first : first + WINDOWS_AT_ONCE]
            for window, fill in zip(some, self._fill(images, masks, some), strict=True):
                window.paste(filled[window.index], fill)
        return filled

    def views(self, images: Tensor, masks: Tensor | None = None) -> dict[str, Tensor]:
        """Pictures for people, each (B, C, H, W): with the hole (``hole_A``) and with the hole filled (``fake_B``)."""
        masks = self._checked(images, masks)
        return {"hole_A": self.generator.punch(images, masks.unsqueeze(1)), "fake_B": self(images, masks)}

    def windows(self, mask: Tensor, index: int = 0) -> list[Window]:
        """The windows that together fill a mask (H, W); none where it has no hole."""
        height, width = mask.shape
        numbers, boxes = pieces(mask.cpu().numpy())
        longest = (boxes[:, 1::2] - boxes[:, ::2]).max(1)
        left = np.argsort(-longest, kind="stable")  # rows of ``boxes`` that are still to be filled
        windows = []
        while left.size:
            hole = Box(*boxes[left[0]].tolist())
            box = self._window(hole, height, width)
            inside = box.within(height, width)
            reach = _square_around(hole) if self.hole_px else inside
            taken = (boxes[left][:, ::2] >= reach[::2]).all(1) & (boxes[left][:, 1::2] <= reach[1::2]).all(1)
            wanted = np.isin(numbers[inside.slices()], left[taken] + 1)
            windows.append(Window(box, index, inside, torch.from_numpy(wanted).to(mask.device)))
            left = left[~taken]
        return windows

    def _window(self, hole: Box, height: int, width: int) -> Box:
        longest = hole.longest
        if self.hole_px:
            side = -(-longest * self.generator.side // self.hole_px)
            side += (side - longest) % 2  # so that the hole's middle is the window's
            top, left = ((first + last - side) // 2 for first, last in (hole[:2], hole[2:]))
        else:
            side = max(longest, min(2 * longest, height, width), min(self.generator.side, height, width))
            top, left = _moved_inside(*hole[:2], side, height), _moved_inside(*hole[2:], side, width)
        return Box(top, top + side, left, left + side)

    def _fill(self, images: Tensor, masks: Tensor, windows: list[Window]) -> Tensor:
        """What the windows show, filled: (N, C, S, S)."""
        views = [self._view(images[window.index], masks[window.index], window) for window in windows]
        colours, known = (torch.stack(parts) for parts in zip(*views, strict=True))
        predicted = self.generator(self.generator.punch(colours, self._hidden(known)))
        margin = (self.generator.side - self.generator.patch_px) // 2
        # Around what is predicted its border is repeated: what is not known there must not darken it when it is scaled.
        spread = replicate(predicted, margin)
        return torch.where(known, colours, spread.to(colours.dtype))

    def _view(self, image: Tensor, mask: Tensor, window: Window) -> tuple[Tensor, Tensor]:
        """The window at the network's size: colours (C, S, S), and what is known of it (1, S, S).

        Colours are means over the known pixels alone, so nothing leaks out of the hole into its surroundings.
        """
        known = window.look(~mask.unsqueeze(0))
        seen = torch.where(known, window.look(image), 0)
        if window.side == self.generator.side:
            return seen, known
        share = _resized(known.to(seen.dtype), self.generator.side, "bilinear")
        return _resized(seen, self.generator.side, "bilinear") / share.clamp(min=1e-3), share >= 0.5

    def _hidden(self, known: Tensor) -> Tensor:
        """What the network does not get to see of (N, 1, S, S)."""
        hidden = ~known
        if self.hole_px:
            first = (self.generator.side - self.hole_px) // 2
            hidden[..., first : first + self.hole_px, first : first + self.hole_px] = True
        return hidden

    def _checked(self, images: Tensor, masks: Tensor | None) -> Tensor:
        height, width = images.shape[-2:]
        if masks is None:
            masks = torch.zeros(len(images), height, width, dtype=torch.bool, device=images.device)
            hole = max(1, self._default_hole(min(height, width)))
            top, left = (height - hole) // 2, (width - hole) // 2
            masks[:, top : top + hole, left : left + hole] = True
        if masks.shape != (len(images), height, width) or masks.dtype != torch.bool:
            found = f"{masks.dtype} {tuple(masks.shape)}"
            raise ValueError(f"masks are {found}, not boolean {(len(images), height, width)} as the pictures are")
        return masks.to(images.device)

    def _default_hole(self, side: int) -> int:
        return side * self.hole_px // self.generator.side if self.hole_px else side // 2


def _square_around(hole: Box) -> Box:
    """The square of the hole's longer side with the same middle: what a network with a hole in the middle fills."""
    side = hole.longest
    top, left = (hole.top + hole.bottom - side) // 2, (hole.left + hole.right - side) // 2
    return Box(top, top + side, left, left + side)


def _moved_inside(first: int, last: int, side: int, length: int) -> int:
    """Where a window around [first, last) begins: inside of [0, length), or around all of it if it is longer."""
    if side >= length:
        return (length - side) // 2
    return min(max((first + last - side) // 2, 0), length - side)


def _reflected(first: int, last: int, length: int, device: torch.device) -> Tensor:
    """Indices first, first + 1, ... into ``length`` pixels, mirrored at both ends (which are not repeated)."""
    places = torch.arange(first, last, device=device)
    if length == 1:
        return torch.zeros_like(places)
    places = places % (2 * (length - 1))
    return torch.minimum(places, 2 * (length - 1) - places)


def _resized(planes: Tensor, side: int, mode: str) -> Tensor:
    """(C, H, W) scaled to (C, side, side), without aliasing where it shrinks."""
    return F.interpolate(planes.unsqueeze(0), size=(side, side), mode=mode, antialias=True, align_corners=False)[0]
