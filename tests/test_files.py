"""Files that are whole or not there."""

import errno
import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate import files
from translate.errors import RunError
from translate.files import _umask, remove_leftovers, replace_atomically, write_json, write_text

OUTGROW_THE_LIMIT = """
import resource, signal, sys
from pathlib import Path
from translate.errors import RunError
from translate.files import replace_atomically

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    replace_atomically(Path(sys.argv[1]), lambda file: file.write(b"new" * 1000))
except RunError as error:
    print(error)
"""


@pytest.fixture
def former(tmp_path):
    """A file with content that must not be lost."""
    path = tmp_path / "latest_state.pth"
    path.write_bytes(b"former")
    return path


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def write_half_and_raise(error):
    def write(file):
        file.write(b"half of the new")
        raise error

    return write


def test_the_new_content_replaces_the_former(former):
    replace_atomically(former, lambda file: file.write(b"new"))
    assert former.read_bytes() == b"new"
    assert names_in(former.parent) == [former.name]


def test_folders_on_the_way_are_made(tmp_path):
    replace_atomically(tmp_path / "a/b/c.bin", lambda file: file.write(b"x"))
    assert (tmp_path / "a/b/c.bin").read_bytes() == b"x"


@pytest.mark.parametrize("letter", ["n", "ü", "馬"])
def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path, letter):
    name = letter * (255 // len(os.fsencode(letter)))
    replace_atomically(tmp_path / name, lambda file: file.write(b"x"))
    assert names_in(tmp_path) == [name]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("stream failed")])
def test_a_refused_write_keeps_the_former_content_and_is_said(former, error):
    with pytest.raises(RunError, match=r"cannot write .*latest_state\.pth: .*; free some space") as refused:
        replace_atomically(former, write_half_and_raise(error))
    assert refused.value.__cause__ is error
    assert former.read_bytes() == b"former"
    assert names_in(former.parent) == [former.name]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError()])
def test_an_interruption_or_a_defect_passes_and_keeps_the_former_content(former, error):
    with pytest.raises(type(error)):
        replace_atomically(former, write_half_and_raise(error))
    assert former.read_bytes() == b"former"
    assert names_in(former.parent) == [former.name]


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_failure_of_any_step_keeps_the_former_content(former, monkeypatch, step):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(RunError, match="Input/output error"):
        replace_atomically(former, lambda file: file.write(b"new"))
    assert former.read_bytes() == b"former"
    assert names_in(former.parent) == [former.name]


def test_the_content_is_on_the_disk_before_the_name_is(former, monkeypatch, fsync):
    order = []
    real_replace = os.replace

    def sync(descriptor):
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def replace(source, target):
        order.append("rename")
        assert Path(source).read_bytes() == b"new"
        real_replace(source, target)

    monkeypatch.setattr(files.os, "fsync", sync)
    monkeypatch.setattr(files.os, "replace", replace)
    replace_atomically(former, lambda file: file.write(b"new"))
    assert order == ["file", "rename", "folder"]


def test_a_disk_that_is_full_keeps_the_former_content(former):
    words = [sys.executable, "-c", OUTGROW_THE_LIMIT, str(former)]
    ended = subprocess.run(words, cwd=Path(files.__file__).parent.parent, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "File too large" in ended.stdout
    assert former.read_bytes() == b"former"
    assert names_in(former.parent) == [former.name]


@pytest.mark.parametrize("target", ["is a folder", "is below a file"])
def test_a_place_that_cannot_be_written_is_said(tmp_path, target):
    path = tmp_path / "x"
    if target == "is a folder":
        (path / "inner").mkdir(parents=True)
    else:
        path.write_text("a file")
        path = path / "y"
    with pytest.raises(RunError, match="cannot write"):
        write_text(path, "new")
    assert names_in(tmp_path) == ["x"]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_any_new_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_text(tmp_path / "ours", "x")
        (tmp_path / "theirs").write_text("x")
        assert os.umask(mask) == mask, "the mask is left as it was"
    finally:
        os.umask(before)
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_threads_that_write_at_once_leave_the_mask_as_it_was(tmp_path):
    before = os.umask(0o022)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: [_umask() for _ in range(2000)], range(8)))
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path):
    kept = ["latest_net_G.pth", "notes.tmp", ".hidden", "tmp"]
    for name in [*kept, ".latest_state.pth.abc123.tmp", ".run.json.x.tmp"]:
        (tmp_path / name).touch()
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/.a.b.tmp").touch()
    remove_leftovers(tmp_path)
    assert names_in(tmp_path) == sorted([*kept, "inner"])
    assert names_in(tmp_path / "inner") == [".a.b.tmp"]
    remove_leftovers(tmp_path / "missing")


def test_a_process_killed_while_it_writes_leaves_what_is_recognised_as_a_leftover(former, monkeypatch):
    monkeypatch.setattr(files, "_remove_quietly", lambda path: None)
    with pytest.raises(KeyboardInterrupt):
        replace_atomically(former, write_half_and_raise(KeyboardInterrupt()))
    monkeypatch.undo()
    assert len(names_in(former.parent)) == 2
    remove_leftovers(former.parent)
    assert names_in(former.parent) == [former.name]


def test_text_is_utf8_with_plain_line_ends(tmp_path):
    write_text(tmp_path / "x.txt", "ж\n")
    assert (tmp_path / "x.txt").read_bytes() == "ж\n".encode()


@settings(max_examples=10)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_comes_back_as_it_was(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "content.json"
    write_json(path, content)
    assert json.loads(path.read_text(encoding="utf-8")) == content


def test_json_keeps_letters_readable_and_names_that_are_no_text(tmp_path):
    content = {"root": "/данные/caf\udce9"}
    write_json(tmp_path / "run.json", content)
    text = (tmp_path / "run.json").read_text(encoding="utf-8")
    assert "данные" in text
    assert json.loads(text) == content
