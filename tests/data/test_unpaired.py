import pickle

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from translate.data.preprocess import Preprocess
from translate.data.reading import PictureError, read_picture
from translate.data.tensors import to_tensor
from translate.data.unpaired import UnpairedPictures
from translate.errors import InputError
from translate.randomness import generator

SMALL = Preprocess(load_size=36, crop_size=32)


def same(one, other):
    return all(torch.equal(one[k], other[k]) if k in "AB" else one[k] == other[k] for k in one)


def test_length_is_that_of_the_larger_domain(two_domains):
    paths_a, paths_b = two_domains
    assert len(UnpairedPictures(paths_a, paths_b, 3, 3, SMALL, seed=1)) == 5
    assert len(UnpairedPictures(paths_a[:1], paths_b, 3, 3, SMALL, seed=1)) == 3


def test_a_sample_is_what_its_generators_say(two_domains):
    paths_a, paths_b = two_domains
    sample = UnpairedPictures(paths_a, paths_b, 3, 3, SMALL, seed=4)[(2, 3)]
    partner = generator(4, "partner", 2, 3).integers(3)
    for letter, path in (("A", paths_a[3]), ("B", paths_b[partner])):
        wanted = to_tensor(SMALL(read_picture(path), generator(4, f"augment {letter}", 2, 3)))
        assert torch.equal(sample[letter], wanted)
        assert sample[f"{letter}_path"] == str(path)
    assert (sample["epoch"], sample["index"]) == (2, 3)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 400), st.integers(0, 4))
def test_samples_do_not_depend_on_what_was_asked_before(two_domains, epoch, index):
    used = UnpairedPictures(*two_domains, 3, 3, SMALL, seed=1)
    used[(1, 0)]
    fresh = pickle.loads(pickle.dumps(UnpairedPictures(*two_domains, 3, 3, SMALL, seed=1)))
    sample = used[(epoch, index)]
    assert same(sample, fresh[(epoch, index)])
    assert sample["A"].dtype == sample["B"].dtype == torch.uint8
    assert sample["A"].shape == sample["B"].shape == (3, 32, 32)


def test_seed_and_epoch_change_partner_and_transform(two_domains):
    def draw(seed, epoch):
        pictures = UnpairedPictures(*two_domains, 3, 3, SMALL, seed=seed)
        return [pictures[(epoch, index)] for index in range(5)]

    def differ(one, other):
        crops = any(not torch.equal(s["A"], t["A"]) for s, t in zip(one, other, strict=True))
        return crops and [s["B_path"] for s in one] != [t["B_path"] for t in other]

    assert differ(draw(1, 1), draw(2, 1))
    assert differ(draw(1, 1), draw(1, 2))


def test_partners_are_uniform(two_domains):
    pictures = UnpairedPictures(*two_domains, 3, 3, Preprocess("none"), seed=1)
    paths = [pictures[(epoch, 0)]["B_path"] for epoch in range(1, 301)]
    assert all(75 < paths.count(str(path)) < 125 for path in two_domains[1])


def test_serial_pairs_by_position(two_domains):
    paths_a, paths_b = two_domains
    pictures = UnpairedPictures(paths_a, paths_b, 3, 3, SMALL, seed=1, serial=True)
    assert [pictures[(7, i)]["B_path"] for i in range(5)] == [str(paths_b[i % 3]) for i in range(5)]
    swapped = UnpairedPictures(paths_b, paths_a, 3, 3, SMALL, seed=1)
    assert [swapped[(7, i)]["A_path"] for i in range(5)] == [str(paths_b[i % 3]) for i in range(5)]


def test_late_epochs_use_the_late_transform(two_domains):
    late = Preprocess(load_size=32, crop_size=32, flip=False)
    pictures = UnpairedPictures(*two_domains, 3, 3, SMALL, late, 2, seed=1)
    early = UnpairedPictures(*two_domains, 3, 3, SMALL, seed=1)
    always_late = UnpairedPictures(*two_domains, 3, 3, late, seed=1)
    assert same(pictures[(2, 1)], early[(2, 1)])
    assert same(pictures[(3, 1)], always_late[(3, 1)])
    assert not same(early[(3, 1)], always_late[(3, 1)])


def test_channels_are_set_per_domain(make_picture):
    grey, colour = make_picture("g.png", mode="L"), make_picture("c.png")
    sample = UnpairedPictures([colour], [grey], 1, 3, Preprocess("none"), seed=1)[(1, 0)]
    assert sample["A"].shape[0] == 1
    assert sample["B"].shape[0] == 3
    assert np.ptp(sample["B"].numpy(), axis=0).max() == 0


def test_nothing_is_opened_at_construction(tmp_path):
    pictures = UnpairedPictures([tmp_path / "a.png"], [tmp_path / "b.png"], 3, 3, SMALL, seed=1)
    assert len(pictures) == 1
    with pytest.raises(PictureError, match=r"a\.png does not exist"):
        pictures[(1, 0)]


def test_a_picture_that_does_not_fit_is_named(two_domains):
    pictures = UnpairedPictures(*two_domains, 3, 3, Preprocess("crop", crop_size=64), seed=1)
    with pytest.raises(InputError, match=r"crop_size 64 is larger than .*trainA/0.png \(40x44\)"):
        pictures[(1, 0)]


def test_an_empty_domain_is_refused(two_domains):
    with pytest.raises(InputError, match="domain B has no pictures"):
        UnpairedPictures(two_domains[0], [], 3, 3, SMALL, seed=1)
