"""Files of weights: which of them belong together."""

import pytest
import torch
import torchvision
from torch import nn

from translate.errors import InputError
from translate.networks import build_discriminator, build_generator
from translate.networks.encoders import build_encoder
from translate.training.initial import describe_weights, find_weights, load_initial


def touch(folder, *names):
    for name in names:
        (folder / name).touch()


def test_a_folder_gives_what_it_has_of_an_epoch(tmp_path):
    touch(tmp_path, "latest_net_G.pth", "latest_net_D.pth", "5_net_G.pth", "5_net_F.pth")
    assert find_weights(str(tmp_path)) == {name: tmp_path / f"latest_net_{name}.pth" for name in "GD"}
    assert find_weights(str(tmp_path), "5") == {name: tmp_path / f"5_net_{name}.pth" for name in "GF"}


def test_a_generator_brings_the_others_of_its_step(tmp_path):
    touch(tmp_path, "latest_net_G.pth", "5_net_G.pth", "5_net_F.pth", "latest_net_D.pth")
    assert find_weights(str(tmp_path / "5_net_G.pth")) == {name: tmp_path / f"5_net_{name}.pth" for name in "GF"}


def test_a_file_of_another_name_comes_alone(tmp_path):
    touch(tmp_path, "mine.pth", "latest_net_D.pth")
    assert find_weights(str(tmp_path / "mine.pth")) == {"G": tmp_path / "mine.pth"}


def test_without_a_generator_there_is_nothing(tmp_path):
    touch(tmp_path, "latest_net_D.pth")
    with pytest.raises(InputError, match=r"no latest_net_G\.pth or latest_net_E\.pth in this folder"):
        find_weights(str(tmp_path))
    with pytest.raises(InputError, match="no such file or folder"):
        find_weights(str(tmp_path / "missing.pth"))


def test_flags_are_those_of_the_files_but_for_the_channels(tmp_path):
    networks = {
        "G": build_generator("resnet_6blocks", ngf=3, normG="batch", no_antialias=True, no_dropout=False),
        "D": build_discriminator("n_layers", ndf=5, n_layers_D=2, no_antialias=True),
    }
    for name, network in networks.items():
        torch.save(network.state_dict(), tmp_path / f"latest_net_{name}.pth")
    flags = describe_weights(find_weights(str(tmp_path)))
    assert flags == {
        "netG": "resnet_6blocks",
        "ngf": 3,
        "normG": "batch",
        "no_dropout": False,
        "no_antialias": True,
        "no_antialias_up": False,
        "netD": "n_layers",
        "n_layers_D": 2,
        "ndf": 5,
        "normD": "instance",
    }


def test_a_lone_file_of_another_name_may_be_an_encoder(tmp_path):
    torch.save(build_encoder("alexnet", nef=8, normE="none").state_dict(), tmp_path / "mine.pth")
    files = find_weights(str(tmp_path / "mine.pth"))
    assert describe_weights(files) == {"netE": "alexnet", "nef": 8, "normE": "none"}
    network = build_encoder("alexnet", nef=8, normE="none")
    assert load_initial(nn.ModuleDict({"E": network}), files, "E") == [f"E: loaded from {tmp_path / 'mine.pth'}"]
    assert torch.equal(network.state_dict()["conv1.0.weight"], torch.load(tmp_path / "mine.pth")["conv1.0.weight"])


def test_torchvision_s_classifier_is_left_out(tmp_path):
    theirs = torchvision.models.resnet18(weights=None).state_dict()
    torch.save(theirs, tmp_path / "resnet18.pth")
    files = find_weights(str(tmp_path / "resnet18.pth"))
    assert describe_weights(files) == {"netE": "resnet18", "normE": "batch"}
    network = build_encoder("resnet18")
    load_initial(nn.ModuleDict({"E": network}), files, "E")
    assert torch.equal(network.state_dict()["layer4.1.conv2.weight"], theirs["layer4.1.conv2.weight"])


def test_a_damaged_discriminator_is_not_passed_over(tmp_path):
    torch.save(build_generator("resnet_4blocks", ngf=2).state_dict(), tmp_path / "latest_net_G.pth")
    (tmp_path / "latest_net_D.pth").write_bytes(b"PK\3\4 nothing")
    with pytest.raises(InputError, match=r"latest_net_D.pth is damaged"):
        describe_weights(find_weights(str(tmp_path)))
