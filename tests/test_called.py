"""The next command is told in the words that the user typed."""

import sys

import pytest

from translate.called import again, script, spoken, title

CALLED = {
    "/home/me/code/train.py": ("python test.py", "test.py", "test.py", "/home/me/code/train.py"),
    "test.py": ("python test.py", "test.py", "test.py", "test.py"),
    "/venv/bin/translate": ("translate test", "-m translate test", "translate test", "-m translate"),
    "C:/venv/translate.exe": ("translate test", "-m translate test", "translate test", "-m translate"),
    "/lib/translate/__main__.py": ("python -m translate test", "-m translate test", "translate test", "-m translate"),
    "my_own.py": ("translate test", "-m translate test", "translate test", "my_own.py"),
}


@pytest.mark.parametrize("called", CALLED)
def test_each_way_to_call_has_its_words(monkeypatch, called):
    said, for_torchrun, named, once_more = CALLED[called]
    monkeypatch.setattr(sys, "argv", [called, "--name", "two words"])
    assert (spoken("test"), script("test"), title("test")) == (said, for_torchrun, named)
    assert again() == f"{once_more} --name 'two words'"


def test_a_command_without_a_script_is_that_of_the_installed_one(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py"])
    assert spoken("apply") == "translate apply"


def test_no_command_line_at_all_is_no_obstacle(monkeypatch):
    monkeypatch.setattr(sys, "argv", [])
    assert spoken("train") == "translate train"


@pytest.mark.parametrize(
    ("called", "said"),
    [
        ("train.py", "python scripts/download_dataset.py"),
        ("scripts/download_dataset.py", "python scripts/download_dataset.py"),
        ("/venv/bin/translate", "translate download"),
        ("/lib/translate/__main__.py", "python -m translate download"),
    ],
)
def test_a_command_may_have_its_script_among_the_scripts(monkeypatch, called, said):
    monkeypatch.setattr(sys, "argv", [called])
    assert spoken("download") == said
