"""Which displays the flags ask for, and what they need."""

import sys

import pytest

from translate.errors import InputError
from translate.options import ReportOptions
from translate.reports.displays import DISPLAYS, check_displays, chosen_displays
from translate.settings import resolve


@pytest.mark.parametrize(("flags", "names"), [
    ({}, []),
    ({"display": "none"}, []),
    ({"display": "visdom"}, ["visdom"]),
    ({"display": " TensorBoard , visdom,"}, ["tensorboard", "visdom"]),
    ({"display": "visdom,visdom"}, ["visdom"]),
    ({"display_id": 1}, ["visdom"]),
    ({"display_id": 7, "display": "visdom,tensorboard"}, ["tensorboard", "visdom"]),
    ({"display_id": 0}, []),
    ({"display_id": -1, "display": "visdom,tensorboard"}, ["tensorboard"]),
])  # fmt: skip
def test_what_the_flags_ask_for(flags, names):
    assert chosen_displays(ReportOptions(**flags)) == names


def test_a_list_will_do():
    assert chosen_displays(resolve({"display": ["visdom", "wandb"]}).reports) == ["visdom", "wandb"]


@pytest.mark.parametrize("word", ["visdon", "tensorboard;visdom", "all"])
def test_an_unknown_display_is_refused(word):
    with pytest.raises(InputError, match=r"display \(--display\) .*(did you mean|choose from)"):
        resolve({"display": word})


@pytest.mark.parametrize("name", DISPLAYS.names())
def test_a_missing_package_is_said_with_the_extra_that_brings_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, DISPLAYS[name].module, None)
    with pytest.raises(InputError, match=rf"--display {name} .*pip install .*'unpaired-translate\[{name}\]'$"):
        check_displays(ReportOptions(display=name), ["display"])
    check_displays(ReportOptions(), [])


def test_flags_of_visdom_without_it_are_noted_in_one_line(capsys):
    given = ["lr", "display_port", "display_env", "display_id"]
    check_displays(ReportOptions(display="tensorboard", display_id=-1), given)
    said = "note: without effect here: --display_port, --display_env (only --display visdom has them)\n"
    assert capsys.readouterr().err == said
    check_displays(ReportOptions(display_id=1), given)
    assert capsys.readouterr().err == ""
