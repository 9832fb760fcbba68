"""What a method wants to know of its training pictures, measured in one pass and remembered between runs."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from translate.data.known import default_cache_folder
from translate.data.tensors import to_tensor
from translate.errors import RunError
from translate.files import write_json
from translate.methods import Method
from translate.training.feeding import Feed


def measure(method: Method, feed: Feed, load_size: int, cache_folder: Path | None = None) -> Tensor:
    """``method.measure`` over all pictures of domain A, from the cache if none of them has changed.

    Args:
        load_size: pictures whose shorter side is longer are scaled down to it first (pixels).
        cache_folder: None takes $TRANSLATE_CACHE, then the user's cache folder. A folder that cannot be read or
            written is not an error, only slower next time.
    """
    file = (cache_folder or default_cache_folder()) / f"statistics_{_fingerprint(method, feed, load_size)}.json"
    remembered = _load(file)
    if remembered is not None:
        return remembered
    value = method.measure(_pictures(feed, load_size))
    with contextlib.suppress(RunError):
        write_json(file, value.tolist())
    return value


def _pictures(feed: Feed, load_size: int) -> Iterator[Tensor]:
    count = feed.dataset.inputs()
    for index in tqdm(range(count), desc="measuring", unit="picture", delay=1):
        yield to_tensor(_scaled_down(feed.dataset.read_input(index), load_size))


def _scaled_down(image: Image.Image, load_size: int) -> Image.Image:
    scale = load_size / min(image.size)
    if scale >= 1:
        return image
    return image.resize(tuple(max(1, round(side * scale)) for side in image.size), Image.Resampling.BOX)


def _fingerprint(method: Method, feed: Feed, load_size: int) -> str:
    """A name for everything that the result depends on."""
    digest = hashlib.sha256(f"{method.measures}, {load_size} px, {feed.input_nc} channels".encode())
    for path in feed.paths:
        status = os.stat(path)
        digest.update(os.fsencode(os.path.realpath(path)) + f"\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


def _load(file: Path) -> Tensor | None:
    try:
        return torch.tensor(json.loads(file.read_text(encoding="utf-8")), dtype=torch.float32)
    except (OSError, ValueError, TypeError):
        return None
