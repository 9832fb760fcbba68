"""A translator as one graph from pictures to pictures of any size, for ``torch.export``."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from translate.inference import SMALLEST_SIDE_PX
from translate.networks.tracing import computed_length


class PictureToPicture(nn.Module):
    """What a translator does with pictures, of floats and without a branch: pad to the stride, translate, crop.

    (B, C, H, W) -> (B, C', H, W), both from 0 to 1, or from -1 to 1 with ``raw``.

    Args:
        generator: as ``Translator.generator``, in evaluation mode.
        raw: leave the values as the networks have them.
    """

    def __init__(self, generator: nn.Module, raw: bool = False):
        super().__init__()
        # A copy: files take weights as they lie, and those of a translator lie channels-last.
        self.generator = copy.deepcopy(generator).to(memory_format=torch.contiguous_format)
        self.raw = raw

    def forward(self, pictures: Tensor) -> Tensor:
        signed = pictures if self.raw else pictures * 2 - 1
        result = self.generator(pad(signed, self.generator.stride))
        height, width = (torch.arange(length, device=pictures.device) for length in pictures.shape[-2:])
        cropped = result.index_select(2, height).index_select(3, width)  # a slice would be specialised to its layout
        return cropped.clamp(-1, 1) if self.raw else (cropped.clamp(-1, 1) + 1) / 2


def pad(images: Tensor, stride: int) -> Tensor:
    """As ``translate.inference`` pads pictures, by indices: (B, C, H, W) -> (B, C, H', W'), multiples of the stride.

    Right and below the picture is reflected; where it is smaller than its padding, its border is repeated.
    """
    lengths = images.shape[-2:]
    places = [torch.arange(_padded(length, stride), device=images.device) for length in lengths]
    mirrored = [2 * (length - 1) - place for place, length in zip(places, lengths, strict=True)]
    can_reflect = (mirrored[0].min() >= 0) & (mirrored[1].min() >= 0)
    for dim, length, place, mirror in zip((2, 3), lengths, places, mirrored, strict=True):
        repeated = place.clamp(max=length - 1)
        images = images.index_select(dim, torch.where(can_reflect, torch.minimum(place, mirror), repeated))
    return images


def _padded(length: int, stride: int) -> int:
    """The next multiple of the stride; no side is padded to less than the inner layers can reflect."""
    strides = torch.scalar_tensor(length, dtype=torch.int64).add(stride - 1).div(stride, rounding_mode="floor")
    fewest = -(-SMALLEST_SIDE_PX // stride) if stride > 1 else 1
    return computed_length(strides.clamp(min=fewest), stride)


def export_graph(module: PictureToPicture, channels: int) -> Any:
    """The module as a ``torch.export.ExportedProgram`` with any batch, height and width.

    Args:
        channels: of the pictures that go in.
    """
    any_size = torch.export.Dim.DYNAMIC
    # Of the size nothing is computed. No side is 1, not even in the innermost map: that would be taken for constant.
    sides = (2 * module.generator.stride + 57, 2 * module.generator.stride + 45)
    example = torch.zeros(2, channels, *sides)
    dynamic = ({0: any_size, 2: any_size, 3: any_size},)
    with torch.no_grad():
        program = torch.export.export(module, (example,), dynamic_shapes=dynamic, strict=False)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names folders of this machine
    return program
