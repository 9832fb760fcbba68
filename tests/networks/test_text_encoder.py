"""The text encoder against its layers in numpy, and what its results depend on."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.networks.text_encoder import Block, TextEncoder, pad

END = 19


def make(width=8, layers=2, heads=2, features=5, context_length=9):
    torch.manual_seed(0)
    encoder = TextEncoder(END + 1, context_length, width, layers, heads, features).double()
    for weight in encoder.parameters():
        torch.nn.init.normal_(weight, std=0.5)  # biases and norms too, so that each has a part in the result
    return encoder


def normed(x, layer):
    deviation = np.sqrt(((x - x.mean(-1, keepdims=True)) ** 2).mean(-1, keepdims=True) + 1e-5)
    return (x - x.mean(-1, keepdims=True)) / deviation * array(layer.weight) + array(layer.bias)


def array(tensor):
    return tensor.detach().numpy()


def linear(x, layer):
    return x @ array(layer.weight).T + array(layer.bias)


def slow_attention(x, block):
    """Token by token and head by head: a softmax over the tokens up to this one."""
    query, key, value = np.split(linear(x, block.in_projection), 3, axis=1)
    size = x.shape[1] // block.heads
    taken = np.zeros_like(x)
    for head in range(block.heads):
        own = slice(head * size, (head + 1) * size)
        for place in range(len(x)):
            scores = np.exp([query[place, own] @ key[before, own] / math.sqrt(size) for before in range(place + 1)])
            taken[place, own] = (scores / scores.sum()) @ value[: place + 1, own]
    return linear(taken, block.out_projection)


def slow_encoder(encoder, ids):
    x = array(encoder.tokens.weight)[ids] + array(encoder.positions)[: len(ids)]
    for block in encoder.blocks:
        x = x + slow_attention(normed(x, block.norm_1), block)
        wide = linear(normed(x, block.norm_2), block.widening)
        gelu = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        x = x + linear(gelu, block.narrowing)
    return normed(x[ids.index(END)], encoder.norm) @ array(encoder.projection.weight).T


@settings(max_examples=20)
@given(st.lists(st.integers(0, END - 1), max_size=8), st.sampled_from([(8, 1, 2), (6, 2, 3), (4, 1, 1)]))
def test_it_is_its_layers(before, shape):
    encoder = make(*shape)
    ids = [*before, END]
    np.testing.assert_allclose(array(encoder(torch.tensor([ids])))[0], slow_encoder(encoder, ids), rtol=1e-9, atol=1e-9)


def test_what_stands_behind_the_end_has_no_effect():
    encoder = make()
    alone = encoder(torch.tensor([[3, 4, END]]))
    for behind in ([0, 0, 0], [7, 8, 9], [END, 5, END]):
        torch.testing.assert_close(encoder(torch.tensor([[3, 4, END, *behind]])), alone, rtol=1e-12, atol=1e-12)
    assert (encoder(torch.tensor([[4, 3, END]])) - alone).abs().min() > 1e-6


def test_texts_of_several_lengths_are_padded_behind_their_ends():
    texts = [[1, END], [1, 2, 3, END]]
    padded = pad(texts, torch.device("cpu"))
    assert padded.tolist() == [[1, END, 0, 0], [1, 2, 3, END]]
    encoder = make()
    both = encoder(padded)
    for row, text in zip(both, texts, strict=True):
        torch.testing.assert_close(row, encoder(torch.tensor([text]))[0], rtol=1e-12, atol=1e-12)


def test_the_published_size():
    with torch.device("meta"):
        encoder = TextEncoder(49408, 77, 512, 12, 8, 512)
    assert sum(weight.numel() for weight in encoder.parameters()) == 63_428_096


def test_every_weight_gets_a_gradient():
    encoder = make(context_length=4)
    encoder(torch.tensor([[1, 2, 3, END]])).square().sum().backward()
    for name, weight in encoder.named_parameters():
        assert weight.grad.abs().max() > 0, name


def test_its_first_weights_keep_the_scale_of_what_is_added():
    torch.manual_seed(0)
    encoder = TextEncoder(600, 77, 256, 4, 4, 64)
    deviations = {name: weight.std().item() for name, weight in encoder.named_parameters() if weight.ndim == 2}
    added = 256**-0.5 / math.sqrt(8)
    expected = {"tokens.weight": 0.02, "positions": 0.01, "projection.weight": 1 / 16}
    for number in range(4):
        expected |= {
            f"blocks.{number}.in_projection.weight": 1 / 16,
            f"blocks.{number}.out_projection.weight": added,
            f"blocks.{number}.widening.weight": 512**-0.5,
            f"blocks.{number}.narrowing.weight": added,
        }
    assert deviations == pytest.approx(expected, rel=0.05)


def test_a_width_that_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="a width of 9 cannot be shared by 2 heads"):
        Block(9, 2)
