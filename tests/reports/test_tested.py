import json

import pytest

from translate.errors import InputError
from translate.reports.tested import is_tested, read_tested, run_name


def test_what_a_test_and_its_run_left_is_read(make_tested, read):
    share = {"value": 0.4, "low": 0.3, "high": 0.5}
    found = {"mean": {"error": 2.5}, "pictures": {"a": {"error": 2}, "b": {"error": 3.0}}, "metrics": {"share": share}}
    make_tested("cut", ["a", "b"], found, {"lr": 0.1})
    run = read("cut")
    assert run.files == {name: {label: f"images/{label}/{name}.png" for label in ("real_A", "fake_B")} for name in "ab"}
    assert run.scores == {"a": {"error": 2.0}, "b": {"error": 3.0}} and run.mean == {"error": 2.5}
    assert run.metrics == {"share": share} and run.options == {"model": "cut", "lr": 0.1}
    assert (run.step, run.last_step, run.train_s, run.notes) == (200, 200, 100.0, ())
    assert (run.source, run.result) == ("real_A", "fake_B")


def test_a_data_set_is_known_by_where_it_lies(make_tested, read, tmp_path):
    """However it was named: a run that is continued from another folder names it in another way."""
    make_tested("cut", options={"dataroot": "datasets/horses"})
    path = tmp_path / "checkpoints/cut/run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "dataset": {"root": "/data/horses"}}))
    assert read("cut").options["dataroot"] == "/data/horses"


def test_an_older_test_has_no_list_of_its_pictures_and_they_are_found(make_tested, read, tmp_path):
    folder = make_tested("cut", ["a", "sub/b", "c.jpg"], None)
    assert list(read("cut").files) == ["a", "c.jpg", "sub/b"]
    assert read("cut").files["sub/b"]["fake_B"] == "images/fake_B/sub/b.png"
    (folder / "scores.json").write_text(
        json.dumps({"mean": {"hole PSNR": 20.5}, "pictures": {"a": {"hole PSNR": 20.5}}})
    )
    run = read("cut")
    assert len(run.files) == 3 and run.mean == {"hole PSNR": 20.5} and run.step is None
    assert run_name(folder) == "cut"


@pytest.mark.parametrize(("labels", "source", "result"), [
    (("hole_A", "fake_B", "truth_B"), "hole_A", "fake_B"), (("real_B", "fake_A"), "real_B", "fake_A"),
    (("grey_A", "l2_B", "fake_B", "truth_B"), "grey_A", "fake_B"),
])  # fmt: skip
def test_inputs_and_translations_are_known_by_their_labels(make_tested, read, labels, source, result):
    make_tested("run", labels=labels)
    assert (read("run").source, read("run").result) == (source, result)


def test_what_is_missing_is_said(make_tested, read, tmp_path):
    folder = make_tested("cut", ["a", "b"], options=None, step_s=None)
    (folder / "images/fake_B/a.png").unlink()
    run = read("cut")
    assert run.files["a"] == {"real_A": "images/real_A/a.png"}
    assert [note.replace(str(tmp_path), "") for note in run.notes] == [
        "cut: 1 of its pictures are not there, such as images/fake_B/a.png.",
        "cut: /checkpoints/cut/run.json is missing, so its flags are unknown.",
        "cut: /checkpoints/cut/log.jsonl tells no times, so its training time is unknown.",
    ]


def test_small_copies_are_known(make_tested, read):
    folder = make_tested("cut", ["a"])
    assert read("cut").thumbnail("a", "fake_B") is None
    (folder / "thumbnails/fake_B").mkdir(parents=True)
    (folder / "thumbnails/fake_B/a.jpg").touch()
    assert read("cut").thumbnail("a", "fake_B") == "thumbnails/fake_B/a.jpg"


def test_a_folder_without_pictures_is_refused(tmp_path):
    assert not is_tested(tmp_path)
    with pytest.raises(InputError, match="holds no pictures of a test; test the run again"):
        read_tested(tmp_path, tmp_path, "x")


@pytest.mark.parametrize("content", ["", "[]", '{"files": ', "[" * 100_000])
@pytest.mark.parametrize("file", ["results/cut/test_latest/scores.json", "checkpoints/cut/run.json"])
def test_damaged_files_are_named(make_tested, read, tmp_path, file, content):
    make_tested("cut")
    (tmp_path / file).write_text(content)
    with pytest.raises(InputError, match=rf"{file.rpartition('/')[2]} is damaged .*; make it anew"):
        read("cut")


def test_what_is_of_another_kind_is_passed_over(make_tested, read):
    files = {"a": {"real_A": "images/real_A/a.png", "fake_B": 7}, "b": 3}
    found = {"files": files, "pictures": {"a": {"x": "much"}, "b": []}, "metrics": {"m": 3}, "mean": [1], "step": "1"}
    make_tested("cut", ["a"], found)
    run = read("cut")
    assert run.files == {"a": {"real_A": "images/real_A/a.png"}}
    assert run.scores == {"a": {}, "b": {}} and run.metrics == run.mean == {} and run.step is None
