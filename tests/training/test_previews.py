"""The same few pictures again and again."""

import torch
from PIL import Image

from translate.data.listing import list_pictures
from translate.data.preprocess import Preprocess
from translate.data.single import SinglePictures
from translate.methods import CUT
from translate.options import NetworkOptions
from translate.sizing import TestSize
from translate.training.previews import Previews


def make_method():
    networks = NetworkOptions(netG="resnet_4blocks", ngf=2, ndf=2, no_dropout=False)
    torch.manual_seed(0)
    return CUT(CUT.Options(netF_nc=4), networks)


def pictures_of(paths):
    return SinglePictures(paths, 3, Preprocess("none"), seed=0)


def test_they_are_spread_over_the_pictures_and_sized_as_in_testing(make_domains, tmp_path):
    paths = list_pictures(make_domains(tmp_path, 9, 1, size=(40, 60)) / "trainA")
    previews = Previews(pictures_of(paths), TestSize("crop", 32))
    assert [image.size for image in previews.inputs] == [(32, 48)] * 4
    expected = [Image.open(paths[i]).resize((32, 48), Image.Resampling.BICUBIC) for i in (0, 2, 4, 6)]
    assert [image.tobytes() for image in previews.inputs] == [image.tobytes() for image in expected]


def test_few_pictures_are_all_shown(make_domains, tmp_path):
    paths = list_pictures(make_domains(tmp_path, 2, 1) / "trainA")
    pictures = Previews(pictures_of(paths), TestSize("crop", 32)).make(make_method())
    assert list(pictures) == ["0_real_A", "0_fake_B", "1_real_A", "1_fake_B"]
    assert {picture.size for picture in pictures.values()} == {(32, 32)}


def test_making_them_changes_nothing_in_a_training(make_domains, tmp_path):
    paths = list_pictures(make_domains(tmp_path, 1, 1) / "trainA")
    previews, method = Previews(pictures_of(paths), TestSize("crop", 32)), make_method().train()
    torch.manual_seed(5)
    before, numbers = {key: value.clone() for key, value in method.state_dict().items()}, torch.get_rng_state()
    first, second = previews.make(method), previews.make(method)
    # Dropout is off: the same picture twice.
    assert first["0_fake_B"].tobytes() == second["0_fake_B"].tobytes()
    assert method.training
    assert all(torch.equal(value, before[key]) for key, value in method.state_dict().items())
    assert torch.equal(torch.get_rng_state(), numbers)
    assert previews.make(method.eval()).keys() == first.keys()
    assert not method.training
