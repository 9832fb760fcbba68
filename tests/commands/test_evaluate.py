"""The command ``translate evaluate``."""

import subprocess
import sys

import pytest

from translate.commands.evaluate import main, parse_evaluate
from translate.errors import InputError


def test_words_and_flags_in_any_order():
    assert parse_evaluate(["--metrics", "fid", "out", "--dataroot", "d"]) == (
        "out",
        {"metrics": "fid", "dataroot": "d"},
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no folder of results given"),
        (["out", "--metrix", "fid"], "unknown flag --metrix: did you mean metrics"),
        (["out", "more"], "more"),
    ],
)
def test_what_is_no_such_call_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        parse_evaluate(arguments)


def test_it_measures(tmp_path, make_domains, capsys):
    root = make_domains(tmp_path, 3, 3)
    main([str(root / "testA"), "--dataroot", str(root), "--metrics", "changed_rms"])
    assert "0.0" in capsys.readouterr().out


def test_exit_code_2_where_weights_are_missing(tmp_path, make_domains):
    root = make_domains(tmp_path, 3, 3)
    command = [sys.executable, "-m", "translate", "evaluate", str(root / "testA"), "--dataroot", str(root)]
    weights = ["--metrics_weights", str(tmp_path / "nothing.pth")]
    done = subprocess.run([*command, "--metrics", "fid_clean", *weights], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and "nothing.pth" in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
