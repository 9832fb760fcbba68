"""Networks by the names of their flags."""

import pytest

from translate.errors import InputError
from translate.networks import build_discriminator, build_generator, build_patch_head


def test_an_unknown_generator_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match=r"--netG.*'resnet_9block': did you mean resnet_9blocks\?"):
        build_generator("resnet_9block")


def test_an_unknown_discriminator_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match=r"--netD.*'basics': did you mean basic\?"):
        build_discriminator("basics")


def test_an_unknown_patch_head_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="did you mean mlp_sample"):
        build_patch_head("mlp_samples", [3])
