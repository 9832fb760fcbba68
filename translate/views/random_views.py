"""Random views of pictures by which contrastive methods learn: what two views of a picture share is what it shows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from translate.views.blurring import gaussian_blur
from translate.views.color_jitter import change_some, greyscale, jitter, solarise
from translate.views.resampling import resized_crops

BOX_TRIES = 10


@dataclass(frozen=True)
class ViewRecipe:
    """How a view is drawn: a box of the picture, resized and perhaps mirrored; then colours, blur, solarisation.

    Attributes:
        area: least and largest share of the picture that the box has, drawn evenly.
        ratio: the same of its width over its height, drawn evenly in the logarithm.
        cubic: the filter that resizes; else linear. Both with antialiasing.
        flip_p: probability of the mirror image; so with every name that ends in _p.
        jitter: the most that brightness, contrast and saturation are off the factor 1, and the hue off 0 (turns).
        grey_p: of colours taken out, behind the jitter, or with ``grey_first`` before it.
        blur_sigma: least and largest deviation of the Gaussian in pixels.
    """

    area: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    cubic: bool = False
    flip_p: float = 0.5
    jitter: tuple[float, float, float, float] = (0.8, 0.8, 0.8, 0.2)
    jitter_p: float = 0.8
    grey_p: float = 0.2
    grey_first: bool = False
    blur_p: float = 0.5
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarise_p: float = 0.0

    def changed(self, least_area: float, strength: float = 1.0, blurs: bool = True) -> "ViewRecipe":
        """The recipe with another least area, a jitter of another strength (1: as it is), and without blur."""
        brightness, contrast, saturation, hue = (strength * most for most in self.jitter)
        return replace(
            self,
            area=(least_area, self.area[1]),
            jitter=(brightness, contrast, saturation, min(hue, 0.5)),
            jitter_p=self.jitter_p if strength > 0 else 0.0,
            blur_p=self.blur_p if blurs else 0.0,
        )


SIMCLR = ViewRecipe(cubic=True)
"""Chen et al., ICML 2020, arXiv:2002.05709, appendix A, at strength 1."""
_MOCO = ViewRecipe(area=(0.2, 1.0), jitter=(0.4, 0.4, 0.4, 0.1))
_MOCO_V3 = replace(_MOCO, jitter=(0.4, 0.4, 0.2, 0.1))
MOCO = {
    "v1": (replace(_MOCO, jitter=(0.4, 0.4, 0.4, 0.4), jitter_p=1.0, grey_first=True, blur_p=0.0),) * 2,
    "v2": (_MOCO,) * 2,
    "v3": (replace(_MOCO_V3, blur_p=1.0), replace(_MOCO_V3, blur_p=0.1, solarise_p=0.2)),
}
"""The two views of He et al., CVPR 2020, arXiv:1911.05722; Chen et al. 2020, arXiv:2003.04297; Chen, Xie, He, ICCV
2021, arXiv:2104.02057."""


def draw_view(rng: np.random.Generator, recipe: ViewRecipe, size: tuple[int, int]) -> dict[str, Any]:
    """The numbers that make a view of a picture of this (height, width), as ``Method.draw`` returns them."""
    mirrored, jittered, grey, blurred, solarised = rng.random(5) < (
        recipe.flip_p, recipe.jitter_p, recipe.grey_p, recipe.blur_p, recipe.solarise_p
    )  # fmt: skip
    brightness, contrast, saturation, hue = recipe.jitter
    factors = [rng.uniform(max(1 - most, 0), 1 + most) for most in (brightness, contrast, saturation)]
    return {
        "box": np.array(draw_box(rng, size, recipe.area, recipe.ratio), np.float32),
        "mirrored": mirrored,
        "jittered": jittered,
        "order": rng.permutation(4).tolist(),
        "strengths": np.array([*factors, rng.uniform(-hue, hue)], np.float32),
        "grey": grey,
        "blurred": blurred,
        "sigma": np.float32(rng.uniform(*recipe.blur_sigma)),
        "solarised": solarised,
    }


def draw_box(
    rng: np.random.Generator, size: tuple[int, int], area: tuple[float, float], ratio: tuple[float, float]
) -> tuple[int, int, int, int]:
    """Top, left, height and width in pixels of a random part of a picture of this (height, width).

    Boxes that reach beyond the picture are drawn anew; after ten of them it is the largest one in the middle.
    """
    height, width = size
    for _ in range(BOX_TRIES):
        pixels = rng.uniform(*area) * height * width
        aspect = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        tall, wide = round(math.sqrt(pixels / aspect)), round(math.sqrt(pixels * aspect))
        if 0 < tall <= height and 0 < wide <= width:
            return int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1)), tall, wide
    aspect = min(max(width / height, ratio[0]), ratio[1])
    tall, wide = min(height, round(width / aspect)), min(width, round(height * aspect))
    return (height - tall) // 2, (width - wide) // 2, tall, wide


@torch.no_grad()
def make_view(images: Tensor, drawn: Mapping[str, Any], recipe: ViewRecipe, side_px: int) -> Tensor:
    """A view of every picture: (B, C, H, W) in [-1, 1] -> (B, C, side_px, side_px) in [-1, 1], in the same layout.

    Args:
        drawn: what ``draw_view`` returned for each picture, stacked; single decisions on the host.
        recipe: by which it was drawn.
    """
    view = resized_crops(images, drawn["box"], drawn["mirrored"], side_px, recipe.cubic)
    view = ((view + 1) / 2).clamp_(0, 1)
    if recipe.grey_first:
        view = change_some(view, drawn["grey"], greyscale)
    view = jitter(view, drawn["jittered"], drawn["order"], drawn["strengths"])
    if not recipe.grey_first:
        view = change_some(view, drawn["grey"], greyscale)
    view = change_some(view, drawn["blurred"], lambda some, sigma: gaussian_blur(some, sigma, blur_radius_px(side_px)),
                       drawn["sigma"])  # fmt: skip
    view = change_some(view, drawn["solarised"], solarise)
    layout = torch.channels_last if images.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    return (2 * view - 1).contiguous(memory_format=layout)


def blur_radius_px(side_px: int) -> int:
    """Pixels beside the middle of a filter that is a tenth of the side wide (Chen et al. 2020, appendix A)."""
    return max(side_px // 20, 1)
