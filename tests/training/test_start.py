"""What a run may start from: other runs, bare files, runs of the reference; and what is refused."""

import dataclasses
import json
import shutil

import pytest
import torch

from translate.errors import InputError
from translate.networks import build_discriminator, build_generator
from translate.settings import train_flags
from translate.training.run import train_from_flags
from translate.training.start import settle

NO_CHANGE = 1e-30  # a learning rate that leaves every weight as it is


def weights_of(folder, name="G", epoch="latest"):
    return torch.load(folder / f"{epoch}_net_{name}.pth", weights_only=True)


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.fixture(scope="module")
def trained(base_flags, tmp_path_factory):
    """A run of three channels in G, whose two epochs differ."""
    place = {"checkpoints_dir": str(tmp_path_factory.mktemp("trained")), "name": "source"}
    return train_from_flags({**base_flags, **place, "ngf": 3, "lr": 0.01, "save_epoch_freq": 1}).folder


@pytest.fixture
def source(trained, tmp_path):
    """The same in this test's own checkpoints."""
    return shutil.copytree(trained, tmp_path / "checkpoints" / "source")


@pytest.fixture
def unlike(data, tmp_path):
    """Flags that name the data and no network, so that these can be seen to come from elsewhere."""
    return {
        "dataroot": str(data),
        "checkpoints_dir": str(tmp_path / "checkpoints"),
        "name": "new",
        "gpu_ids": "-1",
        "num_threads": 0,
        "load_size": 36,
        "crop_size": 32,
        "num_patches": 16,
        "no_html": True,
        "max_steps": 1,
        "lr": NO_CHANGE,
    }


def test_a_run_folder_gives_weights_and_architecture(source, unlike, capsys):
    result = train_from_flags({**unlike, "init_from": str(source)})
    for name in "GFD":
        assert equal(weights_of(result.folder, name), weights_of(source, name))
    said = capsys.readouterr().out
    for name in "GFD":
        assert f"{name}: loaded from {source / f'latest_net_{name}.pth'}" in said
    assert result.step == 1  # a run of its own, from the first step on


def test_weights_of_a_network_that_the_method_has_not_are_refused_by_their_name(source, unlike):
    told = {"dataroot": unlike["dataroot"], "name": "new", "model": "colorization", "init_from": str(source)}
    with pytest.raises(InputError, match=r"^\S+source cannot start this run: --netG resnet\w+ does not suit --model"):
        settle(told)
    with pytest.raises(InputError, match=r"^--netG unet_128 does not suit --model colorization"):
        settle({**told, "netG": "unet_128"})


def test_an_epoch_of_it_can_be_chosen(source, unlike):
    result = train_from_flags({**unlike, "init_from": str(source), "epoch": "1"})
    assert equal(weights_of(result.folder), weights_of(source, epoch=1))
    assert not equal(weights_of(result.folder), weights_of(source))


def test_a_name_does_as_well_as_a_folder(source, unlike):
    result = train_from_flags({**unlike, "pretrained_name": "source"})
    assert equal(weights_of(result.folder), weights_of(source))


def test_the_reference_s_pair_of_flags_starts_a_run_under_its_own_name(source, unlike, tree):
    before = tree(source)
    result = train_from_flags({**unlike, "pretrained_name": "source", "continue_train": True})
    assert result.folder.name == "new"
    assert equal(weights_of(result.folder), weights_of(source))
    assert tree(source) == before


def test_a_run_that_has_a_state_goes_on_from_it_whatever_it_began_with(
    train, resume, source, whole, same_state, capsys
):
    begun = train("begun", max_steps=2).folder
    resume("begun", pretrained_name="source")
    assert same_state(whole, begun)
    assert "goes on from its own state" in capsys.readouterr().out


def test_a_run_that_has_a_state_finds_its_place_and_says_so_where_another_is_named(train, resume, read_log, capsys):
    folder = train(max_steps=4, n_epochs=9).folder  # in epoch 2
    capsys.readouterr()
    for number, flags in enumerate(({"epoch_count": 2}, {"epoch_count": 3}, {"epoch": "latest"})):
        resume(max_steps=5 + number, **flags)
    assert "without effect" not in capsys.readouterr().out
    resume(max_steps=8, epoch="1", epoch_count=7)
    said = capsys.readouterr().out
    assert (
        "note: without effect here: --epoch 1 --epoch_count 7; the run goes on from its own state, of epoch 3" in said
    )
    assert f"--init_from {folder} --epoch NUMBER" in said
    assert [entry["epoch"] for entry in read_log(folder)] == [1, 1, 1, 2, 2, 2, 3, 3]


def test_a_bare_generator_is_enough(source, unlike, tmp_path, capsys):
    bare = shutil.copy(source / "latest_net_G.pth", tmp_path / "mine.pth")
    result = train_from_flags({**unlike, "init_from": str(bare), "netF_nc": 8, "ndf": 2})
    assert equal(weights_of(result.folder), weights_of(source))
    said = capsys.readouterr().out
    assert "D: not there, starts from its initialisation" in said
    assert "F: not there, starts from its initialisation" in said


def test_the_other_networks_beside_a_file_come_along(source, unlike):
    result = train_from_flags({**unlike, "init_from": str(source / "1_net_G.pth")})
    assert equal(weights_of(result.folder, "D"), weights_of(source, "D", epoch=1))


def test_a_wrapper_s_prefix_is_no_hindrance(source, unlike, tmp_path):
    wrapped = {f"module.{key}": value for key, value in weights_of(source).items()}
    torch.save(wrapped, tmp_path / "wrapped.pth")
    result = train_from_flags({**unlike, "init_from": str(tmp_path / "wrapped.pth"), "netF_nc": 8, "ndf": 2})
    assert equal(weights_of(result.folder), weights_of(source))


def test_colour_weights_are_made_to_fit_grey_pictures(source, unlike, make_domains, tmp_path, capsys):
    grey = make_domains(tmp_path / "grey", 3, 3, channels=1)
    result = train_from_flags({**unlike, "init_from": str(source), "dataroot": str(grey)})
    before, after = weights_of(source), weights_of(result.folder)
    assert torch.equal(after["model.1.weight"], before["model.1.weight"].sum(1, keepdim=True))
    assert "channels adapted in model.1.weight" in capsys.readouterr().out


def test_a_generator_of_another_architecture_is_refused(source, unlike, tree, tmp_path):
    before = tree(tmp_path)
    with pytest.raises(InputError, match=r"another architecture.*give the flags it was trained with"):
        train_from_flags({**unlike, "init_from": str(source), "ngf": 5})
    assert tree(tmp_path) == before


def test_a_discriminator_of_another_architecture_is_left_out_and_that_is_said(source, unlike, capsys):
    result = train_from_flags({**unlike, "init_from": str(source), "ndf": 3})
    assert equal(weights_of(result.folder), weights_of(source))
    assert "D: not loaded, starts from its initialisation" in capsys.readouterr().out


def test_a_discriminator_of_an_unknown_kind_is_left_out_and_that_is_said(source, unlike, capsys):
    torch.save({"blur.kernel": torch.ones(2)}, source / "latest_net_D.pth")
    result = train_from_flags({**unlike, "init_from": str(source), "ndf": 2})
    assert equal(weights_of(result.folder), weights_of(source))
    assert "D: not loaded, starts from its initialisation" in capsys.readouterr().out


def test_a_run_of_the_reference_goes_on_from_its_weights(unlike, tmp_path, read_log, capsys):
    folder = tmp_path / "checkpoints" / "new"
    folder.mkdir(parents=True)
    torch.manual_seed(3)
    networks = {"G": build_generator("resnet_4blocks", ngf=3), "D": build_discriminator("basic", ndf=3)}
    for name, network in networks.items():
        torch.save(network.state_dict(), folder / f"latest_net_{name}.pth")
    before = {name: weights_of(folder, name) for name in networks}
    flags = {**unlike, "continue_train": True, "epoch_count": 3, "n_epochs": 3, "n_epochs_decay": 0, "netF_nc": 8}
    result = train_from_flags({**flags, "print_freq": 1, "max_steps": None})
    assert result.folder == folder
    assert [(entry["step"], entry["epoch"]) for entry in read_log(folder)] == [(1, 3), (2, 3), (3, 3)]
    assert all(equal(weights_of(folder, name), before[name]) for name in networks)
    assert "no saved state" in capsys.readouterr().out


def test_a_run_that_lost_its_state_goes_on_from_its_weights(source, resume, capsys):
    (source / "latest_state.pth").unlink()
    before = weights_of(source)
    resume("source", lr=NO_CHANGE, max_steps=1)
    assert equal(weights_of(source), before)
    assert "no saved state" in capsys.readouterr().out


def test_a_run_that_lost_its_record_goes_on_with_the_flags_told(train, whole, same_state):
    begun = train("begun", max_steps=2).folder
    (begun / "run.json").unlink()
    train("begun", continue_train=True)
    assert same_state(whole, begun)


def test_where_they_do_not_fit_the_state_that_is_said(train, unlike, tree, tmp_path):
    begun = train("new", max_steps=1).folder
    (begun / "run.json").unlink()
    before = tree(tmp_path)
    with pytest.raises(InputError, match="saved state does not fit these flags"):
        train_from_flags({**unlike, "continue_train": True, "ngf": 3, "netG": "resnet_4blocks", "max_steps": 5})
    assert tree(tmp_path) == before


@pytest.mark.parametrize("change", [{"lambda_NCE": 0}, {"lambda_GAN": 0}])
def test_players_cannot_join_a_run(train, resume, tree, change):
    folder = train(max_steps=1, **change).folder
    before = tree(folder)
    with pytest.raises(InputError, match="saved state does not fit these flags"):
        resume(lambda_NCE=1, lambda_GAN=1)
    assert tree(folder) == before


FIXED = {
    "optimizer": "sgd",
    "model": "none",
    "CUT_mode": "FastCUT",
    "direction": "BtoA",
    "input_nc": 1,
    "output_nc": 1,
    "range_A": "0,300",
    "range_B": "-5,5",
    "netG": "resnet_6blocks",
    "ngf": 7,
    "normG": "batch",
    "no_dropout": False,
    "no_antialias": True,
    "no_antialias_up": True,
    "netD": "pixel",
    "ndf": 7,
    "n_layers_D": 2,
    "normD": "batch",
    "nce_layers": "0,4",
    "netF": "sample",
    "netF_nc": 7,
}


def test_what_the_weights_depend_on_cannot_change(train, resume, tree):
    folder = train(max_steps=1).folder
    before = tree(folder)
    fixed = {
        name
        for name, group in train_flags("cut").items()
        if {field.name: field for field in dataclasses.fields(group)}[name].metadata["fixed"]
    }
    assert fixed <= FIXED.keys()
    for name in fixed:
        with pytest.raises(InputError, match=rf"--{name} .*the run was started with .*--init_from"):
            resume(**{name: FIXED[name]})
    assert tree(folder) == before


def test_saying_the_same_again_is_no_change(train, resume):
    train(max_steps=1)
    assert resume(ngf=2, netG="resnet_4blocks", direction="AtoB", max_steps=2).step == 2


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"continue_train": True}, "no run 'new'"),
        ({"init_from": "nowhere"}, "--init_from nowhere: no such file or folder"),
        ({"pretrained_name": "sorce"}, "no run 'sorce'.*did you mean source"),
        ({"init_from": "x.pth", "pretrained_name": "source"}, "--init_from and --pretrained_name both"),
        ({"pretrained_name": "source", "epoch": "7"}, "no 7_net_G.pth or 7_net_E.pth in this folder"),
    ],
)
def test_nothing_to_start_from_is_said(source, unlike, tree, tmp_path, flags, message):
    before = tree(tmp_path)
    with pytest.raises(InputError, match=message):
        train_from_flags({**unlike, **flags})
    assert tree(tmp_path) == before


def test_an_empty_folder_holds_nothing_to_continue(tmp_path):
    (tmp_path / "checkpoints" / "run").mkdir(parents=True)
    with pytest.raises(InputError, match="holds nothing to continue; drop the flag"):
        settle({"continue_train": True, "name": "run", "checkpoints_dir": str(tmp_path / "checkpoints")})


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"options": 3}', b"\xff"])
def test_a_damaged_record_is_refused(train, resume, content):
    folder = train(max_steps=1).folder
    (folder / "run.json").write_bytes(content)
    with pytest.raises(InputError, match=r"run.json is damaged .*; restore it or delete it"):
        resume()


@pytest.mark.parametrize("how", ["cut short", "other content"])
def test_a_damaged_state_is_refused(train, resume, tree, how):
    folder = train(max_steps=1).folder
    state = folder / "latest_state.pth"
    if how == "cut short":
        state.write_bytes(state.read_bytes()[:5000])
    else:
        torch.save({"progress": {}}, state)
    before = tree(folder)
    with pytest.raises(InputError, match=r"latest_state.pth is (damaged|not the state of a run)"):
        resume()
    assert tree(folder) == before


def test_the_suffix_is_part_of_the_name_and_of_the_record(train, resume):
    folder = train(suffix="{model}_{ngf}", max_steps=1).folder
    assert folder.name == "run_cut_2"
    assert json.loads((folder / "run.json").read_text())["options"]["name"] == "run_cut_2"
    assert resume("run_cut_2", max_steps=2).folder == folder
    assert train(suffix="{model}_{ngf}", continue_train=True, max_steps=3).folder == folder
