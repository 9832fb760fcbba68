"""What deep files hold is what is read, to the last bit, or one sentence says why not."""

import pickle
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from translate.data.deep import examine_deep, read_deep, read_values
from translate.data.npy import TYPES
from translate.data.reading import Depth, Header, PictureError, TooDeep, open_header, read_picture
from translate.data.value_range import ValueRange

HEIGHT, WIDTH = 6, 10
ORIENTATION = 0x0112

pytestmark = pytest.mark.usefixtures("no_warnings")


def values_of(dtype, channels=None):
    """Values that use the whole of a type."""
    shape = (HEIGHT, WIDTH) if channels is None else (HEIGHT, WIDTH, channels)
    rng = np.random.default_rng(0)
    if np.issubdtype(np.dtype(dtype), np.integer):
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    return rng.normal(0, 1000, shape).astype(dtype)


def write_tiff(path, values, order, sample_format):
    """The plainest TIFF that there is, of types that Pillow does not write."""
    height, width = values.shape
    content = values.astype(values.dtype.newbyteorder(order)).tobytes()
    bits = 8 * values.dtype.itemsize
    entries = [
        *[(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, 1)],
        *[(273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(content)), (339, 3, sample_format)],
    ]
    packed = b"".join(
        struct.pack(order + "HHI", tag, kind, 1) + struct.pack(order + ("H2x" if kind == 3 else "I"), value)
        for tag, kind, value in entries
    )
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(content))
    path.write_bytes(start + content + struct.pack(order + "H", len(entries)) + packed + bytes(4))
    return path


def saved(path, array):
    np.save(path, array, allow_pickle=True)
    return path


def refused(path, *words):
    with pytest.raises(PictureError) as caught:
        read_values(path)
    assert str(path) in str(caught.value)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


# --- what is read -----------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_16_bit_png(tmp_path, levels):
    levels = np.array([levels], np.uint16)
    Image.fromarray(levels).save(tmp_path / "x.png")
    found = read_values(tmp_path / "x.png")
    assert found.dtype == np.uint16
    assert np.array_equal(found[:, :, 0], levels)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_tiff_as_pillow_writes_it(tmp_path, dtype, compression):
    values = values_of(dtype)
    Image.fromarray(values).save(tmp_path / "x.tif", compression=compression)
    found = read_values(tmp_path / "x.tif")
    assert found.dtype == dtype
    assert np.array_equal(found[:, :, 0], values)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("dtype", "sample_format"), [("u2", 1), ("i2", 2), ("i4", 2), ("f4", 3)])
def test_tiff_of_either_byte_order(tmp_path, order, dtype, sample_format):
    values = values_of(dtype)
    found = read_values(write_tiff(tmp_path / "x.tif", values, order, sample_format))
    assert found.dtype == np.dtype(dtype)
    assert np.array_equal(found[:, :, 0], values)


def test_unsigned_32_bits_are_read_as_far_as_they_are_small(tmp_path):
    values = values_of(np.int32).clip(0).astype(np.uint32)
    assert np.array_equal(read_values(write_tiff(tmp_path / "x.tif", values, "<", 1))[:, :, 0], values)
    values[0, 0] = 2**31
    refused(write_tiff(tmp_path / "x.tif", values, "<", 1), "above 2147483647")


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("channels", [None, 1, 3])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path, dtype, channels, order):
    values = values_of(dtype, channels)
    found = read_values(saved(tmp_path / "x.npy", np.array(values, order=order)))
    assert found.dtype == dtype
    assert found.shape == (HEIGHT, WIDTH, channels or 1)
    assert np.array_equal(found.reshape(values.shape), values)


def test_npy_of_the_other_byte_order_and_by_another_name(tmp_path):
    values = values_of(">f4")
    found = read_values(saved(tmp_path / "x.npy", values).rename(tmp_path / "x.png"))
    assert found.dtype == np.float32 and found.dtype.isnative
    assert np.array_equal(found[:, :, 0], values)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_deep_pictures_are_turned_as_others_are(tmp_path, orientation, ending):
    levels = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    for name, values in (("deep", levels.astype(np.uint16) * 200), ("plain", levels)):
        Image.fromarray(values).save(tmp_path / f"{name}.{ending}", exif=exif)
    found = read_values(tmp_path / f"deep.{ending}")[:, :, 0]
    assert np.array_equal(found, np.asarray(read_picture(tmp_path / f"plain.{ending}"), np.uint16) * 200)


def test_pictures_of_8_bits_have_values_too(make_picture):
    for mode in ("L", "RGB"):
        path = make_picture("x.png", mode=mode)
        assert np.array_equal(read_values(path).squeeze(), read_picture(path))


@pytest.mark.parametrize("channels", [None, 1, 3])
def test_an_array_of_8_bits_is_an_ordinary_picture(tmp_path, channels):
    values = values_of(np.uint8, channels)
    path = saved(tmp_path / "x.npy", values)
    assert np.array_equal(read_picture(path), values.squeeze())
    assert open_header(path) == Header(WIDTH, HEIGHT, channels or 1)


def test_an_examination_finds_size_type_and_ends(tmp_path):
    values = np.array([[5.0, -2.5, 7.25]], np.float32)
    assert examine_deep(saved(tmp_path / "x.npy", values)) == Header(3, 1, 1, Depth("float32", -2.5, 7.25))


def test_a_range_maps_what_is_read(tmp_path):
    path = saved(tmp_path / "x.npy", np.array([[-1000, 1000, 3000]], np.int16))
    assert read_deep(path, ValueRange(-1000, 3000)).signed.ravel().tolist() == [-1, 0, 1]
    assert read_deep(path, ValueRange(-1000, 3000), 3).signed.shape == (1, 3, 3)


# --- what is refused --------------------------------------------------------------------------------


class Code:
    """Pickles to a call."""

    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize("array", [np.array([[Code()]], object), np.array([[1, None]], object)])
def test_objects_are_refused_unread(tmp_path, array):
    refused(saved(tmp_path / "x.npy", array), "pickled Python objects")


def test_a_pickle_of_that_name_is_no_picture(tmp_path):
    (tmp_path / "x.npy").write_bytes(pickle.dumps(Code()))
    refused(tmp_path / "x.npy", "is not a picture")


@pytest.mark.parametrize("dtype", ["bool", "complex64", "int64", "uint32", "U3", "M8[s]", "f4,f4"])
def test_other_types_are_refused(tmp_path, dtype):
    refused(saved(tmp_path / "x.npy", np.zeros((4, 4), dtype)), "holds values of type", "float32")


@pytest.mark.parametrize("shape", [(), (4,), (4, 4, 2), (4, 4, 4), (3, 4, 4), (1, 4, 4, 1), (0, 4), (4, 0, 3)])
def test_other_shapes_are_refused(tmp_path, shape):
    refused(saved(tmp_path / "x.npy", np.zeros(shape, np.float32)), "holds an array of shape", "(H, W, 3)")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["x.npy", "x.tif"])
def test_values_that_are_no_numbers_are_refused(tmp_path, name, value):
    values = values_of(np.float32)
    values[2, 3] = value
    np.save(tmp_path / name, values) if name == "x.npy" else Image.fromarray(values).save(tmp_path / name)
    refused(tmp_path / name, "no finite numbers")


def npy(header, content=b"", version=1):
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + content


HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy((HEADER % "(4, 4)").encode(), bytes(63)), "is cut short"),
        (npy((HEADER % "(40000, 40000)").encode()), "too large"),
        (npy((HEADER % "(1000000000000, 1000000000000, 3)").encode()), "too large"),
        (npy((HEADER % "(-4, -4)").encode(), bytes(64)), "holds an array of shape"),
        (npy((HEADER % "(4, 4)").encode() + b" " * 20_000, bytes(64)), "unusual header"),
        (b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31), "unusual header"),
        (npy(b"{'descr': __import__('os').system('true')}\n"), "cannot be decoded"),
        (npy(b"no header", version=9), "unusual header"),
        (b"\x93NUMPY", "cannot be decoded"),
    ],
)
def test_damaged_arrays_are_refused(tmp_path, content, words):
    (tmp_path / "x.npy").write_bytes(content)
    refused(tmp_path / "x.npy", words)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_always_one_sentence(tmp_path, data):
    for name, write in (
        ("x.npy", lambda path: np.save(path, values_of(np.int16))),
        ("x.tif", Image.fromarray(values_of(np.float32)).save),
        ("x.png", Image.fromarray(values_of(np.uint16)).save),
    ):
        write(tmp_path / name)
        content = bytearray((tmp_path / name).read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        (tmp_path / name).write_bytes(content[: data.draw(st.integers(0, len(content)))])
        try:
            read_values(tmp_path / name)
        except PictureError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(("colour_type", "channels"), [(4, 2), (2, 3), (6, 4)])
def test_png_of_16_bits_with_colour_or_alpha_is_refused(write_png, colour_type, channels):
    path = write_png(WIDTH, 16, colour_type, [b"\x9c\x40" * channels * WIDTH] * HEIGHT)
    refused(path, "in a form that is read in 8 only", ".npy")


def test_without_a_range_a_deep_array_is_too_deep(tmp_path):
    with pytest.raises(TooDeep, match="floating-point"):
        read_picture(saved(tmp_path / "x.npy", values_of(np.float16)))
    with pytest.raises(TooDeep, match="more than 8 bits"):
        read_picture(saved(tmp_path / "x.npy", values_of(np.int16)))
