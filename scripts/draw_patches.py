"""Draw what PatchNCE compares: patches of a picture, of its translation, and how alike they are to a trained run.

    python scripts/draw_patches.py --name sample --picture datasets/sample/testA/00000.png --out docs/patches.png

Above: the picture and its translation, with the same places marked in both, each as large as what the tapped layer sees
there. Below: the similarity of every patch of the translation to every patch of the picture. Only the diagonal, a patch
and its own place, is to be high.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.commands import run_command
from translate.data.tensors import to_image, to_uint8
from translate.methods import Method
from translate.training.device import choose_device
from translate.training.job import prepare_job
from translate.training.processes import Processes

# What a place of the tapped layer sees of the picture, in pixels (anti-aliased ResNet generators).
SEEN_PX = {"pixels": 1, "down1": 9, "down2": 15, "res1": 35, "res3": 67, "res5": 99}
SCALE = 6  # pixels drawn a pixel
CELL = 34  # of the matrix
GREEN, GREY, BLACK = (0, 130, 60), (90, 90, 90), (20, 20, 20)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="a run of CUT")
    parser.add_argument("--checkpoints_dir", default="./checkpoints")
    parser.add_argument("--picture", type=Path, required=True, help="of domain A, of a size that the network takes")
    parser.add_argument("--layer", default="down2", choices=list(SEEN_PX), help="one that is tapped (%(default)s)")
    parser.add_argument("--patches", type=int, default=10, help="how many are shown (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of their places")
    parser.add_argument("--out", type=Path, default=Path("patches.png"))
    flags = parser.parse_args(arguments)
    told = {"name": flags.name, "checkpoints_dir": flags.checkpoints_dir, "continue_train": True, "num_threads": 0}
    job = prepare_job(told, Processes(), choose_device("-1"))
    job.method.load_state_dict(job.start.state["method"])
    source = read(flags.picture, job.feed.input_nc)
    tap = job.settings.method.nce_layers.split(",").index(flags.layer)
    output, places, alike = compare(job.method.eval(), source, tap, flags.patches, flags.seed)
    drawing = draw(picture(source), picture(output), places, SEEN_PX[flags.layer], alike)
    drawing.save(flags.out)
    print(f"{flags.out}: mean similarity {alike.diagonal().mean():.2f} of a patch and its place, "
          f"{(alike.sum() - alike.trace()) / (alike.size - len(alike)):.2f} of others")  # fmt: skip


def read(path: Path, channels: int) -> Tensor:
    """(1, C, H, W) in [-1, 1]."""
    pixels = np.asarray(Image.open(path).convert("RGB" if channels == 3 else "L"), np.float32) / 127.5 - 1
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], channels)).permute(2, 0, 1)[None]


@torch.no_grad()
def compare(method: Method, source: Tensor, tap: int, count: int, seed: int) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """The translation, the marked places (count, 2) as shares of height and width, and similarities (count, count):
    a row for a patch of the translation, a column for one of the source."""
    generator, head = method.networks["G"], method.networks["F"]
    output = generator(source)
    keys, queries = (generator.features(images, method.taps) for images in (source, output))
    height, width = keys[tap].shape[2:]
    rng = np.random.default_rng(seed)
    rows, columns = (rng.choice(np.linspace(length // 6, length - length // 6, count, dtype=int), count, replace=False)
                     for length in (height, width))  # fmt: skip
    positions = [torch.zeros(1, 1, dtype=torch.long) for _ in keys]
    positions[tap] = torch.from_numpy(rows * width + columns)[None]
    query, key = (head(features, positions)[tap].reshape(count, -1) for features in (queries, keys))
    return output, np.stack([(rows + 0.5) / height, (columns + 0.5) / width], 1), (query @ key.T).numpy()


def picture(images: Tensor) -> Image.Image:
    image = to_image(to_uint8(images[0])).convert("RGB")
    return image.resize((image.width * SCALE, image.height * SCALE), Image.Resampling.NEAREST)


def draw(source: Image.Image, output: Image.Image, places: np.ndarray, seen_px: int, alike: np.ndarray) -> Image.Image:
    """Both pictures with numbered squares, and the matrix at their right."""
    gap, margin, count = 24, 40, len(places)
    side = CELL * count
    size = (3 * gap + source.width * 2 + margin + side + gap, max(source.height, side + margin) + 2 * margin)
    canvas = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(16)
    corners = [(gap, margin), (2 * gap + source.width, margin)]
    for corner, image, title in zip(corners, (source, output), ("input: keys", "translation: queries"), strict=True):
        canvas.paste(image, corner)
        pen.text((corner[0], margin - 24), title, BLACK, font)
        for number, (row, column) in enumerate(places, 1):
            mark(pen, corner, (column * image.width, row * image.height), seen_px * SCALE / 2, str(number))
    matrix(pen, (3 * gap + 2 * source.width + margin, 2 * margin), alike, font)
    return canvas


def mark(
    pen: ImageDraw.ImageDraw, corner: tuple[int, int], middle: tuple[float, float], half: float, word: str
) -> None:
    x, y = (start + place for start, place in zip(corner, middle, strict=True))
    pen.rectangle((x - half, y - half, x + half, y + half), outline=GREEN, width=3)
    pen.text((x - half + 5, y - half + 2), word, (255, 255, 255), ImageFont.load_default(15), stroke_width=2,
             stroke_fill=BLACK)  # fmt: skip


def matrix(pen: ImageDraw.ImageDraw, corner: tuple[int, int], alike: np.ndarray, font: ImageFont.FreeTypeFont) -> None:
    """Similarities as shades from white (-1 or less) to green (1)."""
    left, top = corner
    pen.text((left, top - 64), "how alike: row query, column key", BLACK, font)
    for row, values in enumerate(alike):
        pen.text((left - 22, top + row * CELL + 8), str(row + 1), GREY, font)
        pen.text((left + row * CELL + 10, top - 26), str(row + 1), GREY, font)
        for column, value in enumerate(values):
            share = min(max((float(value) + 1) / 2, 0.0), 1.0) ** 2
            shade = tuple(round(255 + (end - 255) * share) for end in GREEN)
            x, y = left + column * CELL, top + row * CELL
            pen.rectangle((x, y, x + CELL - 2, y + CELL - 2), fill=shade, outline=BLACK if row == column else None)


if __name__ == "__main__":
    run_command(main)
