"""The encoder half of the translation generator: what turns a picture into features before it is painted anew."""

from collections.abc import Iterable

from torch import Tensor, nn

from translate.networks.encoders.encoder import Encoder
from translate.networks.layers import run_layers
from translate.networks.resnet import ResnetBlock, ResnetGenerator


class GeneratorHalf(Encoder):
    """A :class:`ResnetGenerator` up to its last residual block; its keys are those of the generator's first layers.

    The maps are the generator's own: ``down1``, ``down2``, ``res1`` ... ``resN``. Pictures in [-1, 1] go in as they
    are, as they do in a generator.
    """

    stride = ResnetGenerator.stride

    def __init__(self, generator: ResnetGenerator):
        super().__init__()
        last = max(index for index, layer in enumerate(generator.model) if isinstance(layer, ResnetBlock))
        self.model = nn.Sequential(*list(generator.model)[: last + 1])
        self._has_no_norm = isinstance(generator.model[2], nn.Identity)
        self._places = {name: place for name, place in generator.tap_names.items() if name != "pixels"}
        self.channels = dict(zip(self._places, generator.tap_channels(list(self._places.values())), strict=True))

    def _run(self, images: Tensor) -> Iterable[tuple[str, Tensor]]:
        x, first = images, 0
        for name, last in self._places.items():
            x = run_layers(self.model, x, first, last)
            first = last + 1
            yield name, x
            if self._has_no_norm and not name.startswith("res"):
                x = x.clone()  # the ReLU behind it works in place
