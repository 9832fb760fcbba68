"""What is wrong with the input is said before anything is written; a full disk costs nothing that was there."""

import json
import resource
import shutil
from contextlib import contextmanager

import pytest
import torch
from PIL import Image

from translate.commandline import parse_train
from translate.errors import InputError, RunError
from translate.networks import build_generator
from translate.training.run import train_from_flags


@pytest.fixture
def home(tmp_path, data):
    """A folder of this test's own, with pictures to spoil."""
    shutil.copytree(data, tmp_path / "data")
    return tmp_path


@pytest.fixture
def refused(home, base_flags, tree):
    """refused(message, **flags): the run is refused in these words, and nothing is written."""

    def check(message, **flags):
        before = tree(home)
        with pytest.raises(InputError, match=message):
            place = {"dataroot": str(home / "data"), "checkpoints_dir": str(home / "checkpoints")}
            train_from_flags({**base_flags, **place, **flags})
        assert tree(home) == before
        assert not (home / "checkpoints").exists()

    return check


def truncate(path):
    Image.effect_noise((60, 60), 90).save(path)
    path.write_bytes(path.read_bytes()[:-900])


def test_a_folder_that_is_missing(refused):
    refused("--dataroot /nowhere does not exist", dataroot="/nowhere")


def test_no_folder_at_all(refused):
    refused("--dataroot is missing: name the folder", dataroot=None)


def test_a_domain_that_is_missing(refused, home):
    shutil.rmtree(home / "data" / "trainB")
    refused(r"has no folder trainB; pictures are expected in \S+/data/trainB")


def test_a_domain_without_pictures(refused, home):
    for path in (home / "data" / "trainB").iterdir():
        path.unlink()
    refused("trainB holds no pictures")


def test_a_truncated_jpeg(refused, home):
    truncate(home / "data" / "trainA" / "cut.jpg")
    refused(r"1 of 4 pictures cannot be used;[^\n]*--skip_bad_images:\n  \S+trainA/cut.jpg ")


def test_text_named_png(refused, home):
    (home / "data" / "trainB" / "words.png").write_text("not a picture")
    refused(r"words.png is text, not a picture")


def test_bad_pictures_are_left_out_where_asked(home, train):
    (home / "data" / "trainB" / "words.png").write_text("not a picture")
    folder = train(dataroot=str(home / "data"), skip_bad_images=True, max_steps=1).folder
    assert json.loads((folder / "run.json").read_text())["dataset"]["counts"] == {"A": 3, "B": 3}


def test_a_crop_larger_than_a_picture(refused, home):
    Image.new("RGB", (30, 50)).save(home / "data" / "trainB" / "small.png")
    refused(r"small.png.*30x50.*--crop_size", preprocess="crop", crop_size=32)


def test_a_crop_larger_than_the_scaled_picture(refused):
    refused(r"--crop_size|--load_size", load_size=32, crop_size=36)


def test_pictures_of_several_sizes_in_a_batch(refused, home):
    Image.new("RGB", (50, 60)).save(home / "data" / "trainB" / "other.png")
    refused(r"--batch_size 2 needs pictures of one size", preprocess="none", batch_size=2)


@pytest.mark.parametrize("folder", ["trainA", "trainB"])
def test_a_picture_too_thin_for_the_networks(refused, home, folder):
    Image.new("RGB", (600, 1)).save(home / "data" / folder / "thin.png")
    refused(rf"{folder}/thin.png becomes 600x4 pixels with --preprocess none, .* leave it out", preprocess="none")


def test_a_batch_larger_than_the_data(refused):
    refused(r"--batch_size 4 is larger than the data, which has 3 pictures", batch_size=4)


def test_a_negative_rate(refused):
    refused(r"--lr -0.1 is too small", lr=-0.1)


def test_an_unknown_option(refused):
    refused(r"unknown option 'batchsize': did you mean batch_size\?", batchsize=2)


def test_an_unknown_flag():
    with pytest.raises(InputError, match=r"unknown flag --batchsize: did you mean batch_size\?"):
        parse_train(["--dataroot", "x", "--batchsize", "2"])


@pytest.mark.parametrize("model", ["cutt", "CUT"])
def test_a_mistyped_model(refused, model):
    refused("unknown method", model=model)
    with pytest.raises(InputError, match=r"unknown method .*did you mean cut\?"):
        parse_train(["--model", model])


def test_weights_of_another_kind(refused, home):
    torch.save({"conv1.weight": torch.zeros(3)}, home / "other.pth")
    refused(
        r"other.pth does not hold a generator that is known here: its keys begin with conv1.weight",
        init_from=str(home / "other.pth"),
    )


def test_weights_of_another_size(refused, home):
    torch.save(build_generator("resnet_4blocks", ngf=3).state_dict(), home / "wider.pth")
    refused(r"wider.pth is of another architecture", init_from=str(home / "wider.pth"))


def test_code_in_a_file_of_weights_is_not_run(refused, home):
    class Trap:
        def __reduce__(self):
            return open, (str(home / "sprung"), "w")

    torch.save({"model.1.weight": Trap()}, home / "trap.pth")
    refused("trap.pth holds more than weights, and nothing in it was run", init_from=str(home / "trap.pth"))
    assert not (home / "sprung").exists()


def test_nothing_to_continue(refused):
    refused("no run 'experiment_name' in .*there are no runs in it", continue_train=True)


def test_a_checkpoints_folder_that_cannot_be_made(home, base_flags):
    (home / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"cannot write to .*/file .*--checkpoints_dir"):
        train_from_flags({**base_flags, "checkpoints_dir": str(home / "file")})


@contextmanager
def files_no_larger_than(size):
    """What a full disk does, for one process: writes beyond ``size`` bytes fail."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def test_a_state_that_does_not_fit_the_disk_leaves_the_former(train, resume, whole, same_state, tree):
    folder = train(max_steps=2).folder
    before = tree(folder)
    with files_no_larger_than(len(before["latest_net_G.pth"]) * 2), pytest.raises(RunError) as failure:
        resume(save_latest_freq=3)
    assert "latest_state.pth" in str(failure.value) and "free some space" in str(failure.value)
    assert len(str(failure.value).splitlines()) == 1
    after = tree(folder)
    assert after["latest_state.pth"] == before["latest_state.pth"]
    assert not [name for name in after if name.endswith(".tmp")]
    resume()
    assert same_state(whole, folder)


def test_logs_that_do_not_fit_the_disk_end_the_run(train, resume, whole, same_state, read_log, tmp_path):
    folder = tmp_path / "checkpoints" / "run"
    folder.mkdir(parents=True)
    (folder / "loss_log.txt").write_text("of a former life\n" * 100_000)  # longer than any other file here
    train(max_steps=2, save_latest_freq=1)
    size = (folder / "loss_log.txt").stat().st_size
    with files_no_larger_than(size + 200), pytest.raises(RunError, match=r"cannot write \S+loss_log.txt.*free some"):
        resume()
    resume()
    assert read_log(folder) == read_log(whole)
    assert same_state(whole, folder)
