"""What a test does with predicted depth: it is written as numbers, and compared where the truth is known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from translate.data.inputs import Input
from translate.data.planes import Planes, stacked
from translate.data.tensors import to_image, to_uint8
from translate.evaluation.scores import score_depth
from translate.networks.depth_colours import colour_depth
from translate.saving import save


@dataclass(frozen=True)
class Known:
    """True depth (H, W) in metres, 0 where it is not known, and where people are, if that is known."""

    depth: np.ndarray
    people: np.ndarray | None

    def view(self) -> Image.Image:
        """The depth as colours, near is warm; grey where it is not known."""
        depth = torch.from_numpy(self.depth)[None, None]
        valid = depth > 0
        return to_image(to_uint8(colour_depth(torch.where(valid, depth, torch.ones_like(depth)).log(), valid)[0]))

    def score(self, predicted: np.ndarray) -> dict[str, float]:
        """How far predicted depth (H, W) is from it."""
        return score_depth(predicted, self.depth, self.people)


def known_depth(each: Input, stored: tuple[int, int], size: tuple[int, int]) -> Known | None:
    """What is known of the depth of a picture that was brought to a size; None where nothing is.

    Args:
        stored: size (width, height) of the picture as it was read.
        size: that it was brought to.

    Raises:
        PictureError: its depth or its mask cannot be read, or has another size than the picture.
    """
    if each.depth is None:
        return None
    files = (each.depth,) if each.people is None else (each.depth, each.people)
    planes = Planes(stacked(files, stored, each.part.path)).resize(size, Image.Resampling.NEAREST).signed
    return Known(planes[:, :, 0], planes[:, :, 1] > 0 if each.people else None)


def save_depth(depth: np.ndarray, path: Path) -> None:
    """Write depth (H, W) as a ``.npy`` file of float32.

    Raises:
        RunError: the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    save(depth.astype(np.float32), path, "npy")
