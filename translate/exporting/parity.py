"""Whether an exported file translates as the translator does."""

import math

import torch
from torch import Tensor

from translate.errors import RunError
from translate.exporting.formats import Translate
from translate.translator import Translator

# Neither square nor of the traced size; a batch, and one that colorization scales down. No side suits a stride.
SIZES = ((2, 101, 150), (1, 333, 270))  # batch, height, width
MOST_LEVELS = 0.1  # of 255. Rounding of float32 makes a thousandth, a wrong border or filter whole levels.


def largest_difference(exported: Translate, translator: Translator, raw: bool) -> float:
    """Between the two on pictures of several sizes, in grey levels (of 255).

    Args:
        exported: maps (B, C, H, W) to (B, C', H, W).
        translator: in fp32.
        raw: whether the values of ``exported`` go from -1 to 1.
    """
    largest = 0.0
    for batch, height, width in SIZES:
        pictures = textured_gradient(batch, translator.input_nc, height, width)
        expected = translator(pictures, size="original")
        try:
            result = exported(pictures * 2 - 1) / 2 + 0.5 if raw else exported(pictures)
        except Exception as error:  # of whatever runs the file
            reason = " ".join(str(error).split())[:160]
            raise RunError(f"the exported file cannot be run ({reason}); nothing was written") from error
        if result.shape != expected.shape:
            sizes = f"{tuple(result.shape)}, not {tuple(expected.shape)}"
            raise RunError(f"the exported file gives pictures of shape {sizes}; nothing was written")
        difference = (result - expected).abs().max().item() * 255
        largest = max(largest, difference if math.isfinite(difference) else math.inf)
    return largest


def textured_gradient(batch: int, channels: int, height: int, width: int) -> Tensor:
    """Pictures (B, C, H, W) from 0 to 1, all channels and samples different: a gradient under waves that get finer."""
    y = torch.linspace(0, 1, height).view(1, 1, -1, 1)
    x = torch.linspace(0, 1, width).view(1, 1, 1, -1)
    number = torch.arange(batch * channels, dtype=torch.float32).view(batch, channels, 1, 1)
    waves = torch.sin((40 + 9 * number) * x * x + 7 * number) * torch.cos((30 + 5 * number) * y * y)
    return (0.5 * (x + y) / 2 + 0.25 + 0.25 * waves).clamp(0, 1)


def refuse_difference(levels: float) -> None:
    """Refuse what is more than rounding.

    Raises:
        RunError: says how much it is.
    """
    if not levels <= MOST_LEVELS:
        raise RunError(
            f"the exported file differs from the translator by up to {levels:.3g} grey levels of 255 "
            f"({MOST_LEVELS} are allowed), so it was not written; try other versions of torch and onnxscript"
        )
