"""--name_template: what it may hold, and that no result leaves its folder or takes the place of another."""

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from translate.data.inputs import Input
from translate.data.part import Part
from translate.errors import InputError
from translate.naming import FIELDS, NameTemplate, ResultNames, numbered, renaming

VALUES = {"name": "x", "folder": "a/b", "label": "fake_B", "run": "horses", "epoch": "latest", "index": "07"}
words = st.text(st.sampled_from("ab./{}\\!:[]0"), max_size=12) | st.sampled_from([f"{{{name}}}" for name in FIELDS])


@pytest.mark.parametrize(("text", "path"), [
    ("{name}", "x"), ("{name}_{label}", "x_fake_B"), ("{folder}/{name}", "a/b/x"),
    ("{run}-{epoch}/{index}", "horses-latest/07"),
    ("{{{name}}}", "{x}"), ("v1.2 {name}", "v1.2 x"), ("{name}//{label}", "x/fake_B"),
])  # fmt: skip
def test_fields_become_their_values(text, path):
    assert NameTemplate(text).fill(VALUES) == path


@pytest.mark.parametrize(("windows", "path"), [(False, "a\\b_fake_B"), (True, "a/b_fake_B")])
def test_a_backslash_parts_folders_on_windows_alone(monkeypatch, windows, path):
    monkeypatch.setattr("translate.naming.ON_WINDOWS", windows)
    assert NameTemplate("{name}_{label}").fill({**VALUES, "name": "a\\b"}) == path


def test_an_empty_folder_leaves_no_slash():
    assert NameTemplate("{folder}/{name}").fill({**VALUES, "folder": ""}) == "x"


@pytest.mark.parametrize(("text", "said"), [
    ("{nam}", r"has an unknown field {nam}: did you mean name\?"),
    ("{}", "has an unknown field {}"), ("{0}", "unknown field {0}"),
    ("{name.__class__}", "unknown field {name.__class__}"),
    ("{name[0]}", r"unknown field {name\[0\]}"), ("{name!r}", "write {name}, with nothing else in its braces"),
    ("{name:>9}", "write {name}, with nothing else"), ("{name:{label}}", "write {name}, with nothing else"),
    ("{name", "cannot be read"), ("name}", "cannot be read"),
    ("/tmp/{name}", "leads out of the folder"), ("{name}.jpg", r"ends in \.jpg, and every result gets the ending"),
])  # fmt: skip
def test_what_is_no_template_is_told_in_one_sentence(text, said):
    with pytest.raises(InputError, match=said) as refused:
        NameTemplate(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("text", "changed", "said"), [
    ("../{name}", {}, r"makes \.\./x, which leads out"), ("{name}/{label}", {"name": ".."}, "leads out"),
    ("{folder}/{name}", {"folder": "../.."}, "leads out"), ("{folder}", {"folder": ""}, "leaves no name for x"),
    ("", {}, "leaves no name"), ("a\0{name}", {}, "cannot be the name of a file"),
])  # fmt: skip
def test_a_name_that_leaves_the_folder_or_is_none_is_refused(text, changed, said):
    with pytest.raises(InputError, match=said):
        NameTemplate(text).fill({**VALUES, **changed})


@given(st.lists(words, max_size=5).map("".join), st.sampled_from(["x", "..", ".", "a\\b"]))
def test_whatever_it_holds_the_result_stays_below_the_folder(text, name):
    try:
        filled = NameTemplate(text).fill({**VALUES, "name": name})
    except InputError:
        return
    path = PurePosixPath(filled)
    assert filled
    assert not path.is_absolute()
    assert not {"..", "."} & set(filled.split("/"))


def test_numbers_sort_as_names_do():
    assert [numbered(at, 10) for at in (0, 8, 9)] == ["01", "09", "10"]
    assert numbered(0, 9) == "1"


def test_a_path_is_taken_apart():
    rename = renaming("{index}_{run}_{folder}_{name}_{epoch}_{label}", "horses", "5", "fake_A", 12)
    assert rename(Path("day/one.two.png"), 1) == "02_horses_day_one.two_5_fake_A"
    assert rename(Path("a.png"), 11) == "12_horses__a_5_fake_A"


def names_of(inputs, template, format="png"):
    parts = [Input(name, Part(Path(path))) for name, path in inputs.items()]
    names = ResultNames(format, NameTemplate(template), "horses", "latest", parts)
    return [names.path("fake_B", each, at) for at, each in enumerate(parts)]


def test_a_test_s_names_need_the_label_and_tell_inputs_apart():
    inputs = {"day/a": "day/a.bmp", "night/a": "night/a.JPG"}
    assert names_of(inputs, "{folder}_{name}_{label}") == [
        ("images/day_a_fake_B.png", "png"), ("images/night_a_fake_B.png", "png"),
    ]  # fmt: skip
    assert names_of(inputs, "{label}{index}", "same") == [
        ("images/fake_B1.bmp", "bmp"), ("images/fake_B2.JPG", "jpg"),
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"gives an input and its translation one name; put {label} into it"):
        names_of(inputs, "{folder}_{name}")
    with pytest.raises(InputError, match=r"gives day/a and night/a one name, images/a_\w+\.png; put {folder}"):
        names_of(inputs, "{name}_{label}")


class TestOfATest:
    def test_files_get_the_format_and_names_that_are_asked_for_and_the_page_links_them(self, tested):
        usual, results = tested(), tested(format="tiff", name_template="{run}/{name}_{label}", epoch="latest")
        assert usual == results
        names = sorted(path.relative_to(results / "images").as_posix() for path in (results / "images").rglob("*.*"))
        expected = [
            f"tiny/{name}_{label}.tiff" for name in ("square", "tall", "wide") for label in ("fake_B", "real_A")
        ]
        assert names == sorted(expected)
        page = (results / "index.html").read_text(encoding="utf-8")
        for name in expected:
            assert f'href="images/{name}"' in page
            with Image.open(results / "images" / name) as picture:
                assert picture.format == "TIFF"
        # No browser shows TIFF, so the page has a small copy of each.
        for label in ("fake_B", "real_A"):
            small = f"thumbnails/{label}/square.jpg"
            assert f'data-shown="{small}"' in page
            with Image.open(results / small) as picture:
                assert picture.size == (32, 32)

    @pytest.mark.parametrize(("format", "kinds"), [
        ("jpg", {"JPEG"}), ("webp", {"WEBP"}), ("bmp", {"BMP"}), ("ppm", {"PPM"}), ("same", {"PNG", "BMP"}),
    ])  # fmt: skip
    def test_every_format_is_written(self, tested, format, kinds):
        results = tested(format=format)
        pictures = [Image.open(path) for path in (results / "images").rglob("*.*")]
        assert {picture.format for picture in pictures} == kinds
        assert {picture.size for picture in pictures} == {(32, 32), (32, 66), (58, 32)}
        assert (results / "thumbnails").is_dir() == (format == "ppm")

    @pytest.mark.parametrize(("flags", "said"), [
        ({"name_template": "{label}"}, "one name"), ({"name_template": "{name}"}, "put {label}"),
        ({"name_template": "../{label}{name}"}, "leads out"), ({"name_template": "{label.x}"}, "unknown field"),
        ({"format": "gif"}, "--format gif is not known"),
    ])  # fmt: skip
    def test_what_cannot_be_is_told_before_anything_is_written(self, tested, tmp_path, flags, said):
        with pytest.raises(InputError, match=said):
            tested(**flags)
        assert not (tmp_path / "out").exists()
