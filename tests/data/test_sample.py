"""The sample: disjoint regions, a change that only a neighbourhood explains, whole folders or none."""

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from translate.data import sample
from translate.data.sample import make_sample, read_photographs, regions, shadow_share, true_translation
from translate.errors import InputError, RunError

SMALL = {"n_train": 4, "n_test": 3, "size": 24}
SCRIPT = Path(__file__).parents[2] / "scripts" / "make_sample.py"


@pytest.fixture(scope="module")
def photographs():
    return read_photographs()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "sample"
    make_sample(folder, n_train=20, n_test=10)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def scene(middle: int, surroundings: int) -> np.ndarray:
    """A grey square of 2x2 pixels in a plain of another grey."""
    picture = np.full((41, 41, 3), surroundings, dtype=np.uint8)
    picture[20:22, 20:22] = middle
    return picture


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_regions_share_no_pixel(photographs, seed):
    taken = {name: np.zeros(pixels.shape[:2], dtype=int) for name, pixels in photographs.items()}
    for cells in regions(photographs, seed).values():
        for cell in cells:
            taken[cell.photograph][cell.top : cell.top + cell.side, cell.left : cell.left + cell.side] += 1
    assert all(count.max() == 1 for count in taken.values())


def test_every_crop_shows_pixels_of_its_region_only(photographs, monkeypatch):
    # Each pixel is painted with the number of its region, so that a crop tells where it comes from.
    cells = regions(photographs)
    painted = {name: np.full_like(pixels, 255) for name, pixels in photographs.items()}
    for number, region in enumerate(("A", "B", "test")):
        for cell in cells[region]:
            sample.cut(painted[cell.photograph], cell)[:] = 50 * number
    monkeypatch.setattr(sample, "CROP_TRIES", 1)
    monkeypatch.setattr(sample, "_toned", lambda picture: picture)  # it would change the numbers
    for number, region in enumerate(("A", "B", "test")):
        crops = sample._crops(painted, cells[region], "crop", 60, 24, 0)
        assert {value for crop in crops.values() for value in np.unique(crop)} == {50 * number}


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_regions_are_alike_in_content(photographs, seed):
    cells = regions(photographs, seed)
    assert abs(len(cells["A"]) - len(cells["B"])) <= 1
    assert abs(len(cells["A"]) - 2 * len(cells["test"])) <= 2
    shares = {
        region: np.mean([shadow_share(sample._toned(sample.cut(photographs[cell.photograph], cell))) for cell in found])
        for region, found in cells.items()
    }
    assert all(abs(shares[one] - shares[other]) < 0.1 for one, other in combinations(shares, 2))
    for name in photographs:
        counts = [sum(cell.photograph == name for cell in cells[region]) for region in ("A", "B", "test")]
        assert min(counts) > 0 or sum(counts) <= 5  # so few that chance may leave a region without
        assert abs(counts[0] - counts[1]) <= 4


def test_seed_changes_the_regions_and_nothing_else_does(photographs):
    assert regions(photographs, 3) == regions(photographs, 3)
    assert regions(photographs, 3) != regions(photographs, 4)


def test_folders_names_counts_and_sizes(made):
    assert sorted(path.name for path in made.iterdir()) == sorted(
        ["trainA", "trainB", "testA", "testB", "testA_truth", "sample.json"]
    )
    for name, count in (("trainA", 20), ("trainB", 20), ("testA", 10), ("testB", 10), ("testA_truth", 10)):
        pictures = [Image.open(path) for path in (made / name).glob("*.png")]
        assert [(picture.size, picture.mode) for picture in pictures] == [((72, 72), "RGB")] * count


def test_truth_is_the_translation_of_test_a(made):
    paths = sorted((made / "testA").iterdir())
    assert [path.name for path in paths] == sorted(path.name for path in (made / "testA_truth").iterdir())
    for path in paths:
        np.testing.assert_array_equal(true_translation(read(path)), read(made / "testA_truth" / path.name))


def test_test_b_is_not_the_truth(made):
    truth = {path.read_bytes() for path in (made / "testA_truth").iterdir()}
    assert truth.isdisjoint(path.read_bytes() for path in (made / "testB").iterdir())


def test_shadows_are_frequent_in_a_and_gone_in_b(made):
    shares_a = [shadow_share(read(path)) for path in (made / "trainA").iterdir()]
    shares_b = [shadow_share(read(path)) for path in (made / "trainB").iterdir()]
    assert 0.15 < np.mean(shares_a) < 0.4
    assert np.mean(shares_b) < 0.05


def test_same_seed_same_files_other_seed_other_files(tmp_path):
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        make_sample(tmp_path / name, seed, **SMALL)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


def test_every_picture_of_a_has_the_same_mean_and_contrast(made):
    pictures = [read(path).astype(float) for folder in ("trainA", "testA") for path in (made / folder).iterdir()]
    assert all(abs(picture.mean() - sample.TONE_MEAN) < 6 for picture in pictures)
    assert all(abs(picture.std() - sample.TONE_SPREAD) < 12 for picture in pictures)
    assert all((picture == picture[..., :1]).all() for picture in pictures)  # grey


def test_bright_and_middle_grey_stay_as_they_are():
    ramp = np.linspace(130, 255, 64).astype(np.uint8)
    picture = np.repeat(np.tile(ramp, (32, 1))[..., None], 3, axis=2)
    np.testing.assert_array_equal(true_translation(picture), picture)


def test_shadows_become_violet():
    red, green, blue = true_translation(np.full((32, 32, 3), 20, dtype=np.uint8))[16, 16].astype(int)
    assert min(red, blue) > 90
    assert green < 40


def test_equal_colours_change_with_their_neighbourhood():
    # No function of a pixel's colour does this, however complicated.
    grey = 60
    in_the_light, in_the_dark = scene(grey, 220), scene(grey, 20)
    np.testing.assert_array_equal(true_translation(in_the_light)[20, 20], [grey] * 3)
    changed = true_translation(in_the_dark)[20, 20].astype(int)
    assert np.abs(changed - grey).mean() > 50


def test_detail_in_the_shadow_is_amplified_in_its_order():
    picture = np.full((48, 48, 3), 40, dtype=np.uint8)
    picture[:, ::4] = 46  # lines barely brighter than their surroundings
    green = true_translation(picture)[16:32, 16:32, 1].astype(int)
    lines, between = green[:, ::4], green[:, 2::4]
    assert lines.min() > between.max() + 6


@settings(max_examples=25, deadline=None)
@given(
    arrays(np.uint8, (20, 22, 3)),
    st.tuples(st.integers(0, 19), st.integers(0, 21)),
    st.integers(0, 255),
)
def test_a_pixel_depends_on_its_neighbourhood_only(picture, place, value):
    """What is changed at one end of a wide picture does not reach the other end."""
    wide = np.concatenate([picture, np.zeros((20, 40, 3), dtype=np.uint8)], axis=1)
    changed = wide.copy()
    changed[place] = value
    np.testing.assert_array_equal(true_translation(wide)[:, 46:], true_translation(changed)[:, 46:])


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30), st.just(3))), st.integers(0, 3))
def test_translation_knows_no_position(picture, quarter_turns):
    """Mirroring or turning before is the same as after: there is no texture with a place of its own."""
    translated = true_translation(picture)
    assert translated.shape == picture.shape
    assert translated.dtype == np.uint8
    turned = true_translation(np.ascontiguousarray(np.rot90(picture, quarter_turns)))
    # Sums in another order may fall to the other side of a half.
    assert np.abs(np.rot90(translated, quarter_turns).astype(int) - turned).max() <= 1


@pytest.mark.parametrize("shape, dtype", [((4, 4), np.uint8), ((4, 4, 4), np.uint8), ((4, 4, 3), np.float32)])
def test_other_arrays_are_refused(shape, dtype):
    with pytest.raises(InputError, match="uint8"):
        true_translation(np.zeros(shape, dtype))


def test_a_complete_sample_is_left_alone(tmp_path, capsys):
    make_sample(tmp_path / "sample", **SMALL)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    capsys.readouterr()
    make_sample(tmp_path / "sample", **SMALL)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert "is complete" in capsys.readouterr().out


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "sample").mkdir()
    make_sample(tmp_path / "sample", **SMALL)
    assert (tmp_path / "sample" / "trainA").is_dir()


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch, failure):
    saved = []

    def save(folder, pictures):
        if len(saved) == 3:
            raise failure("stopped")
        saved.append(folder)
        write(folder, pictures)

    write = sample._save
    monkeypatch.setattr(sample, "_save", save)
    with pytest.raises(RunError if failure is OSError else failure):
        make_sample(tmp_path / "sample", **SMALL)
    assert len(saved) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="not a sample"):
        make_sample(tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_a_sample_with_other_settings_is_refused(tmp_path):
    make_sample(tmp_path / "sample", **SMALL)
    with pytest.raises(InputError, match="other settings"):
        make_sample(tmp_path / "sample", seed=1, **SMALL)


def test_a_sample_that_lost_pictures_is_refused(tmp_path):
    make_sample(tmp_path / "sample", **SMALL)
    next((tmp_path / "sample" / "trainB").iterdir()).unlink()
    with pytest.raises(InputError, match="trainB"):
        make_sample(tmp_path / "sample", **SMALL)


@pytest.mark.parametrize("setting", [{"seed": -1}, {"n_train": 0}, {"n_test": 0}, {"size": 4}])
def test_settings_out_of_range_are_refused(tmp_path, setting):
    with pytest.raises(InputError, match=next(iter(setting))):
        make_sample(tmp_path / "sample", **{**SMALL, **setting})
    assert list(tmp_path.iterdir()) == []


def test_missing_photographs_are_named(monkeypatch):
    monkeypatch.setattr(sample, "PHOTOGRAPHS", ("no_such_cat.png",))
    with pytest.raises(InputError, match=r"no_such_cat\.png"):
        read_photographs()


def test_script_makes_a_sample_and_reports_wrong_input(tmp_path):
    command = [sys.executable, str(SCRIPT), "--out", str(tmp_path / "s"), "--n_train", "2", "--n_test", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, len(list((tmp_path / "s" / "trainA").iterdir()))) == (0, 2)
    refused = subprocess.run([*command, "--seed", "9"], capture_output=True, text=True)
    assert refused.returncode == 2
    assert "other settings" in refused.stderr
    assert "Traceback" not in refused.stderr
