"""The domain measures: what they say, when they refuse, and that judges are kept."""

import numpy as np
import pytest
import torch

from translate.data.known import default_cache_folder
from translate.evaluation import domain, domain_classifier
from translate.evaluation.domain import domain_distance, domain_share, judgement, wilson_interval
from translate.evaluation.domain_classifier import load_small
from translate.evaluation.frechet import frechet_distance
from translate.evaluation.metric import Judged, Tools, Unmeasurable
from translate.evaluation.picture_set import PictureSet


def stripes(count: int, vertical: bool, seed: int) -> PictureSet:
    """Stripes of any two colours that differ well."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(count):
        wave = np.sin(np.arange(48) * rng.uniform(0.3, 0.8) + rng.uniform(0, 6)) > 0
        plane = np.broadcast_to(wave[None] if vertical else wave[:, None], (48, 48))[..., None]
        pictures.append(np.where(plane, rng.integers(150, 256, 3), rng.integers(0, 100, 3)).astype(np.uint8))
    return PictureSet.in_memory(pictures)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("judges")


@pytest.fixture
def judged(cache, monkeypatch):
    """judged(results): horizontal stripes are A, vertical ones B; learned once for all tests."""
    monkeypatch.setenv("TRANSLATE_CACHE", str(cache))
    monkeypatch.setattr(domain_classifier, "CYCLE", 15)
    teaching = stripes(60, False, 0), stripes(60, True, 1)
    inputs, real = stripes(24, False, 2), stripes(30, True, 3)
    return lambda results: Judged(results, inputs=inputs, real=real, teaching=teaching)


@pytest.fixture
def tools():
    return Tools()


def test_a_translator_to_b_is_told_from_one_that_does_nothing(judged, tools):
    good, none = judged(stripes(24, True, 4)), judged(stripes(24, False, 5))
    for metric, better in ((domain_share, 1), (domain_distance, -1)):
        one, other = metric(good, tools), metric(none, tools)
        assert better * (one.value - other.value) > 0
        assert one.ceiling == other.ceiling and one.floor == other.floor
        assert abs(one.value - one.floor) < abs(one.value - one.ceiling) / 3
        assert one.low <= one.value <= one.high and one.more["accuracy"] > 0.9
        assert one.extractor.startswith("domain classifier ")


def test_the_numbers_are_those_of_the_verdicts(judged, tools):
    mixed = judged(PictureSet.in_memory([*stripes(6, True, 6), *stripes(18, False, 7)]))
    found, share, distance = judgement(mixed, tools), domain_share(mixed, tools), domain_distance(mixed, tools)
    assert share.value == (found.results.logits > 0).mean()
    np.testing.assert_allclose(share.per_picture, 1 / (1 + np.exp(-found.results.logits)), rtol=1e-5)
    assert [p > 0.5 for p in share.per_picture] == (found.results.logits > 0).tolist()
    pairs = zip(found.results.features, found.real.features, strict=True)
    assert distance.value == pytest.approx(np.mean([frechet_distance(x, y) for x, y in pairs]))
    assert (share.floor, share.ceiling) == (found.real.share, found.inputs.share)
    assert found.accuracy == pytest.approx((found.real.share + 1 - found.inputs.share) / 2)


def test_judges_are_learned_once_and_kept(judged, monkeypatch):
    first = domain_distance(judged(stripes(24, True, 4)), Tools()).value

    def never(*_):
        raise AssertionError("it is known")

    monkeypatch.setattr(domain_classifier.DomainClassifier, "learn", never)
    assert domain_distance(judged(stripes(24, True, 4)), Tools()).value == first


def test_of_many_training_pictures_some_are_enough(judged, monkeypatch, tmp_path):
    counts = []
    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path))
    monkeypatch.setattr(domain, "MOST_TEACHING", 20)
    monkeypatch.setattr(domain_classifier, "CYCLE", 2)
    monkeypatch.setattr(domain, "LEAST_ACCURACY", 0.0)
    monkeypatch.setattr(domain, "load_small", lambda pictures: counts.append(len(pictures)) or load_small(pictures))
    judgement(judged(stripes(24, True, 4)), Tools())
    assert counts == [20, 20, 24, 24, 30]


def test_no_set_of_results_gets_the_verdict_of_one_that_is_gone(judged, tools):
    """As in a training, where the next set may lie where the last one did."""
    pictures = list(stripes(24, False, 4)), list(stripes(24, True, 4))
    shares = [domain_share(judged(PictureSet.in_memory(pictures[turn % 2])), tools).value for turn in range(6)]
    assert [share > 0.5 for share in shares] == [False, True] * 3


@pytest.mark.parametrize("damage", [b"", b"no file of torch", None])
def test_a_damaged_file_is_learned_anew(judged, damage, monkeypatch, tmp_path):
    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path))
    monkeypatch.setattr(domain_classifier, "CYCLE", 2)
    monkeypatch.setattr(domain, "LEAST_ACCURACY", 0.0)
    share = domain_share(judged(stripes(24, True, 4)), Tools()).value
    (path,) = (default_cache_folder() / "judges").iterdir()
    if damage is None:
        torch.save({"networks.0.other": torch.zeros(1)}, path)
    else:
        path.write_bytes(damage)
    assert domain_share(judged(stripes(24, True, 4)), Tools()).value == share


def test_domains_that_look_alike_are_refused(judged, tools, monkeypatch, tmp_path):
    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path))
    same = Judged(
        stripes(24, True, 4),
        inputs=stripes(40, True, 5),
        real=stripes(40, True, 6),
        teaching=(stripes(40, True, 7), stripes(40, True, 8)),
    )
    with pytest.raises(Unmeasurable, match=r"takes only \d+% of the unseen real pictures .* must reach 90%"):
        domain_share(same, tools)


@pytest.mark.parametrize(
    ("kind", "count", "message"),
    [
        ("inputs", 7, "need at least 8 inputs, and there are 7"),
        ("real", 7, "need at least 8 real pictures of B, and there are 7"),
        ("results", 3, "need at least 4 results, and there are 3"),
        ("teaching", 15, "learns from at least 16 training pictures of each domain, and there are 15"),
    ],
)
def test_too_few_pictures_are_refused(judged, tools, kind, count, message):
    sets = {name: getattr(judged(stripes(24, True, 4)), name) for name in ("results", "inputs", "real", "teaching")}
    few = sets[kind][1] if kind == "teaching" else sets[kind]
    sets[kind] = (sets["teaching"][0], few.part(range(count))) if kind == "teaching" else few.part(range(count))
    with pytest.raises(Unmeasurable, match=message):
        domain_share(Judged(**sets), tools)


@pytest.mark.parametrize(("share", "count"), [(0.0, 10), (0.3, 40), (1.0, 200), (0.5, 1)])
def test_wilsons_interval_solves_its_equation(share, count):
    """Its ends are the shares p with |share - p| = 1.96 sqrt(p (1 - p) / n)."""
    for end in wilson_interval(share, count):
        assert 0 <= end <= 1
        assert abs(share - end) == pytest.approx(domain.NORMAL * np.sqrt(end * (1 - end) / count), abs=1e-9)
