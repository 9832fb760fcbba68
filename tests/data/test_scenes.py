import numpy as np
import pytest
import torch
from PIL import Image

from translate.data.cache import PictureCache
from translate.data.inputs import find_inputs
from translate.data.opening import PictureError
from translate.data.part import Part
from translate.data.preprocess import Preprocess
from translate.data.reading import open_header
from translate.data.scenes import DepthScenes, check_scenes, find_scenes
from translate.errors import InputError

ALL = {"A": ("mask", "initial", "confidence"), "B": ("mask",)}
CROP = Preprocess("scale_aspect_and_crop", 40, 32, multiple_px=16)


@pytest.fixture
def root(tmp_path, make_domains, make_depth):
    return make_depth(tmp_path / "scenes", make_domains(tmp_path / "plain", 3, 1, size=(60, 48)))


def headers_of(scenes):
    return {scene.a.path: open_header(scene.a.path) for scene in scenes}


def test_picture_depth_and_planes_are_cut_and_mirrored_alike(root):
    """Depth is made of the picture's grey, and so it must stay."""
    whole = Preprocess("crop", crop_size=32, multiple_px=16)
    samples = DepthScenes(find_scenes(root, "train", "AB", ALL), whole, seed=3)
    for epoch in range(1, 7):
        sample = samples[epoch, epoch % 3]
        assert sample["A"].shape == (6, 32, 32)
        assert sample["B"].shape == (2, 32, 32)
        levels = ((sample["A"][:3] + 1) * 127.5).round().permute(1, 2, 0).numpy().astype(np.uint8)
        grey = torch.from_numpy(np.asarray(Image.fromarray(levels).convert("L")).astype(np.float32))
        known = sample["B"][0] > 0
        assert known.any()
        assert torch.allclose(sample["B"][0][known], (1 + 0.02 * grey)[known], atol=1e-4)
        assert torch.equal(sample["A"][3], sample["B"][1])
        assert not sample["A"][5][sample["A"][3] > 0].any(), "confidence is 0 on people"


def test_mirrors_and_places_differ_between_epochs_and_come_back(root):
    samples = DepthScenes(find_scenes(root, "train", "AB", {}), CROP, seed=0)
    assert samples[1, 0]["A"].dtype == torch.uint8
    seen = [samples[epoch, 0]["B"] for epoch in range(1, 9)]
    assert any(not torch.equal(seen[0], other) for other in seen[1:])
    assert torch.equal(samples[1, 0]["B"], seen[0])


def test_a_cache_changes_no_sample(root):
    scenes = find_scenes(root, "train", "AB", {})
    cache = PictureCache({(scene.a, 3): (60, 48) for scene in scenes}, CROP, budget_mb=4)
    plain, kept = DepthScenes(scenes, CROP, seed=1), DepthScenes(scenes, CROP, seed=1, cache=cache)
    for key in [(1, 0), (2, 0), (3, 0), (1, 2)]:
        assert all(torch.equal(plain[key][letter], kept[key][letter]) for letter in "AB")


def test_files_and_inputs(root):
    samples = DepthScenes(find_scenes(root, "train", "AB", ALL), CROP, seed=1)
    names = {path.parent.name for path in samples.files((1, 0))}
    assert names == {"trainA", "trainB", "trainA_mask", "trainA_initial", "trainA_confidence"}
    assert len(samples) == samples.inputs() == 3
    assert samples.read_input(0).signed.shape == (48, 60, 6)


def test_a_missing_partner_or_folder_is_named(root):
    first = sorted((root / "trainA").iterdir())[0]
    (root / "trainA_mask" / first.name).unlink()
    with pytest.raises(InputError, match=rf"{first.name} has no mask of its name in .*trainA_mask"):
        find_scenes(root, "train", "AB", ALL)
    assert len(find_scenes(root, "train", "AB", {})) == 3
    (root / "trainB" / first.name).unlink()
    with pytest.raises(InputError, match=rf"{first.name} has no depth of its name in .*trainB; add it"):
        find_scenes(root, "train", "AB", {})
    with pytest.raises(InputError, match=r"testA_lidar does not exist: it is to hold the lidar of each picture"):
        find_scenes(root, "test", "AB", {"A": ("lidar",)})


def test_depth_of_another_size_is_refused_before_training(root):
    path = sorted((root / "trainB").iterdir())[0]
    Image.fromarray(np.ones((10, 12), np.uint16)).save(path)
    scenes = find_scenes(root, "train", "AB", {})
    with pytest.raises(InputError, match=r"\(12x10\) is the depth of .* \(60x48\) and needs its size"):
        check_scenes(scenes, headers_of(scenes))


def test_a_plane_of_another_size_is_refused_before_training(root):
    Image.fromarray(np.zeros((10, 12), np.uint8)).save(sorted((root / "trainA_mask").iterdir())[0])
    scenes = find_scenes(root, "train", "AB", {"A": ("mask",)})
    with pytest.raises(PictureError, match=r"\(12x10\) is the mask of .* \(60x48\); bring both to one size"):
        check_scenes(scenes, headers_of(scenes))


def test_good_scenes_are_good(root):
    scenes = find_scenes(root, "train", "AB", ALL)
    check_scenes(scenes, headers_of(scenes))


def test_one_picture_without_depth_may_be_but_not_all(root):
    scenes = find_scenes(root, "train", "AB", {})
    paths = [file.path for scene in scenes for file in scene.b.files]
    for path in paths[:-1]:
        Image.fromarray(np.zeros((48, 60), np.uint16)).save(path)
    check_scenes(scenes, headers_of(scenes))
    Image.fromarray(np.zeros((48, 60), np.uint16)).save(paths[-1])
    with pytest.raises(InputError, match=r"trainB has no value above 0 in any file: save depth as integers in milli"):
        check_scenes(scenes, headers_of(scenes))


def test_no_scenes_are_refused():
    with pytest.raises(InputError, match="no pictures"):
        DepthScenes([], CROP, seed=0)


def test_a_test_finds_what_is_known_of_each_picture(root):
    folder, inputs = find_inputs(root, "test", "AB", "depth", layers=("mask",))
    assert folder == root / "testA"
    assert all(each.depth and each.people and each.part.planes for each in inputs)
    sorted((root / "testB").iterdir())[0].unlink()
    _, inputs = find_inputs(root, "test", "AB", "depth", limit=1)
    assert len(inputs) == 1
    assert inputs[0].depth is None
    assert isinstance(inputs[0].part, Part)
