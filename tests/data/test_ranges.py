"""A domain of deep pictures needs a range, and nothing is cut without a word."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from translate.data.checking import check_pictures
from translate.data.ranges import MOST_COUNTED, domain_range, note_outside, without_deep
from translate.data.reading import Depth, Header
from translate.data.value_range import ValueRange
from translate.errors import InputError


@pytest.fixture
def mixed(tmp_path) -> dict[Path, Header]:
    """A picture of 8 bits, one of 16 (0 to 4000) and one of floats (-2.5 to 7)."""
    Image.fromarray(np.array([[0, 255]], np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.array([[0, 1000, 2000, 4000]], np.uint16)).save(tmp_path / "b.png")
    np.save(tmp_path / "c.npy", np.array([[-2.5, 7]], np.float32))
    report = check_pictures(sorted(tmp_path.iterdir()), cache_folder=tmp_path / "cache", progress=False)
    assert not report.bad
    return report.headers


def some(headers, *names):
    return {path: header for path, header in headers.items() if path.name in names}


def test_a_check_finds_what_deep_pictures_hold_and_remembers_it(mixed, tmp_path):
    found = {path.name: header for path, header in mixed.items()}
    assert found == {
        "a.png": Header(2, 1, 1),
        "b.png": Header(4, 1, 1, Depth("uint16", 0, 4000)),
        "c.npy": Header(2, 1, 1, Depth("float32", -2.5, 7)),
    }
    again = check_pictures(list(mixed), cache_folder=tmp_path / "cache", progress=False, workers=1)
    assert again.headers == mixed


def test_what_was_remembered_is_not_decoded_again(mixed, tmp_path, monkeypatch):
    monkeypatch.setattr("translate.data.checking.examine_deep", pytest.fail)
    assert check_pictures(list(mixed), cache_folder=tmp_path / "cache", progress=False).headers == mixed


def test_deep_pictures_without_a_range_are_refused_with_the_one_that_is_found(mixed):
    with pytest.raises(InputError) as caught:
        domain_range(None, "range_A", "trainA", some(mixed, "b.png"))
    assert str(caught.value) == (
        "trainA holds values deeper than 8 bits, from 0 to 4000; say which become black and white with --range_A 0,4000"
    )
    with pytest.raises(InputError, match=r"in 2 of 3 pictures, from -2.5 to 4000; .* --range_B -2.5,4000"):
        domain_range(None, "range_B", "trainB", mixed)


def test_pictures_of_8_bits_need_none(mixed):
    assert domain_range(None, "range_A", "trainA", some(mixed, "a.png")) is None


def test_a_range_gets_the_type_of_the_files(mixed):
    assert domain_range("0,4000", "range_A", "trainA", some(mixed, "b.png")) == ValueRange(0, 4000, "uint16")
    assert domain_range("0,255", "range_A", "trainA", some(mixed, "a.png")) == ValueRange(0, 255, "uint8")
    assert domain_range("-5,4000", "range_A", "trainA", mixed).dtype == "float32"


@pytest.mark.parametrize(
    ("names", "given_range", "share"),
    [
        (["b.png"], "0,4000", None),
        (["b.png"], "0,2000", "25.0 %"),
        (["b.png"], "500,2000", "50.0 %"),
        (["a.png"], "0,200", "50.0 %"),
        (["a.png", "b.png"], "0,3000", "12.5 %"),
    ],
)
def test_a_note_says_which_share_is_cut(mixed, capsys, names, given_range, share):
    domain_range(given_range, "range_A", "trainA", some(mixed, *names))
    said = f"note: {share} of the values in trainA lie outside --range_A {given_range} and are cut to it\n"
    assert capsys.readouterr().out == (said if share else "")


def test_of_many_pictures_some_are_looked_at(tmp_path, monkeypatch, capsys):
    headers = {tmp_path / f"{i}.npy": Header(2, 1, 1, Depth("float32", 0, 2)) for i in range(5 * MOST_COUNTED)}
    looked_at = []
    monkeypatch.setattr(
        "translate.data.ranges.read_values", lambda path: (looked_at.append(path), np.array([0, 0, 0, 2.0]))[1]
    )
    note_outside(ValueRange(0, 1), "the range", "testA", headers)
    assert len(looked_at) == MOST_COUNTED
    assert "25.0 % of the values in testA" in capsys.readouterr().out


def test_a_rare_value_is_not_called_none(mixed, monkeypatch, capsys):
    monkeypatch.setattr("translate.data.ranges.read_values", lambda path: np.append(np.zeros(9999), 9.0))
    note_outside(ValueRange(0, 5), "the range", "testA", some(mixed, "b.png"))
    assert "less than 0.1 %" in capsys.readouterr().out


def test_without_a_range_deep_pictures_count_as_bad(mixed):
    report = without_deep(check_pictures(list(mixed), progress=False))
    assert [path.name for path in report.headers] == ["a.png"]
    assert sorted(path.name for path in report.bad) == ["b.png", "c.npy"]
    assert all("more than 8 bits" in reason for reason in report.bad.values())
