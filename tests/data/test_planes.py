import numpy as np
import pytest
from PIL import Image

from translate.data.opening import PictureError
from translate.data.planes import PictureAndPlanes, PlaneFile, Planes, PlaneStack, ScenePart, read_depth

BICUBIC = Image.Resampling.BICUBIC


def test_depth_of_16_bits_is_in_millimetres_and_0_is_no_value(tmp_path):
    Image.fromarray(np.array([[0, 1], [1500, 65535]], np.uint16)).save(tmp_path / "d.png")
    assert read_depth(tmp_path / "d.png")[:, :, 0].tolist() == pytest.approx(np.array([[0, 0.001], [1.5, 65.535]]))


def test_depth_of_floats_is_in_metres_and_what_is_no_length_is_no_value(tmp_path):
    np.save(tmp_path / "d.npy", np.array([[np.nan, np.inf, -1], [0, 0.5, 300]]))
    assert read_depth(tmp_path / "d.npy")[:, :, 0].tolist() == [[0, 0, 0], [0, 0.5, 300]]


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.full((4, 4), 9, np.uint8), r"d\.png has 8 bits, too few for depth; .*millimetres"),
        (np.full((4, 4, 3), 9, np.uint8), r"d\.png has 8 bits"),
    ],
)
def test_depth_of_8_bits_is_refused(pixels, said, tmp_path):
    Image.fromarray(pixels).save(tmp_path / "d.png")
    with pytest.raises(PictureError, match=said):
        read_depth(tmp_path / "d.png")


def test_a_plane_in_colour_is_refused(tmp_path):
    np.save(tmp_path / "d.npy", np.ones((4, 4, 3), np.float32))
    with pytest.raises(PictureError, match=r"d\.npy is in colour; save depth with one number a pixel"):
        PlaneFile(tmp_path / "d.npy", "depth").read()


def test_initial_depth_is_its_logarithm_less_the_median(tmp_path):
    np.save(tmp_path / "i.npy", np.array([[1.0, 2.0, 16.0, 0.0]]))
    plane = PlaneFile(tmp_path / "i.npy", "initial").read()[0, :, 0]
    assert plane.tolist() == pytest.approx([-np.log(2), 0, np.log(8), 0])
    np.save(tmp_path / "none.npy", np.zeros((2, 2)))
    assert not PlaneFile(tmp_path / "none.npy", "initial").read().any()


@pytest.mark.parametrize(("kind", "expected"), [("mask", [0, 0, 1]), ("confidence", [0, 0.4, 1])])
def test_grey_pictures_are_yes_and_no_or_shares(kind, expected, tmp_path):
    Image.fromarray(np.array([[0, 102, 255]], np.uint8)).save(tmp_path / "p.png")
    assert PlaneFile(tmp_path / "p.png", kind).read()[0, :, 0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["keypoints", "confidence"])
def test_shares_of_16_bits_and_floats_are_shares(kind, tmp_path):
    Image.fromarray(np.array([[0, 13107, 65535]], np.uint16)).save(tmp_path / "p.png")
    assert PlaneFile(tmp_path / "p.png", kind).read()[0, :, 0].tolist() == pytest.approx([0, 0.2, 1])
    np.save(tmp_path / "p.npy", np.array([[-0.001, 0.3, 1.001]]))
    assert PlaneFile(tmp_path / "p.npy", kind).read()[0, :, 0].tolist() == pytest.approx([0, 0.3, 1])


@pytest.mark.parametrize("values", [np.array([[0, 255.0]]), np.array([[-1.0, 1]]), np.array([[0, 9]], np.int16)])
def test_numbers_that_are_no_shares_are_refused(values, tmp_path):
    np.save(tmp_path / "p.npy", values)
    with pytest.raises(PictureError, match=r"p\.npy holds values from \S+ to \d+; .*floats from 0 to 1"):
        PlaneFile(tmp_path / "p.npy", "confidence").read()


def test_a_mask_of_numbers_or_of_a_palette_is_refused_and_a_black_one_has_nobody(tmp_path):
    Image.fromarray(np.array([[0, 1, 1]], np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(PictureError, match=r"m\.png has no white, .*brightest is 1 of 255\); save people as"):
        PlaneFile(tmp_path / "m.png", "mask").read()
    palette = Image.fromarray(np.array([[0, 1, 0]], np.uint8))
    palette.putpalette([0, 0, 0, 128, 0, 0])
    palette.save(tmp_path / "m.png")
    with pytest.raises(PictureError, match=r"brightest is 38 of 255\)"):
        PlaneFile(tmp_path / "m.png", "mask").read()
    Image.fromarray(np.zeros((1, 3), np.uint8)).save(tmp_path / "m.png")
    assert not PlaneFile(tmp_path / "m.png", "mask").read().any()


def test_scaling_makes_no_new_numbers():
    planes = Planes(np.random.default_rng(0).uniform(1, 99, (9, 7, 2)).astype(np.float32))
    for size in ((14, 18), (3, 4)):
        scaled = planes.resize(size, BICUBIC).transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((1, 0, 3, 3))
        assert isinstance(scaled, Planes)
        assert scaled.size == (2, 3)
        assert np.isin(scaled.signed, planes.signed).all()


def test_planes_go_with_their_picture_and_are_not_seen(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    mask = np.zeros((8, 6), np.uint8)
    mask[:, 3:] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    both = ScenePart(tmp_path / "a.png", (PlaneFile(tmp_path / "m.png", "mask"),)).read(3)
    assert both.signed.shape == (8, 6, 4)
    assert np.array_equal(np.asarray(both.view()), pixels)
    scaled = both.resize((12, 16), BICUBIC)
    assert isinstance(scaled, PictureAndPlanes)
    assert set(np.unique(scaled.signed[:, :, 3])) == {0, 1}
    flipped = both.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert flipped.signed[0, :, 3].tolist() == [1, 1, 1, 0, 0, 0]


def test_planes_of_two_sizes_are_refused(tmp_path):
    for name, shape in (("a", (4, 4)), ("b", (4, 5))):
        np.save(tmp_path / f"{name}.npy", np.ones(shape, np.float32))
    files = PlaneFile(tmp_path / "a.npy", "depth"), PlaneFile(tmp_path / "b.npy", "initial")
    with pytest.raises(
        PictureError, match=r"b\.npy \(5x4\) is the initial of .*a\.npy \(4x4\); bring both to one size"
    ):
        PlaneStack(files).read()
