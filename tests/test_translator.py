"""A trained generator called on pictures of every kind."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from translate.data.preprocess import Preprocess
from translate.data.reading import read_picture
from translate.errors import InputError
from translate.sizing import TestSize
from translate.translator import Translator

KINDS = ("path", "pil", "array", "tensor")


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
def colour(make_generator):
    return Translator(make_generator(), TestSize("crop", 16), 3)


@pytest.fixture(scope="module")
def grey(make_generator):
    return Translator(make_generator(1, 1), TestSize("crop", 16), 1)


class TestKinds:
    @pytest.mark.parametrize("mode", ["L", "RGB"])
    @pytest.mark.parametrize("network", ["colour", "grey"])
    def test_every_kind_of_the_same_picture_gives_the_same_pixels(
        self, mode, network, request, tmp_path, random_picture
    ):
        translator, image = request.getfixturevalue(network), random_picture(mode=mode)
        image.save(tmp_path / "x.png")
        expected = np.asarray(translator.translate_image(image))
        for given_ in (tmp_path / "x.png", str(tmp_path / "x.png"), image, np.asarray(image), to_chw(image)):
            assert np.array_equal(to_pixels(translator(given_)), expected)
        assert expected.std() > 5

    def test_the_same_kind_comes_back(self, colour, tmp_path, random_picture):
        image = random_picture()
        image.save(tmp_path / "x.png")
        assert isinstance(colour(tmp_path / "x.png"), Image.Image)
        assert isinstance(colour(image), Image.Image)
        assert (colour(np.asarray(image)).dtype, colour(np.asarray(image)).shape) == (np.uint8, (16, 19, 3))
        tensor = colour(to_chw(image))
        assert (tensor.dtype, tensor.shape) == (torch.uint8, (3, 16, 19))

    def test_a_list_gives_a_list_of_the_same_kinds_in_order(self, colour, random_picture):
        pictures = [random_picture(seed=1), np.asarray(random_picture(30, 17, seed=2)), to_chw(random_picture(seed=3))]
        results = colour(pictures)
        assert [type(result) for result in results] == [Image.Image, np.ndarray, torch.Tensor]
        for result, picture in zip(results, pictures, strict=True):
            assert np.array_equal(to_pixels(result), to_pixels(colour(picture)))
        assert colour(tuple(pictures[:1]))[0].size == results[0].size
        assert colour([]) == []

    def test_a_batch_is_its_pictures_one_by_one(self, colour, random_picture):
        batch = torch.stack([to_chw(random_picture(seed=seed)) for seed in range(3)])
        result = colour(batch)
        assert result.shape == (3, 3, 16, 19)
        for at in range(3):
            assert torch.equal(result[at], colour(batch[at]))

    @pytest.mark.parametrize("shape", [(18, 21), (18, 21, 1)])
    def test_a_grey_array_keeps_its_number_of_axes_in_a_grey_network(self, grey, shape, random_picture):
        pixels = np.asarray(random_picture(mode="L")).reshape(shape)
        assert grey(pixels).shape == ((16, 19) if len(shape) == 2 else (16, 19, 1))

    def test_grey_stays_grey_and_colour_stays_colour(self, grey, colour, random_picture):
        for mode in ("L", "RGB"):
            assert grey(random_picture(mode=mode)).mode == "L"
            assert colour(random_picture(mode=mode)).mode == "RGB"
        assert grey(torch.zeros(3, 20, 20)).shape == (1, 16, 16)
        assert colour(np.zeros((20, 20))).shape == (16, 16, 3)

    def test_a_network_from_colour_to_grey(self, random_picture, make_generator):
        translator = Translator(make_generator(3, 1), TestSize("original"), 3)
        assert translator(random_picture()).mode == "L"
        assert translator(np.asarray(random_picture())).shape == (18, 21, 1)

    @pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8"])
    def test_floats_of_the_other_byte_order_are_floats(self, colour, dtype, random_picture):
        array = (np.asarray(random_picture()) / 255).astype(dtype)
        assert np.array_equal(colour(array), colour(array.astype(dtype.replace(">", "="))))

    @pytest.mark.parametrize("mode", ["1", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV"])
    def test_pil_images_of_other_8_bit_modes_are_converted(self, colour, mode, random_picture):
        image = random_picture().convert("RGB").convert(mode)
        assert np.array_equal(colour(image), colour(image.convert("RGB")))

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("ending", ["png", "tif", "webp"])
    def test_a_pil_image_is_turned_as_its_exif_says_and_only_once(self, colour, tmp_path, ending, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f"x.{ending}"
        how = {"lossless": True} if ending == "webp" else {}
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (18, 21, 3), np.uint8)).save(path, exif=exif, **how)
        expected = colour(path)
        assert expected.size == ((19, 16) if orientation < 5 else (16, 19))
        loaded = Image.open(path)
        loaded.load()
        for image in (Image.open(path), loaded, loaded.copy(), ImageOps.exif_transpose(loaded), read_picture(path)):
            result = colour(image)
            assert np.array_equal(result, expected)
            assert not result.getexif()

    def test_an_orientation_behind_the_pixels_of_a_png_turns_too(self, colour, tmp_path, random_picture):
        exif = Image.Exif()
        exif[0x0112] = 6
        random_picture().save(tmp_path / "x.png", exif=exif)
        data = (tmp_path / "x.png").read_bytes()
        at = data.index(b"eXIf") - 4
        chunk = data[at : at + 12 + int.from_bytes(data[at : at + 4], "big")]
        end = data.index(b"IEND") - 4
        (tmp_path / "x.png").write_bytes(data[:at] + data[at + len(chunk) : end] + chunk + data[end:])
        assert colour(Image.open(tmp_path / "x.png")).size == (16, 19)

    def test_what_is_given_is_not_changed(self, colour):
        array = np.random.default_rng(0).random((18, 21, 3))
        before = array.copy()
        tensor = torch.from_numpy(array.transpose(2, 0, 1).copy())
        colour([array, tensor, array.astype(np.float32)])
        assert np.array_equal(array, before)
        assert np.array_equal(tensor.numpy().transpose(1, 2, 0), before)

    def test_results_do_not_share_memory_with_what_is_given(self, make_generator):
        translator = Translator(make_generator(), TestSize("original"), 3)
        tensor = torch.full((3, 16, 16), 0.5)
        translator(tensor).zero_()
        assert tensor.min() == 0.5

    @pytest.mark.parametrize("change", [
        lambda a: a[:, ::-1], lambda a: a[::2], np.asfortranarray, lambda a: a.transpose(1, 0, 2),
        lambda a: a.astype(">f4") / 255, lambda a: a.astype("<f8") / 255,
    ])  # fmt: skip
    def test_arrays_of_any_memory_layout(self, colour, change, random_picture):
        array = change(np.asarray(random_picture(40, 36)))
        plain = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("="))
        result = colour(array)
        assert np.array_equal(result, colour(plain))
        assert result.flags.c_contiguous

    def test_a_read_only_array_raises_no_warning(self, colour, recwarn, random_picture):
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
    def test_floats_come_back_as_the_same_floats_from_0_to_1(self, colour, dtype, random_picture):
        tensor = to_chw(random_picture()).to(dtype) / 255
        for result in (colour(tensor), torch.from_numpy(colour(tensor.permute(1, 2, 0).numpy()))):
            assert result.dtype == dtype
            assert 0 <= result.min() < result.max() <= 1

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["L", "RGB"]))
    @pytest.mark.parametrize("network", ["colour", "grey"])
    def test_floats_and_bytes_agree_up_to_rounding(self, request, random_picture, network, width, height, mode):
        translator = request.getfixturevalue(network)
        original = Translator(translator.generator, TestSize("original"), translator.input_nc)
        array = np.asarray(random_picture(width, height, mode))
        if translator.input_nc == 1 and mode == "RGB":
            # Pillow rounds its grey values; those are what the bytes are translated from.
            array = np.asarray(Image.fromarray(array).convert("L"))
        exact = original(array / 255) * 255
        assert np.abs(exact - original(array)).max() <= 0.5 + 1e-2

    def test_scaled_floats_and_bytes_agree_up_to_the_rounding_before_and_after(self, colour, random_picture):
        smooth = np.asarray(random_picture(6, 5).resize((50, 40), Image.Resampling.BICUBIC))
        assert np.abs(colour(smooth / 255) * 255 - colour(smooth)).mean() < 2

    def test_colour_to_grey_weighs_as_pillow_does(self, grey, random_picture):
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
    def test_every_size_is_kept(self, width, height, kind, random_picture, make_generator):
        translator = Translator(make_generator(), TestSize("original"), 3)
        if kind == "pil":
            assert translator(random_picture(width, height)).size == (width, height)
        else:
            assert translator(torch.rand(3, height, width)).shape == (3, height, width)

    def test_a_long_thin_picture(self, random_picture, make_generator):
        translator = Translator(make_generator(), TestSize("original"), 3)
        assert translator(random_picture(5, 300)).size == (5, 300)


class TestSizes:
    def test_the_size_may_be_told_for_one_call(self, colour, random_picture):
        image = random_picture(40, 30)
        assert colour(image).size == (21, 16)
        assert colour(image, size="original").size == (40, 30)
        assert colour(image, size="24x20").size == (24, 20)
        assert colour(image).size == (21, 16)
        assert colour(torch.rand(3, 30, 40), size="24x20").shape == (3, 20, 24)

    def test_the_size_of_a_call_puts_words_aside(self, random_picture, make_generator):
        words = Preprocess("resize", 20, 16, flip=False)
        translator = Translator(make_generator(), TestSize("crop", 16, words), 3)
        assert translator(random_picture(40, 30)).size == (20, 20)
        assert translator(np.zeros((30, 40, 3))).shape == (20, 20, 3)
        assert translator(random_picture(40, 30), size="crop").size == (21, 16)

    def test_with_size_is_the_same_translator_otherwise(self, colour, random_picture):
        other = colour.with_size(TestSize("original"))
        image = random_picture(16, 16)
        assert np.array_equal(other(image), colour(image))
        assert other.size.policy == "original"
        assert colour.size.policy == "crop"

    def test_a_wrong_size_is_refused(self, colour, random_picture):
        with pytest.raises(InputError, match="--size big is not"):
            colour(random_picture(), size="big")
