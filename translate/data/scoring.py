"""How close translated pictures come to the known truth of a sample dataset, beside what recolouring can do.

Three baselines stand next to the result: doing nothing, matching histograms, and the best affine
colour map that exists, fitted on the truth itself. None of them can look at a neighbourhood.
"""

from pathlib import Path

import numpy as np

from translate.data.reading import read_picture
from translate.errors import InputError

BASELINES = ("identity", "histogram", "affine")


def score(folder_results: Path, dataset: Path) -> dict[str, dict[str, float]]:
    """Errors to the truth, in grey levels (0-255), of the translated test pictures and of the baselines.

    Args:
        folder_results: holds a translated ``<name>.png`` for each testA/<name>.png.
        dataset: a folder with trainB, testA and testA_truth.

    Returns:
        For "result" and each of BASELINES ``{"mae": ..., "rmse": ...}`` over all pixels, channels and pictures.
        "histogram" is the better of matching each picture, or all with one map, to the pooled trainB.

    Raises:
        InputError: a folder or a picture is missing, unreadable, or of another size than its truth.
    """
    dataset = Path(dataset)
    names = _names(dataset / "testA")
    source = _read(dataset / "testA", names)
    truth = _read(dataset / "testA_truth", names)
    result = _read(Path(folder_results), names)
    _check_sizes(names, result, truth, Path(folder_results), "translate with --size original")
    _check_sizes(names, source, truth, dataset / "testA", "make the dataset again")
    domain_b = _pixels(_read(dataset / "trainB", _names(dataset / "trainB")))
    return {
        "result": errors(result, truth),
        "identity": errors(source, truth),
        "histogram": min(
            errors([match_histogram(picture, [picture], domain_b) for picture in source], truth),
            errors([match_histogram(picture, source, domain_b) for picture in source], truth),
            key=lambda found: found["mae"],
        ),
        "affine": errors(best_affine(source, truth), truth),
    }


def beats_all(scores: dict[str, dict[str, float]]) -> bool:
    """Whether the result's mean absolute error is lower than that of every baseline."""
    return all(scores["result"]["mae"] < scores[name]["mae"] for name in BASELINES)


def errors(pictures: list[np.ndarray], truth: list[np.ndarray]) -> dict[str, float]:
    """Mean absolute error and root mean squared error of (H, W, 3) pictures, in grey levels (0-255)."""
    difference = _pixels(pictures).astype(np.float64) - _pixels(truth)
    return {"mae": float(np.abs(difference).mean()), "rmse": float(np.sqrt((difference**2).mean()))}


def match_histogram(picture: np.ndarray, pool: list[np.ndarray], reference: np.ndarray) -> np.ndarray:
    """Recolour a picture by the map, per channel, that gives ``pool`` the histogram of ``reference``.

    Args:
        picture: uint8 (H, W, 3).
        pool: uint8 (H, W, 3) pictures, the picture itself or its whole domain.
        reference: uint8 (N, 3) pixels.
    """
    pixels = _pixels(pool)
    matched = np.empty(picture.shape, dtype=np.uint8)
    for channel in range(3):
        counts = np.bincount(pixels[:, channel], minlength=256)
        # A level stands for the middle of its ranks, so that one full level (black) is not drawn to its end.
        ranks = (np.cumsum(counts) - counts / 2) / len(pixels)
        wanted = np.cumsum(np.bincount(reference[:, channel], minlength=256)) / len(reference)
        table = np.searchsorted(wanted, ranks).astype(np.uint8)
        matched[..., channel] = table[picture[..., channel]]
    return matched


def best_affine(source: list[np.ndarray], truth: list[np.ndarray]) -> list[np.ndarray]:
    """The pictures under the one affine colour map (3x4) closest to the truth in least squares, as uint8."""
    weights, *_ = np.linalg.lstsq(_homogeneous(_pixels(source)), _pixels(truth).astype(np.float64), rcond=None)
    mapped = [np.rint((_homogeneous(picture) @ weights).clip(0, 255)) for picture in source]
    return [picture.astype(np.uint8) for picture in mapped]


def _homogeneous(pixels: np.ndarray) -> np.ndarray:
    """(..., 3) colours -> (..., 4) with a constant one."""
    return np.concatenate([pixels.astype(np.float64), np.ones((*pixels.shape[:-1], 1))], axis=-1)


def _pixels(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures (H, W, 3) -> all their pixels (N, 3)."""
    return np.concatenate([picture.reshape(-1, 3) for picture in pictures])


def _names(folder: Path) -> list[str]:
    names = sorted(path.name for path in folder.glob("*.png"))
    if not names:
        raise InputError(f"{folder} holds no PNG pictures; make the dataset: python scripts/make_sample.py")
    return names


def _read(folder: Path, names: list[str]) -> list[np.ndarray]:
    """The named pictures as uint8 (H, W, 3)."""
    if not folder.is_dir():
        raise InputError(f"the folder {folder} does not exist; check --results and --dataroot")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{folder} lacks {len(missing)} of {len(names)} pictures, first {missing[0]}; translate them")
    return [np.asarray(read_picture(folder / name, channels=3)) for name in names]


def _check_sizes(
    names: list[str], pictures: list[np.ndarray], truth: list[np.ndarray], folder: Path, remedy: str
) -> None:
    for name, picture, answer in zip(names, pictures, truth, strict=True):
        if picture.shape != answer.shape:
            sizes = f"{picture.shape[1]}x{picture.shape[0]}, its truth {answer.shape[1]}x{answer.shape[0]}"
            raise InputError(f"{folder / name} is {sizes}; {remedy}")
