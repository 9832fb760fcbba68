"""Archives from elsewhere: what they may hold, and that what they may not hold goes nowhere."""

import io
import shutil
import stat
import tarfile
import zipfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from translate.data.archives import Limits, Unpacked, in_words, unpack
from translate.errors import InputError, RunError

KINDS = ("zip", "tar", "tar.gz", "tar.xz")


def write(path, kind, members):
    """An archive of (name, content) or (TarInfo or ZipInfo, content)."""
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members:
                archive.writestr(member, content)
        return path
    with tarfile.open(path, f"w:{kind[4:]}") as archive:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def tar_member(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_member(name, kind):
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return info


@pytest.fixture
def folder(tmp_path):
    """An empty folder within another."""
    path = tmp_path / "outer" / "inner"
    path.mkdir(parents=True)
    return path


def content_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_files_and_folders_come_out_as_they_went_in(tmp_path, folder, kind):
    files = {"set/trainA/a.png": b"abc", "set/trainB/b.png": b"", "./set/notes.txt": b"x" * 10_000}
    archive = write(tmp_path / "archive", kind, files.items())  # its ending says nothing
    assert unpack(archive, folder) == Unpacked(3, 10_003)
    assert content_of(folder) == {name.removeprefix("./"): content for name, content in files.items()}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.dictionaries(
        st.lists(st.text("ab.é ", min_size=1, max_size=4).filter(lambda s: s.strip(". ")), min_size=1, max_size=3)
        .map(lambda parts: "/".join([f"{len(parts)}", *parts])),  # no file where another needs a folder
        st.binary(max_size=100),
        max_size=5,
    ),
    kind=st.sampled_from(KINDS),
)  # fmt: skip
def test_any_tree_comes_out_as_it_went_in(tmp_path, files, kind):
    folder = tmp_path / "any"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    assert unpack(write(tmp_path / "archive", kind, files.items()), folder).files == len(files)
    assert content_of(folder) == files


EVIL = {
    "../out.png": "leads out of its folder",
    "a/../../out.png": "leads out of its folder",
    "..\\out.png": "leads out of its folder",
    "/out.png": "has an absolute path",
    "\\out.png": "has an absolute path",
    "C:/out.png": "has an absolute path",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", EVIL)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path, folder, kind, name):
    archive = write(tmp_path / "archive", kind, [("good.png", b"good"), (name, b"evil")])
    before = content_of(tmp_path)
    with pytest.raises(InputError, match=f"archive is refused: its member .*out.png {EVIL[name]}; remove the archive"):
        unpack(archive, folder)
    shutil.rmtree(folder)  # what the caller does
    folder.mkdir()
    assert content_of(tmp_path) == before
    assert not Path("/out.png").exists()


SPECIAL = {
    "symlink": (tar_member("link", tarfile.SYMTYPE, "/etc/passwd"), "is a link"),
    "symlink to a neighbour": (tar_member("link", tarfile.SYMTYPE, "good.png"), "is a link"),
    "hard link": (tar_member("link", tarfile.LNKTYPE, "good.png"), "is a link"),
    "pipe": (tar_member("link", tarfile.FIFOTYPE), "is neither a file nor a folder"),
    "device": (tar_member("link", tarfile.CHRTYPE), "is neither a file nor a folder"),
    "zipped symlink": (zip_member("link", stat.S_IFLNK), "is a link"),
    "zipped device": (zip_member("link", stat.S_IFBLK), "is neither a file nor a folder"),
}


@pytest.mark.parametrize("what", SPECIAL)
def test_links_and_devices_are_refused(tmp_path, folder, what):
    member, why = SPECIAL[what]
    kind = "zip" if what.startswith("zipped") else "tar.gz"
    archive = write(tmp_path / "archive", kind, [("good.png", b"good"), (member, b"")])
    with pytest.raises(InputError, match=f"its member link {why}"):
        unpack(archive, folder)
    assert not (folder / "link").is_symlink() and not (folder / "link").exists()


def test_an_encrypted_member_is_refused(tmp_path, folder):
    archive = write(tmp_path / "archive", "zip", [("secret.png", b"secret")])
    content = bytearray(archive.read_bytes())
    for start in (content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8):
        content[start] |= 1
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"its member secret\.png is encrypted"):
        unpack(archive, folder)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb_is_refused_before_it_goes_off(tmp_path, folder, kind):
    archive = write(tmp_path / "archive", kind, [(f"{i}.png", bytes(17_000_000)) for i in range(4)])
    with pytest.raises(InputError, match=r"archive is refused: unpacked it takes more than 67 MB, which pictures"):
        unpack(archive, folder)
    assert sum(map(len, content_of(folder).values())) <= 64 * 2**20


@pytest.mark.parametrize("kind", KINDS)
def test_the_limits_are_kept_to_the_byte(tmp_path, folder, kind):
    archive = write(tmp_path / "archive", kind, [("a.png", bytes(500)), ("b.png", bytes(500))])
    assert unpack(archive, folder, Limits(2, 1000)) == Unpacked(2, 1000)
    for limits in (Limits(2, 999), Limits(2, always_bytes=999, ratio=0)):
        with pytest.raises(InputError, match="unpacked it takes more than 999 bytes"):
            unpack(archive, folder, limits)
    with pytest.raises(InputError, match="holds more than 1 files; unpack it by hand if you trust it"):
        unpack(archive, folder, Limits(1))


def test_pictures_that_fill_the_disk_anyway_are_allowed_by_their_ratio():
    assert Limits().allowed_bytes(10 * 2**30) == 200 * 2**30
    assert Limits().allowed_bytes(2**30) == 50 * 2**30
    assert Limits().allowed_bytes(1) == 64 * 2**20


def test_a_size_that_is_not_true_lets_nothing_through(tmp_path, folder):
    archive = write(tmp_path / "archive", "zip", [("a.png", bytes(5_000))])
    content = archive.read_bytes().replace((5_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    archive.write_bytes(content)
    with pytest.raises(InputError, match="archive is damaged"):
        unpack(archive, folder)
    assert sum(map(len, content_of(folder).values())) <= 10


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.999])
def test_a_part_of_an_archive_is_told(tmp_path, folder, kind, share):
    content = np.random.default_rng(0).bytes(20_000)
    whole = write(tmp_path / "archive", kind, [("a.png", content), ("b.png", content[::-1])]).read_bytes()
    end = len(whole) if kind != "tar" else len(whole) - 9 * 1024  # the padding is not missed
    archive = tmp_path / "archive"
    archive.write_bytes(whole[: int(share * end)])
    with pytest.raises(InputError, match=r"archive is (damaged|neither a zip nor a tar archive).*; remove it and"):
        unpack(archive, folder)


def test_a_tar_archive_that_ends_between_two_members_is_told(tmp_path, folder):
    archive = write(tmp_path / "archive", "tar", [("a.png", bytes(512)), ("b.png", bytes(512))])
    archive.write_bytes(archive.read_bytes()[:1024])
    with pytest.raises(InputError, match=r"archive is damaged \(it ends before its end\)"):
        unpack(archive, folder)


def test_a_web_page_is_no_archive(tmp_path, folder):
    (tmp_path / "page.zip").write_text("<html>sign in first</html>")
    with pytest.raises(InputError, match=r"page\.zip is neither a zip nor a tar archive; remove it and download it"):
        unpack(tmp_path / "page.zip", folder)


def test_a_small_disk_is_said_beforehand(tmp_path, folder, monkeypatch):
    archive = write(tmp_path / "archive", "zip", [("a.png", bytes(5_000_000))])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(4_000_000))
    with pytest.raises(RunError, match=r"unpacking .*archive needs 5 MB, and .*inner has 4 MB free; make room, or"):
        unpack(archive, folder)
    assert content_of(folder) == {}


def test_what_mac_os_adds_is_left_out(tmp_path, folder):
    members = [("set/trainA/a.png", b"a"), ("__MACOSX/set/trainA/._a.png", b"b")]
    assert unpack(write(tmp_path / "archive", "zip", members), folder) == Unpacked(1, 1)


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 KB"), (1_500, "1.5 KB"), (999_600, "1 MB"), (35_135_868, "35 MB"),
     (1_476_754_427, "1.5 GB"), (8.6e12, "8600 GB")],
)  # fmt: skip
def test_sizes_read_well(size, words):
    assert in_words(size) == words


@pytest.mark.parametrize("name", ["a/C:/train.py", "a/c:train.py", "C:/train.py"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_drive_of_windows_within_a_path_is_refused_everywhere(tmp_path, folder, kind, name):
    archive = write(tmp_path / f"evil.{kind}", kind, [("good.txt", b"1"), (name, b"evil")])
    with pytest.raises(InputError, match="has an absolute path"):
        unpack(archive, folder)


def test_a_name_of_megabytes_is_not_read(tmp_path, folder):
    long_name = "a" * 2**21
    archive = tmp_path / "long.tar"
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as made:
        made.addfile(tarfile.TarInfo("good.txt"))
        made.addfile(tarfile.TarInfo(long_name))
    with pytest.raises(InputError, match="a name in it has more than a million letters"):
        unpack(archive, folder)
