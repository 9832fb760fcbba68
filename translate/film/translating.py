"""A moving picture, translated frame by frame into a file of its own."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from PIL import Image
from tqdm import tqdm

from translate.batching import Batches
from translate.data.listing import shown
from translate.files import replace_atomically
from translate.film.animation import convert_animation, read_timing
from translate.film.kinds import is_film
from translate.film.reading import check_film
from translate.film.steady import Steadier
from translate.film.writing import convert_film
from translate.method_flags import Holes
from translate.pipelining import overlapped
from translate.saving import Errand
from translate.sizing import TestSize
from translate.tiling import flags_for_less_memory
from translate.training.memory import naming_what_does_not_fit
from translate.translator import Translator

AS_PREPARED = TestSize("original")


class _Ready(NamedTuple):
    """A frame as the network gets to see it."""

    prepared: Image.Image


def check_moving(errand: Errand) -> int | None:
    """How many frames there are, if that is known before they are counted.

    Raises:
        PictureError: the film or animation cannot be read.
        InputError: a film, and PyAV is not there.
    """
    return check_film(errand.source) if is_film(errand.source) else len(read_timing(errand.source).durations_ms)


def translate_moving(
    translator: Translator, errand: Errand, count: int | None, holes: Holes | None, steadier: Steadier
) -> None:
    """Translate a film or an animation; its file is there once it is whole.

    Args:
        count: of its frames, for the bar.
        holes: one for all frames.

    Raises:
        PictureError: it is damaged; nothing is written.
        RunError: the disk refuses, the memory does not suffice, or the result cannot be encoded.
    """
    frames = partial(_frames, translator, errand, count, holes, steadier)
    convert = convert_film if is_film(errand.source) else convert_animation
    steadier.begin()
    replace_atomically(errand.target, lambda file: convert(errand.source, file, errand.format, frames))


def _frames(
    translator: Translator,
    errand: Errand,
    count: int | None,
    holes: Holes | None,
    steadier: Steadier,
    frames: Iterable[Image.Image],
) -> Iterator[Image.Image]:
    """The translations of frames, in their order, a few of which are read ahead."""
    remedy = flags_for_less_memory(translator.generator)
    batches = Batches(translator.generator, translator.device, apart=steadier.smoothing is not None)

    def read(frame: Image.Image) -> _Ready:
        return _Ready(translator.prepare(frame))

    def alone(ready: _Ready) -> Image.Image:
        steadier.see(ready.prepared)
        hole = holes(errand.name, ready.prepared.size) if holes else None
        with naming_what_does_not_fit(errand.source, translator.device, remedy):
            return translator.translate_image(ready.prepared, AS_PREPARED, hole)

    def compute(batch: list[_Ready]) -> Iterable[Image.Image]:
        return batches.compute(batch, translator.translate_together, alone)

    def weigh(frame: Image.Image) -> int:
        return translator.size.pixels(*frame.size)

    done = overlapped(frames, read, compute, lambda _, result: result, batches.fits, ahead=batches.ahead, weigh=weigh)
    return iter(tqdm(done, total=count, desc=shown(errand.source.name), unit="frame", disable=None))
