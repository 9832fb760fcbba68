"""What an encoder is worth as the start of a network that finds objects."""

import numpy as np
import torch
from torch import Tensor, nn

from translate.data.objects import Objects
from translate.data.voc import Annotated
from translate.evaluation.detection import Detected
from translate.evaluation.tuning import Scaled, Tuning, read_all_scaled, read_scaled
from translate.networks.encoders import Encoder
from translate.training.precision import Precision

ANCHORS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)  # sides, of the shorter side of a picture
RATIOS = (0.5, 1.0, 2.0)
ROIS = 128  # of a picture, that its classes are learned from: as in the paper
LONGEST = 4  # sides of a picture, of the shorter one


class Backbone(nn.Module):
    """An encoder as torchvision's detectors want one: the deepest map, and how many channels it has."""

    def __init__(self, encoder: Encoder, precision: Precision):
        super().__init__()
        self.encoder, self.precision = encoder, precision
        self.out_channels = encoder.width

    def forward(self, images: Tensor) -> Tensor:
        with self.precision.autocast():
            return self.encoder(images).float()


def build_detector(encoder: Encoder, classes: int, load_size: int, precision: Precision) -> nn.Module:
    """torchvision's Faster R-CNN (Ren et al., NeurIPS 2015, arXiv:1506.01497) on the deepest map of an encoder.

    It takes a list of pictures (C, H, W) in [0, 1], whose shorter side it scales to ``load_size``. What it would
    normalise them by, mean and deviation of ImageNet, the encoder does itself: here they are only brought to [-1, 1].

    Args:
        encoder: becomes part of it.
        classes: without the background, which is class 0 of the detector.
        load_size: by which the anchors are sized, too.
        precision: of the encoder; all else is float32.
    """
    from torchvision.models.detection import FasterRCNN  # not by all who only list what there is
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.ops import MultiScaleRoIAlign, roi_align

    class Anchors(AnchorGenerator):
        """Steps of the encoder, where torchvision divides the picture by its map: 17 pixels for 16 at 224."""

        def grid_anchors(self, grid_sizes: list, strides: list) -> list[Tensor]:
            step = torch.as_tensor(encoder.stride, device=self.cell_anchors[0].device)
            return super().grid_anchors(grid_sizes, [[step, step] for _ in strides])

    class Regions(MultiScaleRoIAlign):
        """Steps of the encoder, where torchvision rounds picture by map to a power of two: 32 for 16 at 64 pixels."""

        def forward(self, x: dict[str, Tensor], boxes: list[Tensor], image_shapes: list) -> Tensor:
            return roi_align(x["0"], boxes, self.output_size, 1 / encoder.stride, self.sampling_ratio)

    channels = encoder.input_nc
    return FasterRCNN(
        Backbone(encoder, precision),
        classes + 1,
        min_size=load_size,
        max_size=LONGEST * load_size,
        image_mean=[0.5] * channels,
        image_std=[0.5] * channels,
        rpn_anchor_generator=Anchors((tuple(share * load_size for share in ANCHORS),), (RATIOS,)),
        box_roi_pool=Regions(["0"], output_size=7, sampling_ratio=2),
        box_batch_size_per_image=ROIS,
        size_divisible=1,  # grey edges, which the encoder has not seen, only where a batch has several shapes
    )


def detect(encoder: Encoder, train: Annotated, test: Annotated, tuning: Tuning) -> list[Detected]:
    """Learn to find objects with a copy of the encoder; what it finds in the test pictures, in their own pixels.

    Whole pictures are learned from, half of them mirrored; difficult objects are not.

    Args:
        encoder: is left as it is.
        train, test: pictures with objects.
        tuning: how.
    """
    device = tuning.precision.device
    network = tuning.start(encoder, train.paths)
    model = build_detector(network, len(train.classes), tuning.load_size, tuning.precision).to(device)
    pictures = read_all_scaled(train.paths, encoder.input_nc, tuning.load_size)

    def loss_of(places: np.ndarray, rng: np.random.Generator) -> Tensor:
        chosen = [sample(pictures[place], train.objects[place], rng.random() < 0.5) for place in places]
        images = [pixels.to(device) for pixels, _ in chosen]
        targets = [{key: value.to(device) for key, value in told.items()} for _, told in chosen]
        return sum(model(images, targets).values())

    tuning.learn(model, loss_of, len(train))
    return [find_in(model, read_scaled(path, encoder.input_nc, tuning.load_size), device) for path in test.paths]


def sample(picture: Scaled, objects: Objects, mirrored: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """A picture in [0, 1] and its objects as torchvision is told them: boxes (M, 4) in its pixels, classes from 1."""
    pixels = picture.pixels.float() / 255
    asked = ~objects.difficult
    boxes = torch.from_numpy(objects.boxes[asked] * picture.scale).float()
    if mirrored:
        pixels = pixels.flip(-1)
        boxes[:, [0, 2]] = pixels.shape[-1] - boxes[:, [2, 0]]
    return pixels, {"boxes": boxes, "labels": torch.from_numpy(objects.labels[asked]) + 1}


@torch.no_grad()
def find_in(model: nn.Module, picture: Scaled, device: torch.device) -> Detected:
    """What a detector finds in a picture, in pixels of the picture before it was scaled."""
    told = model([picture.pixels.to(device).float() / 255])[0]
    boxes, labels, scores = (told[key].cpu().double().numpy() for key in ("boxes", "labels", "scores"))
    return Detected(boxes / picture.scale, labels.astype(np.int64) - 1, scores)
