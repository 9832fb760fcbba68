"""What the README says can be done as it stands there."""

import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import translate
from translate.commandline import parse_test, parse_train
from translate.commands.apply import main as apply_pictures
from translate.flags import build
from translate.options import LEGACY, ApplyOptions, TestOptions
from translate.settings import resolve, test_groups, train_flags

REPOSITORY = Path(__file__).resolve().parent.parent
TEXT = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, block in BLOCKS if kind == "bash" for line in block.splitlines() if line]
PYTHON = [block for kind, block in BLOCKS if kind == "python"]
INLINE = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL))
LINKS = [link for link in re.findall(r"\]\(([^)\s]+)\)", TEXT) if "://" not in link and not link.startswith("#")]
ELSEWHERE = ("scripts/", "source ")  # the scripts have tests of their own


def as_words(tiny_flags, **others):
    return [str(word) for name, value in {**tiny_flags, **others}.items() for word in (f"--{name}", value)]


@pytest.fixture
def workplace(tmp_path, make_domains, monkeypatch):
    """A folder with the data that the README speaks of."""
    make_domains(tmp_path / "my_data", 2, 2)
    make_domains(tmp_path / "other_data", 2, 2)
    make_domains(tmp_path / "datasets" / "horse2zebra", 2, 2)
    (tmp_path / "holiday").mkdir()
    Image.new("RGB", (50, 40), (60, 20, 130)).save(tmp_path / "holiday" / "beach.jpg")
    Image.new("RGB", (50, 40), (90, 120, 30)).save(tmp_path / "horse.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_work_in_their_order(workplace, main_of, tiny_flags, capsys):
    """As they stand, with the tiniest network and a step more for each."""
    steps = 0
    for command in COMMANDS:
        program, script, *words = shlex.split(command) if not command.startswith(ELSEWHERE) else ("", "")
        if (program, script) == ("python", "train.py"):
            steps += 1
            main_of("train")([*words, *as_words(tiny_flags, n_epochs=9, max_steps=steps)])
        elif (program, script) == ("python", "test.py"):
            main_of("test")(words)
        elif (program, script) == ("translate", "apply"):
            apply_pictures(words)
    said = capsys.readouterr().out
    assert steps >= 3
    assert "done: 1 steps" in said
    assert "2 in, 2 written" in said
    assert (workplace / "checkpoints/my_run/latest_net_G.pth").is_file()
    assert (workplace / "checkpoints/my_run/web/index.html").is_file()
    assert (workplace / "results/my_run/test_latest/index.html").is_file()
    assert (workplace / "holiday_as_B/beach.jpg").is_file()


def test_every_command_is_known():
    for command in COMMANDS:
        assert command.startswith(("python train.py ", "python test.py ", "translate apply ", *ELSEWHERE))


@pytest.mark.parametrize("text", [text for text in INLINE if "--" in text and "<" not in text])
def test_flags_in_the_text_exist_and_take_what_is_written_there(text):
    words = shlex.split(text)
    names = {word[2:] for word in words if word.startswith("--")} - {"help", "config"}
    script = next((word for word in words if word.startswith("scripts/")), None)
    if script:
        assert all(f'"--{name}"' in (REPOSITORY / script).read_text(encoding="utf-8") for name in names)
        return
    if names <= set(ApplyOptions.__dataclass_fields__) and not names <= set(TestOptions.__dataclass_fields__):
        return  # tried by the commands themselves
    if words[:2] == ["translate", "export"]:
        return  # tried by tests/test_docs.py
    if words[:2] == ["translate", "download"]:
        assert names == {"list"}
        return
    of_training, of_testing = {*train_flags("cut"), *LEGACY, "model"}, set(TestOptions.__dataclass_fields__)
    of_testing |= {name for group in test_groups().values() for name in group.__dataclass_fields__}
    assert names <= of_training | of_testing
    words = [word for word in words if word != "--help"]
    values = words[words.index(f"--{min(names)}") :] if len(words) > 1 and names else []
    values = ["7" if word.isupper() else word for word in values]  # names in capitals stand for a value
    if names <= of_training:
        resolve(parse_train(values))
    if names <= of_testing:
        build(TestOptions, parse_test(values)[0])


def test_the_python_works(workplace, tiny_flags, monkeypatch):
    """As it stands, with the tiniest network and two steps."""
    real_train = translate.train
    monkeypatch.setattr(translate, "train", lambda **flags: real_train(**{**tiny_flags, "max_steps": 2, **flags}))
    arrays = [np.zeros((40, 40, 3), np.uint8), np.zeros((50, 40, 3))]
    for code in PYTHON:
        names = {"array": arrays[0], "another_array": arrays[1]}
        exec(compile(code, "README.md", "exec"), names)
        if "zebras" in names:
            assert [zebra.shape for zebra in names["zebras"]] == [(32, 32, 3), (40, 32, 3)]
    assert Image.open(workplace / "zebra.png").size == (40, 32)


@pytest.mark.parametrize("link", LINKS)
def test_what_is_linked_is_there(link):
    assert (REPOSITORY / link.split("#")[0]).is_file()


@pytest.mark.parametrize("script", sorted(set(re.findall(r"scripts/\w+\.\w+", TEXT))))
def test_scripts_are_there_and_can_be_run(script):
    path = REPOSITORY / script
    assert path.is_file()
    assert path.suffix == ".py" or os.access(path, os.X_OK)


def test_the_house_is_built_as_it_is_drawn():
    drawing = next(
        block for block in re.findall(r"^```\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL) if "losses/" in block
    )
    parent = REPOSITORY
    for line in drawing.splitlines():
        names = re.findall(r"[\w.]+(?:/|\.py)(?=\s|$)", re.split(r" {4,}", line.strip())[0])
        assert names
        indented = line.startswith(" ")
        for name in names:
            path = (parent if indented else REPOSITORY) / name
            assert path.is_dir() if name.endswith("/") else path.is_file()
            if not indented and name.endswith("/"):
                parent = path


def test_nothing_is_left_to_be_filled_in():
    assert not re.findall(r"\b[A-Z]+_[A-Z_]*(?:MINUTES|SECONDS|HOURS)\b|TODO|FIXME", TEXT)
