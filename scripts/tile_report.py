"""What tiles cost and change: memory and seconds on a large picture, differences and seams on a smaller one.

    python scripts/tile_report.py --picture photographs/*.jpg
    python scripts/tile_report.py --run checkpoints/my_run --picture photograph.jpg --size 0

Without ``--run`` the generator is the published one with random weights, drawn with a gain at which its output has
contrast. Several pictures are put together to one, and one that is too small is scaled up. Each row of the first table
is measured in a process of its own, as a whole and in tiles. Prints tables in Markdown.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.choosing import find_weights
from translate.commands import run_command
from translate.data.reading import read_picture
from translate.errors import InputError, RunError, TranslateError
from translate.networks import RESNET_GENERATORS, build_generator
from translate.networks.initialization import initialize
from translate.networks.resnet import ResnetGenerator
from translate.networks.windows import receptive_radius
from translate.sizing import TestSize
from translate.tiling import TILE_STATS, make_tiles
from translate.training.device import choose_device, describe_device
from translate.training.memory import peak_mib
from translate.translator import Translator

MODES = ("whole", *TILE_STATS)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="a trained generator: run folder or file; default: random weights")
    parser.add_argument("--netG", default="resnet_9blocks", choices=RESNET_GENERATORS)
    parser.add_argument("--ngf", type=int, default=64)
    parser.add_argument("--init_gain", type=float, default=1.0)
    parser.add_argument("--picture", nargs="+", default=[], help="photographs; default: a drawing")
    parser.add_argument("--size", type=int, default=4096, help="side for memory and seconds; 0: leave these out")
    parser.add_argument("--tile", type=int, default=1024, help="of that picture")
    parser.add_argument("--compare_size", type=int, default=1024, help="side for differences; 0: leave these out")
    parser.add_argument("--compare_tile", type=int, default=256, help="of that picture")
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES, help="of the first table")
    parser.add_argument("--gpu_ids", default="0")
    flags = parser.parse_args(arguments)
    if flags.size:
        print(cost_table(flags), flush=True)
    if flags.compare_size:
        print(difference_table(flags))


def cost_table(flags: argparse.Namespace) -> str:
    """Memory, seconds and arithmetic of the large picture."""
    context = multiprocessing.get_context("spawn")
    lines = [f"{flags.size}x{flags.size}, tiles of {flags.tile}", ""]
    lines += ["| | MiB above import | s | s of all cores | TFLOP |", "|---|---|---|---|---|"]
    for mode in flags.modes:
        ours, theirs = context.Pipe()
        process = context.Process(target=measure, args=(mode, flags, theirs), daemon=True)
        process.start()
        theirs.close()
        mib, seconds, cpu_seconds, flop = _answer(ours, mode)
        process.join()
        lines.append(f"| {mode} | {mib:.0f} | {seconds:.0f} | {cpu_seconds:.0f} | {flop / 1e12:.1f} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join([*lines, ""])


def _answer(line: Connection, mode: str) -> tuple[float, ...]:
    """What a process sends, or the error that it met."""
    try:
        answer = line.recv()
    except EOFError:
        raise RunError(
            f"the process of {mode} died, most likely for want of memory; give a smaller --size, or --modes without it"
        ) from None
    if isinstance(answer, TranslateError):
        raise answer
    return answer


def measure(mode: str, flags: argparse.Namespace, line: Connection) -> None:
    """Send what one translation of the large picture takes, or why there is none."""
    try:
        line.send(costs(mode, flags))
    except TranslateError as error:
        line.send(error)


def costs(mode: str, flags: argparse.Namespace) -> tuple[float, ...]:
    """Translate the large picture once: memory (MiB), seconds, those of all cores, and operations."""
    device = choose_device(flags.gpu_ids)
    before_mib = peak_mib(device)
    translator = make_translator(flags, mode, flags.tile)
    picture = make_picture(flags.picture, flags.size)
    operations = count_operations(translator.generator)
    started, busy = time.perf_counter(), time.process_time()
    translator(picture)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - busy
    return peak_mib(device) - before_mib, seconds, cpu_seconds, sum(operations)


def count_operations(network: nn.Module) -> list[int]:
    """A list that every convolution appends its multiplications and additions to when it is called."""
    counts: list[int] = []

    def count(convolution: nn.Module, inputs: tuple[Tensor], result: Tensor) -> None:
        places = inputs[0] if isinstance(convolution, nn.ConvTranspose2d) else result
        counts.append(2 * places.shape[2] * places.shape[3] * convolution.weight.numel())

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(count)
    return counts


def difference_table(flags: argparse.Namespace) -> str:
    """How far tiles are from the whole, in grey levels, and how much of them one sees."""
    side = flags.compare_size
    pixels = np.asarray(make_picture(flags.picture, side))
    picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 255
    best = make_translator(flags, "whole", 0)
    radius = receptive_radius(best.generator)
    print(describe_device(best.device, best.precision.name), f"torch {torch.__version__}", f"radius {radius}", sep=", ")
    lines = [f"{side}x{side}, tiles of {flags.compare_tile}, grey levels of 255", ""]
    lines += ["| | mean difference | largest | contrast (SD) | gradient ratio at seams |", "|---|---|---|---|---|"]
    for precision in dict.fromkeys(("fp32", best.precision.name)):
        results = {
            mode: make_translator(flags, mode, flags.compare_tile, precision)(picture) * 255
            for mode in MODES
        }  # fmt: skip
        for mode, result in results.items():
            apart = (result - results["whole"]).abs()
            ratio = seam_ratio(result, flags.compare_tile)
            lines.append(
                f"| {mode}, {precision} | {apart.mean():.4f} | {apart.max():.3f} | {result.std():.1f} | {ratio:.4f} |"
            )
    return "\n".join(lines)


def seam_ratio(result: Tensor, tile_px: int) -> float:
    """Mean difference (C, H, W) of neighbours on either side of a tile's border, over that of all other neighbours."""
    tiles = make_tiles(*result.shape[1:], tile_px, stride=4)
    at_seams, elsewhere = [], []
    for dim, places in ((1, {tile.rows[0] for tile in tiles}), (2, {tile.columns[0] for tile in tiles})):
        differences = result.diff(dim=dim).abs().mean(dim=(0, 3 - dim))
        is_seam = torch.tensor([place in places for place in range(1, result.shape[dim])])
        at_seams.append(differences[is_seam])
        elsewhere.append(differences[~is_seam])
    return (torch.cat(at_seams).mean() / torch.cat(elsewhere).mean()).item()


def make_translator(flags: argparse.Namespace, mode: str, tile: int, precision: str = "auto") -> Translator:
    """The generator of the flags, as a whole or in tiles."""
    how = {} if mode == "whole" else {"tile": tile, "tile_stats": mode}
    device = choose_device(flags.gpu_ids)
    if flags.run:
        weights = find_weights(flags.run, Path("checkpoints"))
        translator = Translator.load(weights, size="original", device=device, precision=precision, **how)
        if not any(isinstance(module, ResnetGenerator) for module in translator.generator.modules()):
            raise InputError(
                f"--run {flags.run}: the report is about resnet generators, and this is none; give another"
            )
        return translator
    torch.manual_seed(0)
    generator = initialize(build_generator(flags.netG, ngf=flags.ngf), "xavier", flags.init_gain)
    return Translator(generator, TestSize("original"), 3, device, precision=precision, **how)


def make_picture(paths: Sequence[str], side: int) -> Image.Image:
    """A square picture: photographs side by side, or a drawing of soft and sharp shapes of every size."""
    if not paths:
        return draw(side)
    across = max(1, int(len(paths) ** 0.5))
    part = -(-side // across)
    picture = Image.new("RGB", (side, side))
    for at, path in enumerate(paths[: across**2]):
        photograph = read_picture(path, 3).resize((part, part), Image.Resampling.BICUBIC)
        picture.paste(photograph, (at % across * part, at // across * part))
    return picture


def draw(side: int) -> Image.Image:
    rng = np.random.default_rng(0)
    picture = np.zeros((side, side, 3), np.float32)
    for cells in (4, 16, 64, 256):
        noise = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        kind = Image.Resampling.NEAREST if cells == 16 else Image.Resampling.BICUBIC
        picture += np.asarray(Image.fromarray(noise).resize((side, side), kind))
    return Image.fromarray((picture / 4).astype(np.uint8))


if __name__ == "__main__":
    run_command(main)
