"""Pictures for a run: which, in how many channels, in which order."""

import numpy as np
import pytest
from PIL import Image

from translate.errors import InputError
from translate.settings import resolve
from translate.training.feeding import make_batches, make_sampler, open_feed


@pytest.fixture
def feed_of(base_flags):
    """feed_of(**flags): the settings and the feed of a run."""

    def make(**flags):
        settings = resolve({**base_flags, **flags})
        return settings, open_feed(settings)

    return make


def order(settings, feed, workers, epoch=1, done=0):
    """Pairs of pictures and their pixels, as they come."""
    settings = settings.with_values(num_threads=workers)
    batches = make_batches(feed, settings, make_sampler(feed, settings, epoch, done), on_gpu=False)
    return [(b["epoch"], b["index"], b["A_paths"], b["B_paths"], b["A"].sum().item()) for b in batches]


def test_the_direction_says_which_domain_is_translated(feed_of):
    names = {
        direction: {domain: folder.name for domain, folder in feed_of(direction=direction)[1].folders.items()}
        for direction in ("AtoB", "BtoA")
    }
    assert names == {"AtoB": {"A": "trainA", "B": "trainB"}, "BtoA": {"A": "trainB", "B": "trainA"}}


def test_the_order_does_not_depend_on_the_workers(feed_of):
    settings, feed = feed_of(batch_size=2)
    assert order(settings, feed, 0) == order(settings, feed, 2)


def test_the_rest_of_an_epoch_is_what_would_have_come(feed_of):
    settings, feed = feed_of()
    assert order(settings, feed, 0)[4:] == order(settings, feed, 0, epoch=2, done=1)


def test_grey_is_detected_and_mixed_domains_are_read_as_colour(feed_of, make_domains, tmp_path, capsys):
    grey = str(make_domains(tmp_path / "grey", 2, 2, channels=1))
    _, feed = feed_of(dataroot=grey)
    assert (feed.input_nc, feed.output_nc) == (1, 1)
    Image.new("RGB", (40, 40)).save(f"{grey}/trainB/colour.png")
    _, feed = feed_of(dataroot=grey)
    assert (feed.input_nc, feed.output_nc) == (3, 3)
    assert "one domain is grey and the other colour" in capsys.readouterr().out


@pytest.mark.parametrize("model", ["context_encoder", "colorization"])
@pytest.mark.parametrize(("width", "height"), [(120, 60), (60, 120), (48, 24)])
def test_methods_that_learn_from_photographs_do_not_squash_them(model, width, height, tmp_path):
    """A picture that gets brighter to the right as fast as it does downwards stays like that."""
    (tmp_path / "trainA").mkdir()
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    for name in "ab":
        Image.fromarray(np.dstack([2 * columns, 2 * rows, rows])).save(tmp_path / f"trainA/{name}.png")
    flags = {"model": model, "dataroot": str(tmp_path), "load_size": 40, "crop_size": 32, "no_flip": True}
    feed = open_feed(resolve({**flags, "n_epochs": 1, "n_epochs_decay": 0}))
    picture = feed.dataset[1, 0]["A"].numpy().astype(float)  # (3, H, W)
    assert picture.shape == (3, 32, 32)
    to_the_right, down = (np.diff(picture[channel], axis=1 - channel)[4:-4, 4:-4].mean() for channel in (0, 1))
    assert to_the_right == pytest.approx(down, rel=0.05)
    assert down == pytest.approx(2 * min(width, height) / 40, rel=0.05)


@pytest.mark.parametrize(
    ("asked", "channels"),
    [({"input_nc": 1}, (1, 1)), ({"output_nc": 1}, (1, 1)), ({"input_nc": 1, "output_nc": 3}, (1, 3)), ({}, (3, 3))],
)
def test_channels_are_as_asked_and_one_follows_the_other(feed_of, asked, channels):
    _, feed = feed_of(**asked)
    assert (feed.input_nc, feed.output_nc) == channels
    sample = feed.dataset[(1, 0)]
    assert (sample["A"].shape[0], sample["B"].shape[0]) == channels


def test_two_channels_are_refused(feed_of):
    with pytest.raises(InputError, match="--output_nc 2: pictures have 1 channel"):
        feed_of(output_nc=2)


def test_a_limit_holds_for_each_domain(feed_of):
    assert feed_of(max_dataset_size=2)[1].counts == {"A": 2, "B": 2}


@pytest.mark.parametrize(("decay", "size"), [("crop_size", 32), ("load_size", 36)])
def test_the_jitter_ends_with_the_decay_unless_it_is_kept(feed_of, decay, size):
    _, feed = feed_of(preprocess="resize", decay_load_size=decay)
    assert feed.dataset[(1, 0)]["A"].shape[-1] == 36
    assert feed.dataset[(2, 0)]["A"].shape[-1] == size
