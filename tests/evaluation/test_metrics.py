"""All metrics by name: what is registered, in which groups, and what knowing them costs."""

import json
import subprocess
import sys

import pytest
import torch

from translate.evaluation.metrics import GROUPS, METRICS, Tools, Unmeasurable, chosen_metrics, take

HEAVY = ("scipy", "skimage", "lpips", "torchvision", "pytorch_fid")


def test_knowing_them_imports_nothing_heavy():
    code = f"import sys, translate.evaluation.metrics; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_groups_hold_metrics_that_there_are():
    assert {name for names in GROUPS.values() for name in names} == set(METRICS.names())
    assert [metric.name for metric in chosen_metrics("fid,kid")] == ["fid_clean", "kid_clean"]
    assert not set(GROUPS) & set(METRICS.names())


@pytest.mark.parametrize("name", METRICS.names())
def test_each_says_its_protocol_in_a_sentence(name):
    metric = METRICS[name]
    assert metric.name == name and metric.title and metric.better in ("higher", "lower", "")
    assert metric.about.endswith(".") and len(metric.about) > 60
    assert metric.shown(0.5)


def test_all_can_be_taken_and_written_down(judged, tools, monkeypatch):
    monkeypatch.setattr("translate.evaluation.diversity.LPIPS_PX", 48)
    found, left_out = take(
        [metric for metric in chosen_metrics("all") if not {"teaching"} & set(metric.needs)], judged, tools
    )
    assert not left_out
    for name, measured in found.items():
        numbers = [measured.value, *(measured.per_picture or ()), *measured.more.values()]
        numbers += [
            each for each in (measured.low, measured.high, measured.floor, measured.ceiling) if each is not None
        ]
        assert all(type(number) is float for number in numbers), name
        json.dumps(numbers, allow_nan=False)
        assert measured.low is None or measured.low <= measured.value <= measured.high, name
        assert len(measured.per_picture or judged.results) == len(judged.results), name


def test_offline_ones_need_no_weights(judged, tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    nothing = Tools(download=False)
    names = set(METRICS.names()) - {name for name in METRICS.names() if "teaching" in METRICS[name].needs}
    found, left_out = take([METRICS[name] for name in sorted(names)], judged, nothing, lenient=True)
    assert set(found) == set(GROUPS["offline"]) & names
    assert set(left_out) == names - set(found)
    assert all("are not on this machine: fetch https://" in why for why in left_out.values())
    with pytest.raises(Unmeasurable, match=r"put it into .*, or name it or its folder with --metrics_weights"):
        take(chosen_metrics("fid"), judged, nothing)
