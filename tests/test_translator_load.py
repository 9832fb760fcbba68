"""What a translator is loaded from, and what it refuses to translate."""

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import translate
from translate.data.tensors import to_signed, to_tensor, to_uint8
from translate.errors import InputError
from translate.sizing import TestSize
from translate.translator import Translator

KINDS = ("path", "pil", "array", "tensor")


@pytest.fixture(scope="module")
def colour(make_generator):
    return Translator(make_generator(), TestSize("crop", 16), 3)


@pytest.fixture
def weights(tmp_path, make_generator):
    """Saves a generator's weights and gives the file's path."""

    def save(name="latest_net_G.pth", prefix="", **flags):
        path = tmp_path / name
        state = make_generator(**flags).state_dict()
        torch.save({prefix + key: value for key, value in state.items()}, path)
        return path

    return save


class TestLoad:
    def test_a_run_s_folder_its_file_and_a_copy_elsewhere_are_the_same_generator(
        self, trained_run, tmp_path, random_picture
    ):
        copy = tmp_path / "copy.pth"
        copy.write_bytes((trained_run / "latest_net_G.pth").read_bytes())
        image = random_picture(32, 32)
        results = [
            np.asarray(Translator.load(path, device="cpu")(image, size="original"))
            for path in (trained_run, str(trained_run), trained_run / "latest_net_G.pth", copy)
        ]
        assert all(np.array_equal(result, results[0]) for result in results)

    def test_the_package_offers_it(self, trained_run):
        assert translate.Translator is Translator
        assert translate.Translator.load(trained_run).record["options"]["name"] == "tiny"

    def test_the_record_s_crop_size_is_used_and_256_where_there_is_none(self, trained_run, weights):
        assert Translator.load(trained_run).size == TestSize("crop", 32)
        assert Translator.load(trained_run / "latest_net_G.pth").size == TestSize("crop", 32)
        assert Translator.load(weights()).size == TestSize("crop", 256)
        assert Translator.load(trained_run, size="original").size == TestSize("original", 32)
        assert Translator.load(trained_run, size=TestSize("crop", 8)).size == TestSize("crop", 8)

    def test_an_epoch_s_weights(self, weights, tmp_path, random_picture):
        weights("latest_net_G.pth")
        weights("40_net_G.pth", input_nc=1, output_nc=1)
        weights("iter_300_net_G.pth", input_nc=3, output_nc=1)
        assert Translator.load(tmp_path).input_nc == 3
        assert Translator.load(tmp_path, 40).input_nc == Translator.load(tmp_path, "40").input_nc == 1
        assert Translator.load(tmp_path, "iter_300")(random_picture()).mode == "L"

    @pytest.mark.parametrize("flags", [
        {}, {"normG": "batch"}, {"normG": "none"}, {"no_antialias": True}, {"no_antialias_up": True},
        {"no_antialias": True, "no_antialias_up": True, "no_dropout": False}, {"input_nc": 1, "output_nc": 3},
    ])  # fmt: skip
    @pytest.mark.parametrize("prefix", ["", "module."])
    def test_a_bare_file_tells_its_architecture(self, weights, flags, prefix, random_picture, make_generator):
        translator = Translator.load(
            weights("any name.pth", prefix, **flags), size="original", device="cpu", precision="fp32"
        )
        image = random_picture(20, 24, "L" if flags.get("input_nc") == 1 else "RGB")
        generator = make_generator(**flags).eval()
        with torch.inference_mode():
            expected = generator(to_signed(to_tensor(image))[None])[0]
        result = translator(image)
        assert result.mode == "RGB"
        difference = to_uint8(expected).int() - to_tensor(result).int()
        assert difference.abs().max() <= 1  # another layout in memory, another order of sums

    def test_it_translates_in_evaluation_mode_and_learns_nothing(self, weights, random_picture):
        translator = Translator.load(weights(no_dropout=False, normG="batch"), size="original")
        image = random_picture()
        first = np.asarray(translator(image))
        assert np.array_equal(first, np.asarray(translator(image)))
        assert not translator.generator.training
        assert not any(parameter.requires_grad for parameter in translator.generator.parameters())

    @pytest.mark.parametrize(("flag", "word", "hint"), [
        ("precision", "8", "choose from auto, bf16"), ("precision", "bf61", "did you mean bf16"),
        ("direction", "BA", "did you mean BtoA"), ("direction", "x", "choose from AtoB, BtoA"),
    ])  # fmt: skip
    def test_a_word_that_there_is_not_is_refused_with_those_there_are(self, weights, flag, word, hint):
        with pytest.raises(InputError, match=f"--{flag} {word} is not known: {hint}"):
            Translator.load(weights(), **{flag: word})

    def test_what_is_not_there_is_said_with_what_is(self, weights, tmp_path):
        weights("5_net_G.pth")
        weights("latest_net_G.pth")
        with pytest.raises(InputError, match=r"no weights at .*7_net_G\.pth; its folder has weights for 5, latest"):
            Translator.load(tmp_path, epoch=7)
        with pytest.raises(InputError, match=r"no weights at .*nowhere; its folder holds no generator weights"):
            Translator.load(tmp_path / "no" / "nowhere")

    def test_epochs_of_two_generators_are_said_once(self, weights, tmp_path):
        for name in ("5_net_G_A.pth", "5_net_G_B.pth", "latest_net_G_B.pth"):
            weights(name)
        with pytest.raises(InputError, match=r"; its folder has weights for 5, latest$"):
            Translator.load(tmp_path, epoch=7)

    def test_a_damaged_file_another_network_and_code_are_refused(self, tmp_path, trained_run):
        (tmp_path / "cut.pth").write_bytes((trained_run / "latest_net_G.pth").read_bytes()[:500])
        (tmp_path / "code.pth").write_bytes(pickle.dumps({"model.1.weight": print}, protocol=2))
        (tmp_path / "empty.pth").touch()
        for path in (tmp_path / "cut.pth", tmp_path / "code.pth", tmp_path / "empty.pth",
                     trained_run / "latest_net_D.pth", trained_run / "latest_net_F.pth"):  # fmt: skip
            with pytest.raises(InputError, match=re.escape(str(path))):
                Translator.load(path)

    @pytest.mark.parametrize("text", ["{", "[]", "null", "\x00"])
    def test_a_damaged_record_is_named(self, weights, tmp_path, text):
        weights()
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(InputError, match=r"run\.json is damaged"):
            Translator.load(tmp_path)

    def test_a_record_without_sizes_is_like_none(self, weights, tmp_path):
        weights()
        (tmp_path / "run.json").write_text(json.dumps({"format": 1, "options": {}}))
        assert Translator.load(tmp_path).size == TestSize("crop", 256)


class TestRefusals:
    @pytest.mark.parametrize("given_", [None, 3, b"x.png", {"a": 1}, object()])
    def test_what_is_no_picture_is_refused_by_its_type(self, colour, given_):
        with pytest.raises(InputError, match=f"cannot translate a {type(given_).__name__}: give a path"):
            colour(given_)

    @pytest.mark.parametrize("shape", [(), (5,), (5, 5, 2), (5, 5, 4), (3, 5, 5), (1, 5, 5, 3), (0, 5), (5, 0, 3)])
    def test_arrays_of_another_shape(self, colour, shape):
        with pytest.raises(InputError, match=rf"an array of shape {re.escape(str(shape))} is not a picture"):
            colour(np.zeros(shape, np.uint8))

    @pytest.mark.parametrize("shape", [(), (5, 5), (2, 5, 5), (5, 5, 3), (2, 4, 5, 5), (0, 3, 5, 5), (3, 0, 5),
                                       (1, 1, 3, 5, 5)])  # fmt: skip
    def test_tensors_of_another_shape(self, colour, shape):
        with pytest.raises(InputError, match=rf"a tensor of shape {re.escape(str(shape))} is not a picture"):
            colour(torch.zeros(shape))

    @pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "bool", "complex64", "object", "longdouble"])
    def test_arrays_of_another_type(self, colour, dtype):
        with pytest.raises(InputError, match="are ambiguous: give uint8 in 0-255 or floats in 0-1"):
            colour(np.zeros((5, 5, 3), dtype))

    @pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool, torch.complex64])
    def test_tensors_of_another_type(self, colour, dtype):
        with pytest.raises(InputError, match="are ambiguous"):
            colour(torch.zeros((3, 5, 5), dtype=dtype))

    @pytest.mark.parametrize("value", [-0.01, 1.01, 255.0, np.nan, np.inf])
    def test_floats_beyond_0_and_1(self, colour, value):
        array = np.full((5, 5, 3), 0.5)
        array[2, 3, 1] = value
        for given_ in (array, torch.from_numpy(array.transpose(2, 0, 1).copy())):
            with pytest.raises(InputError, match="a floating picture goes from 0 to 1, not from"):
                colour(given_)

    @pytest.mark.parametrize("mode", ["I", "F", "I;16"])
    def test_pil_images_that_are_deeper_than_8_bits(self, colour, mode):
        with pytest.raises(InputError, match=f"mode {mode} is deeper than 8 bits"):
            colour(Image.new(mode, (20, 20)))

    def test_a_missing_or_broken_file(self, colour, tmp_path):
        with pytest.raises(InputError, match=r"x\.png does not exist"):
            colour(tmp_path / "x.png")
        (tmp_path / "y.png").write_text("words")
        with pytest.raises(InputError, match=r"y\.png is text, not a picture"):
            colour([str(tmp_path / "y.png")])


class TestPackage:
    def test_importing_it_does_not_wait_for_torch_and_the_first_use_brings_it(self):
        code = (
            "import sys, translate; assert 'torch' not in sys.modules; assert 'numpy' not in sys.modules; "
            "translate.Translator; assert 'torch' in sys.modules"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=Path(translate.__file__).parent.parent, capture_output=True, text=True
        )
        assert (ended.returncode, ended.stderr) == (0, "")

    def test_it_knows_its_methods_and_nothing_else(self):
        translating = ["colorization", "context_encoder", "cut", "cycle_gan", "depth", "pix2pix", "sincut"]
        encoding = ["clip", "jigsaw", "moco", "relative_position", "rotation", "simclr", "split_brain"]
        assert translate.list_methods() == sorted([*translating, *encoding])
        with pytest.raises(AttributeError, match="module 'translate' has no attribute 'Translater'"):
            translate.Translater  # noqa: B018
