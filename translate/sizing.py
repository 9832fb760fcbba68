"""The size at which a picture is translated."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from translate.called import title
from translate.data.preprocess import Preprocess
from translate.errors import InputError


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

    def apply(self, image: Image.Image) -> Image.Image:
        if self.preprocess is not None:
            # The words that choose a place at random (crop, patch, trim) choose the same one each time.
            return self.preprocess(image, np.random.default_rng(0))
        size = self._target(*image.size)
        return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)

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


def note_scale(recorded: Mapping[str, Any], has_words: bool = True) -> None:
    """Say so if training did not scale pictures to the crop size, as is done after it by default.

    Args:
        recorded: the options of the run.
        has_words: whether the command at hand has ``--preprocess``, as ``test.py`` does.
    """
    words = recorded.get("preprocess", "resize").split("_and_")
    if "resize" in words:
        return
    scaling = next((word for word in words if word.startswith("scale_")), None)
    load_size = recorded.get(recorded.get("decay_load_size"))  # that of the last epochs
    same = f"--preprocess {scaling} --load_size {load_size}" if scaling else "--size original"
    if scaling and not has_words:
        same = f"{title('test')} {same}"
    print(f"note: the run was trained at another scale (--preprocess {recorded['preprocess']}); {same} keeps it")
