"""Pictures that are held out of a training, or of a phase of their own, for every kind of data set."""

import pytest

from translate.data.validation import hold_out
from translate.errors import InputError
from translate.settings import resolve
from translate.training.feeding import open_feed

SHARED = ("ngf", "load_size", "crop_size", "gpu_ids")
OF_CUT = ("netG", "num_patches", "netF_nc")


@pytest.fixture
def feed_of(tiny_flags):
    def make(root, **flags):
        usual = {name: tiny_flags[name] for name in (*SHARED, *(() if "model" in flags else OF_CUT))}
        return open_feed(resolve({**usual, "eval_every": 10, "dataroot": str(root), **flags}))

    return make


def test_nothing_is_held_out_unless_quality_is_measured(feed_of, tmp_path, make_domains):
    feed = feed_of(make_domains(tmp_path, 20, 20), eval_every=0)
    assert feed.validation is None and feed.counts == {"A": 20, "B": 20}


def test_a_tenth_is_held_out_and_never_learned_from(feed_of, tmp_path, make_domains):
    root = make_domains(tmp_path, 30, 20)
    feed = feed_of(root)
    assert feed.counts == {"A": 27, "B": 18}
    validation = feed.validation
    held_a, held_b = [each.part.path for each in validation.inputs], [part.path for part in validation.real]
    assert held_a == hold_out(sorted((root / "trainA").iterdir()), 100) and len(held_b) == 2
    learned = {path for index in range(27) for path in feed.dataset.files((1, index))}
    taught = {part.path for side in validation.teaching for part in side}
    assert not (set(held_a) | set(held_b)) & (learned | taught)
    assert len(taught) == 45 and validation.where == "held out of train"


def test_the_seed_of_the_run_changes_nothing(feed_of, tmp_path, make_domains):
    root = make_domains(tmp_path, 30, 20)
    one, other = (feed_of(root, seed=seed).validation for seed in (0, 7))
    assert one == other


def test_a_phase_of_its_own_leaves_the_training_whole(feed_of, tmp_path, make_domains):
    root = make_domains(tmp_path, 20, 20, phases=("train", "val"))
    feed = feed_of(root, eval_pictures=4)
    assert feed.counts == {"A": 20, "B": 20}
    assert [each.part.path.parent.name for each in feed.validation.inputs] == ["valA"] * 4
    assert feed.validation.where == "of val"


def test_the_other_direction_translates_the_other_domain(feed_of, tmp_path, make_domains):
    validation = feed_of(make_domains(tmp_path, 20, 20), direction="BtoA").validation
    assert validation.inputs[0].part.path.parent.name == "trainB" and validation.real[0].path.parent.name == "trainA"
    assert validation.teaching[0][0].path.parent.name == "trainB"


def test_pairs_are_held_out_as_pairs(feed_of, tmp_path, make_domains):
    root = make_domains(tmp_path, 20, 20)
    for path in (root / "trainB").iterdir():
        path.rename(path.with_name(path.name.replace("b", "a")))
    feed = feed_of(root, model="pix2pix", netG="unet_128", crop_size=128, load_size=128)
    assert feed.counts == {"A": 18, "B": 18} and len(feed.validation.inputs) == 2
    for each in feed.validation.inputs:
        assert each.part.path.name == each.truth.path.name and each.truth.path.parent.name == "trainB"
    assert feed.validation.real == [each.truth for each in feed.validation.inputs]


def test_pictures_of_one_folder_are_held_out(feed_of, tmp_path, make_domains):
    feed = feed_of(make_domains(tmp_path, 20, 1), model="colorization", netG="colorizer_small")
    assert feed.counts == {"A": 18} and len(feed.validation.inputs) == 2 and feed.validation.teaching is None


def test_too_few_pictures_are_refused_with_what_helps(feed_of, tmp_path, make_domains):
    with pytest.raises(InputError, match=r"has no valA, and too few training pictures .* add that folder"):
        feed_of(make_domains(tmp_path, 9, 9))


def test_a_broken_picture_is_named(feed_of, tmp_path, make_domains):
    root = make_domains(tmp_path, 4, 4, phases=("train", "val"))
    (root / "valA/a2.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"a2\.png"):
        feed_of(root)
    assert len(feed_of(root, skip_bad_images=True).validation.inputs) == 3


def test_a_single_picture_cannot_be_measured_on(feed_of, tmp_path, make_domains):
    with pytest.raises(InputError, match="--eval_every does not suit --dataset_mode singleimage"):
        feed_of(make_domains(tmp_path, 1, 1), model="sincut", netG="smallstylegan2", netD="stylegan2")


def test_held_out_pictures_take_no_memory(feed_of, tmp_path, make_domains):
    assert feed_of(make_domains(tmp_path, 20, 20), cache_mb=8).describe_cache(1).startswith("36 of 36 kept")
