"""Does ``--model depth`` learn the depth of a scene? The motorcycle of scikit-image, whose disparity is known.

    python scripts/learn_depth.py --minutes 5

Trains on the one picture, made smaller, translates it, and compares with the true depth and with the same depth
everywhere. Exit code 0 if the error is less than half of that, 1 if it is not. scikit-image downloads the scene.

Writes OUT: the data set, the run, and its results page.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.data.deep import read_values
from translate.evaluation.depth import depth_errors
from translate.testing import run_test
from translate.training.run import train_from_flags

FARTHEST = 65535  # what 16 bits hold
SIZE = (192, 128)  # multiples of 16


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="of training (%(default)s)")
    parser.add_argument("--ngf", type=int, default=32, help="width of the network; 128 is published (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("results/depth"), help="(%(default)s)")
    options = parser.parse_args(arguments)
    truth = write_scene(options.out / "scene")
    steps = train_from_flags({
        "model": "depth", "dataroot": str(options.out / "scene"), "checkpoints_dir": str(options.out / "runs"),
        "name": "scene", "range_B": f"0,{FARTHEST}", "ngf": options.ngf, "preprocess": "none", "no_flip": True,
        "batch_size": 1, "lr": 1e-3, "lr_policy": "linear", "n_epochs": 100000,
        "n_epochs_decay": 0, "max_minutes": options.minutes,
    }).step  # fmt: skip
    page = run_test({"checkpoints_dir": options.out / "runs", "name": "scene", "results_dir": options.out / "results"})
    (found,) = (page.page.parent / "images" / "fake_B").rglob("*.png")
    found = read_values(found)[:, :, 0]
    learned, even = depth_errors(found, truth), depth_errors(np.ones_like(truth), truth)
    print(f"si-RMSE behind {steps} steps: {learned.full:.3f}; the same depth everywhere: {even.full:.3f}")
    print(f"relative error: {learned.relative:.3f}; the same depth everywhere: {even.relative:.3f}")
    return 0 if learned.full < even.full / 2 else 1


def write_scene(root: Path) -> np.ndarray:
    """The scene as a data set of one pair; its depth (H, W) in 16 bits, 0 where it is not known."""
    picture, _, disparity = skimage.data.stereo_motorcycle()
    known = np.isfinite(disparity) & (disparity > 0)
    depth = np.where(known, 1 / np.where(known, disparity, 1), 0)
    depth = np.rint(depth / depth.max() * FARTHEST).astype(np.uint16)
    picture = np.asarray(Image.fromarray(picture).resize(SIZE, Image.Resampling.LANCZOS))
    rows, columns = (np.arange(count) * side // count for count, side in zip(SIZE[::-1], depth.shape, strict=True))
    depth = depth[rows][:, columns]  # no mixture of known and unknown
    for phase in ("train", "test"):
        for domain, values in (("A", picture), ("B", depth)):
            (root / f"{phase}{domain}").mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(root / f"{phase}{domain}" / "motorcycle.png")
    return depth.astype(np.float64)


if __name__ == "__main__":
    sys.exit(main())
