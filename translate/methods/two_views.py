"""What contrastive methods share: two random views of each picture, drawn as numbers and made on the device."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from translate.errors import InputError
from translate.flags import flag
from translate.methods.base import Batch
from translate.methods.encoding import EncoderMethod, EncoderOptions, check_side
from translate.views.random_views import ViewRecipe, draw_view, make_view


@dataclass(frozen=True)
class ViewOptions(EncoderOptions):
    """Flags of methods that learn from two views of a picture."""

    view_px: int = flag(0, "side of the views (pixels); 0: --crop_size", low=0)
    crop_min: float = flag(0.08, "least share of a picture that a view shows", above=0, high=1)
    jitter: float = flag(1.0, "strength of the colour jitter, over the published one; 0: none", low=0)
    no_blur: bool = flag(False, "no view is blurred, as for pictures of 32 pixels")


class TwoViews(EncoderMethod):
    """A method that sees every picture twice. A subclass names its two recipes, and computes with ``views``."""

    options: ViewOptions
    published: tuple[ViewRecipe, ViewRecipe]
    numbers: ClassVar[tuple[int, int]] = (1, 2)

    @cached_property
    def recipes(self) -> tuple[ViewRecipe, ...]:
        """How the views are drawn, by the flags."""
        told = self.options
        return tuple(recipe.changed(told.crop_min, told.jitter, not told.no_blur) for recipe in self.published)

    def draw(self, rng: np.random.Generator, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        drawn = {}
        for number, recipe in zip(self.numbers, self.recipes, strict=True):
            drawn |= {f"{name}_{number}": value for name, value in draw_view(rng, recipe, sizes["A"]).items()}
        return drawn

    def views(self, batch: Batch) -> list[Tensor]:
        """Both views (B, C, S, S) of the pictures in a batch."""
        images = batch["A"]
        side_px = self.options.view_px or min(images.shape[-2:])
        made = []
        for number, recipe in zip(self.numbers, self.recipes, strict=True):
            ending = f"_{number}"
            drawn = {name.removesuffix(ending): value for name, value in batch.items() if name.endswith(ending)}
            made.append(make_view(images, drawn, recipe, side_px))
        return made

    def pictures(self, state: Any) -> dict[str, Tensor]:
        """The first picture and its two views, of a state that has ``images`` and ``views``."""
        first, second = (view[0] for view in state.views)
        return {"real_A": state.images[0], "view_1": first, "view_2": second}

    def check_size(self, side_px: int) -> None:
        """Refuse views of which nothing is left in the encoder's deepest map."""
        told = self.options
        flag = "--view_px" if told.view_px else "--crop_size"
        check_side(self.networks["E"], told.view_px or side_px, flag, told.netE)


def refuse_without_effect(options: Any, names: Mapping[str, str]) -> None:
    """Refuse flags that have been changed and do nothing here.

    Args:
        names: flag -> why it does nothing.

    Raises:
        InputError: names the first of them.
    """
    usual = {field.name: field.default for field in dataclasses.fields(options)}
    for name, reason in names.items():
        if getattr(options, name) != usual[name]:
            raise InputError(f"--{name} {getattr(options, name)} has no effect, since {reason}; leave it out")


def refuse_parts(parts: int) -> None:
    """Refuse a batch in parts, each of which would have its own pictures alone for negatives.

    Raises:
        InputError: names the flag.
    """
    if parts > 1:
        raise InputError(
            f"--accumulate {parts}: the pictures of a batch are each other's negatives and have to be there at once; "
            "use --accumulate 1 with a smaller --batch_size, or more processes"
        )


def refuse_alone(pictures: int) -> None:
    """Refuse a batch in which a picture has no negatives.

    Raises:
        InputError: names the flag.
    """
    if pictures == 1:
        raise InputError("--batch_size 1 leaves a picture no other to be told from; use 2 or more")
