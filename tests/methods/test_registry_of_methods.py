"""Methods by name, and what a method need not say."""

import numpy as np
import pytest
import torch

import translate
from translate.errors import InputError
from translate.methods import CUT, METHODS, Method


def test_methods_are_found_by_name():
    assert METHODS["cut"] is CUT
    assert translate.list_methods() == METHODS.names()
    with pytest.raises(InputError, match=r"--model.*'cutt': did you mean cut\?"):
        METHODS["cutt"]


def test_a_method_says_only_what_is_its_own():
    method = Method()
    assert method.defaults({"lr": 1}) == {}
    assert method.draw(np.random.default_rng(0), {"A": (8, 8)}) == {}
    assert method.pictures(None) == {}
    assert method.after_step() is None
    assert method.title == "Method"
    for call in (
        lambda: method({}),
        lambda: method.losses("G", None),
        lambda: method.measure([]),
        lambda: method.use_measured(torch.zeros(1)),
    ):
        with pytest.raises(NotImplementedError):
            call()
