"""Results of deep pictures: in the values and the depth of their domain, from test.py, translate apply and Python."""

import json
import warnings

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import translate
from translate import batching
from translate.data.value_range import ValueRange
from translate.errors import InputError
from translate.recorded_ranges import recorded_ranges
from translate.saving import save
from translate.sizing import TestSize
from translate.testing import run_test
from translate.training.run import train_from_flags
from translate.translator import Translator

CT = ValueRange(0, 3071, "uint16")
MR = ValueRange(-1, 1.5, "float32")
OF_CUT = ("num_patches", "netF_nc")


class Identity(nn.Module):
    stride = 1

    def forward(self, images):
        return images.clone()


class Negative(nn.Module):
    stride = 1

    def forward(self, images):
        return -images


def read(path):
    return np.load(path) if path.suffix == ".npy" else np.asarray(Image.open(path))


@pytest.fixture(scope="module")
def home(tmp_path_factory, make_deep_domains, make_domains, tiniest):
    """Folders of pictures and runs of two steps on them."""
    home = tmp_path_factory.mktemp("deep")
    make_deep_domains(home / "ct_mr", A=(0, 3071, "uint16", "png"), B=(-1, 1.5, "float32", "tif"))
    make_deep_domains(home / "colour", 3, A=(0, 10000, "uint16", "npy"), B=(0, 1, "float64", "npy"))
    make_deep_domains(home / "hu", A=(-1000, 2000, "int16", "npy"), B=(-1000, 2000, "int16", "npy"))
    make_deep_domains(home / "out_of_8", B=(0, 4095, "uint16", "png"))
    make_domains(home / "grey", 3, 3, channels=1)
    for phase in ("train", "test"):
        (home / "grey" / f"{phase}A").rename(home / "out_of_8" / f"{phase}A")

    def train(name, data=None, **flags):
        base = {**tiniest, "dataroot": str(home / (data or name)), "checkpoints_dir": str(home), "name": f"run_{name}"}
        if flags.get("model", "cut") != "cut":
            base = {flag: value for flag, value in base.items() if flag not in OF_CUT}
        train_from_flags({**base, "max_steps": 2, "no_html": True, **flags})

    both = {"range_A": "0,3071", "range_B": "-1,1.5"}
    train("ct_mr", **both)
    train("back", "ct_mr", direction="BtoA", **both)
    train("cycle", "ct_mr", model="cycle_gan", **both)
    train("pairs", "ct_mr", model="pix2pix", normG="instance", **both)
    train("colour", range_A="0,10000", range_B="0,1")
    train("hu", range_A="-1000,2000", range_B="-1000,2000")
    train("out_of_8", range_B="0,4095")
    train("into_8", "out_of_8", direction="BtoA", range_B="0,4095")
    return home


@pytest.fixture
def test_of(home, tmp_path):
    """test_of(name, **flags): the folder of the results of a test."""

    def test(name, **flags):
        told = {"checkpoints_dir": str(home), "name": f"run_{name}", "results_dir": str(tmp_path / "results")}
        return run_test({**told, "size": "original", "gpu_ids": "-1", **flags}).page.parent

    return test


def loaded(home, name, direction=None):
    return Translator.load(home / f"run_{name}", size="original", device="cpu", direction=direction)


FILES = [
    # run, direction, what is translated, the folder of the values, their files, their type
    ("ct_mr", None, "ct_mr/testA/{}.png", "fake_B", "{}.tiff", np.float32, MR),
    ("back", None, "ct_mr/testB/{}.tif", "fake_B", "{}.png", np.uint16, CT),
    ("cycle", "AtoB", "ct_mr/testA/{}.png", "fake_B", "{}.tiff", np.float32, MR),
    ("cycle", "BtoA", "ct_mr/testB/{}.tif", "fake_A", "{}.png", np.uint16, CT),
    ("pairs", None, "ct_mr/testA/{}.png", "fake_B", "{}.tiff", np.float32, MR),
    ("colour", None, "colour/testA/{}.npy", "fake_B", "{}.npy", np.float64, ValueRange(0, 1)),
    ("hu", None, "hu/testA/{}.npy", "fake_B", "{}.tiff", np.int32, ValueRange(-1000, 2000)),
    ("out_of_8", None, "out_of_8/testA/a{}.png", "fake_B", "a{}.png", np.uint16, ValueRange(0, 4095)),
]


@pytest.mark.parametrize(("name", "direction", "source", "label", "file", "dtype", "ends"), FILES)
def test_a_test_writes_values_of_the_other_domain_and_a_view_of_them(
    home, test_of, name, direction, source, label, file, dtype, ends
):
    folder = test_of(name, direction=direction)
    translator = loaded(home, name, direction)
    for index in range(3):
        values = read(folder / "values" / label / file.format(index))
        assert values.dtype == dtype
        assert np.array_equal(values, translator(home / source.format(index)))
        assert ends.low <= values.min() < values.max() <= ends.high
        view = np.asarray(Image.open((folder / "images" / label / file.format(index)).with_suffix(".png")))
        expected = (values.astype(np.float64) - ends.low) / (ends.high - ends.low) * 255
        assert view.dtype == np.uint8
        assert np.abs(view - expected).max() <= 0.5 + 255 / (ends.high - ends.low if dtype == np.uint16 else 1000)


def test_into_8_bits_a_test_writes_pictures_alone(home, test_of):
    folder = test_of("into_8")
    assert not (folder / "values").exists()
    assert Image.open(folder / "images/fake_B/0.png").mode == "L"


@pytest.mark.parametrize(("name", "source"), [("into_8", "testA/a0.png"), ("out_of_8", "testB/0.png")])
def test_the_other_direction_of_a_run_that_learned_one_sees_its_folder_in_its_own_range(home, test_of, name, source):
    direction = {"into_8": "AtoB", "out_of_8": "BtoA"}[name]
    path = home / "out_of_8" / source
    seen = np.asarray(Image.open(test_of(name, direction=direction) / "images/real_A" / path.name))
    assert np.abs(seen - read(path) / {"into_8": 1, "out_of_8": 4095 / 255}[name]).max() <= 0.51


def test_the_page_says_where_the_values_are(test_of):
    assert "in the folder values, -1,1.5 from black to white (float32)" in (test_of("ct_mr") / "index.html").read_text()


def test_the_truth_of_pairs_is_seen_in_its_own_range(home, test_of):
    folder = test_of("pairs")
    truth = np.asarray(Image.open(folder / "images/truth_B/0.png"))
    assert np.abs(truth - (read(home / "ct_mr/testB/0.tif") + 1) / 2.5 * 255).max() <= 0.51


@pytest.mark.parametrize(
    ("name", "source", "flags", "file", "dtype"),
    [
        ("ct_mr", "ct_mr/testA/0.png", {}, "0.tiff", np.float32),
        ("ct_mr", "ct_mr/testA/0.png", {"format": "npy"}, "0.npy", np.float32),
        ("back", "ct_mr/testB/0.tif", {}, "0.tif", np.uint16),
        ("back", "ct_mr/testB/0.tif", {"format": "png"}, "0.png", np.uint16),
        ("cycle", "ct_mr/testB/0.tif", {"direction": "BtoA", "format": "npy"}, "0.npy", np.uint16),
        ("hu", "hu/testA/0.npy", {}, "0.npy", np.int16),
        ("hu", "hu/testA/0.npy", {"format": "tiff"}, "0.tiff", np.int32),
        ("colour", "colour/testA/0.npy", {}, "0.npy", np.float64),
        ("into_8", "out_of_8/testB/0.png", {}, "0.png", np.uint8),
        ("out_of_8", "out_of_8/testA/a0.png", {}, "a0.png", np.uint16),
    ],
)
def test_files_of_apply_hold_what_the_translator_returns(home, tmp_path, name, source, flags, file, dtype):
    run = home / f"run_{name}"
    translate.apply(run, home / source, tmp_path / "out", size="original", gpu_ids="-1", **flags)
    values = read(tmp_path / "out" / file)
    assert values.dtype == dtype
    assert np.array_equal(values, loaded(home, name, flags.get("direction"))(home / source))


@pytest.mark.parametrize(
    ("name", "pictures", "flags"),
    [
        ("ct_mr", "ct_mr/testA", {}),
        ("cycle", "ct_mr/testB", {"direction": "BtoA"}),
        ("colour", "colour/testA", {}),
        ("into_8", "out_of_8/testB", {}),
        ("out_of_8", "out_of_8/testA", {}),
    ],
)
def test_a_gpu_translates_those_of_one_size_together_in_both_directions(
    home, tmp_path, monkeypatch, name, pictures, flags
):
    def files(label):
        run = home / f"run_{name}"
        translate.apply(run, home / pictures, tmp_path / label, size="original", gpu_ids="-1", **flags)
        return {path.name: read(path) for path in (tmp_path / label).iterdir()}

    alone = files("alone")
    batches, together = [], Translator.translate_together
    monkeypatch.setattr(batching, "pixels_at_once", lambda device: 10**9)
    monkeypatch.setattr(
        Translator, "translate_together", lambda self, batch: batches.append(len(batch)) or together(self, batch)
    )
    found = files("together")
    assert batches == [3]
    assert found.keys() == alone.keys()
    for file, values in alone.items():
        assert found[file].dtype == values.dtype
        rounding = 1e-4 * np.ptp(values.astype(float)) if values.dtype.kind == "f" else 1
        assert np.abs(found[file].astype(float) - values).max() <= rounding


def test_a_deep_pil_image_is_turned_as_its_exif_says(home, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(home / "ct_mr/testA/0.png") as picture:
        picture.save(tmp_path / "turned.png", exif=exif)
        height, width = picture.size
    translator = loaded(home, "ct_mr")
    expected = translator(tmp_path / "turned.png")
    assert expected.shape == (height, width)
    with Image.open(tmp_path / "turned.png") as picture:
        assert np.array_equal(translator(picture), expected)


def test_apply_takes_the_generator_of_a_file(home, tmp_path):
    file = home / "run_cycle/latest_net_G_B.pth"
    translate.apply(file, home / "ct_mr/testB/0.tif", tmp_path / "out", size="original", gpu_ids="-1", format="png")
    expected = loaded(home, "cycle", "BtoA")(home / "ct_mr/testB/0.tif")
    assert np.array_equal(read(tmp_path / "out/0.png"), expected)


@pytest.mark.parametrize(
    ("name", "format", "words"),
    [
        ("ct_mr", "png", "tiff, npy"),
        ("back", "jpg", "png, tiff, npy"),
        ("colour", "tiff", "from npy"),
        ("hu", "png", "tiff, npy"),
    ],
)
def test_formats_that_would_lose_values_are_refused(home, tmp_path, name, format, words):
    with pytest.raises(InputError, match=rf"--format {format} cannot hold the values .*{words}"):
        translate.apply(home / f"run_{name}", home / "ct_mr/testA", tmp_path / "out", format=format)
    assert not (tmp_path / "out").exists()


def test_what_is_cut_is_said_by_all_three(home, tmp_path, test_of, capsys):
    values = np.zeros((40, 40), np.uint16)
    values[:4] = 5000
    (tmp_path / "bright/testA").mkdir(parents=True)
    Image.fromarray(values).save(tmp_path / "bright/testA/0.png")
    said = "note: 10.0 % of the values in the pictures lie outside the run's range 0,3071 and are cut to it"
    test_of("ct_mr", dataroot=str(tmp_path / "bright"))
    assert said in capsys.readouterr().out
    translate.apply(home / "run_ct_mr", tmp_path / "bright", tmp_path / "out", gpu_ids="-1")
    assert said in capsys.readouterr().out
    with pytest.warns(UserWarning, match="10 % of the values lie outside 0,3071"):
        loaded(home, "ct_mr")(values)


def test_without_a_range_deep_pictures_are_refused_as_ever(trained_run, home, tmp_path):
    with pytest.raises(InputError, match="holds more than 8 bits a channel"):
        translate.apply(trained_run, home / "ct_mr/testA", tmp_path / "out")
    with pytest.raises(InputError, match="holds more than 8 bits a channel"):
        run_test({
            "checkpoints_dir": str(trained_run.parent), "name": trained_run.name, "dataroot": str(home / "ct_mr"),
            "results_dir": str(tmp_path / "results"),
        })  # fmt: skip
    assert list(tmp_path.iterdir()) == []


# --- Python -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "float32", "float64"])
@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_network_that_changes_nothing_returns_every_value(tmp_path, dtype, data):
    """Written, read, translated and written again, to the level for integers."""
    low, high = (0, 65535) if dtype == "uint16" else (-1000, 30000)
    numbers = st.integers(low, high) if np.dtype(dtype).kind in "ui" else st.floats(low, high, width=32)
    values = np.array(data.draw(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=2, max_size=2)), dtype)
    both = ValueRange(low, high, dtype)
    translator = Translator(Identity(), TestSize("original"), 1, source=both, target=both)
    np.save(tmp_path / "x.npy", values)
    for given_ in (tmp_path / "x.npy", values, values[:, :, None], torch.from_numpy(values)[None]):
        found = np.asarray(translator(given_)).squeeze()
        assert found.dtype == dtype
        if both.is_integer:
            assert np.array_equal(found, values)
        else:
            assert np.abs(found - values).max() <= (high - low) * 2**-24


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("format", ["png", "tiff", "npy"])
def test_a_16_bit_file_that_nothing_changes_is_written_as_it_was(tmp_path, format, levels):
    levels = np.array([levels], np.uint16)
    both = ValueRange(0, 65535, "uint16")
    save(levels, tmp_path / f"x.{format}", format)
    assert np.array_equal(read(tmp_path / f"x.{format}"), levels)
    translator = Translator(Identity(), TestSize("original"), 1, source=both, target=both)
    save(translator(tmp_path / f"x.{format}"), tmp_path / f"y.{format}", format)
    assert np.array_equal(read(tmp_path / f"y.{format}"), levels)
    assert (tmp_path / f"y.{format}").read_bytes() == (tmp_path / f"x.{format}").read_bytes()


def test_every_kind_of_a_deep_picture_gives_the_same_values(home, tmp_path):
    translator = loaded(home, "ct_mr")
    path = home / "ct_mr/testA/0.png"
    values = np.asarray(Image.open(path))
    expected = translator(path)
    assert (expected.dtype, expected.shape) == (np.float32, values.shape)
    for given_ in (str(path), Image.open(path), values, values.astype(">i4"), values.astype(np.float64)):
        assert np.array_equal(translator(given_), expected)
    assert np.array_equal(translator(values[:, :, None]), expected[:, :, None])
    tensor = translator(torch.from_numpy(values.astype(np.int32))[None])
    assert tensor.dtype == torch.float32
    assert np.array_equal(tensor[0], expected)
    assert [np.array_equal(each, expected) for each in translator([path, values])] == [True, True]


def test_deep_into_8_bits_is_an_image_or_uint8(home):
    translator = loaded(home, "into_8")
    path = home / "out_of_8/testB/0.png"
    image = translator(path)
    assert image.mode == "L"
    values = np.asarray(Image.open(path))
    assert translator(values).dtype == np.uint8
    assert np.array_equal(translator(values), image)
    assert np.array_equal(translator(torch.from_numpy(values.astype(np.float32))[None])[0], image)


def test_8_bits_into_deep_are_given_as_ever(home):
    translator = loaded(home, "out_of_8")
    path = home / "out_of_8/testA/a0.png"
    image, expected = Image.open(path), translator(path)
    assert expected.dtype == np.uint16
    assert np.array_equal(translator(image), expected)
    assert np.array_equal(translator(np.asarray(image)), expected)
    floats = translator(np.asarray(image) / 255)
    assert np.abs(floats.astype(int) - expected).max() <= 1
    with pytest.raises(InputError, match="uint16 are ambiguous"):
        translator(np.asarray(image, np.uint16))


def test_colour_is_read_as_grey_by_its_luma_and_grey_as_colour():
    colour = np.random.default_rng(0).integers(0, 3000, (5, 6, 3)).astype(np.uint16)
    both = {"source": CT, "target": CT}
    grey = Translator(Negative(), TestSize("original"), 1, **both)(colour)
    assert np.abs(grey[:, :, 0] - (3071 - colour @ [0.299, 0.587, 0.114])).max() <= 1
    found = Translator(Negative(), TestSize("original"), 3, **both)(colour[:, :, 0])
    assert np.array_equal(found, np.repeat(3071 - colour[:, :, :1], 3, axis=2))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_refused(value):
    translator = Translator(Identity(), TestSize("original"), 1, source=CT)
    with pytest.raises(InputError, match="no finite numbers"):
        translator(np.array([[0.0, value]]))
    with pytest.raises(InputError, match="type complex"):
        translator(np.ones((2, 2), complex))


def test_values_in_range_give_no_warning(home):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded(home, "ct_mr")(home / "ct_mr/testA/0.png")


def test_with_size_keeps_the_ranges():
    other = Translator(Identity(), TestSize("crop", 16), 1, source=CT, target=MR).with_size(TestSize("original"))
    assert (other.source, other.target) == (CT, MR)


@pytest.mark.parametrize("direction", [None, "AtoB", "BtoA"])
@pytest.mark.parametrize("turned", [False, True])
def test_ranges_follow_the_direction(direction, turned):
    record = {"values": {"A": CT.to_json(), "B": None}}
    if direction:
        record["options"] = {"direction": direction}
    expected = (CT, None) if (direction == "BtoA") == turned else (None, CT)
    assert recorded_ranges(json.loads(json.dumps(record)), turned) == expected


@pytest.mark.parametrize("spoilt", [5, {"low": 0}, {**CT.to_json(), "low": 9999}, {**CT.to_json(), "dtype": "O"}])
def test_a_damaged_record_is_refused(spoilt):
    with pytest.raises(InputError, match="no valid range for domain A"):
        recorded_ranges({"values": {"A": spoilt}})
    assert recorded_ranges({}) == (None, None)


def test_a_view_of_an_array_is_a_picture_whatever_the_format(test_of):
    folder = test_of("hu", format="same")
    assert {path.suffix for path in (folder / "images").rglob("*.*")} == {".png"}


def test_animations_are_refused_by_a_run_that_knows_deeper_values(home, tmp_path):
    frames = [Image.new("L", (24, 24), level) for level in (0, 200)]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match=r"moves\.gif moves and holds 8 bits.*give its frames as pictures"):
        translate.apply(home / "run_ct_mr", tmp_path / "moves.gif", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
