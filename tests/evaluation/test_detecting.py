"""Learning to find objects on an encoder."""

import numpy as np
import pytest
import torch
import torchvision

from translate.data.objects import Objects
from translate.data.tensors import to_signed
from translate.data.voc import find_annotated
from translate.evaluation.average_precision import mean_over_classes
from translate.evaluation.detecting import ANCHORS, build_detector, detect, find_in, sample
from translate.evaluation.detection import detection_precisions
from translate.evaluation.tuning import Scaled, Tuning, read_scaled
from translate.networks.encoders import build_encoder
from translate.networks.initialization import initialize
from translate.training.precision import Precision

FLOAT32 = Precision("fp32", torch.device("cpu"))


@pytest.fixture(scope="module")
def sets(tmp_path_factory, write_voc):
    return find_annotated(write_voc(tmp_path_factory.mktemp("voc") / "VOC"))


def make_encoder(channels=3, kind="alexnet"):
    torch.manual_seed(0)
    return initialize(build_encoder(kind, channels, 8 if kind == "alexnet" else 64, first_stride=2), "kaiming").eval()


class TestWhatTheEncoderSees:
    @pytest.mark.parametrize(("channels", "kind"), [(3, "alexnet"), (1, "alexnet"), (3, "resnet18")])
    def test_the_detectors_maps_are_the_encoders(self, sets, channels, kind):
        encoder = make_encoder(channels, kind)
        detector = build_detector(encoder, 2, 64, FLOAT32).eval()
        picture = read_scaled(sets["test"].paths[0], channels, 64)
        with torch.no_grad():
            batch, _ = detector.transform([picture.pixels.float() / 255])
            seen = detector.backbone(batch.tensors)
            expected = encoder(to_signed(picture.pixels[None]))
        assert batch.image_sizes == [tuple(picture.pixels.shape[1:])]
        assert torch.allclose(seen, expected, atol=1e-5 * float(expected.abs().max())) and expected.abs().max() > 0.01

    def test_boxes_to_begin_from_lie_on_the_steps_of_the_encoder(self):
        encoder = make_encoder()
        detector = build_detector(encoder, 2, 64, FLOAT32)
        anchors = detector.rpn.anchor_generator.grid_anchors([(2, 3)], [[torch.tensor(99)] * 2])[0]
        centers = (anchors[:, :2] + anchors[:, 2:]) / 2
        assert {tuple(center) for center in centers.tolist()} == {
            (8.0 * x, 8.0 * y) for x in range(3) for y in range(2)
        }
        areas = (anchors[:, 2:] - anchors[:, :2]).prod(1).sqrt().unique()
        assert {min(range(5), key=lambda each: abs(64 * ANCHORS[each] - area)) for area in areas} == set(range(5))
        assert encoder.stride == 8


class TestLearning:
    def test_it_learns_and_leaves_the_encoder_as_it_is(self, sets):
        encoder = make_encoder()
        before = {key: value.clone() for key, value in encoder.state_dict().items()}
        means = []
        for epochs, lr in ((1, 1e-6), (16, 0.004)):
            found = detect(encoder, sets["train"], sets["test"], Tuning(64, 64, FLOAT32, epochs, lr, seed=0))
            means.append(mean_over_classes(detection_precisions(found, sets["test"].objects, 2)))
        assert means[1] > means[0] + 0.3
        assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


class TestParts:
    def test_what_is_learned_from_a_picture(self):
        pixels = torch.zeros(1, 20, 40, dtype=torch.uint8)
        pixels[:, 4:10, 6:20] = 255
        boxes = np.array([[3, 2, 10, 5], [0, 0, 1, 1]])
        objects = Objects(boxes.astype(float), np.array([1, 0]), np.array([False, True]))
        for mirrored, expected in ((False, [6, 4, 20, 10]), (True, [20, 4, 34, 10])):
            seen, told = sample(Scaled(pixels, 2.0), objects, mirrored)
            assert told["boxes"].tolist() == [expected] and told["labels"].tolist() == [2]  # the difficult one is not
            left, top, right, bottom = expected
            assert seen[:, top:bottom, left:right].min() == 1 and seen.sum() == 14 * 6

    def test_a_picture_without_objects_can_be_learned_from(self):
        detector = build_detector(make_encoder(), 2, 64, FLOAT32).train()
        objects = Objects(np.empty((0, 4)), np.empty(0, dtype=np.int64), np.empty(0, dtype=bool))
        pixels, told = sample(Scaled(torch.zeros(3, 64, 70, dtype=torch.uint8), 1.0), objects, True)
        assert sum(detector([pixels, pixels], [told, told]).values()).isfinite()

    def test_what_is_found_is_told_in_the_pictures_own_pixels(self):
        def detector(pictures):
            assert pictures[0].max() == 1
            box = torch.tensor([[2.0, 4, 8, 10]])
            return [{"boxes": box, "labels": torch.tensor([3]), "scores": torch.tensor([0.5])}]

        picture = Scaled(torch.full((3, 8, 8), 255, dtype=torch.uint8), 2.0)
        found = find_in(detector, picture, torch.device("cpu"))
        assert (
            found.boxes.tolist() == [[1, 2, 4, 5]] and found.labels.tolist() == [2] and found.scores.tolist() == [0.5]
        )


def test_regions_are_pooled_by_the_steps_of_the_encoder():
    encoder = build_encoder("caffenet", nef=8)
    detector = build_detector(encoder, 2, 64, Precision("fp32", torch.device("cpu")))
    features = torch.rand(1, 5, 4, 4, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[8.0, 4.0, 40.0, 56.0]])
    found = detector.roi_heads.box_roi_pool({"0": features}, [boxes], [(64, 64)])
    assert torch.equal(found, torchvision.ops.roi_align(features, [boxes], 7, 1 / 16, 2))


def test_so_many_regions_of_a_picture_are_learned_from_as_in_the_paper():
    detector = build_detector(make_encoder(), 2, 64, FLOAT32)
    assert detector.roi_heads.fg_bg_sampler.batch_size_per_image == 128
