"""When troubles are told, and when they are over."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from translate.methods import METHODS
from translate.methods.health import COLLAPSE, DIVERGENCE, INVERSION, TROUBLES, UNCHANGED, WON, Game, draw_levels
from translate.settings import resolve
from translate.training.health.losses import WINDOW, RecentLosses
from translate.training.health.watch import (
    COMES_OF,
    FORGOTTEN,
    IN_PICTURES,
    IN_SHORT,
    LOOK,
    OVER,
    PATIENCE,
    Watch,
    sentence,
    watch_over,
)
from translate.training.job import build_method

GAME = Game(("D_fake", "D_real"), "G_GAN")
STEPS = 100  # between two entries or looks
DRAW, WON_BY_D = {"D_fake": 0.25, "D_real": 0.25}, {"D_fake": 0.001, "D_real": 0.002}
WILD = {"D_fake": 90.0, "D_real": 30.0}


def make_watch(kinds=TROUBLES, run_steps=0, game=GAME):
    games = (game,) if game else ()
    watch = Watch(RecentLosses(draw_levels("lsgan", games), games, ()), {kind: f"help {kind}" for kind in kinds})
    watch.run_steps = run_steps
    return watch


def random_picture(seed):
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((32, 32), Image.Resampling.NEAREST)


def previews(translate):
    inputs = [random_picture(seed) for seed in range(4)]
    made = {f"{number}_real_A": picture for number, picture in enumerate(inputs)}
    return made | {f"{number}_fake_B": translate(picture) for number, picture in enumerate(inputs)}


GOOD = previews(lambda picture: picture.point(lambda value: 255 * (value / 255) ** 0.4))
ALIKE = previews(lambda picture: random_picture(99))
COPIES = previews(lambda picture: picture)
NEGATIVES = previews(lambda picture: picture.point(lambda value: 255 - value))


def told(entries):
    return [(entry["kind"], entry["since"], entry["step"]) for entry in entries if entry["kind"] != LOOK]


def see_losses(watch, values, first=1):
    return [entry for at, each in enumerate(values) for entry in watch.see_losses((first + at) * STEPS, 1, each)]


def see_previews(watch, looks, first=1):
    return [entry for at, each in enumerate(looks) for entry in watch.see_previews((first + at) * STEPS, 1, each)]


def test_a_trouble_is_told_once_when_it_has_stayed():
    entries = see_previews(make_watch(), [GOOD] * 3 + [ALIKE] * 10)
    looks = PATIENCE[COLLAPSE].looks
    assert told(entries) == [(COLLAPSE, 4 * STEPS, (3 + looks) * STEPS)]
    assert [entry["step"] for entry in entries if entry["kind"] == LOOK] == [STEPS * at for at in range(1, 14)]


def test_an_entry_has_words_a_remedy_and_numbers_and_is_json():
    (entry,) = [each for each in see_previews(make_watch(), [NEGATIVES] * 6) if each["kind"] != LOOK]
    assert entry["numbers"] == {"order": -1}
    assert entry.keys() == {"step", "epoch", "kind", "since", "text", "remedy", "numbers"}
    assert entry["remedy"] == "help inversion"
    assert json.loads(json.dumps(entry)) == entry
    said = sentence(entry)
    assert said.startswith(f"warning: since step {STEPS}, the translations run against their inputs")
    assert said.endswith("What helps: help inversion.")


def test_a_trouble_that_comes_and_goes_is_not_told():
    assert told(see_previews(make_watch(), [ALIKE, ALIKE, *[GOOD] * FORGOTTEN] * 5)) == []


def test_one_look_that_does_not_show_it_may_be_mistaken():
    looks = PATIENCE[COLLAPSE].looks
    assert told(see_previews(make_watch(), [ALIKE, GOOD, *[ALIKE] * 9])) == [(COLLAPSE, STEPS, (1 + looks) * STEPS)]


def test_it_is_over_after_several_looks_without_it_and_can_come_again():
    watch = make_watch()
    entries = see_previews(watch, [ALIKE] * 5 + [GOOD] * (OVER - 1) + [ALIKE] + [GOOD] * OVER + [ALIKE] * 6)
    assert told(entries) == [(COLLAPSE, 100, 400), (COLLAPSE, 100, 1100), (COLLAPSE, 1200, 1500)]
    over = entries[[entry.get("over", False) for entry in entries].index(True)]
    assert over == {"step": 1100, "epoch": 1, "kind": COLLAPSE, "since": 100, "over": True}
    assert (
        sentence(over)
        == "note: over at step 1100 what was so since step 100: the translations were alike, whatever the input"
    )


def test_a_long_run_has_more_patience():
    looks = [ALIKE] * 40
    assert told(see_previews(make_watch(run_steps=1000), looks)) == [(COLLAPSE, 100, 400)]
    assert told(see_previews(make_watch(run_steps=20_000), looks)) == [(COLLAPSE, 100, 1100)]
    assert told(see_previews(make_watch(run_steps=1_000_000), looks)) == []


def test_looks_that_follow_each_other_closely_do_not_make_it_stay():
    watch = make_watch()
    assert told([entry for step in range(100) for entry in watch.see_previews(step, 1, ALIKE)]) == []


@pytest.mark.parametrize(("looks", "kind"), [(ALIKE, COLLAPSE), (COPIES, UNCHANGED), (NEGATIVES, INVERSION)])
def test_what_previews_show_is_told(looks, kind):
    watch = make_watch()
    see_losses(watch, [WON_BY_D] * WINDOW)
    assert [each for each, *_ in told(see_previews(watch, [looks] * 8, first=11))] == [kind]


@pytest.mark.parametrize(("values", "kind"), [(WON_BY_D, WON), (WILD, DIVERGENCE)])
def test_what_losses_show_is_told(values, kind):
    patience = PATIENCE[kind]
    entries = see_losses(make_watch(), [DRAW | {"D_real": 0.3 + at % 3 / 10} for at in range(20)] + [values] * 40)
    (entry,) = told(entries)
    assert entry[0] == kind
    assert 20 * STEPS < entry[1] <= (20 + WINDOW) * STEPS
    assert entry[2] == entry[1] + (patience.looks - 1) * STEPS


def test_losses_that_do_not_move_at_all_are_those_of_a_blind_discriminator():
    assert [kind for kind, *_ in told(see_losses(make_watch(), [DRAW] * 30))] == ["discriminator_blind"]


def test_what_comes_of_another_trouble_is_not_told_beside_it():
    """Copies do not pass for domain B, so the discriminator wins; the remedy is that of copies."""
    watch = make_watch()
    see_losses(watch, [WON_BY_D] * (WINDOW - 1))
    entries = []
    for at in range(WINDOW, 60):
        entries += watch.see_losses(at * STEPS, 1, WON_BY_D)
        entries += watch.see_previews(at * STEPS, 1, COPIES)
    assert {kind for kind, *_ in told(entries)} == {UNCHANGED}


def test_a_kind_without_a_remedy_is_not_looked_for():
    watch = make_watch(kinds=(WON,))
    assert see_previews(watch, [ALIKE] * 10) == []
    assert [kind for kind, *_ in told(see_losses(watch, [WON_BY_D] * 30))] == [WON]


def test_pictures_without_a_translation_are_no_look():
    assert make_watch().see_previews(1, 1, {"0_real_A": random_picture(0)}) == []


events = st.lists(
    st.tuples(st.sampled_from([ALIKE, GOOD, NEGATIVES]), st.sampled_from([DRAW, WON_BY_D, WILD])), max_size=20
)


@settings(max_examples=12)
@given(events, st.integers(0, 20))
def test_a_resumed_watch_tells_the_same(seen, at):
    def see(watch, part, first):
        entries = []
        for step, (look, values) in enumerate(part, first):
            entries += watch.see_losses(step * STEPS, 1, values) + watch.see_previews(step * STEPS, 1, look)
        return entries

    whole, first, second = make_watch(), make_watch(), make_watch()
    before = see(first, seen[:at], 0)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert before + see(second, seen[at:], len(seen[:at])) == see(whole, seen, 0)
    assert second.state_dict() == whole.state_dict()


def test_every_trouble_has_its_patience_and_words():
    assert set(PATIENCE) == set(IN_SHORT) == set(TROUBLES)
    assert {*COMES_OF, *(cause for causes in COMES_OF.values() for cause in causes), *IN_PICTURES} <= set(TROUBLES)


@pytest.mark.parametrize("model", METHODS.names())
def test_the_watch_of_a_run_looks_for_what_the_method_knows_a_remedy_for(model):
    output_nc = 1 if model == "depth" else 3
    settings = resolve({"model": model, "dataroot": "x", "input_nc": 3, "output_nc": output_nc, "lr": 0.0125})
    watch = watch_over(build_method(settings), settings)
    assert DIVERGENCE in watch._courses
    assert "--lr (it is 0.0125)" in watch._remedies[DIVERGENCE]
    assert {"change", "explained"} <= watch.levels.keys()
