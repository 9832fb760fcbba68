"""Which pictures a training is measured on."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.data.part import Part
from translate.data.validation import Validation, has_phase, hold_out, phase_pictures, spread, teaching_parts

NONE = (None, None)


@given(count=st.integers(0, 60), most=st.integers(1, 12))
def test_what_is_spread_comes_in_order_and_from_everywhere(count, most):
    chosen = spread(range(count), most)
    assert len(chosen) == min(count, most) and chosen == sorted(set(chosen))
    if count > most:
        gaps = [after - before for before, after in itertools.pairwise(chosen)]
        assert chosen[0] == 0 and all(count // most <= gap <= -(-count // most) for gap in gaps)


@given(names=st.sets(st.text("abcdef", min_size=1, max_size=4), max_size=80), most=st.integers(1, 6))
def test_a_tenth_at_most_is_held_out_whatever_else_is_there(names, most):
    paths = sorted(Path(f"{name}.png") for name in names)
    held = hold_out(paths, most)
    assert len(held) == min(most, len(paths) // 10) and held == sorted(held)
    assert set(held) == set(hold_out(paths[::-1], most))
    if held:  # without one that is not held out, the others stay where there are as many
        fewer = [path for path in paths if path != next(path for path in paths if path not in held)]
        assert set(hold_out(fewer, most)) <= set(held)


def test_folders_of_a_phase_are_found(tmp_path):
    (tmp_path / "trainA").mkdir()
    assert not has_phase(tmp_path, "val", "AB")
    (tmp_path / "valB").mkdir()
    assert has_phase(tmp_path, "val", "AB")
    (tmp_path / "check").mkdir()
    assert has_phase(tmp_path, "check", "AB")


@pytest.mark.parametrize("letters", ["AB", "BA"])
def test_unpaired_pictures_of_a_phase(letters, tmp_path, make_domains):
    root = make_domains(tmp_path, 5, 3, phases=("train", "val"))
    inputs, real = phase_pictures(root, "val", letters, "unaligned", 4, NONE)
    first, second = (sorted((root / f"val{letter}").iterdir()) for letter in letters)
    assert [each.part.path for each in inputs] == spread(first, 4)
    assert [part.path for part in real] == spread(second, 4) and all(each.truth is None for each in inputs)


def test_a_known_truth_comes_along(tmp_path, make_domains):
    root = make_domains(tmp_path, 2, 2, phases=("val",))
    (root / "valA_truth").mkdir()
    for path in (root / "valA").iterdir():
        (root / "valA_truth" / path.name).write_bytes(path.read_bytes())
    inputs, _ = phase_pictures(root, "val", "AB", "unaligned", 9, NONE)
    assert [each.truth for each in inputs] == [Part(root / "valA_truth" / f"a{index}.png") for index in range(2)]


def test_the_other_domain_may_be_missing(tmp_path, make_domains):
    root = make_domains(tmp_path, 2, 0, phases=("val",))
    inputs, real = phase_pictures(root, "val", "AB", "unaligned", 9, NONE)
    assert len(inputs) == 2 and real == []


def test_pairs_bring_their_truths(tmp_path, random_picture):
    (tmp_path / "val").mkdir()
    for index in range(3):
        random_picture(8, 4, seed=index).save(tmp_path / "val" / f"{index}.png")
    inputs, real = phase_pictures(tmp_path, "val", "BA", "aligned", 2, NONE)
    assert [each.part.half for each in inputs] == ["right"] * 2 and [part.half for part in real] == ["left"] * 2
    assert [each.truth for each in inputs] == real


def test_pictures_alone_are_what_is_real(tmp_path, random_picture):
    (tmp_path / "val").mkdir()
    random_picture().save(tmp_path / "val" / "one.png")
    inputs, real = phase_pictures(tmp_path, "val", "AB", "single", 9, NONE)
    assert [each.part for each in inputs] == real


def test_a_validation_describes_itself(tmp_path):
    part = Part(tmp_path / "a.png")
    assert Validation("of val", [], [part, part]).describe() == "0 pictures in A, 2 in B, of val"


def test_what_a_training_would_hold_out_teaches_nobody(tmp_path, make_domains):
    root = make_domains(tmp_path, 20, 30, phases=("train",))
    for letters in ("AB", "BA"):
        for letter, side in zip(letters, teaching_parts(root, letters), strict=True):
            paths = sorted((root / f"train{letter}").iterdir())
            assert [part.path for part in side] == [path for path in paths if path not in hold_out(paths, 100)]
    (root / "valA").mkdir()
    assert [len(side) for side in teaching_parts(root, "AB")] == [20, 30]
    assert teaching_parts(make_domains(tmp_path / "one", 3, 0, phases=("train",)), "AB") is None
