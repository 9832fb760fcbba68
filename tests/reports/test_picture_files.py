import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from translate.reports.picture_files import PictureFiles


def _steps(files):
    return [moment.step for moment in files.moments]


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def files(tmp_path):
    return PictureFiles(tmp_path / "images", max_moments=4)


def test_previews_have_the_step_in_their_name(files, picture):
    files.add_preview(1200, 3, {"0_real_A": picture(), "0_fake_B": picture()})
    assert _names(files.folder) == ["preview_step0001200_0_fake_B.png", "preview_step0001200_0_real_A.png"]
    assert Image.open(files.folder / "preview_step0001200_0_fake_B.png").getpixel((31, 0)) == (200, 120, 40)


def test_current_pictures_have_the_names_of_the_reference(files, picture):
    files.add_current(1, {"real_A": picture()})
    files.add_current(1, {"real_A": picture(colour=(0, 0, 200))})
    assert _names(files.folder) == ["epoch001_real_A.png"]
    assert Image.open(files.folder / "epoch001_real_A.png").getpixel((31, 0)) == (0, 0, 200)


def test_too_many_moments_are_thinned_but_for_the_first_and_the_newest(files, picture):
    for step in range(0, 50, 10):
        files.add_preview(step, 1, {"0_fake_B": picture(8, 8)})
    assert _steps(files) == [0, 20, 40]
    assert _names(files.folder) == [f"preview_step{step:07d}_0_fake_B.png" for step in (0, 20, 40)]


@settings(max_examples=15, deadline=None)  # every picture is flushed to the disk
@given(st.integers(2, 9), st.integers(1, 40))
def test_however_long_a_run_is_its_previews_are_few_and_span_it(tmp_path_factory, most, moments):
    files = PictureFiles(tmp_path_factory.mktemp("run"), most)
    tiny = Image.new("L", (1, 1))
    for step in range(moments):
        files.add_preview(step, 1, {"0_fake_B": tiny})
    steps = _steps(files)
    assert len(steps) <= most and steps[-1] == moments - 1 and steps[0] == 0
    assert len(_names(files.folder)) == len(steps)


def test_a_moment_that_is_added_again_replaces_the_former(files, picture):
    files.add_preview(10, 1, {"0_fake_B": picture()})
    files.add_preview(10, 1, {"0_fake_B": picture(colour=(0, 0, 200))})
    assert _steps(files) == [10]
    assert Image.open(files.folder / "preview_step0000010_0_fake_B.png").getpixel((31, 0)) == (0, 0, 200)


def test_an_existing_folder_is_picked_up(files, picture):
    files.add_preview(20, 2, {"0_real_A": picture(), "1_real_A": picture()})
    files.add_preview(12_345_678, 9, {"0_real_A": picture()})
    files.add_current(7, {"real_A": picture(), "idt_B": picture()})
    (files.folder / "holiday.png").write_bytes(b"")
    (files.folder / ".preview.png.x.tmp").write_bytes(b"half")
    again = PictureFiles(files.folder, 4)
    assert again.moments == files.moments
    assert again.epochs == files.epochs
    assert not (files.folder / ".preview.png.x.tmp").exists()


def test_a_preview_of_unknown_epoch_is_picked_up_too(files, picture):
    files.folder.mkdir()
    picture().save(files.folder / "preview_step0000010_0_fake_B.png")
    (files.folder / "preview_step0000020_0_fake_B.png").write_bytes(b"broken")
    assert [moment.epoch for moment in PictureFiles(files.folder, 4).moments] == [None, None]


def test_cutting_back_removes_what_is_later(files, picture):
    for step, epoch in ((10, 1), (20, 2), (30, 3)):
        files.add_preview(step, epoch, {"0_fake_B": picture()})
        files.add_current(epoch, {"real_A": picture()})
    files.cut_back(20, 2)
    assert _steps(files) == [10, 20] and list(files.epochs) == [1, 2]
    assert _names(files.folder) == [
        "epoch001_real_A.png",
        "epoch002_real_A.png",
        "preview_step0000010_0_fake_B.png",
        "preview_step0000020_0_fake_B.png",
    ]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "F", "I;16", "HSV"])
def test_every_kind_of_picture_is_written(files, mode):
    files.add_current(1, {"real_A": Image.new(mode, (4, 4))})
    assert Image.open(files.folder / "epoch001_real_A.png").size == (4, 4)


@pytest.mark.parametrize("label", ["../real_A", "real A", "", "réal_A"])
def test_a_label_must_do_as_a_file_name(files, picture, label):
    with pytest.raises(ValueError, match="picture label"):
        files.add_current(1, {label: picture()})
    with pytest.raises(ValueError, match="picture label"):
        files.add_preview(1, 1, {label: picture()})


def test_fewer_than_two_moments_cannot_be_kept(tmp_path):
    with pytest.raises(ValueError, match="max_previews is 1"):
        PictureFiles(tmp_path, 1)
