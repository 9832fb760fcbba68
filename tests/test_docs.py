"""What docs/ say can be done: commands parse, Python imports what exists, links lead somewhere, flags are real."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest

from translate.commandline import parse_test, parse_train
from translate.methods import METHODS
from translate.options import TestOptions
from translate.settings import resolve, test_groups, train_flags

OF_TORCHRUN = {"nnodes", "nproc_per_node", "rdzv_backend", "rdzv_endpoint", "max_restarts"}
REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = sorted((REPOSITORY / "docs").glob("*.md"))
BLOCKS = [
    (page.stem, *block) for page in PAGES for block in re.findall(r"```(\w+)\n(.*?)```", page.read_text(), re.DOTALL)
]
COMMANDS = [(stem, line) for stem, kind, text in BLOCKS if kind == "bash" for line in text.splitlines()]
LINKS = [
    (page, link) for page in PAGES for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in link
]


def model_of(stem):
    """The method that a page is about; pages about something else speak of the usual one."""
    return stem if stem in METHODS.names() else "cut"


@pytest.mark.parametrize(("stem", "line"), COMMANDS)
def test_commands_are_of_the_method_that_the_page_is_about(stem, line):
    program, *words = shlex.split(line)
    assert program in ("python", "torchrun")
    script, *words = [word for word in words if word.lstrip("-").split("=")[0] not in OF_TORCHRUN]
    if script == "train.py":
        assert resolve(parse_train(words)).model == model_of(stem)
    else:
        assert script == "test.py"
        assert parse_test([*words, "--model", model_of(stem)])[0]["name"]


@pytest.mark.parametrize(("stem", "code"), [(stem, text) for stem, kind, text in BLOCKS if kind == "python"])
def test_python_compiles_and_imports_what_exists(stem, code):
    for node in ast.walk(ast.parse(code, stem)):
        if isinstance(node, ast.Import):
            assert all(importlib.import_module(name.name) for name in node.names)
        if isinstance(node, ast.ImportFrom):
            assert all(hasattr(importlib.import_module(node.module), name.name) for name in node.names)


@pytest.mark.parametrize(("page", "link"), LINKS, ids=lambda value: getattr(value, "stem", value))
def test_links_lead_somewhere(page, link):
    assert (page.parent / link).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_flags_in_tables_exist(page):
    known = {*train_flags(model_of(page.stem)), *TestOptions.__dataclass_fields__, "model", "config", *OF_TORCHRUN}
    known |= set(test_groups()[page.stem].__dataclass_fields__) if page.stem in test_groups() else set()
    found = set(re.findall(r"--(\w+)", page.read_text()))
    assert found
    assert found <= known
