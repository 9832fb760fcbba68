"""A trained generator called on pictures of every kind."""

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import translate
from translate.data.preprocess import Preprocess
from translate.errors import InputError
from translate.networks import build_generator
from translate.sizing import TestSize
from translate.translator import Translator

KINDS = ("path", "pil", "array", "tensor")


def make_generator(input_nc=3, output_nc=3, **flags):
    """A tiny generator whose output is far from flat."""
    torch.manual_seed(input_nc * 10 + output_nc)
    generator = build_generator("resnet_4blocks", input_nc, output_nc, ngf=2, **flags)
    with torch.no_grad():
        generator.model[-2].weight.mul_(3)
    return generator


def random_picture(width=21, height=18, mode="RGB", seed=0):
    shape = (height, width) if mode == "L" else (height, width, len(mode))
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8), mode)


def to_chw(image):
    pixels = np.asarray(image)
    return torch.from_numpy(pixels.copy()[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1).copy())


def to_pixels(result):
    """(H, W) or (H, W, C) of what was returned, whatever its kind."""
    if isinstance(result, torch.Tensor):
        result = result.permute(1, 2, 0).numpy()
    pixels = np.asarray(result)
    return pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels


@pytest.fixture(scope="module")
def colour():
    return Translator(make_generator(), TestSize("crop", 16), 3)


@pytest.fixture(scope="module")
def grey():
    return Translator(make_generator(1, 1), TestSize("crop", 16), 1)


@pytest.fixture
def weights(tmp_path):
    """Saves a generator's weights and gives the file's path."""

    def save(name="latest_net_G.pth", prefix="", **flags):
        path = tmp_path / name
        state = make_generator(**flags).state_dict()
        torch.save({prefix + key: value for key, value in state.items()}, path)
        return path

    return save


class TestKinds:
    @pytest.mark.parametrize("mode", ["L", "RGB"])
    @pytest.mark.parametrize("network", ["colour", "grey"])
    def test_every_kind_of_the_same_picture_gives_the_same_pixels(self, mode, network, request, tmp_path):
        translator, image = request.getfixturevalue(network), random_picture(mode=mode)
        image.save(tmp_path / "x.png")
        expected = np.asarray(translator.translate_image(image))
        for given_ in (tmp_path / "x.png", str(tmp_path / "x.png"), image, np.asarray(image), to_chw(image)):
            assert np.array_equal(to_pixels(translator(given_)), expected)
        assert expected.std() > 5

    def test_the_same_kind_comes_back(self, colour, tmp_path):
        image = random_picture()
        image.save(tmp_path / "x.png")
        assert isinstance(colour(tmp_path / "x.png"), Image.Image)
        assert isinstance(colour(image), Image.Image)
        assert (colour(np.asarray(image)).dtype, colour(np.asarray(image)).shape) == (np.uint8, (16, 19, 3))
        tensor = colour(to_chw(image))
        assert (tensor.dtype, tensor.shape) == (torch.uint8, (3, 16, 19))

    def test_a_list_gives_a_list_of_the_same_kinds_in_order(self, colour):
        pictures = [random_picture(seed=1), np.asarray(random_picture(30, 17, seed=2)), to_chw(random_picture(seed=3))]
        results = colour(pictures)
        assert [type(result) for result in results] == [Image.Image, np.ndarray, torch.Tensor]
        for result, picture in zip(results, pictures, strict=True):
            assert np.array_equal(to_pixels(result), to_pixels(colour(picture)))
        assert colour(tuple(pictures[:1]))[0].size == results[0].size
        assert colour([]) == []

    def test_a_batch_is_its_pictures_one_by_one(self, colour):
        batch = torch.stack([to_chw(random_picture(seed=seed)) for seed in range(3)])
        result = colour(batch)
        assert result.shape == (3, 3, 16, 19)
        for at in range(3):
            assert torch.equal(result[at], colour(batch[at]))

    @pytest.mark.parametrize("shape", [(18, 21), (18, 21, 1)])
    def test_a_grey_array_keeps_its_number_of_axes_in_a_grey_network(self, grey, shape):
        pixels = np.asarray(random_picture(mode="L")).reshape(shape)
        assert grey(pixels).shape == ((16, 19) if len(shape) == 2 else (16, 19, 1))

    def test_grey_stays_grey_and_colour_stays_colour(self, grey, colour):
        for mode in ("L", "RGB"):
            assert grey(random_picture(mode=mode)).mode == "L"
            assert colour(random_picture(mode=mode)).mode == "RGB"
        assert grey(torch.zeros(3, 20, 20)).shape == (1, 16, 16)
        assert colour(np.zeros((20, 20))).shape == (16, 16, 3)

    def test_a_network_from_colour_to_grey(self):
        translator = Translator(make_generator(3, 1), TestSize("original"), 3)
        assert translator(random_picture()).mode == "L"
        assert translator(np.asarray(random_picture())).shape == (18, 21, 1)

    @pytest.mark.parametrize("mode", ["1", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV"])
    def test_pil_images_of_other_8_bit_modes_are_converted(self, colour, mode):
        image = random_picture().convert("RGB").convert(mode)
        assert np.array_equal(colour(image), colour(image.convert("RGB")))

    def test_what_is_given_is_not_changed(self, colour):
        array = np.random.default_rng(0).random((18, 21, 3))
        before = array.copy()
        tensor = torch.from_numpy(array.transpose(2, 0, 1).copy())
        colour([array, tensor, array.astype(np.float32)])
        assert np.array_equal(array, before)
        assert np.array_equal(tensor.numpy().transpose(1, 2, 0), before)

    def test_results_do_not_share_memory_with_what_is_given(self):
        translator = Translator(make_generator(), TestSize("original"), 3)
        tensor = torch.full((3, 16, 16), 0.5)
        translator(tensor).zero_()
        assert tensor.min() == 0.5

    @pytest.mark.parametrize("change", [
        lambda a: a[:, ::-1], lambda a: a[::2], np.asfortranarray, lambda a: a.transpose(1, 0, 2),
        lambda a: a.astype(">f4") / 255, lambda a: a.astype("<f8") / 255,
    ])  # fmt: skip
    def test_arrays_of_any_memory_layout(self, colour, change):
        array = change(np.asarray(random_picture(40, 36)))
        plain = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("="))
        result = colour(array)
        assert np.array_equal(result, colour(plain))
        assert result.flags.c_contiguous

    def test_a_read_only_array_raises_no_warning(self, colour, recwarn):
        array = np.asarray(random_picture())
        array.flags.writeable = False
        colour(array)
        assert not recwarn.list

    def test_results_take_part_in_later_training(self, colour):
        """Tensors made in inference mode cannot; these can."""
        result = colour(torch.rand(3, 20, 20, requires_grad=True))
        assert not result.requires_grad
        (result * torch.ones((), requires_grad=True)).sum().backward()


class TestNumbers:
    @pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
    def test_floats_come_back_as_the_same_floats_from_0_to_1(self, colour, dtype):
        tensor = to_chw(random_picture()).to(dtype) / 255
        for result in (colour(tensor), torch.from_numpy(colour(tensor.permute(1, 2, 0).numpy()))):
            assert result.dtype == dtype
            assert 0 <= result.min() < result.max() <= 1

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["L", "RGB"]))
    @pytest.mark.parametrize("network", ["colour", "grey"])
    def test_floats_and_bytes_agree_up_to_rounding(self, request, network, width, height, mode):
        translator = request.getfixturevalue(network)
        original = Translator(translator.generator, TestSize("original"), translator.input_nc)
        array = np.asarray(random_picture(width, height, mode))
        if translator.input_nc == 1 and mode == "RGB":
            # Pillow rounds its grey values; those are what the bytes are translated from.
            array = np.asarray(Image.fromarray(array).convert("L"))
        exact = original(array / 255) * 255
        assert np.abs(exact - original(array)).max() <= 0.5 + 1e-2

    def test_scaled_floats_and_bytes_agree_up_to_the_rounding_before_and_after(self, colour):
        smooth = np.asarray(random_picture(6, 5).resize((50, 40), Image.Resampling.BICUBIC))
        assert np.abs(colour(smooth / 255) * 255 - colour(smooth)).mean() < 2

    def test_colour_to_grey_weighs_as_pillow_does(self, grey):
        seen = []
        listening = Translator(grey.generator, TestSize("original"), 1)
        hook = listening.generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        image = random_picture()
        listening(image)
        listening(np.asarray(image) / 255)
        hook.remove()
        assert (seen[0] - seen[1]).abs().max() <= 2 / 255 * 0.5 + 1e-5

    @pytest.mark.parametrize("width", [1, 5, 17, 64])
    @pytest.mark.parametrize("height", [1, 16, 31])
    @pytest.mark.parametrize("kind", ["pil", "float"])
    def test_every_size_is_kept(self, width, height, kind):
        translator = Translator(make_generator(), TestSize("original"), 3)
        if kind == "pil":
            assert translator(random_picture(width, height)).size == (width, height)
        else:
            assert translator(torch.rand(3, height, width)).shape == (3, height, width)

    def test_a_long_thin_picture(self):
        translator = Translator(make_generator(), TestSize("original"), 3)
        assert translator(random_picture(5, 300)).size == (5, 300)


class TestSizes:
    def test_the_size_may_be_told_for_one_call(self, colour):
        image = random_picture(40, 30)
        assert colour(image).size == (21, 16)
        assert colour(image, size="original").size == (40, 30)
        assert colour(image, size="24x20").size == (24, 20)
        assert colour(image).size == (21, 16)
        assert colour(torch.rand(3, 30, 40), size="24x20").shape == (3, 20, 24)

    def test_the_size_of_a_call_puts_words_aside(self):
        words = Preprocess("resize", 20, 16, flip=False)
        translator = Translator(make_generator(), TestSize("crop", 16, words), 3)
        assert translator(random_picture(40, 30)).size == (20, 20)
        assert translator(np.zeros((30, 40, 3))).shape == (20, 20, 3)
        assert translator(random_picture(40, 30), size="crop").size == (21, 16)

    def test_with_size_is_the_same_translator_otherwise(self, colour):
        other = colour.with_size(TestSize("original"))
        image = random_picture(16, 16)
        assert np.array_equal(other(image), colour(image))
        assert other.size.policy == "original"
        assert colour.size.policy == "crop"

    def test_a_wrong_size_is_refused(self, colour):
        with pytest.raises(InputError, match="--size big is not"):
            colour(random_picture(), size="big")


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


class TestLoad:
    def test_a_run_s_folder_its_file_and_a_copy_elsewhere_are_the_same_generator(self, trained_run, tmp_path):
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

    def test_an_epoch_s_weights(self, weights, tmp_path):
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
    def test_a_bare_file_tells_its_architecture(self, weights, flags, prefix):
        translator = Translator.load(weights("any name.pth", prefix, **flags), size="original", device="cpu")
        image = random_picture(20, 24, "L" if flags.get("input_nc") == 1 else "RGB")
        generator = make_generator(**flags).eval()
        with torch.inference_mode():
            expected = generator(to_chw(image)[None] / 255 * 2 - 1)[0]
        result = translator(image)
        assert result.mode == "RGB"
        assert np.abs(to_pixels((expected + 1) * 127.5) - np.asarray(result)).max() <= 0.51

    def test_it_translates_in_evaluation_mode_and_learns_nothing(self, weights):
        translator = Translator.load(weights(no_dropout=False, normG="batch"), size="original")
        image = random_picture()
        first = np.asarray(translator(image))
        assert np.array_equal(first, np.asarray(translator(image)))
        assert not translator.generator.training
        assert not any(parameter.requires_grad for parameter in translator.generator.parameters())

    def test_what_is_not_there_is_said_with_what_is(self, weights, tmp_path):
        weights("5_net_G.pth")
        weights("latest_net_G.pth")
        with pytest.raises(InputError, match=r"no weights at .*7_net_G\.pth; its folder has weights for 5, latest"):
            Translator.load(tmp_path, epoch=7)
        with pytest.raises(InputError, match=r"no weights at .*nowhere; its folder holds no generator weights"):
            Translator.load(tmp_path / "no" / "nowhere")

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
        assert translate.list_methods() == ["cut"]
        with pytest.raises(AttributeError, match="module 'translate' has no attribute 'Translater'"):
            translate.Translater  # noqa: B018
