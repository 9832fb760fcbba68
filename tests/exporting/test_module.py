"""The graph: padded as pictures are elsewhere, of any size, with what the translators compute."""

import pytest
import torch

from translate.exporting.formats import FORMATS
from translate.exporting.module import PictureToPicture, export_graph, pad
from translate.exporting.parity import MOST_LEVELS, largest_difference
from translate.inference import translate_batch
from translate.networks.colorizer import SMALL, ColorizationNet, Colorizer
from translate.networks.initialization import initialize
from translate.networks.resnet import ResnetGenerator
from translate.networks.stylegan2 import StyleGAN2Generator
from translate.networks.unet import UnetGenerator
from translate.sizing import TestSize
from translate.translator import Translator

GENERATORS = {
    "resnet": lambda: ResnetGenerator(3, 3, ngf=4, blocks=1),
    "resnet, batch norm, no blur, dropout": lambda: ResnetGenerator(
        3, 3, ngf=4, blocks=1, norm="batch", dropout=True, antialias_down=False, antialias_up=False
    ),
    "resnet, no norm, grey": lambda: ResnetGenerator(1, 1, ngf=4, blocks=1, norm="none"),
    "unet, instance norm, dropout": lambda: UnetGenerator(3, 3, downsamplings=6, ngf=4, norm="instance", dropout=True),
    "unet, batch norm": lambda: UnetGenerator(3, 1, downsamplings=3, ngf=4),
    "stylegan2": lambda: StyleGAN2Generator(3, 3, ngf=1, blocks=2, side_px=16),
    "colorization": lambda: Colorizer(ColorizationNet(4, SMALL), predict_px=64),
}


def lively(generator):
    """Weights and running statistics under which the picture matters."""
    torch.manual_seed(0)
    initialize(generator, "xavier", 1.5)
    for norm in generator.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
    return generator


@pytest.fixture(scope="module", params=GENERATORS, ids=lambda name: name.replace(", ", "-").replace(" ", "_"))
def exported(request):
    """A translator, and the graph of it."""
    generator = lively(GENERATORS[request.param]())
    first = next(weight for weight in generator.parameters() if weight.ndim == 4)
    channels = getattr(generator, "input_nc", first.shape[1])
    translator = Translator(generator, TestSize("original"), channels, precision="fp32")
    return translator, export_graph(PictureToPicture(translator.generator), channels)


@pytest.mark.parametrize("name", FORMATS)
def test_files_translate_as_the_translator_does(exported, name):
    translator, program = exported
    run = FORMATS[name].load(FORMATS[name].write(program, {}))
    assert largest_difference(run, translator, raw=False) < MOST_LEVELS / 4
    for size in [(1, 80, 64), (1, 17, 3), (3, 2, 40), (2, 128, 128)]:  # suiting the strides, or less than a padding
        pictures = torch.rand(size[0], translator.input_nc, *size[1:], generator=torch.Generator().manual_seed(size[1]))
        expected = translator(pictures)
        assert expected.std() > 0.01
        assert (run(pictures) - expected).abs().max() * 255 < MOST_LEVELS / 4


@pytest.mark.parametrize("stride", [1, 4, 8, 64])
def test_it_pads_as_pictures_are_padded(stride):
    for height, width in [(1, 1), (3, 40), (8, 9), (16, 64), (33, 34), (63, 65), (40, 32)]:
        picture = torch.rand(1, 2, height, width)
        seen = []
        translate_batch(lambda padded: seen.append(padded) or padded, picture, stride)  # noqa: B023
        assert torch.equal(pad(picture, stride), seen[0])


def test_raw_is_the_same_from_minus_one_to_one():
    generator = lively(ResnetGenerator(3, 3, ngf=4, blocks=1)).eval()
    pictures = torch.rand(1, 3, 21, 30)
    with torch.no_grad():
        plain = PictureToPicture(generator)(pictures)
        raw = PictureToPicture(generator, raw=True)(pictures * 2 - 1)
    assert torch.allclose(plain * 2 - 1, raw, atol=1e-6)
    assert raw.min() < -0.1


def test_the_generator_is_left_as_it_lies():
    generator = ResnetGenerator(3, 3, ngf=4, blocks=1).to(memory_format=torch.channels_last)
    module = PictureToPicture(generator)
    weight, copied = generator.model[1].weight, module.generator.model[1].weight
    assert weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()
    assert copied.is_contiguous() and torch.equal(copied, weight)
