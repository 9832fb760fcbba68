"""Features of the Inception network: those of pytorch-fid's own class on the same weights."""

import sys

import numpy as np
import pytest
import pytorch_fid.inception
import torch
from PIL import Image

from translate.evaluation.inception import CLEAN, PYTORCH, inception_features, load_inception
from translate.evaluation.metric import Tools, Unmeasurable
from translate.evaluation.picture_set import PictureSet
from translate.evaluation.weights import INCEPTION


@pytest.fixture(scope="module")
def theirs(weights):
    """pytorch-fid's class as it comes, with the same file in place of its download."""
    with pytest.MonkeyPatch.context() as patch:
        content = torch.load(weights / INCEPTION.file_name, weights_only=True)
        patch.setattr(pytorch_fid.inception, "load_state_dict_from_url", lambda *_, **__: content)
        return pytorch_fid.inception.InceptionV3().eval()


def test_the_pytorch_protocol_is_that_of_the_package(judged, tools, theirs):
    pictures = judged.results.part([0, 1, 2])
    found = inception_features(pictures, PYTORCH, tools)
    assert found.shape == (3, 2048) and found.dtype == np.float32
    for picture, row in zip(pictures, found, strict=True):
        values = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            expected = theirs(values)[0].flatten().numpy()
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5 * expected.max())
    assert np.std(found, axis=0).max() > 1e-3 * found.max()


def test_the_clean_protocol_has_the_same_network_behind_other_scaling(judged, tools, theirs):
    picture = judged.results[0]
    planes = [Image.fromarray(picture[..., k].astype(np.float32)).resize((299, 299), Image.BICUBIC) for k in range(3)]
    values = (torch.from_numpy(np.stack(planes).clip(0, 255)) - 128) / 128
    with torch.no_grad():  # their class takes 0..1 to -1..1
        expected = theirs((values[None] + 1) / 2)[0].flatten().numpy()
    found = inception_features(judged.results.part([0]), CLEAN, tools)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.max())


def test_they_are_computed_once_for_a_set(judged, tools, monkeypatch):
    first = inception_features(judged.results, CLEAN, tools)
    monkeypatch.setattr("translate.evaluation.inception._compute", lambda *_: pytest.fail("computed again"))
    assert inception_features(judged.results, CLEAN, tools) is first


class TestKept:
    """In the cache folder, by pictures, protocol and extractor."""

    @pytest.fixture
    def computed(self, tmp_path, monkeypatch):
        """Which sets were computed, each given features that only count them."""
        monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path / "cache"))
        counted = []

        def count(pictures, protocol, *_):
            counted.append((len(pictures), protocol.name))
            return np.full((len(pictures), 2048), len(counted), np.float32)

        monkeypatch.setattr("translate.evaluation.inception._compute", count)
        return counted

    @pytest.fixture
    def others(self, weights):
        """Tools of another run."""
        return lambda: Tools(weights=weights, download=False)

    @pytest.fixture
    def files(self, tmp_path):
        paths = [tmp_path / f"{index}.png" for index in range(3)]
        for index, path in enumerate(paths):
            Image.new("RGB", (20, 20), (index, 0, 0)).save(path)
        return paths

    def test_another_run_finds_them(self, computed, others, files, tmp_path):
        for _ in range(2):
            inception_features(PictureSet.of_files(files), CLEAN, others(), keep=True)
        assert computed == [(3, "clean")]
        inception_features(PictureSet.of_files(files), PYTORCH, others(), keep=True)
        inception_features(PictureSet.of_files(files[:2]), CLEAN, others(), keep=True)
        assert computed[1:] == [(3, "pytorch"), (2, "clean")]
        names = sorted(path.name for path in (tmp_path / "cache/features").iterdir())
        assert len(names) == 3 and all(name.startswith("inception-2015-12-05-") for name in names)

    def test_a_changed_picture_is_another_set(self, computed, others, files):
        inception_features(PictureSet.of_files(files), CLEAN, others(), keep=True)
        Image.new("RGB", (20, 20), (9, 9, 9)).save(files[1])
        inception_features(PictureSet.of_files(files), CLEAN, others(), keep=True)
        assert len(computed) == 2

    def test_results_are_not_kept(self, computed, others, files, tmp_path):
        for _ in range(2):
            inception_features(PictureSet.of_files(files), CLEAN, others())
        assert len(computed) == 2 and not (tmp_path / "cache/features").exists()


def test_features_that_are_no_numbers_are_refused(judged, tools, monkeypatch):
    monkeypatch.setattr("translate.evaluation.inception._compute", lambda *_: np.full((1, 2048), np.nan))
    with pytest.raises(Unmeasurable, match=r"the features of inception-2015-12-05-\w+ are not finite"):
        inception_features(judged.results.part([0]), CLEAN, tools)


def test_without_the_package_it_says_how_to_get_it_before_it_downloads_weights(monkeypatch):
    monkeypatch.setattr("translate.evaluation.weights.download", lambda *_: pytest.fail("downloads"))
    monkeypatch.setitem(sys.modules, "pytorch_fid", None)
    with pytest.raises(Unmeasurable, match=r"need pytorch-fid: pip install 'unpaired-translate\[metrics\]'"):
        load_inception(Tools())


def test_weights_of_another_shape_are_a_sentence(weights, tmp_path):
    content = torch.load(weights / INCEPTION.file_name, weights_only=True)
    content["fc.weight"] = torch.zeros(1000, 2048)  # as in torchvision's own Inception
    torch.save(content, tmp_path / "torchvision.pth")
    loader = pytorch_fid.inception.load_state_dict_from_url
    with pytest.raises(Unmeasurable, match=r"torchvision.pth does not hold .* \(size mismatch for fc.weight"):
        load_inception(Tools(weights=tmp_path / "torchvision.pth", download=False))
    assert pytorch_fid.inception.load_state_dict_from_url is loader
