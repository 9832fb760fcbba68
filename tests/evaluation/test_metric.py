"""What a metric is, and how metrics are chosen and taken."""

import numpy as np
import pytest

from translate.errors import InputError
from translate.evaluation.metric import Judged, Measured, Metric, Tools, Unmeasurable, take
from translate.evaluation.metrics import chosen_metrics
from translate.evaluation.picture_set import PictureSet

ONE = PictureSet.in_memory([np.zeros((4, 4, 3), np.uint8)])


def make(name, needs=(), value=1.0, **more):
    return Metric(name, name, "lower", "", needs, lambda judged, tools: Measured(value), **more)


def fail(judged, tools):
    raise Unmeasurable("no weights; fetch them")


def test_words_are_names_and_groups_each_metric_once():
    names = [metric.name for metric in chosen_metrics("domain_distance, domain,psnr_truth,,none")]
    assert names == ["domain_distance", "domain_share", "psnr_truth"]
    assert chosen_metrics("none") == [] == chosen_metrics("")


def test_an_unknown_word_gets_the_nearest_one():
    with pytest.raises(InputError, match=r"--metrics domain_distanse: no such metric; did you mean domain_distance\?"):
        chosen_metrics("psnr_truth,domain_distanse")


def test_what_is_missing_is_said():
    metric = make("m", ("truths",))
    assert metric.lacks(Judged(ONE)) == "m needs the known true translations, and there are none"
    assert metric.lacks(Judged(ONE, truths=PictureSet.in_memory([])))
    assert metric.lacks(Judged(ONE, truths=ONE)) == ""


def test_taking_stops_at_what_cannot_be_taken_or_goes_on_without():
    metrics = [make("a"), make("b", ("real",)), Metric("c", "c", "", "", (), fail), make("d", value=2.0)]
    found, left_out = take(metrics, Judged(ONE), Tools(), lenient=True)
    assert {name: measured.value for name, measured in found.items()} == {"a": 1.0, "d": 2.0}
    assert set(left_out) == {"b", "c"} and left_out["c"] == "no weights; fetch them"
    with pytest.raises(Unmeasurable, match="b needs real pictures of domain B"):
        take(metrics, Judged(ONE), Tools())


def test_tools_make_a_thing_once():
    made = []
    tools = Tools()
    for _ in range(2):
        assert tools.once("key", lambda: made.append(1) or len(made)) == 1
    assert tools.once("other", lambda: made.append(1) or len(made)) == 2


def test_numbers_are_shown_as_people_read_them():
    assert make("m", decimals=1, unit=" dB").shown(21.456) == "21.5 dB"
    assert make("m", is_share=True).shown(0.4321) == "43.2%"


def test_files_hold_what_there_is():
    assert Measured(1.5, (1.0, 2.0), low=0.0, note="few").as_json() == {"value": 1.5, "low": 0.0, "note": "few"}


def test_pictures_are_counted():
    judged = Judged(ONE, inputs=ONE, teaching=(ONE, PictureSet.in_memory([])))
    assert judged.counts() == {"results": 1, "inputs": 1, "teaching_A": 1, "teaching_B": 0}
