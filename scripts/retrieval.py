"""Does a run of --model clip find the text of a picture among all, and the picture of a text? Recall at 1 and at 5.

    python scripts/retrieval.py named --dataroot my_named_photos
    python scripts/retrieval.py named --dataroot my_photos --captions captions.csv --crops 3 --mirrored

Pictures are found as in training. Each is asked for by the middle of it, or with --crops N by N random crops, which
with --mirrored no training without mirrored pictures has seen. Equal captions count as one. Prints a table; --output
writes it as JSON too.
"""

import argparse
import statistics
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from translate.choosing import find_weights
from translate.commands import run_command
from translate.data.captions import NAMES, captions_of_names, find_table, read_captions
from translate.data.listing import list_pictures, single_folder
from translate.data.preprocess import Preprocess
from translate.data.reading import read_picture
from translate.data.tensors import to_tensor
from translate.errors import InputError
from translate.evaluation.readout import square_of
from translate.evaluation.retrieval import COUNTS, Retrieved, chance, retrieve
from translate.files import write_json
from translate.image_text import ImageText
from translate.randomness import generator
from translate.training.device import choose_device


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", metavar="RUN", help="run folder, or the name of a run")
    parser.add_argument("--dataroot", required=True, type=Path)
    parser.add_argument("--captions", default=NAMES, help="as in training (%(default)s)")
    parser.add_argument("--phase", default="test", help="(%(default)s)")
    parser.add_argument("--crops", type=int, default=0, help="random ones of each picture; 0: the middle (%(default)s)")
    parser.add_argument("--mirrored", action="store_true", help="each picture left-right reversed")
    parser.add_argument("--seed", type=int, default=0, help="of the crops (%(default)s)")
    parser.add_argument("--epoch", default="latest", help="which weights (%(default)s)")
    parser.add_argument("--checkpoints_dir", type=Path, default=Path("checkpoints"), help="(%(default)s)")
    parser.add_argument("--gpu_ids", default="0", help="-1: the CPU (%(default)s)")
    parser.add_argument("--output", type=Path, help="a JSON file")
    flags = parser.parse_args(arguments)
    if flags.crops < 0:
        raise InputError(f"--crops {flags.crops} is too small: it must be 0 or more")
    both = ImageText.load(find_weights(flags.run, flags.checkpoints_dir), flags.epoch)
    both.method.to(choose_device(flags.gpu_ids))
    captions = find_captions(flags.captions, flags.dataroot, flags.phase)
    texts, relevant = told_apart(captions)
    embedded = both.embed_texts(texts)
    found = [
        retrieve(both.embed_pictures(squares(captions, both, number, flags)), embedded, relevant)
        for number in range(max(flags.crops, 1))
    ]
    result = summary(found, relevant)
    print(table(result, len(captions), len(texts)))
    if flags.output:
        write_json(flags.output, result)


def find_captions(source: str, root: Path, phase: str) -> dict[Path, list[str]]:
    """The pictures of a folder, or of a CSV file, with what is written about them."""
    if source == NAMES:
        return captions_of_names(list_pictures(single_folder(root, phase)))
    return read_captions(find_table(source, root), root)


def told_apart(captions: Mapping[Path, Sequence[str]]) -> tuple[list[str], Tensor]:
    """Every caption once, as a vocabulary reads it, and which picture (rows) has which of them (columns)."""
    read = [[as_read(each) for each in own] for own in captions.values()]
    texts = list(dict.fromkeys(each for own in read for each in own))
    place = {text: number for number, text in enumerate(texts)}
    relevant = torch.zeros(len(captions), len(texts), dtype=torch.bool)
    for row, own in enumerate(read):
        relevant[row, [place[each] for each in own]] = True
    return texts, relevant


def as_read(caption: str) -> str:
    """A caption without what a vocabulary does not see: how letters are composed, capitals, and more than one blank."""
    return " ".join(unicodedata.normalize("NFC", caption).lower().split())


def squares(paths: Mapping[Path, Any], both: ImageText, number: int, flags: argparse.Namespace) -> Tensor:
    """The pictures as uint8 (N, C, S, S): crop ``number`` of each, or the middle."""
    crop = Preprocess("scale_aspect_and_crop", both.load_size, both.crop_size, flip=False, multiple_px=1)
    cut = []
    for index, path in enumerate(paths):
        image = read_picture(path, both.input_nc)
        if flags.crops:
            image = crop(image, generator(flags.seed, "retrieval", number, index))
        else:
            image = square_of(image, both.load_size, both.crop_size)
        cut.append(to_tensor(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flags.mirrored else image))
    return torch.stack(cut)


def summary(found: Sequence[Retrieved], relevant: Tensor) -> dict[str, dict[str, Any]]:
    """For each direction and k: the recall of each set of crops, and that of chance."""
    directions = {"image_to_text": relevant, "text_to_image": relevant.T}
    return {
        f"{direction}@{count}": {
            "recall": [getattr(each, direction)[count] for each in found],
            "chance": chance(asked)[count],
        }
        for direction, asked in directions.items()
        for count in COUNTS
    }


def table(result: Mapping[str, Mapping[str, Any]], pictures: int, texts: int) -> str:
    lines = ["| recall | percent | chance |", "|---|---|---|"]
    for name, values in result.items():
        shares = [100 * share for share in values["recall"]]
        spread = f" ± {statistics.stdev(shares):.1f}" if len(shares) > 1 else ""
        lines.append(f"| {name} | {statistics.fmean(shares):.1f}{spread} | {100 * values['chance']:.2f} |")
    return "\n".join([*lines, "", f"{pictures} pictures, {texts} different captions"])


if __name__ == "__main__":
    run_command(main)
