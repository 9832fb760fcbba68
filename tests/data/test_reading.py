import pickle

import numpy as np
import pytest
from PIL import Image

from translate.data.reading import Header, PictureError, open_header, read_picture

WIDTH, HEIGHT = 10, 6

pytestmark = pytest.mark.usefixtures("no_warnings")


def pixels(image):
    return np.asarray(image)


# --- colour modes -----------------------------------------------------------------------------------

MODES = {  # name: (mode of the file's picture, file ending, mode that is read)
    "rgb jpeg": ("RGB", "jpg", "RGB"),
    "rgb png": ("RGB", "png", "RGB"),
    "rgb bmp": ("RGB", "bmp", "RGB"),
    "rgb tiff": ("RGB", "tif", "RGB"),
    "rgb webp": ("RGB", "webp", "RGB"),
    "rgb ppm": ("RGB", "ppm", "RGB"),
    "grey jpeg": ("L", "jpg", "L"),
    "grey png": ("L", "png", "L"),
    "grey bmp": ("L", "bmp", "L"),
    "grey tiff": ("L", "tiff", "L"),
    "grey pgm": ("L", "pgm", "L"),
    "1-bit png": ("1", "png", "L"),
    "1-bit tiff": ("1", "tif", "L"),
    "1-bit pbm": ("1", "pbm", "L"),
    "1-bit bmp": ("1", "bmp", "L"),
    "grey alpha png": ("LA", "png", "L"),
    "grey alpha tiff": ("LA", "tif", "L"),
    "rgba png": ("RGBA", "png", "RGB"),
    "rgba webp": ("RGBA", "webp", "RGB"),
    "rgba tiff": ("RGBA", "tif", "RGB"),
    "palette png": ("P", "png", "RGB"),
    "palette bmp": ("P", "bmp", "RGB"),
    "palette tiff": ("P", "tif", "RGB"),
    "cmyk jpeg": ("CMYK", "jpg", "RGB"),
    "cmyk tiff": ("CMYK", "tif", "RGB"),
    "ycbcr jpeg": ("YCbCr", "jpg", "RGB"),
    "ycbcr tiff": ("YCbCr", "tif", "RGB"),
    "lab tiff": ("LAB", "tif", "RGB"),
}


ENCODING = {
    "webp": {"lossless": True, "exact": True},
    ("YCbCr", "tif"): {"compression": "tiff_lzw"},  # Pillow before 13 cannot read what it writes without
}


def source_of(mode, noise):
    """Random pixels in a mode that need not come from arrays."""
    if mode in ("L", "LA", "RGB", "RGBA"):
        return noise(WIDTH, HEIGHT, mode)
    if mode == "P":
        return noise(WIDTH, HEIGHT).quantize(16)
    if mode == "LAB":
        return Image.merge("LAB", noise(WIDTH, HEIGHT).split())
    return noise(WIDTH, HEIGHT).convert(mode)


@pytest.mark.parametrize("name", MODES)
def test_every_mode_is_read_as_grey_or_rgb(tmp_path, noise, name):
    mode, ending, wanted = MODES[name]
    path = tmp_path / f"x.{ending}"
    source_of(mode, noise).save(path, **ENCODING.get((mode, ending), ENCODING.get(ending, {})))
    picture = read_picture(path)
    assert picture.mode == wanted
    assert open_header(path) == Header(WIDTH, HEIGHT, len(picture.getbands()))
    assert picture.size == (WIDTH, HEIGHT)
    with Image.open(path) as reference:
        assert pixels(picture).tolist() == pixels(reference.convert(wanted)).tolist()
    assert read_picture(path, 3).tobytes() == picture.convert("RGB").tobytes()
    assert read_picture(path, 1).tobytes() == picture.convert("L").tobytes()


def test_alpha_is_dropped_and_the_colour_below_it_kept(tmp_path):
    clear = np.zeros((4, 4, 4), np.uint8)
    clear[..., 0] = 200
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert pixels(read_picture(tmp_path / "clear.png"))[0, 0].tolist() == [200, 0, 0]
    Image.fromarray(np.dstack([np.full((4, 4), 90, np.uint8), np.zeros((4, 4), np.uint8)])).save(tmp_path / "la.png")
    assert pixels(read_picture(tmp_path / "la.png")).tolist() == [[90] * 4] * 4


@pytest.mark.parametrize("transparency", [0, bytes([0, 128, 255, 3])])
def test_transparent_palettes_become_rgb(tmp_path, noise, transparency):
    image = noise(WIDTH, HEIGHT).quantize(4)
    path = tmp_path / "x.png"
    image.save(path, transparency=transparency)
    assert read_picture(path).mode == "RGB"
    assert read_picture(path).tobytes() == image.convert("RGB").tobytes()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_transparent_colour_changes_nothing(tmp_path, noise, mode):
    image = noise(WIDTH, HEIGHT, mode)
    path = tmp_path / "x.png"
    image.save(path, transparency=3 if mode == "L" else (1, 2, 3))
    assert read_picture(path).tobytes() == image.tobytes()
    assert read_picture(path, 3).tobytes() == image.convert("RGB").tobytes()


def test_a_palette_of_greys_is_still_colour(tmp_path, noise):
    image = noise(WIDTH, HEIGHT, "L").convert("P")
    path = tmp_path / "x.png"
    image.save(path)
    assert read_picture(path).mode == "RGB"
    assert open_header(path).channels == 3


def test_unknown_channels_are_a_programming_error(make_picture):
    with pytest.raises(ValueError, match="not 1, 3 or None"):
        read_picture(make_picture("x.png"), 4)


def test_the_picture_shares_nothing_with_its_file(make_picture):
    path = make_picture("x.png")
    picture = read_picture(path)
    path.unlink()
    assert type(picture) is Image.Image
    assert picture.info == {}
    assert picture.getpixel((0, 0)) == pickle.loads(pickle.dumps(picture)).getpixel((0, 0))


# --- rotation ---------------------------------------------------------------------------------------

UPRIGHT = {  # orientation: what a viewer does to the stored rows and columns
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", [*UPRIGHT, 0, 9])
@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_exif_rotation_is_applied(tmp_path, noise, exif_with, ending, orientation):
    path = tmp_path / f"x.{ending}"
    noise(WIDTH, HEIGHT).save(path, exif=exif_with(orientation), **({"lossless": True} if ending == "webp" else {}))
    stored = path.with_name(f"plain.{ending}")
    noise(WIDTH, HEIGHT).save(stored, **({"lossless": True} if ending == "webp" else {}))
    wanted = UPRIGHT.get(orientation, UPRIGHT[1])(pixels(read_picture(stored)))
    picture = read_picture(path)
    assert pixels(picture).tolist() == wanted.tolist()
    assert open_header(path) == Header(*picture.size, 3)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "jpeg"])
def test_compressed_tiff_is_rotated_once(tmp_path, noise, exif_with, compression):
    path = tmp_path / "x.tif"
    noise(WIDTH, HEIGHT, "L").save(path, compression=compression, exif=exif_with(6))
    assert read_picture(path).size == (HEIGHT, WIDTH)
    assert open_header(path) == Header(HEIGHT, WIDTH, 1)


def test_rotation_behind_the_pixels_of_a_png_is_seen(write_png, exif_with):
    samples = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    exif = exif_with(6).tobytes().removeprefix(b"Exif\0\0")
    path = write_png(WIDTH, 8, 2, [row.tobytes() for row in samples], after=[(b"eXIf", exif)])
    assert pixels(read_picture(path)).tolist() == np.rot90(samples, -1).tolist()
    assert open_header(path) == Header(HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("exif", [b"II*\0rubbish", b"rubbish"])
def test_damaged_exif_leaves_the_picture_upright(write_png, exif):
    path = write_png(WIDTH, 8, 0, [bytes(WIDTH)] * HEIGHT, before=[(b"eXIf", exif)])
    assert read_picture(path).size == (WIDTH, HEIGHT)
    assert open_header(path) == Header(WIDTH, HEIGHT, 1)


def test_the_header_decodes_no_pixels(make_picture):
    for ending in ("png", "jpg", "bmp"):
        path = make_picture(f"x.{ending}", 300, 200)
        path.write_bytes(path.read_bytes()[:-20000])
        assert open_header(path) == Header(300, 200, 3)
        with pytest.raises(PictureError):
            read_picture(path)


# --- several frames ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["gif", "tif", "webp", "png"])
def test_the_first_frame_of_several_is_read(tmp_path, ending):
    path = tmp_path / f"x.{ending}"
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:], **({"lossless": True} if ending == "webp" else {}))
    picture = read_picture(path)
    assert picture.getpixel((3, 3)) == (255, 0, 0)
    assert open_header(path) == Header(8, 8, 3)


def test_content_counts_not_the_name(tmp_path, noise):
    noise(WIDTH, HEIGHT).save(tmp_path / "x.png", format="JPEG")
    assert read_picture(tmp_path / "x.png").size == (WIDTH, HEIGHT)


# --- depth ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("depth", "levels"), [(1, 2), (2, 4), (4, 16)])
def test_shallow_grey_is_stretched_to_8_bits(write_png, depth, levels):
    packed = {1: [0b01000000], 2: [0b00011011], 4: [0x01, 0x2F]}[depth]
    values = {1: [0, 1], 2: [0, 1, 2, 3], 4: [0, 1, 2, 15]}[depth]
    path = write_png(len(values), depth, 0, [bytes(packed)])
    assert pixels(read_picture(path))[0].tolist() == [value * 255 // (levels - 1) for value in values]
