"""Which numbers are a sign of which trouble, and what is said of them."""

from dataclasses import replace

import pytest

from translate.methods.health import BLIND, COLLAPSE, DIVERGENCE, INVERSION, UNCHANGED, WON
from translate.training.health import signs as limits
from translate.training.health.losses import Standing
from translate.training.health.pictures import Look
from translate.training.health.signs import LIMITS, signs_of_losses, signs_of_pictures

GOOD = Look(contrast_in=0.3, contrast_out=0.2, change=0.5, explained=0.4, order=0.9, hues=0.5)
BOTH = ("D_fake", "D_real")


def found(signs):
    return {kind for kind, sign in signs.items() if sign}


def test_good_numbers_are_no_sign_of_anything():
    signs = signs_of_pictures(GOOD, told=0.8)
    assert signs == dict.fromkeys((INVERSION, COLLAPSE, UNCHANGED))
    assert signs_of_losses([Standing(BOTH, 0.8, 0.2)], {"NCE": 0.4}) == dict.fromkeys((DIVERGENCE, WON, BLIND))


def test_what_its_own_input_does_not_explain_is_a_collapse():
    signs = signs_of_pictures(replace(GOOD, explained=0.03), told=0.8)
    assert found(signs) == {COLLAPSE}
    assert signs[COLLAPSE].numbers == {"explained": 0.03}
    assert "its own input explains 3% that the other inputs do not" in signs[COLLAPSE].text
    assert "explains 0% that" in signs_of_pictures(replace(GOOD, explained=-0.02), told=0.8)[COLLAPSE].text


def test_plain_translations_are_a_collapse_unless_their_inputs_are_plain():
    plain = replace(GOOD, contrast_out=0.01, explained=0.0, order=None, hues=None)
    signs = signs_of_pictures(plain, told=0.8)
    assert found(signs) == {COLLAPSE}
    assert "their contrast is 1.0% of the range, that of the inputs 30%" in signs[COLLAPSE].text
    assert signs_of_pictures(replace(plain, contrast_in=0.01), told=0.8) == {INVERSION: None}


def test_a_single_input_or_inputs_that_are_alike_tell_of_no_collapse():
    assert found(signs_of_pictures(replace(GOOD, explained=None), told=0.8)) == set()


def test_a_copy_is_a_sign_where_it_does_not_pass_for_domain_b():
    copy = replace(GOOD, change=0.1)
    signs = signs_of_pictures(copy, told=0.1)
    assert found(signs) == {UNCHANGED}
    assert "by 10% of an input's contrast" in signs[UNCHANGED].text
    assert found(signs_of_pictures(copy, told=0.0)) == {UNCHANGED}
    # A discriminator that cannot tell copies from domain B says that nothing needed to change.
    assert found(signs_of_pictures(copy, told=0.8)) == set()
    assert UNCHANGED not in signs_of_pictures(copy, told=None)


@pytest.mark.parametrize(("name", "said"), [("order", "bright in an input is dark"), ("hues", "has the opposite one")])
def test_what_runs_against_its_input_is_an_inversion(name, said):
    signs = signs_of_pictures(replace(GOOD, **{name: -0.8}), told=0.8)
    assert found(signs) == {INVERSION}
    assert said in signs[INVERSION].text
    assert signs[INVERSION].numbers == {name: -0.8}
    assert found(signs_of_pictures(replace(GOOD, **{name: -0.2}), told=0.8)) == set()
    assert found(signs_of_pictures(replace(GOOD, **{name: None}), told=0.8)) == set()


def test_losses_far_beyond_a_draw_or_above_guessing_run_away():
    signs = signs_of_losses([Standing(("D_A",), 0.9, 0.2), Standing(("D_B",), 340.0, 90.0)], {})
    assert found(signs) == {DIVERGENCE}
    assert "D_B is 340 times those of a discriminator that guesses" in signs[DIVERGENCE].text
    signs = signs_of_losses([], {"NCE": 0.4, "cycle_A": 2.5})
    assert found(signs) == {DIVERGENCE}
    assert "cycle_A is 2.5 times" in signs[DIVERGENCE].text
    assert signs[DIVERGENCE].numbers == {"cycle_A": 2.5}


def test_losses_near_0_mean_that_the_discriminator_has_won():
    signs = signs_of_losses([Standing(BOTH, 0.03, 0.01)], {"NCE": 0.4})
    assert found(signs) == {WON}
    assert "D_fake and D_real are 3% of a draw" in signs[WON].text


def test_losses_that_stand_still_at_a_draw_or_beyond_are_those_of_a_blind_one():
    for share in (1.0, 2.0):
        signs = signs_of_losses([Standing(BOTH, share, 0.001)], {})
        assert found(signs) == {BLIND}
    assert found(signs_of_losses([Standing(BOTH, 1.0, 0.2)], {})) == set()


def test_without_a_window_of_losses_nothing_is_looked_for():
    assert signs_of_losses([], {}) == {}
    assert signs_of_losses([], {"classes": 0.5}) == {DIVERGENCE: None}


def test_the_numbers_of_a_look_have_the_limits_of_the_signs():
    assert GOOD.numbers().keys() == LIMITS.keys()
    assert {name: value for name, (_, value) in LIMITS.items()} == {
        "change": limits.CHANGED,
        "explained": limits.EXPLAINED,
        "order": limits.REVERSED,
        "hues": limits.REVERSED,
        "contrast": limits.PLAIN,
    }
