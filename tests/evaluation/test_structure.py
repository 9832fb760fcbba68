"""Shapes that are kept: slow versions, what changes nothing, and what does."""

import math

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.evaluation.metric import METRICS, Judged, Tools
from translate.evaluation.picture_set import PictureSet
from translate.evaluation.resizing import bicubic
from translate.evaluation.structure import gradient_cells, self_similarity_distance
from translate.evaluation.weights import ALEXNET


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**31))
def test_the_distance_is_that_of_all_pairs_of_places(places, columns, seed):
    first, second = np.random.default_rng(seed).standard_normal((2, places, columns))
    squares = [
        (sum(a * b for a, b in zip(first[i], first[j], strict=True)) - float(second[i] @ second[j])) ** 2
        for i in range(places)
        for j in range(places)
    ]
    assert self_similarity_distance(first, second) == pytest.approx(np.mean(squares), rel=1e-9)


def test_features_that_are_turned_as_a_whole_are_at_zero():
    rng = np.random.default_rng(0)
    first = rng.standard_normal((9, 4))
    turned = first @ np.linalg.qr(rng.standard_normal((4, 4)))[0]
    assert self_similarity_distance(first, turned) == pytest.approx(0, abs=1e-20)


def slow_cells(picture: np.ndarray) -> np.ndarray:
    values = bicubic(picture, 128).astype(float)
    cells = np.zeros((16, 16, 9))
    for row in range(128):
        for column in range(128):
            best = (-1.0, 0.0)
            for channel in range(3):
                down = values[min(row + 1, 127), column, channel] - values[max(row - 1, 0), column, channel]
                right = values[row, min(column + 1, 127), channel] - values[row, max(column - 1, 0), channel]
                best = max(
                    best, (math.hypot(down, right) / 2, math.degrees(math.atan2(down, right)) % 180), key=lambda t: t[0]
                )
            strength, degrees = best
            lower, share = int(degrees // 20), degrees % 20 / 20
            cells[row // 8, column // 8, lower % 9] += strength * (1 - share) / 64
            cells[row // 8, column // 8, (lower + 1) % 9] += strength * share / 64
    flat = cells.reshape(256, 9)
    return flat / (np.sqrt((flat**2).sum(1, keepdims=True)) + 2)


@pytest.mark.parametrize(("index", "sizes"), [(0, ((64, 64),)), (1, ((300, 150),))])
def test_cells_are_histograms_of_orientations(make_pictures, index, sizes):
    picture = make_pictures(2, sizes=sizes)[index]
    np.testing.assert_allclose(gradient_cells(picture), slow_cells(picture), rtol=1e-6, atol=1e-9)


def measure(results, inputs, name="structure_gradients", tools=None):
    judged = Judged(PictureSet.in_memory(results), PictureSet.in_memory(inputs))
    return METRICS[name].measure(judged, tools or Tools())


class TestGradients:
    @pytest.fixture
    def photograph(self, make_pictures):
        return make_pictures(1, 3, sizes=((256, 200),))[0]

    def test_equal_pictures_are_at_zero(self, photograph):
        assert measure([photograph], [photograph]).value == 0

    def test_light_and_dark_may_change_places(self, photograph):
        assert measure([255 - photograph], [photograph]).value < 1e-9

    def test_colours_may_change_places(self, photograph):
        assert measure([photograph[..., ::-1]], [photograph]).value < 1e-9

    def test_the_more_is_moved_the_more_is_lost(self, photograph, make_pictures):
        brighter = np.clip(photograph * 0.8 + 40, 0, 255).astype(np.uint8)
        moved = np.roll(photograph, 24, axis=1)
        another = make_pictures(1, 4, sizes=((256, 200),))[0]
        lost = [measure([each], [photograph]).value for each in (brighter, moved, another)]
        assert lost[0] < 0.2 * lost[1] and lost[1] < 1.5 * lost[2]
        assert lost[0] < 0.02 < lost[2]

    def test_flat_pictures_have_little_to_compare(self):
        rng = np.random.default_rng(0)
        noisy = [(128 + rng.normal(0, 1, (128, 128, 3))).round().astype(np.uint8) for _ in range(2)]
        assert measure(noisy[:1], noisy[1:]).value < 0.01

    def test_each_picture_has_its_part(self, judged):
        found = METRICS["structure_gradients"].measure(judged, Tools())
        expected = [
            self_similarity_distance(gradient_cells(a), gradient_cells(b))
            for a, b in zip(judged.results, judged.inputs, strict=True)
        ]
        assert found.per_picture == pytest.approx(expected)
        assert found.value == pytest.approx(np.mean(expected)) and found.extractor == ""
        inputs = [gradient_cells(source) for source in judged.inputs]
        results = [gradient_cells(result) for result in judged.results]
        chance = [self_similarity_distance(a, b) for a, b in zip(results[1:], inputs, strict=False)]
        assert dict(found.more) == pytest.approx({"to another input": np.mean(chance)})
        assert found.value < found.more["to another input"]
        assert (
            not METRICS["structure_gradients"]
            .measure(Judged(judged.results.part([0]), judged.inputs.part([0])), Tools())
            .more
        )


class TestAlexNet:
    def test_it_is_the_self_similarity_of_its_last_features(self, weights, judged, tools):
        network = torchvision.models.alexnet(weights=None).features
        content = torch.load(weights / ALEXNET.file_name, weights_only=True)
        network.load_state_dict({key[9:]: value for key, value in content.items() if "features" in key})
        mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

        def rows(picture):
            values = (bicubic(picture, 224) / 255 - mean) / deviation
            with torch.no_grad():
                maps = network[:12](torch.from_numpy(values).permute(2, 0, 1)[None].float())[0].double().numpy()
            assert maps.shape == (256, 13, 13)
            places = maps.reshape(256, 169).T
            return places / np.linalg.norm(places, axis=1, keepdims=True)

        found = METRICS["structure_alex"].measure(judged, tools)
        expected = [
            self_similarity_distance(rows(a), rows(b)) for a, b in zip(judged.results, judged.inputs, strict=True)
        ]
        assert found.per_picture == pytest.approx(expected, rel=1e-2, abs=1e-8)  # LPIPS' constants have three digits
        assert found.value == pytest.approx(np.mean(found.per_picture)) and "alexnet-owt-" in found.extractor
        assert found.value < found.more["to another input"]

    def test_equal_pictures_are_at_zero(self, judged, tools):
        pictures = list(judged.inputs)
        assert measure(pictures, pictures, "structure_alex", tools).value == pytest.approx(0, abs=1e-12)
