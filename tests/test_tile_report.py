"""The report on tiles: seams are found where there are some, and the tables can be made."""

import importlib.util
import multiprocessing
import sys
from pathlib import Path

import pytest
import torch

from translate.errors import InputError, RunError
from translate.networks import build_generator

SCRIPT = Path(__file__).resolve().parent.parent / "scripts/tile_report.py"


@pytest.fixture(scope="module")
def report():
    spec = importlib.util.spec_from_file_location("tile_report", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_ramp_has_no_seams_and_tiles_of_other_brightness_have(report):
    ramp = torch.linspace(0, 255, 128).expand(3, 128, 128)
    ramp = ramp + ramp.transpose(1, 2)
    assert report.seam_ratio(ramp, 32) == pytest.approx(1, abs=1e-3)
    brighter = ramp.clone()
    brighter[:, 32:64, 32:64] += 20  # a tile
    assert report.seam_ratio(brighter, 32) > 1.5
    elsewhere = ramp.clone()
    elsewhere[:, 40:72, 40:72] += 20
    assert report.seam_ratio(elsewhere, 32) < 1


def test_operations_are_those_of_the_convolutions(report):
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.ConvTranspose2d(5, 2, 4, stride=2))
    counts = report.count_operations(network)
    network(torch.zeros(1, 3, 10, 12))
    assert counts == [2 * 8 * 10 * 5 * 3 * 9, 2 * 8 * 10 * 5 * 2 * 16]


def test_a_row_for_each_way_and_exact_is_the_whole(report, random_picture, tmp_path, capsys):
    random_picture(40, 30).save(tmp_path / "x.png")
    words = "--netG resnet_4blocks --ngf 2 --gpu_ids -1 --size 0 --compare_size 96 --compare_tile 64 --picture"
    report.main([*words.split(), str(tmp_path / "x.png")])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if ", fp32 |" in line]
    assert [row[0] for row in rows] == ["| whole, fp32", "| exact, fp32", "| lowres, fp32"]
    whole, exact, lowres = (float(row[1]) for row in rows)
    assert whole == 0
    assert exact < 0.05 < lowres


@pytest.mark.parametrize(("words", "said"), [
    ("--run nowhere", "no run 'nowhere'"),
    ("--picture nowhere.png", r"nowhere\.png does not exist"), ("--tile 64 --run unet", "is about resnet generators"),
])  # fmt: skip
@pytest.mark.parametrize("size", ["--size 64 --compare_size 0", "--size 0 --compare_size 64"])
def test_what_cannot_be_is_said_in_a_sentence(report, tmp_path, monkeypatch, words, said, size):
    """Also by the process that measures, of which nobody sees the traceback."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    monkeypatch.setitem(sys.modules, "tile_report", report)  # where the other process finds what it runs
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unet").mkdir()
    torch.save(build_generator("unet_128", ngf=1).state_dict(), tmp_path / "unet/latest_net_G.pth")
    with pytest.raises(InputError, match=said):
        report.main(f"--netG resnet_4blocks --ngf 2 --gpu_ids -1 {size} {words}".split())


def test_a_process_that_dies_is_told_with_the_remedy(report):
    ours, theirs = multiprocessing.Pipe()
    theirs.close()
    with pytest.raises(RunError, match="the process of whole died, most likely for want of memory; give a smaller --s"):
        report._answer(ours, "whole")
