"""What can be said in numbers about one tested picture whose truth is known."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from translate.evaluation.color import ab_error, colourfulness
from translate.evaluation.depth import PAIR_SETS, aligned_errors, si_rmse
from translate.evaluation.inpainting import hole_quality

UNITS = {
    "hole PSNR": " dB",
    "hole SSIM": "",
    "ab error": " (RMS, ab units)",
    "ab error of grey": " (RMS, ab units)",
    "colourfulness": "",
    "colourfulness of the truth": "",
    **{f"si-RMSE {name}": "" for name in PAIR_SETS},
    "relative error": "",
    "RMSE": " m",
}


def score(pictures: Mapping[str, Image.Image], hole: np.ndarray | None = None) -> dict[str, float]:
    """The scores of a result, by name; none where the pictures are of another kind.

    Args:
        pictures: by label; ``fake_B`` is the result, ``truth_B`` the truth, ``grey_A`` says that it was coloured.
        hole: (H, W) boolean, true where the result was filled in.
    """
    result, truth = (np.asarray(pictures[label]) for label in ("fake_B", "truth_B"))
    if hole is not None:
        quality = hole_quality(truth, result, hole)
        return {"hole PSNR": quality.psnr, "hole SSIM": quality.ssim}
    if "grey_A" in pictures and colourfulness(truth) > 0:
        return {
            "ab error": ab_error(truth, result).rms,
            "ab error of grey": ab_error(truth).rms,
            "colourfulness": colourfulness(result),
            "colourfulness of the truth": colourfulness(truth),
        }
    return {}


def score_depth(predicted: np.ndarray, depth: np.ndarray, people: np.ndarray | None = None) -> dict[str, float]:
    """The scores of predicted depth, by name; none where no depth is known.

    Args:
        predicted: (H, W) above 0, in any unit.
        depth: true, in metres; 0 where it is not known.
        people: boolean; None where it is not known who they are.
    """
    valid = depth > 0
    logarithm = np.log(np.maximum(predicted, np.finfo(np.float32).tiny))
    found = {f"si-RMSE {name}": value for name, value in si_rmse(logarithm, depth, valid, people).items()}
    errors = aligned_errors(predicted, depth, valid)
    return found | ({"relative error": errors["relative"], "RMSE": errors["rmse"]} if errors else {})


def mean_scores(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each score over the pictures that have it."""
    names = list(dict.fromkeys(name for row in scores for name in row))
    return {name: float(np.mean([row[name] for row in scores if name in row])) for name in names}


def in_words(name: str, value: float) -> str:
    """A score as people read it.

    >>> in_words("hole PSNR", 21.456)
    '21.46 dB'
    """
    return f"{value:.3g}{UNITS[name]}" if "PSNR" not in name else f"{value:.2f}{UNITS[name]}"
