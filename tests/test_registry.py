"""Names, and the nearest one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.errors import InputError
from translate.registry import Registry, did_you_mean

FLAGS = ["batch_size", "crop_size", "lr", "name", "CUT_mode"]


@pytest.fixture
def fruits():
    registry = Registry("fruit")

    @registry.register("pear")
    class Pear:
        pass

    registry.register("apple")("an apple")
    return registry, Pear


@pytest.mark.parametrize(("typed", "meant"), [
    ("batchsize", "batch_size"), ("BATCH_SIZE", "batch_size"), ("crop-size", "crop_size"), ("cut_mode", "CUT_mode"),
    ("nmae", "name"), ("lr", "lr"),
])  # fmt: skip
def test_the_nearest_name_is_offered(typed, meant):
    assert did_you_mean(typed, FLAGS) == f"did you mean {meant}?"


@pytest.mark.parametrize("typed", ["", "?", "zzzzzz"])
def test_where_none_is_near_all_are_offered(typed):
    assert did_you_mean(typed, iter(FLAGS)) == "choose from CUT_mode, batch_size, crop_size, lr, name"


@given(st.text(), st.lists(st.text(min_size=1), min_size=1))
def test_there_is_always_a_hint_and_it_holds_known_names(typed, known):
    hint = did_you_mean(typed, known)
    assert any(name in hint for name in known)


def test_where_nothing_is_known_that_is_said():
    assert did_you_mean("x", []) == "there are none to choose from"


def test_a_registered_thing_is_itself_and_found(fruits):
    registry, pear = fruits
    assert registry["pear"] is pear
    assert registry["apple"] == "an apple"
    assert registry.names() == ["apple", "pear"]


def test_an_unknown_name_is_refused_with_the_kind_and_the_nearest(fruits):
    with pytest.raises(InputError, match=r"unknown fruit 'paer': did you mean pear\?"):
        fruits[0]["paer"]


def test_a_part_of_a_name_is_no_name(fruits):
    for part in ("app", "apple2", "APPLE", ""):
        with pytest.raises(InputError, match="unknown fruit"):
            fruits[0][part]


def test_a_name_is_taken_once(fruits):
    with pytest.raises(ValueError, match="'apple' is registered"):
        fruits[0].register("apple")("another apple")
