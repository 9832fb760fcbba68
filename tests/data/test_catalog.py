"""The list of known datasets: its entries, its names, its places, and the table in the manual."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from translate.data import catalog as module
from translate.data.catalog import Catalog, Download, KnownDataset, load_catalog
from translate.data.catalog_table import markdown_table, text_table
from translate.data.fetching import DOMAINS
from translate.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]
CATALOG = load_catalog()
# What the download scripts of CUT, CycleGAN and pix2pix accept, and what the README of CUT tells how to make.
REFERENCE = (
    *("ae_photos", "apple2orange", "summer2winter_yosemite", "horse2zebra", "monet2photo", "cezanne2photo"),
    *("ukiyoe2photo", "vangogh2photo", "maps", "cityscapes", "facades", "iphone2dslr_flower", "mini", "mini_pix2pix"),
    *("mini_colorization", "grumpifycat", "night2day", "edges2handbags", "edges2shoes", "cat2dog"),
    "single_image_monet_etretat",
)


@pytest.mark.parametrize("name", REFERENCE)
def test_every_dataset_of_the_reference_is_known(name):
    assert CATALOG[name].name == name


@pytest.mark.parametrize("known", CATALOG.datasets, ids=CATALOG.names())
def test_an_entry_says_what_people_must_know(known):
    assert known.licence and known.page.startswith("https://")
    assert set(known.counts) <= set(DOMAINS) and all(count > 0 for count in known.counts.values())
    assert known.pairs <= ("trainA" not in known.counts)
    for download in known.downloads:
        assert download.sha256 is None or re.fullmatch("[0-9a-f]{64}", download.sha256)
        assert (download.sha256 is None) == (download.bytes is None)
        # Where the checksum is known it does not matter which way the file comes.
        assert download.urls[0].startswith("https://") or len(download.urls) == 1
    assert CATALOG.for_pairs(known).pairs or not known.paired


def test_sets_that_need_registering_have_no_address():
    for name in ("cityscapes", "gta5"):
        assert CATALOG[name].downloads == () and "register at https://" in CATALOG[name].instructions


@given(st.data())
def test_case_and_dashes_do_not_count(data):
    name = data.draw(st.sampled_from(CATALOG.names()))
    case = data.draw(st.lists(st.booleans(), min_size=len(name), max_size=len(name)))
    typed = "".join(char.upper() if up else char for char, up in zip(name, case, strict=True))
    assert CATALOG.find(typed.replace("_", data.draw(st.sampled_from(["-", "", "_"])))).name == name


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(InputError, match=r"unknown dataset 'horse2zebr': did you mean horse2zebra\?"):
        CATALOG["horse2zebr"]
    assert CATALOG.find("nothing of the kind") is None


def test_the_size_is_that_of_all_files_or_unknown():
    def known(*sizes):
        return KnownDataset("x", {"A": "a"}, "", "", downloads=tuple(Download(("http://h/f",), size) for size in sizes))

    assert known(3, 4).bytes == 7
    assert known(3, None).bytes is None
    assert known().bytes is None


def test_the_list_is_that_of_the_library_or_its_absence_is_said(tmp_path, monkeypatch):
    assert CATALOG.file == REPOSITORY / "datasets" / "known.yaml"
    monkeypatch.setattr(module, "KNOWN", tmp_path / "none.yaml")
    with pytest.raises(InputError, match=r"the list of known datasets is missing: no file .*none\.yaml"):
        load_catalog()


GOOD = {"domains": {"A": "a"}, "licence": "free", "page": "http://h", "downloads": [{"urls": ["http://h/f.zip"]}]}
BAD = {
    "no downloads": ({"downloads": []}, "the entry x needs either downloads or instructions"),
    "both": ({"instructions": "ask"}, "the entry x needs either downloads or instructions"),
    "unknown field": ({"colour": "red"}, "the entry x is wrong: .*colour"),
    "no licence": ({"licence": ...}, "the entry x is wrong: .*licence"),
    "no domains": ({"domains": ...}, "the entry x is wrong: 'domains'"),
    "no domain A": ({"domains": {"B": "b"}}, "domains needs words for A"),
    "no words": ({"domains": {"A": "a", "b": None}}, "domains needs words for A"),
    "file address": ({"downloads": [{"urls": ["file:///etc/passwd"]}]}, "file:///etc/passwd is no http or https"),
    "no file name": ({"downloads": [{"urls": ["http://h/"]}]}, "'' cannot be the name of a file"),
    "leaving": ({"downloads": [{"urls": ["http://h/f"], "to": "../f"}]}, r"\.\./f leaves the dataset's folder"),
    "absolute": ({"downloads": [{"urls": ["http://h/f"], "to": "/f"}]}, "/f leaves the dataset's folder"),
    "no entry": (None, "the entry x is wrong"),
}


def write(path, entry, name="x"):
    if entry is not None:
        entry = {key: value for key, value in {**GOOD, **entry}.items() if value is not ...}
    path.write_text(yaml.safe_dump({"datasets": {name: entry}}))
    return path


@pytest.mark.parametrize("what", BAD)
def test_a_wrong_entry_is_named(tmp_path, what):
    change, told = BAD[what]
    assert load_catalog(write(tmp_path / "good.yaml", {})).names() == ["x"]
    with pytest.raises(InputError, match=f"bad.yaml: .*{told}"):
        load_catalog(write(tmp_path / "bad.yaml", change))


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "a\\b", ".hidden", "c:"])
def test_a_name_that_is_a_path_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="cannot be the name of a file"):
        load_catalog(write(tmp_path / "bad.yaml", {}, name))


@pytest.mark.parametrize("content", ["[", "a list", "datasets: 3", "", "\xff"])
def test_another_file_is_no_list(tmp_path, content):
    (tmp_path / "bad.yaml").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match="is no list of datasets"):
        load_catalog(tmp_path / "bad.yaml")


def test_a_name_for_two_datasets_is_refused():
    known = KnownDataset("a-b", {"A": "a"}, "", "")
    with pytest.raises(InputError, match="AB names two datasets"):
        Catalog([known, KnownDataset("c", {"A": "a"}, "", "", aliases=("AB",))])


def test_the_manual_holds_the_table_of_the_list():
    manual = (REPOSITORY / "datasets" / "README.md").read_text(encoding="utf-8")
    section = manual[manual.index("## Known datasets") : manual.index("## Pictures")]
    table = "\n".join(line for line in section.splitlines() if line.startswith("|"))
    assert table == markdown_table(CATALOG), "python scripts/download_dataset.py --markdown prints the new one"


def test_the_table_of_the_terminal_says_it_all():
    lines = text_table(CATALOG).splitlines()
    row = next(line for line in lines if line.startswith("horse2zebra"))
    assert re.split(r"  +", row) == ["horse2zebra", "horses | zebras", "1,067 / 1,334, test 120 / 140", "117 MB"]
    assert "    licence: Creative Commons BY-NC 4.0, NAVER Corporation (AFHQ)" in lines
    assert "    also called: afhq, afhq_cat2dog" in lines
    assert max(map(len, lines)) <= 140
    assert any(line.startswith("cityscapes") and line.endswith("by hand") for line in lines)
    assert any(line.startswith("facades_pairs") and "400 pairs" in line for line in lines)
