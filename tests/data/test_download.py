"""Files from a web server of this machine: whole, broken off, changed, wrong, and not to be had."""

import hashlib
import io
import json
import shutil
import ssl
import urllib.error
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from translate.data import download as module
from translate.data.catalog import Download
from translate.data.download import Unreachable, download, file_sha256
from translate.errors import InputError, RunError

CONTENT = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(310_000)


@pytest.fixture
def fetch(server, tmp_path):
    """fetch(**known): the file data.zip of the server, tried again at once and as often as there are pauses."""
    server.files.setdefault("data.zip", CONTENT)

    def start(pauses_s=(0, 0), urls=None, **known):
        return download(Download(urls or (server.url("data.zip"),), **known), tmp_path / "data.zip", pauses_s)

    return start


@pytest.fixture
def files(tmp_path):
    """The names of the files that there are."""
    return lambda: sorted(path.name for path in tmp_path.iterdir())


def test_a_file_arrives_and_its_checksum_is_told(fetch, files, tmp_path):
    assert fetch() == hashlib.sha256(CONTENT).hexdigest() == file_sha256(tmp_path / "data.zip")
    assert (tmp_path / "data.zip").read_bytes() == CONTENT
    assert files() == ["data.zip"]


def test_it_goes_on_where_it_broke_off_and_asks_for_the_rest_only(fetch, files, server, tmp_path, capsys):
    server.breaks = [100_000]
    fetch()
    assert (tmp_path / "data.zip").read_bytes() == CONTENT
    first, second = server.requests
    assert (first.range, first.sent) == (None, 100_000)
    assert (second.range, second.sent) == ("bytes=100000-", 200_000)
    assert second.if_range.strip('"').isdigit()
    assert files() == ["data.zip"]
    assert "the connection broke off; 100 KB are here, trying again in 0 s" in capsys.readouterr().out


def test_another_call_goes_on_too(fetch, files, server, tmp_path):
    server.breaks = [100_000]
    with pytest.raises(Unreachable, match="the connection broke off"):
        fetch(pauses_s=())
    assert files() == ["data.zip.part", "data.zip.part.json"]
    assert (tmp_path / "data.zip.part").read_bytes() == CONTENT[:100_000]
    fetch(pauses_s=())
    assert server.requests[1].sent == 200_000
    assert (tmp_path / "data.zip").read_bytes() == CONTENT


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    breaks=st.lists(st.integers(0, 120_000), max_size=3),
    takes_ranges=st.booleans(),
    tags=st.booleans(),
    checks=st.booleans(),
)
def test_however_it_breaks_off_the_file_is_right(fetch, files, server, tmp_path, breaks, takes_ranges, tags, checks):
    server.breaks, server.takes_ranges, server.tags, server.checks = list(breaks), takes_ranges, tags, checks
    fetch(pauses_s=(0, 0, 0))
    assert (tmp_path / "data.zip").read_bytes() == CONTENT
    assert files() == ["data.zip"]


def test_a_server_without_ranges_sends_it_again_from_the_start(fetch, server, tmp_path):
    server.breaks, server.takes_ranges = [100_000], False
    fetch()
    assert [request.sent for request in server.requests] == [100_000, 300_000]
    assert (tmp_path / "data.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("tags", [True, False])
@pytest.mark.parametrize("checks", [True, False])
def test_a_file_that_changed_meanwhile_is_fetched_anew(fetch, server, tmp_path, tags, checks):
    """The second server takes no notice of If-Range; without tags it is the size that tells."""
    server.breaks, server.tags, server.checks = [100_000], tags, checks
    with pytest.raises(Unreachable):
        fetch(pauses_s=())
    server.files["data.zip"] = OTHER
    fetch(pauses_s=())
    assert (tmp_path / "data.zip").read_bytes() == OTHER


def test_a_weak_tag_does_not_vouch_for_bytes(fetch, server, tmp_path):
    server.breaks = [100_000]
    with pytest.raises(Unreachable):
        fetch(pauses_s=())
    about = tmp_path / "data.zip.part.json"
    weak = {**json.loads(about.read_text()), "etag": 'W/"1"', "last_modified": "Mon, 02 Jan 2023 10:00:00 GMT"}
    about.write_text(json.dumps(weak))
    fetch(pauses_s=())
    assert server.requests[1].if_range == "Mon, 02 Jan 2023 10:00:00 GMT"


@pytest.mark.parametrize("about", [None, "{", "[]"])
def test_a_part_of_which_nothing_is_known_is_not_gone_on_with(fetch, server, tmp_path, about):
    (tmp_path / "data.zip.part").write_bytes(OTHER[:1000])
    if about is not None:
        (tmp_path / "data.zip.part.json").write_text(about)
    fetch()
    assert server.requests[0].range is None
    assert (tmp_path / "data.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("extra", [0, 5])
def test_a_part_that_is_whole_is_taken_and_one_that_is_too_long_is_not(fetch, server, tmp_path, extra):
    server.breaks = [299_999]
    with pytest.raises(Unreachable):
        fetch(pauses_s=())
    (tmp_path / "data.zip.part").write_bytes(CONTENT + b"x" * extra)
    fetch(pauses_s=())
    assert (tmp_path / "data.zip").read_bytes() == CONTENT
    assert len(server.requests) == (2 if extra == 0 else 3)


def test_a_file_with_another_checksum_is_removed(fetch, files):
    with pytest.raises(InputError, match=f"SHA-256 {hashlib.sha256(CONTENT).hexdigest()} in place of 00ff; it was"):
        fetch(sha256="00ff")
    assert files() == []
    with pytest.raises(InputError, match="fetch and unpack it by hand"):
        fetch(sha256="00ff")
    with pytest.raises(InputError, match="fetch it by hand"):
        fetch(sha256="00ff", to="weights/data.zip")


@pytest.mark.parametrize("digits", [64, 8])
def test_the_right_checksum_and_size_are_accepted(fetch, files, digits):
    """The whole checksum, or as many digits of it as are known."""
    fetch(sha256=hashlib.sha256(CONTENT).hexdigest()[:digits], bytes=300_000)
    assert files() == ["data.zip"]


def test_a_file_of_another_size_is_not_even_begun(fetch, files):
    with pytest.raises(Unreachable, match="has 300,000 bytes, the one that is known has 299,999"):
        fetch(bytes=299_999)
    assert files() == []


def test_what_is_not_there_is_asked_for_once(fetch, server):
    server.files["data.zip"] = 404
    with pytest.raises(Unreachable, match="the server answers 404 Not Found"):
        fetch()
    assert len(server.requests) == 1


def test_a_server_that_is_busy_is_asked_again(fetch, server, tmp_path):
    server.files["data.zip"] = [503, 429, CONTENT]
    fetch()
    assert (tmp_path / "data.zip").read_bytes() == CONTENT


def test_a_server_that_stays_busy_is_given_up(fetch, server):
    server.files["data.zip"] = 503
    with pytest.raises(Unreachable, match="503"):
        fetch()
    assert len(server.requests) == 3


def test_the_next_address_is_tried(fetch, server, tmp_path, capsys):
    fetch(urls=(server.url("gone.zip"), "http://host.invalid/data.zip", server.url("data.zip")))
    assert (tmp_path / "data.zip").read_bytes() == CONTENT
    assert "gone.zip: the server answers 404 Not Found; trying the next address" in capsys.readouterr().out


def test_a_server_that_cannot_prove_who_it_is_is_not_asked_again(fetch, server, monkeypatch, tmp_path):
    ask, asked = module._ask, []

    def refuse(url, headers):
        asked.append(url)
        if url.startswith("https:"):
            raise urllib.error.URLError(ssl.SSLCertVerificationError(1, "certificate verify failed"))
        return ask(url, headers)

    monkeypatch.setattr(module, "_ask", refuse)
    secure = server.url("data.zip").replace("http:", "https:")
    fetch(urls=(secure, server.url("data.zip")))
    assert asked == [secure, server.url("data.zip")]


def test_where_nobody_answers_each_address_is_named(fetch, server, free_port, files):
    urls = ("http://host.invalid/data.zip", f"http://127.0.0.1:{free_port}/data.zip")
    with pytest.raises(Unreachable, match=r"host\.invalid/data\.zip: .+; http://127.+/data\.zip: Connection refused"):
        fetch(urls=urls, pauses_s=(0,))
    assert files() == []


def test_a_host_without_an_address_is_not_waited_for(fetch, server, monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda seconds: pytest.fail("waited"))
    with pytest.raises(Unreachable):
        fetch(urls=("http://host.invalid/data.zip",), pauses_s=(5,))


def test_a_server_may_send_on_to_web_servers_only(fetch, server, tmp_path):
    server.files |= {"moved.zip": server.url("data.zip"), "trap.zip": "ftp://127.0.0.1/etc/passwd"}
    fetch(urls=(server.url("moved.zip"),))
    assert (tmp_path / "data.zip").read_bytes() == CONTENT
    with pytest.raises(Unreachable, match=r"sends on to ftp://127.0.0.1/etc/passwd, which is no web address"):
        fetch(urls=(server.url("trap.zip"),))


def test_a_small_disk_is_said_before_anything_is_written(fetch, files, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(599_999))
    with pytest.raises(RunError, match=r"data\.zip needs 600 KB, and .* has 600 KB free; make room"):
        fetch()
    assert files() == []
    fetch(to="trainA/data.zip")  # no archive, so nothing is unpacked from it


def test_a_full_disk_is_a_sentence(fetch, tmp_path):
    (tmp_path / "data.zip.part").symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"cannot write .*data\.zip\.part: No space left on device; free some space"):
        fetch()


def test_a_bar_shows_how_far_it_is_and_how_long_it_takes(fetch, server, monkeypatch):
    shown = io.StringIO()

    class Bar(module.tqdm):
        def __init__(self, **settings):
            super().__init__(**{**settings, "disable": False, "file": shown, "mininterval": 0})

    monkeypatch.setattr(module, "tqdm", Bar)
    server.breaks = [100_000]
    fetch()
    assert "data.zip:  33%" in shown.getvalue()  # where the second attempt begins
    assert "data.zip: 100%" in shown.getvalue()
    assert "300k/300k [" in shown.getvalue()
