"""AlexNet (Krizhevsky et al., NIPS 2012) in the two forms that self-supervised encoders were published in."""

from collections.abc import Iterable

from torch import Tensor, nn

from translate.networks.encoders.encoder import Encoder, Normalization, norm_of

LRN = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1.0}


class AlexNet(Encoder):
    """Five convolutions; the maps ``conv1`` ... ``conv5`` are taken behind their ReLUs.

    ``grouped`` is CaffeNet, the form of context encoders, relative position and jigsaw: 96, 256, 384, 384 and 256
    channels, the second, fourth and fifth convolution in two groups, and local response normalisation behind the first
    two poolings with ``norm="lrn"``. The other form, RotNet's, has 64, 192, 384, 256 and 256 channels without groups.

    Args:
        input_nc: channels of the pictures.
        width: 64 gives the channels above; others are in proportion. A multiple of 4.
        grouped: CaffeNet.
        norm: ``batch``, ``batch_plain`` or ``none`` behind every convolution; ``lrn``: see above, with ``grouped``.
        first_stride: of the first convolution; jigsaw is trained with 2 and used with 4.

    Raises:
        ValueError: ``lrn`` without ``grouped``.
    """

    stride = 16

    def __init__(
        self, input_nc: int = 3, width: int = 64, grouped: bool = False, norm: str = "batch", first_stride: int = 4
    ):
        super().__init__()
        if norm == "lrn" and not grouped:
            raise ValueError("local response normalisation belongs to CaffeNet; take batch, batch_plain or none")
        widths = (3 * width // 2, 4 * width, 6 * width, 6 * width, 4 * width)
        if not grouped:
            widths = (width, 3 * width, 6 * width, 4 * width, 4 * width)
        groups = (1, 2, 1, 2, 2) if grouped else (1, 1, 1, 1, 1)
        kernels = ((11, first_stride, 0 if grouped else 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))
        self.normalization = Normalization(input_nc)
        self.channels = {f"conv{number}": channels for number, channels in enumerate(widths, start=1)}
        self.stride = 4 * first_stride
        before = input_nc
        for (name, after), (kernel, step, padding), count in zip(self.channels.items(), kernels, groups, strict=True):
            conv = nn.Conv2d(before, after, kernel, step, padding, groups=count, bias=norm in ("none", "lrn"))
            after_it = norm_of("none" if norm == "lrn" else norm, after)
            self.add_module(name, nn.Sequential(conv, after_it, nn.ReLU(inplace=True)))
            before = after
        pool = nn.MaxPool2d(3, 2)
        self.pool = nn.Sequential(pool, nn.LocalResponseNorm(**LRN)) if norm == "lrn" else pool

    def _run(self, images: Tensor) -> Iterable[tuple[str, Tensor]]:
        x = self.normalization(images)
        for name in self.channels:
            x = getattr(self, name)(self.pool(x) if name in ("conv2", "conv3") else x)
            yield name, x
