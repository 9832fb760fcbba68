"""What a window of logged losses tells."""

import math
from statistics import fmean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.methods.health import Game, Level, draw_levels
from translate.training.health.losses import WINDOW, RecentLosses

GAME = Game(("D_fake", "D_real"), "G_GAN")
losses_of_a_side = st.lists(st.floats(0, 5), min_size=WINDOW, max_size=3 * WINDOW)


def collected(entries, mode="lsgan", games=(GAME,), falling=(), levels=None):
    recent = RecentLosses({**draw_levels(mode, games), **(levels or {})}, games, falling)
    for entry in entries:
        recent.add(entry)
    return recent


@given(losses_of_a_side, losses_of_a_side)
def test_a_standing_is_the_median_share_of_a_draw_over_the_window(fake, real):
    entries = [{"D_fake": a, "D_real": b, "G_GAN": 1.0} for a, b in zip(fake, real, strict=False)]
    shares = [(entry["D_fake"] + entry["D_real"]) / 2 / 0.25 for entry in entries][-WINDOW:]
    (standing,) = collected(entries).standings()
    assert standing.losses == ("D_fake", "D_real")
    assert standing.share == pytest.approx(median(shares))
    assert standing.moves == pytest.approx(math.sqrt(fmean((share - fmean(shares)) ** 2 for share in shares)), abs=1e-9)


@pytest.mark.parametrize("mode", ["lsgan", "vanilla", "nonsaturating", "hinge"])
def test_a_discriminator_that_guesses_stands_at_1_in_every_mode(mode):
    levels = draw_levels(mode, [GAME])
    entry = {name: level.value for name, level in levels.items()}
    assert collected([entry] * WINDOW, mode).standings()[0].share == pytest.approx(1)


def test_nothing_is_said_before_there_is_a_window():
    entries = [{"D_fake": 0.1, "D_real": 0.1, "NCE": 3.0}] * (WINDOW - 1)
    recent = collected(entries, falling=("NCE",))
    assert (recent.standings(), recent.rises(), recent.told()) == ([], {}, None)
    recent.add(entries[0])
    assert recent.told() == pytest.approx(0.4)
    assert recent.rises() == {"NCE": 1.0}


def test_one_wild_step_is_no_standing():
    entries = [{"D_fake": 0.25, "D_real": 0.25}] * WINDOW
    assert collected([*entries, {"D_fake": 90.0, "D_real": 0.2}]).standings()[0].share == 1


def test_games_without_a_scale_are_not_judged_and_without_games_nobody_tells():
    entries = [{"D_fake": 5.0, "D_real": -5.0}] * WINDOW
    wasserstein = collected(entries, "wgangp")
    assert (wasserstein.standings(), wasserstein.told()) == ([], 0)
    assert collected(entries, games=()).told() == 0


def test_of_two_games_the_first_is_about_the_previews():
    games = (Game(("D_A",), "G_A"), Game(("D_B",), "G_B"))
    recent = collected([{"D_A": 0.05, "D_B": 0.25}] * WINDOW, games=games)
    assert [standing.losses for standing in recent.standings()] == [("D_A",), ("D_B",)]
    assert recent.told() == pytest.approx(0.2)


def test_a_loss_that_should_fall_is_compared_with_guessing_or_with_where_it_began():
    entries = [{"NCE": 4.0, "NCE_Y": 7.0, "cycle_A": 2.0}] * WINDOW + [
        {"NCE": 8.0, "NCE_Y": 8.4, "cycle_A": 5.0}
    ] * WINDOW
    levels = dict.fromkeys(("NCE", "NCE_Y"), Level("guessing", 5.0))
    recent = collected(entries, games=(), falling=("NCE", "NCE_Y", "cycle_A"), levels=levels)
    assert recent.rises() == {"NCE": pytest.approx(1.6), "NCE_Y": pytest.approx(1.2), "cycle_A": pytest.approx(2.5)}


@given(losses_of_a_side, st.integers(0, 3 * WINDOW))
def test_a_state_is_all_that_is_needed_to_go_on(values, at):
    entries = [{"D_fake": value, "D_real": value / 2, "cycle_A": value + 1} for value in values]
    whole, first = collected(entries, falling=("cycle_A",)), collected(entries[:at], falling=("cycle_A",))
    resumed = collected([], falling=("cycle_A",))
    resumed.load_state_dict(first.state_dict())
    for entry in entries[at:]:
        resumed.add(entry)
    assert (resumed.standings(), resumed.rises()) == (whole.standings(), whole.rises())
    assert resumed.state_dict() == whole.state_dict()
