"""Networks by the names of their flags."""

import pytest

from translate.errors import InputError
from translate.networks import build_discriminator, build_generator


def test_an_unknown_generator_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match=r"--netG.*'resnet_9block': did you mean resnet_9blocks\?"):
        build_generator("resnet_9block")


def test_an_unknown_discriminator_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match=r"--netD.*'basics': did you mean basic\?"):
        build_discriminator("basics")
