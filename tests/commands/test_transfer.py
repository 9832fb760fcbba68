"""``translate transfer`` as it is typed."""

import pytest

from translate.commands.transfer import parse_transfer
from translate.errors import InputError


def test_runs_and_flags_in_any_order():
    runs, values = parse_transfer(["one", "--dataroot", "clothes", "two", "--shots", "5"])
    assert runs == ["one", "two"]
    assert values == {"dataroot": "clothes", "shots": "5"}


@pytest.mark.parametrize(("words", "said"), [
    (["--dataroot", "clothes"], "no run given"),
    (["one", "--datarot", "clothes"], "datarot.*dataroot"),
])  # fmt: skip
def test_what_is_wrong_is_said(words, said):
    with pytest.raises(InputError, match=said):
        parse_transfer(words)
