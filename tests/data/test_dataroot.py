"""``--dataroot`` with a name: which folder it is, and whole runs on a dataset that is downloaded first."""

import json
import os
from pathlib import Path

import pytest
import yaml

from translate.data import catalog as catalog_module
from translate.data.catalog import Catalog
from translate.data.dataroot import resolve_dataroot
from translate.errors import Described, InputError
from translate.testing import run_test
from translate.training.run import train_from_flags

PICTURES = [f"dots/{phase}{letter}/{name}.png" for phase in ("train", "test") for letter in "AB" for name in "xyz"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def catalog(known):
    """Two datasets that can be downloaded, one of them in pairs, and one that cannot."""
    return Catalog(
        [
            known("dots.zip", name="dots2stripes", aliases=("dots",), paired="dots_pairs"),
            known("pairs.tar.gz", name="dots_pairs", pairs=True),
            known("lonely.zip", name="lonely"),
            known(name="registered", instructions="register at the town hall"),
        ]
    )


def test_a_path_that_exists_wins_over_a_name(here, catalog, server):
    (here / "dots").mkdir()
    assert resolve_dataroot("dots", catalog=catalog) == Path("dots")
    assert resolve_dataroot(str(here), catalog=catalog) == here
    assert server.requests == []


@pytest.mark.parametrize("word", ["dots2stripes", "Dots-2_STRIPES", "dots"])
def test_a_name_is_downloaded_once(here, catalog, server, pack, word):
    server.files["dots.zip"] = pack(*PICTURES)
    for _ in range(2):
        assert resolve_dataroot(word, catalog=catalog) == Path("datasets/dots2stripes")
    assert len(server.requests) == 1
    assert len(list((here / "datasets/dots2stripes").rglob("*.png"))) == 12


def test_methods_that_learn_from_pairs_get_pairs(here, catalog, server, pack):
    server.files["pairs.tar.gz"] = pack("dots/train/a.png", kind="tar.gz")
    assert resolve_dataroot("dots", "aligned", catalog=catalog) == Path("datasets/dots_pairs")
    assert resolve_dataroot("dots_pairs", "aligned", catalog=catalog) == Path("datasets/dots_pairs")


def test_what_a_method_cannot_read_is_not_downloaded(here, catalog, server, pack):
    with pytest.raises(InputError, match=r"--dataroot dots_pairs holds pairs side by side .*; use --model pix2pix"):
        resolve_dataroot("dots_pairs", "unaligned", catalog=catalog)
    with pytest.raises(InputError, match=r"--dataroot lonely holds two domains without pairs, .*; use --model cut"):
        resolve_dataroot("lonely", "aligned", catalog=catalog)
    assert server.requests == []
    server.files |= {"pairs.tar.gz": pack("dots/train/a.png", kind="tar.gz"), "lonely.zip": pack("trainA/a.png")}
    resolve_dataroot("dots_pairs", "single", catalog=catalog)
    resolve_dataroot("lonely", "aligned", partners=False, catalog=catalog)
    # What is there is the user's, who may have added to it.
    assert resolve_dataroot("lonely", "aligned", catalog=catalog) == Path("datasets/lonely")


def test_an_unknown_word_is_told_with_the_nearest_of_names_and_folders(here, catalog):
    (here / "datasets" / "my_photos").mkdir(parents=True)
    sentence = "--dataroot {} does not exist; give the folder that holds trainA and trainB, or the name of a known "
    for word, nearest in (("dotz2stripes", "dots2stripes"), ("my_photos", "datasets/my_photos")):
        with pytest.raises(InputError) as told:
            resolve_dataroot(word, catalog=catalog)
        assert str(told.value) == sentence.format(word) + f"dataset: did you mean {nearest}?"


def test_a_path_of_the_reference_s_commands_is_told_the_name(here, catalog):
    with pytest.raises(
        InputError, match=r"^--dataroot datasets/dots does not exist; .*: --dataroot dots2stripes downl"
    ):
        resolve_dataroot("./datasets/dots", catalog=catalog)
    with pytest.raises(InputError, match=r"--dataroot registered says how to get it$"):
        resolve_dataroot("./datasets/registered/", catalog=catalog)


def test_another_path_is_left_to_who_opens_it(here, catalog):
    assert resolve_dataroot("my/photos", catalog=catalog) == Path("my/photos")


def test_without_fetching_it_says_what_it_would(here, catalog, server):
    with pytest.raises(Described) as told:
        resolve_dataroot("dots", fetch=False, catalog=catalog)
    url = server.url("dots.zip")
    assert str(told.value).startswith(f"would download dots2stripes from {url} to datasets/dots2stripes (licence: free")
    assert told.value.exit_code == 0
    assert list(here.iterdir()) == [] and server.requests == []
    with pytest.raises(InputError, match="by hand: register at the town hall"):
        resolve_dataroot("registered", fetch=False, catalog=catalog)


@pytest.fixture
def listed(here, server, pack, monkeypatch):
    """The server's dots2stripes is in the list that the library reads; a current folder to train in."""
    server.files |= {"dots.zip": pack(*PICTURES), "pairs.tar.gz": pack("pairs/train/a.png", kind="tar.gz", side=48)}
    entry = {"domains": {"A": "dots", "B": "stripes"}, "licence": "free as air", "page": "http://example.org/dots"}
    names = {"dots2stripes": "dots.zip", "dots_pairs": "pairs.tar.gz"}
    entries = {name: {**entry, "downloads": [{"urls": [server.url(file)]}]} for name, file in names.items()}
    entries["dots2stripes"]["paired"] = "dots_pairs"
    entries["dots_pairs"]["pairs"] = True
    file = here / "known.yaml"
    file.write_text(yaml.safe_dump({"datasets": entries}))
    monkeypatch.setattr(catalog_module, "KNOWN", file)
    return here


@pytest.fixture
def words(tiny_flags):
    """Flags of a tiny run on the dataset of that name, as words of a command line."""
    flags = {**tiny_flags, "dataroot": "dots2stripes", "max_steps": 2, "name": "run"}
    return [f"--{name}={value}" for name, value in flags.items()]


def test_train_and_test_on_a_name(listed, main_of, words, server, monkeypatch, tmp_path, capsys):
    main_of("train")(words)
    said = capsys.readouterr().out
    assert "downloading dots2stripes from http://127.0.0.1" in said and "done: 2 steps" in said
    record = json.loads(Path("checkpoints/run/run.json").read_text())
    assert record["dataset"]["root"] == str((listed / "datasets/dots2stripes").resolve())
    assert record["dataset"]["counts"] == {"A": 3, "B": 3}
    assert run_test({"gpu_ids": "-1"}).written == 3  # from the recorded folder
    assert run_test({"gpu_ids": "-1", "dataroot": "dots2stripes"}).written == 3
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    runs = str(listed / "checkpoints")
    result = train_from_flags({"continue_train": True, "name": "run", "checkpoints_dir": runs, "max_steps": 3})
    assert result.step == 3
    assert len(server.requests) == 1


def test_a_run_whose_dataset_is_gone_fetches_it_again(listed, main_of, words, server):
    main_of("train")(words)
    os.rename("datasets", "gone")
    assert train_from_flags({"continue_train": True, "name": "run", "max_steps": 3, "gpu_ids": "-1"}).step == 3
    assert len(server.requests) == 2


def test_a_dry_run_downloads_nothing_and_ends_well(listed, main_of, words, server, capsys):
    main_of("train")([*words, "--dry_run"])
    assert capsys.readouterr().out.startswith("would download dots2stripes from http://127.0.0.1")
    assert sorted(path.name for path in listed.iterdir()) == ["known.yaml"]
    resolve_dataroot("dots2stripes")
    capsys.readouterr()
    main_of("train")([*words, "--dry_run"])
    assert "domain A: datasets/dots2stripes/trainA, 3 pictures, 3 channels" in capsys.readouterr().out


def test_pix2pix_on_a_name_gets_the_pairs(listed, main_of, words):
    pix2pix = [word for word in words if word.split("=")[0] not in ("--netG", "--num_patches", "--netF_nc")]
    size = ["--netG=resnet_4blocks", "--load_size=24", "--crop_size=24", "--no_flip"]
    main_of("train")([*pix2pix, "--model=pix2pix", "--dry_run", *size])
    main_of("train")([*pix2pix, "--model=pix2pix", *size])
    assert Path("datasets/dots_pairs/train/a.png").is_file() and not Path("datasets/dots2stripes").exists()


def test_an_unknown_dataset_ends_with_a_sentence_before_anything_is_written(listed, main_of, words):
    with pytest.raises(InputError, match=r"--dataroot dots3stripes does not exist.*did you mean dots2stripes\?"):
        main_of("train")([*words, "--dataroot=dots3stripes"])
    assert sorted(path.name for path in listed.iterdir()) == ["known.yaml"]


def test_no_network_ends_with_a_sentence_before_anything_is_written(listed, main_of, words, server):
    server.files.clear()
    with pytest.raises(InputError, match=r"fetch by hand http.*dots\.zip to datasets/dots\.zip$"):
        main_of("train")(words)
    assert not Path("checkpoints").exists() and not Path("datasets/dots2stripes").exists()


def test_the_library_s_own_list_is_read_where_none_is_given(here):
    with pytest.raises(InputError, match="did you mean horse2zebra"):
        resolve_dataroot("horse2zebr")
