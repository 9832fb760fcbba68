"""Captions from names and from tables, and every way in which a table can be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.data.captions import caption_of, captions_of_names, find_table, read_captions
from translate.errors import InputError


@pytest.mark.parametrize(("name", "caption"), [
    ("n01440764_tench", "tench"),
    ("n01484850_great_white_shark", "great white shark"),
    ("n02095314_wire-haired_fox_terrier", "wire haired fox terrier"),
    ("n03590841_jack-o'-lantern", "jack o' lantern"),
    ("n01440764_10026", ""),
    ("cat_0012", "cat"),
    ("cat12", "cat"),
    ("my cat (2)", "my cat"),
    ("red-shoes-3-4", "red shoes"),
    ("00042_blue_hat", "blue hat"),
    ("4x4_car", "4x4 car"),
    ("T-shirt", "T shirt"),
    ("long_sleeve", "long sleeve"),
    ("Köln_2019", "Köln"),
    ("0012", ""),
    ("cat 12 34(5)", "cat"),
    (f"cat_{'1' * 40}", "cat"),
    (f"cat_{'1' * 40}x", f"cat {'1' * 40}x"),
])  # fmt: skip
def test_a_name_without_ids_numbers_and_dashes(name, caption):
    assert caption_of(name) == caption


@given(st.lists(st.text("abcxyzäé'", min_size=1, max_size=6), min_size=1, max_size=4), st.sampled_from("_- "))
def test_words_of_a_name_are_kept(words, between):
    assert caption_of(f"n01440764_{between.join(words)}_17") == " ".join(words)


def test_where_a_name_says_nothing_that_of_its_folder_does(tmp_path):
    paths = [tmp_path / "red-shoes" / "0001.jpg", tmp_path / "red-shoes" / "old_boot.jpg"]
    assert captions_of_names(paths) == {paths[0]: ["red shoes"], paths[1]: ["old boot"]}
    with pytest.raises(InputError, match=r"the name of .*12/0001\.jpg says nothing .* give --captions"):
        captions_of_names([tmp_path / "12" / "0001.jpg"])


@pytest.fixture
def table(tmp_path):
    """table(text): a CSV file in a folder of its own, beside which and in whose data set lie pictures."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "data/deep").mkdir(parents=True)
    for name in ("tables/beside.png", "data/one.png", "data/deep/two.png"):
        (tmp_path / name).touch()

    def write(content):
        file = tmp_path / "tables" / "captions.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file, tmp_path / "data"

    return write


def test_rows_belong_to_pictures(table):
    file, root = table(
        'path,caption\none.png,"a cat, asleep"\ndeep/two.png,a dog\r\nbeside.png,  a hat \none.png,a pet\n'
    )
    assert read_captions(file, root) == {
        root / "one.png": ["a cat, asleep", "a pet"],
        root / "deep/two.png": ["a dog"],
        file.parent / "beside.png": ["a hat"],
    }


@pytest.mark.parametrize("head", ["\ufeffid,caption,path", "id, Caption, Path", "ID ,CAPTION,PATH "])
def test_other_columns_their_order_and_capitals_do_not_matter(head, table):
    file, root = table(f"{head}\n7,a cat,one.png\n")
    assert read_captions(file, root) == {root / "one.png": ["a cat"]}


def test_a_line_break_in_quotes_belongs_to_the_caption(table):
    file, root = table('path,caption\none.png,"a\ncat"\nnone.png,x\n')
    with pytest.raises(InputError, match=r"line 4: there is no none\.png"):
        read_captions(file, root)


@pytest.mark.parametrize(("content", "said"), [
    ("", r"captions\.csv, line 1: there is no column path; name the columns path,caption there"),
    ("path,text\none.png,x\n", "line 1: there is no column caption"),
    ("path,caption\n", r"captions\.csv holds no captions"),
    ("path,caption\none.png,a\nthree.png,b\n", r"line 3: there is no three\.png in .*tables or .*data"),
    ("path,caption\none.png,\n", "line 2: the caption is empty"),
    ("path,caption\none.png\n", "line 2: the caption is empty"),
    ("path,caption\n,a cat\n", "line 2: the path is empty"),
    ("path,caption\none.png,a cat, asleep\n", "line 2: more cells than columns; put a caption with commas in double"),
    (f"path,caption\n{'a long story ' * 40},one.png\n", "line 2: there is no a long story a long"),
    ('path,caption\none.png,"a" cat\n', "line 2: .* put captions with commas or quotes in double quotes"),
    (b"path,caption\none.png,caf\xe9\n", r"captions\.csv is not text in UTF-8"),
])  # fmt: skip
def test_what_is_wrong_with_a_table_is_said_with_its_line(content, said, table):
    with pytest.raises(InputError, match=said) as raised:
        read_captions(*table(content))
    assert "\n" not in str(raised.value)


def test_a_table_is_found_from_here_and_in_the_data_set(table, tmp_path, monkeypatch):
    file, root = table("path,caption\none.png,a cat\n")
    monkeypatch.chdir(file.parent)
    assert find_table("captions.csv", root).samefile(file)
    monkeypatch.chdir(tmp_path)
    assert find_table("captions.csv", file.parent) == file
    with pytest.raises(InputError, match=r"--captions captions\.csv does not exist; give a CSV file"):
        find_table("captions.csv", root)
