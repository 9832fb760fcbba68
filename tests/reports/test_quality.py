import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate.reports.figures import Figure
from translate.reports.quality import quality
from translate.reports.training import TrainingPage

SHARE = Figure("share", "Taken <for> B", "", better="higher", about="A classifier & its answer.")


@pytest.fixture
def section(tmp_path, measurements):
    """section(described=None): the text of the section of the run in ``tmp_path``."""

    def make(described=None):
        made = quality(tmp_path, described)
        return made.render(pretty=False) if made else None

    return make


def _words(markup):
    return " ".join(re.sub("<[^>]+>", "", markup).split())


def _note(markup, start):
    return next(
        _words(each) for each in re.findall(r"<p(?: [^>]*)?>(.*?)</p>", markup) if _words(each).startswith(start)
    )


def test_there_is_a_panel_for_each_metric_with_both_lines_and_its_levels(section):
    share, distance = re.findall(r"<article.*?</article>", section())
    assert "<h3>share</h3>" in share and "<h3>distance</h3>" in distance
    assert _words(share).startswith("share●raw0.600●ema0.700○best0.500")
    assert "real B 0.970" in share and "untouched 0.030" in share
    assert "real B" not in distance and "○" not in distance
    assert len(re.findall("<polyline", share)) == 2 and len(re.findall("<polygon", share)) == 2
    assert "<polygon" not in distance


def test_metrics_are_called_what_they_are_described_as(section):
    text = section({"share": SHARE})
    assert "<h3>Taken &lt;for&gt; B</h3>" in text and "<h3>distance</h3>" in text
    assert text.count("is better") == 1
    assert "<li>Taken &lt;for&gt; B: A classifier &amp; its answer.</li>" in text
    assert "How they are measured" not in section()


def test_the_best_and_the_newest_are_said_in_words(section, tmp_path):
    assert _note(section({"share": SHARE}), "Best") == (
        "Best so far by Taken &lt;for&gt; B: 0.500 at step 20 (epoch 2) with the averaged weights (ema), kept in "
        "best_net_G.pth. The newest, at step 30: 0.600 with the raw weights, 0.700 with the averaged weights (ema)."
    )
    (tmp_path / "best.json").write_text(json.dumps({"metric": "gone", "value": 3, "step": 1200, "weights": "raw"}))
    assert _note(section(), "Best") == (
        "Best so far by gone: 3.000 at step 1,200 with the raw weights, kept in best_net_G.pth."
    )


@pytest.mark.parametrize(
    "content",
    [None, "", "[]", "7", '{"metric": "share"}', '{"metric": "share", "step": null, "value": 1}', "[" * 100_000],
)
def test_without_a_readable_best_there_is_no_word_of_it(section, tmp_path, content):
    (tmp_path / "best.json").unlink()
    if content is not None:
        (tmp_path / "best.json").write_text(content)
    assert "est so far" not in section() and "○" not in section()


def test_counts_and_what_was_left_out_are_a_line_each(section):
    assert _note(section(), "Measured") == "Measured on 40 results, 400 teaching A (val)."
    assert _note(section(), "Left out") == "Left out: fid, kid: no weights; ssim: no truth."


def test_what_is_left_out_is_said_where_nothing_could_be_measured(tmp_path):
    line = {"step": 1, "weights": "raw", "metrics": {}, "left_out": {"fid": "no <weights>"}}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(line))
    text = quality(tmp_path).render(pretty=False)
    assert "fid: no &lt;weights&gt;." in text and "<svg" not in text and "Measured" not in text


def test_what_was_never_measured_has_no_section(tmp_path, read_page):
    assert quality(tmp_path) is None
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "wei')
    assert quality(tmp_path) is None
    TrainingPage(tmp_path / "web", "run").write(tmp_path / "log.jsonl", {})
    assert read_page(tmp_path / "web" / "index.html").texts("h2") == ["Losses"]


def test_it_stands_on_the_training_page_above_the_losses(training, read_page):
    found = read_page(training)
    assert found.texts("h2")[:2] == ["Quality", "Losses"]
    assert "Taken for domain B" in found.texts("h3")


def test_the_section_stays_small_however_often_was_measured(tmp_path):
    with (tmp_path / "metrics.jsonl").open("w") as file:
        for step in range(40_000):
            share = {"value": step % 7, "low": 0.0, "high": 9.0, "floor": 8, "extractor": "x" * 100}
            file.write(json.dumps({"step": step, "weights": "raw", "metrics": {"share": share}}) + "\n")
    assert (tmp_path / "metrics.jsonl").stat().st_size > 8 * 2**20
    text = quality(tmp_path).render(pretty=False)
    assert len(text) < 40_000 and "raw" in text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
LINES = st.fixed_dictionaries(
    {"step": st.integers(0, 2**40), "weights": st.sampled_from(["raw", "ema"]),
     "metrics": st.dictionaries(st.sampled_from(["a", "b"]), st.fixed_dictionaries(
         {"value": JSON}, optional={"low": JSON, "high": JSON, "floor": JSON, "ceiling": JSON}))},
    optional={"counts": JSON, "left_out": JSON, "epoch": JSON, "phase": JSON},
)  # fmt: skip


@given(st.lists(LINES, max_size=5), JSON)
def test_whatever_the_files_hold_gives_a_section(tmp_path_factory, lines, best):
    run = tmp_path_factory.getbasetemp()
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (run / "best.json").write_text(json.dumps(best))
    made = quality(run)
    assert (made is None) == (not lines)
    if made:
        drawn = "".join(re.findall("<svg.*?</svg>", made.render(pretty=False)))
        assert not re.search('="[^"]*(nan|inf)', drawn)
