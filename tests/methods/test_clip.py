"""CLIP against its formula in numpy, what it logs, and what it refuses."""

import math

import numpy as np
import pytest
import torch

from translate.errors import InputError
from translate.settings import resolve
from translate.training.job import build_method
from translate.training.preparing import Preparation

END = 29
TINY = {
    "model": "clip", "dataroot": "none", "nef": 4, "feature_nc": 6, "text_width": 8, "text_layers": 1, "text_heads": 2,
    "vocab_size": END + 1, "context_length": 8, "input_nc": 3, "output_nc": 3,
}  # fmt: skip
SIDE_PX = 64


def make(**flags):
    return build_method(resolve({**TINY, **flags})).double().train()


def batch_of(method, count=4):
    """Waves of another colour, width and direction each, and a text of another length."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX
    pictures = []
    for number in range(count):
        rng = np.random.default_rng(number)
        waves = [np.sin(2 * np.pi * (rng.uniform(-4, 4) * x + rng.uniform(-4, 4) * y)) for _ in range(3)]
        pictures.append((127.5 + 100 * np.stack(waves)).astype(np.uint8))
    tokens = [[END - 1, *[number] * (1 + number % 4), END] for number in range(count)]
    raw = {"A": torch.from_numpy(np.stack(pictures)), "tokens": tokens, "epoch": 1, "index": list(range(count))}
    ready = Preparation(method, 0, torch.device("cpu"))(raw)
    return {**ready, "A": ready["A"].to(next(method.parameters()).dtype)}


def slow_loss(images, texts, scale):
    """Mean loss, and how often a picture's own text is the nearest, of vectors of any length, term by term."""
    images, texts = (each / np.sqrt((each**2).sum(1, keepdims=True)) for each in (images, texts))
    logits = scale * images @ texts.T
    losses = []
    for i in range(len(logits)):
        for others in (logits[i], logits[:, i]):
            losses.append(math.log(sum(map(math.exp, others))) - others[i])
    return np.mean(losses), np.mean([logits[i].argmax() == i for i in range(len(logits))])


@pytest.mark.parametrize("flags", [{}, {"normE": "none"}, {"text_layers": 2, "feature_nc": 5}])
def test_its_loss_is_the_formula_of_its_features(flags):
    method = make(**flags)
    batch = batch_of(method)
    total, named = method.losses("E", method(batch))
    networks = method.networks
    with torch.no_grad():
        images = networks["E"](batch["A"]).mean((2, 3)) @ networks["P"].layer.weight.T
        texts = torch.cat([networks["T"](torch.tensor([ids])) for ids in batch["tokens"]])
    loss, hits = slow_loss(images.numpy(), texts.numpy(), 1 / 0.07)
    assert total.item() == named["CLIP"].item() == pytest.approx(loss, rel=1e-6)  # the scale was made in float32
    assert named["accuracy"].item() == pytest.approx(hits)
    assert named["scale"].item() == pytest.approx(14.2857, rel=1e-5)
    total.backward()
    assert all(weight.grad is not None for weight in method.parameters())
    assert networks["S"].log_scale.grad.abs() > 0


def test_its_texts_start_with_the_published_weights():
    """And not with those of the pictures' layers, which ``init_type`` draws."""
    text = make(text_width=64).networks["T"]
    assert text.tokens.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert text.projection.weight.std().item() == pytest.approx(1 / 8, rel=0.1)
    assert text.blocks[0].widening.weight.std().item() == pytest.approx(128**-0.5, rel=0.1)


def test_equal_features_are_guessing():
    method = make()
    torch.nn.init.zeros_(method.networks["P"].layer.weight)
    loss, named = method.losses("E", method(batch_of(method)))
    assert loss.item() == pytest.approx(math.log(4), abs=1e-9)
    levels = method.levels(SIDE_PX, 4)
    assert levels["CLIP"].value == pytest.approx(math.log(4)) and levels["accuracy"].value == 0.25
    assert levels.keys() <= named.keys()


def test_the_scale_starts_as_published_and_stays_below_its_limit():
    method = make()
    log_scale = method.networks["S"].log_scale
    assert log_scale.item() == pytest.approx(math.log(1 / 0.07), abs=1e-6)
    for value, kept in ((4.7, math.log(100)), (4.6, 4.6), (-1.0, -1.0)):
        log_scale.data.fill_(value)
        method.after_step()
        assert log_scale.item() == pytest.approx(kept, abs=1e-12)


def test_it_saves_both_encoders_the_projection_and_the_scale():
    method = make()
    assert list(method.networks) == ["E", "P", "T", "S"]
    assert method.players == {"E": ("E", "P", "T", "S")}
    assert [name for name, _ in method.networks["P"].named_parameters()] == ["layer.weight"]


def test_its_pictures_are_the_first_and_what_its_text_finds():
    method = make()
    batch = batch_of(method)
    state = method(batch)
    state.text = state.image[[2, 1, 0, 3]].clone()
    shown = method.pictures(state)
    assert torch.equal(shown["real_A"], batch["A"][0]) and torch.equal(shown["nearest_A"], batch["A"][2])


def test_it_learns_which_text_belongs_to_which_picture():
    method = make(nef=8, feature_nc=16).float()
    optimizer = torch.optim.Adam(method.parameters(), lr=0.003)
    losses = []
    for _ in range(40):
        loss, named = method.losses("E", method(batch_of(method, 8)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.after_step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * math.log(8)
    assert named["accuracy"] > 0.8


def test_its_defaults_crop_and_do_not_mirror():
    settings = resolve(TINY)
    assert settings.data.no_flip and settings.data.preprocess == "scale_aspect_and_crop"
    assert settings.data.dataset_mode == "captioned"
    assert (settings.optimizer.lr_policy, settings.optimizer.lr, settings.optimizer.beta2) == ("cosine", 5e-4, 0.98)


@pytest.mark.parametrize(("flags", "said"), [
    ({"text_width": 9}, "--text_width 9 is no multiple of --text_heads 2"),
    ({"context_length": 2}, "--context_length 2 is too small"),
    ({"dataset_mode": "single"}, "--dataset_mode single does not suit --model clip: it learns from captioned"),
    ({"range_A": "0,4095"}, "--range_A does not suit --model clip"),
])  # fmt: skip
def test_what_cannot_be_is_refused(flags, said):
    with pytest.raises(InputError, match=said):
        make(**flags)


def test_a_batch_in_parts_or_of_one_is_refused():
    method = make()
    with pytest.raises(InputError, match=r"--accumulate 2: .* use --accumulate 1 with a smaller --batch_size"):
        method.check_shared(1, 2)
    method.check_shared(4, 1)
    with pytest.raises(InputError, match="--batch_size 1 leaves a picture no other"):
        method.check_batch(1, 1)
    method.check_batch(2, 2)
