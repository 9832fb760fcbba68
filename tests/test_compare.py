"""``scripts/compare.py``: real runs that were tested, named in all ways."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from translate.errors import InputError

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("compare_script", SCRIPTS / "compare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def home(trained_run, copied_run, tested, tmp_path, monkeypatch):
    """A folder in which two runs, "tiny" and "other", were tested."""
    shutil.copytree(trained_run, tmp_path / "checkpoints/tiny")
    copied_run("other", lambda_NCE=5.0, lr=0.001)
    for name in ("tiny", "other"):
        tested(name=name, checkpoints_dir=tmp_path / "checkpoints", results_dir=tmp_path / "results")
        line = {"step": 2, "epoch": 1, "losses": {"G": 1.0}, "step_s": 45.0}
        (tmp_path / "checkpoints" / name / "log.jsonl").write_text(json.dumps(line))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_runs_that_were_tested_stand_beside_each_other(script, home, capsys):
    script.main(["tiny", "other"])
    said = capsys.readouterr().out
    assert said == "page: results/compare.html\n"
    page = (home / "results/compare.html").read_text()
    assert page.count("<article") == 3
    assert "tiny/test_latest/images/real_A/square.png" in page
    assert all(f"{name}/test_latest/images/fake_B/square.png" in page for name in ("tiny", "other"))
    assert "lambda_NCE" in page and "1 min 30 s" in page
    assert all(f">{flag}</th>" not in page for flag in ("name", "checkpoints_dir", "print_freq", "max_steps"))


def test_folders_and_names_go_together_and_the_page_goes_where_it_is_told(script, home, capsys):
    script.main(["results/tiny/test_latest", str(home / "results/other/test_latest"), "--out", "pages/a.html"])
    page = (home / "pages/a.html").read_text()
    assert "../results/tiny/test_latest/images/real_A/square.png" in page
    script.main(["tiny", "results/other/test_latest", "--results_dir", str(home / "results")])
    assert (home / "results/compare.html").is_file()


def test_two_tests_of_one_run_are_told_apart(script, home, capsys):
    shutil.copytree(home / "results/tiny/test_latest", home / "results/tiny/test_1")
    script.main(["results/tiny/test_latest", "results/tiny/test_1"])
    page = (home / "results/compare.html").read_text()
    assert "tiny, test_latest" in page and "tiny, test_1" in page


def test_other_phases_and_epochs_are_found_by_name(script, home):
    for name in ("tiny", "other"):
        (home / "results" / name / "test_latest").rename(home / "results" / name / "val_best")
    script.main(["tiny", "other", "--phase", "val", "--epoch", "best"])
    assert "tiny/val_best/images" in (home / "results/compare.html").read_text()


def test_what_was_written_by_an_older_test_or_is_missing_is_said(script, home, capsys):
    (home / "checkpoints/other/log.jsonl").unlink()
    (home / "checkpoints/other/run.json").unlink()
    (home / "results/other/test_latest/images/real_A/wide.png").unlink()
    script.main(["tiny", "other"])
    said = capsys.readouterr().out
    assert "note: other: checkpoints/other/run.json is missing" in said
    assert "note: other: checkpoints/other/log.jsonl tells no times" in said
    assert "note: Only the 2 inputs that all runs were tested on are shown, without 1 of tiny" in said
    assert (home / "results/compare.html").read_text().count("<article") == 2


def test_the_scores_of_pictures_sort_them(script, home):
    for at, name in enumerate(("tiny", "other")):
        scores = {each: {"error": float(at)} for each in ("square", "tall", "wide")}
        content = json.dumps({"mean": {"error": float(at)}, "pictures": scores})
        (home / "results" / name / "test_latest/scores.json").write_text(content)
    script.main(["tiny", "other"])
    page = (home / "results/compare.html").read_text()
    assert "error: tiny</option>" in page and "error: other</option>" in page and 'data-scores="0 1"' in page


def test_a_name_that_is_a_label_stays_apart_from_it(script, tmp_path):
    folders = [tmp_path / name / "test_latest" for name in ("real_A", "b")]
    assert list(script.named(folders).values()) == ["run real_A", "b"]
    same = [tmp_path / home / "a/test_latest" for home in ("x", "y")]
    assert list(script.named(same).values()) == [str(folder) for folder in same]


@pytest.mark.parametrize(("words", "told"), [
    (["tiny"], "name two runs or more"),
    (["tiny", "othr"], r"no results of 'othr' in results/othr/test_latest: did you mean other\?"),
    (["tiny", "other", "--epoch", "20"], "in results/tiny/test_20: there are no results in it; python test.py --name"),
    (["tiny", "tiny"], "named twice"),
    (["tiny", "other", "--results_dir", "nowhere"], "there are no results in it"),
])  # fmt: skip
def test_what_cannot_be_compared_is_said(script, home, words, told):
    with pytest.raises(InputError, match=told):
        script.main(words)


def test_the_command_ends_with_its_exit_code(run_script, call_main, script, home):
    assert call_main(script.main, "tiny", "other").returncode == 0
    failed = run_script(home, "scripts/compare", "tiny")
    assert (failed.returncode, failed.stderr) == (2, "error: name two runs or more to compare them\n")
