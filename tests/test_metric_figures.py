import pytest

from translate.evaluation.metric import METRICS, Measured, Metric
from translate.metric_figures import described, figure_of

FOUND = {"value": 0.4123, "low": 0.3, "high": 0.5, "floor": 0.97, "ceiling": 0.031, "extractor": "tiny, a1b2"}


@pytest.fixture
def share(monkeypatch):
    """A metric that is known for the time of a test."""
    metric = Metric(
        "share_of_tests", "Taken for B", "higher", "A classifier.", (), lambda *_: Measured(0), is_share=True
    )
    monkeypatch.setitem(METRICS._entries, metric.name, metric)
    return metric


def test_a_metric_has_its_own_words(share):
    figure = figure_of("share_of_tests", {**FOUND, "note": "Few pictures."})
    assert (figure.title, figure.value, figure.interval) == ("Taken for B", "41.2%", "30.0% to 50.0%")
    assert (figure.floor, figure.ceiling, figure.better) == ("97.0%", "3.1%", "higher")
    assert figure.about == "A classifier. Features of tiny, a1b2." and figure.note == "Few pictures."
    assert figure.number == 0.4123


def test_what_was_not_found_is_left_out(share):
    figure = figure_of("share_of_tests", {"value": 1, "low": None, "high": 0.5})
    assert (figure.value, figure.interval, figure.floor, figure.about) == ("100.0%", "", "", "A classifier.")


def test_scores_of_pictures_have_units_and_directions():
    psnr, colour = figure_of("hole PSNR", {"value": 20.456}), figure_of("colourfulness", {"value": 12.3})
    assert (psnr.value, psnr.better, colour.value, colour.better) == ("20.46 dB", "higher", "12.3", "")


def test_what_is_unknown_is_called_what_it_is_called():
    figure = figure_of("new_metric", FOUND)
    assert (figure.title, figure.value, figure.interval, figure.better) == ("new_metric", "0.412", "0.300 to 0.500", "")


def test_all_metrics_are_described_without_numbers(share):
    figures = described()
    assert figures.keys() == {*METRICS.names(), "linear_accuracy", "knn_accuracy"}
    assert figures["share_of_tests"].title == "Taken for B" and figures["share_of_tests"].value == ""
