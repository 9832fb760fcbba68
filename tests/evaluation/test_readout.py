"""Pictures as squares, and maps as rows."""

import numpy as np
import pytest
import torch
from PIL import Image

from translate.evaluation.readout import load_squares, pooled, read_out, square_of
from translate.networks.encoders import build_encoder


def gradient_picture(width, height):
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([rows % 256, columns % 256, rows * 0], 2).astype(np.uint8))


class TestSquares:
    def test_the_middle_of_a_picture_that_has_the_size(self):
        square = np.asarray(square_of(gradient_picture(30, 20), 20, 10))
        assert np.array_equal(square, np.asarray(gradient_picture(30, 20))[5:15, 10:20])

    @pytest.mark.parametrize("size", [(30, 20), (20, 30), (41, 40), (7, 300)])
    def test_the_shorter_side_is_scaled(self, size):
        assert square_of(gradient_picture(*size), 32, 28).size == (28, 28)

    def test_a_square_of_the_whole_shorter_side(self):
        assert square_of(gradient_picture(33, 47), 24, 24).size == (24, 24)

    def test_files(self, tmp_path):
        gradient_picture(30, 20).save(tmp_path / "a.png")
        squares = load_squares([tmp_path / "a.png"] * 2, 3, 20, 10)
        assert squares.shape == (2, 3, 10, 10) and squares.dtype == torch.uint8
        assert load_squares([tmp_path / "a.png"], 1, 20, 10).shape == (1, 1, 10, 10)


class TestPooling:
    @pytest.mark.parametrize(("side", "most", "grid"), [(12, 400, 10), (6, 10**6, 6), (9, 3, 1), (9, 4, 1), (9, 16, 2)])
    def test_the_finest_grid_that_is_allowed(self, side, most, grid):
        assert pooled(torch.rand(2, 4, side, side), most).shape == (2, 4 * grid * grid)

    def test_means_of_the_cells(self):
        features = torch.rand(1, 2, 4, 6)
        rows = pooled(features, 8).view(1, 2, 2, 2)
        assert torch.allclose(rows[0, 1, 1, 0], features[0, 1, 2:, :3].mean())


def test_rows_are_the_encoders_maps_in_evaluation_mode():
    encoder = build_encoder("alexnet", nef=4)
    pictures = torch.randint(0, 256, (70, 3, 67, 67), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    encoder.train()
    rows = read_out(encoder, pictures, ["conv2", "conv5"], 64, torch.device("cpu"))
    assert encoder.training
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())
    with torch.no_grad():
        maps = encoder.eval().features(pictures.float() / 127.5 - 1, ["conv2", "conv5"])
    for tap, features in maps.items():
        assert torch.allclose(rows[tap], pooled(features, 64), atol=1e-4)
