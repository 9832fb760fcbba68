import pytest

from translate.errors import InputError
from translate.methods.cut import CUT, CutOptions
from translate.options import NetworkOptions


@pytest.mark.parametrize(("layers", "enough"), [(3, 24), (4, 48)])
def test_pictures_that_leave_no_patch_are_refused_with_the_size_that_is_enough(layers, enough):
    method = CUT(CutOptions(), NetworkOptions(ngf=2, ndf=2, netD="n_layers", n_layers_D=layers))
    method.check_size(enough)
    with pytest.raises(InputError, match=f"--crop_size {enough} or more"):
        method.check_size(enough - 4)
    alone = CUT(CutOptions(lambda_GAN=0.0), NetworkOptions(ngf=2, ndf=2))  # nobody judges
    alone.check_size(8)
    with pytest.raises(InputError, match=r"use --crop_size 8$"):
        alone.check_size(5)


def test_crops_that_become_multiples_of_the_stride_are_taken():
    for flags in ({}, {"lambda_GAN": 0.0}):
        CUT(CutOptions(**flags), NetworkOptions(ngf=2, ndf=2)).check_size(50)
