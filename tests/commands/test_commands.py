"""The command ``translate``: which of its commands is called, and what it says where none is."""

import subprocess
import sys

import pytest

import translate
from translate import commands


@pytest.fixture
def ended(monkeypatch, capsys):
    """ended("--help"): the exit code of ``translate --help``, and what it printed."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["/venv/bin/translate", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            commands.main()
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_every_command(ended, flag):
    code, out, err = ended(flag)
    assert (code, err) == (0, "")
    assert all(f"\n  {name} " in out for name in commands.COMMANDS)


def test_the_version_is_said_in_one_line(ended):
    assert ended("--version") == (0, f"translate {translate.__version__}\n", "")


@pytest.mark.parametrize(("words", "said"), [
    (["tset"], "unknown command 'tset': did you mean test?"),
    (["horse2zebra"],
     "unknown command 'horse2zebra': choose from apply, download, evaluate, export, test, train, transfer"),
    ([],
     "no command: say translate train, translate test, translate apply, translate evaluate, translate export, "
     "translate transfer, translate download or translate --help"),
    (["--dataroot", "x"],
     "unknown flag --dataroot: say translate train, translate test, translate apply, translate evaluate, "
     "translate export, translate transfer, translate download or translate --help"),
])  # fmt: skip
def test_what_is_no_command_ends_with_2_and_one_sentence(ended, words, said):
    assert ended(*words) == (2, "", f"error: {said}\n")


def test_train_and_test_are_the_scripts_and_name_each_other(ended, make_domains, tiny_flags, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_domains(tmp_path / "data", 1, 1)
    flags = [word for name, value in tiny_flags.items() for word in (f"--{name}", value)]
    code, out, _ = ended("train", "--dataroot", "data", "--name", "one", "--max_steps", 1, *flags)
    assert code == 0
    assert out.endswith("next: translate test --name one\n")
    code, out, _ = ended("test", "--gpu_ids", -1)
    assert code == 0
    assert "1 in, 1 written\n" in out
    code, _, err = ended("train", "--continue_train", "--name", "other")
    assert code == 2
    assert err.startswith("error: ") and err.count("\n") == 1
    code, _, err = ended("test", "--checkpoints_dir", "nowhere")
    assert (code, "train one with translate train" in err) == (2, True)


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["nothing"], ["apply", "--help"], ["apply", "--sise", "1"]]
)
def test_help_and_mistakes_do_not_wait_for_torch(words):
    code = (
        f"import sys; sys.argv = ['translate', *{words!r}]\nfrom translate.commands import main\n"
        "try:\n    main()\nfinally:\n    print([name for name in ('torch', 'numpy', 'PIL') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout.endswith("[]\n"), ended.stderr
    assert "Traceback" not in ended.stderr
