"""Learn the depth of one scene by heart and say how far from it the network is before and after.

    python scripts/depth_scene.py --minutes 5

The scene is the motorcycle of the Middlebury stereo data (Scharstein et al., GCPR 2014) as scikit-image has it, which
downloads 1 MB once; its disparity is turned into metres. Without scikit-image or the download it is one that is made by
code: boxes before a wall on a floor. Both are written as a data set, which is laid out as docs/depth.md says.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.testing import run_test
from translate.training.run import train_from_flags

# Of the quarter resolution that scikit-image has.
FOCAL_PX, BASELINE_M, OFFSET_PX = 994.978, 0.193001, 31.086


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, default=Path("depth_scene"), help="folder of data, run and results")
    parser.add_argument("--scene", choices=("motorcycle", "boxes"), help="(motorcycle, where it can be had)")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training (5)")
    parser.add_argument("--size", type=int, default=128, help="shorter side in pixels (128)")
    parser.add_argument("--ngf", type=int, default=16, help="width of the network; 64 is the published one (16)")
    given = parser.parse_args()
    name, picture, depth = load_scene(given.scene)
    write_data_set(given.out / "data", name, picture, depth)
    flags = {
        "model": "depth", "dataroot": str(given.out / "data"), "name": name, "checkpoints_dir": str(given.out / "runs"),
        "ngf": given.ngf, "preprocess": "scale_aspect", "load_size": given.size, "crop_size": given.size,
        "no_flip": True, "batch_size": 1, "lr": 1e-3, "n_epochs": 100_000, "n_epochs_decay": 0, "num_threads": 0,
        "gpu_ids": "-1", "print_freq": 10, "display_freq": 100,
    }  # fmt: skip
    train_from_flags({**flags, "max_steps": 1})
    before = tested(given.out, name, "before", given.size)
    again = {"continue_train": True, "name": name, "checkpoints_dir": flags["checkpoints_dir"], "num_threads": 0}
    train_from_flags({**again, "max_steps": None, "max_minutes": given.minutes})
    after = tested(given.out, name, "after", given.size)
    for score in before:
        print(f"{score}: {before[score]:.4f} before, {after[score]:.4f} after {given.minutes:g} minutes")


def tested(out: Path, name: str, when: str, size: int) -> dict[str, float]:
    """The mean scores of the run as it is, on the very pixels that it has learned."""
    told = {"checkpoints_dir": out / "runs", "name": name, "results_dir": out / when, "gpu_ids": "-1"}
    page = run_test({**told, "preprocess": "scale_aspect", "load_size": size}).page
    return json.loads((page.parent / "scores.json").read_text())["mean"]


def load_scene(wanted: str | None) -> tuple[str, np.ndarray, np.ndarray]:
    """Name, uint8 picture (H, W, 3) and depth (H, W) in metres, 0 where it is not known."""
    if wanted != "boxes":
        try:
            return "motorcycle", *motorcycle()
        except (ImportError, OSError) as error:
            if wanted:
                raise
            print(f"note: no motorcycle here ({error}); taking boxes that are made by code")
    return "boxes", *boxes()


def motorcycle() -> tuple[np.ndarray, np.ndarray]:
    """The left picture and its depth."""
    from skimage.data import stereo_motorcycle

    left, _, disparity = stereo_motorcycle()
    known = np.isfinite(disparity)
    metres = FOCAL_PX * BASELINE_M / (np.where(known, disparity, 1) + OFFSET_PX)
    return left[:, :, :3], np.where(known, metres, 0).astype(np.float32)


def boxes(height: int = 256, width: int = 384, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of plain colours on a chequered floor before a wall; what is far is darker."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    below = np.maximum(y - 0.4 * height, 1e-6)
    depth = np.minimum(0.6 * height / below, 8.0)  # metres: the floor begins at 1, the wall stands at 8
    chequered = (np.floor(depth * 2) + np.floor((x - width / 2) * depth / 60)) % 2
    colour = np.where((depth < 8)[:, :, None], 110 + 90 * chequered[:, :, None], np.array([150, 160, 190]))
    for metres in sorted(rng.uniform(1.5, 6, 5), reverse=True):
        side, left = height / metres / 1.5, rng.uniform(0, 0.85 * width)
        foot = 0.4 * height + 0.6 * height / metres
        inside = (x >= left) & (x < left + side) & (y >= foot - side) & (y < foot)
        depth = np.where(inside, metres, depth)
        colour = np.where(inside[:, :, None], rng.integers(60, 256, 3), colour)
    shaded = colour * (1.1 - 0.08 * depth)[:, :, None] + rng.normal(0, 3, colour.shape)
    return shaded.clip(0, 255).astype(np.uint8), depth.astype(np.float32)


def write_data_set(root: Path, name: str, picture: np.ndarray, depth: np.ndarray) -> None:
    """One scene for training, and the same for the test."""
    for phase in ("train", "test"):
        for letter in "AB":
            (root / f"{phase}{letter}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(root / f"{phase}A" / f"{name}.png")
        np.save(root / f"{phase}B" / f"{name}.npy", depth)


if __name__ == "__main__":
    main()
