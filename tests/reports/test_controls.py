from hypothesis import given
from hypothesis import strategies as st

from translate.reports.controls import ROWS_WORTH_A_FILTER, controls, in_script, titles_of


def test_there_is_a_filter_for_many_rows_and_a_choice_for_scores():
    def shown(count, scores):
        made = controls(count, scores)
        text = made.render() if made else ""
        return [name for name in ("filter", "sort") if f'id="{name}"' in text]

    many = ROWS_WORTH_A_FILTER
    assert shown(many, ["a"]) == ["filter", "sort"]
    assert shown(many, []) == ["filter"]
    assert shown(many - 1, ["a"]) == ["sort"]
    assert shown(1, ["a"]) == shown(many - 1, []) == []


def test_the_choices_are_the_name_and_the_titles():
    made = controls(2, ["LPIPS <x>", "SSIM"]).render(pretty=False)
    assert '<option value="">name</option><option value="0">LPIPS &lt;x&gt;</option><option value="1">SSIM' in made


def test_titles_are_in_the_order_in_which_they_come():
    assert titles_of([{"b": 1}, {"a": 1, "b": 2}, {}]) == ["b", "a"]


@given(st.floats() | st.none())
def test_scores_survive_as_numbers(value):
    text = in_script(value)
    read = float(text.replace("Infinity", "inf"))
    assert " " not in text
    if value is None or value != value:
        assert read != read
    else:
        assert read == value or abs(read - value) <= 1e-5 * abs(value)
