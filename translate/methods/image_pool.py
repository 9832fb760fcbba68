"""A history of fakes for discriminators (Shrivastava et al., CVPR 2017, arXiv:1612.07828, section 2.3)."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from translate.collectives import gather_samples, process_rank

PASS_ON = -1  # the decision to show a discriminator the new picture itself


class ImagePool(nn.Module):
    """Former fakes, so that a discriminator does not forget what generators did earlier.

    New pictures fill the pool first and are passed on. From then on each, by a decision drawn for it, is either passed
    on or takes the place of a former one, which is shown instead. The content is part of the state dict.

    Args:
        size: how many pictures are kept; 0 switches the pool off.
    """

    def __init__(self, size: int = 50):
        super().__init__()
        self.size = size
        self.images: list[Tensor] = []  # each (C, H, W), perhaps of different sizes

    def draw(self, rng: np.random.Generator) -> np.int64:
        """The decision for one picture: the place to swap it into, or ``PASS_ON``; half of the cases each."""
        swaps = rng.random() < 0.5
        return np.int64(rng.integers(self.size) if swaps else PASS_ON)

    @torch.no_grad()
    def query(self, images: Tensor, draws: Tensor | Iterable[int] | None = None) -> list[Tensor]:
        """What to show a discriminator instead of new fakes; the pool then remembers some of these.

        Where several processes train together, each pool sees the fakes of all of them, so that all pools stay alike.

        Args:
            images: (B, C, H, W) new fakes.
            draws: the decision for each of them (``draw``), (B,) on the host, since it is read here in every step; not
                needed by a pool of size 0.

        Returns:
            B pictures (C, H, W) without gradient; former ones have the size they had.
        """
        if self.size == 0:
            return list(images.detach())
        own = draws.tolist() if isinstance(draws, Tensor) else list(draws)
        shown = [self._exchange(image, place) for image, place in gather_samples(images, own)]
        first = process_rank() * len(images)
        return shown[first : first + len(images)]

    def _exchange(self, image: Tensor, place: int) -> Tensor:
        # Copies, since a picture is a view of its batch, which it would keep in memory and in the saved state.
        if len(self.images) < self.size:
            self.images.append(image.clone())
            return image
        if place == PASS_ON:
            return image
        former = self.images[place].to(image, non_blocking=True)  # a restored one may lie on another device
        self.images[place] = image.clone()
        return former

    def get_extra_state(self) -> dict[str, Any]:
        return {"images": list(self.images)}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        self.images = list(state["images"])[: self.size]
