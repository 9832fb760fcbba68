"""The same few pictures translated again and again, so that one sees a run learn."""

from typing import Protocol

import torch
from PIL import Image

from translate.data.deep_picture import Picture, visible
from translate.data.tensors import to_image, to_signed, to_tensor, to_uint8
from translate.inference import views_of
from translate.methods import Method
from translate.sizing import TestSize


class Inputs(Protocol):
    """The data set, as far as previews are concerned."""

    def inputs(self) -> int: ...

    def read_input(self, index: int) -> Picture: ...


class Previews:
    """A few fixed inputs, spread over the pictures of domain A.

    Args:
        dataset: where they come from.
        size: how they are scaled.
        count: how many inputs.
    """

    def __init__(self, dataset: Inputs, size: TestSize, count: int = 4):
        step = max(dataset.inputs() // count, 1)
        self.inputs = [size.apply(dataset.read_input(i)) for i in range(0, dataset.inputs(), step)[:count]]

    def make(self, method: Method) -> dict[str, Image.Image]:
        """``{"0_real_A": ..., "0_fake_B": ..., "1_real_A": ...}``. The method's training mode is restored."""
        device = next(method.parameters()).device
        training = method.training
        method.eval()
        translator = method.trained_translator()
        pictures = {}
        for index, image in enumerate(self.inputs):
            pictures[f"{index}_real_A"] = visible(image)
            with torch.inference_mode():
                views = views_of(translator, to_signed(to_tensor(image)).to(device))
            pictures |= {f"{index}_{label}": to_image(to_uint8(view)) for label, view in views.items()}
        method.train(training)
        return pictures
