"""Where weights are looked for, and the sentences where they are not to be had."""

import hashlib
import socket
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from torch import nn

from translate.evaluation.metric import Tools, Unmeasurable
from translate.evaluation.weights import ALEXNET, INCEPTION, KNOWN, VGG16, WeightsFile, load_extractor, weights_folder

TENSORS = {
    "features.0.weight": torch.arange(64 * 3 * 11 * 11.0).reshape(64, 3, 11, 11),
    "features.0.bias": torch.ones(64),
}


class Net(nn.Module):
    """A network that has nothing but AlexNet's first layer."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 64, 11))


def build(weights):
    network = Net()
    network.load_state_dict(weights)
    return network


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path, monkeypatch):
    """An empty cache, and an empty folder of torch's hub."""
    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))


@pytest.fixture
def offline(monkeypatch):
    """No network."""

    def refuse(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def published(tmp_path) -> WeightsFile:
    """A file that a server of this machine has, of the name that its checksum demands."""
    folder = tmp_path / "server"
    folder.mkdir()
    torch.save(TENSORS, folder / "made.pth")
    digest = hashlib.sha256((folder / "made.pth").read_bytes()).hexdigest()
    name = f"alexnet-made-{digest[:8]}.pth"
    (folder / "made.pth").rename(folder / name)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield WeightsFile("alexnet-made", name, f"http://127.0.0.1:{server.server_port}/{name}", ALEXNET.mark)
    server.shutdown()


def here(path, tensors=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(TENSORS if tensors is None else tensors, path)
    return path


def digits(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


class TestGiven:
    @pytest.mark.parametrize("name", [ALEXNET.file_name, "mine.pth"])
    def test_a_file_is_trusted_and_its_own_checksum_recorded(self, tmp_path, name):
        path = here(tmp_path / name)
        extractor = load_extractor(ALEXNET, Tools(weights=path, download=False), build)
        assert extractor.name == f"alexnet-owt-{digits(path)}"
        assert torch.equal(extractor.network.features[0].weight, TENSORS["features.0.weight"])
        assert not extractor.network.training

    def test_a_folder_has_it_under_its_name(self, tmp_path):
        path = here(tmp_path / "files" / ALEXNET.file_name)
        assert load_extractor(ALEXNET, Tools(weights=path.parent), build).name.endswith(digits(path))

    def test_files_as_old_as_the_published_ones_can_be_read(self, tmp_path):
        torch.save(TENSORS, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
        assert load_extractor(ALEXNET, Tools(weights=tmp_path / "old.pth"), build)

    def test_a_file_of_another_network_is_passed_over(self, tmp_path):
        for path in (
            here(tmp_path / VGG16.file_name),
            here(tmp_path / "x.pth", {INCEPTION.mark[0]: torch.ones(32, 3, 3, 3)}),
        ):
            with pytest.raises(Unmeasurable, match=r"alexnet-owt-7be5be79\.pth are not on this machine"):
                load_extractor(ALEXNET, Tools(weights=path, download=False), build)

    def test_a_file_of_no_network_is_refused(self, tmp_path):
        path = here(tmp_path / "x.pth", {"a": torch.ones(1)})
        with pytest.raises(Unmeasurable, match=r"--metrics_weights .*x.pth holds the weights of no network that"):
            load_extractor(ALEXNET, Tools(weights=path), build)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (lambda path: torch.save(nn.Conv2d(3, 64, 11), path), "holds more than weights, and nothing in it was run"),
            (lambda path: path.write_bytes(b"<html>not found</html>"), "alexnet-owt-7be5be79.pth is"),
            (lambda path: torch.save([1, 2], path), "is not a state dict of tensors"),
            (lambda path: None, "does not exist"),
        ],
    )
    def test_what_holds_no_weights_is_a_sentence(self, tmp_path, content, words):
        path = tmp_path / ALEXNET.file_name
        content(path)
        with pytest.raises(Unmeasurable, match=words):
            load_extractor(ALEXNET, Tools(weights=path), build)

    def test_wrong_shapes_are_one_sentence(self, tmp_path):
        path = here(tmp_path / ALEXNET.file_name, {**TENSORS, "features.0.bias": torch.ones(63)})
        with pytest.raises(Unmeasurable) as refusal:
            load_extractor(ALEXNET, Tools(weights=path), build)
        assert "does not hold the weights of alexnet-owt (size mismatch for features.0.bias" in str(refusal.value)
        assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 500


class TestKept:
    @pytest.mark.parametrize("place", ["cache/weights", "hub/checkpoints"])
    def test_the_cache_and_torchs_hub_are_looked_into(self, tmp_path, published, place):
        path = here(tmp_path / place / published.file_name)
        path.write_bytes((tmp_path / "server" / published.file_name).read_bytes())
        extractor = load_extractor(published, Tools(download=False), build)
        assert extractor.name == published.file_name.removesuffix(".pth")

    def test_what_is_not_the_published_file_is_refused_there(self, tmp_path):
        path = here(tmp_path / "cache/weights" / ALEXNET.file_name)
        with pytest.raises(Unmeasurable, match=f"its SHA-256 is {digits(path)}.* in place of 7be5be79"):
            load_extractor(ALEXNET, Tools(), build)


class TestFetched:
    def test_it_is_fetched_once_into_the_cache(self, tmp_path, published, capsys):
        extractor = load_extractor(published, Tools(), build)
        assert extractor.name == published.file_name.removesuffix(".pth")
        assert (tmp_path / "cache/weights" / published.file_name).is_file()
        assert f"downloading {published.file_name} from {published.url}" in capsys.readouterr().out
        (tmp_path / "server" / published.file_name).unlink()
        assert load_extractor(published, Tools(), build).name == extractor.name

    def test_another_file_is_not_kept(self, tmp_path, published):
        (tmp_path / "server" / published.file_name).write_bytes(b"another")
        with pytest.raises(Unmeasurable, match=r"could not be downloaded: .* in place of .* it was removed"):
            load_extractor(published, Tools(), build)
        assert not (tmp_path / "cache/weights" / published.file_name).exists()

    @pytest.mark.parametrize("file", KNOWN, ids=lambda file: file.name)
    def test_without_a_network_it_says_what_to_fetch_and_where_to_put_it(self, offline, file):
        with pytest.raises(Unmeasurable) as refusal:
            load_extractor(file, Tools(), build)
        told = str(refusal.value)
        assert told.startswith(f"the weights {file.file_name} could not be downloaded")
        assert file.url in told and str(weights_folder()) in told and "--metrics_weights" in told
        assert "(Name or service not known)" in told and told.count(file.url) == 1

    def test_no_download_is_tried_where_none_is_allowed(self):
        with pytest.raises(
            Unmeasurable, match=r"are not on this machine: fetch https://github.com/mseitzer/.* and put"
        ):
            load_extractor(INCEPTION, Tools(download=False), build)

    def test_a_refusal_is_remembered(self, offline, monkeypatch):
        tools = Tools()
        with pytest.raises(Unmeasurable) as first:
            load_extractor(ALEXNET, tools, build)
        monkeypatch.setattr("translate.evaluation.weights.download", lambda *_: pytest.fail("tried again"))
        with pytest.raises(Unmeasurable) as second:
            load_extractor(ALEXNET, tools, build)
        assert str(first.value) == str(second.value)

    def test_a_cache_that_cannot_be_made_is_a_sentence(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path / "file"))
        with pytest.raises(Unmeasurable, match=r"cannot make .*weights"):
            load_extractor(ALEXNET, Tools(), build)


@pytest.mark.parametrize("file", KNOWN, ids=lambda file: file.name)
def test_the_names_are_those_of_torchs_hub(file):
    assert file.url.endswith(f"/{file.file_name}")
    assert len(file.sha256) == 8 and int(file.sha256, 16) > 0
