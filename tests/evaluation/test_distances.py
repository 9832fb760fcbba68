"""FID, KID, precision and recall with a given extractor file, against independent computations on its features."""

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial

from translate.evaluation import distances, kernel
from translate.evaluation.inception import CLEAN, PYTORCH, inception_features
from translate.evaluation.metric import METRICS, Judged, Tools, Unmeasurable
from translate.evaluation.weights import INCEPTION
from translate.randomness import generator

PROTOCOLS = {"pytorch": PYTORCH, "clean": CLEAN}
NAMES = ("fid_pytorch", "kid_pytorch", "fid_clean", "kid_clean", "precision_clean", "recall_clean")


def slow_fid(x: np.ndarray, y: np.ndarray) -> float:
    """By roots of the covariances, in the plane that the few rows span, where that is exact."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    plane = scipy.linalg.orth((np.concatenate([x, y]) - x.mean(0)).T)
    difference = x.mean(0) - y.mean(0)
    x, y = x @ plane, y @ plane
    values, vectors = scipy.linalg.eigh(np.cov(x, rowvar=False))
    values[: -(len(x) - 1)] = 0  # the rank is known
    root = vectors * np.sqrt(values) @ vectors.T
    inner = scipy.linalg.eigvalsh(root @ np.cov(y, rowvar=False) @ root)[::-1][: min(len(x), len(y)) - 1]
    return difference @ difference + np.cov(x.T).trace() + np.cov(y.T).trace() - 2 * np.sqrt(inner).sum()


def slow_kid(x: np.ndarray, y: np.ndarray) -> float:
    def kernels(a, b):
        return np.array([[(p @ q / len(p) + 1) ** 3 for q in b.astype(np.float64)] for p in a.astype(np.float64)])

    xx, yy = kernels(x, x), kernels(y, y)
    n, m = len(x), len(y)
    within = (xx.sum() - xx.trace()) / n / (n - 1) + (yy.sum() - yy.trace()) / m / (m - 1)
    return within - 2 * kernels(x, y).mean()


def slow_precision(results: np.ndarray, real: np.ndarray) -> np.ndarray:
    radii = np.sort(scipy.spatial.distance.cdist(real, real), axis=1)[:, 3]
    return (scipy.spatial.distance.cdist(results, real) <= radii).any(1)


SLOW = {
    "fid": slow_fid,
    "kid": slow_kid,
    "precision": lambda x, y: slow_precision(x, y).mean(),
    "recall": lambda x, y: slow_precision(y, x).mean(),
}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_independent_computation_on_the_same_features(name, judged, tools):
    what, _, protocol = name.partition("_")
    results, real, inputs = (
        inception_features(pictures, PROTOCOLS[protocol], tools, keep)
        for pictures, keep in ((judged.results, False), (judged.real, True), (judged.inputs, True))
    )
    found = METRICS[name].measure(judged, tools)
    assert found.value == pytest.approx(SLOW[what](results, real), rel=1e-6)
    assert found.ceiling == pytest.approx(SLOW[what](inputs, real), rel=1e-6)
    order = generator(0, "halves of real B").permutation(20)
    assert found.floor == pytest.approx(SLOW[what](real[order[:10]], real[order[10:]]), rel=1e-6)
    assert found.low <= found.value <= found.high
    assert found.extractor.startswith("inception-2015-12-05-") and len(found.extractor) == 29
    assert ("biased" in found.note) == (what == "fid")
    assert found == METRICS[name].measure(judged, tools)
    if what == "precision":
        assert found.per_picture == tuple(slow_precision(results, real).astype(float))
    else:
        assert found.per_picture is None


@pytest.fixture
def counted(monkeypatch):
    """Features drawn in place of a network's, by the number of pictures."""
    rng = np.random.default_rng(0)
    monkeypatch.setattr(distances, "inception_features", lambda pictures, *_, **__: rng.random((len(pictures), 8)))
    monkeypatch.setattr(distances, "load_inception", lambda tools: type("Extractor", (), {"name": "drawn"}))


@pytest.fixture
def sets(make_pictures):
    """sets(results=8, real=9, inputs=8): so many pictures of each."""

    def make(results=8, real=9, inputs=0):
        counts = {"results": results, "real": real, "inputs": inputs}
        pictures = {kind: make_pictures(1).part([0] * count) for kind, count in counts.items()}
        return Judged(**{kind: part for kind, part in pictures.items() if kind == "results" or len(part)})

    return make


def test_many_pictures_need_no_interval_and_kid_is_that_of_subsets(counted, sets, monkeypatch):
    monkeypatch.setattr(kernel, "SUBSET_SIZE", 1000)
    seen = []

    def subsets(x, y, rng):
        seen.append((len(x), len(y)))
        return 0.25, 0.5

    monkeypatch.setattr(kernel, "subsets_distance", subsets)
    many = sets(1000, 1001)
    fid, kid = (METRICS[name].measure(many, Tools()) for name in ("fid_clean", "kid_clean"))
    assert (fid.low, fid.high, fid.note) == (None, None, "")
    assert (kid.value, kid.low, dict(kid.more)) == (0.25, None, {"deviation of subsets": 0.5})
    assert seen == [(1000, 1001)]
    assert METRICS["kid_clean"].measure(sets(999, 1001), Tools()).low is not None


def test_the_note_says_how_many_there_are(counted, sets):
    assert METRICS["fid_clean"].measure(sets(8, 900), Tools()).note == (
        "8 results and 900 real pictures: with fewer than 1000 of either, FID is biased upwards; compare it only "
        "between equal counts, and read KID beside it"
    )


def test_there_is_no_floor_of_too_few_and_no_ceiling_without_inputs(counted, sets):
    assert METRICS["fid_clean"].measure(sets(8, 19), Tools()).floor is None
    found = METRICS["fid_clean"].measure(sets(8, 20), Tools())
    assert found.floor is not None and found.ceiling is None
    assert METRICS["fid_clean"].measure(sets(8, 20, 8), Tools()).ceiling is not None


@pytest.mark.parametrize(
    ("name", "fewest"), [("fid_clean", 2), ("kid_pytorch", 3), ("precision_clean", 4), ("recall_clean", 4)]
)
def test_what_cannot_be_computed_of_too_few_is_said(counted, sets, name, fewest):
    METRICS[name].measure(sets(fewest, fewest), Tools())
    with pytest.raises(Unmeasurable, match=f"{name} needs at least {fewest} results and {fewest} real pictures"):
        METRICS[name].measure(sets(fewest, fewest - 1), Tools())


@pytest.mark.parametrize("name", NAMES)
def test_without_weights_it_is_a_sentence(name, judged, tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path))
    monkeypatch.setattr("torch.hub._hub_dir", str(tmp_path))
    with pytest.raises(Unmeasurable, match=f"{INCEPTION.file_name} are not on this machine: fetch http"):
        METRICS[name].measure(judged, Tools(download=False))
