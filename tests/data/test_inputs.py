"""The pictures of a test: found in each layout, named without clashes, beside their truth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from translate.data.inputs import find_inputs, name_results
from translate.data.part import Part
from translate.errors import InputError


def test_folders_of_two_domains_are_read_by_their_letter(make_picture, tmp_path):
    paths = {name: make_picture(name) for name in ("testA/a.png", "testA/sub/b.jpg", "testB/c.png")}
    folder, inputs = find_inputs(tmp_path, "test", "AB", "unaligned")
    assert folder == tmp_path / "testA"
    assert [(each.name, each.part.path) for each in inputs] == [
        ("a", paths["testA/a.png"]), ("sub/b", paths["testA/sub/b.jpg"])
    ]  # fmt: skip
    folder, inputs = find_inputs(tmp_path, "test", "BA", "unaligned")
    assert (folder, [each.name for each in inputs]) == (tmp_path / "testB", ["c"])


def test_a_limit_takes_the_first(make_picture, tmp_path):
    for name in "abc":
        make_picture(f"testA/{name}.png")
    assert [each.name for each in find_inputs(tmp_path, "test", "AB", "unaligned", 2)[1]] == ["a", "b"]


def test_a_known_truth_lies_beside_the_folder_under_the_result_s_name(make_picture, tmp_path):
    for name in ("testA/sub/a.jpg", "testA/b.png", "testA_truth/sub/a.png"):
        make_picture(name)
    truths = {each.name: each.truth for each in find_inputs(tmp_path, "test", "AB", "unaligned")[1]}
    assert truths == {"b": None, "sub/a": Part(tmp_path / "testA_truth/sub/a.png")}


def test_pairs_bring_their_truth(make_picture, tmp_path):
    make_picture("test/a.png", width=40)
    _, (one,) = find_inputs(tmp_path, "test", "AB", "aligned")
    _, (turned,) = find_inputs(tmp_path, "test", "BA", "aligned")
    assert one.name == turned.name == "a"
    assert (one.part, one.truth) == (turned.truth, turned.part)
    assert one.part.read().size == one.truth.read().size == (20, 12)


def test_without_partners_the_pictures_alone_will_do(make_picture, tmp_path):
    path = make_picture("testA/a.png")
    folder, inputs = find_inputs(tmp_path, "test", "AB", "aligned")
    assert (folder, [(each.part.path, each.truth) for each in inputs]) == (tmp_path / "testA", [(path, None)])


@pytest.mark.parametrize("mode", ["unaligned", "aligned", "single"])
def test_where_there_is_nothing_that_is_said(tmp_path, mode):
    with pytest.raises(InputError, match="test"):
        find_inputs(tmp_path, "test", "AB", mode)


@given(st.sets(st.sampled_from([f"{folder}{name}{ending}" for folder in ("", "d/") for name in ("a", "a.png", "B", "b")
                                for ending in (".png", ".jpg", ".PNG")]), min_size=1))  # fmt: skip
def test_no_two_results_bear_one_name(tmp_path_factory, names):
    root = tmp_path_factory.getbasetemp()
    paths = [root / name for name in sorted(names)]
    results = name_results(paths, root)
    assert list(results) == paths
    assert len(set(results.values())) == len(paths)
    for path, result in results.items():
        assert path.relative_to(root).as_posix().startswith(result)


def test_inputs_are_read_whole(make_picture, tmp_path):
    path = make_picture("testA/a.png", width=31, height=17)
    (one,) = find_inputs(tmp_path, "test", "AB", "single")[1]
    with Image.open(path) as image:
        assert one.part.read().tobytes() == image.convert("RGB").tobytes()


def test_a_single_picture_is_that_of_the_training_where_there_is_no_other(make_picture, tmp_path):
    make_picture("trainA/any.png")
    folder, (one,) = find_inputs(tmp_path, "test", "AB", "singleimage")
    assert (folder, one.name) == (tmp_path / "trainA", "any")
    make_picture("testA/other.png")
    assert [each.name for each in find_inputs(tmp_path, "test", "AB", "singleimage")[1]] == ["other"]
