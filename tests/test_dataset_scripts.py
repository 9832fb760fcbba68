"""``scripts/download_dataset.py`` and ``scripts/prepare_cityscapes.py``: their flags, sentences and exit codes."""

import sys
from pathlib import Path

import pytest
import yaml

from translate.data import fetching
from translate.errors import TranslateError

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture
def script(main_of):
    """script("download_dataset", *words): the exit code."""

    def run(name, *words):
        main = main_of(f"scripts/{name}")
        try:
            return main(list(map(str, words))) or 0
        except TranslateError as error:
            print(f"error: {error}", file=sys.stderr)  # as run_command does
            return error.exit_code

    return run


@pytest.fixture
def known(tmp_path):
    """A list of one dataset that no server has, and of one that lies there already."""
    entry = {"domains": {"A": "dots"}, "licence": "free", "page": "http://h"}
    entries = {
        name: {**entry, "downloads": [{"urls": [f"http://host.invalid/{name}.zip"]}]} for name in ("dots", "here")
    }
    (tmp_path / "here" / "trainA").mkdir(parents=True)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"datasets": entries}))
    return path


def test_the_list_is_printed(script, known, capsys):
    assert script("download_dataset", "--list") == 0
    assert "horse2zebra" in capsys.readouterr().out
    assert script("download_dataset", "--list", "--known", known) == 0
    assert "dots" in (said := capsys.readouterr().out) and "horse2zebra" not in said
    assert script("download_dataset", "--markdown") == 0
    assert capsys.readouterr().out.startswith("| name | domain A |")


def test_what_is_there_is_left_alone(script, known, tmp_path, capsys):
    assert script("download_dataset", "Here", "--known", known, "--to", tmp_path) == 0
    assert f"{tmp_path / 'here'} is there already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["dot"], "error: unknown dataset 'dot': did you mean dots?"),
        ([], "error: name a dataset, such as horse2zebra; --list shows them"),
        (["dots"], "error: dots could not be downloaded (http://host.invalid/dots.zip: "),
    ],
)
def test_what_cannot_be_done_is_a_sentence(script, known, tmp_path, capsys, words, told):
    assert script("download_dataset", *words, "--known", known, "--to", tmp_path) == 2
    assert capsys.readouterr().err.startswith(told)


def test_what_must_be_done_by_hand_is_said(script, tmp_path, capsys):
    assert script("download_dataset", "Cityscapes", "--to", tmp_path) == 2
    assert "python scripts/prepare_cityscapes.py" in capsys.readouterr().err


def test_an_interruption_says_that_nothing_is_lost(main_of, tmp_path, capsys, monkeypatch):
    main = main_of("scripts/download_dataset")

    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "fetch_dataset", interrupted)
    with pytest.raises(KeyboardInterrupt):  # of which run_command makes 130
        main(["horse2zebra", "--to", str(tmp_path)])
    assert "the next call goes on from here" in capsys.readouterr().err


def test_cityscapes_is_prepared_where_its_flags_say(script, tmp_path, random_picture, capsys):
    for phase in ("train", "val"):
        for folder, ending in (("gtFine", "gtFine_color"), ("leftImg8bit", "leftImg8bit")):
            path = tmp_path / folder / phase / "ulm" / f"ulm_000000_{ending}.png"
            path.parent.mkdir(parents=True)
            random_picture(64, 32).save(path)
    words = ["--gtFine_dir", tmp_path / "gtFine", "--leftImg8bit_dir", tmp_path / "leftImg8bit"]
    outputs = [tmp_path / name for name in ("usual", "nearest")]
    assert script("prepare_cityscapes", *words, "--output_dir", outputs[0]) == 0
    assert f"1 pairs to train on and 1 to test with, in {outputs[0]}" in capsys.readouterr().out
    assert script("prepare_cityscapes", *words, "--output_dir", outputs[1], "--filter", "nearest") == 0
    usual, nearest = ((output / "trainA" / "0_A.jpg").read_bytes() for output in outputs)
    assert usual != nearest
    assert script("prepare_cityscapes", *words, "--output_dir", outputs[0]) == 2
    assert "is there already; remove it" in capsys.readouterr().err
