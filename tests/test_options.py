"""Single flags: their types, bounds, words, and what a wrong one is told."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.errors import InputError
from translate.flags import annotated_type, build, convert
from translate.methods import METHODS
from translate.options import (
    LEGACY,
    DataOptions,
    NetworkOptions,
    OptimizerOptions,
    ReportOptions,
    RunOptions,
    TestOptions,
)
from translate.settings import train_flags

GROUPS = (RunOptions, DataOptions, NetworkOptions, OptimizerOptions, ReportOptions, TestOptions)
GROUPS += tuple(METHODS[name].Options for name in METHODS.names())
FIELDS = [pytest.param(group, field, id=f"{group.__name__}.{field.name}") for group in GROUPS
          for field in dataclasses.fields(group)]  # fmt: skip
NUMBERS = [pytest.param(*field.values, id=field.id) for field in FIELDS
           if annotated_type(field.values[0], field.values[1].name)[0] in (int, float)]  # fmt: skip


@pytest.mark.parametrize(("group", "field"), FIELDS)
def test_a_default_is_a_value_that_the_flag_accepts(group, field):
    assert convert(group, field.name, field.default) == field.default


@pytest.mark.parametrize(("group", "field"), FIELDS)
def test_a_flag_has_a_sentence_of_help_and_a_plain_type(group, field):
    assert len(field.metadata["help"]) > 8
    assert not field.metadata["help"].endswith(".")
    assert annotated_type(group, field.name)[0] in (bool, int, float, str)


@pytest.mark.parametrize(("group", "field"), NUMBERS)
@pytest.mark.parametrize("value", ["nan", "-inf", "many", "", "1,5", True, [1], {"a": 1}, math.nan, -math.inf, 1 + 2j])
def test_a_number_that_is_none_is_refused_by_name(group, field, value):
    with pytest.raises(InputError, match=f"^--{field.name} "):
        convert(group, field.name, value)


@pytest.mark.parametrize(("group", "field"), NUMBERS)
def test_infinity_is_no_number_but_stands_for_no_limit(group, field):
    for value in ("inf", "INF", math.inf):
        if field.default is None:
            assert convert(group, field.name, value) is None
        else:
            with pytest.raises(InputError, match=f"^--{field.name} "):
                convert(group, field.name, value)


@pytest.mark.parametrize(("group", "field"), NUMBERS)
def test_the_bounds_of_a_number_hold_and_are_said(group, field):
    low, high, above = (field.metadata[bound] for bound in ("low", "high", "above"))
    assert low is not None or above is not None, "every number has a lower bound"
    if low is not None:
        assert convert(group, field.name, str(low)) == low
        with pytest.raises(InputError, match=f"--{field.name} .* too small: it must be at least {low}"):
            convert(group, field.name, low - 1)
    if above is not None:
        with pytest.raises(InputError, match=f"--{field.name} .* too small: it must be above {above}"):
            convert(group, field.name, above)
    if high is not None:
        assert convert(group, field.name, high) == high
        with pytest.raises(InputError, match=f"--{field.name} .* too large: it must be at most {high}"):
            convert(group, field.name, high + 1)


@pytest.mark.parametrize("value", ["-0.0002", -0.0002, "0", 0])
def test_a_learning_rate_must_be_positive(value):
    with pytest.raises(InputError, match=r"--lr .* must be above 0"):
        convert(OptimizerOptions, "lr", value)


@given(st.integers(1, 10**9))
def test_a_whole_number_comes_from_text_yaml_and_numpy(number):
    for value in (str(number), number, float(number), np.int64(number)):
        converted = convert(DataOptions, "batch_size", value)
        assert converted == number
        assert type(converted) is int


@pytest.mark.parametrize("value", ["2.5", 2.5, np.float32(2.5), "2.0"])
def test_a_fraction_is_no_whole_number(value):
    with pytest.raises(InputError, match=r"--batch_size .* is not a whole number"):
        convert(DataOptions, "batch_size", value)


@given(st.floats(1e-12, 10))
def test_a_fraction_survives_its_text(number):
    assert convert(OptimizerOptions, "lr", repr(number)) == number


@pytest.mark.parametrize("word", ["true", "True", "YES", "y", "t", "1", 1, True])
def test_words_for_true(word):
    assert convert(DataOptions, "no_flip", word) is True


@pytest.mark.parametrize("word", ["false", "False", "NO", "n", "f", "0", 0, False])
def test_words_for_false(word):
    assert convert(NetworkOptions, "no_dropout", word) is False


@pytest.mark.parametrize("word", ["maybe", "2", 2, "", None, [True]])
def test_other_words_are_neither(word):
    with pytest.raises(InputError, match="--no_flip"):
        convert(DataOptions, "no_flip", word)


@pytest.mark.parametrize(("group", "field"), [field for field in FIELDS if field.values[1].metadata["choices"]])
def test_a_choice_is_known_in_any_letter_case_and_misspelt_is_named(group, field):
    for choice in field.metadata["choices"]:
        assert convert(group, field.name, choice.swapcase()) == choice
        with pytest.raises(InputError, match=f"--{field.name} {choice}x is not known: did you mean {choice}"):
            convert(group, field.name, choice + "x")
    with pytest.raises(InputError, match=f"choose from .*{field.metadata['choices'][0]}"):
        convert(group, field.name, "?")


@pytest.mark.parametrize("name", ["max_dataset_size", "num_threads", "input_nc"])
def test_none_clears_a_number_that_may_be_absent(name):
    assert convert(DataOptions, name, "none") is None
    assert convert(DataOptions, name, None) is None


def test_none_is_a_word_like_others_for_texts():
    assert convert(TestOptions, "preprocess", "none") == "none"
    assert convert(TestOptions, "name", "None") == "None"
    assert convert(RunOptions, "dataroot", "inf") == "inf"


def test_a_flag_that_cannot_be_absent_needs_a_value():
    with pytest.raises(InputError, match="--lr needs a value"):
        convert(OptimizerOptions, "lr", None)


@pytest.mark.parametrize("value", ["0,4,8", [0, 4, 8], (0, 4, 8)])
def test_a_list_is_a_text_with_commas(value):
    assert convert(RunOptions, "gpu_ids", value) == "0,4,8"


def test_a_number_will_do_for_a_text():
    assert build(RunOptions, {"gpu_ids": -1, "epoch": 40}).gpu_ids == "-1"


def test_build_takes_what_concerns_it_and_keeps_the_other_defaults():
    built = build(OptimizerOptions, {"lr": "1e-3", "batch_size": 7})
    assert built == dataclasses.replace(OptimizerOptions(), lr=0.001)


def test_build_refuses_a_wrong_value():
    with pytest.raises(InputError, match="--n_epochs -1 is too small: it must be at least 0"):
        build(OptimizerOptions, {"n_epochs": "-1"})


def test_options_cannot_be_changed_afterwards():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunOptions().seed = 1


def test_no_legacy_flag_is_a_flag_of_cut_too():
    assert not set(train_flags("cut")) & set(LEGACY)
