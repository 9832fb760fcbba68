"""Training on pictures deeper than 8 bits: what networks see, what is kept, what is recorded, what is refused."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from translate.data.value_range import ValueRange
from translate.errors import InputError
from translate.settings import resolve
from translate.training.feeding import open_feed
from translate.training.precision import choose_precision

RANGES = {"range_A": "0,3071", "range_B": "-1,1.5"}


@pytest.fixture(scope="module")
def deep_data(tmp_path_factory, make_deep_domains):
    """A: 16-bit PNG with 0 to 3071, B: float arrays with -1 to 1.5."""
    root = tmp_path_factory.mktemp("deep")
    return make_deep_domains(root, A=(0, 3071, "uint16", "png"), B=(-1, 1.5, "float32", "npy"))


@pytest.fixture
def feed_of(deep_data, base_flags):
    def open_it(**flags):
        return open_feed(resolve({**base_flags, "dataroot": str(deep_data), **RANGES, **flags}))

    return open_it


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_networks_see_the_values_of_each_domain_in_its_own_range(feed_of, deep_data, direction):
    flags = {"preprocess": "none", "no_flip": True, "direction": direction, "serial_batches": True}
    sample = feed_of(**flags).dataset[1, 0]
    values = {
        "A": np.asarray(Image.open(deep_data / "trainA/0.png"), np.float64) / 3071 * 2 - 1,
        "B": (np.load(deep_data / "trainB/0.npy").astype(np.float64) + 1) / 2.5 * 2 - 1,
    }
    for domain, letter in zip("AB", direction.split("to"), strict=True):
        assert sample[domain].dtype == torch.float32
        assert np.abs(sample[domain][0].numpy() - values[letter]).max() < 1e-6
        assert len(np.unique(sample[domain].numpy())) > 256


def test_samples_are_the_same_with_a_cache_and_without(feed_of):
    for words in ("resize_and_crop", "scale_width_and_zoom_and_crop", "crop", "none"):
        kept, decoded = feed_of(preprocess=words, cache_mb=50).dataset, feed_of(preprocess=words, cache_mb=0).dataset
        for key in [(epoch, index) for epoch in (1, 2) for index in range(3)] * 2:
            for domain in "AB":
                assert torch.equal(kept[key][domain], decoded[key][domain])
        assert kept.augment.cache.holds_all


def test_a_resumed_run_is_the_uninterrupted_one(train, resume, deep_data, read_log, same_state):
    flags = {"dataroot": str(deep_data), **RANGES}
    whole = train("whole", **flags).folder
    torn = train("torn", max_steps=2, **flags).folder
    resume("torn", max_steps=None)
    assert read_log(torn) == read_log(whole)
    assert same_state(torn, whole)


def test_the_record_holds_range_and_type_by_the_letters_of_the_folders(train, deep_data):
    flags = {"dataroot": str(deep_data), "max_steps": 1, **RANGES}
    for direction in ("AtoB", "BtoA"):
        record = json.loads((train(direction=direction, **flags).folder / "run.json").read_text())
        assert record["options"]["range_A"] == "0,3071"
        assert record["values"] == {
            "A": {"low": 0, "high": 3071, "dtype": "uint16"},
            "B": {"low": -1, "high": 1.5, "dtype": "float32"},
        }


def test_one_domain_may_have_8_bits(train, make_deep_domains, make_domains, tmp_path):
    root = make_deep_domains(tmp_path / "half", A=(0, 3071, "uint16", "png"))
    make_domains(tmp_path / "plain", channels=1)
    (tmp_path / "plain/trainB").rename(root / "trainB")
    settings = {"dataroot": str(root), "range_A": "0,3071", "max_steps": 1}
    record = json.loads((train(**settings).folder / "run.json").read_text())
    assert record["values"]["B"] is None


def test_previews_and_the_training_page_show_8_bits(train, deep_data):
    folder = train(dataroot=str(deep_data), no_html=False, max_steps=1, display_freq=1, **RANGES).folder
    images = folder / "web/images"
    for path in images.glob("*.png"):
        assert Image.open(path).mode == "L"
    found = np.asarray(Image.open(images / "preview_step0000000_0_real_A.png"))
    assert found.min() < 10 and found.max() > 245


@pytest.mark.parametrize("word", ["auto", "bf16"])
def test_bf16_which_keeps_8_bits_is_taken_on_demand_only(monkeypatch, word):
    monkeypatch.setattr("translate.training.precision.is_fast_in_bf16", lambda device: True)
    assert choose_precision("auto", torch.device("cpu")).name == "bf16"
    assert choose_precision(word, torch.device("cpu"), deep=True).name == {"auto": "fp32", "bf16": "bf16"}[word]


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["range_A", "range_B"])
def test_a_deep_domain_without_a_range_is_refused(train, deep_data, tmp_path, missing):
    found = {"range_A": "trainA .* from 0 to 3071; .* --range_A 0,3071", "range_B": "trainB .* --range_B -1,1.5"}
    with pytest.raises(InputError, match=found[missing]):
        train(dataroot=str(deep_data), **{**RANGES, missing: None})
    assert not (tmp_path / "checkpoints").exists()


def test_the_flag_is_that_of_the_folder_in_the_other_direction_too(train, deep_data):
    with pytest.raises(InputError, match=r"trainA .* --range_A 0,3071"):
        train(dataroot=str(deep_data), direction="BtoA", range_B="-1,1.5")


@pytest.mark.parametrize("model", ["colorization", "context_encoder"])
def test_methods_that_learn_from_8_bits_refuse_a_range(model):
    with pytest.raises(InputError, match=f"--range_A does not suit --model {model}"):
        resolve({"model": model, "range_A": "0,10"})


def test_a_spoilt_picture_is_named_and_can_be_left_out(train, deep_data, tmp_path):
    root = shutil.copytree(deep_data, tmp_path / "spoilt")
    np.save(root / "trainB/0.npy", np.full((40, 40), np.nan, np.float32))
    flags = {"dataroot": str(root), "max_steps": 1, **RANGES}
    with pytest.raises(InputError, match=r"1 of 3 pictures cannot be used.*\n.*0\.npy holds values that are no finite"):
        train(**flags)
    assert train(skip_bad_images=True, **flags).step == 1


def test_what_lies_outside_is_said(feed_of, capsys):
    feed_of(range_A="0,2000")
    said = capsys.readouterr().out
    assert "of the values in trainA lie outside --range_A 0,2000 and are cut to it" in said
    assert "trainB" not in said


def test_a_picture_of_8_bits_is_read_by_a_range_too(data, base_flags):
    flags = {**base_flags, "preprocess": "none", "no_flip": True, "serial_batches": True}
    plain = open_feed(resolve(flags)).dataset[1, 0]["A"]
    ranged = open_feed(resolve({**flags, "range_A": "0,510"}))
    assert ranged.ranges == (ValueRange(0, 510, "int16"), None)
    assert torch.allclose(ranged.dataset[1, 0]["A"], plain / 255 - 1, atol=1e-6)
