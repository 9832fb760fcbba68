"""Learning to tell pixels apart on an encoder."""

import numpy as np
import pytest
import torch
from PIL import Image

from translate.data.voc import find_mapped, read_map
from translate.evaluation.segmentation import Confusion
from translate.evaluation.segmenting import Segmenter, pixel_loss, random_crop, scaled_map, segment
from translate.evaluation.tuning import Tuning, read_scaled
from translate.networks.encoders import build_encoder
from translate.networks.initialization import initialize
from translate.training.precision import Precision

HOW = Tuning(load_size=64, crop_size=64, precision=Precision("fp32", torch.device("cpu")), epochs=1, lr=1e-5, seed=0)


@pytest.fixture(scope="module")
def sets(tmp_path_factory, write_voc):
    return find_mapped(write_voc(tmp_path_factory.mktemp("voc") / "VOC"))


def make_encoder():
    torch.manual_seed(0)
    return initialize(build_encoder("alexnet", 3, 8, first_stride=2), "kaiming")


class TestLearning:
    def test_it_learns_and_leaves_the_encoder_as_it_is(self, sets):
        encoder = make_encoder()
        before = {key: value.clone() for key, value in encoder.state_dict().items()}
        end = segment(encoder, sets["train"], sets["test"], Tuning(**{**vars(HOW), "epochs": 20, "lr": 0.004}))
        everywhere = Confusion(3)  # what one tells who has learned no more than that most is background
        for file in sets["test"].maps:
            truth = read_map(file)
            everywhere.add(np.zeros_like(truth), truth)
        assert end.mean_iou() > everywhere.mean_iou() + 0.15
        assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())

    def test_every_pixel_on_disk_is_asked_but_void(self, sets):
        how = Tuning(**{**vars(HOW), "load_size": 48, "crop_size": 48})  # which is not how large they are
        counts = segment(make_encoder(), sets["train"], sets["test"], how).counts
        truth = np.concatenate([read_map(file).ravel() for file in sets["test"].maps])
        assert counts.sum(1).tolist() == [(truth == label).sum() for label in range(3)]

    def test_what_is_random_is_a_function_of_the_seed(self, sets):
        first, again, other = (
            segment(make_encoder(), sets["train"], sets["test"], Tuning(**{**vars(HOW), "seed": seed})).counts
            for seed in (0, 0, 1)
        )
        assert (first == again).all() and (first != other).any()


class TestParts:
    def test_logits_have_the_size_of_the_pictures_and_reach_every_weight(self):
        model = Segmenter(make_encoder(), 5)
        logits = model(torch.rand(2, 3, 70, 51))
        assert logits.shape == (2, 5, 70, 51)
        logits.square().mean().backward()
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model.encoder.parameters())

    def test_the_loss_is_that_of_pixels_with_a_class(self):
        rng = np.random.default_rng(0)
        logits, truth = rng.normal(size=(2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5))
        truth[0, :, :3] = 255
        parts = [
            np.log(np.exp(logits[b, :, y, x]).sum()) - logits[b, truth[b, y, x], y, x]
            for b in range(2) for y in range(4) for x in range(5) if truth[b, y, x] != 255
        ]  # fmt: skip
        assert pixel_loss(torch.tensor(logits), torch.tensor(truth)).item() == pytest.approx(np.mean(parts))

    def test_a_batch_without_a_class_moves_nothing(self):
        logits = torch.rand(1, 3, 2, 2, requires_grad=True)
        pixel_loss(logits, torch.full((1, 2, 2), 255)).backward()
        assert logits.grad.abs().sum() == 0

    def test_a_crop_is_of_the_same_place_in_picture_and_map(self):
        classes = torch.arange(20 * 9).view(9, 20).to(torch.uint8)
        picture, firsts = classes.expand(3, 9, 20), set()
        for seed in range(20):
            crop, told = random_crop(picture, classes, 6, np.random.default_rng(seed))
            assert crop.shape == (3, 6, 6) and torch.equal(crop[0], told)
            step = int(told[0, 1]) - int(told[0, 0])
            assert abs(step) == 1 and int(told[1, 0]) - int(told[0, 0]) == 20
            firsts.add((step, int(told[0, 0])))
        assert {step for step, _ in firsts} == {1, -1} and len(firsts) > 10

    def test_a_map_is_scaled_with_its_picture(self, tmp_path):
        half = np.zeros((40, 60), dtype=np.uint8)
        half[:, 30:] = 7
        Image.fromarray(half).save(tmp_path / "map.png")
        Image.fromarray(half).save(tmp_path / "picture.png")
        picture = read_scaled(tmp_path / "picture.png", 1, 20)
        assert picture.pixels.shape == (1, 20, 30) and picture.scale == 0.5
        assert torch.equal(scaled_map(tmp_path / "map.png", (20, 30)), (torch.arange(30) >= 15).expand(20, 30) * 7)


def test_layers_are_rescaled_where_it_is_asked_for(sets):
    plain, rescaled = (
        segment(
            make_encoder(), sets["train"], sets["test"], Tuning(**{**vars(HOW), "lr": 0.004, "rescale": rescale})
        ).counts
        for rescale in (False, True)
    )
    assert (plain != rescaled).any()
