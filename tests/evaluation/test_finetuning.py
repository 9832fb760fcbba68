"""Learning classes on an encoder."""

import numpy as np
import pytest
import torch

from translate.errors import RunError
from translate.evaluation.finetuning import Pictures, _middle, _random_crops, finetune
from translate.networks.encoders import build_encoder
from translate.networks.initialization import initialize
from translate.training.precision import Precision

FP32 = Precision("fp32", torch.device("cpu"))


def stripes(count, seed, side=72):
    """Lying stripes or standing ones, of random places and colours."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    pictures = np.tile(rng.integers(0, 100, (count, 3, 1, 1)), (1, 1, side, side))
    for picture, label in zip(pictures, labels, strict=True):
        view = picture if label else picture.transpose(0, 2, 1)
        view[:, rng.integers(0, 8) :: 8] = rng.integers(150, 256, (3, 1, 1))
    return Pictures(torch.from_numpy(pictures.astype(np.uint8)), torch.from_numpy(labels))


def shades(count, seed, side=72):
    """Noise on dark grounds or on light ones: what untrained features tell too."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    pictures = rng.integers(0, 60, (count, 3, side, side)) + 150 * labels[:, None, None, None]
    return Pictures(torch.from_numpy(pictures.astype(np.uint8)), torch.from_numpy(labels))


def encoder_of(seed=0):
    torch.manual_seed(seed)
    return initialize(build_encoder("alexnet", nef=8), "kaiming").eval()


def learn(encoder, everything=True, seed=0, epochs=8, sets=None):
    sets = sets or (stripes(96, 0), stripes(40, 1), stripes(40, 2))
    return finetune(encoder, sets, 2, 67, FP32, epochs, 0.003, seed, everything)


@pytest.mark.parametrize(("everything", "kind"), [(True, stripes), (False, shades)])
def test_classes_are_learned_and_the_encoder_stays(everything, kind):
    encoder = encoder_of()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    found = learn(encoder, everything, sets=(kind(96, 0), kind(40, 1), kind(40, 2)))
    assert found.accuracy > 0.8 and found.validation > 0.8  # guessing: 0.5
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())
    assert all(weight.requires_grad for weight in encoder.parameters())


def test_a_loss_that_is_lost_is_no_result():
    sets = stripes(8, 0), stripes(8, 1), stripes(8, 2)
    with pytest.raises(RunError, match=r"fine-tuning: the loss is nan at the end; use an --lr below 1e\+30"):
        finetune(encoder_of(), sets, 2, 67, FP32, 3, 1e30, 0)


def test_labels_that_mean_nothing_are_not_learned():
    train, val, test = stripes(96, 0), stripes(40, 1), stripes(400, 2)
    drawn = torch.from_numpy(np.random.default_rng(3).integers(0, 2, 96))
    found = learn(encoder_of(), sets=(Pictures(train.squares, drawn), val, test), epochs=2)
    assert abs(found.accuracy - 0.5) < 0.2


def test_the_test_and_the_validation_are_not_mixed_up():
    train, val, test = shades(96, 0), shades(40, 1), shades(40, 2)
    found = learn(encoder_of(), everything=False, sets=(train, val, Pictures(test.squares, 1 - test.labels)))
    assert found.accuracy < 0.2 and found.validation > 0.8


def test_asked_is_the_middle_of_a_picture():
    pictures = torch.arange(9 * 9).view(1, 1, 9, 9)
    assert torch.equal(_middle(pictures, 3), pictures[..., 3:6, 3:6])
    assert torch.equal(_middle(pictures, 9), pictures)


def test_the_seed_fixes_it():
    first, again, other = (learn(encoder_of(), seed=seed, epochs=3) for seed in (0, 0, 1))
    assert first == again != other


def test_without_everything_the_statistics_of_norms_stay_too():
    torch.manual_seed(0)
    encoder, seen = build_encoder("alexnet", nef=4), []
    encoder.conv1[1].register_forward_hook(lambda module, *_: seen.append(module.training))
    learn(encoder, everything=False, epochs=1)
    assert seen and not any(seen)


def test_crops_are_parts_of_the_pictures_or_their_mirrors():
    pictures = torch.arange(2 * 3 * 9 * 9).view(2, 3, 9, 9)
    crops = _random_crops(pictures, 6, np.random.default_rng(0))
    for picture, crop in zip(pictures, crops, strict=True):
        parts = [
            part[:, y : y + 6, x : x + 6] for part in (picture, picture.flip(2)) for y in range(4) for x in range(4)
        ]
        assert any(torch.equal(crop, part) for part in parts)
    kinds = {tuple(_random_crops(pictures, 6, np.random.default_rng(seed)).flatten().tolist()) for seed in range(30)}
    assert len(kinds) > 20


def test_a_rescaled_encoder_learns_and_is_not_refused_for_its_norms():
    found, plain = learn_rescaled(True), learn_rescaled(False)
    assert found.accuracy > 0.8  # guessing: 0.5
    assert found != plain


def learn_rescaled(rescale):
    sets = stripes(96, 0), stripes(40, 1), stripes(40, 2)
    return finetune(encoder_of(), sets, 2, 67, FP32, 8, 0.003, 0, True, rescale)
