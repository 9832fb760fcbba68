"""Patch features: gathering against loops, unit length, one MLP a tap."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.losses.contrastive import patch_nce
from translate.networks import PATCH_HEADS, build_patch_head
from translate.networks.initialization import initialize
from translate.networks.projection import PatchProjection, PatchSample, gather_all, normalize, normalize_all

SHAPES = [(2, 3, 5, 4), (2, 6, 3, 3)]


def inputs(patches: int = 4) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    torch.manual_seed(0)
    features = [torch.randn(shape) for shape in SHAPES]
    positions = [torch.stack([torch.randperm(h * w)[:patches] for _ in range(b)]) for b, _, h, w in SHAPES]
    return features, positions


@settings(max_examples=25)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(1, 8))
def test_patches_are_the_features_at_their_positions(batch, channels, height, width, patches):
    torch.manual_seed(0)
    features = torch.randn(batch, channels, height, width)
    positions = torch.randint(height * width, (batch, patches))
    gathered = gather_all([features], [positions])[0]
    assert gathered.shape == (batch, patches, channels)
    for b in range(batch):
        for p, place in enumerate(positions[b].tolist()):
            assert torch.equal(gathered[b, p], features[b, :, place // width, place % width])


@pytest.mark.parametrize("batch", [1, 2])
def test_gradients_come_back_channels_last_and_add_up(batch):
    features = torch.randn(batch, 3, 4, 5, requires_grad=True)
    positions = torch.tensor([7, 0, 7]).expand(batch, -1)
    (gradient,) = torch.autograd.grad(gather_all([features], [positions])[0].sum(), features)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    expected = torch.zeros(20).index_add(0, positions[0], torch.ones(3)).view(4, 5)
    assert torch.equal(gradient, expected.expand(batch, 3, 4, 5))


def test_vectors_become_unit_vectors_and_zero_stays_zero():
    vectors = torch.randn(2, 3, 5)
    vectors[0, 0] = 0
    lengths = normalize(vectors).norm(dim=-1)
    assert lengths[0, 0] == 0
    torch.testing.assert_close(lengths.flatten()[1:], torch.ones(5))
    torch.testing.assert_close(normalize(vectors), vectors / (vectors.square().sum(-1, keepdim=True).sqrt() + 1e-7))


@pytest.mark.parametrize("shapes", [[(2, 3, 4)] * 3, [(2, 3, 4), (2, 1, 4), (2, 3, 5)]])
def test_several_tensors_become_what_each_would(shapes):
    several = [torch.randn(shape) for shape in shapes]
    for together, vectors in zip(normalize_all(several), several, strict=True):
        assert torch.equal(together, normalize(vectors))


def test_each_tap_has_its_own_mlp():
    features, positions = inputs()
    head = PatchProjection([3, 6], width=7)
    results = head(features, positions)
    for tap, (feature, position) in enumerate(zip(features, positions, strict=True)):
        weights = head.state_dict()
        hidden = gather_all([feature], [position])[0] @ weights[f"mlp_{tap}.0.weight"].T + weights[f"mlp_{tap}.0.bias"]
        raw = hidden.relu() @ weights[f"mlp_{tap}.2.weight"].T + weights[f"mlp_{tap}.2.bias"]
        torch.testing.assert_close(results[tap], raw / (raw.norm(dim=-1, keepdim=True) + 1e-7))
        assert results[tap].shape == (2, 4, 7)


def test_gradients_of_a_fresh_head_are_within_the_range_of_float16():
    torch.manual_seed(0)
    head = initialize(PatchProjection([3, 128]))
    patches = [(torch.randn(1, 256, channels) * 0.02).requires_grad_() for channels in head.channels]  # nearly grey
    keys = [normalize(torch.randn(1, 256, 256)) for _ in patches]
    found = []
    for halved in (False, True):
        with torch.autocast("cpu", torch.float16, enabled=halved):
            queries = head.project([x.half() if halved else x for x in patches])
            loss = sum(10 * patch_nce(query, key).mean() for query, key in zip(queries, keys, strict=True))
        found.append(torch.autograd.grad(loss, [*head.parameters(), *patches]))
    for plain, among_halves in zip(*found, strict=True):
        assert torch.cosine_similarity(among_halves.flatten(), plain.flatten(), dim=0) > 0.999


def test_published_parameter_count():
    head = build_patch_head("mlp_sample", [3, 128, 256, 256, 256])
    assert sum(parameter.numel() for parameter in head.parameters()) == 560_384
    assert [key for key in head.state_dict() if key.endswith("weight")] == [
        f"mlp_{tap}.{layer}.weight" for tap in range(5) for layer in (0, 2)
    ]


def test_sampling_without_an_mlp_learns_nothing():
    features, positions = inputs()
    head = build_patch_head("sample", [3, 6])
    assert isinstance(head, PatchSample)
    assert head.state_dict() == {}
    for vectors, feature, position in zip(head(features, positions), features, positions, strict=True):
        torch.testing.assert_close(vectors, normalize(gather_all([feature], [position])[0]))


@pytest.mark.parametrize("netF", PATCH_HEADS)
def test_a_map_without_positions_is_refused(netF):
    features, positions = inputs()
    with pytest.raises(ValueError):
        build_patch_head(netF, [3, 6], 4)(features, positions[:1])
