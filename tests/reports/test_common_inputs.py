import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from translate.reports.common_inputs import common_inputs, same_picture


def _waves(seed, size=(64, 64)):
    y, x, c = np.mgrid[:256, :256, :3]
    waves = np.sin(x / (20 + 4 * seed) + c) * np.cos(y / (28 + 8 * seed) + seed)
    return Image.fromarray((127.5 + 127 * waves).round().astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


def test_inputs_that_all_have_are_in_the_order_of_the_first(make_tested, read):
    for name, inputs in {"one": "dabc", "two": "cbae", "three": "abc"}.items():
        make_tested(name, inputs)
    common, said = common_inputs([read(name) for name in ("one", "two", "three")])
    assert common == ["a", "b", "c"]
    (sentence,) = said
    assert sentence.startswith("Only the 3 inputs that all runs were tested on are shown, without 1 of one, 1 of two;")


def test_the_same_inputs_need_no_words(make_tested, read):
    make_tested("one"), make_tested("two", side=64)
    assert common_inputs([read("one"), read("two")]) == (["a", "b", "c"], [])


def test_inputs_of_one_name_that_show_something_else_are_left_out(make_tested, read):
    make_tested("one"), make_tested("two")
    _waves(0).save(read("two").folder / "images/real_A/b.png")
    common, said = common_inputs([read("one"), read("two")])
    assert common == ["a", "c"]
    assert said == [
        "1 inputs of two show something else than those of one of the same name, such as b, and are left out."
    ]


def test_runs_without_a_common_input_are_said(make_tested, read):
    make_tested("one", "ab"), make_tested("two", "cd")
    assert common_inputs([read("one"), read("two")]) == (
        [],
        ["The runs have no input in common, so no pictures are shown."],
    )


def test_what_was_not_translated_is_not_common(make_tested, read):
    make_tested("one"), make_tested("two")
    (read("two").folder / "images/fake_B/a.png").unlink()
    assert common_inputs([read("one"), read("two")])[0] == ["b", "c"]


@pytest.mark.parametrize(
    ("size", "format"), [((64, 64), "PNG"), ((32, 32), "PNG"), ((200, 120), "JPEG"), ((50, 50), "JPEG")]
)
def test_size_and_format_do_not_matter(tmp_path, size, format):
    _waves(0).save(tmp_path / "a.png")
    _waves(0, size).save(tmp_path / "b", format)
    assert same_picture(tmp_path / "a.png", tmp_path / "b")


@given(st.integers(1, 40))
def test_other_pictures_are_told_apart(tmp_path_factory, seed):
    home = tmp_path_factory.getbasetemp()
    for at in (0, seed):
        file = io.BytesIO()
        _waves(at).save(file, "PNG")
        (home / f"{at}.png").write_bytes(file.getvalue())
    assert not same_picture(home / "0.png", home / f"{seed}.png")


def test_what_cannot_be_read_is_not_the_same_unless_it_is_byte_by_byte(tmp_path):
    for name, content in {"a.png": b"abc", "b.png": b"abd", "c.png": b"abc"}.items():
        (tmp_path / name).write_bytes(content)
    assert not same_picture(tmp_path / "a.png", tmp_path / "b.png")
    assert same_picture(tmp_path / "a.png", tmp_path / "c.png")
    assert not same_picture(tmp_path / "a.png", tmp_path / "gone.png")
