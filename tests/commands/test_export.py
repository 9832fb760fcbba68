"""The command line of ``translate export``."""

import pytest

from translate import exporting
from translate.commands.export import main, parse_export
from translate.errors import InputError
from translate.flags import annotated_type
from translate.options import ExportOptions

SWITCHES = [name for name in ExportOptions.__dataclass_fields__ if annotated_type(ExportOptions, name)[0] is bool]


@pytest.mark.parametrize("words", ["run -o a.onnx --raw", "--raw run --output a.onnx", "-oa.onnx --raw run"])
def test_words_and_flags_may_stand_in_any_order(words):
    assert parse_export(words.split()) == ("run", {"output": "a.onnx", "raw": True})


@pytest.mark.parametrize("name", ExportOptions.__dataclass_fields__)
def test_every_flag_is_taken(name):
    words, value = ([], True) if name in SWITCHES else (["-1"], "-1")
    assert parse_export([f"--{name}", *words, "run"]) == ("run", {name: value})


@pytest.mark.parametrize(("words", "said"), [
    (["run", "--overwite"], r"unknown flag --overwite: did you mean overwrite\?"),
    (["run", "other"], "unexpected 'other': translate export RUN -o FILE"),
    (["run", "-o"], "-o/--output: expected one argument"),
    ([], "no run given: translate export RUN -o FILE"),
])  # fmt: skip
def test_a_mistake_is_told_in_one_sentence(words, said):
    with pytest.raises(InputError, match=said) as refused:
        parse_export(words)
    assert "\n" not in str(refused.value)


def test_help_lists_every_flag_and_fits_a_terminal(capsys):
    with pytest.raises(SystemExit) as ended:
        parse_export(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: translate export RUN -o FILE [--flag value] ...\n")
    assert all(f"--{name} " in text for name in ExportOptions.__dataclass_fields__)
    assert max(map(len, text.splitlines())) <= 110


def test_the_command_hands_over_the_run_and_its_flags(monkeypatch):
    given = []
    monkeypatch.setattr(exporting, "export_to_file", lambda *arguments: given.append(arguments))
    main(["my_run", "-o", "a.onnx", "--epoch", "5"])
    assert given == [("my_run", {"output": "a.onnx", "epoch": "5"})]
