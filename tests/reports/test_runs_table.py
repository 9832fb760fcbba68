import pytest

from translate.reports.figures import Figure
from translate.reports.runs_table import Line, best_of, runs_table


def _figures(better, *numbers):
    return [None if each is None else Figure("m", "M", f"{each}", better=better, number=each) for each in numbers]


@pytest.mark.parametrize(("better", "numbers", "best"), [
    ("higher", (1, 3, 2), {1}), ("lower", (1, 3, 2), {0}), ("", (1, 3, 2), set()), ("lower", (1, 1, 2), {0, 1}),
    ("lower", (None, 3, 2), {2}), ("higher", (float("nan"), 3.0), set()), ("higher", (5,), set()),
    ("higher", (1.0, float("inf")), {1}),
])  # fmt: skip
def test_the_best_are_those_of_which_none_is_better(better, numbers, best):
    assert best_of(_figures(better, *numbers)) == best


@pytest.mark.parametrize(("better", "others", "best"), [
    ("lower", [(5.0, 4.0, 6.0), (9.0, 8.5, 9.5)], {0}),
    ("lower", [(5.0, 4.0, 6.0), (7.0, 5.5, 8.0), (9.0, 8.5, 9.5)], {0, 1}),
    ("higher", [(5.0, 4.0, 6.0), (7.0, 6.0, 8.0), (9.0, 7.5, 9.5)], {1, 2}),
    ("lower", [(5.0, 4.0, 6.0), (5.5, None, None)], set()),
    ("lower", [(5.0, 4.0, 6.0), (5.5, None, None), (6.5, None, None)], {0, 1}),
    ("lower", [(5.0, None, None), (5.5, 5.1, 5.9)], {0}),
])  # fmt: skip
def test_those_that_may_be_as_good_are_among_the_best(better, others, best):
    figures = [
        Figure("m", "M", "", better=better, number=value, ends=None if low is None else (low, high))
        for value, low, high in others
    ]
    assert best_of(figures) == best
    said = runs_table(list("abc")[: len(figures)], {"Quality": [Line.of_figures(figures)]}).render()
    assert said.count(">best<") + said.count(">among the best<") == len(best)
    assert (">best<" in said) == (len(best) == 1)


def test_a_line_of_figures_has_their_words_and_what_they_are_compared_with():
    first = Figure("m", "M", "0.4", "0.3 to 0.5", "0.97", "0.03", "higher", "About it.", number=0.4)
    second = Figure("m", "M", "0.5", "", "0.97", "0.04", "higher", number=0.5)
    line = Line.of_figures([first, None, second], ["0.45"])
    assert line.values == ["0.4", "", "0.5"] and line.below == ["0.3 to 0.5", "", ""] and line.best == {2}
    assert (line.floor, line.ceiling, line.better, line.more) == ("0.97", "0.03 / 0.04", "higher", ["0.45"])
    later = Line.of_figures([None, second])
    assert later.head is second and later.best == frozenset()


def test_lines_are_in_groups_and_columns_that_none_needs_are_left_out():
    words = Line.of_words("steps", ["100", "200"])
    plain = runs_table(["one", "two"], {"Training": [words], "Flags": []}).render(pretty=False)
    assert 'colspan="3"' in plain and "Flags" not in plain and "real B" not in plain and "badge" not in plain
    figures = Line.of_figures(_figures("lower", 2, 1))
    full = runs_table(["one", "two"], {"Quality": [figures], "Training": [words]}, ["mean"]).render(pretty=False)
    assert 'colspan="5"' in full and "mean" in full and "↓" in full
    assert '<td><span class="badge">best</span><strong>1</strong></td>' in full
