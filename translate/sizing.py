"""The size at which a picture is translated."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from translate.data.deep_picture import Picture
from translate.data.preprocess import Preprocess, test_time
from translate.errors import InputError
from translate.flags import build
from translate.methods import Method
from translate.options import ApplyOptions, NetworkOptions, TestOptions


@dataclass(frozen=True)
class TestSize:
    """How a picture is scaled before translation.

    ``crop`` (the default) scales the shorter side to the training crop size and keeps the aspect; ``original`` keeps
    the size; ``WIDTHxHEIGHT`` scales to it. A ``preprocess`` takes precedence: the reference's words, without flips.
    """

    __test__ = False  # not a test case, whatever its name begins with

    policy: str = "crop"
    crop_size: int = 256
    preprocess: Preprocess | None = None

    def __post_init__(self) -> None:
        if self.policy not in ("crop", "original") and not re.fullmatch(r"[1-9]\d*x[1-9]\d*", self.policy):
            raise InputError(f"--size {self.policy} is not crop, original or WIDTHxHEIGHT such as 512x256")

    def apply(self, image: Picture) -> Picture:
        if self.preprocess is not None:
            # The words that choose a place at random (crop, patch, trim) choose the same one each time.
            return self.preprocess(image, np.random.default_rng(0))
        size = self._target(*image.size)
        return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)

    def pixels(self, width: int, height: int) -> int:
        """How many pixels come of a picture of this size; where zoom makes that random, how many there are before.

        Raises:
            InputError: the picture is smaller than what is to be cut from it.
        """
        if self.preprocess is None:
            return math.prod(self._target(width, height))
        return math.prod(self.preprocess.output_size(width, height) or self.preprocess.scaled_size(width, height))

    def _target(self, width: int, height: int) -> tuple[int, int]:
        if self.policy == "original":
            return width, height
        if self.policy == "crop":
            scale = self.crop_size / min(width, height)
            return max(1, round(width * scale)), max(1, round(height * scale))
        wanted_width, wanted_height = self.policy.split("x")
        return int(wanted_width), int(wanted_height)

    def describe(self) -> str:
        if self.preprocess is not None:
            return f"{self.preprocess.words}, load size {self.preprocess.load_size}, crop size {self.crop_size}"
        return {"crop": f"shorter side {self.crop_size}", "original": "original size"}.get(self.policy, self.policy)


def choose_size(options: TestOptions | ApplyOptions, record: Mapping[str, Any], method: type[Method]) -> TestSize:
    """The size that the flags of a command name, of which the record of the run fills in the rest.

    Raises:
        InputError: two flags say how pictures are scaled, or one says it in words that there are not.
    """
    if options.size not in (None, "crop"):
        _refuse_without_effect(options)
    crop = options.crop_size or record.get("pixel_scale", {}).get("crop_size", 256)
    if options.preprocess:
        if options.size:
            raise InputError("--size and --preprocess both say how pictures are scaled; give one of them")
        multiple_px = method.multiple_px(build(NetworkOptions, record.get("options", {})))
        words = test_time(options.preprocess, options.load_size or crop, crop, multiple_px)
        return TestSize("crop", crop, words)
    if options.load_size and options.load_size != crop:
        # Users of the reference set the test size with --load_size and --crop_size alone.
        crop = options.load_size
    if options.size:
        return TestSize(options.size, crop)
    if options.load_size or options.crop_size:
        return TestSize("crop", crop)
    if method.test_size == "crop":
        note_scale(record.get("options", {}))
    return TestSize(method.test_size, crop)


def _refuse_without_effect(options: TestOptions | ApplyOptions) -> None:
    for name in ("load_size", "crop_size"):
        if getattr(options, name):
            raise InputError(f"--size {options.size} and --{name} both say how large pictures are; give one of them")


def note_scale(recorded: Mapping[str, Any]) -> None:
    """Say so if training did not scale pictures to the crop size, as is done after it by default.

    Args:
        recorded: the options of the run.
    """
    words = recorded.get("preprocess", "resize").split("_and_")
    if "resize" in words:
        return
    scaling = next((word for word in words if word.startswith("scale_")), None)
    load_size = recorded.get(recorded.get("decay_load_size"))  # that of the last epochs
    same = f"--preprocess {scaling} --load_size {load_size}" if scaling else "--size original"
    print(f"note: the run was trained at another scale (--preprocess {recorded['preprocess']}); {same} keeps it")
