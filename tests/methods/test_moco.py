"""MoCo against its formulas in numpy: losses, queue, the copy that trails behind, and batch norms in groups."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.errors import InputError
from translate.settings import resolve
from translate.training.job import build_method
from translate.training.preparing import Preparation
from translate.views.random_views import MOCO

TINY = {
    "model": "moco", "dataroot": "none", "nef": 4, "feature_nc": 6, "input_nc": 3, "output_nc": 3, "view_px": 64,
}  # fmt: skip
QUEUED = {"queue_size": 10}
V3 = {"moco_version": "v3", "head_nc": 8}


def make(**flags):
    version = flags.get("moco_version")
    queued = {} if version == "v3" else QUEUED
    flags = {"no_blur": version != "v1", **flags}
    return build_method(resolve({**TINY, **queued, **flags})).double().train()


def batch_of(method, count=4, epoch=1, side_px=64):
    """Waves of another colour, width and direction each, with the draws of an epoch."""
    y, x = np.mgrid[:side_px, :side_px] / side_px
    pictures = []
    for number in range(count):
        rng = np.random.default_rng(number)
        waves = [np.sin(2 * np.pi * (rng.uniform(-4, 4) * x + rng.uniform(-4, 4) * y)) for _ in range(3)]
        pictures.append((127.5 + 100 * np.stack(waves)).astype(np.uint8))
    raw = {"A": torch.from_numpy(np.stack(pictures)), "epoch": epoch, "index": list(range(count))}
    ready = Preparation(method, 0, torch.device("cpu"))(raw)
    like = next(method.parameters()).dtype
    return {key: value.to(like) if key == "A" else value for key, value in ready.items()}


def encode(networks, images):
    """Unit vectors (N, D), all pictures at once."""
    with torch.no_grad():
        vectors = networks["H"](networks["E"](images).mean((2, 3)))
        return (networks["P"](vectors) if "P" in networks else vectors).numpy()


def normalized(vectors):
    return vectors / np.sqrt((vectors**2).sum(1, keepdims=True))


def surprise(similarities, own, temperature):
    terms = [math.exp(s / temperature) for s in similarities]
    return -math.log(terms[own] / math.fsum(terms))


def take_steps(method, steps, count=4):
    """What a trainer does with SGD; the keys of every step."""
    optimizer = torch.optim.SGD(method.networks.parameters(), lr=0.1)
    keys = []
    for step in range(steps):
        state = method(batch_of(method, count, epoch=step + 1))
        loss, _ = method.losses("E", state)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.after_step()
        keys += list(state.keys[0])
    return keys


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_with_a_queue_the_loss_is_the_formula(version):
    method = make(moco_version=version)
    take_steps(method, 1)  # behind it the copy is another encoder
    state = method(batch_of(method, epoch=7))
    total, named = method.losses("E", state)
    queries = normalized(encode(method.networks, state.views[0]))
    keys = normalized(encode(method.trailing, state.views[1]))
    temperature = {"v1": 0.07, "v2": 0.2}[version]
    rows = [[q @ k, *(q @ method.queue.numpy().T)] for q, k in zip(queries, keys, strict=True)]
    assert total.item() == pytest.approx(np.mean([surprise(row, 0, temperature) for row in rows]), rel=1e-9)
    assert named["InfoNCE"] is total
    assert named["accuracy"].item() == pytest.approx(np.mean([np.argmax(row) == 0 for row in rows]))
    assert len(method.networks["H"].layers) == {"v1": 1, "v2": 3}[version]


def test_in_v3_the_loss_is_the_formula():
    method = make(**V3, temperature=0.3)
    take_steps(method, 1)
    state = method(batch_of(method, epoch=7))
    total, named = method.losses("E", state)
    queries = [normalized(encode(method.networks, view)) for view in state.views]
    keys = [normalized(encode(method.trailing, view)) for view in state.views]
    expected, hits = 0.0, []
    for query, key in ((queries[0], keys[1]), (queries[1], keys[0])):
        rows = query @ key.T
        expected += 2 * 0.3 * np.mean([surprise(row, i, 0.3) for i, row in enumerate(rows)])
        hits += [np.argmax(row) == i for i, row in enumerate(rows)]
    assert total.item() == named["InfoNCE"].item() == pytest.approx(expected, rel=1e-9)
    assert named["accuracy"].item() == pytest.approx(np.mean(hits))


@pytest.mark.parametrize("flags", [{"moco_version": "v1"}, {"moco_version": "v2"}, V3])
def test_gradients_reach_all_that_is_trained_and_nothing_else(flags):
    method = make(**flags)
    method.losses("E", method(batch_of(method)))[0].backward()
    trained = dict(method.networks.named_parameters())
    assert all(weight.grad.abs().max() > 0 for name, weight in trained.items() if name.endswith("weight"))
    assert all(weight.grad is None and not weight.requires_grad for weight in method.trailing.parameters())
    assert {name.partition(".")[0] for name in trained} == {"E", "H"} | ({"P"} if flags is V3 else set())


@pytest.mark.parametrize(("size", "count", "steps"), [(10, 4, 6), (8, 4, 3), (3, 4, 3), (64, 4, 3)])
def test_the_queue_holds_the_newest_keys(size, count, steps):
    method = make(queue_size=size)
    naive = list(method.queue.clone())
    keys = take_steps(method, steps, count)
    for place, key in enumerate(keys):
        naive[place % size] = key
    if count <= size:
        torch.testing.assert_close(method.queue, torch.stack(naive), rtol=0, atol=0)
    else:  # of a batch that is larger the last ones stay, in some order
        expected, found = (sorted(row.tolist() for row in rows) for rows in (keys[-size:], method.queue))
        np.testing.assert_allclose(found, expected)
    torch.testing.assert_close(method.queue.norm(dim=1), torch.ones(size, dtype=torch.float64))


def test_parts_of_a_batch_are_queued_in_order():
    method = make()
    found = torch.cat([method(batch_of(method, 2, epoch)).keys[0] for epoch in (1, 2)])
    before = method.queue.clone()
    assert torch.equal(method.queue, before)  # not before all players have stepped
    method.after_step()
    torch.testing.assert_close(method.queue, torch.cat([found, before[4:]]), rtol=0, atol=0)
    method.after_step()
    assert method.queue_place == 4


def test_the_queue_starts_with_random_directions_of_the_seed():
    first, again, other = (make(seed=seed, queue_size=500).queue for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    torch.testing.assert_close(first.norm(dim=1), torch.ones(500, dtype=torch.float64), atol=1e-6, rtol=0)
    assert first.mean(0).abs().max() < 0.08


@settings(max_examples=10)
@given(st.floats(0, 1))
def test_the_copy_follows_by_the_formula(momentum):
    method = make(key_momentum=momentum)
    naive = [weight.clone() for weight in method.trailing.parameters()]
    for _ in range(3):
        with torch.no_grad():
            for weight in method.networks.parameters():
                weight.add_(torch.linspace(-1, 1, weight.numel(), dtype=torch.float64).view_as(weight))
        method.after_step()
        leading = [p for name in ("E", "H") for p in method.networks[name].parameters()]
        naive = [momentum * k + (1 - momentum) * q for k, q in zip(naive, leading, strict=True)]
        for found, expected in zip(method.trailing.parameters(), naive, strict=True):
            torch.testing.assert_close(found.data, expected.data, rtol=1e-12, atol=1e-12)


def test_the_momentum_of_v3_rises_to_one():
    method = make(**V3)
    found = []
    for method.progress in (0.0, 0.25, 0.5, 1.0):
        found.append(method.momentum)
    quarter = 1 - 0.01 * (1 + math.sqrt(0.5)) / 2
    assert found == pytest.approx([0.99, quarter, 0.995, 1.0], abs=1e-12)
    before = [weight.clone() for weight in method.trailing.parameters()]
    take_steps(method, 1)
    assert all(torch.equal(a, b) for a, b in zip(before, method.trailing.parameters(), strict=True))
    queued = make()
    queued.progress = 0.7
    assert queued.momentum == 0.999


def test_the_copy_starts_as_the_encoder_also_where_that_was_loaded():
    method = make()
    for _ in range(2):
        for name, network in method.trailing.items():
            for key, value in network.state_dict().items():
                assert torch.equal(value, method.networks[name].state_dict()[key]), key
        with torch.no_grad():
            for value in method.networks.state_dict().values():
                value.add_(1)  # as a file would
        method.after_loading()


class TestBatchNorms:
    def test_they_see_groups_that_are_others_for_keys(self):
        method = make(bn_pictures=2)
        batch = batch_of(method, 8)
        state = method(batch)
        views = state.views
        queries = np.concatenate([encode(method.networks, views[0][at : at + 2]) for at in (0, 2, 4, 6)])
        np.testing.assert_allclose(state.queries[0].detach().numpy(), normalized(queries), atol=1e-9)
        order = np.argsort(batch["shuffle"].numpy())
        keys = np.empty_like(queries)
        for at in (0, 2, 4, 6):
            keys[order[at : at + 2]] = encode(method.trailing, views[1][order[at : at + 2]])
        np.testing.assert_allclose(state.keys[0].numpy(), normalized(keys), atol=1e-9)
        assert order.tolist() != list(range(8))

    def test_a_group_has_at_least_so_many(self):
        whole, parted = make(bn_pictures=0), make(bn_pictures=3)
        batch = batch_of(whole, 7)
        found = parted(batch).queries[0].detach().numpy()
        view = whole(batch).views[0]
        expected = np.concatenate([encode(whole.networks, part) for part in (view[:4], view[4:])])
        np.testing.assert_allclose(found, normalized(expected), atol=1e-9)

    @pytest.mark.parametrize("flags", [{"normE": "none", "bn_pictures": 2}, {"bn_pictures": 32}, {"bn_pictures": 0}])
    def test_where_there_is_nothing_to_hide_nothing_is_shuffled(self, flags):
        method = make(**flags)
        batch = batch_of(method)
        first = method(batch).keys[0]
        batch["shuffle"] = 1 - batch["shuffle"]
        assert torch.equal(method(batch).keys[0], first)


def test_each_version_has_its_published_values():
    for version, values in {
        "v1": (0.07, 0.999, 1, 0, 128), "v2": (0.2, 0.999, 2, 0, 128), "v3": (1.0, 0.99, 2, 4096, 256),
    }.items():  # fmt: skip
        told = resolve({"model": "moco", "dataroot": "none", "moco_version": version}).method
        assert (told.temperature, told.key_momentum, told.head_layers, told.head_nc, told.feature_nc) == values
    first, second = make(**V3, no_blur=False).recipes
    assert (first, second) == MOCO["v3"] and first != second
    assert make(moco_version="v1").recipes == MOCO["v1"]


def test_heads_have_their_norms_where_they_are_published():
    """v3: behind every layer, without scale and shift behind the projection's last, and none behind the predictor's."""

    def norms(network):
        layers = [layer for layer in network.layers if not isinstance(layer, torch.nn.ReLU)]
        return [layer.affine if isinstance(layer, torch.nn.BatchNorm1d) else "linear" for layer in layers]

    method = make(**V3)
    assert norms(method.networks["H"]) == ["linear", True, "linear", False]
    assert norms(method.networks["P"]) == ["linear", True, "linear"]
    assert norms(make().networks["H"]) == ["linear", "linear"]


def test_levels_are_those_of_equal_features():
    queued = make().levels(64, 32)
    assert queued["InfoNCE"].value == pytest.approx(math.log(11)) and queued["accuracy"].value == pytest.approx(1 / 11)
    levels = make(**V3, temperature=0.2).levels(64, 32)
    assert levels["InfoNCE"].value == pytest.approx(0.8 * math.log(32)) and levels["accuracy"].value == 1 / 32
    assert make().title == "MoCo v2"


@pytest.mark.parametrize("flags", [{}, V3])
def test_pictures_are_the_first_and_its_views(flags):
    method = make(**flags)
    shown = method.pictures(method(batch_of(method)))
    assert shown.keys() == {"real_A", "view_1", "view_2"}
    assert all(picture.abs().max() <= 1 for picture in shown.values())


@pytest.mark.parametrize(("flags", "said"), [
    ({**V3, "queue_size": 9}, "--queue_size 9 has no effect, since v3 has no queue; leave it out"),
    ({**V3, "bn_pictures": 8}, "--bn_pictures 8 has no effect, since v3 has no queue"),
    ({"moco_version": "v1", "head_nc": 9}, "--head_nc 9 has no effect, since a head of one layer"),
    ({"moco_version": "v1", "no_blur": True}, "--no_blur True has no effect, since v1 blurs nothing"),
    ({"moco_version": "v4"}, "--moco_version v4 is not known"),
    ({"key_momentum": 1.5}, "--key_momentum 1.5 is too large"),
])  # fmt: skip
def test_what_cannot_be_is_refused(flags, said):
    with pytest.raises(InputError, match=said):
        make(**flags)


def test_v3_needs_the_whole_batch_and_more_than_one_picture():
    with pytest.raises(InputError, match="--accumulate 2"):
        make(**V3).check_shared(1, 2)
    make(**V3).check_shared(2, 1)
    make().check_shared(2, 2)
    for norm in ("batch", "none"):
        with pytest.raises(InputError, match="--batch_size 1 leaves a picture no other"):
            make(**V3, normE=norm).check_batch(1, 1)
    with pytest.raises(InputError, match=r"--batch_size 2 leaves each of 2 processes one picture.*: use 4 or more"):
        make(**V3).check_batch(2, 2)
    make(**V3, normE="none").check_batch(2, 2)
    make(**V3).check_batch(4, 2)
    make().check_batch(1, 1)


@pytest.mark.parametrize(("flags", "rate", "steps"), [
    ({"nef": 4, "queue_size": 32}, 0.01, 40), ({**V3, "nef": 8, "head_nc": 64}, 0.005, 60),
])  # fmt: skip
def test_it_learns_to_tell_pictures_apart(flags, rate, steps):
    easy = {"jitter": 0, "crop_min": 1, "temperature": 0.2, "key_momentum": 0.9, "feature_nc": 32}
    method = make(**easy, **flags).float()
    optimizer = torch.optim.Adam(method.networks.parameters(), lr=rate)
    losses = []
    for step in range(steps):
        loss, _ = method.losses("E", method(batch_of(method, 8, epoch=step + 1)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.after_step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.75 * method.levels(64, 8)["InfoNCE"].value
