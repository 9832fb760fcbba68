from pathlib import Path

import pytest

from translate.data import checking
from translate.data.checking import Report, check_geometry, check_pictures, detect_channels, raise_or_skip, smallest
from translate.data.preprocess import Preprocess
from translate.data.reading import Header
from translate.errors import InputError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def mixed(make_picture):
    """Good and bad pictures, in an order that is not that of their names."""
    good = [make_picture("c.png", 20, 12), make_picture("a.png", 8, 9, mode="L")]
    truncated = make_picture("b.jpg", 100, 100)
    truncated.write_bytes(truncated.read_bytes()[:2000])
    text = truncated.with_name("d.png")
    text.write_text("not a picture")
    return [good[0], truncated, good[1], text]


@pytest.fixture
def count_reads(monkeypatch):
    """The paths that were decoded."""
    read = []
    original = checking.read_picture
    monkeypatch.setattr(checking, "read_picture", lambda path: read.append(path) or original(path))
    return read


@pytest.mark.parametrize("workers", [None, 1, 4])
def test_good_and_bad_are_told_apart_in_the_given_order(mixed, workers):
    report = check_pictures(mixed, workers=workers, progress=False)
    assert list(report.headers.items()) == [(mixed[0], Header(20, 12, 3)), (mixed[2], Header(8, 9, 1))]
    assert list(report.bad) == [mixed[1], mixed[3]]
    assert "cannot be decoded" in report.bad[mixed[1]]
    assert "is text, not a picture" in report.bad[mixed[3]]


def test_good_pictures_are_decoded_once_in_all_runs(mixed, count_reads, make_picture, tmp_path):
    first = check_pictures(mixed, progress=False)
    assert sorted(count_reads) == sorted(mixed)
    count_reads.clear()
    assert check_pictures(mixed, progress=False) == first
    assert sorted(count_reads) == sorted(first.bad)
    count_reads.clear()
    make_picture("c.png", 30, 40)
    assert check_pictures(mixed, progress=False).headers[mixed[0]] == Header(30, 40, 3)
    assert mixed[0] in count_reads
    count_reads.clear()
    check_pictures(mixed, cache_folder=tmp_path / "another", progress=False)
    assert sorted(count_reads) == sorted(mixed)


def test_an_interrupted_check_remembers_what_it_has_seen(make_picture, monkeypatch, count_reads):
    paths = [make_picture(f"{i}.png") for i in range(5)]
    examine = checking._examine

    def interrupted(path):
        if path == paths[3]:
            raise KeyboardInterrupt
        return examine(path)

    monkeypatch.setattr(checking, "_examine", interrupted)
    with pytest.raises(KeyboardInterrupt):
        check_pictures(paths, workers=1, progress=False)
    monkeypatch.setattr(checking, "_examine", examine)
    count_reads.clear()
    assert len(check_pictures(paths, progress=False).headers) == 5
    assert set(count_reads) == set(paths[3:])


def test_repeated_and_no_paths(make_picture):
    path = make_picture("x.png")
    assert list(check_pictures([path, path], progress=False).headers) == [path]
    assert check_pictures([], progress=False) == Report()


def test_a_bar_is_shown_only_for_long_work(mixed, monkeypatch, capsys, tmp_path):
    check_pictures(mixed, label="trainA")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(checking, "PROGRESS_AFTER_S", 0)
    check_pictures(mixed, label="trainA", progress=False)
    assert capsys.readouterr().err == ""
    check_pictures(mixed, label="trainA", cache_folder=tmp_path / "another")
    out, err = capsys.readouterr()
    assert out == ""
    assert "trainA" in err
    assert "4/4" in err


def test_offenders_are_named_in_one_message(mixed):
    report = check_pictures(mixed, progress=False)
    with pytest.raises(InputError) as caught:
        raise_or_skip(report, skip=False)
    message = str(caught.value)
    assert message.startswith("2 of 4 pictures cannot be used")
    assert f"{mixed[1]} cannot be decoded" in message
    assert f"{mixed[3]} is text" in message
    assert "--skip_bad_images" in message
    assert "more" not in message
    assert raise_or_skip(report, skip=True) == [mixed[0], mixed[2]]


def test_only_the_first_twenty_offenders_are_named(tmp_path):
    paths = [tmp_path / f"{i:02}.png" for i in range(23)]
    report = Report({tmp_path / "good.png": Header(4, 4, 3)}, dict.fromkeys(paths, "is empty"))
    with pytest.raises(InputError) as caught:
        raise_or_skip(report, skip=False)
    assert str(caught.value).count("is empty") == 20
    assert "19.png" in str(caught.value)
    assert str(caught.value).endswith("and 3 more")


def test_nothing_left_is_an_error_even_when_skipping(tmp_path):
    report = Report(bad={tmp_path / "x.png": "is empty"})
    with pytest.raises(InputError, match="1 of 1 pictures cannot be used") as caught:
        raise_or_skip(report, skip=True)
    assert "--skip_bad_images" not in str(caught.value)
    assert raise_or_skip(Report(), skip=True) == []


def test_small_pictures_are_named_with_remedies(tmp_path):
    headers = {tmp_path / f"{i}.png": Header(180, 240, 3) for i in range(13)}
    headers[tmp_path / "fine.png"] = Header(300, 300, 3)
    with pytest.raises(InputError) as caught:
        check_geometry(headers, Preprocess("crop", 286, 256), 1)
    message = str(caught.value)
    assert message.startswith(f"crop_size 256 is larger than {tmp_path / '0.png'} (180x240); use")
    assert "--crop_size 180" in message
    assert message.count("180x240") == 11
    assert message.endswith("and 2 more")
    assert "fine.png" not in message


@pytest.mark.parametrize("words", ["resize_and_crop", "scale_width_and_crop", "zoom_and_patch", "trim", "none"])
def test_what_fits_is_accepted(tmp_path, words):
    check_geometry({tmp_path / "x.png": Header(20, 30, 3)}, Preprocess(words), 1)


def test_a_load_size_below_the_crop_size_is_refused(tmp_path):
    with pytest.raises(InputError, match="--load_size 286 or --crop_size 128"):
        check_geometry({tmp_path / "x.png": Header(500, 500, 3)}, Preprocess(load_size=128), 1)


def test_batches_need_pictures_of_one_size(tmp_path):
    headers = {tmp_path / "a.png": Header(40, 40, 3), tmp_path / "b.png": Header(41, 40, 3)}
    check_geometry(headers, Preprocess("none"), 2)  # both are rounded to 40x40
    headers[tmp_path / "c.png"] = Header(40, 60, 3)
    check_geometry(headers, Preprocess("none"), 1)
    words = (
        r"--batch_size 2 needs pictures of one size.* none .*a\.png becomes 40x40 .*: .*c\.png \(40x60\); use --batch"
    )
    with pytest.raises(InputError, match=words) as caught:
        check_geometry(headers, Preprocess("none"), 2)
    assert "b.png" not in str(caught.value)
    check_geometry(headers, Preprocess(), 2)


def test_zoom_alone_gives_batches_of_random_sizes(tmp_path):
    headers = {tmp_path / "a.png": Header(400, 400, 3)}
    check_geometry(headers, Preprocess("zoom"), 1)
    with pytest.raises(InputError, match=r"in a random one; use --batch_size 1"):
        check_geometry(headers, Preprocess("zoom"), 2)
    check_geometry(headers, Preprocess("zoom_and_crop"), 2)
    check_geometry({}, Preprocess("zoom"), 2)


def test_a_domain_is_grey_only_if_all_of_it_is(tmp_path):
    grey = {tmp_path / "g.png": Header(4, 4, 1)}
    both = {**grey, tmp_path / "c.png": Header(4, 4, 3)}
    assert detect_channels(grey, both) == (1, 3)
    assert detect_channels(both, grey) == (3, 1)
    assert detect_channels(grey, grey) == (1, 1)
    assert detect_channels(grey, {}) == (1, 3)


def test_the_smallest_picture_that_comes_out():
    a, b = Path("a.png"), Path("b.png")
    domains = {a: Header(90, 40, 3)}, {b: Header(31, 200, 3)}
    assert smallest([Preprocess("none"), None], *domains) == (b, (32, 200))
    assert smallest([Preprocess("none"), Preprocess(load_size=20, crop_size=16)], *domains)[1] == (16, 16)
    assert smallest([Preprocess("zoom", crop_size=16)], *domains) is None  # random
    assert smallest([Preprocess("none")], {}) is None
