"""How different the results are from each other: near 0, the translator gives one picture, whatever goes in."""

from itertools import combinations

import numpy as np
from PIL import Image

from translate.evaluation.metric import Judged, Measured, Metric, Tools, Unmeasurable, register
from translate.evaluation.perceptual import load_lpips, lpips_distances
from translate.evaluation.picture_set import PictureSet
from translate.evaluation.resampling import pairs_interval
from translate.randomness import generator

SMALL_PX = 32  # of the side that pixels are compared at
MOST = 1000  # pictures of which all pairs are compared
LPIPS_PX = 256  # of the side that LPIPS compares at
PAIRS = 200  # that LPIPS compares
FEWEST = 3


def pixel_distances(pictures: PictureSet, seed: int) -> np.ndarray:
    """The RMS differences of all pairs of pictures scaled to 32x32, in grey levels of 0 to 255: (N, N).

    Args:
        pictures: where there are more than 1000, as many are drawn.
        seed: of the drawing.
    """
    if len(pictures) > MOST:
        places = generator(seed, "pictures of diversity").choice(len(pictures), MOST, replace=False)
        pictures = pictures.part(sorted(places.tolist()))
    size = (SMALL_PX, SMALL_PX)
    small = [Image.fromarray(picture).resize(size, Image.Resampling.BOX) for picture in pictures]
    flat = np.stack([np.asarray(picture, np.float64).ravel() for picture in small])  # (N, 3072)
    lengths = np.square(flat).sum(1)
    # Whole numbers below 2^53, so that equal pictures are at 0 exactly.
    squares = lengths[:, None] + lengths - 2 * (flat @ flat.T)
    return np.sqrt(squares / flat.shape[1])


def drawn_pairs(count: int, seed: int, most: int = PAIRS) -> list[tuple[int, int]]:
    """Different pairs of ``count`` pictures: all of them, or ``most`` drawn at random."""
    if count * (count - 1) // 2 <= most:
        return list(combinations(range(count), 2))
    rng = generator(seed, "pairs of diversity")
    drawn: dict[tuple[int, int], None] = {}
    while len(drawn) < most:
        first, second = sorted(rng.choice(count, 2, replace=False).tolist())
        drawn[first, second] = None
    return list(drawn)


def _mean_of_pairs(distances: np.ndarray) -> float:
    n = len(distances)
    return float(distances.sum() / (n * (n - 1)))


def _pixels(judged: Judged, tools: Tools) -> Measured:
    _require("diversity_pixels", judged.results)
    distances = pixel_distances(judged.results, tools.seed)
    low, high = pairs_interval(distances)
    floor, ceiling = (
        _mean_of_pairs(pixel_distances(others, tools.seed)) if others is not None and len(others) >= FEWEST else None
        for others in (judged.real, judged.inputs)
    )
    return Measured(_mean_of_pairs(distances), low=low, high=high, floor=floor, ceiling=ceiling)


def _lpips(judged: Judged, tools: Tools) -> Measured:
    _require("diversity_lpips", judged.results)
    has_real = judged.real is not None and len(judged.real) >= FEWEST
    floor = _mean_lpips(judged.real, tools) if has_real else None
    return Measured(_mean_lpips(judged.results, tools), floor=floor, extractor=load_lpips(tools).name)


def _mean_lpips(pictures: PictureSet, tools: Tools) -> float:
    def scaled(index: int) -> np.ndarray:
        return np.asarray(Image.fromarray(pictures[index]).resize((LPIPS_PX, LPIPS_PX), Image.Resampling.BICUBIC))

    places = drawn_pairs(len(pictures), tools.seed)
    return float(lpips_distances(((scaled(i), scaled(j)) for i, j in places), len(places), tools).mean())


def _require(name: str, results: PictureSet) -> None:
    if len(results) < FEWEST:
        raise Unmeasurable(f"{name} needs at least {FEWEST} results, and there are {len(results)}")


register(
    Metric(
        "diversity_pixels",
        "diversity (pixels)",
        "",
        f"Mean RMS difference of all pairs of results scaled to {SMALL_PX}x{SMALL_PX}, in grey levels of 0 to 255 (of "
        f"{MOST} results drawn at random where there are more).",
        (),
        _pixels,
        decimals=1,
    )
)
register(
    Metric(
        "diversity_lpips",
        "diversity (LPIPS)",
        "",
        f"Mean LPIPS with AlexNet of {PAIRS} random pairs of results, or of all pairs where there are fewer, scaled to "
        f"{LPIPS_PX}x{LPIPS_PX}.",
        (),
        _lpips,
        prepare=load_lpips,
    )
)
