"""ResNets (He et al., CVPR 2016) as torchvision has them: its files of weights load, but for the last layer."""

from collections.abc import Iterable
from functools import partial

from torch import Tensor, nn

from translate.networks.encoders.encoder import Encoder, Normalization, norm_of

RESNETS = ("resnet18", "resnet50")


class TorchvisionResnet(Encoder):
    """The maps ``stem`` (behind the first ReLU) and ``layer1`` ... ``layer4``; keys are torchvision's, without ``fc``.

    Args:
        word: ``resnet18`` or ``resnet50``.
        input_nc: channels of the pictures.
        norm: ``batch``, as published, or ``none``.
    """

    stride = 32

    def __init__(self, word: str, input_nc: int = 3, norm: str = "batch"):
        super().__init__()
        from torchvision import models  # not by all who only look which encoders there are

        network = getattr(models, word)(norm_layer=partial(norm_of, norm))
        if input_nc != 3:
            network.conv1 = nn.Conv2d(input_nc, 64, 7, stride=2, padding=3, bias=False)
        self.normalization = Normalization(input_nc)
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
            self.add_module(name, getattr(network, name))
        deepest = network.fc.in_features
        self.channels = {"stem": 64} | {f"layer{level}": deepest // 2 ** (4 - level) for level in range(1, 5)}

    def _run(self, images: Tensor) -> Iterable[tuple[str, Tensor]]:
        x = self.relu(self.bn1(self.conv1(self.normalization(images))))
        yield "stem", x
        x = self.maxpool(x)
        for name in self.taps[1:]:
            x = getattr(self, name)(x)
            yield name, x
