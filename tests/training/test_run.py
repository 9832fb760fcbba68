"""Whole runs: what they write, and that a resumed run is the uninterrupted one."""

import re
import shutil

import pytest
import torch
from PIL import Image

from translate.errors import InputError
from translate.testing import run_test
from translate.training.run import train_from_flags

VARIANTS = {
    "cut": {},
    "fastcut": {"CUT_mode": "FastCUT", "n_epochs": 1, "n_epochs_decay": 1},
    "dropout": {"no_dropout": False},
    "wgangp": {"gan_mode": "wgangp"},
    "batch norm": {"normG": "batch", "normD": "batch"},
    "loss scaling": {"precision": "fp16"},
}
LOSS = r"(D_fake|D_real|G|G_GAN|NCE|NCE_Y): \d+\.\d{3} "
LOG_LINE = re.compile(r"\(epoch: \d+, iters: \d+, time: \d+\.\d{3}, data: \d+\.\d{3}\) " + f"({LOSS})" + "{6}")
HEADER = re.compile(r"={16} Training Loss \(.+\) ={16}")


@pytest.mark.parametrize("flags", VARIANTS.values(), ids=VARIANTS)
def test_a_resumed_run_is_the_uninterrupted_one(train, resume, read_log, same_state, flags):
    whole = train("whole", **flags).folder
    begun = train("begun", **flags, max_steps=4)
    assert (begun.step, begun.epoch) == (4, 2)
    resume("begun")
    assert read_log(begun.folder) == read_log(whole)
    assert same_state(whole, begun.folder)


def test_so_it_is_with_batches_and_with_any_number_of_workers(
    train, resume, read_log, same_state, make_domains, tmp_path
):
    root = str(make_domains(tmp_path / "five", 5, 2))
    whole = train("whole", dataroot=root, batch_size=2).folder
    begun = train("begun", dataroot=root, batch_size=2, num_threads=2, max_steps=1).folder
    resume("begun", num_threads=1)
    assert [entry["step"] for entry in read_log(begun)] == [1, 2, 3, 4]
    assert read_log(begun) == read_log(whole)
    assert same_state(whole, begun)


def test_a_last_epoch_that_is_ended_with_other_batches_is_kept_too(train, resume, make_domains, tmp_path):
    root = str(make_domains(tmp_path / "four", 4, 2))
    folder = train(dataroot=root, n_epochs_decay=0, max_steps=1).folder
    resume(batch_size=2, max_steps=None)
    assert (folder / "1_net_G.pth").exists()


def test_another_seed_is_another_run(train, same_state):
    runs = [train(name, seed=seed, max_steps=1).folder for name, seed in (("one", 1), ("again", 1), ("two", 2))]
    assert same_state(runs[0], runs[1])
    assert not same_state(runs[0], runs[2])


def test_a_resumed_run_is_told_its_name_and_nothing_else(train, data, read_log, tmp_path, monkeypatch):
    shutil.copytree(data, tmp_path / "copied")
    monkeypatch.chdir(tmp_path)
    folder = train(dataroot="copied", max_steps=2).folder
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    train_from_flags({"continue_train": True, "name": "run", "checkpoints_dir": str(folder.parent)})
    assert [entry["step"] for entry in read_log(folder)] == [1, 2, 3, 4, 5, 6]


def test_logs_are_cut_back_to_the_state(train, resume, whole, read_log, same_state):
    folder = train(max_steps=2).folder
    state = folder / "latest_state.pth"
    earlier = state.read_bytes()
    resume(max_steps=5)
    assert len(read_log(folder)) == 5
    # Killed here, with three steps logged since the state of step 2 and the next line half written.
    state.write_bytes(earlier)
    with open(folder / "log.jsonl", "a") as file:
        file.write('{"step": 6, "lo')
    resume()
    assert read_log(folder) == read_log(whole)
    assert same_state(whole, folder)
    lines = (folder / "loss_log.txt").read_text().splitlines()
    assert sum(HEADER.fullmatch(line) is not None for line in lines) == 2  # of the start and of the resumption
    assert sum(line.startswith("(epoch") for line in lines) == 6


def test_pictures_later_than_the_state_are_removed(train, resume):
    folder = train(no_html=False, display_freq=1, max_steps=2).folder
    earlier = (folder / "latest_state.pth").read_bytes()
    resume(max_steps=5)
    images = folder / "web" / "images"
    assert list(images.glob("preview_step0000005_*"))
    (folder / "latest_state.pth").write_bytes(earlier)
    resume(max_steps=3)
    assert not list(images.glob("preview_step0000005_*"))
    assert list(images.glob("preview_step0000003_*"))


def test_a_finished_run_is_left_as_it_is(train, resume, tree, capsys):
    folder = train().folder
    before = tree(folder)
    capsys.readouterr()
    result = resume()
    assert (result.step, result.epoch) == (6, 2)
    assert tree(folder) == before
    assert "done with step 6; to go on, raise --n_epochs" in capsys.readouterr().out


def test_so_is_one_that_has_its_steps(train, resume, tree, capsys):
    folder = train(max_steps=2).folder
    before = tree(folder)
    assert resume(max_steps=2).step == 2
    assert tree(folder) == before
    assert "raise --max_steps" in capsys.readouterr().out


def test_a_finished_run_grows_with_its_epochs(train, resume, read_log, same_state):
    whole = train("whole", n_epochs=2, n_epochs_decay=0).folder
    folder = train(n_epochs=1, n_epochs_decay=0).folder
    resume(n_epochs=2)
    assert read_log(folder) == read_log(whole)
    assert same_state(whole, folder)
    resume(n_epochs_decay=1)
    assert [entry["epoch"] for entry in read_log(folder)] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert read_log(folder)[-1]["lr"] == pytest.approx(0.0002 / 2)


def test_exports_behind_the_state_are_brought_to_it(train, resume, tree):
    folder = train().folder
    before = tree(folder)
    for name in "GFD":
        shutil.copy(folder / "2_net_G.pth", folder / f"latest_net_{name}.pth")
    resume()
    assert tree(folder) == before


def test_flags_of_the_optimiser_count_anew(train, resume, read_log):
    folder = train(max_steps=2).folder
    resume(lr=0.01, beta1=0.9, max_steps=3)
    state = torch.load(folder / "latest_state.pth", weights_only=True)
    for optimizer in state["optimizers"].values():
        assert optimizer["param_groups"][0]["betas"] == (0.9, 0.999)
    assert [entry["lr"] for entry in read_log(folder)] == [0.0002, 0.0002, 0.01]


def test_the_rate_of_every_epoch_is_logged(whole, read_log):
    rates = [entry["lr"] for entry in read_log(whole)]
    assert rates == [0.0002] * 3 + [0.0001] * 3


def test_other_data_are_noted(train, resume, data, tmp_path, capsys):
    copied = shutil.copytree(data, tmp_path / "copied")
    train(dataroot=str(copied), max_steps=1)
    (copied / "trainA" / "a0.png").unlink()
    resume(max_steps=2)
    assert "started on 3 pictures in A, 3 in B, and there are 2 pictures in A, 3 in B now" in capsys.readouterr().out


def test_the_text_log_is_the_reference_s(whole):
    header, *lines = (whole / "loss_log.txt").read_text().splitlines()
    assert HEADER.fullmatch(header)
    assert len(lines) == 6
    assert all(LOG_LINE.fullmatch(line) for line in lines)
    assert [line.split(", time")[0] for line in lines[2:4]] == ["(epoch: 1, iters: 3", "(epoch: 2, iters: 1"]


def test_the_list_of_options_is_the_reference_s(train):
    lines = (train(max_steps=1).folder / "train_opt.txt").read_text().splitlines()
    assert lines[0] == "----------------- Options ---------------"
    assert lines[-1] == "----------------- End -------------------"
    names = [line.split(":")[0].strip() for line in lines[1:-1]]
    assert names == sorted(names)
    assert len(names) > 60
    assert f"{'ngf':>25}: {'2':<30}\t[default: 64]" in lines
    assert f"{'lr':>25}: {'0.0002':<30}" in lines


def test_exports_are_plain_weights_of_the_saved_step(whole):
    state = torch.load(whole / "latest_state.pth", weights_only=True)["method"]
    names = {path.name for path in whole.glob("*.pth")}
    # Two epochs are no multiple of five; the last is kept all the same.
    assert names == {"latest_state.pth", *(f"{epoch}_net_{n}.pth" for epoch in ("2", "latest") for n in "GFD")}
    for name in "GFD":
        for epoch in ("2", "latest"):
            weights = torch.load(whole / f"{epoch}_net_{name}.pth", weights_only=True)
            assert weights
            assert not any(key.startswith("module.") for key in weights)
            assert all(torch.equal(value, state[f"networks.{name}.{key}"]) for key, value in weights.items())


def test_weights_of_epochs_differ(train):
    folder = train(save_epoch_freq=1, lr=0.01).folder
    first, last = (torch.load(folder / f"{epoch}_net_G.pth", weights_only=True) for epoch in (1, 2))
    assert not torch.equal(first["model.1.weight"], last["model.1.weight"])


def test_nothing_but_the_run_s_files_is_left(train):
    folder = train(no_html=False, max_steps=1).folder
    names = {path.name for path in folder.iterdir()}
    exports = {f"latest_net_{name}.pth" for name in "GFD"}
    assert names == {"latest_state.pth", "run.json", "loss_log.txt", "log.jsonl", "train_opt.txt", "web", *exports}
    assert (folder / "web" / "index.html").exists()
    assert not list(folder.rglob("*.tmp"))


def test_without_a_page_there_is_none(train):
    assert not (train(no_html=True, max_steps=1).folder / "web").exists()


def test_leftovers_of_a_killed_run_are_swept(train, resume):
    folder = train(max_steps=1).folder
    (folder / ".latest_state.pth.abc.tmp").write_bytes(b"half")
    resume(max_steps=2)
    assert not list(folder.glob(".*"))


def test_the_same_name_again_keeps_the_former_run(train, tree, capsys):
    folder = train(max_steps=2).folder
    before = tree(folder)
    again = train(seed=1, max_steps=1).folder
    aside = [path for path in folder.parent.glob("[!.]*") if path != again]
    assert again == folder
    assert len(aside) == 1
    assert tree(aside[0]) == before
    assert f"the former run of this name is kept as {aside[0]}" in capsys.readouterr().out


def test_grey_pictures_make_a_grey_translator(train, make_domains, tmp_path):
    root = make_domains(tmp_path / "grey", 3, 3, channels=1)
    folder = train(dataroot=str(root), no_html=False, max_steps=2).folder
    weights = torch.load(folder / "latest_net_G.pth", weights_only=True)
    assert weights["model.1.weight"].shape[1] == 1
    assert [value for key, value in weights.items() if key.endswith(".weight")][-1].shape[0] == 1
    results = tmp_path / "results"
    checkpoints = str(folder.parent)
    run_test({"name": "run", "checkpoints_dir": checkpoints, "results_dir": str(results), "gpu_ids": "-1"})
    modes = {Image.open(path).mode for path in results.rglob("fake_B/*.png")}
    assert modes == {"L"}


def test_an_epoch_to_start_at_beyond_the_last_is_refused(train, tmp_path):
    with pytest.raises(InputError, match="leave nothing to train from epoch 9"):
        train(epoch_count=9)
    assert not (tmp_path / "checkpoints").exists()


def test_the_result_says_what_the_log_says(train, read_log):
    result = train()
    last = read_log(result.folder)[-1]
    assert result.losses == last["losses"]
    assert (result.step, result.epoch) == (last["step"], last["epoch"]) == (6, 2)


def test_what_is_done_to_the_pictures_is_said_at_the_start_and_on_the_page(train, capsys):
    said = "scaled to 36x36, cut to 32x32 at random, half of them mirrored; from epoch 2 scaled to 32x32, half of them "
    said += "mirrored (--no_flip: none)"
    folder = train(max_steps=1, no_html=False).folder
    assert f"augmentation: {said}\n" in capsys.readouterr().out
    assert said in (folder / "web/index.html").read_text()
    train(max_steps=1, no_flip=True, decay_load_size="load_size", dry_run=True)
    assert "augmentation: scaled to 36x36, cut to 32x32 at random, not mirrored\n" in capsys.readouterr().out
    train(max_steps=1, n_epochs=0)
    assert "augmentation: scaled to 32x32, half of them mirrored (" in capsys.readouterr().out


def test_verbose_prints_the_layers(train, capsys):
    train(max_steps=1)
    assert "Conv2d" not in capsys.readouterr().out
    train(max_steps=1, verbose=True)
    assert "Conv2d" in capsys.readouterr().out
