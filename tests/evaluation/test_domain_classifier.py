"""The judge of domains: what it sees, how pictures are jittered, that it learns and what it does not."""

import colorsys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from translate.evaluation import domain_classifier as module
from translate.evaluation.domain_classifier import (
    FEATURES,
    JUDGES,
    SIDE_PX,
    DomainClassifier,
    DomainNetwork,
    jittered,
    load_small,
)
from translate.evaluation.picture_set import PictureSet

CPU = torch.device("cpu")


def stripes(count: int, vertical: bool, seed: int) -> torch.Tensor:
    """Stripes of any colours: only their direction tells the domains apart."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(count):
        wave = np.sin(np.arange(SIDE_PX) * rng.uniform(0.3, 0.8) + rng.uniform(0, 6)) > 0
        plane = np.broadcast_to(wave if vertical else wave[:, None], (SIDE_PX, SIDE_PX))
        first, second = rng.integers(0, 256, (2, 3, 1, 1))
        pictures.append(np.where(plane, first, second))
    return torch.from_numpy(np.stack(pictures).astype(np.uint8))


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(module, "CYCLE", 12)
    monkeypatch.setattr(module, "MOST_CYCLES", 4)


def test_the_central_square_is_seen():
    wide = np.zeros((80, 200, 3), np.uint8)
    wide[:, 60:140] = 255
    (small,) = load_small(PictureSet.in_memory([wide]))
    assert small.shape == (3, SIDE_PX, SIDE_PX) and small.dtype == torch.uint8
    assert (small == 255).all()


@given(seed=st.integers(0, 2**32 - 1), grey=st.integers(0, 255))
def test_jitter_keeps_greys_grey_and_is_a_function_of_its_generator(seed, grey):
    pictures = torch.full((3, 3, 8, 8), grey, dtype=torch.uint8)
    first, again = (jittered(pictures, np.random.default_rng(seed)) for _ in range(2))
    assert torch.equal(first, again) and first.dtype == torch.uint8 and first.shape == pictures.shape
    assert (first.float().amax(1) - first.float().amin(1)).max() <= 1


def test_jitter_turns_hues_either_way_about_the_grey_axis():
    red = torch.tensor([200, 80, 80], dtype=torch.uint8).view(1, 3, 1, 1).expand(400, 3, 6, 6)
    hues = [
        colorsys.rgb_to_hsv(*(picture[:, 3, 3] / 255).tolist())[0]
        for picture in jittered(red, np.random.default_rng(0))
    ]
    turned = np.array([(hue + 0.5) % 1 - 0.5 for hue in hues])
    assert abs(turned.mean()) < 0.01 and 0.035 < turned.max() < 0.065 and -0.065 < turned.min() < -0.035


def test_half_of_the_pictures_get_the_colours_of_any_other():
    colours = torch.tensor([[180, 60, 60], [60, 60, 180]], dtype=torch.uint8).repeat_interleave(300, 0)
    pictures = jittered(colours[:, :, None, None].expand(600, 3, 6, 6).contiguous(), np.random.default_rng(0))
    became_blue = (pictures[:, 2] > pictures[:, 0]).float().mean((1, 2)) > 0.5
    for half, own in ((became_blue[:300], False), (became_blue[300:], True)):
        assert 0.18 < (half != own).float().mean() < 0.32  # a half, of which every second one meets its own colours


def test_it_learns_what_hue_does_not_tell_and_is_the_same_for_the_same_seed(quick):
    domains = stripes(60, False, 0), stripes(60, True, 1)
    unseen = stripes(40, False, 2), stripes(40, True, 3)
    one, again = (DomainClassifier.learn(domains, 5, CPU) for _ in range(2))
    assert one.accuracy(unseen) > 0.9
    for key, value in one.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])
    assert not torch.equal(one.spread, DomainClassifier.learn(domains, 6, CPU).spread)


def test_the_same_domain_twice_cannot_be_told_apart(quick):
    domains = stripes(60, True, 0), stripes(60, True, 1)
    unseen = stripes(200, True, 2), stripes(200, True, 3)
    assert 0.35 < DomainClassifier.learn(domains, 0, CPU).accuracy(unseen) < 0.65


def test_learning_leaves_the_random_numbers_of_a_training_alone(quick):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    DomainClassifier.learn((stripes(20, False, 0), stripes(20, True, 1)), 0, CPU)
    assert torch.equal(torch.rand(1), expected)


def test_a_verdict_is_the_mean_of_the_judges():
    torch.manual_seed(0)
    classifier = DomainClassifier([DomainNetwork().eval() for _ in range(JUDGES)], torch.full((JUDGES, FEATURES), 2.0))
    pictures = stripes(10, True, 0)
    verdict = classifier.judge(pictures)
    with torch.no_grad():
        each = [network(pictures) for network in classifier.networks]
    expected = torch.stack([logits for _, logits in each]).mean(0).numpy()
    np.testing.assert_allclose(verdict.logits, expected, rtol=1e-5)
    assert verdict.share == (expected > 0).mean()
    assert [features.shape for features in verdict.features] == [(10, FEATURES)] * JUDGES
    np.testing.assert_allclose(verdict.features[1], each[1][0].double().numpy() / 2, rtol=1e-5)


def test_a_state_brings_the_judges_back():
    torch.manual_seed(0)
    classifier = DomainClassifier([DomainNetwork() for _ in range(JUDGES)], torch.rand(JUDGES, FEATURES) + 1)
    other = DomainClassifier()
    other.load_state_dict(classifier.state_dict())
    pictures = stripes(5, False, 0)
    np.testing.assert_array_equal(classifier.judge(pictures).logits, other.judge(pictures).logits)
