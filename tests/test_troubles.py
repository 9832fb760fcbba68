"""docs/troubles.md: all forty-four, in order, and what it points to exists."""

import re
from pathlib import Path

import pytest

from translate.commandline import RECIPES, read_recipe
from translate.options import ApplyOptions, TestOptions
from translate.settings import train_flags

REPOSITORY = Path(__file__).resolve().parent.parent
TEXT = (REPOSITORY / "docs/troubles.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("| 1.")]
OF_APPLY = {"out", *ApplyOptions.__dataclass_fields__}
OPEN = ("**Not yet", "**Not planned here", "**In part", "a limit of the method")


def test_all_of_them_are_there_in_order():
    assert [number for number, *_ in ROWS] == [f"1.{number}" for number in range(1, 45)]
    assert all(len(row) == 4 for row in ROWS)
    assert re.findall(r"^## ([A-G])\. ", TEXT, re.MULTILINE) == list("ABCDEFG")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_has_a_thread_and_something_that_shows_it_or_says_that_it_is_open(row):
    _, trouble, here, shown_by = row
    threads = re.findall(r"\[(\w+) (?:PR)?(\d+)\]\(https://github\.com/[\w-]+/[\w-]+/(?:issues|pull)/(\d+)\)", trouble)
    assert 1 <= len(threads) <= 2
    assert all(named == linked for _, named, linked in threads)
    assert "](../" in shown_by or any(word in here for word in OPEN)


@pytest.mark.parametrize(("words", "path"), re.findall(r"\[([^]]+)\]\(\.\./([^)]+)\)", TEXT))
def test_what_shows_it_exists(words, path):
    """A whole file by its path, or a test in it by the words of its name."""
    source = (REPOSITORY / path).read_text(encoding="utf-8")
    name = f"test_{words.replace(' ', '_')}"
    assert path.startswith(("tests/", "scripts/"))
    assert words == path or re.search(rf"^ *def {name}\(", source, re.MULTILINE)


def test_flags_are_real():
    known = {*train_flags("cut"), *TestOptions.__dataclass_fields__, "config", "model", *OF_APPLY}
    named = set(re.findall(r"--(\w+)", TEXT))
    assert len(named) > 20
    assert named <= known


def test_recipes_are_counted():
    (name, others) = re.search(r"--config (\w+)` and (\w+) more", TEXT).groups()
    assert read_recipe(name)
    assert (len(list(RECIPES.glob("*cut.yaml"))), others) == (16, "fifteen")
