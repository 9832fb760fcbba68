"""The same few pictures translated again and again, so that one sees a run learn."""

from pathlib import Path

import torch
from PIL import Image

from translate.data.reading import read_picture
from translate.inference import translate_image
from translate.methods import Method
from translate.sizing import TestSize


class Previews:
    """A few fixed inputs, spread over the pictures of domain A, sized as at test time.

    Args:
        paths: pictures of domain A.
        channels: channels that the generator reads.
        crop_size: the training crop size (pixels), which is the shorter side here.
        count: how many inputs.
    """

    def __init__(self, paths: list[Path], channels: int, crop_size: int, count: int = 4):
        step = max(len(paths) // count, 1)
        size = TestSize("crop", crop_size)
        self.inputs = [size.apply(read_picture(path, channels)) for path in paths[::step][:count]]

    def make(self, method: Method) -> dict[str, Image.Image]:
        """``{"0_real_A": ..., "0_fake_B": ..., "1_real_A": ...}``. The method's training mode is restored."""
        device = next(method.parameters()).device
        training = method.training
        method.eval()
        pictures = {}
        for index, image in enumerate(self.inputs):
            pictures[f"{index}_real_A"] = image
            with torch.inference_mode():
                pictures[f"{index}_fake_B"] = translate_image(
                    method.translate, image, method.networks["G"].stride, device
                )
        method.train(training)
        return pictures
