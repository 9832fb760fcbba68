"""A known dataset on the disk: laid out, recorded, complete or not at all."""

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from translate.data import fetching
from translate.data.archives import Limits
from translate.data.catalog import Download
from translate.data.fetching import fetch_dataset, is_there
from translate.errors import InputError, RunError

PICTURES = ("set/trainA/a.png", "set/trainB/b.png")
PATIENCE_S = 60


@pytest.fixture
def folder(tmp_path):
    """Where the dataset is to lie."""
    return tmp_path / "datasets" / "tiny"


def below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


@pytest.mark.parametrize(("file", "kind"), [("tiny.zip", "zip"), ("tiny.tar.gz", "tar.gz")])
@pytest.mark.parametrize("top", ["", "set/", "trainer/"])
def test_it_is_downloaded_unpacked_and_recorded(known, server, pack, folder, capsys, file, kind, top):
    server.files[file] = pack(f"{top}trainA/a.png", f"{top}trainB/b.png", kind=kind)
    fetch_dataset(known(file), folder)
    assert below(folder.parent) == [".tiny.lock", "tiny/dataset.json", "tiny/trainA/a.png", "tiny/trainB/b.png"]
    digest = hashlib.sha256(server.files[file]).hexdigest()
    record = json.loads((folder / "dataset.json").read_text())
    assert record["downloads"] == [{"url": server.url(file), "sha256": digest, "checked": False}]
    assert record["name"] == "tiny" and record["licence"] == "free as air"
    said = capsys.readouterr().out
    assert f"downloading tiny from {server.url(file)} to {folder}; licence: free as air; see http://example.org" in said
    assert "tiny: 2 files, " in said and f"in {folder}; SHA-256 of the download: {digest}" in said


def test_a_folder_in_the_archive_may_bear_its_own_name_again(known, server, pack, folder):
    server.files["tiny.zip"] = pack("set/set/x.png", "set/train/a.png")
    fetch_dataset(known("tiny.zip"), folder)
    assert below(folder) == ["dataset.json", "set/x.png", "train/a.png"]


def test_an_archive_without_a_folder_above_train_keeps_it(known, server, pack, folder):
    server.files["tiny.zip"] = pack("train/a.png")
    fetch_dataset(known("tiny.zip"), folder)
    assert below(folder) == ["dataset.json", "train/a.png"]


def test_domains_are_taken_from_where_the_archive_keeps_them(known, server, pack, folder):
    server.files["afhq.zip"] = pack("afhq/train/cat/a.png", "afhq/val/cat/c.png", "afhq/train/wild/w.png")
    fetch_dataset(known("afhq.zip", folders={"trainA": ("train/cat",), "testA": ("test/cat", "val/cat")}), folder)
    assert below(folder) == ["dataset.json", "testA/c.png", "trainA/a.png"]


def test_a_domain_that_the_archive_does_not_have_is_told(known, server, pack, folder):
    server.files["afhq.zip"] = pack("afhq/train/cat/a.png")
    with pytest.raises(InputError, match=r"tiny: the archive has no folder test/cat or val/cat; see http"):
        fetch_dataset(known("afhq.zip", folders={"testA": ("test/cat", "val/cat")}), folder)
    assert not folder.exists()


def test_single_files_go_where_they_belong(known, server, pack, folder):
    server.files |= {"a.png": pack("a"), "b.png": pack("b")}
    digest = hashlib.sha256(server.files["b.png"]).hexdigest()
    downloads = (
        Download((server.url("a.png"),), to="trainA/x.png"),
        Download((server.url("b.png"),), sha256=digest, to="trainB/y.png"),
    )
    fetch_dataset(known(downloads=downloads), folder)
    assert below(folder) == ["dataset.json", "trainA/x.png", "trainB/y.png"]
    assert [each["checked"] for each in json.loads((folder / "dataset.json").read_text())["downloads"]] == [False, True]


def test_what_is_there_is_used_whoever_put_it_there(known, server, folder):
    (folder / "testA").mkdir(parents=True)
    fetch_dataset(known("tiny.zip"), folder)
    assert server.requests == []
    assert is_there(folder)


def test_an_empty_folder_is_filled_and_another_s_is_left_alone(known, server, pack, folder):
    server.files["tiny.zip"] = pack(*PICTURES)
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"tiny is there but holds no trainA, train or the like; rename or remove it"):
        fetch_dataset(known("tiny.zip"), folder)
    assert below(folder) == ["mine.txt"] and server.requests == []
    (folder / "mine.txt").unlink()
    fetch_dataset(known("tiny.zip"), folder)
    assert is_there(folder)


def test_an_archive_that_lies_there_is_used(known, server, pack, folder, capsys):
    folder.parent.mkdir()
    (folder.parent / "tiny.zip").write_bytes(pack(*PICTURES))
    fetch_dataset(known("tiny.zip"), folder)
    assert server.requests == [] and is_there(folder)
    assert "tiny.zip is used" in capsys.readouterr().out
    assert (folder.parent / "tiny.zip").exists(), "who brought it may want to keep it"


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_to_another_disk_stays(known, server, pack, folder, tmp_path, exists):
    server.files["tiny.zip"] = pack(*PICTURES)
    folder.parent.mkdir(parents=True)
    (tmp_path / "disk").mkdir()
    if exists:
        (tmp_path / "disk" / "tiny").mkdir()
    folder.symlink_to(tmp_path / "disk" / "tiny")
    fetch_dataset(known("tiny.zip"), folder)
    assert folder.is_symlink() and is_there(tmp_path / "disk" / "tiny")


def test_an_archive_that_lies_there_and_is_another_is_kept(known, pack, folder):
    folder.parent.mkdir()
    (folder.parent / "tiny.zip").write_bytes(pack(*PICTURES))
    with pytest.raises(InputError, match=r"tiny\.zip is not the file that is known: its SHA-256 is .* in place of 00"):
        fetch_dataset(known("tiny.zip", sha256="00"), folder)
    assert (folder.parent / "tiny.zip").exists() and not folder.exists()


@pytest.mark.parametrize("name", ["../out.png", "/out.png", "set/trainA/../../../out.png"])
def test_an_evil_archive_leaves_nothing(known, server, pack, folder, tmp_path, name):
    server.files["tiny.zip"] = pack(*PICTURES, name)
    with pytest.raises(InputError, match="is refused"):
        fetch_dataset(known("tiny.zip"), folder)
    assert below(tmp_path) == ["datasets/.tiny.lock", "datasets/tiny.zip"]
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == []


def test_an_archive_of_too_many_files_leaves_nothing(known, server, pack, folder):
    server.files["tiny.zip"] = pack(*(f"trainA/{index}.png" for index in range(30)))
    with pytest.raises(InputError, match="holds more than 29 files"):
        fetch_dataset(known("tiny.zip"), folder, limits=Limits(29))
    assert not folder.exists()


def test_a_wrong_checksum_leaves_nothing(known, server, pack, folder):
    server.files["tiny.zip"] = pack(*PICTURES)
    with pytest.raises(InputError, match="it was removed"):
        fetch_dataset(known("tiny.zip", sha256="00"), folder)
    assert below(folder.parent) == [".tiny.lock"]


def test_an_archive_without_pictures_is_told(known, server, pack, folder):
    server.files["tiny.zip"] = pack("set/readme.txt", "set/trainA/readme.txt")
    with pytest.raises(InputError, match="tiny: what was downloaded holds no pictures of any phase; see http"):
        fetch_dataset(known("tiny.zip"), folder)
    assert not folder.exists()


def test_without_a_network_it_says_what_to_fetch_and_where_to_put_it(known, folder, free_port):
    url = "http://host.invalid/tiny.zip"
    with pytest.raises(InputError) as told:
        fetch_dataset(known(downloads=(Download((url,)),)), folder)
    assert str(told.value).startswith(f"tiny could not be downloaded ({url}: ")
    assert str(told.value).endswith(f"; try again, or fetch by hand {url} to {folder.parent / 'tiny.zip'}")
    with pytest.raises(InputError, match=f"fetch by hand {url} to {folder / 'trainA/a.png'}"):
        fetch_dataset(known(downloads=(Download((url,), to="trainA/a.png"),)), folder)


def test_what_needs_registering_is_said(known, folder):
    with pytest.raises(InputError, match="tiny is not free to download; by hand: register at the town hall"):
        fetch_dataset(known(downloads=(), instructions="register at the town hall"), folder)
    assert not folder.parent.exists()


def test_a_place_that_cannot_be_made_is_told_with_its_flag(known, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot make .*file.* give another --to"):
        fetch_dataset(known("tiny.zip"), tmp_path / "file" / "datasets" / "tiny", flag="--to")


CALL = """
import sys
from pathlib import Path
from translate.data.catalog import Download, KnownDataset
from translate.data.fetching import fetch_dataset
url, folder = sys.argv[1:]
fetch_dataset(KnownDataset("tiny", {"A": "a"}, "free", "page", downloads=(Download((url,)),)), Path(folder))
"""


@pytest.fixture
def start(server, folder, tmp_path):
    """start(): another process that fetches the same, and the file of what it says."""
    running = []

    def begin():
        words = [sys.executable, "-u", "-c", CALL, server.url("tiny.zip"), str(folder)]
        said = tmp_path / f"said {len(running)}.txt"
        with said.open("w") as stream:
            running.append(subprocess.Popen(words, cwd=Path(__file__).resolve().parents[2], stdout=stream))
        return running[-1], said

    yield begin
    for process in running:
        process.kill()
        process.wait()


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


def test_two_processes_fetch_it_once(server, pack, folder, start):
    server.files["tiny.zip"] = pack(*PICTURES)
    server.hold.clear()
    processes, said = zip(start(), start(), strict=True)
    wait_for(lambda: server.requests and any("waiting for it" in file.read_text() for file in said))
    server.hold.set()
    assert [process.wait(timeout=PATIENCE_S) for process in processes] == [0, 0]
    assert len(server.requests) == 1
    assert sum("SHA-256 of the download" in file.read_text() for file in said) == 1
    assert below(folder) == ["dataset.json", "trainA/a.png", "trainB/b.png"]


def test_a_process_that_is_killed_leaves_what_has_arrived(known, server, pack, folder, start):
    server.files["tiny.zip"] = pack(*PICTURES)
    half = len(server.files["tiny.zip"]) // 2
    server.hold.clear()
    process, _ = start()
    part = folder.parent / "tiny.zip.part"
    wait_for(lambda: part.is_file() and part.stat().st_size == half)
    process.kill()
    process.wait()
    server.hold.set()
    fetch_dataset(known("tiny.zip"), folder)
    assert server.requests[-1].range == f"bytes={half}-"
    assert below(folder) == ["dataset.json", "trainA/a.png", "trainB/b.png"]


def test_an_interruption_while_unpacking_leaves_the_archive(known, server, pack, folder, monkeypatch):
    server.files["tiny.zip"] = pack(*PICTURES)

    def interrupted(archive, target, limits):
        (target / "trainA").mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "unpack", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch_dataset(known("tiny.zip"), folder)
    assert below(folder.parent) == [".tiny.lock", "tiny.zip"] and not folder.exists()
    fetch_dataset(known("tiny.zip"), folder)
    assert len(server.requests) == 1 and is_there(folder)


def test_where_there_are_no_locks_it_is_fetched_all_the_same(known, server, pack, folder, monkeypatch):
    server.files["tiny.zip"] = pack(*PICTURES)
    monkeypatch.setattr(fetching, "fcntl", None)
    fetch_dataset(known("tiny.zip"), folder)
    assert is_there(folder)
