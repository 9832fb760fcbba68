"""The command line of ``translate apply``."""

import pytest

from translate.commands.apply import main, parse_apply
from translate.errors import InputError
from translate.flags import annotated_type
from translate.method_options import TEST_OPTIONS
from translate.options import ApplyOptions
from translate.settings import test_groups


def test_flags_of_single_methods_are_those_of_the_methods():
    assert test_groups() == TEST_OPTIONS
    assert parse_apply(["run", "a.jpg", "--mask", "masks"]) == ("run", ["a.jpg"], {"mask": "masks"})


SWITCHES = [name for name in ApplyOptions.__dataclass_fields__ if annotated_type(ApplyOptions, name)[0] is bool]


@pytest.mark.parametrize("words", [
    "run a.jpg b -o out --size original --overwrite",
    "run a.jpg b --overwrite -o out --size=original",
    "run -o out --size original a.jpg --overwrite b",
    "--overwrite run a.jpg b --size original --output out",
    "-oout --overwrite run --size original a.jpg b",
])  # fmt: skip
def test_words_and_flags_may_stand_in_any_order(words):
    assert parse_apply(words.split()) == (
        "run",
        ["a.jpg", "b"],
        {"output": "out", "size": "original", "overwrite": True},
    )


@pytest.mark.parametrize("name", sorted(set(ApplyOptions.__dataclass_fields__) - set(SWITCHES)))
def test_every_flag_takes_its_value(name):
    assert parse_apply(["run", "a.jpg", f"--{name}", "-1"]) == ("run", ["a.jpg"], {name: "-1"})


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_leaves_the_next_word_alone(name):
    assert parse_apply(["run", f"--{name}", "a.jpg"]) == ("run", ["a.jpg"], {name: True})


@pytest.mark.parametrize(("words", "said"), [
    (["run", "a.jpg", "--sise", "3"], r"unknown flag --sise: did you mean size\?"),
    (["run", "a.jpg", "--over"], "unknown flag --over: did you mean overwrite"),
    (["run", "a.jpg", "-x"], "unknown flag -x: translate apply --help"),
    (["run", "a.jpg", "-o"], "-o/--output: expected one argument"),
    ([], "no run given: translate apply RUN PICTURES ... -o FOLDER"),
    (["run", "-o", "out"], "no pictures to translate given: translate apply RUN PICTURES"),
    (["run", "a.jpg", "--results_dir", "x"], "unknown flag --results_dir"),
])  # fmt: skip
def test_a_mistake_is_told_in_one_sentence(words, said):
    with pytest.raises(InputError, match=said) as refused:
        parse_apply(words)
    assert "\n" not in str(refused.value)


def test_help_lists_every_flag_and_fits_a_terminal(capsys):
    with pytest.raises(SystemExit) as ended:
        parse_apply(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: translate apply RUN PICTURES ... -o FOLDER [--flag value] ...\n")
    assert all(f"--{name} " in text for name in ApplyOptions.__dataclass_fields__)
    assert max(map(len, text.splitlines())) <= 110


def test_the_command_translates_and_says_how_many(trained_run, tmp_path, random_picture, capsys):
    random_picture(40, 36).save(tmp_path / "a.png")
    main([str(trained_run), str(tmp_path / "a.png"), "-o", str(tmp_path / "out"), "--gpu_ids", "-1"])
    assert capsys.readouterr().out == f"1 in, 1 written\nresults: {tmp_path / 'out'}\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]
